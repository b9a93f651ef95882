//! What is kept of a `CronJob` for the sake of its starts.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::keep::is_large_template;
use super::{Decoder, Second, Symbol, Uid, Version};
use crate::batch::edits::{self, Entry, InForce};
use crate::batch::object::{self, Active, Object};

/// What its starts depend on, beside the schedule, and what is written down of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scheduling {
    /// `metadata.generation`: another one with each change of the spec.
    pub generation: i64,
    pub suspended: bool,
    /// `spec.concurrencyPolicy`, as it is written.
    pub concurrency: Option<Symbol>,
    /// `status.active`.
    pub active: Box<[Listed]>,
    last_schedule: Option<Second>,
    last_successful: Option<Second>,
    /// When kube-controller-manager last wrote the status.
    built_in_wrote: Option<Second>,
    /// See [`edits::edited`].
    edited: Option<InForce>,
    /// `spec.jobTemplate` word for word, where `CronJob`s are started from what is kept: fields
    /// that this build does not know are the user's all the same. A large one is not kept.
    pub template: Option<Box<str>>,
}

/// An entry of `status.active`.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    pub name: Box<str>,
    pub uid: Uid,
    /// `resourceVersion` of the reference.
    pub version: Option<Version>,
}

/// What nobody reads but who tells of edits, or starts Jobs.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct Wire<'a> {
    #[serde(default)]
    metadata: MetadataWire<'a>,
    spec: SpecWire<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
struct MetadataWire<'a> {
    generation: Option<i64>,
    managed_fields: Option<Vec<Entry<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
struct SpecWire<'a> {
    job_template: Option<&'a RawValue>,
}

// === impl Scheduling ===

impl Scheduling {
    pub(super) fn decode(
        json: &str,
        object: &Object<'_>,
        decoder: &mut Decoder,
    ) -> Result<Self, String> {
        let Wire { metadata, spec } =
            serde_json::from_str(json).map_err(|error| error.to_string())?;
        let managers = metadata.managed_fields.unwrap_or_default();
        let built_in = managers.iter().filter(|one| {
            &*one.manager == "kube-controller-manager" && &*one.subresource == "status"
        });
        let active = match &object.status.active {
            Some(Active::Jobs(jobs)) => jobs.iter().map(Listed::from).collect(),
            Some(Active::Count(_)) => return Err("status.active is no list".to_owned()),
            None => Box::default(),
        };
        let concurrency = object.spec.concurrency_policy.as_deref();
        let template = spec.job_template.map(RawValue::get);
        let template = template.filter(|text| decoder.keep.template(text.len()));
        Ok(Self {
            generation: metadata.generation.unwrap_or_default(),
            suspended: object.spec.suspend.unwrap_or_default(),
            concurrency: concurrency.map(|text| decoder.interner.symbol(text)),
            active,
            last_schedule: Second::of(object.status.last_schedule_time.as_ref()),
            last_successful: Second::of(object.status.last_successful_time.as_ref()),
            built_in_wrote: built_in.filter_map(|one| Second::parse(one.time.as_deref()?)).max(),
            edited: edits::edited(&managers),
            template: template.map(Into::into),
        })
    }

    /// Lets go of a template that was read for one start and is too large to be kept.
    pub fn drop_large_template(&mut self) {
        self.template.take_if(|text| is_large_template(text));
    }

    /// `status.lastScheduleTime`.
    pub fn last_schedule(&self) -> Option<Timestamp> {
        self.last_schedule.map(Second::time)
    }

    /// `status.lastSuccessfulTime`.
    pub fn last_successful(&self) -> Option<Timestamp> {
        self.last_successful.map(Second::time)
    }

    /// Since when the spec of one that was created then has been in force, as far as it tells.
    pub fn in_force(&self, created: Timestamp) -> Option<InForce> {
        edits::in_force(self.generation == 1, created, self.edited)
    }

    /// When kube-controller-manager last wrote the status.
    pub fn built_in_wrote(&self) -> Option<Timestamp> {
        self.built_in_wrote.map(Second::time)
    }
}

// === impl Listed ===

impl From<&object::Listed<'_>> for Listed {
    fn from(listed: &object::Listed<'_>) -> Self {
        let object::Listed { name, uid, resource_version } = listed;
        let version = Some(&**resource_version).filter(|version| !version.is_empty());
        Self { name: (**name).into(), uid: Uid::from(&**uid), version: version.map(Version::from) }
    }
}
