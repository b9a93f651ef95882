//! A refusal, so that every client shows it well.
//!
//! kubectl prints the causes of a status whose reason is `Invalid`, each as `field: message`, and
//! no message then; `kubectl edit` opens the editor again with the causes on top of what was
//! typed. Everybody else, such as Helm, prints the message. So both say the same.

use std::fmt::Write;

use crate::admission::review::{Cause, Details, Status};
use crate::policy::{Diagnostic, Severity, code};

use super::map;
use super::warnings::cut;

/// One thing that is wrong.
#[derive(Debug)]
pub(super) struct Problem {
    /// Where: `10-base.yaml:23:7`.
    place: String,
    /// `error[E012] unknown field …`, on one line.
    message: String,
    mend: Option<String>,
    severity: Severity,
    /// Whether it only counts others.
    counts: bool,
}

/// The findings of a policy that does not load.
pub(super) fn problems(found: &[Diagnostic]) -> Vec<Problem> {
    found.iter().map(Problem::of).collect()
}

/// What the client gets to see.
pub(super) fn status(name: &str, problems: &[Problem]) -> Status {
    let shown = &problems[..problems.len().min(SHOWN)];
    let rest = rest(&problems[shown.len()..]);
    let errors = problems.iter().filter(|p| p.severity == Severity::Error && !p.counts).count();
    let mut message = match errors {
        1 => "the policy has an error and cannot be used:".to_owned(),
        _ => format!("the policy has {errors} errors and cannot be used:"),
    };
    for problem in shown {
        let (place, text) = (&problem.place, problem.text());
        write!(message, "\n{place}: {text}").expect("writing to a string does not fail");
    }
    if let Some(rest) = &rest {
        write!(message, "\n{rest}").expect("writing to a string does not fail");
    }
    let mut causes: Vec<Cause> =
        shown.iter().map(|problem| cause(problem.place.clone(), problem.text())).collect();
    causes.extend(rest.map(|rest| cause("data".to_owned(), rest)));
    let details = Details { kind: map::KIND, name: name.to_owned(), causes };
    Status { code: UNPROCESSABLE, reason: "Invalid", message, details }
}

fn cause(field: String, message: String) -> Cause {
    Cause { reason: "FieldValueInvalid", field, message }
}

fn rest(hidden: &[Problem]) -> Option<String> {
    let over = if hidden.iter().any(|problem| problem.counts) { "over " } else { "" };
    let count = hidden.iter().filter(|problem| !problem.counts).count();
    (count > 0).then(|| format!("and {over}{count} more: curfew check shows them"))
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

    fn of(finding: &Diagnostic) -> Self {
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
    fn text(&self) -> String {
        let message = cut(&self.message, LONGEST);
        match &self.mend {
            Some(mend) => format!("{message}\n  = help: {}", cut(mend, LONGEST)),
            None => message,
        }
    }
}

/// What `Invalid` goes with.
const UNPROCESSABLE: u16 = 422;

/// So many at once fit on a screen; mending them often mends the others.
const SHOWN: usize = 10;

/// In characters: a message may quote what was written, whatever its length.
const LONGEST: usize = 400;
