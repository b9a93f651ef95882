//! Jobs whose start is not written down yet.
//!
//! A `CronJob` is not started twice for one moment because of two things: the name of the Job, as
//! long as that is there, and `status.lastScheduleTime` from then on. Where a controller died
//! between the two, or is slow, the Job is all there is; were it deleted, the name would be free and
//! the work be done again (upstream-semantics.md, 8, 7).

use jiff::{SignedDuration, Timestamp};

use crate::batch::{Object, Time};
use crate::policy::Policy;
use crate::policy::rule::SchedulerMode;
use crate::scheduler::job::name;

/// Whether the `CronJob` that made a Job does not tell of its start. As for the scheduler
/// ([`crate::batch::Child::unwritten`]) it takes the name, too: a copy of a Job is no start.
fn is_unwritten(job: &Object<'_>, cronjob: &Object<'_>) -> bool {
    let Some(slot) = job.slot() else { return false };
    let written = cronjob.status.last_schedule_time.as_ref().and_then(Time::at);
    let named = cronjob.metadata.name.as_deref().map(|cronjob| name(cronjob, slot));
    let is_its_name = named.as_deref() == job.metadata.name.as_deref();
    is_its_name && written.is_none_or(|written| slot > written)
}

/// Until when a Job that finished at `finish` stays for the sake of its start; `None` where it need
/// not. Under `Own` the writing is ours to do, however long it takes; else it is somebody's who may
/// be gone for good.
pub(super) fn kept_until(
    policy: &Policy,
    job: &Object<'_>,
    cronjob: Option<&Object<'_>>,
    finish: Timestamp,
) -> Option<Timestamp> {
    let cronjob = cronjob.filter(|cronjob| is_unwritten(job, cronjob))?;
    if policy.scheduler.mode == SchedulerMode::Own && !cronjob.is_terminating() {
        return Some(Timestamp::MAX);
    }
    Some(finish.saturating_add(PATIENCE).unwrap_or(Timestamp::MAX))
}

/// A controller that was away lists everything anew, which takes seconds.
const PATIENCE: SignedDuration = SignedDuration::from_mins(10);
