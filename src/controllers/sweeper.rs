//! The sweeper at work: what the leader does for as long as it leads.
//!
//! [`Sweeper`] is what every term needs, and [`Sweeper::work`] is one term: it reads the news
//! ([`super::feed`]), judges what they are about (`world`), puts the answers on an `agenda` or on
//! a timer, and writes in the order of the agenda (`act`). Now and then it looks at everything
//! (`pass`), which is also when the brake counts.
//!
//! One task decides and starts every write, so that no write is older than the news it was decided
//! by. The state of a term ends with it: whatever must outlive it stands on the Lease.

mod act;
mod acted;
mod agenda;
mod braking;
mod news;
mod pass;
mod registration;
mod shift;
mod subject;
mod surroundings;
mod world;

use std::sync::Arc;

use self::shift::Shift;
pub use self::subject::Subject;
use super::Footing;
use crate::leader::Term;

/// What the work of a leader needs.
pub struct Sweeper {
    pub footing: Footing,
    /// Namespace and name of the Lease, for Events about it.
    pub lease_name: (String, String),
    /// The `MutatingWebhookConfiguration` that registers us: whoever wants to know which Jobs it
    /// missed has to know since when there is one.
    pub registration: String,
}

/// Listens and says that it leads, for as long as it is there: work may also be broken off.
struct Leading<'s>(&'s Sweeper);

// === impl Sweeper ===

impl Sweeper {
    /// Sweeps until the term is over, and until what was under way then has ended.
    pub async fn work(self: Arc<Self>, term: Term) {
        let _leading = Leading::begin(&self);
        Shift::new(&self.footing, &self.lease_name, &self.registration, term).run().await;
    }
}

// === impl Leading ===

impl<'s> Leading<'s> {
    fn begin(sweeper: &'s Sweeper) -> Self {
        sweeper.footing.watches.feeds.sweeper.listen();
        sweeper.footing.metrics.stored.leading(true);
        Self(sweeper)
    }
}

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        self.0.footing.metrics.stored.leading(false);
        self.0.footing.watches.feeds.sweeper.leave();
    }
}
