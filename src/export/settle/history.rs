//! The history limits of a `CronJob`.
//!
//! The API server fills 3 and 1 before anybody sees the object, so such a value counts as unset
//! unless something shows that the author meant it.

use crate::export::{cel, sheet::Sheet, tables::Table};
use crate::policy::{Policy, Rule, Setting};

use super::changes::{Changes, entry, is_last_applied, number};
use super::supply::{name, supply};

pub(super) fn define(policy: &Policy, sheet: &mut Sheet, changes: &mut Changes) {
    let max = |rule: &Rule| rule.settings.history_max.map(|max| max.to_string());
    let top = policy.top.history_max;
    let none = top.map_or_else(|| i32::MAX.to_string(), |max| max.to_string());
    let max = Table::new(policy, max, none);
    let bounded = top.is_some() || max.answers().count() > 1;
    max.define("history_max", sheet);
    for (setting, field) in [
        (Setting::HistoryFailed, "failedJobsHistoryLimit"),
        (Setting::HistorySuccessful, "successfulJobsHistoryLimit"),
    ] {
        if supply(policy, sheet, setting) || bounded {
            define_limit(setting, field, sheet, changes);
        }
    }
}

/// Decides one of the two limits, which stands in this field.
fn define_limit(setting: Setting, field: &str, sheet: &mut Sheet, changes: &mut Changes) {
    let name = name(setting);
    let part = |part: &str| format!("variables.{name}_{part}");
    let (sent, author, ruled) = (part("sent"), part("author"), part("ruled"));
    let (rule, supplied, enforced) = (part("rule"), part("supplied"), part("enforced"));
    sheet.define(format!("{name}_sent"), format!("variables.is_cronjob ? object.spec.{field} : 0"));
    let default = setting.api_default().unwrap_or_default();
    sheet.define(
        format!("{name}_author"),
        format!(
            "{sent} != {default} || variables.tracked\n\
             || {}\n\
             || object.metadata.?managedFields.orValue([]).exists(entry,\n  \
             entry.?operation.orValue('') == 'Apply'\n  \
             && {} in entry.?fieldsV1[?'f:spec'].orValue(dyn({{}})))\n\
             ? dyn({sent}) : dyn(null)",
            is_last_applied(field, &default.to_string()),
            cel::text(&format!("f:{field}")),
        ),
    );
    sheet.define(
        format!("{name}_ruled"),
        format!("{supplied} != null && ({author} == null || {enforced})"),
    );
    // A negative limit is the API server's to refuse; what stands in Git is not rewritten.
    sheet.define(
        name,
        format!(
            "!variables.is_cronjob || variables.left_alone || {sent} < 0\n\
             || (variables.tracked && {author} != null) ? {sent}\n\
             : [int({ruled} ? {supplied} : {sent}), variables.history_max].min()"
        ),
    );
    let differs = format!("variables.{name} != {sent}");
    changes.operations.push(format!(
        "{differs} ?\n  \
         [JSONPatch{{op: 'add', path: '/spec/{field}', value: variables.{name}}}] : []"
    ));
    let by = format!("({ruled} ? {rule} : 'limits')");
    let written = format!("string(variables.{name})");
    let written = entry(setting, &written, &number(&author), &by);
    let shown = is_last_applied(field, &format!("variables.{name}"));
    changes.own_entries.push((setting, format!("{differs} && !{shown} ?\n  {written} : ''")));
}
