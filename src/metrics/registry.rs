//! Metrics in a registry, and the labels of their families.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Metric, Registry};

/// Labels with their names.
pub(super) type Labels<const N: usize, V = &'static str> = [(&'static str, V); N];

/// How many there are of something.
pub(super) type Count = Gauge<u64, AtomicU64>;

/// Puts metrics into a registry, and gives the other end of each.
pub(super) trait Register {
    /// A metric at zero.
    fn zero<M: Metric + Clone + Default>(&mut self, name: &str, help: &str) -> M {
        self.own(name, help, M::default())
    }

    /// A metric as it is.
    fn own<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M;
}

// === impl Registry ===

impl Register for Registry {
    fn own<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        self.register(name, help, metric.clone());
        metric
    }
}

/// How many there are in each state; what is not named has none any more.
pub(super) fn set_states(
    family: &Family<Labels<1>, Count>,
    states: impl IntoIterator<Item = (&'static str, u64)>,
) {
    family.clear();
    for (state, count) in states {
        family.get_or_create(&[("state", state)]).set(count);
    }
}
