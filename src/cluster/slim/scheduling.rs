//! What is kept of a `CronJob` for the sake of its starts.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::keep::is_large_template;
use super::{Decoder, Second, Symbol, Uid, Version};
use crate::batch::Text;
use crate::scheduler::view::edits::{self, Entry, InForce};

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

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow, default)]
    metadata: MetadataWire<'a>,
    #[serde(borrow)]
    spec: SpecWire<'a>,
    #[serde(borrow)]
    status: Option<StatusWire<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MetadataWire<'a> {
    generation: Option<i64>,
    #[serde(borrow)]
    managed_fields: Option<Vec<Entry<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpecWire<'a> {
    suspend: Option<bool>,
    #[serde(borrow)]
    concurrency_policy: Option<Text<'a>>,
    #[serde(borrow)]
    job_template: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StatusWire<'a> {
    #[serde(borrow)]
    active: Option<Vec<ListedWire<'a>>>,
    #[serde(borrow)]
    last_schedule_time: Option<Text<'a>>,
    #[serde(borrow)]
    last_successful_time: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListedWire<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    uid: Text<'a>,
    #[serde(borrow)]
    resource_version: Option<Text<'a>>,
}

// === impl Scheduling ===

impl Scheduling {
    pub(super) fn decode(json: &str, decoder: &mut Decoder) -> Result<Self, String> {
        let Wire { metadata, spec, status } =
            serde_json::from_str(json).map_err(|error| error.to_string())?;
        let StatusWire { active, last_schedule_time, last_successful_time } =
            status.unwrap_or_default();
        let managers = metadata.managed_fields.unwrap_or_default();
        let built_in = managers.iter().filter(|one| {
            &*one.manager == "kube-controller-manager" && &*one.subresource == "status"
        });
        let listed = |one: ListedWire<'_>| Listed {
            name: (&*one.name).into(),
            uid: Uid::from(&*one.uid),
            version: one.resource_version.as_deref().map(Version::from),
        };
        let template = spec.job_template.map(RawValue::get);
        let template = template.filter(|text| decoder.keep.template(text.len()));
        Ok(Self {
            generation: metadata.generation.unwrap_or_default(),
            suspended: spec.suspend.unwrap_or_default(),
            concurrency: spec.concurrency_policy.map(|text| decoder.interner.intern(&text)),
            active: active.into_iter().flatten().map(listed).collect(),
            last_schedule: last_schedule_time.as_deref().and_then(Second::parse),
            last_successful: last_successful_time.as_deref().and_then(Second::parse),
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
