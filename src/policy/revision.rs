//! The revision of a policy: a short hash of everything that decides.
//!
//! Replicas compare it, and the sweeper keeps the one that was accepted, so it must not change
//! with what decides nothing: comments, the order of keys, the file a rule stands in. What decides
//! and changes it: every value, built-in lists, and the order of rules. Hence a rendering of its
//! own, as JSON with sorted keys, and not `Debug`, which changes with the code.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::decide::SYSTEM_NAMESPACES;
use super::glob::Glob;
use super::marks::Marks;
use super::rule::{
    Exempt, GuardSettings, Guards, Limits, Match, Policy, Rule, Scheduler, Settings, Stored, Ttl,
};
use super::selector::{Operator, Selector};
use super::value::{Seconds, ZoneName};

/// The first 12 hexadecimal digits of a SHA-256.
pub(super) fn of(policy: &Policy) -> String {
    let hash = Sha256::digest(rendering(policy).to_string());
    hash.iter().take(6).fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"))
}

fn rendering(policy: &Policy) -> Value {
    let Policy {
        // Shown to people, and decides nothing.
        name: _,
        revision: _,
        mode,
        exempt: Exempt { namespaces, namespace_selector, selectors },
        guards: Guards { settings, floor, allow_owners, gitops_marks },
        limits,
        rules,
        defaults,
        stored: Stored { action, selector, propagation, rate, brake_at_most },
        scheduler: Scheduler { mode: scheduler_mode, grace, selector: watched, cluster_time_zone },
        // It follows from the selectors.
        asks_namespaces: _,
        index: _,
    } = policy;
    let Marks { labels, annotations, managers } = gitops_marks;
    json!({
        "mode": format!("{mode:?}"),
        "exempt": {
            "system": SYSTEM_NAMESPACES,
            "namespaces": sorted(globs(namespaces)),
            "namespaceSelector": selector_value(namespace_selector.as_ref()),
            "selectors": selectors.iter().map(|s| selector_value(Some(s))).collect::<Vec<_>>(),
        },
        "guards": {
            "settings": guard_settings(*settings),
            "floor": floor.get(),
            "allowOwners": sorted(allow_owners.iter().map(ToString::to_string).collect()),
            "labels": sorted(labels.clone()),
            "annotations": sorted(annotations.clone()),
            "managers": sorted(managers.clone()),
        },
        "limits": limits_value(limits),
        "rules": rules.iter().map(rule_value).collect::<Vec<_>>(),
        "defaults": settings_value(defaults),
        "stored": {
            "action": format!("{action:?}"),
            "selector": selector_value(selector.as_ref()),
            "propagation": format!("{propagation:?}"),
            "rate": rate,
            "brake": brake_at_most,
        },
        "scheduler": {
            "mode": format!("{scheduler_mode:?}"),
            "grace": grace.get(),
            "selector": selector_value(watched.as_ref()),
            "clusterTimeZone": cluster_time_zone.as_ref().map(ZoneName::as_str),
        },
    })
}

fn rule_value(rule: &Rule) -> Value {
    let Rule { name, origin: _, matcher, enforce, reason, settings } = rule;
    json!({
        "name": name,
        "match": match_value(matcher),
        "enforce": enforce,
        "reason": reason,
        "settings": settings_value(settings),
    })
}

fn match_value(matcher: &Match) -> Value {
    let Match { kinds, namespaces, namespace_selector, names, labels, annotations, selector } =
        matcher;
    json!({
        "kinds": sorted(kinds.iter().map(ToString::to_string).collect()),
        "namespaces": sorted(globs(namespaces)),
        "namespaceSelector": selector_value(namespace_selector.as_ref()),
        "names": sorted(globs(names)),
        "labels": accepted(labels),
        "annotations": accepted(annotations),
        "selector": selector_value(selector.as_ref()),
    })
}

fn settings_value(settings: &Settings) -> Value {
    let Settings {
        ttl,
        history_successful,
        history_failed,
        limits,
        deadline_active,
        deadline_starting,
        time_zone,
        mode,
        stored,
        guards,
    } = settings;
    json!({
        "ttl": ttl.map(ttl_value),
        "historySuccessful": history_successful,
        "historyFailed": history_failed,
        "limits": limits_value(limits),
        "deadlineActive": deadline_active.map(Seconds::get),
        "deadlineStarting": deadline_starting.map(Seconds::get),
        "timeZone": time_zone.as_ref().map(ZoneName::as_str),
        "mode": mode.map(|mode| format!("{mode:?}")),
        "stored": stored.map(|action| format!("{action:?}")),
        "guards": guard_settings(*guards),
    })
}

fn limits_value(limits: &Limits) -> Value {
    let Limits { ttl_min, ttl_max, history_max, hold } = limits;
    json!({
        "ttlMin": ttl_min.map(Seconds::get),
        "ttlMax": ttl_max.map(Seconds::get),
        "historyMax": history_max,
        "hold": hold.map(Seconds::get),
    })
}

fn guard_settings(settings: GuardSettings) -> Value {
    let GuardSettings { owned_by_other, deploy_hooks, gitops_tracked } = settings;
    json!([owned_by_other, deploy_hooks, gitops_tracked].map(|g| g.map(|g| format!("{g:?}"))))
}

fn ttl_value(ttl: Ttl) -> Value {
    match ttl {
        Ttl::Fixed(seconds) => json!(seconds.get()),
        Ttl::Pair { on_success, on_failure } => {
            json!([on_success.map(Seconds::get), on_failure.map(Seconds::get)])
        }
        Ttl::Unset => json!("unset"),
    }
}

fn selector_value(selector: Option<&Selector>) -> Value {
    let Some(selector) = selector else { return Value::Null };
    let mut requirements: Vec<(&str, &str, Vec<String>)> = selector
        .requirements()
        .iter()
        .map(|requirement| {
            let (operator, values) = match &requirement.operator {
                Operator::DoesNotExist => ("DoesNotExist", Vec::new()),
                Operator::Exists => ("Exists", Vec::new()),
                Operator::In(values) => ("In", sorted(values.clone())),
                Operator::NotIn(values) => ("NotIn", sorted(values.clone())),
            };
            (requirement.key.as_str(), operator, values)
        })
        .collect();
    requirements.sort();
    json!(requirements)
}

fn accepted(entries: &[(String, Vec<String>)]) -> Value {
    let entries = entries.iter().map(|(key, values)| (key.clone(), json!(sorted(values.clone()))));
    Value::Object(entries.collect())
}

fn globs(globs: &[Glob]) -> Vec<String> {
    globs.iter().map(ToString::to_string).collect()
}

/// Lists of alternatives mean the same in any order.
fn sorted(mut list: Vec<String>) -> Vec<String> {
    list.sort();
    list
}
