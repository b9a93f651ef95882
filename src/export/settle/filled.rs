//! What is filled only where it is absent, and only at a creation: time zone and deadlines.

use crate::export::sheet::Sheet;
use crate::policy::{Policy, Setting};

use super::changes::{Changes, entry};
use super::supply::{name, supply};

/// A field of this kind, in expressions.
struct Field {
    absent: &'static str,
    path: &'static str,
    /// The supplied value as JSON.
    json: &'static str,
}

pub(super) fn define(policy: &Policy, sheet: &mut Sheet, changes: &mut Changes) {
    for setting in Setting::ALL {
        let Some(Field { absent, path, json }) = Field::of(setting) else { continue };
        if !supply(policy, sheet, setting) {
            continue;
        }
        let name = name(setting);
        let value = format!("variables.{name}_supplied");
        let fills = sheet.define(
            format!("{name}_fills"),
            format!("{absent}\n&& !variables.left_alone && {value} != null"),
        );
        changes.operations.push(format!(
            "{fills} ?\n  [JSONPatch{{op: 'add', value: {value}, path: {path}}}] : []"
        ));
        let written = entry(setting, json, "'null'", &format!("variables.{name}_rule"));
        changes.own_entries.push((setting, format!("{fills} ?\n  {written} : ''")));
    }
}

// === impl Field ===

impl Field {
    /// How a setting is filled; `None` where that is not all that becomes of it.
    fn of(setting: Setting) -> Option<Self> {
        Some(match setting {
            Setting::Ttl | Setting::HistorySuccessful | Setting::HistoryFailed => return None,
            Setting::DeadlineActive => Self {
                absent: "!has(variables.job.activeDeadlineSeconds)",
                path: "variables.is_cronjob\n    \
               ? '/spec/jobTemplate/spec/activeDeadlineSeconds' : '/spec/activeDeadlineSeconds'",
                json: "string(variables.deadline_active_supplied)",
            },
            Setting::DeadlineStarting => Self {
                absent: "variables.is_cronjob && !has(object.spec.startingDeadlineSeconds)",
                path: "'/spec/startingDeadlineSeconds'",
                json: "string(variables.deadline_starting_supplied)",
            },
            Setting::TimeZone => Self {
                // The API server rejects a time zone beside a schedule that contains TZ.
                absent: "variables.is_cronjob && !has(object.spec.timeZone)\n\
                 && !object.spec.schedule.contains('TZ')",
                path: "'/spec/timeZone'",
                json: "'\"' + variables.time_zone_supplied + '\"'",
            },
        })
    }
}
