//! How a command ended.

use std::process::ExitCode;

/// How a command ended, as scripts see it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Exit {
    /// Nothing to complain about.
    Fine = 0,
    /// It worked, and there is something to look at: differences, failed tests, objects due.
    Findings = 1,
    /// The arguments, a policy or other input cannot be used.
    Usage = 2,
    /// The cluster is out of reach, forbids it, or could be read in part only.
    Cluster = 3,
    /// Ours to mend.
    Internal = 4,
}

// === impl Exit ===

impl Exit {
    /// By whether something is not shown that was to be, and whether there is something to look at.
    pub const fn of(lacking: bool, findings: bool) -> Self {
        match (lacking, findings) {
            (true, _) => Self::Usage,
            (false, true) => Self::Findings,
            (false, false) => Self::Fine,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
