//! The two kinds that curfew judges.

use std::fmt;

use crate::named::named;

named! {
    /// A kind that curfew judges.
    #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
    pub enum Kind {
        CronJob = "CronJob",
        Job = "Job",
    }
}

// === impl Kind ===

impl Kind {
    /// Reads the kind as the API writes it; `None` for any other.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::CronJob, Self::Job].into_iter().find(|kind| kind.as_str() == text)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
