//! A plan as tables: the objects, then the sums.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::cli::shared::output::short;
use crate::cli::shared::{Column, Table};
use crate::policy::value::Seconds;
use crate::sweeper::plan::{Changed, Does, Freed, Item, Plan, Side, Tally};

/// The objects of a plan, what becomes of each, and the sums by rule and by namespace.
pub(super) fn plan(plan: &Plan, wide: bool) -> String {
    if plan.items.is_empty() {
        return String::new();
    }
    let totals = &plan.totals;
    let objects = objects(plan, wide);
    let (rules, namespaces) =
        (sums("RULE", &totals.by_rule), sums("NAMESPACE", &totals.by_namespace));
    let Tally { delete, patch, count } = totals.all;
    let Freed { jobs, pods, bytes: size } = totals.freed;
    let estimate = format!(
        "frees about {} in etcd (Jobs: {jobs}, Pods: {pods}; by the size of their JSON, a Pod taken \
         for its template and 3 KiB)\n",
        bytes(size)
    );
    let estimate = if jobs > 0 { &*estimate } else { "" };
    format!(
        "{objects}\n{rules}\n{namespaces}\n\
         {delete} to delete, {patch} to change, {count} only counted\n{estimate}"
    )
}

/// What two policies do not agree about.
pub(super) fn difference(changed: &[Changed], wide: bool) -> String {
    if changed.is_empty() {
        return String::new();
    }
    let side = |side: &Option<Side>| side.as_ref().map(|s| told(s, wide)).unwrap_or_default();
    let rows = changed.iter().map(|Changed { kind, namespace, name, before, after }| {
        [title(kind, namespace, name), side(before), side(after)]
    });
    Table::with_rows(["OBJECT", "OLD", "NEW"], rows).to_string()
}

/// `job/NAMESPACE/NAME`, which is how the other commands take it.
pub(super) fn title(kind: &str, namespace: &str, name: &str) -> String {
    format!("{}/{namespace}/{name}", kind.to_ascii_lowercase())
}

fn objects(plan: &Plan, wide: bool) -> Table {
    let freed =
        |item: &Item, count: u64| if item.bytes > 0 { count.to_string() } else { String::new() };
    let columns: [Column<'_, Item>; 12] = [
        ("ACTION", false, &|item| item.action.as_str().to_owned()),
        ("OBJECT", false, &|item| title(&item.kind, &item.namespace, &item.name)),
        ("OUTCOME", true, &|item| item.outcome.clone().unwrap_or_default()),
        ("FINISHED", false, &|item| time(item.finish)),
        ("AGE", false, &|item| item.age.map(short).unwrap_or_default()),
        ("RULE", false, &|item| item.rule.clone()),
        ("TTL", false, &|item| ttl(item.ttl)),
        ("DUE", false, &|item| time(item.due)),
        ("UID", true, &|item| item.uid.clone()),
        ("PODS", true, &|item| freed(item, item.pods)),
        ("BYTES", true, &|item| freed(item, item.bytes)),
        ("WHY", false, &|item| item.why.clone()),
    ];
    Table::of(&plan.items, wide, &columns)
}

fn sums(heading: &'static str, tallies: &BTreeMap<String, Tally>) -> Table {
    let rows = tallies.iter().map(|(name, Tally { delete, patch, count })| {
        [name.clone(), delete.to_string(), patch.to_string(), count.to_string()]
    });
    Table::with_rows([heading, "DELETE", "CHANGE", "COUNT"], rows)
}

fn told(side: &Side, wide: bool) -> String {
    let Side { action, rule, ttl: seconds, due, why } = side;
    let after = seconds.map(|_| format!(" after {}", ttl(*seconds))).unwrap_or_default();
    let at = due.map(|due| format!(" at {due}")).unwrap_or_default();
    // Of two writes only the values tell which is which.
    let tells = wide || *action == Does::Patch;
    let because = if tells { format!(": {why}") } else { String::new() };
    format!("{}{after}{at} by {rule}{because}", action.as_str())
}

fn ttl(seconds: Option<i64>) -> String {
    let Some(seconds) = seconds else { return String::new() };
    Seconds::new(seconds).map_or_else(|| seconds.to_string(), |seconds| seconds.to_string())
}

/// A rough size for a person.
fn bytes(count: u64) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let (mut whole, mut rest, mut unit) = (count, 0, 0);
    while whole >= 1024 && unit + 1 < units.len() {
        rest = whole % 1024;
        whole /= 1024;
        unit += 1;
    }
    if unit == 0 {
        format!("{whole} bytes")
    } else {
        format!("{whole}.{} {}", rest * 10 / 1024, units[unit])
    }
}

fn time(time: Option<Timestamp>) -> String {
    time.map(|time| time.to_string()).unwrap_or_default()
}
