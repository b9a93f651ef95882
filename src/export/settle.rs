//! What becomes of each setting, as [`Policy::decide`] settles it at a creation, and the patch that
//! says so.
//!
//! For each setting a few variables build on each other: who supplies it (`…_rule`), what they
//! supply, what the author wrote, and what it shall be. A number that nobody gives is null.

mod changes;
mod filled;
mod history;
mod record;
mod supply;
mod ttl;

use crate::batch::annotation::LAST_APPLIED;
use crate::policy::{Mode, Policy};

use self::changes::Changes;
use super::cel;
use super::sheet::Sheet;
use super::tables::Table;

/// Defines everything, and gives the expression of the patch.
pub(super) fn define(policy: &Policy, sheet: &mut Sheet) -> String {
    let mut changes = Changes::default();
    let last_applied =
        format!("object.metadata.?annotations[?{}].orValue('')", cel::text(LAST_APPLIED));
    sheet.define("last_applied", last_applied);
    ttl::define(policy, sheet, &mut changes);
    history::define(policy, sheet, &mut changes);
    filled::define(policy, sheet, &mut changes);
    record::define(sheet, &mut changes);
    let operations: Vec<_> = changes.operations.iter().map(|o| format!("({o})")).collect();
    let patch = format!("!variables.has_room ? [] :\n{}", operations.join("\n+ "));
    let word = |mode: Mode| cel::text(if mode == Mode::Enforce { mode.as_str() } else { "other" });
    let modes = Table::new(policy, |rule| rule.settings.mode.map(word), word(policy.mode));
    let enforced = word(Mode::Enforce);
    if modes.answers().all(|answer| answer == enforced) {
        return patch;
    }
    modes.define("mode", sheet);
    format!("variables.mode != {enforced} ? [] :\n{patch}")
}
