//! What the brake must not forget: the accepted revision and the holds in force. It stands as one
//! annotation on the Lease, where a new leader reads it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::decide::Risk;
use super::super::reach::Reach;

/// Everything that outlives a process.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Memory {
    /// The last revision of the policy that nobody has to approve any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<String>,
    /// Where all of this was counted: elsewhere nothing was written, so nothing was at risk.
    #[serde(default, skip_serializing_if = "Reach::is_everywhere")]
    pub within: Reach,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<Hold>,
}

/// Finished Jobs that wait for approval, told by two moments.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Hold {
    /// The policy that would end them.
    pub revision: String,
    /// They had finished by then; a whole second.
    pub cutoff: Timestamp,
    /// They are due by then.
    pub horizon: Timestamp,
    pub cause: Cause,
    /// How many there were when it began.
    pub count: usize,
}

/// What made them due.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Cause {
    /// The labels of this namespace changed.
    Namespace(String),
    /// The policy did, in all namespaces together.
    Policy,
    /// The policy did, and in this namespace alone they are too many.
    PolicyIn(String),
}

// === impl Memory ===

impl Memory {
    /// The annotation on the Lease.
    pub const ANNOTATION: &'static str = "curfew.dev/brake";

    /// Reads the annotation. What cannot be read counts as nothing accepted: the brake then rather
    /// trips once more than not at all.
    pub fn parse(text: Option<&str>) -> Self {
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    /// The annotation's value.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("strings, numbers and times are always JSON")
    }

    /// Adds a hold. No two of a namespace share a cut-off, or one approval would be for both.
    pub(super) fn add(&mut self, mut hold: Hold) {
        let is_taken = |hold: &Hold| {
            let is_it =
                |other: &Hold| other.cutoff == hold.cutoff && other.namespace() == hold.namespace();
            self.holds.iter().any(is_it)
        };
        while is_taken(&hold) {
            let next = hold.cutoff.as_second().saturating_add(1);
            hold.cutoff = Timestamp::from_second(next).unwrap_or(Timestamp::MAX);
        }
        self.holds.push(hold);
    }
}

// === impl Hold ===

impl Hold {
    /// Whether it keeps a write from ending a Job.
    pub fn holds(&self, namespace: &str, risk: &Risk) -> bool {
        self.namespace().is_none_or(|own| own == namespace)
            && risk.finish <= self.cutoff
            && risk.due <= self.horizon
    }

    /// The namespace that it is about; `None` where it is about all.
    pub fn namespace(&self) -> Option<&str> {
        match &self.cause {
            Cause::Namespace(own) | Cause::PolicyIn(own) => Some(own),
            Cause::Policy => None,
        }
    }

    /// Whether the policy is the cause.
    pub const fn is_policy(&self) -> bool {
        matches!(self.cause, Cause::Policy | Cause::PolicyIn(_))
    }

    /// Whether it is this one, however many it holds by now.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.revision == other.revision && self.cutoff == other.cutoff && self.cause == other.cause
    }
}

// === impl Cause ===

impl Cause {
    /// Why, in a clause; `revision` is the policy's.
    pub fn text(&self, revision: &str) -> String {
        match self {
            Self::Namespace(name) => format!("the labels of namespace {name} changed"),
            Self::Policy => format!("policy revision {revision} is new"),
            Self::PolicyIn(name) => {
                format!("policy revision {revision} is new, in namespace {name} alone")
            }
        }
    }
}
