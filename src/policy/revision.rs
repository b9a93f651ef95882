//! The revision of a policy: a short hash of everything that decides.
//!
//! Replicas compare it, and the sweeper keeps the one that was accepted, so it must not change
//! with what decides nothing: comments, the order of keys, the file a rule stands in, or the build
//! that reads it. What decides and changes it: every value, built-in lists, and the order of rules.
//! Hence a rendering of its own, as JSON with sorted keys and in the words of policy files, not in
//! those of `Debug`, which change with the code. What a policy does not use is left out, so that a new
//! setting changes the revision of no policy that is silent about it. A new setting that always has
//! a value is left out where it decides what was decided before it came. What stands in the place of
//! the oldest settings is in [`first`].

mod first;

use std::io::{self, BufWriter};

use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::policy::model::marks::Marks;
use crate::policy::model::policy::{Policy, SYSTEM_NAMESPACES};
use crate::policy::model::rule::{Exempt, Guards, Match, Rule, Scheduler, Stored};
use crate::policy::model::selector::{Requirement, Selector};
use crate::policy::model::settings::Settings;

/// What is hashed; serde keeps the order of the fields, and JSON's is that of their names.
#[derive(Serialize)]
struct Rendering<'p> {
    defaults: Value,
    exempt: Value,
    guards: Value,
    limits: Value,
    mode: &'static str,
    rules: Rules<'p>,
    scheduler: Value,
    stored: Value,
    /// Of the top of the policy what has no place above.
    #[serde(skip_serializing_if = "Value::is_null")]
    top: Value,
}

/// Rendered one after the other: as values, 10,000 rules would take 40 MiB.
struct Rules<'p>(&'p [Rule]);

/// What is written to it is hashed.
#[derive(Debug)]
struct Hashing(Sha256);

/// The first 12 hexadecimal digits of a SHA-256.
pub(super) fn of(policy: &Policy) -> String {
    let mut hashing = BufWriter::new(Hashing(Sha256::new()));
    serde_json::to_writer(&mut hashing, &Rendering::of(policy)).expect("all keys are strings");
    let Hashing(hash) = hashing.into_inner().expect("hashing never fails");
    hash.finalize()
        .iter()
        .take(6)
        .fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"))
}

// === impl Rendering ===

impl<'p> Rendering<'p> {
    fn of(policy: &'p Policy) -> Self {
        let Policy {
            // Shown to people, and decides nothing.
            name: _,
            revision: _,
            mode,
            exempt,
            guards,
            rules,
            defaults,
            top,
            stored,
            scheduler,
            // It follows from the selectors.
            asks_namespaces: _,
            index: _,
        } = policy;
        // `mode` and `stored` of the top have places of their own.
        let mut top = settings_value(top);
        let [limits, guard_settings, ..] =
            ["limits", "guards", "mode", "stored"].map(|name| top[name].take());
        Self {
            defaults: settings_value(defaults),
            exempt: exempt_value(exempt),
            guards: guards_value(guards, guard_settings),
            limits,
            mode: mode.as_str(),
            rules: Rules(rules),
            scheduler: scheduler_value(scheduler),
            stored: stored_value(stored),
            top: used(top),
        }
    }
}

// === impl Rules ===

impl Serialize for Rules<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(rule_value))
    }
}

// === impl Hashing ===

impl io::Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn exempt_value(exempt: &Exempt) -> Value {
    let Exempt { namespaces, namespace_selector, selectors } = exempt;
    let selectors = selectors.iter().map(selector_value).collect();
    let members = [
        ("system", Some(json!(SYSTEM_NAMESPACES))),
        ("namespaces", list(texts(namespaces))),
        ("namespaceSelector", namespace_selector.as_ref().map(selector_value)),
        ("selectors", list(selectors)),
    ];
    object(first::exempt(), members)
}

fn guards_value(guards: &Guards, settings: Value) -> Value {
    let Guards { floor, allow_owners, gitops_marks } = guards;
    let Marks { labels, annotations, managers } = gitops_marks;
    let members = [
        ("settings", Some(settings)),
        ("floor", Some(json!(floor.get()))),
        ("allowOwners", list(texts(allow_owners))),
        ("labels", list(texts(labels))),
        ("annotations", list(texts(annotations))),
        ("managers", list(texts(managers))),
    ];
    object(first::guards(), members)
}

fn stored_value(stored: &Stored) -> Value {
    let Stored { action, selector, propagation, rate, brake_at_most } = stored;
    let members = [
        ("action", Some(json!(action.as_str()))),
        ("selector", selector.as_ref().map(selector_value)),
        ("propagation", Some(json!(propagation.as_str()))),
        ("rate", Some(json!(rate))),
        ("brake", Some(json!(brake_at_most))),
    ];
    object(first::stored(), members)
}

fn scheduler_value(scheduler: &Scheduler) -> Value {
    let Scheduler { mode, grace, selector, cluster_time_zone } = scheduler;
    let members = [
        ("mode", Some(json!(mode.as_str()))),
        ("grace", Some(json!(grace.get()))),
        ("selector", selector.as_ref().map(selector_value)),
        ("clusterTimeZone", cluster_time_zone.as_ref().map(|zone| json!(zone.as_str()))),
    ];
    object(first::scheduler(), members)
}

fn rule_value(rule: &Rule) -> Value {
    let Rule { name, origin: _, matcher, enforce, reason, settings } = rule;
    let members = [
        ("name", Some(json!(name))),
        ("match", Some(match_value(matcher))),
        ("enforce", enforce.then_some(Value::Bool(true))),
        ("reason", reason.as_ref().map(|reason| json!(reason))),
        ("settings", Some(settings_value(settings))),
    ];
    object(first::rule(), members)
}

fn match_value(matcher: &Match) -> Value {
    let Match { kinds, namespaces, namespace_selector, names, labels, annotations, selector } =
        matcher;
    let members = [
        ("kinds", list(texts(kinds))),
        ("namespaces", list(texts(namespaces))),
        ("namespaceSelector", namespace_selector.as_ref().map(selector_value)),
        ("names", list(texts(names))),
        ("labels", accepted(labels)),
        ("annotations", accepted(annotations)),
        ("selector", selector.as_ref().map(selector_value)),
    ];
    object(first::matching(), members)
}

fn settings_value(settings: &Settings) -> Value {
    let mut object = first::settings();
    for (name, stated) in settings.stated() {
        match first::place(name) {
            Some(place) => *object.pointer_mut(place).expect("it is among them") = stated.to_json(),
            None => object[name] = stated.to_json(),
        }
    }
    object
}

fn selector_value(selector: &Selector) -> Value {
    let requirements = selector.requirements.iter();
    let mut requirements: Vec<_> = requirements
        .map(|Requirement { key, operator, values }| (key, operator.as_str(), texts(values)))
        .collect();
    requirements.sort();
    json!(requirements)
}

fn accepted(selector: &Selector) -> Option<Value> {
    let entries = selector.requirements.iter();
    let entries = entries.map(|r| (r.key.clone(), json!(texts(&r.values))));
    let entries: serde_json::Map<_, _> = entries.collect();
    (!entries.is_empty()).then_some(Value::Object(entries))
}

/// What each of a list is in a policy file.
fn texts<T: ToString>(list: &[T]) -> Vec<String> {
    sorted(list.iter().map(ToString::to_string).collect())
}

/// Lists of alternatives mean the same in any order.
fn sorted(mut list: Vec<String>) -> Vec<String> {
    list.sort();
    list
}

/// A list that is empty says nothing.
fn list<T: Into<Value>>(list: Vec<T>) -> Option<Value> {
    (!list.is_empty()).then(|| list.into())
}

/// What a policy uses of an object; null where that is nothing.
fn used(mut object: Value) -> Value {
    let members = object.as_object_mut().expect("settings are an object");
    members.retain(|_, value| !value.is_null());
    if members.is_empty() { Value::Null } else { object }
}

/// What a policy uses, over what stands for the rest.
fn object<const N: usize>(rest: Value, settings: [(&str, Option<Value>); N]) -> Value {
    let mut object = rest;
    for (name, value) in settings {
        if let Some(value) = value {
            object[name] = value;
        }
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Source;

    fn load(text: &str) -> Policy {
        let source = Source { name: "policy.yaml".to_owned(), text: text.to_owned() };
        Policy::load(&[source]).unwrap().policy
    }

    /// As values, fields are in the order of their names: so they were when replicas of the first
    /// version hashed them.
    #[test]
    fn what_is_hashed_is_in_order() {
        let policy = load(include_str!("../../policies/default.yaml"));
        let value = serde_json::to_value(Rendering::of(&policy)).unwrap();
        let text = serde_json::to_string(&Rendering::of(&policy)).unwrap();
        assert_eq!(value.to_string(), text);
        let whole = Sha256::digest(text);
        assert!(format!("{:02x}{:02x}{:02x}", whole[0], whole[1], whole[2]) == of(&policy)[..6]);
    }

    /// As 0.1.0 had it. A setting that came later is not here: this policy does not use it.
    #[test]
    fn of_a_policy_that_says_little_little_is_hashed() {
        let policy = load(
            "{apiVersion: curfew.dev/v1alpha1, kind: JobPolicy, metadata: {name: a}, \
             spec: {rules: [{name: a, ttl: unset}]}}",
        );
        let limits = json!({"historyMax": null, "hold": null, "ttlMax": null, "ttlMin": null});
        let settings = |ttl: Value| {
            json!({
                "deadlineActive": null, "deadlineStarting": null, "guards": [null, null, null],
                "historyFailed": null, "historySuccessful": null, "limits": limits, "mode": null,
                "stored": null, "timeZone": null, "ttl": ttl,
            })
        };
        let Marks { labels, annotations, managers } = Marks::built_in();
        let expected = json!({
            "defaults": settings(Value::Null),
            "exempt": {
                "namespaceSelector": null, "namespaces": [], "selectors": [],
                "system": ["kube-system", "kube-public", "kube-node-lease"],
            },
            "guards": {
                "allowOwners": [], "annotations": sorted(annotations), "floor": 600,
                "labels": sorted(labels), "managers": sorted(managers),
                "settings": [null, null, null],
            },
            "limits": limits,
            "mode": "Enforce",
            "rules": [{
                "enforce": false,
                "match": {
                    "annotations": {}, "kinds": [], "labels": {}, "names": [],
                    "namespaceSelector": null, "namespaces": [], "selector": null,
                },
                "name": "a", "reason": null, "settings": settings(json!("unset")),
            }],
            "scheduler": {
                "clusterTimeZone": null, "grace": 30, "mode": "Observe", "selector": null,
            },
            "stored": {
                "action": "Report", "brake": 200, "propagation": "Background", "rate": 50,
                "selector": null,
            },
        });
        assert_eq!(serde_json::to_value(Rendering::of(&policy)).unwrap(), expected);
        assert_eq!(of(&policy), "f61500215087");
    }

    /// No file says it there today; whoever lets one must not have to remember this one.
    #[test]
    fn any_setting_at_the_top_is_hashed() {
        let mut policy = load(include_str!("../../policies/default.yaml"));
        let before = of(&policy);
        policy.top.history_failed = Some(7);
        assert_ne!(of(&policy), before);
    }

    #[test]
    fn what_is_absent_is_left_out() {
        let settings = |old, new| object(json!({"old": null}), [("old", old), ("new", new)]);
        assert_eq!(settings(None, None), json!({"old": null}));
        assert_eq!(settings(Some(json!(1)), Some(json!(2))), json!({"old": 1, "new": 2}));
    }
}
