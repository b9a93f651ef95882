//! From the text of policy files to a [`Policy`], or to everything that is wrong with them.
//!
//! Four steps, each of which reports what it finds and goes on with the rest: [`crate::policy::file::node`]
//! reads a tree, [`crate::policy::file::document`] decodes it, [`crate::policy::file::decode::Merge`] puts the files together,
//! and [`crate::policy::file::check`] looks at what the values say of each other. Only then is a policy made.

use std::collections::HashSet;

use super::code;
use super::lint;
use super::revision;
use crate::policy::file::check;
use crate::policy::file::decode::{FromNode, List, Merge, Path};
use crate::policy::file::diagnostic::{Diagnostic, Severity};
use crate::policy::file::document::{
    Deadlines, Defaults, Exempt, File, GitOpsMarks, Guards, History, HistoryLimits, Limits, Match,
    Rule, RuleGuards, Scheduler, Spec, Stored, TtlLimits,
};
use crate::policy::file::finding::{At, Findings, Span};
use crate::policy::file::node;
use crate::policy::model::index::Index;
use crate::policy::model::marks::Marks;
use crate::policy::model::rule::{self, Action, Place, Policy, Settings};
use crate::policy::model::value::Seconds;

/// One policy file, read by somebody else.
#[derive(Clone, Debug)]
pub struct Source {
    /// What messages call it: the file's name within a directory, or the path that was given.
    pub name: String,
    pub text: String,
}

/// A policy, and what is odd about it.
#[derive(Debug)]
pub struct Loaded {
    pub policy: Policy,
    pub warnings: Vec<Diagnostic>,
}

// === impl Policy ===

impl Policy {
    /// Makes a policy of files, which are given in the order in which their rules count.
    ///
    /// # Errors
    /// Every error in every file, in the order of the files; 200 at most and a count of the rest.
    pub fn load(sources: &[Source]) -> Result<Loaded, Vec<Diagnostic>> {
        if sources.is_empty() {
            return Err(vec![no_files()]);
        }
        let mut findings = Findings::new(sources);
        let Some((policy, spec)) = parse(&mut findings) else {
            return Err(findings.into_diagnostics());
        };
        lint::policy(&policy, &spec, &mut findings);
        Ok(Loaded { policy, warnings: findings.into_diagnostics() })
    }

    /// Whether any decision asks for labels of namespaces: without them, who cannot know them must
    /// refuse the policy, and who can need not watch namespaces (policy.md, point 14).
    pub const fn needs_namespace_labels(&self) -> bool {
        self.asks_namespaces
    }
}

/// Whether a file of a policy's folder, or an entry of its `ConfigMap`, is part of it, by its name:
/// `*.yaml` and `*.yml`, without those that begin with `.` (the kubelet's own) and without
/// `*-test.yaml` (fixtures).
pub fn is_policy(name: &str) -> bool {
    let stem = name.strip_suffix(".yaml").or_else(|| name.strip_suffix(".yml"));
    stem.is_some_and(|stem| !name.starts_with('.') && !stem.ends_with("-test"))
}

/// Makes a policy of files, and gives what it was made of; `None` where errors were found.
pub(super) fn parse(findings: &mut Findings<'_>) -> Option<(Policy, Spec)> {
    let mut name = None;
    let mut spec = None;
    for file in 0..findings.files() {
        if let Some(File { metadata, spec: next, .. }) = read(file, findings) {
            let next_name = metadata.and_then(|at| at.value.name);
            check::same_policy(name.as_ref(), next_name.as_ref(), findings);
            name = name.or(next_name);
            Merge::merge(&mut spec, next, Path::Field(&Path::Root, "spec"), findings);
        }
    }
    let spec = spec.map_or_else(Spec::default, |at| at.value);
    check::spec(&spec, findings);
    if findings.has_errors() {
        return None;
    }
    let name = name.map(|At { value, .. }| value.0).expect("a missing name was reported");
    Some((compile(name, &spec, findings), spec))
}

/// Reads one file; `None` where it is no policy that this build could read.
fn read(file: usize, findings: &mut Findings<'_>) -> Option<File> {
    let length = findings.lines(file).text().len();
    if length > MAX_FILE_BYTES {
        let message = format!("the file has {length} bytes, and may have {MAX_FILE_BYTES}");
        findings
            .error(code::TOO_LARGE, Span::top(file), message)
            .mend("give parts of it files of their own: a directory of them is one policy");
        return None;
    }
    let node = node::read(file, findings)?;
    if check::other_document(&node, findings) {
        return None;
    }
    File::from_node(&node, Path::Root, findings)
}

fn no_files() -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        code: code::EMPTY,
        file: "policy".to_owned(),
        line: 1,
        column: 1,
        span: 0..0,
        message: "there is no policy file".to_owned(),
        mend: Some("give a file, or a directory with files named *.yaml or *.yml".to_owned()),
    }
}

/// Makes a policy of a document in which nothing is wrong. It is copied part by part: there may be
/// 10,000 rules, and lint wants them as they were written.
fn compile(name: String, spec: &Spec, findings: &Findings<'_>) -> Policy {
    let Spec { mode, exempt, guards, limits, rules, defaults, stored, scheduler, written: _ } =
        spec;
    let rules = rules.iter().flat_map(|rules| &rules.value.0);
    let rules: Vec<_> = rules.map(|rule| compile_rule(rule.clone(), findings)).collect();
    let exempt = compile_exempt(copied(exempt.as_ref()).unwrap_or_default());
    // Once and not for each review: there may be 10,000 rules.
    let asks_namespaces = exempt.namespace_selector.is_some()
        || rules.iter().any(|rule| rule.matcher.namespace_selector.is_some());
    let mut policy = Policy {
        name,
        revision: String::new(),
        mode: copied(mode.as_ref()).unwrap_or_default(),
        exempt,
        guards: compile_guards(copied(guards.as_ref()).unwrap_or_default()),
        limits: compile_limits(section(limits.clone())),
        asks_namespaces,
        index: Index::new(&rules),
        rules,
        defaults: compile_defaults(copied(defaults.as_ref()).unwrap_or_default()),
        stored: compile_stored(copied(stored.as_ref()).unwrap_or_default()),
        scheduler: compile_scheduler(copied(scheduler.as_ref()).unwrap_or_default()),
    };
    policy.revision = revision::of(&policy);
    policy
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
    let Guards {
        owned_by_other,
        deploy_hooks,
        gitops_tracked,
        floor,
        allow_owners,
        gitops_marks,
        written: _,
    } = guards;
    let GitOpsMarks { labels, annotations, managers, written: _ } =
        value(gitops_marks).unwrap_or_default();
    let mut marks = Marks::built_in();
    add(&mut marks.labels, List::items(labels).into_iter().map(|at| at.value.0));
    add(&mut marks.annotations, List::items(annotations).into_iter().map(|at| at.value.0));
    add(&mut marks.managers, List::items(managers).into_iter().map(|at| at.value.0));
    rule::Guards {
        settings: rule::GuardSettings {
            owned_by_other: value(owned_by_other),
            deploy_hooks: value(deploy_hooks),
            gitops_tracked: value(gitops_tracked),
        },
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

pub(super) fn compile_limits(limits: Limits) -> rule::Limits {
    let Limits { ttl, history, hold, written: _ } = limits;
    let TtlLimits { min, max, written: _ } = value(ttl).unwrap_or_default();
    let HistoryLimits { max: history_max, written: _ } = value(history).unwrap_or_default();
    rule::Limits {
        ttl_min: value(min),
        ttl_max: value(max),
        history_max: value(history_max).map(|count| count.0),
        hold: value(hold),
    }
}

fn compile_rule(rule: At<Rule>, findings: &Findings<'_>) -> rule::Rule {
    let (file, line) = findings.origin(rule.span);
    let Rule {
        name,
        matcher,
        ttl,
        history,
        limits,
        deadlines,
        time_zone,
        mode,
        guards,
        enforce,
        stored,
        reason,
        written: _,
    } = rule.value;
    let History { successful, failed, written: _ } = section(history);
    let Deadlines { active, starting, written: _ } = section(deadlines);
    let RuleGuards { owned_by_other, deploy_hooks, gitops_tracked, written: _ } = section(guards);
    rule::Rule {
        name: value(name).expect("a missing name was reported").0,
        origin: Place { file: file.to_owned(), line },
        matcher: compile_match(section(matcher)),
        enforce: value(enforce).is_some_and(|switch| switch.0),
        reason: value(reason).map(|reason| reason.0),
        settings: Settings {
            ttl: value(ttl).and_then(|ttl| ttl.compile()),
            history_successful: value(successful).map(|count| count.0),
            history_failed: value(failed).map(|count| count.0),
            limits: compile_limits(section(limits)),
            deadline_active: value(active).map(|wait| wait.0),
            deadline_starting: value(starting).map(|wait| wait.0),
            time_zone: value(time_zone),
            mode: value(mode),
            stored: value(stored),
            guards: rule::GuardSettings {
                owned_by_other: value(owned_by_other),
                deploy_hooks: value(deploy_hooks),
                gitops_tracked: value(gitops_tracked),
            },
        },
    }
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
        labels: value(labels).map_or_else(Vec::new, |labels| labels.0),
        annotations: value(annotations).map_or_else(Vec::new, |annotations| annotations.0),
        selector: value(selector),
    }
}

fn compile_defaults(defaults: Defaults) -> Settings {
    let Defaults { ttl, history, deadlines, time_zone, written: _ } = defaults;
    let History { successful, failed, written: _ } = section(history);
    let Deadlines { active, starting, written: _ } = section(deadlines);
    Settings {
        ttl: value(ttl).and_then(|ttl| ttl.compile()),
        history_successful: value(successful).map(|count| count.0),
        history_failed: value(failed).map(|count| count.0),
        deadline_active: value(active).map(|wait| wait.0),
        deadline_starting: value(starting).map(|wait| wait.0),
        time_zone: value(time_zone),
        ..Settings::default()
    }
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
        grace: value(grace).unwrap_or(DEFAULT_GRACE),
        selector: value(selector),
        cluster_time_zone: value(cluster_time_zone),
    }
}

fn value<T>(at: Option<At<T>>) -> Option<T> {
    at.map(|at| at.value)
}

fn copied<T: Clone>(at: Option<&At<T>>) -> Option<T> {
    at.map(|at| at.value.clone())
}

fn section<T: Default>(at: Option<At<Box<T>>>) -> T {
    at.map_or_else(T::default, |at| *at.value)
}

fn values<T>(list: Vec<At<T>>) -> Vec<T> {
    list.into_iter().map(|at| at.value).collect()
}

/// No policy that people write comes near it, and it bounds what a bad one costs.
const MAX_FILE_BYTES: usize = 1 << 20;

/// `guards.floor` where it is not given.
const DEFAULT_FLOOR: Seconds = Seconds::of(600);

/// `stored.rate` where it is not given.
const DEFAULT_RATE: u32 = 50;

/// `stored.brake.atMost` where it is not given.
const DEFAULT_BRAKE: u32 = 200;

/// `scheduler.grace` where it is not given.
pub(crate) const DEFAULT_GRACE: Seconds = Seconds::of(30);
