//! Metrics in a registry, and the labels of their families.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Metric, Registry};

/// Labels with their names.
pub(super) type Labels<const N: usize, V = &'static str> = [(&'static str, V); N];

/// How many there are of something.
pub(super) type Count = Gauge<u64, AtomicU64>;

/// Puts a metric at zero into a registry, and gives the other end of it.
pub(super) fn registered<M: Metric + Clone + Default>(
    registry: &mut Registry,
    name: &str,
    help: &str,
) -> M {
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
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
