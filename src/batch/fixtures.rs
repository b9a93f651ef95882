//! A `CronJob` and its Jobs for tests.

use super::cronjob::{Active, Status};
use super::{Child, Concurrency, CronJob, Outcome};

impl CronJob<'static> {
    /// Every hour, made a little before nine, and started last at nine.
    pub(crate) fn test() -> Self {
        Self {
            namespace: "apps",
            name: "tidy",
            uid: "c-1".into(),
            created: "2016-05-19T08:59:00Z".parse().unwrap(),
            in_force: None,
            terminating: false,
            namespace_terminating: false,
            schedule: "0 * * * *",
            time_zone: None,
            suspended: false,
            concurrency: Concurrency::Allow,
            deadline: None,
            successful_limit: Some(3),
            failed_limit: Some(1),
            status: Status {
                active: Vec::new(),
                last_schedule: "2016-05-19T09:00:00Z".parse().ok(),
                last_successful: None,
            },
        }
    }
}

impl Child<'static> {
    /// It runs.
    pub(crate) fn test(name: &'static str) -> Self {
        Self {
            name,
            uid: format!("uid-{name}").into(),
            version: "7".into(),
            ours: true,
            created: None,
            started: None,
            finish: None,
            completed: None,
            slot: None,
            terminating: false,
            held: false,
            suspended: false,
            waits: false,
            ending: None,
        }
    }

    /// It is over.
    pub(crate) fn over(self, outcome: Outcome) -> Self {
        Self { finish: Some(outcome), ..self }
    }

    /// It has succeeded at that time.
    pub(crate) fn succeeded_at(self, time: &str) -> Self {
        let completed = Some(time.parse().unwrap());
        Self { finish: Some(Outcome::Success), completed, ..self }
    }

    /// It has `status.startTime`.
    pub(crate) fn started_at(self, time: &str) -> Self {
        Self { started: Some(time.parse().unwrap()), ..self }
    }

    /// It has the annotation with the start that it is for.
    pub(crate) fn for_slot(self, time: &str) -> Self {
        Self { slot: Some(time.parse().unwrap()), ..self }
    }
}

impl Active<'static> {
    /// The entry of [`Child::test`] of the same name.
    pub(crate) fn test(name: &'static str) -> Self {
        Child::test(name).reference()
    }
}
