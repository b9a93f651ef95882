//! Rules that can never win, and which rules stand before them.

use super::covers::{covers, glob_covers};
use super::witness::Witness;
use super::{Linted, mentioned};
use crate::policy::code;
use crate::policy::decide::SYSTEM_NAMESPACES;
use crate::policy::decode::list;
use crate::policy::finding::{At, Findings};
use crate::policy::glob::Glob;
use crate::policy::matching::Matched;
use crate::policy::rule::{Match, Rule};

/// Rules, or parts of them, before which others always match.
pub(super) fn never_wins(linted: &Linted<'_>, position: usize, findings: &mut Findings<'_>) {
    let written = linted.rules[position];
    let matcher = &written.rule.matcher;
    let title = written.title();
    let mentioned = mentioned(&written.rule.settings);
    let taken = taken(linted, position, matcher, &mentioned);
    if taken.len() == mentioned.len() {
        let message = format!("{title} can never win: {} first", first_ones(&taken));
        findings
            .warning(code::NEVER_WINS, written.span(), message)
            .mend("move it before them, narrow what they match, or delete it");
        return;
    }
    for (setting, by) in &taken {
        let message =
            format!("{setting} of {title} can never win: {} first", first_ones(&[(*setting, *by)]));
        findings
            .warning(code::SETTING_NEVER_WINS, written.span(), message)
            .mend(format!("delete {setting} there, or move the rule before the other"));
    }
    if taken.is_empty() {
        never_wins_somewhere(linted, position, &mentioned, findings);
    }
}

/// Namespaces that a rule lists in vain.
fn never_wins_somewhere(
    linted: &Linted<'_>,
    position: usize,
    mentioned: &[&'static str],
    findings: &mut Findings<'_>,
) {
    let written = linted.rules[position];
    let exempt = &linted.policy.exempt.namespaces;
    let title = written.title();
    let wires = written.wire.value.matcher.as_ref().and_then(|m| m.value.namespaces.as_ref());
    for At { span, value: glob, .. } in wires.map_or(&[][..], |list| &list.value.0) {
        let system = SYSTEM_NAMESPACES.contains(&glob.as_str());
        if system || exempt.iter().any(|exempt| glob_covers(exempt, glob)) {
            let why = if system { "curfew never touches it" } else { "it is exempt" };
            let message = format!("{title} can never win in namespace {glob}: {why}");
            findings.warning(code::NEVER_WINS, *span, message).mend("delete it there");
            continue;
        }
        let there = restricted(&written.rule.matcher, glob);
        let taken = taken(linted, position, &there, mentioned);
        if taken.len() == mentioned.len() {
            let message =
                format!("{title} can never win in namespace {glob}: {} first", first_ones(&taken));
            findings
                .warning(code::NEVER_WINS, *span, message)
                .mend("delete the namespace there, or move the rule before the other");
        }
    }
}

/// The settings that an earlier rule always supplies where `matcher` matches, each with that rule.
fn taken<'p>(
    linted: &Linted<'p>,
    position: usize,
    matcher: &Match,
    settings: &[&'static str],
) -> Vec<(&'static str, &'p Rule)> {
    // Whatever covers the match matches every object of it, this one too: that leaves few.
    let Some(witness) = Witness::of(&[matcher]) else { return Vec::new() };
    let covering: Vec<(&'p Rule, Vec<&'static str>)> = witness.see(|subject| {
        let earlier = linted.candidates(subject).into_iter().take_while(|p| *p < position);
        earlier
            .map(|position| linted.rules[position].rule)
            .filter(|rule| rule.matcher.check(subject) == Matched::Hit)
            .filter(|rule| covers(&rule.matcher, matcher))
            .map(|rule| (rule, mentioned(&rule.settings)))
            .collect()
    });
    let first = |setting| covering.iter().find(|(_, mentioned)| mentioned.contains(setting));
    settings.iter().filter_map(|s| first(s).map(|(rule, _)| (*s, *rule))).collect()
}

/// `rule "a" (10-base.yaml:18) matches`, or several of them.
fn first_ones(taken: &[(&'static str, &Rule)]) -> String {
    let mut rules: Vec<String> = Vec::new();
    for (_, rule) in taken {
        let named = format!("{:?} ({})", rule.name, rule.origin);
        if !rules.contains(&named) {
            rules.push(named);
        }
    }
    let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    match rules[..] {
        [rule] => format!("rule {rule} matches"),
        _ => format!("rules {} match", list(&rules)),
    }
}

/// A match in one of its namespaces only.
fn restricted(matcher: &Match, namespace: &Glob) -> Match {
    let Match { kinds, namespaces: _, namespace_selector, names, labels, annotations, selector } =
        matcher;
    Match {
        kinds: kinds.clone(),
        namespaces: vec![namespace.clone()],
        namespace_selector: namespace_selector.clone(),
        names: names.clone(),
        labels: labels.clone(),
        annotations: annotations.clone(),
        selector: selector.clone(),
    }
}
