//! `ttlSecondsAfterFinished` of a Job, or of the template of a `CronJob`.

use crate::export::{cel, sheet::Sheet, tables::Table};
use crate::policy::record::{ANNOTATION, HOLD, HOLD_UNTIL};
use crate::policy::value::Seconds;
use crate::policy::{Policy, Rule, Setting, Settings};

use super::changes::{Changes, entry, is_last_applied, number};
use super::supply::supply;

pub(super) fn define(policy: &Policy, sheet: &mut Sheet, changes: &mut Changes) {
    supply(policy, sheet, Setting::Ttl);
    bounds(policy, sheet);
    for (name, expression) in BOUNDED {
        sheet.define(name, expression);
    }
    let floor = policy.guards.floor.get();
    sheet.define(
        "ttl_floored",
        format!(
            "variables.ttl_bounded && variables.floored && variables.ttl_limited < {floor}\n\
             ? {floor} : variables.ttl_limited"
        ),
    );
    sheet.define(
        "ttl_held",
        format!(
            "!variables.is_cronjob && {} in variables.own_annotations\n\
             && variables.ttl_floored != null && variables.ttl_floored >= 0\n\
             && variables.ttl_floored < variables.longest_hold",
            cel::text(HOLD_UNTIL)
        ),
    );
    sheet.define("ttl", "variables.ttl_held ? variables.longest_hold : variables.ttl_floored");
    sheet.define(
        "ttl_by",
        format!(
            "variables.ttl_held ? {} : variables.ttl_ruled ? variables.ttl_rule\n\
             : variables.ttl_floored != variables.ttl_limited ? 'guards' : 'limits'",
            cel::text(HOLD)
        ),
    );
    let author = number("variables.ttl_author");
    let written = entry(Setting::Ttl, "string(variables.ttl)", &author, "variables.ttl_by");
    // A pair with an unset side: the entry makes the Job ours until its outcome is known. Asked
    // again, the record has it already, and perhaps others.
    let left_open = entry(Setting::Ttl, "'null'", "'null'", "variables.ttl_rule");
    sheet.define(
        "ttl_entry",
        format!(
            "variables.ttl != variables.ttl_author ?\n  ({shown} ? '' : {written})\n\
             : !variables.left_alone && variables.ttl == null && variables.ttl_rule != ''\n\
             && !({key} in (variables.is_cronjob ? variables.template_annotations\n  \
             : variables.own_annotations)) ?\n  {left_open}\n: ''",
            key = cel::text(ANNOTATION),
            shown = is_last_applied("ttlSecondsAfterFinished", "variables.ttl"),
        ),
    );
    changes.operations.push(
        "variables.ttl != variables.ttl_author ?\n  \
         [JSONPatch{op: 'add', value: variables.ttl, path: variables.is_cronjob\n    \
         ? '/spec/jobTemplate/spec/ttlSecondsAfterFinished' : '/spec/ttlSecondsAfterFinished'}]\n\
         : []"
            .to_owned(),
    );
    let own = "variables.is_cronjob ? '' : variables.ttl_entry";
    changes.own_entries.push((Setting::Ttl, own.to_owned()));
    "variables.ttl_entry".clone_into(&mut changes.template_entry);
}

fn bounds(policy: &Policy, sheet: &mut Sheet) {
    let mut bound = |name: &str, pick: fn(&Settings) -> Option<Seconds>, none: i64| {
        let otherwise = pick(&policy.top).map_or(none, Seconds::get).to_string();
        let say = |rule: &Rule| pick(&rule.settings).map(|s| s.get().to_string());
        Table::new(policy, say, otherwise).define(name, sheet);
    };
    bound("ttl_min", |settings| settings.ttl_min, 0);
    // The field is an int32.
    bound("ttl_max", |settings| settings.ttl_max, i32::MAX.into());
    bound("longest_hold", |settings| settings.hold, DEFAULT_LONGEST);
}

/// From what the author wrote and what is supplied to a TTL inside the limits. A negative one is
/// the API server's to refuse, and what stands in Git is not rewritten: it would drift for ever.
const BOUNDED: [(&str, &str); 5] = [
    ("ttl_author", "variables.job.?ttlSecondsAfterFinished.orValue(dyn(null))"),
    (
        "ttl_bounded",
        "!variables.left_alone && (variables.ttl_author == null ? variables.ttl_supplied != null\n\
         : variables.ttl_author >= 0 && !variables.tracked)",
    ),
    (
        "ttl_ruled",
        "variables.ttl_bounded && variables.ttl_supplied != null\n\
         && (variables.ttl_author == null || variables.ttl_enforced)",
    ),
    ("ttl_wish", "variables.ttl_ruled ? variables.ttl_supplied : variables.ttl_author"),
    (
        "ttl_limited",
        "variables.ttl_bounded\n\
         ? dyn([[int(variables.ttl_wish), variables.ttl_max].min(), variables.ttl_min].max())\n\
         : variables.ttl_wish",
    ),
];

/// `limits.hold` where no policy says otherwise: seven days.
const DEFAULT_LONGEST: i64 = 7 * 86_400;
