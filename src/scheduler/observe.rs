//! How the starts of a `CronJob` are going.

/// What there is to say about a `CronJob`.
#[derive(Clone, Debug)]
pub struct Observation;
