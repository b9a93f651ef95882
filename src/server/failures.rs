//! Connections that do not get as far as HTTP: counted, and logged.

use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::clock;
use crate::metrics::Metrics;
use crate::telemetry::Sparse;

/// Counts failures, and logs each reason once in a while.
pub(super) struct Failures {
    metrics: Arc<Metrics>,
    logged: Sparse,
}

// === impl Failures ===

impl Failures {
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, logged: Sparse::default() }
    }

    /// A connection failed for this reason.
    pub(super) fn report(&self, reason: &'static str, peer: SocketAddr, error: &dyn Display) {
        self.metrics.handshake_failed(reason);
        if let Some(held_back) = self.logged.admit(reason, clock::instant()) {
            tracing::warn!(reason, %peer, held_back, "connection failed: {error}");
        }
    }
}
