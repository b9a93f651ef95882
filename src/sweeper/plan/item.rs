//! One line of a plan.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::super::change::Field;
use super::super::decide::{Action, Judgement};
use super::super::reason::Reason;
use super::snapshot::{Objects, Stored, Weight};
use crate::batch::Finish;
use crate::named::named;
use crate::policy::decide::Origin;
use crate::policy::value::Seconds;
use crate::policy::{Setting, Value};

/// One object, what is done about it, and why.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Item {
    pub action: Does,
    pub kind: String,
    pub namespace: String,
    pub name: String,
    pub uid: String,
    pub resource_version: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub finish: Option<Timestamp>,
    /// `Complete` or `Failed`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub outcome: Option<String>,
    /// Seconds since the finish.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub age: Option<i64>,
    /// The rule, or the reserved word, that decides.
    pub rule: String,
    /// Effective TTL in seconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ttl: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub due: Option<Timestamp>,
    pub why: String,
    /// A JSON merge patch.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub patch: Option<Json>,
    /// The `CronJob` that made a Job which is deleted: it is told, too.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cronjob: Option<Family>,
    /// What its deletion would free, estimated.
    pub pods: u64,
    pub bytes: u64,
}

/// The head of a family.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Family {
    pub name: String,
    pub uid: String,
}

named! {
    /// What is done. The order is that of carrying out.
    #[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
    #[serde(rename_all = "lowercase")]
    pub enum Does {
        Patch = "patch",
        Delete = "delete",
        Count = "count",
        Wait = "wait",
    }
}

// === impl Item ===

impl Item {
    pub(super) fn new(
        objects: &Objects<'_>,
        stored: &Stored<'_>,
        judgement: &Judgement<'_>,
        action: &Action,
        now: Timestamp,
    ) -> Self {
        let mut whys = vec![action.reason().to_string()];
        // What a guard keeps from the object is told whatever else is done with it.
        let about_itself = !matches!(action, Action::Delete { .. });
        if about_itself && !matches!(action.reason(), Reason::Withheld(_)) {
            whys.extend(judgement.decision.withheld.iter().map(ToString::to_string));
        }
        let why = whys.join("; ");
        match action {
            // A family's limit ends Jobs that are not the object itself.
            Action::Delete { deletion, .. } => {
                let job = objects.job(&deletion.identity.uid).unwrap_or(stored);
                let Weight { pods, bytes } = job.weight;
                Self {
                    due: Some(deletion.due),
                    finish: Some(deletion.finish),
                    outcome: Some(deletion.outcome.condition().to_owned()),
                    age: Some(now.duration_since(deletion.finish).as_secs()),
                    rule: deletion.rule.clone(),
                    ttl: deletion.ttl,
                    cronjob: job.object.cronjob_owner().map(|owner| Family {
                        name: (*owner.name).to_owned(),
                        uid: (*owner.uid).to_owned(),
                    }),
                    pods,
                    bytes,
                    ..Self::bare(job, Does::Delete, why)
                }
            }
            Action::Patch { change, .. } => {
                let fields: Vec<String> = change.fields.iter().map(written).collect();
                let rule = change.fields.first().map(|field| field.rule.clone());
                let why =
                    if fields.is_empty() { why } else { format!("{why}: {}", fields.join(", ")) };
                Self {
                    patch: Some(change.merge_patch()),
                    rule: rule.unwrap_or_else(|| judgement.rule.clone()),
                    ..Self::about(stored, judgement, Does::Patch, why, now)
                }
            }
            Action::Count { .. } => Self::about(stored, judgement, Does::Count, why, now),
            Action::Wait { .. } => Self::about(stored, judgement, Does::Wait, why, now),
        }
    }

    /// What a plan is sorted by: what saves Jobs first, then what has been due for longest.
    pub(super) fn order(&self) -> impl Ord + use<'_> {
        let Self { action, namespace, kind, name, due, .. } = self;
        (*action, due.unwrap_or(Timestamp::MAX), namespace, kind, name)
    }

    fn about(
        stored: &Stored<'_>,
        judgement: &Judgement<'_>,
        does: Does,
        why: String,
        now: Timestamp,
    ) -> Self {
        let finish = judgement.finish;
        let at = finish.and_then(|finish| finish.at);
        Self {
            finish: at,
            outcome: finish.map(|Finish { outcome, .. }| outcome.condition().to_owned()),
            age: at.map(|at| now.duration_since(at).as_secs()),
            rule: if judgement.rule.is_empty() {
                Origin::Author.as_str().to_owned()
            } else {
                judgement.rule.clone()
            },
            ttl: judgement.ttl,
            due: judgement.expiry,
            ..Self::bare(stored, does, why)
        }
    }

    fn bare(stored: &Stored<'_>, action: Does, why: String) -> Self {
        let metadata = &stored.object.metadata;
        let text =
            |text: &Option<crate::batch::Text<'_>>| text.as_deref().unwrap_or_default().to_owned();
        Self {
            action,
            kind: stored.object.kind.as_str().to_owned(),
            namespace: stored.namespace.to_owned(),
            name: text(&metadata.name),
            uid: text(&metadata.uid),
            resource_version: text(&metadata.resource_version),
            finish: None,
            outcome: None,
            age: None,
            rule: Origin::Author.as_str().to_owned(),
            ttl: None,
            due: None,
            why,
            patch: None,
            cronjob: None,
            pods: 0,
            bytes: 0,
        }
    }
}

/// A field of a change for a person: seconds as a policy writes them.
fn written(field: &Field) -> String {
    let Field { setting, from, to, rule: _ } = field;
    let shown = |value: &Value| match (setting, value.number().and_then(Seconds::new)) {
        (Setting::Ttl, Some(seconds)) => seconds.to_string(),
        _ => value.to_string(),
    };
    format!("{} {} to {}", setting.as_str(), shown(from), shown(to))
}
