//! A `CronJob` as whoever starts it sees it: its schedule, and what is written down of its starts.

use std::borrow::Cow;

use jiff::Timestamp;

use super::Time;
use super::edits::InForce;
use super::object::{self, Object};
use crate::named::named;

/// A `CronJob` as it is stored, or as it will be when what was started is written down.
#[derive(Clone, Debug, PartialEq)]
pub struct CronJob<'a> {
    pub namespace: &'a str,
    pub name: &'a str,
    pub uid: Cow<'a, str>,
    pub created: Timestamp,
    /// Since when what says when it is due is as it is; `None` where nobody knows.
    pub in_force: Option<InForce>,
    /// Somebody has asked for it to be deleted.
    pub terminating: bool,
    /// Its namespace is being deleted, as far as that is known: no Job can be created there.
    pub namespace_terminating: bool,
    pub schedule: &'a str,
    pub time_zone: Option<&'a str>,
    pub suspended: bool,
    pub concurrency: Concurrency,
    /// `spec.startingDeadlineSeconds`.
    pub deadline: Option<i64>,
    /// `None` keeps everything; the API server fills 3 and 1.
    pub successful_limit: Option<i64>,
    pub failed_limit: Option<i64>,
    pub status: Status<'a>,
}

named! {
    /// `spec.concurrencyPolicy`.
    #[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
    pub enum Concurrency {
        #[default]
        Allow = "Allow",
        /// A start waits for the end of the one before.
        Forbid = "Forbid",
        /// A start ends the one before.
        Replace = "Replace",
    }
}

/// What a pass writes down.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Status<'a> {
    pub active: Vec<Active<'a>>,
    /// The start itself, and not when it was made.
    pub last_schedule: Option<Timestamp>,
    pub last_successful: Option<Timestamp>,
}

/// An entry of `status.active`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Active<'a> {
    pub name: Cow<'a, str>,
    pub uid: Cow<'a, str>,
    /// `resourceVersion` of the reference.
    pub version: Cow<'a, str>,
}

// === impl CronJob ===

impl<'a> CronJob<'a> {
    /// Reads a stored `CronJob`. Since when its spec is in force is told by what it leaves out
    /// ([`super::edits`]).
    ///
    /// # Errors
    /// A sentence: what every stored object has must be there, as a guess in its place would be shown
    /// as what the cluster does.
    pub fn of(object: &'a Object<'_>) -> Result<Self, String> {
        let Object { metadata, spec, status, .. } = object;
        let time = |time: &Option<Time<'_>>, field| known(time.as_ref(), field);
        let created = time(&metadata.creation_timestamp, "metadata.creationTimestamp")?;
        let listed = match &status.active {
            None => &[][..],
            Some(object::Active::Jobs(jobs)) => jobs,
            Some(object::Active::Count(count)) => {
                return Err(format!("status.active must be a list, and not {count}"));
            }
        };
        let concurrency = spec.concurrency_policy.as_deref();
        Ok(Self {
            namespace: required(metadata.namespace.as_deref(), "metadata.namespace")?,
            name: required(metadata.name.as_deref(), "metadata.name")?,
            uid: metadata.uid.as_deref().unwrap_or_default().into(),
            created: required(created, "metadata.creationTimestamp")?,
            in_force: None,
            terminating: time(&metadata.deletion_timestamp, "metadata.deletionTimestamp")?
                .is_some(),
            namespace_terminating: false,
            schedule: required(spec.schedule.as_deref(), "spec.schedule")?,
            time_zone: spec.time_zone.as_deref(),
            suspended: spec.suspend.unwrap_or_default(),
            concurrency: concurrency.map(Concurrency::parse).unwrap_or_default(),
            deadline: natural(spec.starting_deadline_seconds, "spec.startingDeadlineSeconds")?,
            successful_limit: natural(
                spec.successful_jobs_history_limit,
                "spec.successfulJobsHistoryLimit",
            )?,
            failed_limit: natural(spec.failed_jobs_history_limit, "spec.failedJobsHistoryLimit")?,
            status: Status {
                active: listed.iter().map(Active::of).collect(),
                last_schedule: time(&status.last_schedule_time, "status.lastScheduleTime")?,
                last_successful: time(&status.last_successful_time, "status.lastSuccessfulTime")?,
            },
        })
    }

    /// Whether a start that comes due can be made at all, as far as the object itself tells.
    pub fn would_start(&self) -> bool {
        let is_held = self.concurrency == Concurrency::Forbid && !self.status.active.is_empty();
        !self.suspended && !self.terminating && !is_held && self.deadline != Some(0)
    }
}

// === impl Concurrency ===

impl Concurrency {
    /// As the API spells it; anything else is what an older API server let through, and `Allow`.
    pub fn parse(text: &str) -> Self {
        match text {
            "Forbid" => Self::Forbid,
            "Replace" => Self::Replace,
            _ => Self::Allow,
        }
    }
}

// === impl Active ===

impl<'a> Active<'a> {
    fn of(listed: &'a object::Listed<'_>) -> Self {
        let object::Listed { name, uid, resource_version } = listed;
        Self { name: (**name).into(), uid: (**uid).into(), version: (**resource_version).into() }
    }

    /// The same, of its own.
    pub fn into_owned(self) -> Active<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        let Self { name, uid, version } = self;
        Active { name: own(name), uid: own(uid), version: own(version) }
    }
}

// === impl Status ===

impl Status<'_> {
    /// The same, of its own.
    pub fn into_owned(self) -> Status<'static> {
        let Self { active, last_schedule, last_successful } = self;
        let active = active.into_iter().map(Active::into_owned).collect();
        Status { active, last_schedule, last_successful }
    }

    /// Whether an entry names this Job.
    pub fn is_active(&self, uid: &str) -> bool {
        self.active.iter().any(|entry| entry.uid == uid)
    }

    /// Takes an entry out; says whether there was one.
    pub fn drop_active(&mut self, uid: &str) -> bool {
        let before = self.active.len();
        self.active.retain(|entry| entry.uid != uid);
        self.active.len() < before
    }
}

/// What a stored object always has.
pub(super) fn required<T>(value: Option<T>, field: &str) -> Result<T, String> {
    value.ok_or_else(|| format!("{field} is missing, which every stored object has"))
}

/// A time that can be read, or none.
pub(super) fn known(time: Option<&Time<'_>>, field: &str) -> Result<Option<Timestamp>, String> {
    match time {
        None => Ok(None),
        Some(Time::At(time)) => Ok(Some(*time)),
        Some(Time::Unreadable(text)) => {
            let text = &**text;
            Err(format!("{field} must be a time such as 2026-12-01T00:00:00Z, and not {text:?}"))
        }
    }
}

/// A number that is no negative one.
///
/// # Errors
/// A sentence that names the field.
pub fn natural(number: Option<i64>, field: &str) -> Result<Option<i64>, String> {
    match number {
        Some(number) if number < 0 => {
            Err(format!("{field} must be a whole number of 0 or more, and not {number}"))
        }
        _ => Ok(number),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value as Json, json};

    use super::{Concurrency, CronJob};
    use crate::batch::{Kind, Object};

    #[rstest]
    #[case("Allow", Concurrency::Allow)]
    #[case("Forbid", Concurrency::Forbid)]
    #[case("Replace", Concurrency::Replace)]
    fn concurrency_as_the_api_spells_it(#[case] text: &str, #[case] expected: Concurrency) {
        assert_eq!(Concurrency::parse(text), expected);
        assert_eq!(expected.as_str(), text);
    }

    #[rstest]
    #[case::nothing("")]
    #[case::letter_case("forbid")]
    fn any_other_concurrency_allows(#[case] text: &str) {
        assert_eq!(Concurrency::parse(text), Concurrency::Allow);
    }

    fn stored(overlay: &Json) -> Json {
        let mut base = json!({
            "metadata": {
                "namespace": "shop", "name": "a", "uid": "u-a",
                "creationTimestamp": "2026-11-01T00:00:00Z",
            },
            "spec": {"schedule": "@daily"},
        });
        json_patch::merge(&mut base, overlay);
        base
    }

    #[test]
    fn is_read_from_what_is_stored() {
        let least = stored(&json!({}));
        let object = Object::stored(Kind::CronJob, &least).unwrap();
        let read = CronJob::of(&object).unwrap();
        assert_eq!((read.suspended, read.concurrency), (false, Concurrency::Allow));
        assert_eq!((read.time_zone, read.deadline, read.terminating), (None, None, false));
        assert_eq!(read.status.last_schedule, None);
        let whole = stored(&json!({
            "metadata": {"deletionTimestamp": "2026-11-02T00:00:00Z"},
            "spec": {
                "timeZone": "Asia/Tokyo", "suspend": true, "concurrencyPolicy": "Forbid",
                "startingDeadlineSeconds": 60, "successfulJobsHistoryLimit": 3,
            },
            "status": {
                "active": [{"kind": "Job", "name": "a-1", "uid": "u-1", "resourceVersion": "7"}],
                "lastScheduleTime": "2026-11-01T15:00:00Z",
            },
        }));
        let object = Object::stored(Kind::CronJob, &whole).unwrap();
        let read = CronJob::of(&object).unwrap();
        assert_eq!((read.suspended, read.concurrency), (true, Concurrency::Forbid));
        assert_eq!((read.time_zone, read.deadline), (Some("Asia/Tokyo"), Some(60)));
        assert_eq!((read.successful_limit, read.failed_limit), (Some(3), None));
        assert!(read.terminating && read.status.is_active("u-1"));
        assert!(read.status.last_schedule.is_some());
    }

    #[rstest]
    #[case::not_stored(json!({"metadata": {"creationTimestamp": null}}), "metadata.creationTimestamp is missing, which every stored object has")]
    #[case::no_schedule(json!({"spec": {"schedule": null}}), "spec.schedule is missing, which every stored object has")]
    #[case::number(json!({"spec": {"schedule": 5}}), "spec.schedule must be a string, and is the number 5; put it in quotes")]
    #[case::word(json!({"spec": {"suspend": "yes"}}), "spec.suspend must be true or false, and is the string \"yes\"")]
    #[case::negative(json!({"spec": {"startingDeadlineSeconds": -1}}), "spec.startingDeadlineSeconds must be a whole number of 0 or more, and not -1")]
    #[case::no_time(json!({"status": {"lastScheduleTime": "now"}}), "status.lastScheduleTime must be a time such as 2026-12-01T00:00:00Z, and not \"now\"")]
    #[case::no_list(json!({"status": {"active": 1}}), "status.active must be a list, and not 1")]
    #[case::no_entry(json!({"status": {"active": [1]}}), "status.active[0] must be a map, and is the number 1")]
    fn what_is_wrong_with_it(#[case] overlay: Json, #[case] expected: &str) {
        let json = stored(&overlay);
        let object = Object::stored(Kind::CronJob, &json);
        let read = object.as_ref().map_err(Clone::clone).and_then(CronJob::of);
        assert_eq!(read.unwrap_err(), expected);
    }
}
