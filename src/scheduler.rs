//! The scheduler: when a `CronJob` starts a Job, as the built-in controller decides it
//! (upstream-semantics.md, 2), and whether somebody does.
//!
//! What is here decides and does nothing. [`timetable`] reads a schedule in its zone, [`missed`]
//! says which start is due and when to look again, [`history`] which finished Jobs are beyond the
//! limits, [`decide`] what a whole pass over a `CronJob` comes to, [`job`] what it starts. For
//! whoever only watches, [`observe`] says how the starts of a `CronJob` are going, and for whoever
//! helps out, [`backstop`] which of them may be made up for. Times and objects come in as values,
//! and so do answers of the API server that a decision asks for.

pub mod backstop;
pub mod decide;
pub mod history;
pub mod job;
pub mod missed;
pub mod notice;
pub mod observe;
pub mod status;
pub mod takeover;
pub mod timetable;

pub use decide::{Pass, Question, Situation, Step, decide};
pub use notice::Notice;
pub use observe::Observation;
pub use takeover::Takeover;
pub use timetable::Timetable;
