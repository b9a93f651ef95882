//! The settings that a decision may write, and the values they hold.

use serde::Serialize;

use crate::batch::{Kind, Object};
use crate::named::named;

named! {
    /// A field of a Job or a `CronJob` that a policy may set. The order is that of reports.
    #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
    pub enum Setting [ALL] {
        Ttl = "ttl",
        HistorySuccessful = "history.successful",
        HistoryFailed = "history.failed",
        DeadlineActive = "deadlines.active",
        DeadlineStarting = "deadlines.starting",
        TimeZone = "timeZone",
    }
}

/// A value of a setting; as JSON null where there is none.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    #[default]
    Absent,
    Number(i64),
    Text(String),
}

// === impl Setting ===

impl Setting {
    /// Reads a name that [`Setting::as_str`] gives.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|setting| setting.as_str() == text)
    }

    /// Where the setting stands in an object of this kind; `None` where the kind has no such
    /// field. A `CronJob` gives the Job fields through its template.
    pub const fn path(self, kind: Kind) -> Option<&'static [&'static str]> {
        Some(match (self, kind) {
            (Self::Ttl, Kind::Job) => &["spec", "ttlSecondsAfterFinished"],
            (Self::Ttl, Kind::CronJob) => {
                &["spec", "jobTemplate", "spec", "ttlSecondsAfterFinished"]
            }
            (Self::DeadlineActive, Kind::Job) => &["spec", "activeDeadlineSeconds"],
            (Self::DeadlineActive, Kind::CronJob) => {
                &["spec", "jobTemplate", "spec", "activeDeadlineSeconds"]
            }
            (Self::HistorySuccessful, Kind::CronJob) => &["spec", "successfulJobsHistoryLimit"],
            (Self::HistoryFailed, Kind::CronJob) => &["spec", "failedJobsHistoryLimit"],
            (Self::DeadlineStarting, Kind::CronJob) => &["spec", "startingDeadlineSeconds"],
            (Self::TimeZone, Kind::CronJob) => &["spec", "timeZone"],
            (
                Self::HistorySuccessful
                | Self::HistoryFailed
                | Self::DeadlineStarting
                | Self::TimeZone,
                Kind::Job,
            ) => return None,
        })
    }

    /// Whether it is filled only where it is absent, only by admission and only at CREATE
    /// (policy.md, point 13).
    pub const fn is_filled(self) -> bool {
        match self {
            Self::DeadlineActive | Self::DeadlineStarting | Self::TimeZone => true,
            Self::Ttl | Self::HistorySuccessful | Self::HistoryFailed => false,
        }
    }

    /// Whether its value is a number of seconds.
    pub const fn is_duration(self) -> bool {
        match self {
            Self::Ttl | Self::DeadlineActive | Self::DeadlineStarting => true,
            Self::HistorySuccessful | Self::HistoryFailed | Self::TimeZone => false,
        }
    }

    /// The value that an object has.
    pub fn of(self, object: &Object<'_>) -> Value {
        let spec = &object.spec;
        let template = object.template_spec();
        match (self, object.kind) {
            (Self::Ttl, Kind::Job) => spec.ttl_seconds_after_finished.into(),
            (Self::Ttl, Kind::CronJob) => {
                template.and_then(|spec| spec.ttl_seconds_after_finished).into()
            }
            (Self::DeadlineActive, Kind::Job) => spec.active_deadline_seconds.into(),
            (Self::DeadlineActive, Kind::CronJob) => {
                template.and_then(|spec| spec.active_deadline_seconds).into()
            }
            (Self::HistorySuccessful, _) => spec.successful_jobs_history_limit.into(),
            (Self::HistoryFailed, _) => spec.failed_jobs_history_limit.into(),
            (Self::DeadlineStarting, _) => spec.starting_deadline_seconds.into(),
            (Self::TimeZone, _) => {
                spec.time_zone.as_ref().map_or(Value::Absent, |zone| Value::Text(zone.to_string()))
            }
        }
    }

    /// What the API server fills where the author wrote nothing, before anybody else sees the
    /// object (upstream-semantics.md, 2.1).
    pub const fn api_default(self) -> Option<i64> {
        match self {
            Self::HistorySuccessful => Some(3),
            Self::HistoryFailed => Some(1),
            _ => None,
        }
    }
}

// === impl Value ===

impl Value {
    /// Reads a member of a record; `None` where it is no value of a setting.
    pub fn parse(json: serde_json::Value) -> Option<Self> {
        match json {
            serde_json::Value::Null => Some(Self::Absent),
            serde_json::Value::Number(number) => number.as_i64().map(Self::Number),
            serde_json::Value::String(text) => Some(Self::Text(text)),
            _ => None,
        }
    }

    /// The number, where there is one.
    pub const fn number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// Whether there is no value.
    pub const fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// The value as JSON, `null` where there is none.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!(self)
    }
}

impl From<Option<i64>> for Value {
    fn from(number: Option<i64>) -> Self {
        number.map_or(Self::Absent, Self::Number)
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Absent => f.write_str("none"),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}
