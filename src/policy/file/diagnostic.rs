//! What is wrong with a policy, where, and how to mend it.

use serde::Serialize;

use crate::named::named;

named! {
    /// Whether a finding keeps a policy from being used.
    #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
    #[serde(rename_all = "lowercase")]
    pub enum Severity {
        Error = "error",
        Warning = "warning",
    }
}

/// One finding in a policy file.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Diagnostic {
    pub severity: Severity,
    /// Stable, such as `E012` or `W107`: to be looked up and to be silenced by.
    pub code: &'static str,
    /// The name of the source, as it was given to the loader.
    pub file: String,
    /// Counted from 1, both; 1:1 where the whole file is meant.
    pub line: usize,
    pub column: usize,
    /// What stands there, as bytes of the file, to be underlined.
    #[serde(skip)]
    pub span: std::ops::Range<usize>,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}
