//! The sweeper at work: what the leader does for as long as it leads.
//!
//! [`Sweeper`] is what every term needs, and [`Sweeper::work`] is one term. Its loop (`run`) takes in
//! the news ([`super::feed`]) and carries out what follows from them. What follows is in `state`, which
//! calls nobody: it judges (`cluster_view`), puts the answers on a `work_queue`, remembers our own
//! writes (`acted`), and knows what is in the way (`braking`, `permits`, `freshness`). Now and then
//! everything is looked at (`resync`), which is also when the brake counts. What of this has to
//! outlive the term stands on the Lease (`lease`).
//!
//! One task decides and starts every write, so that no write is older than the news it was decided
//! by.

mod acted;
mod braking;
mod cluster_view;
mod freshness;
mod lease;
mod permits;
mod registration;
mod resync;
mod run;
mod state;
mod subject;
mod work_queue;

use std::sync::Arc;

use self::run::ControlLoop;
pub use self::subject::ObjectRef;
use super::ControllerContext;
use super::context::AtEnd;
use crate::leader::Term;

/// What the work of a leader needs.
pub struct Sweeper {
    pub context: ControllerContext,
    /// Namespace and name of the Lease, for Events about it.
    pub lease_name: (String, String),
    /// The `MutatingWebhookConfiguration` that registers us: whoever wants to know which Jobs it
    /// missed has to know since when there is one.
    pub registration: String,
}

// === impl Sweeper ===

impl Sweeper {
    /// Sweeps until the term is over, and until what was under way then has ended.
    pub async fn work(self: Arc<Self>, term: Term) {
        let (feed, metrics) = (&self.context.watches.feeds.sweeper, &self.context.metrics);
        feed.listen();
        metrics.stored.leading(true);
        let _leading = AtEnd(|| {
            metrics.stored.leading(false);
            feed.leave();
        });
        ControlLoop::new(&self.context, &self.lease_name, &self.registration, term).run().await;
    }
}
