//! What another policy would do differently.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::document::Plan;
use super::item::{Does, Item};

/// An object about which two policies do not agree.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Changed {
    pub kind: String,
    pub namespace: String,
    pub name: String,
    /// Under the old policy; `None` where it does nothing.
    pub before: Option<Side>,
    /// Under the new one.
    pub after: Option<Side>,
}

/// What one of the policies does.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Side {
    pub action: Does,
    pub rule: String,
    pub ttl: Option<i64>,
    pub due: Option<Timestamp>,
    pub why: String,
}

/// The objects of two plans of the same snapshot that differ in action, TTL or due time; who
/// decides does not count by itself. Both plans must list everything.
pub fn difference(old: &Plan, new: &Plan) -> Vec<Changed> {
    let mut objects: BTreeMap<_, (Vec<&Item>, Vec<&Item>)> = BTreeMap::new();
    for item in &old.items {
        objects.entry(key(item)).or_default().0.push(item);
    }
    for item in &new.items {
        objects.entry(key(item)).or_default().1.push(item);
    }
    let differing = objects.into_iter().filter(|(_, (before, after))| {
        before.iter().map(|item| effect(item)).ne(after.iter().map(|item| effect(item)))
    });
    differing
        .map(|((namespace, kind, name), (before, after))| Changed {
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            before: before.first().map(|item| Side::of(item)),
            after: after.first().map(|item| Side::of(item)),
        })
        .collect()
}

// === impl Side ===

impl Side {
    fn of(item: &Item) -> Self {
        let Item { action, rule, ttl, due, why, .. } = item;
        Self { action: *action, rule: rule.clone(), ttl: *ttl, due: *due, why: why.clone() }
    }
}

fn key(item: &Item) -> (&str, &str, &str) {
    (&item.namespace, &item.kind, &item.name)
}

fn effect(item: &Item) -> impl PartialEq + use<'_> {
    // The patch itself names the rule in its record; the reason names the values alone.
    let written = item.patch.as_ref().map(|_| &item.why);
    (item.action, item.ttl, item.due, written)
}
