//! What the work of a leader stands on, whichever controller does it.

use std::sync::Arc;

use tokio::sync::watch;

use super::Watches;
use crate::cluster::connect::Cluster;
use crate::cluster::events::Recorder;
use crate::leader::Standing;
use crate::leader::lease::Stored;
use crate::metrics::Metrics;
use crate::policy::Policy;
use crate::sweeper::Reach;

/// The cluster, what is known of it, and whom to tell. Clones are the same.
#[derive(Clone)]
pub struct Footing {
    pub cluster: Cluster,
    pub watches: Arc<Watches>,
    /// The policy in use, and each that replaces it.
    pub policies: watch::Receiver<Arc<Policy>>,
    pub standing: watch::Receiver<Standing>,
    pub lease: Stored,
    /// By which name this replica stands for election.
    pub identity: String,
    pub recorder: Recorder,
    pub metrics: Arc<Metrics>,
    pub own_namespace: Option<String>,
    /// Where anything is written but for our own Lease.
    pub reach: Arc<Reach>,
}
