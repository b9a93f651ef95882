//! What became of a plan.

use serde::Serialize;

use crate::cli::shared::Table;

/// The sums, and everything that was left.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tally {
    pub(super) deleted: usize,
    pub(super) changed: usize,
    /// It was not there any more.
    pub(super) gone: usize,
    /// Changed since the plan was made, or forbidden.
    pub(super) refused: usize,
    pub(super) failed: usize,
    /// Stopped before its turn.
    pub(super) untouched: usize,
    /// What was refused or failed, but for what was forbidden, which is told once.
    pub(super) left: Vec<Left>,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) forbidden: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) forbidden_why: Option<String>,
    /// Why it was given up; `None` where it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unanswered: Option<String>,
    #[serde(skip)]
    pub(super) events_lost: u64,
}

/// An object that was left.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(super) struct Left {
    pub(super) object: String,
    pub(super) outcome: &'static str,
    pub(super) why: String,
}

// === impl Tally ===

impl Tally {
    /// What became of how many, and whatever was left.
    pub(super) fn table(&self) -> String {
        let Self { deleted, changed, gone, refused, failed, untouched, left, .. } = self;
        let outcomes = [
            ("deleted", deleted),
            ("changed", changed),
            ("gone already", gone),
            ("refused", refused),
            ("failed", failed),
        ];
        let untouched = (*untouched > 0).then_some(("not tried", untouched));
        let sums = outcomes.into_iter().chain(untouched);
        let sums = sums.map(|(outcome, count)| [outcome.to_owned(), count.to_string()]);
        let mut text = Table::with_rows(["OUTCOME", "OBJECTS"], sums).to_string();
        let left = left.iter().map(|Left { object, outcome, why }| {
            [object.clone(), (*outcome).to_owned(), why.clone()]
        });
        Table::with_rows(["OBJECT", "OUTCOME", "WHY"], left).below(&mut text);
        text
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}
