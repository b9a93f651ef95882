//! A borrowed view of a Job or a `CronJob`: the fields that a decision reads, and no others.
//!
//! [`Wire`] is what `serde` fills, for both kinds at once: an `AdmissionReview` names the kind
//! beside the object, in any order, and one pass over the bytes must do. [`Object`] is a `Wire`
//! that can be judged: it has the kind and the parts without which there is nothing to decide.

use std::fmt;

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::decoding::decode;
use super::owner::OwnerReference;
use super::{Kind, Map, Text, Time, mapping, room};

/// A Job or a `CronJob` that can be judged.
#[derive(Clone, Debug)]
pub struct Object<'a> {
    pub kind: Kind,
    pub metadata: Metadata<'a>,
    pub spec: Spec<'a>,
    pub status: Status<'a>,
}

/// A Job or a `CronJob` as it came over the wire.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent, bound(deserialize = "'de: 'a"))]
pub struct Wire<'a>(#[serde(deserialize_with = "mapping::strict")] WireFields<'a>);

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct WireFields<'a> {
    #[serde(default, deserialize_with = "mapping::optional")]
    metadata: Option<Metadata<'a>>,
    #[serde(default, deserialize_with = "mapping::optional")]
    spec: Option<Spec<'a>>,
    #[serde(default, deserialize_with = "mapping::optional")]
    status: Option<Status<'a>>,
}

/// Why an object cannot be judged.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unreadable {
    #[error("it has no spec.jobTemplate.spec")]
    NoJobTemplate,
    #[error("it has no metadata")]
    NoMetadata,
    #[error("it has no spec")]
    NoSpec,
}

/// What we read of `metadata`, of an object or of a template.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
pub struct Metadata<'a> {
    pub name: Option<Text<'a>>,
    pub generate_name: Option<Text<'a>>,
    pub namespace: Option<Text<'a>>,
    pub uid: Option<Text<'a>>,
    /// Opaque; a write that carries it fails if anything changed since.
    pub resource_version: Option<Text<'a>>,
    pub creation_timestamp: Option<Time<'a>>,
    pub deletion_timestamp: Option<Time<'a>>,
    /// `None` where the object has no such map: a patch then adds the map and not a key.
    pub labels: Option<Map<'a>>,
    /// As `labels`.
    pub annotations: Option<Map<'a>>,
    #[serde(default, deserialize_with = "room::list")]
    pub owner_references: Option<Vec<OwnerReference<'a>>>,
    #[serde(default, deserialize_with = "room::list")]
    pub finalizers: Option<Vec<Text<'a>>>,
    #[serde(default, deserialize_with = "room::list")]
    pub managed_fields: Option<Vec<ManagedFields<'a>>>,
    /// The bytes of annotations that the object has and this view leaves out: none where it was read
    /// as it came over the wire.
    #[serde(skip)]
    pub omitted: usize,
}

/// What we read of `spec`: the fields of a Job and of a `CronJob` together.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
pub struct Spec<'a> {
    pub ttl_seconds_after_finished: Option<i64>,
    pub active_deadline_seconds: Option<i64>,
    pub managed_by: Option<Text<'a>>,
    pub parallelism: Option<i64>,
    #[serde(default, deserialize_with = "mapping::optional")]
    pub template: Option<PodTemplate<'a>>,

    /// Of a Job or of a `CronJob`.
    pub suspend: Option<bool>,

    pub concurrency_policy: Option<Text<'a>>,
    pub schedule: Option<Text<'a>>,
    pub time_zone: Option<Text<'a>>,
    pub starting_deadline_seconds: Option<i64>,
    pub successful_jobs_history_limit: Option<i64>,
    pub failed_jobs_history_limit: Option<i64>,
    #[serde(default, deserialize_with = "mapping::optional")]
    pub job_template: Option<JobTemplate<'a>>,
}

/// What we read of a `CronJob`'s `spec.jobTemplate`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub struct JobTemplate<'a> {
    /// Boxed, as in the Pod template: objects are moved about, and most templates have none.
    #[serde(default, deserialize_with = "mapping::optional")]
    pub metadata: Option<Box<Metadata<'a>>>,
    #[serde(default, deserialize_with = "mapping::optional")]
    pub spec: Option<TemplateSpec<'a>>,
}

/// What we read of a `CronJob`'s `spec.jobTemplate.spec`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
pub struct TemplateSpec<'a> {
    pub ttl_seconds_after_finished: Option<i64>,
    pub active_deadline_seconds: Option<i64>,
    #[serde(default, deserialize_with = "mapping::optional")]
    pub template: Option<PodTemplate<'a>>,
}

/// What we read of a Pod template: its labels stand in where a Job has none of its own.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub struct PodTemplate<'a> {
    #[serde(default, deserialize_with = "mapping::optional")]
    pub metadata: Option<Box<Metadata<'a>>>,
}

/// What we read of `status`: the fields of a Job and of a `CronJob` together.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
pub struct Status<'a> {
    pub active: Option<Active<'a>>,

    pub ready: Option<i64>,
    pub succeeded: Option<i64>,
    pub failed: Option<i64>,
    pub uncounted_terminated_pods: Option<UncountedTerminatedPods>,
    pub start_time: Option<Time<'a>>,
    pub completion_time: Option<Time<'a>>,
    #[serde(default, deserialize_with = "room::list")]
    pub conditions: Option<Vec<Condition<'a>>>,

    /// The last start that is written down.
    pub last_schedule_time: Option<Time<'a>>,
    pub last_successful_time: Option<Time<'a>>,
}

/// `status.active`: two fields of one name.
#[derive(Clone, Debug)]
pub enum Active<'a> {
    /// Of a Job: how many Pods run or wait.
    Count(i64),
    /// Of a `CronJob`: the Jobs that run.
    Jobs(Vec<Listed<'a>>),
}

/// What we read of an entry of a `CronJob`'s `status.active`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "'de: 'a"))]
pub struct Listed<'a> {
    pub name: Text<'a>,
    pub uid: Text<'a>,
    pub resource_version: Text<'a>,
}

/// Pods that have ended and are about to be counted.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct UncountedTerminatedPods {
    pub succeeded: Option<Vec<IgnoredAny>>,
    pub failed: Option<Vec<IgnoredAny>>,
}

/// What we read of an entry of `status.conditions`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "'de: 'a"))]
pub struct Condition<'a> {
    pub r#type: Text<'a>,
    pub status: Text<'a>,
    pub reason: Option<Text<'a>>,
    pub last_transition_time: Option<Time<'a>>,
}

/// What we read of an entry of `metadata.managedFields`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "'de: 'a"))]
pub struct ManagedFields<'a> {
    pub manager: Text<'a>,
    pub operation: Text<'a>,
    #[serde(rename = "fieldsV1")]
    pub fields: OwnedFields,
}

/// Which of the fields that we read an entry of `metadata.managedFields` owns.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct OwnedFields {
    #[serde(rename = "f:spec")]
    pub spec: Option<OwnedSpec>,
}

/// See [`OwnedFields`].
#[derive(Clone, Debug, Default, Deserialize)]
pub struct OwnedSpec {
    #[serde(rename = "f:ttlSecondsAfterFinished")]
    pub ttl: Option<IgnoredAny>,
    #[serde(rename = "f:successfulJobsHistoryLimit")]
    pub successful: Option<IgnoredAny>,
    #[serde(rename = "f:failedJobsHistoryLimit")]
    pub failed: Option<IgnoredAny>,
    #[serde(rename = "f:jobTemplate")]
    pub job_template: Option<OwnedTemplate>,
}

/// See [`OwnedFields`].
#[derive(Clone, Debug, Default, Deserialize)]
pub struct OwnedTemplate {
    #[serde(rename = "f:spec")]
    pub spec: Option<OwnedTemplateSpec>,
}

/// See [`OwnedFields`].
#[derive(Clone, Debug, Default, Deserialize)]
pub struct OwnedTemplateSpec {
    #[serde(rename = "f:ttlSecondsAfterFinished")]
    pub ttl: Option<IgnoredAny>,
}

// === impl Object ===

impl<'a> Object<'a> {
    /// Takes an object from the wire, if it has what a decision needs.
    ///
    /// # Errors
    /// Where metadata, spec, or a `CronJob`'s template, is missing: the API server never stores such an
    /// object, and a patch under a missing parent would fail the whole request even under
    /// `failurePolicy: Ignore` (upstream-semantics.md, 5.4).
    pub fn new(kind: Kind, wire: Wire<'a>) -> Result<Self, Unreadable> {
        let Wire(WireFields { metadata, spec, status }) = wire;
        let metadata = metadata.ok_or(Unreadable::NoMetadata)?;
        let spec = spec.ok_or(Unreadable::NoSpec)?;
        let has_template = spec.job_template.as_ref().is_some_and(|t| t.spec.is_some());
        if kind == Kind::CronJob && !has_template {
            return Err(Unreadable::NoJobTemplate);
        }
        Ok(Self { kind, metadata, spec, status: status.unwrap_or_default() })
    }

    /// Reads an object of the given kind from a JSON value.
    ///
    /// # Errors
    /// A sentence for a person: which part has the wrong type, or what is missing.
    pub fn from_json(kind: Kind, value: &'a serde_json::Value) -> Result<Self, String> {
        let wire = decode(value).map_err(|refused| refused.to_string())?;
        Self::new(kind, wire).map_err(|error| error.to_string())
    }

    /// Reads what is stored, to look at it: no patch is made of it, and what is missing is missing.
    ///
    /// # Errors
    /// As [`Object::from_json`], for a wrong type.
    pub fn stored(kind: Kind, value: &'a serde_json::Value) -> Result<Self, String> {
        let Wire(WireFields { metadata, spec, status }) =
            decode(value).map_err(|refused| refused.to_string())?;
        Ok(Self {
            kind,
            metadata: metadata.unwrap_or_default(),
            spec: spec.unwrap_or_default(),
            status: status.unwrap_or_default(),
        })
    }

    /// The name that `names` globs see: the prefix where the API server makes the name, before
    /// and after it is made (policy.md, point 15).
    pub fn match_name(&self) -> &str {
        let Metadata { name, generate_name, .. } = &self.metadata;
        let prefix = generate_name.as_deref().filter(|prefix| !prefix.is_empty());
        prefix.or(name.as_deref()).unwrap_or_default()
    }

    /// `spec.jobTemplate.metadata` of a `CronJob`.
    pub fn template_metadata(&self) -> Option<&Metadata<'a>> {
        self.spec.job_template.as_ref()?.metadata.as_deref()
    }

    /// `spec.jobTemplate.spec` of a `CronJob`.
    pub fn template_spec(&self) -> Option<&TemplateSpec<'a>> {
        self.spec.job_template.as_ref()?.spec.as_ref()
    }

    /// The metadata of the Pod template, of the Job or of the `CronJob`'s Jobs.
    pub fn pod_template_metadata(&self) -> Option<&Metadata<'a>> {
        let template = match self.kind {
            Kind::CronJob => self.template_spec()?.template.as_ref(),
            Kind::Job => self.spec.template.as_ref(),
        };
        template?.metadata.as_deref()
    }

    /// The `CronJob` to whose family a Job belongs.
    pub fn cronjob_owner(&self) -> Option<&OwnerReference<'a>> {
        if self.kind == Kind::CronJob {
            return None;
        }
        let owners = self.metadata.owners();
        OwnerReference::family(owners).map(|position| &owners[position])
    }

    /// The `CronJob` that controls a Job: the one of its family, where that says that it does.
    pub fn controller(&self) -> Option<&OwnerReference<'a>> {
        self.cronjob_owner().filter(|owner| owner.controller == Some(true))
    }

    /// Whether somebody has asked for the object to be deleted.
    pub fn is_terminating(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }
}

// === impl Metadata ===

impl<'a> Metadata<'a> {
    /// The value of a label.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels.as_ref()?.get(key)
    }

    /// The value of an annotation.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(key)
    }

    /// The bytes of all annotations, keys and values, as the API server counts them.
    pub fn annotation_bytes(&self) -> usize {
        let kept = self.annotations.iter().flat_map(Map::iter);
        self.omitted + kept.map(|(key, value)| key.len() + value.len()).sum::<usize>()
    }

    /// The owner references, none where there is no list.
    pub fn owners(&self) -> &[OwnerReference<'a>] {
        self.owner_references.as_deref().unwrap_or_default()
    }

    /// The entries of `managedFields`, none where there is no list.
    pub fn managers(&self) -> &[ManagedFields<'a>] {
        self.managed_fields.as_deref().unwrap_or_default()
    }
}

// === impl Active ===

impl<'de: 'a, 'a> Deserialize<'de> for Active<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ActiveVisitor;

        impl<'de> Visitor<'de> for ActiveVisitor {
            type Value = Active<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or a list")
            }

            fn visit_i64<E>(self, count: i64) -> Result<Self::Value, E> {
                Ok(Active::Count(count))
            }

            fn visit_u64<E>(self, count: u64) -> Result<Self::Value, E> {
                Ok(Active::Count(i64::try_from(count).unwrap_or(i64::MAX)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                let mut jobs = Vec::new();
                while let Some(job) = access.next_element()? {
                    room::push(&mut jobs, job)?;
                }
                Ok(Active::Jobs(jobs))
            }
        }

        deserializer.deserialize_any(ActiveVisitor)
    }
}

// === impl UncountedTerminatedPods ===

impl UncountedTerminatedPods {
    /// Whether there are any.
    pub fn any(&self) -> bool {
        [&self.succeeded, &self.failed].into_iter().flatten().any(|pods| !pods.is_empty())
    }
}
