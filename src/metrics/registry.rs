//! Metrics in a registry.

use prometheus_client::registry::{Metric, Registry};

/// Puts a metric into a registry, and gives the other end of it.
pub(super) fn registered<M: Metric + Clone>(
    registry: &mut Registry,
    name: &str,
    help: &str,
    metric: M,
) -> M {
    registry.register(name, help, metric.clone());
    metric
}
