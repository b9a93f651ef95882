//! What is odd about a policy that loads: rules that can never win, values that come to nothing.
//!
//! A warning is only worth reading if it is right. What a rule excludes is taken from
//! [`covers`], which answers yes only where it is certain; what rules do together is shown on a
//! made-up object by the very function that decides ([`witness`]). What is left out for that
//! reason is never wrong, only unsaid. [`object`] looks at a single object instead.

mod bounds;
mod covers;
mod object;
pub(super) mod patience;
mod winning;
mod witness;

use std::collections::HashMap;

pub(super) use covers::{GlobSet, Needs};
pub use object::{Lint, object};
use witness::Witness;

use super::code;
use crate::batch::Kind;
use crate::policy::decide::resolve::{Resolved, Supplier};
use crate::policy::file::document::{self, Spec};
use crate::policy::file::finding::{At, Findings, Span};
use crate::policy::file::ttl;
use crate::policy::file::words::list;
use crate::policy::lint::patience::Patience;
use crate::policy::model::glob::Glob;
use crate::policy::model::policy::Policy;
use crate::policy::model::record;
use crate::policy::model::rule::{Match, Rule};
use crate::policy::model::selector::Selector;
use crate::policy::model::setting::Setting;
use crate::policy::model::settings::{Action, Mode, Settings, Ttl};
use crate::policy::model::subject::Subject;

/// A rule, with the same rule as it was written.
struct Written<'p> {
    rule: &'p Rule,
    wire: &'p At<document::Rule>,
    namespaces: GlobSet<'p>,
    names: GlobSet<'p>,
}

/// A policy that is being looked at.
struct Linted<'p> {
    policy: &'p Policy,
    spec: &'p Spec,
    rules: Vec<Written<'p>>,
    positions: HashMap<&'p str, usize>,
    exempt: GlobSet<'p>,
    patience: Patience,
}

/// Looks at a policy that was made of `spec`.
pub(super) fn policy(policy: &Policy, spec: &Spec, findings: &mut Findings<'_>) {
    with_patience(policy, spec, Patience::new(PATIENCE), findings);
}

/// As [`policy`]; gives back what is left of the patience.
fn with_patience(
    policy: &Policy,
    spec: &Spec,
    patience: Patience,
    findings: &mut Findings<'_>,
) -> Patience {
    let linted = Linted::new(policy, spec, patience);
    let mut last = None;
    for (position, written) in linted.rules.iter().enumerate() {
        if is_idle(written, findings) {
            continue;
        }
        let title = written.title();
        settings(&title, &written.rule.settings, written.wire.value.ttl.as_ref(), findings);
        starting_deadline(written.wire.value.deadlines.as_ref(), findings);
        if linted.patience.is_out() {
            continue;
        }
        last = Some(written);
        missed_stem(written, &linted.patience, findings);
        if let Some(witness) = Witness::of(&[&written.rule.matcher], &linted.patience) {
            winning::never_wins(&linted, position, &witness, findings);
            if let Some(Ttl::Pair { .. }) = written.rule.settings.ttl {
                let is_rule =
                    |by: Supplier<'_>| by.rule().is_some_and(|rule| rule.name == written.rule.name);
                let wire = written.wire.value.ttl.as_ref();
                never_settled(&linted, (&title, is_rule), wire, &witness, findings);
            }
            bounds::clamped(&linted, written, &witness, findings);
        }
    }
    if let Some(defaults) = &spec.defaults {
        let ttl = defaults.value.ttl.as_ref();
        settings("the defaults", &policy.defaults, ttl, findings);
        starting_deadline(defaults.value.deadlines.as_ref(), findings);
        for kind in [Kind::Job, Kind::CronJob] {
            let matcher = Match { kinds: vec![kind], ..Match::default() };
            let are_defaults = |by: Supplier<'_>| by.rule().is_none();
            if let Some(witness) = Witness::of(&[&matcher], &linted.patience)
                && never_settled(&linted, ("the defaults", are_defaults), ttl, &witness, findings)
            {
                break;
            }
        }
    }
    bounds::crossed_limits(&linted, findings);
    if linted.patience.is_out() {
        unfinished(last, findings);
    }
    linted.patience
}

/// Says that some of what might be odd was not looked for, and from where on.
fn unfinished(last: Option<&Written<'_>>, findings: &mut Findings<'_>) {
    let place = last.map(|last| format!(" from {} ({}) on", last.title(), last.rule.origin));
    let message = format!(
        "not all was checked: this policy has too much to compare, so rules were not held against \
         each other{}",
        place.unwrap_or_default()
    );
    // At the very top, where it is shown whatever else was found.
    findings
        .warning(code::NOT_ALL_CHECKED, Span::top(0), message)
        .mend("match with shorter lists and wider globs: errors are found all the same");
}

/// Whether a rule sets nothing at all; reports that, and parts of a rule that say nothing.
fn is_idle(written: &Written<'_>, findings: &mut Findings<'_>) -> bool {
    let Written { rule, wire, .. } = written;
    let title = written.title();
    let mentioned = mentioned(&rule.settings);
    if mentioned.is_empty() {
        findings
            .warning(code::IDLE, written.span(), format!("{title} sets nothing"))
            .mend("give it a ttl or another setting, or delete it");
        return true;
    }
    if let Some(enforce) = wire.value.enforce.as_ref().filter(|enforce| enforce.value.0)
        && !mentioned.iter().any(|name| Setting::parse(name).is_some_and(|s| !s.is_filled()))
    {
        let message = format!("{title} has enforce, and neither ttl nor history to enforce");
        findings.warning(code::IDLE, enforce.key, message).mend("delete enforce");
    }
    let only_jobs = rule.matcher.kinds == [Kind::Job];
    let no_job_has =
        |name: &&str| Setting::parse(name).is_some_and(|setting| setting.path(Kind::Job).is_none());
    let idle: Vec<&str> = mentioned.iter().copied().filter(no_job_has).collect();
    if only_jobs && !idle.is_empty() {
        let message = format!("{title} sets {} for nothing: only CronJobs have that", list(&idle));
        findings
            .warning(code::IDLE, written.span(), message)
            .mend("add CronJob to match.kinds, or delete what has no effect");
    }
    let Match { labels, annotations, selector, .. } = &rule.matcher;
    let mut keys = [labels, annotations].into_iter().chain(selector).flat_map(Selector::keys);
    if let Some(key) = keys.find(|key| key.starts_with(record::PREFIX)) {
        let span = wire.value.matcher.as_ref().map_or(written.span(), |matcher| matcher.key);
        let message =
            format!("{title} matches on {key:?}, and rules never see keys of curfew's own");
        findings.warning(code::IDLE, span, message).mend("match on a key of your own");
    }
    false
}

/// Values that are odd wherever the rule stands.
fn settings(
    owner: &str,
    settings: &Settings,
    wire: Option<&At<ttl::Ttl>>,
    findings: &mut Findings<'_>,
) {
    let (Some(Ttl::Pair { on_success, on_failure: Some(on_failure) }), Some(wire)) =
        (settings.ttl, wire)
    else {
        return;
    };
    if on_success.is_none_or(|on_success| on_failure < on_success) {
        let on_success = on_success.map_or_else(|| "unset".to_owned(), |s| s.to_string());
        let message = format!(
            "onFailure ({on_failure}) of {owner} is shorter than onSuccess ({on_success}): what \
             failed goes first"
        );
        findings
            .warning(code::SHORT_FAILURE, wire.span, message)
            .mend("swap them, if that is not meant");
    }
}

fn starting_deadline(
    deadlines: Option<&At<Box<document::Deadlines>>>,
    findings: &mut Findings<'_>,
) {
    let Some(starting) = deadlines.and_then(|at| at.value.starting.as_ref()) else { return };
    let seconds = starting.value.0.get();
    if seconds < object::SYNC_PERIOD {
        let Lint { code, message, mend } = object::short_deadline(seconds);
        findings.warning(code, starting.span, message).mend(mend);
    }
}

/// `daily-etl-*` looks as if it matched the Jobs of the `CronJob` `daily-etl`, and does not: a
/// family is matched by the name of its `CronJob` (policy.md, point 12).
fn missed_stem(written: &Written<'_>, patience: &Patience, findings: &mut Findings<'_>) {
    let kinds = &written.rule.matcher.kinds;
    if !kinds.is_empty() && !kinds.contains(&Kind::CronJob) {
        return;
    }
    let wires = written.wire.value.matcher.as_ref().and_then(|m| m.value.names.as_ref());
    for At { span, value: glob, .. } in wires.map_or(&[][..], |names| &names.value.0) {
        let stem = glob.as_str().strip_suffix("-*").and_then(|stem| Glob::new(stem).ok());
        let Some(stem) = stem else { continue };
        let is_missed = !written.names.take_in(&stem, patience);
        if patience.is_out() {
            return;
        }
        if is_missed {
            let message = format!(
                "{glob} of {} misses a CronJob called {stem}, and with it all of its Jobs",
                written.title()
            );
            findings.warning(code::MISSED_STEM, *span, message).mend(format!(
                "write {stem}* for both, or kinds: [Job] if only Jobs without a CronJob are meant"
            ));
        }
    }
}

/// A pair whose sides differ, where the sweeper only reports and so never sets the right one. Says
/// whether the object is given one by its owner.
fn never_settled(
    linted: &Linted<'_>,
    (owner, is_owner): (&str, impl Fn(Supplier<'_>) -> bool),
    wire: Option<&At<ttl::Ttl>>,
    witness: &Witness,
    findings: &mut Findings<'_>,
) -> bool {
    let supplies = |resolved: &Resolved<'_>| {
        (is_owner(resolved.ttl?.by) && is_unsettled(resolved)).then_some(())
    };
    let found = linted.judge(witness, supplies).is_some();
    if let (true, Some(wire)) = (found, wire) {
        let message = format!(
            "the ttl of {owner} depends on the outcome, and under stored: Report nobody settles \
             it: Jobs keep what they were given at the start"
        );
        findings
            .warning(code::NEVER_SETTLED, wire.span, message)
            .mend("set spec.stored.action to Marked, or give one ttl for both outcomes");
    }
    found
}

fn is_unsettled(resolved: &Resolved<'_>) -> bool {
    let value = resolved.ttl.map(|ttl| ttl.value);
    let differs =
        matches!(value, Some(Ttl::Pair { on_success, on_failure }) if on_success != on_failure);
    let acts = resolved.mode.is_some_and(|mode| mode.value == Mode::Enforce);
    let action = resolved.stored.map(|stored| stored.value).unwrap_or_default();
    differs && acts && action == Action::Report
}

/// The settings that a rule mentions, by the names of policy.md, point 5.
fn mentioned(settings: &Settings) -> Vec<&'static str> {
    let names = settings.stated().map(|(name, _)| name);
    names.map(|name| name.strip_prefix("guards.").unwrap_or(name)).collect()
}

// === impl Linted ===

impl<'p> Linted<'p> {
    fn new(policy: &'p Policy, spec: &'p Spec, patience: Patience) -> Self {
        let wires = spec.rules.as_ref().map_or(&[][..], |rules| &rules.value.0);
        let rules = policy.rules.iter().zip(wires).map(|(rule, wire)| Written {
            rule,
            wire,
            namespaces: GlobSet::new(&rule.matcher.namespaces),
            names: GlobSet::new(&rule.matcher.names),
        });
        let names = policy.rules.iter().map(|rule| rule.name.as_str());
        Self {
            policy,
            spec,
            rules: rules.collect(),
            positions: names.enumerate().map(|(position, name)| (name, position)).collect(),
            exempt: GlobSet::new(&policy.exempt.namespaces),
            patience,
        }
    }

    /// A rule as it was written.
    fn written(&self, rule: &Rule) -> Option<&Written<'p>> {
        self.positions.get(rule.name.as_str()).map(|position| &self.rules[*position])
    }

    /// The positions of the rules that can match an object, paid for as if each were asked; none
    /// when patience has run out.
    fn candidates(&self, subject: &Subject<'_>) -> Vec<usize> {
        if self.patience.is_out() {
            return Vec::new();
        }
        let candidates = self.policy.index.candidates(subject);
        let steps = candidates.iter().map(|at| self.rules[*at].rule.matcher.size()).sum();
        if self.patience.spend(steps) { candidates } else { Vec::new() }
    }

    /// Shows what the policy says about an object; nothing when patience has run out.
    fn judge<T>(
        &self,
        witness: &Witness,
        look: impl FnOnce(&Resolved<'_>) -> Option<T>,
    ) -> Option<T> {
        self.patience.spend(witness.labels.len());
        witness.see(|subject| {
            self.candidates(subject);
            let patient = !self.patience.is_out();
            let resolved = patient.then(|| self.policy.resolve(subject).ok()).flatten()?;
            look(&resolved)
        })
    }
}

// === impl Written ===

impl Written<'_> {
    fn title(&self) -> String {
        format!("rule {:?}", self.rule.name)
    }

    fn span(&self) -> Span {
        self.wire.value.name.as_ref().map_or(self.wire.span, |name| name.span)
    }
}

/// So many steps are taken in all: enough for 10,000 rules that the index can tell apart, and done
/// in a fraction of a second. Of policies that take more, only the first rules are looked at.
const PATIENCE: usize = 10_000_000;

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{PATIENCE, Patience, with_patience};
    use crate::policy::Source;
    use crate::policy::file::finding::Findings;
    use crate::policy::load;

    fn many(n: usize, item: impl Fn(usize) -> String) -> String {
        (0..n).map(item).collect::<Vec<_>>().join(",")
    }

    /// The steps that a policy takes of so much patience; `None` where it takes more.
    fn steps(spec: &str, patience: usize) -> Option<usize> {
        let head = "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {name: test}\n";
        let text = format!("{head}spec: {{{spec}}}\n");
        let sources = [Source { name: "test.yaml".to_owned(), text }];
        let mut findings = Findings::new(&sources);
        let (policy, spec) = load::parse(&mut findings).expect("the policy loads");
        let left = with_patience(&policy, &spec, Patience::new(patience), &mut findings).left();
        let codes: Vec<_> = findings.into_diagnostics().iter().map(|found| found.code).collect();
        assert_eq!(codes.contains(&"W114"), left.is_none(), "{codes:?}");
        left.map(|left| patience - left)
    }

    #[rstest]
    #[case::names(|n| {
        format!("rules: [{{name: r, ttl: 1h, match: {{names: [{}]}}}}]", many(n, |i| format!("a{i}-*")))
    })]
    #[case::namespaces_and_labels(|n| {
        let (namespaces, labels) = (many(n, |i| format!("n{i}")), many(n, |i| format!("k{i}: v")));
        format!(
            "rules: [{{name: r, ttl: 1h, match: {{namespaces: [{namespaces}], labels: {{{labels}}}}}}}]"
        )
    })]
    #[case::namespaces_after_labels(|n| {
        let (namespaces, values) = (many(n, |i| format!("n{i}")), many(n, |i| format!("v{i}")));
        format!(
            "rules: [{{name: q, ttl: 1h, match: {{labels: {{k: [{values}, w]}}}}}}, \
             {{name: r, ttl: 1h, match: {{namespaces: [{namespaces}], labels: {{k: [{values}, x]}}}}}}]"
        )
    })]
    #[case::the_same_namespaces_twice(|n| {
        let namespaces = many(n, |i| format!("n{i}-*"));
        format!(
            "rules: [{{name: q, ttl: 1h, match: {{namespaces: [{namespaces}]}}}}, \
             {{name: r, ttl: 1h, match: {{namespaces: [{namespaces}, x]}}}}]"
        )
    })]
    #[case::exempt_namespaces(|n| {
        let (exempt, namespaces) = (many(n, |i| format!("e{i}-*")), many(n, |i| format!("n{i}-*")));
        format!(
            "exempt: {{namespaces: [{exempt}]}}, \
             rules: [{{name: r, ttl: 1h, match: {{namespaces: [{namespaces}]}}}}]"
        )
    })]
    #[case::values_that_are_refused(|n| {
        let values = many(n, |i| format!("v{i}"));
        format!(
            "rules: [{{name: r, ttl: 1h, match: {{selector: {{matchExpressions: [\
             {{key: k, operator: In, values: [{values}]}}, \
             {{key: k, operator: NotIn, values: [{values}]}}]}}}}}}]"
        )
    })]
    #[case::requirements(|n| {
        let requirements = many(n, |i| format!("{{key: k{i}, operator: Exists}}"));
        let rule = |name| {
            format!(
                "{{name: {name}, ttl: 1h, match: {{selector: {{matchExpressions: [{requirements}]}}}}}}"
            )
        };
        format!("rules: [{}, {}]", rule("q"), rule("r"))
    })]
    #[case::rules(|n| {
        let rule = |i| format!("{{name: r{i}, match: {{namespaces: [n{i}-*], names: ['*-{i}']}}, ttl: 1h}}");
        format!("rules: [{}]", many(n, rule))
    })]
    #[case::limits(|n| {
        let rule = |i| {
            let limit = if i % 2 == 0 { "min: 1h" } else { "max: 2h" };
            format!("{{name: r{i}, match: {{namespaces: [n{i}]}}, limits: {{ttl: {{{limit}}}}}}}")
        };
        format!("rules: [{}]", many(n, rule))
    })]
    fn steps_grow_with_the_policy_and_not_with_its_square(#[case] spec: impl Fn(usize) -> String) {
        let steps = |n| steps(&spec(n), PATIENCE).expect("patience lasts");
        let (one, four) = (steps(400), steps(1_600));
        assert!(four < 6 * one, "{one} steps, and {four} for four times as much");
    }

    #[rstest]
    #[case::rules_that_the_index_cannot_tell_apart(|n| {
        let rule = |i| format!("{{name: r{i}, match: {{names: ['*-x{i}-*']}}, ttl: 1h}}");
        format!("rules: [{}]", many(n, rule))
    })]
    #[case::globs_without_a_beginning(|n| {
        let globs = |letter: char| many(n, |i| format!("'*{letter}{i}-*'"));
        format!(
            "rules: [{{name: q, ttl: 1h, match: {{namespaces: [{}]}}}}, \
             {{name: r, ttl: 1h, match: {{namespaces: [{}]}}}}]",
            globs('a'),
            globs('b')
        )
    })]
    #[case::limits_that_cross(|n| {
        let rule = |i| {
            let limit = if i % 2 == 0 { "min: 2h" } else { "max: 1h" };
            format!("{{name: r{i}, match: {{labels: {{k{i}: v}}}}, limits: {{ttl: {{{limit}}}}}}}")
        };
        format!("rules: [{}]", many(n, rule))
    })]
    fn what_takes_too_long_is_cut_short_and_said(#[case] spec: impl Fn(usize) -> String) {
        assert!(steps(&spec(10), PATIENCE).is_some());
        assert_eq!(steps(&spec(1_000), 500_000), None);
    }
}
