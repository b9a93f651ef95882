//! What the values of a policy say of each other: names, limits, and what excludes what.
//!
//! Checks look at the document as it was written, not at the compiled policy, since they must say
//! where a thing stands, and must work where other parts of the document were refused.

use std::collections::HashMap;
use std::fmt::Display;

use super::decode::{FromNode, Path};
use super::document::{Defaults, History, Limits, Rule, Scheduler, Spec, TtlLimits};
use super::finding::{At, Findings, Span};
use super::node::{Node, Value};
use super::ttl::{Side, Ttl};
use super::wire::{self, Name};
use super::{API_VERSION, KIND};
use crate::policy::code;
use crate::policy::model::rule::SchedulerMode;

/// Whether a document is of another kind or version. If so that is all that is said about it: the
/// fields of another format would give nothing but noise.
pub(in crate::policy) fn other_document(node: &Node, findings: &mut Findings<'_>) -> bool {
    let Value::Map(entries) = &node.value else { return false };
    let other = |name: &str, right: &str| {
        let entry = entries.iter().find(|entry| entry.key == name)?;
        let is_other = matches!(&entry.node.value, Value::Str(text) if text != right);
        is_other.then_some(&entry.node)
    };
    // The kind says more: a ConfigMap is no policy of an unknown version.
    if let Some(kind) = other("kind", KIND) {
        wire::DocumentKind::from_node(kind, Path::Root, findings);
    } else if let Some(version) = other("apiVersion", API_VERSION) {
        wire::ApiVersion::from_node(version, Path::Root, findings);
    } else {
        return false;
    }
    true
}

/// Files of one policy have one name.
pub(in crate::policy) fn same_policy(
    first: Option<&At<Name>>,
    next: Option<&At<Name>>,
    findings: &mut Findings<'_>,
) {
    let (Some(first), Some(next)) = (first, next) else { return };
    let (Name(first_name), Name(next_name)) = (&first.value, &next.value);
    if first_name != next_name {
        let place = findings.place(first.span);
        let message =
            format!("this file belongs to policy {next_name:?}, and others to {first_name:?}");
        findings.error(code::OTHER_POLICY, next.span, message).mend(format!(
            "give all files of a policy one metadata.name ({first_name:?} stands at {place}), or \
             move this file away"
        ));
    }
}

/// Everything that can be wrong between values.
pub(in crate::policy) fn spec(spec: &Spec, findings: &mut Findings<'_>) {
    let top = spec.limits.as_ref().map(|limits| &*limits.value);
    if let Some(limits) = top {
        crossed_limits(limits, "", findings);
    }
    if let Some(At { value: Defaults { ttl, history, .. }, .. }) = &spec.defaults {
        values("the defaults", ttl.as_ref(), history.as_ref(), top, findings);
    }
    if let Some(scheduler) = &spec.scheduler {
        scheduling(&scheduler.value, findings);
    }
    let rules = spec.rules.as_ref().map_or(&[][..], |rules| &rules.value.0);
    if let Some(beyond) = rules.get(MAX_RULES) {
        let message = format!("there are {} rules, and may be {MAX_RULES}", rules.len());
        findings
            .error(code::RULES, beyond.key, message)
            .mend("match lists and globs of namespaces, names and labels in one rule");
    }
    unique_names(rules, findings);
    for (position, At { key, value: rule, .. }) in rules.iter().enumerate() {
        let Rule { ttl, history, limits, enforce, .. } = rule;
        let title = title(rule);
        let limits = limits.as_ref().map(|limits| &*limits.value);
        if let Some(limits) = limits {
            crossed_limits(limits, &format!(" in {title}"), findings);
        }
        values(&title, ttl.as_ref(), history.as_ref(), limits, findings);
        if let (Some(ttl), Some(enforce)) = (ttl, enforce)
            && enforce.value.0
        {
            enforced_unset(&title, ttl, findings);
        }
        if position + 1 < rules.len() && is_empty(rule) {
            let span = rule.matcher.as_ref().map_or(*key, |matcher| matcher.key);
            let message = format!("{title} matches everything, so no rule after it can win");
            findings
                .error(code::EMPTY_MATCH, span, message)
                .mend("give it a match, move it to the very end, or write spec.defaults");
        }
    }
}

/// A rule as messages name it.
fn title(rule: &Rule) -> String {
    match &rule.name {
        Some(name) => format!("rule {:?}", name.value.0),
        None => "this rule".to_owned(),
    }
}

/// Whether a rule asks for nothing. One whose match was refused asked for something.
fn is_empty(rule: &Rule) -> bool {
    match &rule.matcher {
        Some(matcher) => matcher.value.written.is_empty(),
        None => !rule.written.iter().any(|key| key == "match"),
    }
}

/// What a mode of the scheduler cannot do without.
fn scheduling(scheduler: &Scheduler, findings: &mut Findings<'_>) {
    let Some(mode) = &scheduler.mode else { return };
    let says = |key: &str| scheduler.written.iter().any(|written| written == key);
    match mode.value {
        SchedulerMode::Own if !says("clusterTimeZone") => findings
            .error(
                code::OWN_ZONE,
                mode.span,
                "scheduler.mode Own needs scheduler.clusterTimeZone: by its clocks CronJobs \
                 without a timeZone are started",
            )
            .mend(
                "write the time zone that kube-controller-manager has, such as \
                 `clusterTimeZone: UTC`",
            ),
        SchedulerMode::Backstop if !says("selector") => findings
            .warning(
                code::BACKSTOP_SELECTOR,
                mode.span,
                "scheduler.mode Backstop helps only CronJobs that scheduler.selector matches, and \
                 there is none",
            )
            .mend("write a selector, such as `selector: {matchLabels: {backstop: \"true\"}}`"),
        _ => {}
    }
}

fn unique_names(rules: &[At<Rule>], findings: &mut Findings<'_>) {
    let mut seen: HashMap<&str, Span> = HashMap::new();
    for name in rules.iter().filter_map(|rule| rule.value.name.as_ref()) {
        let text = name.value.0.as_str();
        if let Some(first) = seen.get(text) {
            let place = findings.place(*first);
            let message = format!("a second rule is called {text:?}");
            findings
                .error(code::DUPLICATE_RULE, name.span, message)
                .mend(format!("rename one of them; the first stands at {place}"));
        } else {
            seen.insert(text, name.span);
        }
    }
}

fn crossed_limits(limits: &Limits, place: &str, findings: &mut Findings<'_>) {
    let Some(At { value: TtlLimits { min: Some(min), max: Some(max), .. }, .. }) = &limits.ttl
    else {
        return;
    };
    if min.value > max.value {
        let message = format!(
            "limits.ttl.min ({}) is above limits.ttl.max ({}){place}",
            min.value, max.value
        );
        findings.error(code::LIMITS, min.span, message).mend("lower min, or raise max");
    }
}

/// What is wrong with TTL and history beside the limits that stand next to them.
fn values(
    owner: &str,
    ttl: Option<&At<Ttl>>,
    history: Option<&At<Box<History>>>,
    limits: Option<&Limits>,
    findings: &mut Findings<'_>,
) {
    if let Some(ttl) = ttl {
        unset_pair(owner, ttl, findings);
    }
    let Some(Limits { ttl: ttl_limits, history: history_limits, .. }) = limits else { return };
    let bounds = ttl_limits.as_ref().map(|at| &at.value);
    let (min, max) = (bounds.and_then(|b| b.min), bounds.and_then(|b| b.max));
    for duration in ttl.map(Ttl::durations).unwrap_or_default() {
        match (min, max) {
            (Some(min), _) if duration.value < min.value => {
                outside(owner, ("ttl", duration), ("below", "ttl.min", min), findings);
            }
            (_, Some(max)) if duration.value > max.value => {
                outside(owner, ("ttl", duration), ("above", "ttl.max", max), findings);
            }
            _ => {}
        }
    }
    let max = history_limits.as_ref().and_then(|at| at.value.max.as_ref());
    let (Some(History { successful, failed, .. }), Some(max)) = (history.map(|at| &*at.value), max)
    else {
        return;
    };
    let max = max.map(|max| max.0);
    for (name, count) in [("history.successful", successful), ("history.failed", failed)] {
        let count = count.as_ref().map(|count| count.map(|count| count.0));
        if let Some(count) = count.filter(|count| count.value > max.value) {
            outside(owner, (name, count), ("above", "history.max", max), findings);
        }
    }
}

/// Reports a value that is on the wrong side of a limit.
fn outside<T: Display>(
    owner: &str,
    (name, value): (&str, At<T>),
    (side, limit, bound): (&str, &str, At<T>),
    findings: &mut Findings<'_>,
) {
    let place = findings.place(bound.span);
    let message = format!(
        "{name} {} of {owner} is {side} limits.{limit} beside it ({} at {place})",
        value.value, bound.value
    );
    findings
        .error(code::OUTSIDE_LIMITS, value.span, message)
        .mend("change one of them: a limit would change this value at once");
}

fn unset_pair(owner: &str, ttl: &At<Ttl>, findings: &mut Findings<'_>) {
    let is_unset = |side: &At<Side>| side.value.0.is_none();
    if matches!(&Ttl::sides(ttl)[..], [one, other] if is_unset(one) && is_unset(other)) {
        let message = format!("both sides of the ttl of {owner} are unset");
        findings
            .error(code::UNSET_PAIR, ttl.span, message)
            .mend("write `ttl: unset` to leave Jobs without a TTL");
    }
}

fn enforced_unset(title: &str, ttl: &At<Ttl>, findings: &mut Findings<'_>) {
    if let Some(At { span, .. }) = Ttl::sides(ttl).iter().find(|side| side.value.0.is_none()) {
        let message = format!("{title} has enforce and an unset ttl: there is nothing to enforce");
        findings
            .error(code::ENFORCED_UNSET, *span, message)
            .mend("give a duration, or delete enforce: unset never removes what an author wrote");
    }
}

/// Enough for a namespace each in a large cluster; it bounds what a bad policy costs.
const MAX_RULES: usize = 10_000;
