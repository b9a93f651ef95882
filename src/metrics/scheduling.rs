//! What is counted about the starts of `CronJob`s.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::registry::{Count, Labels, Register, set_states};

/// Families about `CronJob`s; told by the leader.
#[derive(Debug)]
pub struct SchedulingMetrics {
    start_lag: Histogram,
    starts: Family<Labels<1>, Counter>,
    missed: Family<Labels<1>, Counter>,
    cronjobs: Family<Labels<1>, Count>,
    owning: Gauge,
}

// === impl SchedulingMetrics ===

impl SchedulingMetrics {
    /// Families at zero, registered.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let start_lag = registry.own(
            "scheduler_start_lag_seconds",
            "From the moment that a schedule names to the creation of its Job, whoever made it",
            Histogram::new(LAGS),
        );
        Self {
            start_lag,
            starts: registry.zero("scheduler_starts", "Starts of CronJobs that were tried here"),
            missed: registry.zero("scheduler_missed", "Starts that nobody made within the grace"),
            cronjobs: registry.zero(
                "cronjobs",
                "CronJobs by what there is to say about them; one may be in several states",
            ),
            owning: registry.zero("scheduler_owning", "Whether this replica starts all CronJobs"),
        }
    }

    /// A Job was created so long after the moment that its schedule names.
    pub fn started_after(&self, lag: Duration) {
        self.start_lag.observe(lag.as_secs_f64());
    }

    /// A start was tried.
    pub fn start(&self, result: &'static str) {
        self.starts.get_or_create(&[("result", result)]).inc();
    }

    /// So many more starts were missed.
    pub fn missed(&self, reason: &'static str, count: u64) {
        self.missed.get_or_create(&[("reason", reason)]).inc_by(count);
    }

    /// How many `CronJob`s there are in each state; what is not named has none any more.
    pub fn cronjobs(&self, states: impl IntoIterator<Item = (&'static str, u64)>) {
        set_states(&self.cronjobs, states);
    }

    /// Whether this replica starts all `CronJob`s.
    pub fn owning(&self, owning: bool) {
        self.owning.set(owning.into());
    }

    /// Who no longer leads no longer tells of the cluster.
    pub fn forget(&self) {
        self.cronjobs.clear();
        self.owning.set(0);
    }
}

/// In seconds: those of the built-in controller's metric, and finer below its first.
const LAGS: [f64; 12] = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];
