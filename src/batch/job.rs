//! When a Job is finished, how, and when it expires, as the built-in TTL controller sees it
//! (upstream-semantics.md, 1.1).

use jiff::{SignedDuration, Timestamp};

use super::Object;

/// How a Job ended.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Outcome {
    /// The deciding condition is `Failed`.
    Failure,
    /// The deciding condition is `Complete`.
    Success,
}

/// The end of a Job.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Finish {
    pub outcome: Outcome,
    /// `lastTransitionTime` of the deciding condition; `None` where it is missing or no time,
    /// which means that nobody can say when the Job expires.
    pub at: Option<Timestamp>,
}

// === impl Finish ===

impl Finish {
    /// The end of a Job, or `None` where it is not finished.
    ///
    /// The *deciding condition* is the first `Complete` or `Failed` with status exactly `"True"`,
    /// in list order. Counters, `completionTime` and the interim conditions never decide.
    pub fn of(job: &Object<'_>) -> Option<Self> {
        let conditions = job.status.conditions.as_deref().unwrap_or_default();
        conditions.iter().find_map(|condition| {
            let outcome = match &*condition.r#type {
                "Complete" => Outcome::Success,
                "Failed" => Outcome::Failure,
                _ => return None,
            };
            if &*condition.status != "True" {
                return None;
            }
            // The API stores whole seconds, and cuts off what is more.
            let at = condition.last_transition_time.as_deref().and_then(|time| {
                let time: Timestamp = time.parse().ok()?;
                Timestamp::from_second(time.as_second()).ok()
            });
            Some(Self { outcome, at })
        })
    }

    /// When a Job with this end and the given TTL in seconds expires; `None` where the end has no
    /// time. Computed in 64 bits: an int32 TTL reaches 68 years.
    pub fn expiry(self, ttl: i64) -> Option<Timestamp> {
        self.at
            .map(|at| at.saturating_add(SignedDuration::from_secs(ttl)).unwrap_or(Timestamp::MAX))
    }
}

// === impl Outcome ===

impl Outcome {
    /// The condition type that shows this outcome.
    pub const fn condition(self) -> &'static str {
        match self {
            Self::Failure => "Failed",
            Self::Success => "Complete",
        }
    }
}
