//! What is kept of a Job.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Decoder, Key, Meta, Second, Slim, Symbol};
use crate::batch::object::{Condition, Metadata, Spec, Status};
use crate::batch::{Finish, Kind, Object, Outcome, Text};
use crate::scheduler::view::Ending;
use crate::scheduler::view::read::BUILT_IN;

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
    /// Whether it wants Pods and none of them is ready or has ended, as the built-in Job controller
    /// tells.
    pub waits: bool,
    end: Option<End>,
    /// How many Pods its status counts, all of which go with it.
    pub pods: u32,
    /// The length of its JSON: about what the API server keeps in etcd.
    pub bytes: u32,
}

/// How far it is with its end.
#[derive(Clone, Debug, PartialEq)]
enum End {
    /// How it ended, and when.
    Over(Outcome, Option<Second>),
    /// Its Pods are being ended. Boxed: hardly any Job is seen so.
    Begun(Box<Begun>),
}

/// A condition that says why.
#[derive(Clone, Debug, PartialEq)]
struct Begun {
    since: Option<Second>,
    why: Symbol,
}

#[derive(Deserialize)]
struct JobWire<'a> {
    #[serde(borrow, default)]
    metadata: Metadata<'a>,
    #[serde(borrow)]
    spec: Option<JobSpec<'a>>,
    #[serde(borrow)]
    status: Option<Status<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JobSpec<'a> {
    #[serde(borrow)]
    managed_by: Option<Text<'a>>,
    ttl_seconds_after_finished: Option<i32>,
    active_deadline_seconds: Option<i64>,
    parallelism: Option<i32>,
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
    #[serde(borrow)]
    conditions: Option<Vec<Said<'a>>>,
    uncounted_terminated_pods: Option<Uncounted>,
}

/// Pods that have ended and are about to be counted.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Uncounted {
    succeeded: Option<Vec<IgnoredAny>>,
    failed: Option<Vec<IgnoredAny>>,
}

/// What else is read of a condition.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Said<'a> {
    #[serde(borrow, default)]
    r#type: Text<'a>,
    #[serde(borrow, default)]
    status: Text<'a>,
    #[serde(borrow)]
    reason: Option<Text<'a>>,
    #[serde(borrow)]
    last_transition_time: Option<Text<'a>>,
}

// === impl Job ===

impl Job {
    /// `spec.ttlSecondsAfterFinished`.
    pub fn ttl(&self) -> Option<i64> {
        self.ttl.map(i64::from)
    }

    /// How and when it ended; `None` where it has not.
    pub fn finish(&self) -> Option<Finish> {
        match self.end {
            Some(End::Over(outcome, at)) => Some(Finish { outcome, at: at.map(Second::time) }),
            Some(End::Begun(_)) | None => None,
        }
    }

    /// That its Pods are being ended, where it is not over yet.
    pub fn ending(&self) -> Option<Ending<'_>> {
        match (&self.end, &self.meta.ending) {
            (Some(End::Begun(begun)), deleted) => {
                let Begun { since, why } = &**begun;
                let since = since.or(deleted.as_ref().and_then(|deleted| deleted.since));
                Some(Ending { since: since.map(Second::time), why: (&**why).into() })
            }
            (None, Some(deleted)) => {
                Some(Ending { since: deleted.since.map(Second::time), why: Ending::DELETED.into() })
            }
            (Some(End::Over(..)), _) | (None, None) => None,
        }
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
        let Counters {
            active,
            succeeded,
            failed,
            ready,
            completion_time,
            conditions: said,
            uncounted_terminated_pods: uncounted,
        } = extra.status.unwrap_or_default();
        let meta = Meta::new(Kind::Job, &metadata, decoder)?;
        let status = status.unwrap_or_default();
        let started = status.start_time.as_deref().and_then(Second::parse);
        let conditions = Object { kind: Kind::Job, metadata, spec: Spec::default(), status };
        let over = Finish::of(&conditions)
            .map(|finish| End::Over(finish.outcome, finish.at.map(Second::from)));
        let is_built_in = spec.managed_by.as_deref().is_none_or(|by| by == BUILT_IN);
        // What the conditions of another controller say before the end is its own affair.
        let said = said.filter(|_| is_built_in);
        let end = over.or_else(|| Some(End::Begun(begun(said?, decoder)?)));
        let Uncounted { succeeded: ok, failed: bad } = uncounted.unwrap_or_default();
        let ran = [ready, succeeded, failed].into_iter().flatten().any(|count| count > 0)
            || [ok, bad].into_iter().flatten().any(|pods| !pods.is_empty());
        Ok(Self {
            meta,
            ttl: spec.ttl_seconds_after_finished,
            active_deadline: spec.active_deadline_seconds,
            started,
            completed: completion_time.as_deref().and_then(Second::parse),
            suspended: spec.suspend.unwrap_or_default(),
            waits: is_built_in && spec.parallelism != Some(0) && !ran,
            end,
            pods: [active, succeeded, failed].into_iter().flatten().fold(0, u32::saturating_add),
            bytes: u32::try_from(json.len()).unwrap_or(u32::MAX),
        })
    }

    fn key(&self) -> Key {
        self.meta.key()
    }
}

/// The condition with which the Job controller began to end a Job.
fn begun(said: Vec<Said<'_>>, decoder: &mut Decoder) -> Option<Box<Begun>> {
    let begins =
        |one: &Said<'_>| &*one.status == "True" && Ending::CONDITIONS.contains(&&*one.r#type);
    let Said { r#type, reason, last_transition_time, .. } = said.into_iter().find(begins)?;
    Some(Box::new(Begun {
        since: last_transition_time.as_deref().and_then(Second::parse),
        why: decoder.interner.intern(Ending::reason(reason.as_deref(), &r#type)),
    }))
}

#[cfg(test)]
mod tests {
    use super::End;

    /// There are a hundred thousand of them.
    #[test]
    fn an_end_is_two_words() {
        assert_eq!(size_of::<Option<End>>(), 16);
    }
}
