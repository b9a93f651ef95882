//! What the work of a leader stands on, whichever controller does it.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Watches;
use crate::clock;
use crate::cluster::connect::Cluster;
use crate::cluster::events::Recorder;
use crate::leader::LeaderStatus;
use crate::leader::lease::LeaseLock;
use crate::metrics::Metrics;
use crate::policy::Policy;
use crate::sweeper::Reach;

/// The cluster, what is known of it, and whom to tell. Clones are the same.
#[derive(Clone)]
pub struct ControllerContext {
    pub cluster: Cluster,
    pub watches: Arc<Watches>,
    /// The policy in use, and each that replaces it.
    pub policies: watch::Receiver<Arc<Policy>>,
    pub standing: watch::Receiver<LeaderStatus>,
    pub lease: LeaseLock,
    /// By which name this replica stands for election.
    pub identity: String,
    pub recorder: Recorder,
    pub metrics: Arc<Metrics>,
    pub own_namespace: Option<String>,
    /// Where anything is written but for our own Lease.
    pub reach: Arc<Reach>,
}

/// The clocks, at some moment.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The API server's.
    pub now: Timestamp,
    /// The monotonic one.
    pub ticks: Instant,
}

/// Does what is to be done at the end of some work, which may also be broken off.
pub(super) struct AtEnd<F: Fn()>(pub(super) F);

// === impl ControllerContext ===

impl ControllerContext {
    /// The API server's time.
    pub fn now(&self) -> Timestamp {
        self.cluster.clock.now()
    }

    /// Both clocks.
    pub fn moment(&self) -> Moment {
        Moment { now: self.now(), ticks: clock::ticks() }
    }

    /// The moment after a pause, by the API server's clock.
    pub fn after(&self, pause: Duration) -> Timestamp {
        after(self.now(), pause)
    }
}

// === impl AtEnd ===

impl<F: Fn()> Drop for AtEnd<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// The moment after a pause that begins then.
pub(super) fn after(begin: Timestamp, pause: Duration) -> Timestamp {
    let pause = SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX);
    begin.saturating_add(pause).unwrap_or(Timestamp::MAX)
}
