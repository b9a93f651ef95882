//! Why the sweeper does what it does, or leaves it, for people and for metrics.

use std::fmt;

use jiff::Timestamp;

use super::table::Row;

/// Why an action is taken, or none.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reason {
    /// The object already is as the policy wants it, and nothing is due.
    Agreed,
    /// What exempts it.
    Exempt(String),
    /// Somebody else keeps reverting what we write.
    Flapping,
    /// The evidence of the guard that hit.
    Guarded(String),
    Held(Timestamp),
    /// The object's annotations leave no room for the record of a write.
    NoRoom,
    /// Neither uid nor resource version: a write could hit another object than the one judged.
    NoIdentity,
    /// Nobody can say when it finished.
    NoFinishTime,
    /// Finished, and neither its author nor the policy gives a TTL.
    NoTtl,
    /// Not judged; the text says why.
    NeverConsidered(&'static str),
    /// `spec.stored.selector` leaves it out.
    NotSelected,
    Off,
    /// Not old enough for a clean-up by age.
    TooYoung,
    Row(Row),
    /// Terminating for too long, with the first [`MOST_FINALIZERS`] that keep it.
    Stuck(Vec<String>),
    Terminating,
    /// The TTL ended before it could be raised; the built-in controller may delete at any moment.
    TooLate,
    /// A GitOps tool tracks it: a changed value would drift for ever.
    Tracked,
    /// The TTL is none that the API server would accept.
    BadTtl,
    UnknownCronJob,
    UnknownNamespace,
    /// A guard keeps a rule with `enforce` from it; the text says which.
    Withheld(String),
    /// Its `CronJob` does not tell of its start yet.
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

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agreed => f.write_str("as the policy wants it"),
            Self::BadTtl => f.write_str("its TTL is none that the API server accepts"),
            Self::Exempt(by) => write!(f, "exempt by {by}"),
            Self::Flapping => f.write_str("somebody keeps reverting what is written here"),
            Self::Guarded(why) | Self::Withheld(why) => write!(f, "guarded: {why}"),
            Self::Held(until) => write!(f, "held until {until}"),
            Self::NeverConsidered(why) => f.write_str(why),
            Self::NoFinishTime => {
                f.write_str("its condition has no lastTransitionTime: nobody can say when it ended")
            }
            Self::NoIdentity => f.write_str("it has no uid or no resourceVersion to be told by"),
            Self::NoRoom => {
                f.write_str("its annotations leave no room for the record curfew.dev/applied")
            }
            Self::NoTtl => f.write_str("finished; neither its author nor the policy gives a TTL"),
            Self::NotSelected => f.write_str("spec.stored.selector leaves it out"),
            Self::Off => f.write_str("the policy is off here"),
            Self::Row(row) => f.write_str(row.text()),
            Self::Stuck(finalizers) if finalizers.is_empty() => {
                f.write_str("terminating for over 10 minutes")
            }
            Self::Stuck(finalizers) => {
                write!(f, "terminating for over 10 minutes, kept by {}", finalizers.join(", "))
            }
            Self::Terminating => f.write_str("it is being deleted"),
            Self::TooLate => f.write_str("its TTL ended before it could be raised"),
            Self::TooYoung => f.write_str("not that old yet"),
            Self::Tracked => f.write_str("a GitOps tool tracks it, and would set its value back"),
            Self::UnknownCronJob => f.write_str("the CronJob that made it is not known"),
            Self::UnknownNamespace => f.write_str("the labels of its namespace are not known"),
            Self::Unwritten => f.write_str("its CronJob's status does not tell of its start yet"),
        }
    }
}

/// So many finalizers are told: an object may have thousands.
pub const MOST_FINALIZERS: usize = 8;
