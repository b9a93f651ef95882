//! What is kept of a Job.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;

use super::{Decoder, Key, Meta, Second, Slim};
use crate::batch::object::{Condition, Metadata, Spec, Status};
use crate::batch::{Finish, Kind, Object, Outcome, Text};

/// A stored Job.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    pub meta: Meta,
    /// `spec.ttlSecondsAfterFinished`: an int32, so [`Job::ttl`] gives it as decisions take it.
    ttl: Option<i32>,
    active_deadline: Option<i64>,
    /// `status.startTime`: history goes by it.
    started: Option<Second>,
    /// `status.completionTime`: a `CronJob`'s last success goes by it.
    completed: Option<Second>,
    /// `spec.suspend`.
    pub suspended: bool,
    /// Whether a Pod of it ever ran, as far as its status tells.
    pub ran: bool,
    /// How it ended, and when.
    end: Option<(Outcome, Option<Second>)>,
    /// How many Pods its status counts, all of which go with it.
    pub pods: u32,
    /// The length of its JSON: about what the API server keeps in etcd.
    pub bytes: u32,
}

#[derive(Deserialize)]
struct JobWire<'a> {
    #[serde(borrow, default)]
    metadata: Metadata<'a>,
    spec: Option<JobSpec>,
    #[serde(borrow)]
    status: Option<Status<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JobSpec {
    ttl_seconds_after_finished: Option<i32>,
    active_deadline_seconds: Option<i64>,
    suspend: Option<bool>,
}

#[derive(Deserialize)]
struct JobExtra<'a> {
    #[serde(borrow)]
    status: Option<Counters<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Counters<'a> {
    active: Option<u32>,
    succeeded: Option<u32>,
    failed: Option<u32>,
    ready: Option<u32>,
    #[serde(borrow)]
    completion_time: Option<Text<'a>>,
}

// === impl Job ===

impl Job {
    /// `spec.ttlSecondsAfterFinished`.
    pub fn ttl(&self) -> Option<i64> {
        self.ttl.map(i64::from)
    }

    /// How and when it ended; `None` where it has not.
    pub fn finish(&self) -> Option<Finish> {
        self.end.map(|(outcome, at)| Finish { outcome, at: at.map(Second::time) })
    }

    /// `status.startTime`.
    pub fn started(&self) -> Option<Timestamp> {
        self.started.map(Second::time)
    }

    /// `status.completionTime`.
    pub fn completed(&self) -> Option<Timestamp> {
        self.completed.map(Second::time)
    }

    /// Whether somebody has asked for it to be deleted.
    pub fn is_terminating(&self) -> bool {
        self.meta.ending.is_some()
    }

    /// The Job as a policy judges it.
    pub fn view(&self) -> Object<'_> {
        let condition = self.finish().map(|Finish { outcome, at }| Condition {
            r#type: outcome.condition().into(),
            status: "True".into(),
            last_transition_time: at.map(|at| Text(Cow::Owned(at.to_string()))),
        });
        Object {
            kind: Kind::Job,
            metadata: self.meta.view(Kind::Job),
            spec: Spec {
                ttl_seconds_after_finished: self.ttl(),
                active_deadline_seconds: self.active_deadline,
                ..Spec::default()
            },
            status: Status {
                start_time: self.started.map(|at| Text(Cow::Owned(at.time().to_string()))),
                conditions: Some(condition.into_iter().collect()),
                last_schedule_time: None,
            },
        }
    }
}

impl Slim for Job {
    type Like = k8s_openapi::api::batch::v1::Job;

    fn decode(json: &str, decoder: &mut Decoder) -> Result<Self, String> {
        let read = |error: serde_json::Error| error.to_string();
        let JobWire { metadata, spec, status } = serde_json::from_str(json).map_err(read)?;
        let extra: JobExtra<'_> = serde_json::from_str(json).map_err(read)?;
        let spec = spec.ok_or("it has no spec")?;
        let Counters { active, succeeded, failed, ready, completion_time } =
            extra.status.unwrap_or_default();
        let meta = Meta::new(Kind::Job, &metadata, decoder)?;
        let status = status.unwrap_or_default();
        let started = status.start_time.as_deref().and_then(Second::parse);
        let conditions = Object { kind: Kind::Job, metadata, spec: Spec::default(), status };
        let end =
            Finish::of(&conditions).map(|finish| (finish.outcome, finish.at.map(Second::from)));
        Ok(Self {
            meta,
            ttl: spec.ttl_seconds_after_finished,
            active_deadline: spec.active_deadline_seconds,
            started,
            completed: completion_time.as_deref().and_then(Second::parse),
            suspended: spec.suspend.unwrap_or_default(),
            ran: [ready, succeeded, failed].into_iter().flatten().any(|count| count > 0),
            end,
            pods: [active, succeeded, failed].into_iter().flatten().fold(0, u32::saturating_add),
            bytes: u32::try_from(json.len()).unwrap_or(u32::MAX),
        })
    }

    fn key(&self) -> Key {
        self.meta.key()
    }
}
