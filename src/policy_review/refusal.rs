//! A refusal, so that every client shows it well.
//!
//! kubectl prints the causes of a status whose reason is `Invalid`, each as `field: message`, and
//! no message then; `kubectl edit` opens the editor again with the causes on top of what was
//! typed. Everybody else, such as Helm, prints the message. So both say the same.

use std::fmt::Write;

use crate::admission::review::{Cause, Details, Status};
use crate::policy::Severity;

use super::map;
use super::problem::Problem;

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

/// What `Invalid` goes with.
const UNPROCESSABLE: u16 = 422;

/// So many at once fit on a screen; mending them often mends the others.
const SHOWN: usize = 10;
