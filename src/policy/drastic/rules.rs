//! Rules of the same name, rules that are new and rules that are gone.
//!
//! Where a rule is silent about mode, `stored` or a guard, what the top of its policy says holds
//! for what it matches. A TTL has no such stand-in: another rule may supply it.

use std::collections::{HashMap, HashSet};

use super::Changes;
use crate::policy::model::policy::Policy;
use crate::policy::model::rule::Rule;
use crate::policy::model::settings::{GuardKind, Mode, Settings};

pub(super) fn look(old: &Policy, new: &Policy, changes: &mut Changes) {
    let before: HashMap<&str, &Rule> =
        old.rules.iter().map(|rule| (rule.name.as_str(), rule)).collect();
    for rule in &new.rules {
        let was = before.get(rule.name.as_str()).map(|rule| &rule.settings);
        let owner = format!("rule {:?}: ", rule.name);
        if let Some(was) = was {
            changes.settings(&owner, was, &rule.settings);
        }
        power(&owner, (old, was), (new, Some(&rule.settings)), changes);
    }
    let names: HashSet<&str> = new.rules.iter().map(|rule| rule.name.as_str()).collect();
    for rule in old.rules.iter().filter(|rule| !names.contains(rule.name.as_str())) {
        let owner = format!("rule {:?} is gone: ", rule.name);
        power(&owner, (old, Some(&rule.settings)), (new, None), changes);
    }
}

/// What may be done to what a rule matches, where the rule says so before or after.
fn power(
    owner: &str,
    (old, before): (&Policy, Option<&Settings>),
    (new, after): (&Policy, Option<&Settings>),
    changes: &mut Changes,
) {
    let silent = Settings::default();
    let (before, after) = (before.unwrap_or(&silent), after.unwrap_or(&silent));
    // `Off` at the top is absolute, and to leave it for `Enforce` is told of the top.
    let told = old.mode == Mode::Off && new.mode == Mode::Enforce;
    if before.mode.or(after.mode).is_some() && new.mode != Mode::Off && !told {
        let from = before.mode.filter(|_| old.mode != Mode::Off).unwrap_or(old.mode);
        changes.mode(owner, from, after.mode.unwrap_or(new.mode));
    }
    if before.stored.or(after.stored).is_some() {
        let from = before.stored.unwrap_or(old.stored.action);
        let to = after.stored.unwrap_or(new.stored.action);
        if to > from {
            changes.becomes(format!("{owner}stored"), from.as_str(), to.as_str());
        }
    }
    for kind in GuardKind::ALL {
        let (from, to) = (before.guard(kind), after.guard(kind));
        if from.or(to).is_some() {
            let (from, to) = (from.or(old.top.guard(kind)), to.or(new.top.guard(kind)));
            changes.guard(owner, kind, from, to);
        }
    }
}
