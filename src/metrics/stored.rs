//! What is counted about stored objects, and about whoever looks after them.

use std::cmp::Reverse;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::registry::{Count, Labels, Register, set_states};
use crate::sweeper::brake::{Share, Waiting};

/// Families about stored objects.
#[derive(Debug)]
pub struct StoredMetrics {
    jobs: Family<Labels<1>, Count>,
    actions: Family<Labels<3>, Counter>,
    lag: Histogram,
    brake: Count,
    /// By `held_namespace`, and not `namespace`, which a scrape sets to that of the Pod.
    brake_held: Family<Labels<1, String>, Count>,
    builtin_ttl_lag: Gauge,
    admission_gap: Counter,
    clock_offset: Gauge<f64, std::sync::atomic::AtomicU64>,
    leader: Gauge,
    missing_rights: Family<Labels<1>, Count>,
    undecodable: Family<Labels<1>, Count>,
}

// === impl StoredMetrics ===

impl StoredMetrics {
    /// Families at zero, registered.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let lag = registry.own(
            "stored_action_lag_seconds",
            "How long after its due second a Job was deleted",
            Histogram::new(LAGS),
        );
        Self {
            jobs: registry.zero(
                "stored_jobs",
                "Jobs in the cluster by what the sweeper makes of them; told by the leader",
            ),
            actions: registry.zero("stored_actions", "Writes to stored objects"),
            lag,
            brake: registry.zero("stored_brake", "Finished Jobs that wait for `curfew approve`"),
            brake_held: registry
                .zero("stored_brake_held", "The same in the namespaces with the most of them"),
            builtin_ttl_lag: registry.zero(
                "builtin_ttl_lag_seconds",
                "How late the built-in TTL controller is with Jobs that have a TTL of their own",
            ),
            admission_gap: registry
                .zero("admission_gap", "Jobs that were created while the webhook was away"),
            clock_offset: registry
                .zero("clock_offset_seconds", "How far this clock is behind the API server's"),
            leader: registry.zero("leader", "Whether this replica leads"),
            missing_rights: registry.zero(
                "missing_rights",
                "Rights that the policy needs and the API server does not grant",
            ),
            undecodable: registry.zero(
                "undecodable_objects",
                "Objects of the cluster that cannot be read, and are left alone",
            ),
        }
    }

    /// How many Jobs there are in each state; what is not named has none any more.
    pub fn jobs(&self, states: impl IntoIterator<Item = (&'static str, u64)>) {
        set_states(&self.jobs, states);
    }

    /// A write has ended. The outcome is how the Job ended; it is empty where the action is not about
    /// a finished Job.
    pub fn acted(&self, action: &'static str, outcome: &'static str, result: &'static str) {
        let labels = [("action", action), ("outcome", outcome), ("result", result)];
        self.actions.get_or_create(&labels).inc();
    }

    /// A Job was deleted so long after it was due.
    pub fn deleted_after(&self, lag: Duration) {
        self.lag.observe(lag.as_secs_f64());
    }

    /// So many finished Jobs are held by the brake. By name only a few namespaces are told: a series
    /// for each would be as many as tenants like.
    pub fn braked(&self, count: usize, waiting: &[Waiting]) {
        self.brake.set(count as u64);
        self.brake_held.clear();
        let mut shares: Vec<&Share> = waiting.iter().flat_map(|one| &one.who).collect();
        shares.sort_by_key(|share| Reverse(share.count));
        for Share { namespace, count } in shares.into_iter().take(NAMED) {
            let labels = [("held_namespace", namespace.clone())];
            self.brake_held.get_or_create(&labels).inc_by(*count as u64);
        }
    }

    /// Seconds that the built-in TTL controller is late; zero where nothing shows that it is.
    pub fn builtin_ttl_lag(&self, seconds: i64) {
        self.builtin_ttl_lag.set(seconds);
    }

    /// A Job was created while the webhook was away.
    pub fn admission_gap(&self) {
        self.admission_gap.inc();
    }

    /// Seconds to add to this clock.
    pub fn clock_offset(&self, seconds: f64) {
        self.clock_offset.set(seconds);
    }

    /// Whether this replica leads. Who no longer does no longer tells of the cluster.
    pub fn leading(&self, leading: bool) {
        self.leader.set(leading.into());
        if !leading {
            self.jobs.clear();
            self.brake.set(0);
            self.brake_held.clear();
            self.builtin_ttl_lag.set(0);
        }
    }

    /// So many rights are missing to the sweeper, or to the scheduler.
    pub fn missing_rights(&self, controller: &'static str, count: usize) {
        self.missing_rights.get_or_create(&[("controller", controller)]).set(count as u64);
    }

    /// So many objects of a kind cannot be read.
    pub fn undecodable(&self, kind: &'static str, count: usize) {
        self.undecodable.get_or_create(&[("kind", kind)]).set(count as u64);
    }
}

/// In seconds; the API has whole ones, so a tenth is already late.
const LAGS: [f64; 12] = [0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0, 3600.0, 86_400.0];

/// Namespaces that `stored_brake_held` names at once.
const NAMED: usize = 10;
