//! What there is to say about how the starts of a `CronJob` are going, as data.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::batch::zone::Zone;
use crate::named::named;
use crate::scheduler::timetable::TimetableError;

/// What there is to say about a `CronJob`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Observation {
    pub suspended: bool,
    pub terminating: bool,
    pub namespace_terminating: bool,
    /// Why it starts nothing, whatever the time.
    pub trouble: Option<Trouble>,
    /// Whose clocks it follows; `None` where it cannot be read.
    pub zone: Option<Zone>,
    /// The next start; `None` where none is to come.
    pub next: Option<Timestamp>,
    /// The latest start that has come and has no Job yet, whatever the deadline.
    pub due: Option<Timestamp>,
    /// The same where it is still within its deadline and nothing holds it back: the controller makes
    /// it at its next look.
    pub pending: Option<Timestamp>,
    /// The last start that is written down.
    pub last: Option<Timestamp>,
    /// That start, where it lies ahead: the controller starts nothing before it.
    pub last_ahead: Option<Timestamp>,
    pub last_success: Option<Timestamp>,
    /// How long after its start the newest Job was created; the API has whole seconds.
    pub lag: Option<SignedDuration>,
    pub missed: Option<MissedStarts>,
    /// What would be missed and overdue if the spec had been in force since the last start, where
    /// nobody knows whether it has, and nothing is missed or overdue for certain.
    pub perhaps: Perhaps,
    /// How far apart its starts are, at most.
    pub interval: Option<SignedDuration>,
    /// Since when nothing has succeeded, if that is longer than twice the interval.
    pub overdue: Option<Timestamp>,
    /// What holds its starts back.
    pub blocked: Option<Blocked>,
    /// The names of the Jobs that have been there for [`PATIENCE`], and none of whose Pods is ready
    /// or has ended.
    pub never_started: Vec<String>,
    /// The Jobs that have been about to be over for [`PATIENCE`].
    pub stuck: Vec<Stuck>,
}

/// What nobody knows, as it depends on when the spec was edited.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Perhaps {
    pub missed: Option<MissedStarts>,
    pub overdue: Option<Timestamp>,
}

/// A Job whose Pods are being ended and do not end.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Stuck {
    pub job: String,
    pub since: Timestamp,
    /// See [`crate::batch::Ending::why`].
    pub why: String,
}

/// Why a `CronJob` starts nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Trouble {
    /// No two starts can be found.
    #[error(
        "it never starts: no two times within five calendar years fit the fields; look at day and \
         month together"
    )]
    Never,
    /// Each start is too late by its deadline, in seconds, when it comes.
    #[error("it never starts: with startingDeadlineSeconds {0} each start is too late already")]
    TooLate(i64),
    #[error(transparent)]
    Unreadable(#[from] TimetableError),
}

/// Starts that have come, are older than the grace, and have no Job.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct MissedStarts {
    /// At most [`MOST`], which means that there are as many or more.
    pub count: usize,
    /// The first of them.
    pub since: Timestamp,
    /// The last of them.
    pub latest: Timestamp,
    pub why: WhyMissed,
}

named! {
    /// Why nobody has made a start.
    #[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
    #[serde(rename_all = "kebab-case")]
    pub enum WhyMissed {
        /// It is too late for the latest one by `startingDeadlineSeconds`.
        Deadline = "deadline" => "too late by startingDeadlineSeconds",
        /// A Job runs that is to end before.
        Forbid = "forbid" => "another Job runs, and concurrencyPolicy is Forbid",
        /// Either of the other two: nobody has looked whether the Job is there that is listed.
        NotKnown = NOT_KNOWN
            => "nobody has made a Job, or one that its status lists is there and runs, and \
                concurrencyPolicy is Forbid",
        /// The controller is slow, or away.
        NotStarted = "not-started" => "nobody has made a Job",
    }
}

/// The Job that holds a chain of `Forbid` up.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Blocked {
    pub job: String,
    /// Since when it is there; `None` where only the status of the `CronJob` tells of it.
    pub created: Option<Timestamp>,
    /// The first start that it holds back.
    pub since: Timestamp,
}

/// More missed starts are not counted: each is a search, and more than a hundred are what upstream
/// warns of.
pub const MOST: usize = 101;

/// For how long the Pods of a Job may be on their way: time enough to pull a large image, or for a
/// node to be added.
pub const PATIENCE: SignedDuration = SignedDuration::from_mins(10);

/// The word for what nobody knows.
pub const NOT_KNOWN: &str = "not-known";
