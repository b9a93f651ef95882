//! When a Job is finished, how, and when it expires, as the built-in TTL controller sees it
//! (upstream-semantics.md, 1.1).

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};

use super::Time;
use super::annotation::SCHEDULED;
use super::object::{Condition, Object, Status, UncountedTerminatedPods};
use super::text::cut;

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

/// Why a Job is about to be over.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ending<'a> {
    /// `None` where that is no time.
    pub since: Option<Timestamp>,
    /// A reason of the Job controller, such as `DeadlineExceeded`, or [`Ending::DELETED`].
    pub why: Cow<'a, str>,
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
            let at = condition.last_transition_time.as_ref().and_then(Time::at);
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

// === impl Ending ===

impl Ending<'_> {
    /// The conditions with which the Job controller begins to end a Job: it is over only when its
    /// Pods are.
    pub const CONDITIONS: [&'static str; 2] = ["FailureTarget", "SuccessCriteriaMet"];

    /// What a condition says of why: its reason, or its type where that is none. Whoever may write
    /// a status can write anything.
    pub fn reason<'t>(reason: Option<&'t str>, kind: &'t str) -> &'t str {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "_,:".contains(c);
        let reason = reason.filter(|text| !text.is_empty() && text.chars().all(is_plain));
        cut(reason.unwrap_or(kind), LONGEST_REASON)
    }

    /// Somebody has asked for it to be deleted.
    pub const DELETED: &'static str = "deleted";
}

// === impl Object ===

impl Object<'_> {
    /// The start that a Job was created for, as its annotation says. Anybody can write that: what is no
    /// time there is no start.
    pub fn slot(&self) -> Option<Timestamp> {
        self.metadata.annotation(SCHEDULED)?.parse().ok()
    }

    /// Whether a Job wants Pods and none of them is ready or has ended, as the built-in Job controller
    /// tells. `status.active` also counts those that wait, and those that run and are not ready.
    pub fn waits(&self) -> bool {
        let Status { ready, succeeded, failed, uncounted_terminated_pods, .. } = &self.status;
        let counted = [ready, succeeded, failed].into_iter().flatten().any(|count| *count > 0);
        let uncounted =
            uncounted_terminated_pods.as_ref().is_some_and(UncountedTerminatedPods::any);
        self.is_built_in() && self.spec.parallelism != Some(0) && !counted && !uncounted
    }

    /// Whether a Job that is not over is about to be. What its conditions say is known of the built-in
    /// controller.
    pub fn ending(&self) -> Option<Ending<'_>> {
        let deleted = self.metadata.deletion_timestamp.as_ref();
        let conditions = self.status.conditions.iter().flatten().filter(|_| self.is_built_in());
        let begun = conditions.into_iter().find(|condition| {
            &*condition.status == "True" && Ending::CONDITIONS.contains(&&*condition.r#type)
        });
        let since = |time: Option<&Time<'_>>| time.and_then(Time::at);
        if let Some(Condition { r#type, reason, last_transition_time, .. }) = begun {
            return Some(Ending {
                since: since(last_transition_time.as_ref()).or_else(|| since(deleted)),
                why: Ending::reason(reason.as_deref(), r#type).into(),
            });
        }
        deleted.map(|time| Ending { since: time.at(), why: Ending::DELETED.into() })
    }

    /// Whether the counters and conditions of a Job are those of the built-in controller: what another
    /// one writes into a status, and when, is its own affair.
    fn is_built_in(&self) -> bool {
        self.spec.managed_by.as_deref().is_none_or(|by| by == "kubernetes.io/job-controller")
    }
}

/// The reasons of the Job controller are far shorter.
const LONGEST_REASON: usize = 64;
