//! The parts of a server.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::failures::Failures;
use super::judge::Judge;
use super::limits::Intake;
use super::seats::Seats;
use super::settings::Settings;
use super::tls::Tls;
use crate::metrics::Metrics;
use crate::telemetry::Sparse;

/// What every connection shares.
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) tls: Arc<Tls>,
    pub(super) judge: Arc<dyn Judge>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) seats: Arc<Seats>,
    pub(super) intake: Arc<Intake>,
    /// Reviews of the policy have a door of their own.
    pub(super) policy_review_intake: Arc<Intake>,
    /// Held by the one review of the policy that is being judged.
    pub(super) policy_review: Arc<Semaphore>,
    /// Held by the large bodies that are being judged.
    pub(super) large: Arc<Semaphore>,
    pub(super) failures: Failures,
    /// What was logged about reviews of the policy.
    pub(super) policy_reviews_logged: Sparse,
}
