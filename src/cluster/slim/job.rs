//! What is kept of a Job.

use jiff::Timestamp;

use super::{Decoder, Key, Meta, Second, Slim, Symbol, wire};
use crate::batch::object::{Active, Condition, Spec, Status};
use crate::batch::{Ending, Finish, Kind, Object, Outcome, Time};

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

/// See [`Ending`].
#[derive(Clone, Debug, PartialEq)]
struct Begun {
    since: Option<Second>,
    why: Symbol,
}

// === impl Job ===

impl Job {
    /// `spec.ttlSecondsAfterFinished`.
    pub fn ttl(&self) -> Option<i64> {
        self.ttl.map(i64::from)
    }

    /// How and when it ended; `None` where it has not.
    pub fn finish(&self) -> Option<Finish> {
        let Some(End::Over(outcome, at)) = self.end else { return None };
        Some(Finish { outcome, at: at.map(Second::time) })
    }

    /// That its Pods are being ended, where it is not over yet.
    pub fn ending(&self) -> Option<Ending<'_>> {
        let Some(End::Begun(begun)) = &self.end else { return None };
        let Begun { since, why } = &**begun;
        Some(Ending { since: since.map(Second::time), why: (&**why).into() })
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
            reason: None,
            last_transition_time: at.map(Time::At),
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
                start_time: self.started().map(Time::At),
                conditions: Some(condition.into_iter().collect()),
                ..Status::default()
            },
        }
    }
}

impl Slim for Job {
    type Like = k8s_openapi::api::batch::v1::Job;

    fn decode(json: &str, decoder: &mut Decoder) -> Result<Self, String> {
        let object = wire::object(Kind::Job, json)?;
        let Object { metadata, spec, status, .. } = &object;
        let ttl = spec.ttl_seconds_after_finished.map(i32::try_from).transpose();
        let end = match (Finish::of(&object), object.ending()) {
            (Some(Finish { outcome, at }), _) => Some(End::Over(outcome, at.map(Second::from))),
            (None, Some(Ending { since, why })) => {
                let since = since.map(Second::from);
                Some(End::Begun(Box::new(Begun { since, why: decoder.interner.symbol(&why) })))
            }
            (None, None) => None,
        };
        let active = match status.active {
            Some(Active::Count(count)) => Some(count),
            Some(Active::Jobs(_)) | None => None,
        };
        let pods = [active, status.succeeded, status.failed].into_iter().flatten();
        Ok(Self {
            meta: Meta::new(Kind::Job, metadata, decoder)?,
            ttl: ttl.map_err(|_| "spec.ttlSecondsAfterFinished is no i32".to_owned())?,
            active_deadline: spec.active_deadline_seconds,
            started: Second::of(status.start_time.as_ref()),
            completed: Second::of(status.completion_time.as_ref()),
            suspended: spec.suspend.unwrap_or_default(),
            waits: object.waits(),
            end,
            pods: u32::try_from(pods.fold(0, i64::saturating_add)).unwrap_or(u32::MAX),
            bytes: u32::try_from(json.len()).unwrap_or(u32::MAX),
        })
    }

    fn key(&self) -> Key {
        self.meta.key()
    }
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
