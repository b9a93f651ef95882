//! What is wrong with a text, and on which line.

/// What is wrong with a YAML or JSON text, and where; lines and columns count from 1.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct BadText {
    pub line: usize,
    pub column: usize,
    pub message: String,
}

/// The number of line ends in a text.
pub(in crate::cli) fn newlines(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}
