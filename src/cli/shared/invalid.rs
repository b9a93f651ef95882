//! What the user gave us cannot be used.

use std::fmt::Display;

/// Why what the user gave us cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Invalid {
    /// Findings in a policy, already laid out for people.
    #[error("{}", .0.trim_end())]
    Policy(String),
    /// One line each.
    #[error("{}", .0.join("\n"))]
    Problems(Vec<String>),
}

// === impl Invalid ===

impl Invalid {
    /// A single complaint.
    pub fn new(problem: impl Display) -> Self {
        Self::Problems(vec![problem.to_string()])
    }
}
