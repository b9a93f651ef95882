//! What is counted about stored objects, and about whoever looks after them.

use std::cmp::Reverse;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::labels::{KindLabels, StateLabels};
use super::registry::registered;
use crate::sweeper::brake::{Share, Waiting};

/// Families about stored objects.
#[derive(Debug)]
pub struct Stored {
    jobs: Family<StateLabels, Gauge>,
    actions: Family<ActionLabels, Counter>,
    lag: Histogram,
    brake: Gauge,
    brake_held: Family<HeldLabels, Gauge>,
    builtin_ttl_lag: Gauge,
    admission_gap: Counter,
    clock_offset: Gauge<f64, std::sync::atomic::AtomicU64>,
    leader: Gauge,
    missing_rights: Family<ControllerLabels, Gauge>,
    undecodable: Family<KindLabels, Gauge>,
}

/// Where Jobs are held. Not `namespace`, which a scrape sets to that of the Pod.
#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct HeldLabels {
    held_namespace: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ActionLabels {
    action: &'static str,
    /// How the Job ended; empty where the action is not about a finished Job.
    outcome: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ControllerLabels {
    controller: &'static str,
}

// === impl Stored ===

impl Stored {
    /// Families at zero, registered.
    pub(super) fn register(registry: &mut Registry) -> Self {
        Self {
            jobs: registered(
                registry,
                "stored_jobs",
                "Jobs in the cluster by what the sweeper makes of them; told by the leader",
                Family::default(),
            ),
            actions: registered(
                registry,
                "stored_actions",
                "Writes to stored objects",
                Family::default(),
            ),
            lag: registered(
                registry,
                "stored_action_lag_seconds",
                "How long after its due second a Job was deleted",
                Histogram::new(LAGS),
            ),
            brake: registered(
                registry,
                "stored_brake",
                "Finished Jobs that wait for `curfew approve`",
                Gauge::default(),
            ),
            brake_held: registered(
                registry,
                "stored_brake_held",
                "The same in the namespaces with the most of them",
                Family::default(),
            ),
            builtin_ttl_lag: registered(
                registry,
                "builtin_ttl_lag_seconds",
                "How late the built-in TTL controller is with Jobs that have a TTL of their own",
                Gauge::default(),
            ),
            admission_gap: registered(
                registry,
                "admission_gap",
                "Jobs that were created while the webhook was away",
                Counter::default(),
            ),
            clock_offset: registered(
                registry,
                "clock_offset_seconds",
                "How far this clock is behind the API server's",
                Gauge::default(),
            ),
            leader: registered(registry, "leader", "Whether this replica leads", Gauge::default()),
            missing_rights: registered(
                registry,
                "missing_rights",
                "Rights that the policy needs and the API server does not grant",
                Family::default(),
            ),
            undecodable: registered(
                registry,
                "undecodable_objects",
                "Objects of the cluster that cannot be read, and are left alone",
                Family::default(),
            ),
        }
    }

    /// How many Jobs there are in each state; what is not named has none any more.
    pub fn jobs(&self, states: impl IntoIterator<Item = (&'static str, u64)>) {
        self.jobs.clear();
        for (state, count) in states {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.jobs.get_or_create(&StateLabels { state }).set(count);
        }
    }

    /// A write has ended.
    pub fn acted(&self, action: &'static str, outcome: &'static str, result: &'static str) {
        self.actions.get_or_create(&ActionLabels { action, outcome, result }).inc();
    }

    /// A Job was deleted so long after it was due.
    pub fn deleted_after(&self, lag: Duration) {
        self.lag.observe(lag.as_secs_f64());
    }

    /// So many finished Jobs are held by the brake. By name only a few namespaces are told: a series
    /// for each would be as many as tenants like.
    pub fn braked(&self, count: usize, waiting: &[Waiting]) {
        let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.brake.set(gauge(count));
        self.brake_held.clear();
        let mut shares: Vec<&Share> = waiting.iter().flat_map(|one| &one.who).collect();
        shares.sort_by_key(|share| Reverse(share.count));
        for Share { namespace, count } in shares.into_iter().take(NAMED) {
            let labels = HeldLabels { held_namespace: namespace.clone() };
            self.brake_held.get_or_create(&labels).inc_by(gauge(*count));
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
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.missing_rights.get_or_create(&ControllerLabels { controller }).set(count);
    }

    /// So many objects of a kind cannot be read.
    pub fn undecodable(&self, kind: &'static str, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.undecodable.get_or_create(&KindLabels { kind }).set(count);
    }
}

/// In seconds; the API has whole ones, so a tenth is already late.
const LAGS: [f64; 12] = [0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0, 3600.0, 86_400.0];

/// Namespaces that `stored_brake_held` names at once.
const NAMED: usize = 10;
