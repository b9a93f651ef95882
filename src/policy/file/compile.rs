//! From a document in which nothing is wrong to the policy that is asked.

use std::collections::HashSet;

use super::decode::List;
use super::document::{
    Deadlines, Defaults, Exempt, GitOpsMarks, Guards, History, HistoryLimits, Limits, Match, Rule,
    Scheduler, Spec, Stored, TtlLimits,
};
use super::finding::{At, Findings};
use crate::policy::model::index::Index;
use crate::policy::model::marks::Marks;
use crate::policy::model::policy::Policy;
use crate::policy::model::rule::{self, Place};
use crate::policy::model::settings::{Action, Settings};
use crate::policy::model::value::Seconds;

/// Makes a policy, without its revision. The document is copied part by part: there may be 10,000
/// rules, and lint wants them as they were written.
pub(in crate::policy) fn policy(name: String, spec: &Spec, findings: &Findings<'_>) -> Policy {
    let Spec { mode, exempt, guards, limits, rules, defaults, stored, scheduler, written: _ } =
        spec;
    let rules = rules.iter().flat_map(|rules| &rules.value.0);
    let rules: Vec<_> = rules.map(|rule| compile_rule(rule.clone(), findings)).collect();
    let exempt = compile_exempt(value(exempt.clone()).unwrap_or_default());
    // Once and not for each review: there may be 10,000 rules.
    let asks_namespaces = exempt.namespace_selector.is_some()
        || rules.iter().any(|rule| rule.matcher.namespace_selector.is_some());
    let mode = value(*mode).unwrap_or_default();
    let stored = compile_stored(value(stored.clone()).unwrap_or_default());
    let top = compile_settings(Rule {
        limits: limits.clone(),
        guards: guards.as_ref().map(|guards| guards.map(|guards| Box::new(guards.as_rule()))),
        ..Rule::default()
    });
    Policy {
        name,
        revision: String::new(),
        mode,
        exempt,
        guards: compile_guards(value(guards.clone()).unwrap_or_default()),
        asks_namespaces,
        index: Index::new(&rules),
        rules,
        defaults: compile_defaults(value(defaults.clone()).unwrap_or_default()),
        top: Settings { mode: Some(mode), stored: Some(stored.action), ..top },
        stored,
        scheduler: compile_scheduler(value(scheduler.clone()).unwrap_or_default()),
    }
}

fn compile_exempt(exempt: Exempt) -> rule::Exempt {
    let Exempt { namespaces, namespace_selector, selectors, written: _ } = exempt;
    rule::Exempt {
        namespaces: values(List::items(namespaces)),
        namespace_selector: value(namespace_selector),
        selectors: values(List::items(selectors)),
    }
}

fn compile_guards(guards: Guards) -> rule::Guards {
    let Guards { floor, allow_owners, gitops_marks, .. } = guards;
    let GitOpsMarks { labels, annotations, managers, written: _ } =
        value(gitops_marks).unwrap_or_default();
    let mut marks = Marks::built_in();
    add(&mut marks.labels, List::items(labels).into_iter().map(|at| at.value.0));
    add(&mut marks.annotations, List::items(annotations).into_iter().map(|at| at.value.0));
    add(&mut marks.managers, List::items(managers).into_iter().map(|at| at.value.0));
    rule::Guards {
        floor: value(floor).unwrap_or(DEFAULT_FLOOR),
        allow_owners: values(List::items(allow_owners)),
        gitops_marks: marks,
    }
}

/// Adds what is not there yet: a mark of the built-in list is no change when it is repeated.
fn add(list: &mut Vec<String>, more: impl Iterator<Item = String>) {
    // A file of 1 MiB has room for a hundred thousand.
    let mut known: HashSet<String> = list.iter().cloned().collect();
    list.extend(more.filter(|item| known.insert(item.clone())));
}

fn compile_rule(rule: At<Rule>, findings: &Findings<'_>) -> rule::Rule {
    let (file, line) = findings.origin(rule.span);
    let mut rule = rule.value;
    let name = value(rule.name.take()).expect("a missing name was reported").0;
    rule::Rule {
        name,
        origin: Place { file: file.to_owned(), line },
        matcher: compile_match(section(rule.matcher.take())),
        enforce: value(rule.enforce).is_some_and(|switch| switch.0),
        reason: value(rule.reason.take()).map(|reason| reason.0),
        settings: compile_settings(rule),
    }
}

/// What a rule says. So do the defaults and the top of a policy, which say less.
fn compile_settings(rule: Rule) -> Settings {
    let Rule {
        name: _,
        matcher: _,
        ttl,
        history,
        limits,
        deadlines,
        time_zone,
        mode,
        guards,
        enforce: _,
        stored,
        reason: _,
        written: _,
    } = rule;
    let History { successful, failed, written: _ } = section(history);
    let Limits { ttl: ttl_limits, history: history_limits, hold, written: _ } = section(limits);
    let TtlLimits { min, max, written: _ } = value(ttl_limits).unwrap_or_default();
    let HistoryLimits { max: history_max, written: _ } = value(history_limits).unwrap_or_default();
    let Deadlines { active, starting, written: _ } = section(deadlines);
    let mut settings = Settings {
        ttl: value(ttl).and_then(|ttl| ttl.compile()),
        history_successful: value(successful).map(|count| count.0),
        history_failed: value(failed).map(|count| count.0),
        ttl_min: value(min),
        ttl_max: value(max),
        history_max: value(history_max).map(|count| count.0),
        hold: value(hold),
        deadline_active: value(active).map(|wait| wait.0),
        deadline_starting: value(starting).map(|wait| wait.0),
        time_zone: value(time_zone),
        mode: value(mode),
        stored: value(stored),
        ..Settings::default()
    };
    section(guards).state(&mut settings);
    settings
}

fn compile_match(matcher: Match) -> rule::Match {
    let Match {
        kinds,
        namespaces,
        namespace_selector,
        names,
        labels,
        annotations,
        selector,
        written: _,
    } = matcher;
    rule::Match {
        kinds: value(kinds).map_or_else(Vec::new, |list| values(list.0)),
        namespaces: value(namespaces).map_or_else(Vec::new, |list| values(list.0)),
        namespace_selector: value(namespace_selector),
        names: value(names).map_or_else(Vec::new, |list| values(list.0)),
        labels: value(labels).map(|labels| labels.0).unwrap_or_default(),
        annotations: value(annotations).map(|annotations| annotations.0).unwrap_or_default(),
        selector: value(selector),
    }
}

fn compile_defaults(defaults: Defaults) -> Settings {
    let Defaults { ttl, history, deadlines, time_zone, written: _ } = defaults;
    compile_settings(Rule { ttl, history, deadlines, time_zone, ..Rule::default() })
}

fn compile_stored(stored: Stored) -> rule::Stored {
    let Stored { action, selector, propagation, rate, brake, written: _ } = stored;
    let at_most = value(brake).and_then(|brake| value(brake.at_most));
    rule::Stored {
        action: value(action).unwrap_or(Action::Report),
        selector: value(selector),
        propagation: value(propagation).unwrap_or_default(),
        rate: value(rate).map_or(DEFAULT_RATE, |rate| rate.0),
        brake_at_most: at_most.map_or(DEFAULT_BRAKE, |amount| amount.0),
    }
}

fn compile_scheduler(scheduler: Scheduler) -> rule::Scheduler {
    let Scheduler { mode, grace, selector, cluster_time_zone, written: _ } = scheduler;
    rule::Scheduler {
        mode: value(mode).unwrap_or_default(),
        grace: value(grace).unwrap_or(rule::Scheduler::DEFAULT_GRACE),
        selector: value(selector),
        cluster_time_zone: value(cluster_time_zone),
    }
}

fn value<T>(at: Option<At<T>>) -> Option<T> {
    at.map(|at| at.value)
}

fn section<T: Default>(at: Option<At<Box<T>>>) -> T {
    at.map_or_else(T::default, |at| *at.value)
}

fn values<T>(list: Vec<At<T>>) -> Vec<T> {
    list.into_iter().map(|at| at.value).collect()
}

/// `guards.floor` where it is not given.
const DEFAULT_FLOOR: Seconds = Seconds::of(600);

/// `stored.rate` where it is not given.
const DEFAULT_RATE: u32 = 50;

/// `stored.brake.atMost` where it is not given.
const DEFAULT_BRAKE: u32 = 200;
