//! What becomes of each setting, as [`Policy::decide`] settles it at a creation, and the patch that
//! says so.
//!
//! For each setting a few variables build on each other: who supplies it (`…_rule`), what they
//! supply, what the author wrote, and what it shall be. A number that nobody gives is null.

mod filled;
mod history;
mod record;
mod ttl;

use std::fmt::Display;

use crate::batch::annotation::LAST_APPLIED;
use crate::policy::Policy;
use crate::policy::Setting;
use crate::policy::record::DEFAULTS;
use crate::policy::settings::{Mode, Settings};

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

/// Holds what becomes a patch: each an expression, of a list of operations, or of an entry that is
/// empty where there is none.
#[derive(Debug, Default)]
struct Changes {
    operations: Vec<String>,
    own_entries: Vec<(Setting, String)>,
    template_entry: String,
}

/// What a rule says of a setting.
#[derive(Clone, Copy, Debug)]
enum Mention<V> {
    Value(V),
    /// It depends on an outcome that nobody knows yet.
    Open,
    Unset,
}

/// Defines who supplies a setting, and what: `NAME_rule`, empty where nobody does,
/// `NAME_supplied`, and `NAME_enforced`. Says whether anybody may.
fn supply<V: Display>(
    policy: &Policy,
    sheet: &mut Sheet,
    name: &str,
    mention: impl Fn(&Settings) -> Option<Mention<V>>,
) -> bool {
    let suppliers = policy.rules.iter().map(|rule| (rule.name.as_str(), &rule.settings));
    let suppliers = suppliers.chain([(DEFAULTS, &policy.defaults)]);
    let mentions: Vec<_> =
        suppliers.filter_map(|(supplier, settings)| Some((supplier, mention(settings)?))).collect();
    let by = |supplier: &str, mention: Mention<V>| match mention {
        Mention::Unset => cel::text(""),
        Mention::Open | Mention::Value(_) => cel::text(supplier),
    };
    let otherwise = mention(&policy.defaults).map_or_else(|| cel::text(""), |m| by(DEFAULTS, m));
    let say = |rule: &crate::policy::Rule| mention(&rule.settings).map(|m| by(&rule.name, m));
    let rule = format!("{name}_rule");
    Table::new(policy, say, otherwise).define(&rule, sheet);
    let values: Vec<_> = mentions
        .iter()
        .filter_map(|(supplier, mention)| match mention {
            Mention::Value(value) => Some(format!("{}: dyn({value})", cel::text(supplier))),
            Mention::Open | Mention::Unset => None,
        })
        .collect();
    let value = if values.is_empty() {
        NOTHING.to_owned()
    } else {
        format!("{{{}}}[?variables.{rule}].orValue({NOTHING})", values.join(", "))
    };
    sheet.define(format!("{name}_supplied"), value);
    let enforcing: Vec<_> = policy
        .rules
        .iter()
        .filter(|rule| rule.enforce && mention(&rule.settings).is_some())
        .map(|rule| rule.name.as_str())
        .collect();
    let enforced = if enforcing.is_empty() {
        "false".to_owned()
    } else {
        cel::is_one_of(&format!("variables.{rule}"), &enforcing)
    };
    sheet.define(format!("{name}_enforced"), enforced);
    !mentions.is_empty()
}

/// Whether what `kubectl apply` remembers has a value for a field; `value` is an expression. It is a
/// text, and is searched for the member: in JSON, quotes that stand in a string have a backslash in
/// front.
fn is_last_applied(field: &str, value: &str) -> String {
    let member = cel::text(&format!("[{{,]\\s*\"{field}\"\\s*:\\s*"));
    format!(
        "variables.last_applied.matches({member} + string({value}) + {})",
        cel::text("\\s*[,}]")
    )
}

/// An entry of a record, as [`crate::policy::record`] writes it: `written` and `original` are
/// expressions of JSON texts.
fn entry(setting: Setting, written: &str, original: &str, rule: &str) -> String {
    let name = setting.as_str();
    format!("'\"{name}\":[' + {written} + ',' + {original} + ',\"' + {rule} + '\"]'")
}

/// A number as JSON, null where there is none.
fn number(expression: &str) -> String {
    format!("({expression} == null ? 'null' : string({expression}))")
}

/// A value that may be null must not have a type of its own.
const NOTHING: &str = "dyn(null)";
