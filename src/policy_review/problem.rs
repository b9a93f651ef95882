//! What is wrong with a policy, as a refusal tells it.

use crate::policy::{Diagnostic, Severity, code};

use super::warnings::cut;

/// One thing that is wrong.
#[derive(Debug)]
pub(super) struct Problem {
    /// Where: `10-base.yaml:23:7`.
    pub(super) place: String,
    /// `error[E012] unknown field …`, on one line.
    message: String,
    mend: Option<String>,
    pub(super) severity: Severity,
    /// Whether it only counts others.
    pub(super) counts: bool,
}

// === impl Problem ===

impl Problem {
    /// An error in a file, or in the map.
    pub(super) fn error(place: &str, code: &str, message: impl AsRef<str>) -> Self {
        let message = format!("error[{code}] {}", message.as_ref());
        let place = cut(place, LONGEST);
        Self { place, message, mend: None, severity: Severity::Error, counts: false }
    }

    /// Says how to mend it.
    pub(super) fn mend(self, mend: &str) -> Self {
        Self { mend: Some(mend.to_owned()), ..self }
    }

    /// On one line, without how to mend it.
    pub(super) fn line(&self) -> String {
        format!("{}: {}", self.place, self.message)
    }

    /// A finding about a policy that does not load.
    pub(super) fn of(finding: &Diagnostic) -> Self {
        let Diagnostic { severity, code, file, line, column, span: _, message, mend } = finding;
        Self {
            place: format!("{}:{line}:{column}", cut(file, LONGEST)),
            message: format!("{}[{code}] {message}", severity.as_str()),
            mend: mend.clone(),
            severity: *severity,
            counts: *code == code::MORE,
        }
    }

    /// What is wrong and, on a second line, how to mend it.
    pub(super) fn text(&self) -> String {
        let message = cut(&self.message, LONGEST);
        match &self.mend {
            Some(mend) => format!("{message}\n  = help: {}", cut(mend, LONGEST)),
            None => message,
        }
    }
}

/// In characters: a message may quote what was written, whatever its length.
const LONGEST: usize = 400;
