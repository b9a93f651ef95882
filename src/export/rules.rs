//! Rules and exemptions as conditions: one variable for each rule, and one for all exemptions.

use crate::batch::Kind;
use crate::policy::rule::Exempt;
use crate::policy::{Match, Policy, Rule};

use super::cel;
use super::facts::{Facts, Layers};
use super::sheet::Sheet;

/// Defines `rule_…` for every rule, and `exempt`.
pub(super) fn define(policy: &Policy, facts: &mut Facts, sheet: &mut Sheet) {
    for rule in &policy.rules {
        sheet.define(variable(rule), condition(&rule.matcher, facts));
    }
    sheet.define("exempt", exempt(&policy.exempt, facts));
}

/// The expression that says whether a rule matches.
pub(super) fn matched(rule: &Rule) -> String {
    format!("variables.{}", variable(rule))
}

/// Names of rules hold no underscore, so no two become the same.
fn variable(rule: &Rule) -> String {
    format!("rule_{}", rule.name.replace('-', "_"))
}

fn condition(matcher: &Match, facts: &mut Facts) -> String {
    let Match { kinds, namespaces, namespace_selector, names, labels, annotations, selector } =
        matcher;
    let mut conditions = Vec::new();
    match (kinds.contains(&Kind::Job), kinds.contains(&Kind::CronJob)) {
        (true, false) => conditions.push("!variables.is_cronjob".to_owned()),
        (false, true) => conditions.push("variables.is_cronjob".to_owned()),
        (true, true) | (false, false) => {}
    }
    if !namespaces.is_empty() {
        conditions.push(cel::matches_a_glob("request.namespace", namespaces));
    }
    if !names.is_empty() {
        conditions.push(cel::matches_a_glob("variables.name", names));
    }
    conditions.extend(facts.satisfy(Layers::Labels, labels));
    conditions.extend(facts.satisfy(Layers::Annotations, annotations));
    conditions.extend(selector.iter().map(|s| facts.select(Layers::Labels, s)));
    let of_namespaces = namespace_selector.iter();
    conditions.extend(of_namespaces.map(|s| facts.select(Layers::NamespaceLabels, s)));
    cel::all(conditions)
}

fn exempt(exempt: &Exempt, facts: &mut Facts) -> String {
    let Exempt { namespaces, namespace_selector, selectors } = exempt;
    let mut conditions = Vec::new();
    if !namespaces.is_empty() {
        conditions.push(cel::matches_a_glob("request.namespace", namespaces));
    }
    conditions.extend(selectors.iter().map(|s| facts.select(Layers::Labels, s)));
    let of_namespaces = namespace_selector.iter();
    conditions.extend(of_namespaces.map(|s| facts.select(Layers::NamespaceLabels, s)));
    cel::any(conditions)
}
