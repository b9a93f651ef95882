//! What is kept of a `CronJob`: what its family is judged by, and what its starts depend on.

use super::keep::{self, beyond};
use super::{Decoder, Key, Meta, Pairs, Scheduling, Slim, wire};
use crate::batch::object::{JobTemplate, Metadata, PodTemplate, Spec, Status, TemplateSpec};
use crate::batch::schedule::Schedule;
use crate::batch::{Kind, Object, Time};
use crate::policy::subject;

/// A stored `CronJob`.
#[derive(Clone, Debug, PartialEq)]
pub struct CronJob {
    pub meta: Meta,
    pub schedule: Option<Box<str>>,
    pub time_zone: Option<Box<str>>,
    /// `spec.startingDeadlineSeconds`.
    pub starting_deadline: Option<i64>,
    pub successful_limit: Option<i64>,
    pub failed_limit: Option<i64>,
    pub scheduling: Scheduling,
    template_labels: Pairs,
    template_annotations: Pairs,
    /// The bytes of the template's annotations that are not kept.
    template_omitted: u32,
    template_ttl: Option<i64>,
    template_active_deadline: Option<i64>,
    /// None where the template has labels of its own, which hide them.
    pod_labels: Pairs,
}

// === impl CronJob ===

impl CronJob {
    /// The `CronJob` as a policy judges it.
    pub fn view(&self) -> Object<'_> {
        let template = Metadata {
            labels: self.template_labels.view(),
            annotations: self.template_annotations.view(),
            omitted: self.template_omitted as usize,
            ..Metadata::default()
        };
        let pod = Metadata { labels: self.pod_labels.view(), ..Metadata::default() };
        Object {
            kind: Kind::CronJob,
            metadata: self.meta.view(Kind::CronJob),
            spec: Spec {
                schedule: self.schedule.as_deref().map(Into::into),
                time_zone: self.time_zone.as_deref().map(Into::into),
                starting_deadline_seconds: self.starting_deadline,
                successful_jobs_history_limit: self.successful_limit,
                failed_jobs_history_limit: self.failed_limit,
                job_template: Some(JobTemplate {
                    metadata: Some(Box::new(template)),
                    spec: Some(TemplateSpec {
                        ttl_seconds_after_finished: self.template_ttl,
                        active_deadline_seconds: self.template_active_deadline,
                        template: Some(PodTemplate { metadata: Some(Box::new(pod)) }),
                    }),
                }),
                ..Spec::default()
            },
            status: Status {
                last_schedule_time: self.scheduling.last_schedule().map(Time::At),
                ..Status::default()
            },
        }
    }
}

impl Slim for CronJob {
    type Like = k8s_openapi::api::batch::v1::CronJob;

    fn decode(json: &str, decoder: &mut Decoder) -> Result<Self, String> {
        let object = wire::object(Kind::CronJob, json)?;
        let (spec, schedule) = (&object.spec, object.spec.schedule.as_deref());
        let none = Metadata::default();
        let template = object.template_metadata().unwrap_or(&none);
        let pod = object.pod_template_metadata().unwrap_or(&none);
        let template_spec = object.template_spec();
        let annotations = Pairs::annotations(template.annotations.as_ref(), decoder);
        // Asked of all labels: those that are kept do not tell.
        let hidden = template.labels.as_ref().is_some_and(subject::has_foreign_key);
        let pod_labels = pod.labels.as_ref().filter(|_| !hidden);
        Ok(Self {
            meta: Meta::new(Kind::CronJob, &object.metadata, decoder)?,
            schedule: schedule.map(|text| beyond(text, Schedule::LONGEST).into()),
            time_zone: spec.time_zone.as_deref().map(|text| keep::name(text).into()),
            starting_deadline: spec.starting_deadline_seconds,
            successful_limit: spec.successful_jobs_history_limit,
            failed_limit: spec.failed_jobs_history_limit,
            scheduling: Scheduling::decode(json, &object, decoder)?,
            template_labels: Pairs::labels(template.labels.as_ref(), decoder),
            template_omitted: annotations.omitted(template),
            template_annotations: annotations,
            template_ttl: template_spec.and_then(|spec| spec.ttl_seconds_after_finished),
            template_active_deadline: template_spec.and_then(|spec| spec.active_deadline_seconds),
            pod_labels: Pairs::labels(pod_labels, decoder),
        })
    }

    fn key(&self) -> Key {
        self.meta.key()
    }
}
