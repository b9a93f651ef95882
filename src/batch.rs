//! The vocabulary: what curfew reads of Jobs and `CronJob`s, and what it knows about them.
//!
//! Everything here is pure: no clock, no files, no network. The entry point is [`Object`], a
//! borrowed view of a Job or a `CronJob` in which every field that nothing reads is skipped while
//! decoding. It must not know what a policy is.

pub mod annotation;
pub mod decoding;
pub mod defaulting;
pub mod job;
mod mapping;
pub mod name;
pub mod namespace;
pub mod object;
pub mod owner;
pub mod room;
pub mod schedule;
pub mod text;
pub mod zone;

pub use job::{Finish, Outcome};
pub use object::{Object, Unreadable, Wire};
pub use text::{Map, Text};

/// The two kinds that curfew judges.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    CronJob,
    Job,
}

// === impl Kind ===

impl Kind {
    /// The kind as the API writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CronJob => "CronJob",
            Self::Job => "Job",
        }
    }

    /// Reads the kind as the API writes it; `None` for any other.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::CronJob, Self::Job].into_iter().find(|kind| kind.as_str() == text)
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
