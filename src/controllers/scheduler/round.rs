//! A look at all `CronJob`s, a few at a time: how their starts are going, whoever makes them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::name::Name;
use crate::clock::{self, HashMap};
use crate::cluster::slim::CronJob;
use crate::scheduler::observe::MissedStarts;

/// A round under way.
#[derive(Debug)]
pub(super) struct Round {
    pub(super) left: Vec<Arc<CronJob>>,
    pub(super) began: Instant,
    pub(super) worked: Duration,
    pub(super) counts: BTreeMap<&'static str, u64>,
    /// Missed starts, to be compared with those of the next round.
    pub(super) missed: HashMap<Name, MissedStarts>,
    /// What began to be missed since the last one, in a sentence each.
    pub(super) told: Vec<String>,
}

// === impl Round ===

impl Round {
    pub(super) fn new(left: Vec<Arc<CronJob>>) -> Self {
        Self {
            left,
            began: clock::ticks(),
            worked: Duration::ZERO,
            counts: BTreeMap::new(),
            missed: HashMap::default(),
            told: Vec::new(),
        }
    }
}
