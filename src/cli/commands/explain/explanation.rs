//! The answer as data.

use jiff::Timestamp;
use serde::Serialize;

use super::deadlines::{self, Deadline};
use crate::batch::Object;
use crate::cli::shared::{Judged, advice};
use crate::policy::decide::{GuardHit, Origin};
use crate::policy::lint::Lint;
use crate::policy::matching::{Matched, Missed, RuleTrace};
use crate::policy::record::DEFAULTS;
use crate::policy::resolve::{Resolved, Supplied, Supplier};
use crate::policy::{Decision, Guard, Mode, Operation, Policy, Value, Verdict};
use crate::sweeper::{Action, Judgement, PlanId, Reason};

/// Everything there is to say about one object.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Explanation {
    pub(super) object: String,
    pub(super) namespace: String,
    pub(super) operation: &'static str,
    pub(super) now: Timestamp,
    pub(super) policy: String,
    pub(super) revision: String,
    pub(super) mode: &'static str,
    pub(super) verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) why: Option<String>,
    pub(super) guards: Vec<GuardHit>,
    /// What rules enforce, and a guard keeps from the object.
    pub(super) withheld: Vec<String>,
    pub(super) rules: Vec<Traced>,
    pub(super) settings: Vec<Decided>,
    pub(super) supplied: Vec<Given>,
    /// Of a live object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sweeper: Option<Sweeps>,
    pub(super) deadlines: Vec<Deadline>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) earliest: Option<Timestamp>,
    /// What a client would be told.
    pub(super) warnings: Vec<String>,
    /// What is odd about the object under this policy.
    pub(super) lint: Vec<Lint>,
    pub(super) changes: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) note: Option<String>,
}

/// What an explanation is about.
pub(super) struct About<'a> {
    /// What the object is called on the command line.
    pub(super) title: String,
    pub(super) namespace: &'a str,
    pub(super) object: &'a Object<'a>,
    pub(super) operation: Operation,
    pub(super) now: Timestamp,
}

/// A rule, and what became of it.
#[derive(Debug, Serialize)]
pub(super) struct Traced {
    pub(super) rule: String,
    pub(super) origin: String,
    pub(super) result: &'static str,
    /// The field that missed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) missed: Option<String>,
    /// The settings for which this rule was the first.
    pub(super) supplies: Vec<&'static str>,
}

/// A setting, as it is and as it shall be.
#[derive(Debug, Serialize)]
pub(super) struct Decided {
    pub(super) setting: &'static str,
    pub(super) author: Value,
    pub(super) present: Value,
    pub(super) target: Value,
    /// The rule, or the reserved word in its place.
    pub(super) by: String,
    /// Where the rule stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) origin: Option<String>,
}

/// A setting that somebody supplies.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Given {
    pub(super) setting: &'static str,
    pub(super) value: String,
    /// The rule's name, or `defaults`.
    pub(super) by: String,
    /// Where the rule stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) origin: Option<String>,
}

/// What the sweeper does about a stored object.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Sweeps {
    /// What the policy lets it do here.
    pub(super) stored: &'static str,
    pub(super) does: Vec<Step>,
    /// What to approve before it does that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) held: Option<PlanId>,
}

/// One action.
#[derive(Debug, Serialize)]
pub(super) struct Step {
    pub(super) action: &'static str,
    pub(super) why: String,
    /// When to look again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<Timestamp>,
}

// === impl Explanation ===

impl Explanation {
    pub(super) fn new(about: About<'_>, judged: Judged<'_>, policy: &Policy) -> Self {
        let About { title, namespace, object, operation, now } = about;
        let Judged { decision, trace, patch: _, note } = judged;
        let deadlines = deadlines::of(object, operation, &decision);
        let lint = advice::about(object, &decision, now);
        let changes = decision.mode == Mode::Enforce && decision.changes();
        let note = note.or_else(|| decision.no_room.then(|| Reason::NoRoom.to_string()));
        let Decision { mode, verdict, guards, settings, resolved, warnings, withheld, .. } =
            decision;
        Self {
            object: title,
            namespace: namespace.to_owned(),
            operation: match operation {
                Operation::Create => "create",
                Operation::Stored => "stored",
                Operation::Update => "update",
            },
            now,
            policy: policy.name.clone(),
            revision: policy.revision.clone(),
            mode: mode.as_str(),
            why: why(&verdict),
            verdict: verdict.as_str(),
            guards,
            withheld: withheld.iter().map(ToString::to_string).collect(),
            rules: trace.iter().map(|trace| Traced::new(trace, &resolved)).collect(),
            settings: settings
                .into_iter()
                .map(|settled| Decided {
                    setting: settled.setting.as_str(),
                    author: settled.author,
                    present: settled.present,
                    target: settled.target,
                    by: settled.source.as_str().to_owned(),
                    origin: match settled.source {
                        Origin::Rule(rule) => Some(rule.origin.to_string()),
                        _ => None,
                    },
                })
                .collect(),
            supplied: supplied(&resolved),
            sweeper: None,
            earliest: deadlines::earliest(&deadlines),
            deadlines,
            warnings,
            lint,
            changes,
            note,
        }
    }
}

// === impl Traced ===

impl Traced {
    fn new(trace: &RuleTrace<'_>, resolved: &Resolved<'_>) -> Self {
        let RuleTrace { rule, matched } = trace;
        let (result, missed) = match matched {
            Matched::Hit => ("hit", None),
            Matched::Miss(missed) => ("miss", Some(field(missed))),
            Matched::Unknown => ("unknown", Some("namespaceSelector".to_owned())),
        };
        Self {
            rule: rule.name.clone(),
            origin: rule.origin.to_string(),
            result,
            missed,
            supplies: supplied_by(resolved, &rule.name),
        }
    }
}

// === impl Sweeps ===

impl Sweeps {
    pub(super) fn new(judgement: &Judgement<'_>, held: Option<PlanId>) -> Self {
        let step = |action: &Action| Step {
            action: action.as_str(),
            why: action.reason().to_string(),
            at: match action {
                Action::Wait { until, .. } => Some(*until),
                _ => None,
            },
        };
        Self {
            stored: judgement.stored.as_str(),
            does: judgement.actions.iter().map(step).collect(),
            held,
        }
    }
}

/// The field of `match` that missed, as the policy file names it.
fn field(missed: &Missed) -> String {
    match missed {
        Missed::Annotation(key) => format!("annotations {key}"),
        Missed::Kinds => "kinds".to_owned(),
        Missed::Label(key) => format!("labels {key}"),
        Missed::Names => "names".to_owned(),
        Missed::NamespaceSelector => "namespaceSelector".to_owned(),
        Missed::Namespaces => "namespaces".to_owned(),
        Missed::Selector => "selector".to_owned(),
    }
}

/// A sentence about a verdict that is not the common one.
fn why(verdict: &Verdict) -> Option<String> {
    Some(match verdict {
        Verdict::Considered => return None,
        Verdict::Exempt(by) => format!("{by} exempts it: it stays as its author wrote it"),
        Verdict::Guarded => {
            format!("a guard is on {}: it stays as its author wrote it", Guard::Skip.as_str())
        }
        Verdict::NeverConsidered(why) => format!("never considered: {why}"),
        Verdict::Off => "the mode is Off".to_owned(),
        Verdict::UnknownCronJob => "the CronJob that made it is not known".to_owned(),
        Verdict::UnknownNamespace => "the labels of its namespace are not known".to_owned(),
        Verdict::Untouched => "the update changes nothing that the policy looks at".to_owned(),
    })
}

/// Everything that is supplied, in the order of the policy's schema.
fn supplied(resolved: &Resolved<'_>) -> Vec<Given> {
    let given = resolved.stated().map(|(setting, Supplied { value, by })| {
        let rule = by.rule();
        Given {
            setting,
            value: value.to_string(),
            by: rule.map_or(DEFAULTS, |rule| &rule.name).to_owned(),
            origin: rule.map(|rule| rule.origin.to_string()),
        }
    });
    given.collect()
}

/// The settings that a rule was the first to mention.
fn supplied_by(resolved: &Resolved<'_>, rule: &str) -> Vec<&'static str> {
    let by_it = |by: Supplier<'_>| by.rule().is_some_and(|supplier| supplier.name == rule);
    resolved.stated().filter(|(_, given)| by_it(given.by)).map(|(setting, _)| setting).collect()
}
