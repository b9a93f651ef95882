//! `CronJob`s with their Jobs, as they were read.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value as Json;

use crate::batch::edits::{self, InForce};
use crate::batch::{Child, Kind, Object, namespace};

/// Namespace and name.
type Key = (String, String);

/// All `CronJob`s, by namespace and name, and their Jobs.
#[derive(Debug, Default)]
pub(super) struct Families {
    cronjobs: BTreeMap<Key, (Json, Option<InForce>)>,
    /// By the `CronJob` that their controller reference names, whose uid may be another.
    jobs: BTreeMap<Key, Vec<Json>>,
    /// Every Job, whoever controls it, by namespace.
    there: HashMap<String, HashSet<String>>,
    /// Whether they were read at a cluster, with everything that it tells: there are no other Jobs
    /// than these.
    pub(super) complete: bool,
    /// The namespaces that are being deleted.
    terminating: HashSet<String>,
    /// How many objects of other kinds there were.
    pub(super) foreign: BTreeMap<String, usize>,
}

/// A `CronJob` with its Jobs, and what is known beside them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Family<'f> {
    pub(super) cronjob: &'f Json,
    /// Since when its spec is in force, as far as that is known.
    pub(super) in_force: Option<InForce>,
    pub(super) jobs: &'f [Json],
    namespace: &'f str,
    all: &'f Families,
}

// === impl Families ===

impl Families {
    /// None yet, and no Jobs beside those that are going to be added.
    pub(super) fn complete() -> Self {
        Self { complete: true, ..Self::default() }
    }

    /// Adds an object, in this namespace where it names none. Other kinds are only counted.
    ///
    /// # Errors
    /// Why the object has no place here.
    pub(super) fn add(&mut self, mut json: Json, namespace: &str) -> Result<(), String> {
        let field = |name: &str| json[name].as_str().unwrap_or_default();
        let (version, kind) = (field("apiVersion"), field("kind").to_owned());
        let is_known = kind == "CronJob" || kind == "Job";
        if (version, &*kind) == ("v1", "Namespace") {
            self.add_namespace(&json);
            return Ok(());
        }
        if !is_known || version != "batch/v1" {
            let kind = if is_known { format!("{kind} of {version:?}") } else { kind };
            *self.foreign.entry(kind).or_default() += 1;
            return Ok(());
        }
        if json["metadata"]["namespace"].as_str().is_none_or(str::is_empty) {
            json["metadata"]["namespace"] = namespace.into();
        }
        let text = |field: &str| json["metadata"][field].as_str().map(str::to_owned);
        let (Some(namespace), Some(name)) = (text("namespace"), text("name")) else {
            return Err("it has no name; a stored object has one".to_owned());
        };
        if kind == "CronJob" {
            let in_force = edits::stored(&json);
            let cronjob = lean(json, "jobTemplate");
            if self.cronjobs.insert((namespace, name), (cronjob, in_force)).is_some() {
                return Err("it is there twice".to_owned());
            }
            return Ok(());
        }
        self.there.entry(namespace.clone()).or_default().insert(name);
        let json = lean(json, "template");
        let object = Object::stored(Kind::Job, &json)?;
        if let Some(owner) = object.controller() {
            Child::of(&object, &owner.uid)?;
            let key = (namespace, owner.name.to_string());
            self.jobs.entry(key).or_default().push(json);
        }
        Ok(())
    }

    /// Takes note of a namespace that is being deleted.
    pub(super) fn add_namespace(&mut self, namespace: &Json) {
        if let (Some(name), true) =
            (namespace["metadata"]["name"].as_str(), namespace::is_terminating(namespace))
        {
            self.terminating.insert(name.to_owned());
        }
    }

    /// Each `CronJob` with its Jobs.
    pub(super) fn iter(&self) -> impl Iterator<Item = Family<'_>> {
        self.cronjobs.iter().map(|(key, (cronjob, in_force))| Family {
            cronjob,
            in_force: *in_force,
            jobs: self.jobs.get(key).map(Vec::as_slice).unwrap_or_default(),
            namespace: &key.0,
            all: self,
        })
    }

    /// Whether the zone of the cluster matters to any of them.
    pub(super) fn need_a_zone(&self) -> bool {
        self.cronjobs.values().any(|(cronjob, _)| cronjob["spec"]["timeZone"].is_null())
    }

    /// Whether there is no Job of any, although some were started.
    pub(super) fn lack_jobs(&self) -> bool {
        let started = |(cronjob, _): &(Json, _)| !cronjob["status"]["lastScheduleTime"].is_null();
        self.jobs.is_empty() && self.cronjobs.values().any(started)
    }
}

// === impl Family ===

impl Family<'_> {
    /// Whether there is a Job of this name beside the `CronJob`. A dump without any Job of the
    /// namespace was made without them.
    pub(super) fn is_there(&self, job: &str) -> Option<bool> {
        let Families { there, complete, .. } = self.all;
        match there.get(self.namespace) {
            Some(jobs) => Some(jobs.contains(job)),
            None => complete.then_some(false),
        }
    }

    pub(super) fn namespace_terminating(&self) -> bool {
        self.all.terminating.contains(self.namespace)
    }
}

/// Without what is large and not read: a cluster may hold a hundred thousand Jobs.
fn lean(mut json: Json, template: &str) -> Json {
    if let Some(spec) = json["spec"].as_object_mut() {
        spec.remove(template);
    }
    if let Some(metadata) = json["metadata"].as_object_mut() {
        metadata.remove("managedFields");
    }
    if let Some(annotations) = json["metadata"]["annotations"].as_object_mut() {
        annotations.retain(|key, _| key == crate::batch::annotation::SCHEDULED);
    }
    json
}
