//! What becomes a patch, and the entries of the record in it.

use crate::export::cel;
use crate::policy::Setting;

/// Holds what becomes a patch: each an expression, of a list of operations, or of an entry that is
/// empty where there is none.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) operations: Vec<String>,
    pub(super) own_entries: Vec<(Setting, String)>,
    pub(super) template_entry: String,
}

/// Whether what `kubectl apply` remembers has a value for a field; `value` is an expression. It is a
/// text, and is searched for the member: in JSON, quotes that stand in a string have a backslash in
/// front.
pub(super) fn is_last_applied(field: &str, value: &str) -> String {
    let member = cel::text(&format!("[{{,]\\s*\"{field}\"\\s*:\\s*"));
    format!(
        "variables.last_applied.matches({member} + string({value}) + {})",
        cel::text("\\s*[,}]")
    )
}

/// An entry of a record, as [`crate::policy::record`] writes it: `written` and `original` are
/// expressions of JSON texts.
pub(super) fn entry(setting: Setting, written: &str, original: &str, rule: &str) -> String {
    let name = setting.as_str();
    format!("'\"{name}\":[' + {written} + ',' + {original} + ',\"' + {rule} + '\"]'")
}

/// A number as JSON, null where there is none.
pub(super) fn number(expression: &str) -> String {
    format!("({expression} == null ? 'null' : string({expression}))")
}
