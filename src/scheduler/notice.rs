//! What is told about a `CronJob` in Events, with the built-in controller's reasons and words
//! (upstream-semantics.md, 2.10): people have alerts on them.

use jiff::Timestamp;

use crate::batch::Outcome;
use crate::batch::zone::ZoneError;

/// Something to tell.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Notice {
    pub warning: bool,
    pub reason: &'static str,
    pub note: String,
}

// === impl Notice ===

impl Notice {
    fn normal(reason: &'static str, note: String) -> Self {
        Self { warning: false, reason, note }
    }

    fn warning(reason: &'static str, note: String) -> Self {
        Self { warning: true, reason, note }
    }

    pub(super) fn missing(job: &str) -> Self {
        Self::normal("MissingJob", format!("Active job went missing: {job}"))
    }

    pub(super) fn impossible(job: &str) -> Self {
        let shown: String = job.chars().take(SHOWN).collect();
        let note = format!("status.active lists {shown:?}, which is no name of a Job");
        Self::warning("InvalidActiveJob", note)
    }

    /// A Job that the status lists is not to be replaced.
    pub fn not_replaced(job: &str) -> Self {
        let note = format!("Not replacing job {job}: this CronJob does not own it");
        Self::warning("UnexpectedJob", note)
    }

    pub(super) fn completed(job: &str, outcome: Outcome) -> Self {
        let condition = outcome.condition();
        let note = format!("Saw completed job: {job}, condition: {condition}");
        Self::normal("SawCompletedJob", note)
    }

    pub(super) fn unexpected(job: &str) -> Self {
        let note = format!("Saw a job that the controller did not create or forgot: {job}");
        Self::warning("UnexpectedJob", note)
    }

    pub(super) fn already_active() -> Self {
        let note = "Not starting job because prior execution is running and concurrency policy \
                    is Forbid";
        Self::normal("JobAlreadyActive", note.to_owned())
    }

    pub(super) fn unknown_zone(name: &str, error: &ZoneError) -> Self {
        Self::warning("UnknownTimeZone", format!("invalid timeZone: {name:?}: {error}"))
    }

    pub(super) fn unparseable(text: &str, error: &dyn std::error::Error) -> Self {
        Self::warning("UnparseableSchedule", format!("unparseable schedule: {text:?} : {error}"))
    }

    pub(super) fn unsupported(text: &str) -> Self {
        let note = format!(
            "CRON_TZ or TZ used in schedule {text:?} is not officially supported, see {DOCUMENTS} \
             for more details"
        );
        Self::warning("UnsupportedSchedule", note)
    }

    pub(super) fn invalid(text: &str, error: &dyn std::error::Error) -> Self {
        Self::warning("InvalidSchedule", format!("invalid schedule: {text} : {error}"))
    }

    pub(super) fn too_many() -> Self {
        let note = "too many missed start times. Set or decrease \
                    .spec.startingDeadlineSeconds or check clock skew";
        Self::warning("TooManyMissedTimes", note.to_owned())
    }

    pub(super) fn missed(slot: Timestamp) -> Self {
        let slot = slot.strftime("%a, %d %b %Y %H:%M:%S +0000");
        Self::warning("MissSchedule", format!("Missed scheduled time to start a job: {slot}"))
    }

    /// A schedule was changed to one that is none.
    pub fn edited_unparseable(text: &str) -> Self {
        let note = format!("unparseable schedule for cronjob: {text}");
        Self::warning("UnParseableCronJobSchedule", note)
    }

    /// A Job was created.
    pub fn created(job: &str) -> Self {
        Self::normal("SuccessfulCreate", format!("Created job {job}"))
    }

    /// A Job was deleted.
    pub fn deleted(job: &str) -> Self {
        Self::normal("SuccessfulDelete", format!("Deleted job {job}"))
    }

    /// A Job could not be created.
    pub fn create_failed(why: &str) -> Self {
        Self::warning("FailedCreate", format!("Error creating job: {why}"))
    }

    /// A Job could not be deleted.
    pub fn delete_failed(why: &str) -> Self {
        Self::warning("FailedDelete", format!("Deleted job: {why}"))
    }

    /// A Job could not be read.
    pub fn get_failed(why: &str) -> Self {
        Self::warning("FailedGet", format!("Get job: {why}"))
    }
}

/// So many characters of a text that may be anything are shown.
const SHOWN: usize = 80;

const DOCUMENTS: &str = "https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/";

#[cfg(test)]
mod tests;
