//! What is filled only where it is absent, and only at a creation: time zone and deadlines.

use crate::policy::Setting;
use crate::policy::rule::{Policy, Settings};
use crate::policy::value::Seconds;

use super::super::cel;
use super::super::sheet::Sheet;
use super::changes::{Changes, entry};
use super::supply::{Mention, supply};

/// A field of this kind; all but the first two members are expressions.
struct Field {
    setting: Setting,
    /// What its variables are called.
    name: &'static str,
    absent: &'static str,
    path: &'static str,
    /// The supplied value as JSON.
    json: &'static str,
    /// What a policy says of it, as an expression.
    pick: fn(&Settings) -> Option<String>,
}

pub(super) fn define(policy: &Policy, sheet: &mut Sheet, changes: &mut Changes) {
    for Field { setting, name, absent, path, json, pick } in FIELDS {
        if !supply(policy, sheet, name, |settings| pick(settings).map(Mention::Value)) {
            continue;
        }
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

fn seconds(seconds: Option<Seconds>) -> Option<String> {
    seconds.map(|seconds| seconds.get().to_string())
}

const FIELDS: [Field; 3] = [
    Field {
        setting: Setting::DeadlineActive,
        name: "deadline_active",
        absent: "!has(variables.job.activeDeadlineSeconds)",
        path: "variables.is_cronjob\n    \
               ? '/spec/jobTemplate/spec/activeDeadlineSeconds' : '/spec/activeDeadlineSeconds'",
        json: "string(variables.deadline_active_supplied)",
        pick: |settings| seconds(settings.deadline_active),
    },
    Field {
        setting: Setting::DeadlineStarting,
        name: "deadline_starting",
        absent: "variables.is_cronjob && !has(object.spec.startingDeadlineSeconds)",
        path: "'/spec/startingDeadlineSeconds'",
        json: "string(variables.deadline_starting_supplied)",
        pick: |settings| seconds(settings.deadline_starting),
    },
    Field {
        setting: Setting::TimeZone,
        name: "time_zone",
        // The API server rejects a time zone beside a schedule that contains TZ.
        absent: "variables.is_cronjob && !has(object.spec.timeZone)\n\
                 && !object.spec.schedule.contains('TZ')",
        path: "'/spec/timeZone'",
        json: "'\"' + variables.time_zone_supplied + '\"'",
        pick: |settings| settings.time_zone.as_ref().map(|zone| cel::text(zone.as_str())),
    },
];
