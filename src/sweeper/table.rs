//! The table of controllers.md, row by row: what each setting of `stored` does about each way in
//! which an object can differ from the policy.

use crate::named::named;
use crate::policy::Action;

named! {
    /// How a stored object differs from what the policy gives it.
    #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
    pub enum Row {
        /// A value of a `CronJob`: its history limits, or its template's TTL.
        CronJob = "cronjob" => "its values are not those of the policy",
        /// More finished Jobs than `limits.history.max` allows.
        Family = "history" => "more finished Jobs of its CronJob than limits.history.max",
        FinishedAuthors = "finished-authors" => "finished; the policy changes its author's TTL",
        FinishedOurs = "finished-ours"
            => "finished; the outcome or the policy gives another TTL than ours",
        FinishedWithout = "finished-without" => "finished without a TTL; the policy gives one",
        /// A TTL that a hold raises, or has raised and no longer does.
        Hold = "hold" => "a hold decides its TTL",
        /// Nothing differs, and the TTL is over.
        Expired = "expired" => "its TTL is over",
        /// A value of ours on an object that turned out to be exempt or guarded.
        TakeBack = "take-back" => "exempt or guarded by now; our value is taken back",
        /// The policy gives nothing to a Job that only an entry of ours makes ours.
        Unclaimed = "unclaimed"
            => "ours by our entry alone, and the policy gives no TTL; the entry is taken back",
        UnfinishedAuthors = "unfinished-authors" => "unfinished; the policy changes its author's TTL",
        UnfinishedOurs = "unfinished-ours" => "unfinished; the policy gives another TTL than ours",
        UnfinishedWithout = "unfinished-without" => "unfinished without a TTL; the policy gives one",
    }
}

/// What is done about it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Response {
    /// Only told.
    Count,
    /// Deleted when the TTL that the policy gives is over. What makes the Job live longer is
    /// still written, or the built-in controller would be first.
    Delete,
    Patch,
    /// Only values that we wrote are written anew.
    PatchOurs,
}

// === impl Row ===

impl Row {
    /// What an action does about this row.
    pub const fn response(self, action: Action) -> Response {
        use Response::{Count, Delete, Patch, PatchOurs};
        let [marked, patch, delete] = match self {
            Self::FinishedWithout | Self::FinishedAuthors => [Count, Patch, Delete],
            Self::FinishedOurs => [Patch, Patch, Delete],
            // The built-in controllers delete.
            Self::Expired | Self::Family => [Count, Count, Delete],
            Self::UnfinishedOurs | Self::Hold | Self::TakeBack | Self::Unclaimed => [Patch; 3],
            Self::UnfinishedAuthors | Self::UnfinishedWithout => [Count, Patch, Patch],
            Self::CronJob => [PatchOurs, Patch, Patch],
        };
        match action {
            Action::Report => Count,
            Action::Marked => marked,
            Action::Patch => patch,
            Action::Delete => delete,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, Response, Row};

    /// controllers.md, "Sweeper", column by column.
    #[rstest::rstest]
    #[case::finished_without(Row::FinishedWithout, [Response::Count, Response::Patch, Response::Delete])]
    #[case::finished_ours(Row::FinishedOurs, [Response::Patch, Response::Patch, Response::Delete])]
    #[case::finished_authors(Row::FinishedAuthors, [Response::Count, Response::Patch, Response::Delete])]
    #[case::expired(Row::Expired, [Response::Count, Response::Count, Response::Delete])]
    #[case::unfinished_ours(Row::UnfinishedOurs, [Response::Patch, Response::Patch, Response::Patch])]
    #[case::unfinished_authors(Row::UnfinishedAuthors, [Response::Count, Response::Patch, Response::Patch])]
    #[case::unfinished_without(Row::UnfinishedWithout, [Response::Count, Response::Patch, Response::Patch])]
    #[case::hold(Row::Hold, [Response::Patch, Response::Patch, Response::Patch])]
    #[case::take_back(Row::TakeBack, [Response::Patch, Response::Patch, Response::Patch])]
    #[case::unclaimed(Row::Unclaimed, [Response::Patch, Response::Patch, Response::Patch])]
    #[case::cronjob(Row::CronJob, [Response::PatchOurs, Response::Patch, Response::Patch])]
    #[case::family(Row::Family, [Response::Count, Response::Count, Response::Delete])]
    fn the_table_is_that_of_the_design(#[case] row: Row, #[case] expected: [Response; 3]) {
        assert_eq!(row.response(Action::Report), Response::Count);
        let acting = [Action::Marked, Action::Patch, Action::Delete];
        assert_eq!(acting.map(|action| row.response(action)), expected);
    }
}
