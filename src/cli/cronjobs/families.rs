//! `CronJob`s with their Jobs, as they were read.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::scheduler::view::read::{child, owner};

/// Namespace and name.
type Key = (String, String);

/// All `CronJob`s, by namespace and name, and their Jobs.
#[derive(Debug, Default)]
pub(super) struct Families {
    cronjobs: BTreeMap<Key, Json>,
    /// By the `CronJob` that their controller reference names, whose uid may be another.
    jobs: BTreeMap<Key, Vec<Json>>,
    foreign: BTreeMap<String, usize>,
}

// === impl Families ===

impl Families {
    /// Adds an object, in this namespace where it names none. Other kinds are only counted.
    ///
    /// # Errors
    /// Why the object has no place here.
    pub(super) fn add(&mut self, mut json: Json, namespace: &str) -> Result<(), String> {
        let field = |name: &str| json[name].as_str().unwrap_or_default();
        let kind = match (field("apiVersion"), field("kind")) {
            ("batch/v1", kind @ ("CronJob" | "Job")) => kind.to_owned(),
            (version, kind @ ("CronJob" | "Job")) => {
                *self.foreign.entry(format!("{kind} of {version:?}")).or_default() += 1;
                return Ok(());
            }
            (_, kind) => {
                *self.foreign.entry(kind.to_owned()).or_default() += 1;
                return Ok(());
            }
        };
        if json["metadata"]["namespace"].is_null() {
            json["metadata"]["namespace"] = namespace.into();
        }
        let text = |field: &str| json["metadata"][field].as_str().map(str::to_owned);
        let (Some(namespace), Some(name)) = (text("namespace"), text("name")) else {
            return Err("it has no name; a stored object has one".to_owned());
        };
        if kind == "CronJob" {
            let cronjob = lean(json, "jobTemplate");
            if self.cronjobs.insert((namespace, name), cronjob).is_some() {
                return Err("it is there twice".to_owned());
            }
            return Ok(());
        }
        if let Some(owner) = owner(&json) {
            child(&json, owner.uid).map_err(|bad| bad.to_string())?;
            let key = (namespace, owner.name.to_owned());
            self.jobs.entry(key).or_default().push(lean(json, "template"));
        }
        Ok(())
    }

    /// Each `CronJob` with its Jobs.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Json, &[Json])> {
        let jobs = |key: &Key| self.jobs.get(key).map(Vec::as_slice).unwrap_or_default();
        self.cronjobs.iter().map(move |(key, cronjob)| (cronjob, jobs(key)))
    }

    /// How many objects of other kinds there were.
    pub(super) const fn foreign(&self) -> &BTreeMap<String, usize> {
        &self.foreign
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.cronjobs.is_empty()
    }

    /// Whether the zone of the cluster matters to any of them.
    pub(super) fn need_a_zone(&self) -> bool {
        self.cronjobs.values().any(|cronjob| cronjob["spec"]["timeZone"].is_null())
    }

    /// Whether there is no Job of any, although some were started.
    pub(super) fn lack_jobs(&self) -> bool {
        let started = |cronjob: &Json| !cronjob["status"]["lastScheduleTime"].is_null();
        self.jobs.is_empty() && self.cronjobs.values().any(started)
    }
}

/// Without what is large and not read: a cluster may hold a hundred thousand Jobs.
fn lean(mut json: Json, template: &str) -> Json {
    for (part, member) in [("metadata", "managedFields"), ("spec", template)] {
        if let Some(members) = json[part].as_object_mut() {
            members.remove(member);
        }
    }
    if let Some(annotations) = json["metadata"]["annotations"].as_object_mut() {
        annotations.retain(|key, _| key == crate::batch::annotation::SCHEDULED);
    }
    json
}
