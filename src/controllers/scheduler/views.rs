//! Stored objects as the scheduler's decisions read them.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::batch::annotation::SCHEDULED;
use crate::batch::cronjob::{Active, Status};
use crate::batch::{Child, Concurrency, CronJob};
use crate::cluster::slim;

/// A `CronJob`; its status is the one that is still to be written, where there is one.
pub(super) fn cronjob<'a>(
    stored: &'a slim::CronJob,
    unwritten: Option<&Status<'a>>,
) -> CronJob<'a> {
    let slim::CronJob { meta, scheduling, .. } = stored;
    let written = status(scheduling);
    let is_ahead = |status: &&Status<'a>| status.last_schedule > written.last_schedule;
    let status = match unwritten.filter(is_ahead) {
        None => written,
        Some(unwritten) => Status {
            last_successful: unwritten.last_successful.max(written.last_successful),
            ..unwritten.clone()
        },
    };
    // What has no such time starts nothing.
    let created = meta.created.map_or(Timestamp::MAX, slim::Second::time);
    CronJob {
        namespace: &meta.namespace,
        name: &meta.name,
        uid: Cow::Owned(meta.uid.to_string()),
        created,
        in_force: scheduling.in_force(created),
        terminating: meta.ending.is_some(),
        namespace_terminating: false,
        schedule: stored.schedule.as_deref().unwrap_or_default(),
        time_zone: stored.time_zone.as_deref(),
        suspended: scheduling.suspended,
        concurrency: scheduling.concurrency.as_deref().map(Concurrency::parse).unwrap_or_default(),
        deadline: stored.starting_deadline,
        successful_limit: stored.successful_limit,
        failed_limit: stored.failed_limit,
        status,
    }
}

/// The status as it is stored.
pub(super) fn status(scheduling: &slim::Scheduling) -> Status<'_> {
    let active = scheduling.active.iter().map(|slim::Listed { name, uid, version }| Active {
        name: Cow::Borrowed(name),
        uid: Cow::Owned(uid.to_string()),
        version: Cow::Owned(version.as_ref().map(ToString::to_string).unwrap_or_default()),
    });
    Status {
        active: active.collect(),
        last_schedule: scheduling.last_schedule(),
        last_successful: scheduling.last_successful(),
    }
}

/// Whether a Job was created here.
pub(super) fn is_ours(job: &slim::Job) -> bool {
    job.meta.managers.iter().any(|manager| &*manager.name == slim::MANAGER)
}

/// The Jobs whose controller has the `CronJob`'s name. `is_held` tells of one that is to be kept.
pub(super) fn children<'a>(
    jobs: impl IntoIterator<Item = &'a slim::Job>,
    cronjob: &slim::CronJob,
    is_held: impl Fn(&slim::Job) -> bool,
) -> Vec<Child<'a>> {
    let is_child =
        |job: &&slim::Job| controller_of(job).is_some_and(|o| *o.name == *cronjob.meta.name);
    jobs.into_iter().filter(is_child).map(|job| child(job, cronjob, is_held(job))).collect()
}

/// A Job with this `CronJob` for its controller, or at least one of the name.
pub(super) fn child<'a>(job: &'a slim::Job, cronjob: &slim::CronJob, held: bool) -> Child<'a> {
    let meta = &job.meta;
    Child {
        name: &meta.name,
        uid: Cow::Owned(meta.uid.to_string()),
        version: Cow::Owned(meta.version.to_string()),
        ours: controller_of(job).is_some_and(|owner| owner.uid == cronjob.meta.uid),
        created: meta.created.map(slim::Second::time),
        started: job.started(),
        finish: job.finish().map(|finish| finish.outcome),
        completed: job.completed(),
        slot: slot(job),
        terminating: job.is_terminating(),
        held,
        suspended: job.suspended,
        waits: job.waits,
        ending: job.ending(),
    }
}

/// The owner reference by which a Job belongs to a `CronJob` that manages it.
pub(super) fn controller_of(job: &slim::Job) -> Option<&slim::Owner> {
    job.meta.cronjob_owner().filter(|owner| owner.controller == Some(true))
}

/// The start that a Job was created for, as its annotation says.
pub(super) fn slot(job: &slim::Job) -> Option<Timestamp> {
    job.meta.annotations.get(SCHEDULED)?.parse().ok()
}
