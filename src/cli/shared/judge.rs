//! Manifests before the policy: each document is put into the shape in which a webhook would see
//! it, judged, and changed where its author wrote it.
//!
//! The decision is made on the object as the API server would have filled it in; the patch that
//! follows is applied to the author's own document, so that no default ends up in anybody's Git.
//! What a webhook finds out from the cluster comes from the other manifests: the `CronJob` of a
//! Job's family, and the labels of a namespace.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use json_patch::{Patch, PatchOperation};
use k8s_openapi::api::batch::v1 as api;
use serde_json::json;
use serde_yaml::{Mapping, Value};

use crate::admission::patch;
use crate::batch::decoding::decode;
use crate::batch::namespace::{self as namespaces, Labels};
use crate::batch::{Kind, Object, defaulting};
use crate::cli::shared::{AsOf, Document, Manifests, Policies};
use crate::policy::decide::RecordChange;
use crate::policy::matching::RuleTrace;
use crate::policy::{Decision, Input, Mode, Operation, Policy, Verdict};

/// What every command wants to know that judges manifests.
#[derive(Clone, Debug, clap::Args)]
pub struct Context {
    #[command(flatten)]
    pub policies: Policies,

    /// Namespace of objects whose manifest names none
    #[arg(short, long, value_name = "NAME", default_value = "default")]
    pub namespace: String,

    #[command(flatten)]
    pub as_of: AsOf,
}

/// Everything that one run knows about the cluster: the manifests, and nothing else.
#[derive(Debug)]
pub struct World {
    /// The `CronJob`s by namespace and name; of two alike both.
    cronjobs: HashMap<String, HashMap<String, Vec<Judgeable>>>,
    /// The labels of the namespaces whose manifests are there, or why nobody knows them.
    namespaces: BTreeMap<String, Result<Labels, String>>,
}

/// A document that a policy has a say about.
#[derive(Debug)]
pub struct Judgeable {
    kind: Kind,
    namespace: String,
    /// As the API server would hand it to a webhook.
    filled: serde_json::Value,
}

/// What is to be judged, and as what.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    pub operation: Operation,
    pub object: &'a Judgeable,
    pub old: Option<&'a Judgeable>,
    pub now: Timestamp,
}

/// A decision about one object, and what it takes to carry it out.
#[derive(Debug)]
pub struct Judged<'p> {
    pub decision: Decision<'p>,
    pub trace: Vec<RuleTrace<'p>>,
    /// What admission would send; empty where it would not act.
    pub patch: Patch,
    /// Why the object stays as it is although a cluster might decide otherwise.
    pub note: Option<String>,
}

// === impl World ===

impl World {
    /// Learns from manifests; objects without a namespace are in `namespace`.
    pub fn new<D: Borrow<Document>>(
        documents: impl IntoIterator<Item = D>,
        namespace: &str,
    ) -> Self {
        let mut world = Self { cronjobs: HashMap::new(), namespaces: BTreeMap::new() };
        for document in documents {
            let document = document.borrow();
            if document.kind() == Kind::CronJob.as_str()
                && let Some(cronjob) = Judgeable::new(document, namespace)
                && let Some(name) = document.metadata("name")
            {
                let named = world.cronjobs.entry(cronjob.namespace.clone()).or_default();
                named.entry(name.to_owned()).or_default().push(cronjob);
            } else if let ("v1", "Namespace", Some(name)) =
                (document.api_version(), document.kind(), document.metadata("name"))
            {
                let labels = namespaces::labels(&document.json());
                let same = |before: &Result<Labels, String>| *before == labels;
                let labels = match world.namespaces.get(name).map(same) {
                    Some(false) => Err("it stands there twice, with different labels".to_owned()),
                    Some(true) | None => labels,
                };
                world.namespaces.insert(name.to_owned(), labels);
            }
        }
        world
    }

    /// Learns from what was read.
    pub fn of(manifests: &Manifests, namespace: &str) -> Self {
        let known = ["CronJob", "Namespace"];
        Self::new(known.iter().flat_map(|kind| manifests.of_kind(kind)), namespace)
    }

    /// Learns the labels of a namespace, with the one that the API server adds.
    ///
    /// # Errors
    /// Which of them is none.
    pub fn learn_namespace(
        &mut self,
        name: &str,
        labels: &serde_json::Value,
    ) -> Result<(), String> {
        let labels = namespaces::labels(&json!({"metadata": {"name": name, "labels": labels}}))?;
        self.namespaces.insert(name.to_owned(), Ok(labels));
        Ok(())
    }

    /// Judges one object.
    ///
    /// # Errors
    /// A sentence that says why the object cannot be judged; a webhook lets such a one pass, and
    /// the API server refuses it.
    pub fn judge<'p>(
        &self,
        question: Question<'_>,
        policy: &'p Policy,
    ) -> Result<Judged<'p>, String> {
        let Question { operation, object: judgeable, old, now } = question;
        if operation != Operation::Stored {
            judgeable.refuse()?;
        }
        let object = judgeable.object()?;
        let old = old.map(Judgeable::object).transpose()?;
        let cronjob = self.cronjob_of(&object, &judgeable.namespace);
        let labels = match self.namespaces.get(&judgeable.namespace) {
            None => None,
            Some(Ok(labels)) => Some(namespaces::view(labels)),
            Some(Err(problem)) => {
                return Err(format!("namespace/{}: {problem}", judgeable.namespace));
            }
        };
        let input = Input {
            operation,
            object: &object,
            old: old.as_ref(),
            cronjob: cronjob.as_ref(),
            namespace: &judgeable.namespace,
            namespace_labels: labels.as_ref(),
            own_namespace: None,
            now,
        };
        let judged = Judged::new(policy, &input);
        let note = note(&judged.decision, &object, &judgeable.namespace);
        Ok(Judged { note, ..judged })
    }

    /// The `CronJob` to whose family a Job belongs. A manifest that never was in a cluster has no
    /// uid, and then the name must do.
    fn cronjob_of(&self, job: &Object<'_>, namespace: &str) -> Option<Object<'_>> {
        let owner = job.cronjob_owner()?;
        let named = self.cronjobs.get(namespace)?.get(&*owner.name)?;
        let mut readable = named.iter().filter_map(|cronjob| cronjob.object().ok());
        readable
            .find(|cronjob| cronjob.metadata.uid.as_deref().is_none_or(|uid| uid == &*owner.uid))
    }
}

// === impl Judged ===

impl<'p> Judged<'p> {
    /// Judges by what is known, without a note.
    pub fn new(policy: &'p Policy, input: &Input<'_>) -> Self {
        let mut decision = policy.decide(input);
        // Only the labels are not told here: a cluster knows its namespaces.
        if decision.verdict == Verdict::UnknownNamespace {
            decision.own_record = RecordChange::Keep;
        }
        let patch = match decision.mode {
            Mode::Enforce => patch::operations(&decision, input.object),
            Mode::DryRun | Mode::Off => Patch(Vec::new()),
        };
        Self { decision, trace: policy.trace(input), patch, note: None }
    }
}

// === impl Judgeable ===

impl Judgeable {
    /// A document as a webhook would see it; `None` where no webhook of ours would be called.
    pub fn new(document: &Document, namespace: &str) -> Option<Self> {
        if document.api_version() != "batch/v1" {
            return None;
        }
        let kind = Kind::parse(document.kind())?;
        let mut filled = document.json();
        defaulting::fill(kind, &mut filled);
        let namespace = document.metadata("namespace").unwrap_or(namespace).to_owned();
        Some(Self { kind, namespace, filled })
    }

    /// The namespace, the default one where the manifest has none.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// What a webhook would be sent.
    pub const fn filled(&self) -> &serde_json::Value {
        &self.filled
    }

    /// Refuses what the API server refuses, because a field has the wrong type.
    ///
    /// # Errors
    /// A sentence that names the field.
    pub fn refuse(&self) -> Result<(), String> {
        let refused = match self.kind {
            Kind::CronJob => decode::<api::CronJob>(&self.filled).err(),
            Kind::Job => decode::<api::Job>(&self.filled).err(),
        };
        refused.map_or(Ok(()), |refused| Err(format!("an API server refuses it: {refused}")))
    }

    /// The object as the policy sees it.
    ///
    /// # Errors
    /// A sentence that says what is missing or has the wrong type.
    pub fn object(&self) -> Result<Object<'_>, String> {
        Object::from_json(self.kind, &self.filled)
    }
}

/// Applies a patch that was computed on the filled-in object to what the author wrote.
///
/// Only defaults tell the two apart, so every parent that a patch relies on is there; a `remove`
/// of a default finds nothing, which is what it asks for, and is left out of what is returned.
///
/// # Errors
/// Where the patch does not fit, which is ours to mend.
pub fn apply(patch: &Patch, author: &mut Value) -> anyhow::Result<Patch> {
    let mut applied = Vec::with_capacity(patch.0.len());
    for operation in &patch.0 {
        let (pointer, value) = match operation {
            PatchOperation::Add(add) => (&add.path, Some(&add.value)),
            PatchOperation::Remove(remove) => (&remove.path, None),
            PatchOperation::Replace(replace) => (&replace.path, Some(&replace.value)),
            other => {
                anyhow::bail!("a patch of ours has an operation that it must not have: {other:?}")
            }
        };
        let tokens: Vec<String> =
            pointer.tokens().map(|token| token.decoded().into_owned()).collect();
        let (field, parents) = tokens
            .split_last()
            .ok_or_else(|| anyhow::anyhow!("a patch of ours replaces the whole object"))?;
        let mut parent: Option<&mut Mapping> = author.as_mapping_mut();
        for token in parents {
            parent = parent.and_then(|map| map.get_mut(token.as_str())?.as_mapping_mut());
        }
        match (parent, value) {
            (Some(map), Some(value)) => {
                map.insert(Value::from(field.as_str()), serde_yaml::to_value(value)?);
                applied.push(operation.clone());
            }
            (Some(map), None) => {
                if map.shift_remove(field.as_str()).is_some() {
                    applied.push(operation.clone());
                }
            }
            (None, Some(_)) => anyhow::bail!("a patch of ours has no place at {pointer}"),
            (None, None) => {}
        }
    }
    Ok(Patch(applied))
}

/// What a manifest alone cannot answer, and how to help.
fn note(decision: &Decision<'_>, object: &Object<'_>, namespace: &str) -> Option<String> {
    match &decision.verdict {
        Verdict::UnknownCronJob => {
            let owner = object.cronjob_owner().map_or("", |owner| &*owner.name);
            Some(format!("left as it is: its CronJob {owner} is not among the manifests"))
        }
        Verdict::UnknownNamespace => Some(format!(
            "left as it is: a rule asks for labels of namespace {namespace}, whose manifest is \
             not among the manifests"
        )),
        _ if decision.mode == Mode::DryRun && decision.changes() => {
            Some("left as it is: the policy is in mode DryRun here".to_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use json_patch::Patch;
    use serde_json::json;

    use super::apply;
    use crate::cli::shared::yaml;

    #[rstest::rstest]
    #[case::a_field(
        "spec: {}\n",
        json!([{"op": "add", "path": "/spec/a", "value": 1}]),
        "spec:\n  a: 1\n"
    )]
    #[case::in_its_place(
        "spec: {a: 1, b: 2}\n",
        json!([{"op": "add", "path": "/spec/a", "value": 3}]),
        "spec:\n  a: 3\n  b: 2\n"
    )]
    #[case::a_whole_map(
        "metadata:\n  annotations: null\n",
        json!([{"op": "add", "path": "/metadata/annotations", "value": {"a/b": "c"}}]),
        "metadata:\n  annotations:\n    a/b: c\n"
    )]
    #[case::a_key_with_a_slash(
        "metadata: {annotations: {a/b: c, d: e}}\n",
        json!([{"op": "remove", "path": "/metadata/annotations/a~1b"}]),
        "metadata:\n  annotations:\n    d: e\n"
    )]
    fn a_patch_fits(#[case] text: &str, #[case] patch: serde_json::Value, #[case] expected: &str) {
        let patch: Patch = serde_json::from_value(patch).unwrap();
        let mut value = yaml::parse(text).unwrap();
        assert_eq!(apply(&patch, &mut value).unwrap(), patch);
        assert_eq!(yaml::emit(&value), expected);
    }

    #[test]
    fn taking_away_a_default_that_nobody_wrote_is_nothing() {
        let patch = json!([{"op": "remove", "path": "/spec/successfulJobsHistoryLimit"}]);
        let patch: Patch = serde_json::from_value(patch).unwrap();
        let mut value = yaml::parse("spec: {schedule: x}\n").unwrap();
        assert_eq!(apply(&patch, &mut value).unwrap(), Patch(Vec::new()));
        assert_eq!(yaml::emit(&value), "spec:\n  schedule: x\n");
    }

    #[rstest::rstest]
    #[case::no_parent(json!([{"op": "add", "path": "/spec/jobTemplate/a", "value": 1}]))]
    #[case::the_whole_object(json!([{"op": "add", "path": "", "value": {}}]))]
    #[case::another_operation(json!([{"op": "copy", "from": "/spec", "path": "/other"}]))]
    fn a_patch_that_does_not_fit_is_an_error(#[case] patch: serde_json::Value) {
        let patch: Patch = serde_json::from_value(patch).unwrap();
        assert!(apply(&patch, &mut yaml::parse("spec: {}\n").unwrap()).is_err());
    }
}
