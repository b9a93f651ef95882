//! Rules that can never win, and which rules stand before them.

use std::collections::HashMap;

use super::covers::{Asked, covers_beside_namespaces};
use super::witness::Witness;
use super::{Linted, mentioned};
use crate::policy::code;
use crate::policy::file::finding::{At, Findings};
use crate::policy::file::words::list;
use crate::policy::model::matching::Matched;
use crate::policy::model::policy::SYSTEM_NAMESPACES;
use crate::policy::model::rule::Rule;

/// The rules before one, as far as they take in what it matches.
struct Earlier<'l, 'p> {
    linted: &'l Linted<'p>,
    position: usize,
    asked: Asked<'p>,
    /// Whether an earlier rule takes in the match, namespaces by name aside.
    known: HashMap<usize, bool>,
}

/// Rules, or parts of them, before which others always match.
pub(super) fn never_wins(
    linted: &Linted<'_>,
    position: usize,
    witness: &Witness,
    findings: &mut Findings<'_>,
) {
    let written = &linted.rules[position];
    let title = written.title();
    let mentioned = mentioned(&written.rule.settings);
    let mut earlier = Earlier::new(linted, position);
    let taken = taken(&earlier.covering(witness), &mentioned);
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
        never_wins_somewhere(&mut earlier, witness, &mentioned, findings);
    }
}

/// Namespaces that a rule lists in vain.
fn never_wins_somewhere(
    earlier: &mut Earlier<'_, '_>,
    witness: &Witness,
    mentioned: &[&'static str],
    findings: &mut Findings<'_>,
) {
    let Linted { exempt, policy, rules, patience, .. } = earlier.linted;
    let written = &rules[earlier.position];
    let title = written.title();
    let wires = written.wire.value.matcher.as_ref().and_then(|m| m.value.namespaces.as_ref());
    let Some(wires) = wires else { return };
    let everywhere = witness.see(|subject| policy.index.beside_namespaces(subject));
    let everywhere = earlier.covering_beside_namespaces(everywhere);
    for At { span, value: glob, .. } in &wires.value.0 {
        let system = SYSTEM_NAMESPACES.contains(&glob.as_str());
        if system || exempt.take_in(glob, patience) {
            let why = if system { "curfew never touches it" } else { "it is exempt" };
            let message = format!("{title} can never win in namespace {glob}: {why}");
            findings.warning(code::NEVER_WINS, *span, message).mend("delete it there");
            continue;
        }
        let there = policy.index.in_namespace(glob.as_str());
        let mut positions = earlier.covering_beside_namespaces(there);
        positions.extend(&everywhere);
        positions.sort_unstable();
        positions.dedup();
        patience.spend(positions.len());
        positions.retain(|at| rules[*at].namespaces.cover(std::slice::from_ref(glob), patience));
        let covering: Vec<&Rule> = positions.into_iter().map(|at| rules[at].rule).collect();
        let taken = taken(&covering, mentioned);
        if patience.is_out() {
            return;
        }
        if taken.len() == mentioned.len() {
            let message =
                format!("{title} can never win in namespace {glob}: {} first", first_ones(&taken));
            findings
                .warning(code::NEVER_WINS, *span, message)
                .mend("delete the namespace there, or move the rule before the other");
        }
    }
}

/// The settings that are always supplied by rules of which the first counts, each with that rule.
fn taken<'p>(covering: &[&'p Rule], settings: &[&'static str]) -> Vec<(&'static str, &'p Rule)> {
    let covering: Vec<_> = covering.iter().map(|rule| (*rule, mentioned(&rule.settings))).collect();
    let first = |setting| covering.iter().find(|(_, mentioned)| mentioned.contains(setting));
    settings.iter().filter_map(|s| first(s).map(|(rule, _)| (*s, *rule))).collect()
}

// === impl Earlier ===

impl<'l, 'p> Earlier<'l, 'p> {
    fn new(linted: &'l Linted<'p>, position: usize) -> Self {
        let asked = Asked::new(&linted.rules[position].rule.matcher);
        Self { linted, position, asked, known: HashMap::new() }
    }

    /// The earlier rules that match wherever this one does.
    fn covering(&mut self, witness: &Witness) -> Vec<&'p Rule> {
        let Linted { rules, patience, .. } = self.linted;
        let namespaces = &rules[self.position].rule.matcher.namespaces;
        // Whatever covers the match matches every object of it, this one too: that leaves few.
        let mut positions = witness.see(|subject| {
            let mut positions = self.linted.candidates(subject);
            positions.retain(|at| {
                *at < self.position && rules[*at].rule.matcher.check(subject) == Matched::Hit
            });
            positions
        });
        positions.retain(|at| {
            self.covers_beside_namespaces(*at) && rules[*at].namespaces.cover(namespaces, patience)
        });
        positions.into_iter().map(|at| rules[at].rule).collect()
    }

    /// Of some rules those that are earlier, and match wherever this one does in a namespace that
    /// both match.
    fn covering_beside_namespaces(&mut self, mut positions: Vec<usize>) -> Vec<usize> {
        let Linted { patience, .. } = self.linted;
        patience.spend(positions.len());
        positions.retain(|at| {
            *at < self.position && !patience.is_out() && self.covers_beside_namespaces(*at)
        });
        positions
    }

    fn covers_beside_namespaces(&mut self, at: usize) -> bool {
        let Linted { rules, patience, .. } = self.linted;
        let narrow = (&rules[self.position].rule.matcher, &self.asked);
        let wide = &rules[at];
        *self.known.entry(at).or_insert_with(|| {
            covers_beside_namespaces((&wide.rule.matcher, &wide.names), narrow, patience)
        })
    }
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
