//! Why the sweeper does what it does, or leaves it, for people and for metrics.

use jiff::Timestamp;

use super::table::Row;

/// Why an action is taken, or none.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Reason {
    /// The object already is as the policy wants it, and nothing is due.
    #[error("as the policy wants it")]
    Agreed,
    /// What exempts it.
    #[error("exempt by {0}")]
    Exempt(String),
    /// Somebody else keeps reverting what we write.
    #[error("somebody keeps reverting what is written here")]
    Flapping,
    /// The evidence of the guard that hit.
    #[error("guarded: {0}")]
    Guarded(String),
    #[error("held until {0}")]
    Held(Timestamp),
    /// The object's annotations leave no room for the record of a write.
    #[error("its annotations leave no room for the record curfew.dev/applied")]
    NoRoom,
    /// Neither uid nor resource version: a write could hit another object than the one judged.
    #[error("it has no uid or no resourceVersion to be told by")]
    NoIdentity,
    /// Nobody can say when it finished.
    #[error("its condition has no lastTransitionTime: nobody can say when it ended")]
    NoFinishTime,
    /// Finished, and neither its author nor the policy gives a TTL.
    #[error("finished; neither its author nor the policy gives a TTL")]
    NoTtl,
    /// Not judged; the text says why.
    #[error("{0}")]
    NeverConsidered(&'static str),
    /// `spec.stored.selector` leaves it out.
    #[error("spec.stored.selector leaves it out")]
    NotSelected,
    #[error("the policy is off here")]
    Off,
    /// Not old enough for a clean-up by age.
    #[error("not that old yet")]
    TooYoung,
    #[error("{}", .0.text())]
    Row(Row),
    /// Terminating for too long, with the first [`MOST_FINALIZERS`] that keep it.
    #[error("terminating for over 10 minutes{}", kept_by(.0))]
    Stuck(Vec<String>),
    #[error("it is being deleted")]
    Terminating,
    /// The TTL ended before it could be raised; the built-in controller may delete at any moment.
    #[error("its TTL ended before it could be raised")]
    TooLate,
    /// A GitOps tool tracks it: a changed value would drift for ever.
    #[error("a GitOps tool tracks it, and would set its value back")]
    Tracked,
    /// The TTL is none that the API server would accept.
    #[error("its TTL is none that the API server accepts")]
    BadTtl,
    #[error("the CronJob that made it is not known")]
    UnknownCronJob,
    #[error("the labels of its namespace are not known")]
    UnknownNamespace,
    /// A guard keeps a rule with `enforce` from it; the text says which.
    #[error("guarded: {0}")]
    Withheld(String),
    /// Its `CronJob` does not tell of its start yet.
    #[error("its CronJob's status does not tell of its start yet")]
    Unwritten,
}

// === impl Reason ===

impl Reason {
    /// One word of a bounded number, for metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Agreed => "agreed",
            Self::BadTtl => "bad-ttl",
            Self::Exempt(_) => "exempt",
            Self::Flapping => "flapping",
            Self::Guarded(_) | Self::Withheld(_) => "guarded",
            Self::Held(_) => "held",
            Self::NeverConsidered(_) => "never-considered",
            Self::NoFinishTime => "no-finish-time",
            Self::NoIdentity => "no-identity",
            Self::NoRoom => "no-room",
            Self::NoTtl => "no-ttl",
            Self::NotSelected => "not-selected",
            Self::Off => "off",
            Self::Row(row) => row.as_str(),
            Self::Stuck(_) => "stuck",
            Self::Terminating => "terminating",
            Self::TooLate => "too-late",
            Self::TooYoung => "too-young",
            Self::Tracked => "tracked",
            Self::UnknownCronJob => "unknown-cronjob",
            Self::UnknownNamespace => "unknown-namespace",
            Self::Unwritten => "unwritten",
        }
    }

    /// Whether the policy cannot be asked yet, and what is not known may turn out to be due. A Job
    /// whose `CronJob` is not there once `CronJob`s are listed never does: a `CronJob` that is made
    /// anew has another uid. To count it would let anybody keep a policy from being accepted. Unless
    /// it is `undecodable`: it is there, and may be read some day.
    pub const fn may_become_due(&self, undecodable: bool) -> bool {
        match self {
            Self::UnknownCronJob => undecodable,
            reason => matches!(reason, Self::UnknownNamespace),
        }
    }
}

/// Who keeps what is terminating, where anybody is told.
fn kept_by(finalizers: &[String]) -> String {
    if finalizers.is_empty() {
        String::new()
    } else {
        format!(", kept by {}", finalizers.join(", "))
    }
}

/// So many finalizers are told: an object may have thousands.
pub const MOST_FINALIZERS: usize = 8;
