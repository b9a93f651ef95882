//! What is asked about: a schedule, with everything that bears on its starts.
//!
//! A [`Subject`] is made of a text on the command line, of a manifest, or of a stored `CronJob`,
//! and holds what the API server has checked or would check.

use jiff::Timestamp;
use serde_json::Value as Json;

use crate::batch::cronjob::natural;
use crate::batch::object::Spec;
use crate::batch::schedule::Schedule;
use crate::batch::zone::Zone;
use crate::batch::{Kind, Object, Time};
use crate::cli::shared::schedules;

/// A schedule and what bears on it.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "facts of the object, each on its own")]
pub(super) struct Subject {
    /// `cronjob/NAMESPACE/NAME`; `None` for a schedule on the command line.
    pub(super) object: Option<String>,
    /// Where the manifest stands.
    pub(super) origin: Option<String>,
    /// The schedule as it is written.
    pub(super) text: String,
    pub(super) schedule: Schedule,
    /// `spec.timeZone`.
    pub(super) time_zone: Option<Zone>,
    pub(super) suspended: bool,
    pub(super) terminating: bool,
    /// Its namespace is being deleted, as far as that is known.
    pub(super) namespace_terminating: bool,
    /// `spec.startingDeadlineSeconds`.
    pub(super) deadline: Option<i64>,
    /// The last start, or else the creation: from there the controller looks for the next one.
    pub(super) base: Option<Timestamp>,
    /// The schedule is read as the controller does, and the API server would refuse it.
    pub(super) refused: bool,
    /// The whole `CronJob`, for what is odd about it.
    pub(super) json: Json,
}

// === impl Subject ===

impl Subject {
    /// A schedule on the command line.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn typed(text: &str) -> Result<Self, String> {
        Ok(Self::new(text.to_owned(), schedules::schedule(text)?))
    }

    /// Nothing but a schedule.
    fn new(text: String, schedule: Schedule) -> Self {
        Self {
            object: None,
            origin: None,
            text,
            schedule,
            time_zone: None,
            suspended: false,
            terminating: false,
            namespace_terminating: false,
            deadline: None,
            base: None,
            refused: false,
            json: Json::Null,
        }
    }

    /// A `CronJob` of a manifest.
    ///
    /// # Errors
    /// What the API server would refuse about it, as far as it bears on starts.
    pub(super) fn manifest(object: &str, origin: &str, json: Json) -> Result<Self, String> {
        let read = Self::read(object, json, false)?;
        Ok(Self { origin: Some(origin.to_owned()), ..read })
    }

    /// A `CronJob` of a cluster.
    ///
    /// # Errors
    /// What keeps the controller from starting it.
    pub(super) fn stored(object: &str, json: Json) -> Result<Self, String> {
        Self::read(object, json, true)
    }

    /// Whether it is in this namespace.
    pub(super) fn is_in(&self, namespace: &str) -> bool {
        let object = self.object.as_deref().unwrap_or_default();
        object.split('/').nth(1) == Some(namespace)
    }

    fn read(object: &str, json: Json, stored: bool) -> Result<Self, String> {
        let whole = Object::stored(Kind::CronJob, &json)?;
        let Spec { schedule, time_zone, suspend, starting_deadline_seconds: deadline, .. } =
            &whole.spec;
        let text = schedule.as_deref().ok_or("spec.schedule is missing")?.to_owned();
        let time_zone = time_zone.as_deref().map(schedules::zone).transpose();
        let time_zone = time_zone.map_err(|why| format!("spec.timeZone: {why}"))?;
        let deadline = natural(*deadline, "spec.startingDeadlineSeconds")?;
        // What else is odd is looked at later; what is wrong is said first.
        Object::from_json(Kind::CronJob, &json)?;

        // The controller puts the time zone in front of the schedule, which hides blanks that the
        // API server refuses today.
        let hidden = time_zone.is_some() && !Schedule::mentions_zone(&text);
        let as_controller = stored && hidden && Schedule::parse(&text).is_err();
        let read = if as_controller { text.trim() } else { &text };
        let schedule = schedules::schedule(read).map_err(|why| format!("spec.schedule: {why}"))?;
        let last = whole.status.last_schedule_time.as_ref().and_then(Time::at);
        let created = whole.metadata.creation_timestamp.as_ref().and_then(Time::at);
        let (suspended, terminating) = (suspend.unwrap_or_default(), whole.is_terminating());
        Ok(Self {
            object: Some(object.to_owned()),
            time_zone,
            suspended,
            terminating,
            deadline,
            base: last.or(created),
            refused: as_controller,
            json,
            ..Self::new(text, schedule)
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value as Json, json};

    use super::Subject;

    fn cronjob(spec: &Json) -> Json {
        let mut spec = spec.clone();
        spec["jobTemplate"] = json!({"spec": {}});
        json!({"metadata": {"name": "a"}, "spec": spec})
    }

    #[rstest]
    #[case::missing(json!({}), "spec.schedule is missing")]
    #[case::number(json!({"schedule": 5}), "spec.schedule must be a string, and is the number 5; put it in quotes")]
    #[case::field(json!({"schedule": "0 25 * * *"}), "spec.schedule: \"0 25 * * *\" is no schedule: `25` in the hour field")]
    #[case::blank(json!({"schedule": " @daily"}), "spec.schedule: \" @daily\"")]
    #[case::blank_and_zone(json!({"schedule": " @daily", "timeZone": "Asia/Tokyo"}), "spec.schedule: \" @daily\"")]
    #[case::zone(json!({"schedule": "@daily", "timeZone": "Berlin"}), "spec.timeZone: unknown time zone `Berlin`")]
    #[case::zone_beside_a_prefix(json!({"schedule": "TZ=UTC @daily", "timeZone": "No/Where"}), "spec.timeZone: unknown time zone")]
    #[case::empty_zone(json!({"schedule": "@daily", "timeZone": ""}), "spec.timeZone: the time zone is empty")]
    #[case::no_zone(json!({"schedule": "@daily", "timeZone": 1}), "spec.timeZone must be a string, and is the number 1; put it in quotes")]
    #[case::suspend(json!({"schedule": "@daily", "suspend": "yes"}), "spec.suspend must be true or false")]
    #[case::deadline(json!({"schedule": "@daily", "startingDeadlineSeconds": -1}), "spec.startingDeadlineSeconds must be")]
    #[case::half(json!({"schedule": "@daily", "startingDeadlineSeconds": 1.5}), "spec.startingDeadlineSeconds must be")]
    fn refuses(#[case] spec: Json, #[case] expected: &str) {
        let problem = Subject::manifest("cronjob/a/a", "a.yaml", cronjob(&spec)).unwrap_err();
        assert!(problem.starts_with(expected), "{problem}");
    }

    #[test]
    fn wants_a_template() {
        let json = json!({"metadata": {}, "spec": {"schedule": "@daily"}});
        let problem = Subject::manifest("cronjob/a/a", "a.yaml", json).unwrap_err();
        assert_eq!(problem, "it has no spec.jobTemplate.spec");
    }

    #[test]
    fn a_stored_one_is_read_as_the_controller_does() {
        let spec = json!({"schedule": " @daily ", "timeZone": "Asia/Tokyo"});
        let subject = Subject::stored("cronjob/a/a", cronjob(&spec)).unwrap();
        assert!(subject.refused);
        let without = cronjob(&json!({"schedule": " @daily "}));
        assert!(Subject::stored("cronjob/a/a", without).is_err());
    }
}
