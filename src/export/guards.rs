//! Guards as conditions: what gives an object away as somebody else's, and what becomes of it.

use crate::batch::annotation::LAST_APPLIED;
use crate::policy::marks::{HOOKS, INSTANCE, Marks, SUFFIXES};
use crate::policy::rule::Guards;
use crate::policy::{Guard, GuardKind, Policy};

use super::cel;
use super::sheet::Sheet;
use super::tables::Table;

/// Defines `left_alone` (exempt, or a guard on `Skip`), `floored` (a guard on `Floor`) and
/// `tracked` (a `CronJob` that stands in somebody's Git).
pub(super) fn define(policy: &Policy, sheet: &mut Sheet) {
    let Guards { floor: _, allow_owners, gitops_marks } = &policy.guards;
    sheet.define("gitops_mark", gitops_mark(gitops_marks));
    sheet.define("tracked", "variables.is_cronjob && variables.gitops_mark");
    let allowed = allow_owners.iter().map(|own| {
        let group = if own.group.is_empty() {
            "!owner.apiVersion.contains('/')".to_owned()
        } else {
            format!("owner.apiVersion.startsWith({})", cel::text(&format!("{}/", own.group)))
        };
        format!("\n&& !(owner.kind == {} && {group})", cel::text(&own.kind))
    });
    sheet.define(
        "owned_by_other",
        format!(
            "object.metadata.?ownerReferences.orValue([]).exists(owner,\n\
             !(owner.kind == 'CronJob' && owner.apiVersion.startsWith('batch/')){})",
            allowed.collect::<String>()
        ),
    );
    let hooks = HOOKS.map(|key| format!("{} in variables.own_annotations", cel::text(key)));
    sheet.define("deploy_hook", format!("!variables.is_cronjob && ({})", hooks.join(" || ")));
    sheet.define("gitops_tracked", "!variables.is_cronjob && variables.gitops_mark");
    let mut skipped = vec!["variables.exempt".to_owned()];
    let mut floored = Vec::new();
    for kind in GuardKind::ALL {
        let (hit, name) = match kind {
            GuardKind::OwnedByOther => ("variables.owned_by_other", "guard_owned_by_other"),
            GuardKind::DeployHooks => ("variables.deploy_hook", "guard_deploy_hooks"),
            GuardKind::GitOpsTracked => ("variables.gitops_tracked", "guard_gitops_tracked"),
        };
        let table = Table::new(
            policy,
            |rule| rule.settings.guard(kind).map(|guard| cel::text(guard.as_str())),
            cel::text(policy.top.guard(kind).unwrap_or_default().as_str()),
        );
        table.define(name, sheet);
        for (guard, hits) in [(Guard::Skip, &mut skipped), (Guard::Floor, &mut floored)] {
            let literal = cel::text(guard.as_str());
            if table.answers().all(|answer| answer == literal) {
                hits.push(hit.to_owned());
            } else if table.answers().any(|answer| answer == literal) {
                hits.push(format!("{hit} && variables.{name} == {literal}"));
            }
        }
    }
    sheet.define("left_alone", cel::any(skipped));
    sheet.define("floored", cel::any(floored));
}

fn gitops_mark(marks: &Marks) -> String {
    let Marks { labels, annotations, managers } = marks;
    let tools: Vec<_> = managers.iter().map(|tool| cel::escaped(tool)).collect();
    let suffixes = SUFFIXES.iter().collect::<String>();
    let pattern = format!("^(?s:(?:{})(?:[{suffixes}].*)?)$", tools.join("|"));
    [
        format!("{}.exists(key, key in variables.own_labels)", cel::texts(labels)),
        format!("{}.exists(key, key in variables.own_annotations)", cel::texts(annotations)),
        format!(
            "object.metadata.?managedFields.orValue([]).exists(entry,\n\
             entry.?manager.orValue('').matches({}))",
            cel::text(&pattern)
        ),
        format!(
            "({} in variables.own_labels && {} in variables.own_annotations)",
            cel::text(INSTANCE),
            cel::text(LAST_APPLIED)
        ),
    ]
    .join("\n|| ")
}
