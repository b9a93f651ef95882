//! The parts of a server.

use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::limits::Intake;
use super::seats::Seats;
use super::settings::Settings;
use super::tls::Tls;
use crate::admission::{Answer, BadReview};
use crate::clock;
use crate::metrics::Metrics;
use crate::telemetry::Sparse;

/// Who judges a review: bytes in, bytes out, at once and without waiting for anything. Where the body
/// is no admission review the caller gets HTTP 400 and the text.
pub type Judge = dyn Fn(&[u8]) -> Result<Answer, BadReview> + Send + Sync;

/// What every connection shares.
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) tls: Arc<Tls>,
    pub(super) judge: Arc<Judge>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) seats: Arc<Seats>,
    pub(super) intake: Arc<Intake>,
    /// Reviews of the policy have a door of their own.
    pub(super) policy_review_intake: Arc<Intake>,
    /// Held by the one review of the policy that is being judged.
    pub(super) policy_review: Arc<Semaphore>,
    /// Held by the large bodies that are being judged.
    pub(super) large: Arc<Semaphore>,
    /// What was logged about connections that failed.
    pub(super) failures_logged: Sparse,
    /// What was logged about reviews of the policy.
    pub(super) policy_reviews_logged: Sparse,
}

// === impl Shared ===

impl Shared {
    /// Counts a connection that does not get as far as HTTP, and logs each reason once in a while.
    pub(super) fn failed(&self, reason: &'static str, peer: SocketAddr, error: &dyn Display) {
        self.metrics.handshake_failed(reason);
        if let Some(held_back) = self.failures_logged.admit(reason, clock::instant()) {
            tracing::warn!(reason, %peer, held_back, "connection failed: {error}");
        }
    }
}
