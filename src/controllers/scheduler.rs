//! The scheduler at work: what the leader does about `CronJob`s for as long as it leads.
//!
//! [`Scheduler::work`] is one term. Its loop (`run`) takes in the news and carries out what follows
//! from them. What follows is in `state`, which calls nobody: it keeps the timers and decides whose turn
//! it is (`work_queue`): starts that are due before everything else, the one that has waited longest
//! first. A turn is one pass over one `CronJob` (`reconcile`), and passes run beside each other, never
//! two over the same one. What was started and is not written down yet is remembered (`expectations`),
//! so that the writing can wait until nothing is due.
//!
//! In every mode but `Off`, all `CronJob`s are looked at now and then (`survey`), for metrics and for
//! the status on the Lease.

mod expectations;
mod name;
mod reconcile;
mod run;
mod state;
mod survey;
mod views;
mod work_queue;

use std::sync::Arc;

use self::run::ControlLoop;
use super::ControllerContext;
use super::context::AtEnd;
use crate::leader::Term;

/// What the work of a leader needs.
pub struct Scheduler {
    pub context: ControllerContext,
    /// `Own` begins without looking first whether somebody else starts `CronJob`s.
    pub force_own: bool,
}

// === impl Scheduler ===

impl Scheduler {
    /// Schedules until the term is over, and until what was under way then has ended.
    pub async fn work(self: Arc<Self>, term: Term) {
        let (feed, metrics) = (&self.context.watches.feeds.scheduler, &self.context.metrics);
        feed.listen();
        let _listening = AtEnd(|| {
            metrics.scheduling.forget();
            feed.leave();
        });
        ControlLoop::new(&self.context, self.force_own, term).run().await;
    }
}
