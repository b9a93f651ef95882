//! One `CronJob`: what is known of its starts, as data.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::families::Family;
use crate::batch::edits::InForce;
use crate::batch::schedule::daylight::{self, Disturbance};
use crate::batch::{Child, CronJob, Kind, Object};
use crate::cli::shared::{Clocks, Note, ZoneFrom, advice, output, schedules};
use crate::scheduler::observe::{Finding, MissedStarts, NOT_KNOWN, Stuck, Trouble, observe};
use crate::scheduler::timetable::TimetableError;
use crate::scheduler::{Observation, Timetable};

/// A `CronJob` and how its starts are going.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    pub(super) namespace: String,
    pub(super) name: String,
    /// Everything else; `None` where the `CronJob` cannot be read, and a note says why.
    #[serde(flatten)]
    pub(super) known: Option<Known>,
    /// The words of a metric, one of them at least.
    pub(super) states: Vec<&'static str>,
    /// What needs looking at.
    pub(super) attention: Vec<Note>,
    /// What is good to know.
    pub(super) notes: Vec<Note>,
}

/// What is known of a `CronJob` that can be read.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "facts of the object, each on its own")]
pub(super) struct Known {
    pub(super) schedule: String,
    /// `None` where the schedule or the zone itself cannot be read.
    pub(super) time_zone: Option<String>,
    pub(super) time_zone_from: Option<ZoneFrom>,
    /// Whether the clocks of the time zone count, which they do not for `@every`.
    #[serde(skip)]
    by_the_clock: bool,
    pub(super) suspended: bool,
    pub(super) terminating: bool,
    pub(super) namespace_terminating: bool,
    pub(super) concurrency_policy: &'static str,
    /// How many of its Jobs are not over.
    pub(super) active: usize,
    /// A start that has come, and that the controller makes at its next look.
    pub(super) pending_start: Option<Timestamp>,
    pub(super) next_start: Option<Timestamp>,
    pub(super) last_start: Option<Timestamp>,
    pub(super) last_success: Option<Timestamp>,
    /// Of the newest Job, behind its start.
    #[serde(rename = "lagSeconds", serialize_with = "output::seconds")]
    pub(super) lag: Option<SignedDuration>,
    #[serde(rename = "intervalSeconds", serialize_with = "output::seconds")]
    pub(super) interval: Option<SignedDuration>,
    /// More than a hundred are not counted: then `count` is 101.
    pub(super) missed: Option<MissedStarts>,
    /// Since when what says when it is due is as it is, at the latest; `None` where nobody knows.
    in_force_since: Option<Timestamp>,
    /// What would be missed if that had been so since the last start.
    pub(super) perhaps_missed: Option<MissedStarts>,
    perhaps_overdue_since: Option<Timestamp>,
    /// The Job for whose end the starts wait.
    held_back_by: Option<String>,
    never_started: Vec<String>,
    stuck: Vec<Stuck>,
    overdue_since: Option<Timestamp>,
    #[serde(skip)]
    pub(super) observation: Observation,
    #[serde(skip)]
    pub(super) daylight: Option<Disturbance>,
}

// === impl Row ===

impl Row {
    /// The row of a family; an error says why it cannot be read.
    pub(super) fn read(
        family: Family<'_>,
        assumed: &Clocks,
        grace: SignedDuration,
        now: Timestamp,
    ) -> Result<Self, String> {
        let object = Object::stored(Kind::CronJob, family.cronjob)?;
        let cronjob = CronJob {
            in_force: family.in_force,
            namespace_terminating: family.namespace_terminating(),
            ..CronJob::of(&object)?
        };
        let jobs = family.jobs.iter().map(|job| Object::stored(Kind::Job, job));
        let jobs: Vec<Object<'_>> = jobs.collect::<Result<_, _>>()?;
        let children = jobs.iter().map(|job| Child::of(job, &cronjob.uid));
        let children: Vec<Child<'_>> = children.collect::<Result<_, _>>()?;
        let is_there = |job: &str| family.is_there(job);
        let seen = observe(&cronjob, &children, is_there, &assumed.zone, grace, now);
        Ok(Self::known(&cronjob, &children, seen, assumed, now))
    }

    /// The row of a family that cannot be read, and why.
    pub(super) fn unreadable(family: Family<'_>, why: String) -> Self {
        let field = |name| family.cronjob["metadata"][name].as_str().unwrap_or_default();
        Self {
            namespace: field("namespace").to_owned(),
            name: field("name").to_owned(),
            known: None,
            states: vec![UNREADABLE],
            attention: vec![Note::new(UNREADABLE, why)],
            notes: Vec::new(),
        }
    }

    fn known(
        cronjob: &CronJob<'_>,
        children: &[Child<'_>],
        observation: Observation,
        assumed: &Clocks,
        now: Timestamp,
    ) -> Self {
        let timetable = Timetable::read(cronjob.schedule, cronjob.time_zone, &assumed.zone).ok();
        let followed = timetable.as_ref().map(|timetable| {
            let spec = cronjob.time_zone.map(|_| timetable.zone());
            assumed.followed(timetable.schedule(), cronjob.schedule, spec)
        });
        let starts = !cronjob.suspended && !cronjob.terminating && !cronjob.namespace_terminating;
        let daylight = timetable.as_ref().filter(|_| starts).and_then(|timetable| {
            let found = daylight::disturbances(timetable.schedule(), timetable.zone(), now);
            found.first().copied()
        });
        let attention = observation.findings().map(|finding| {
            Note::new(finding.state(), friendly(&finding, cronjob.time_zone.is_some()))
        });
        let doubt = observation.doubt().map(|doubt| Note::new(NOT_KNOWN, doubt));
        let mut notes: Vec<Note> = doubt.into_iter().collect();
        if timetable.as_ref().is_some_and(|timetable| timetable.unsupported) {
            let message = "a time zone in the schedule is not supported; name it in spec.timeZone";
            notes.push(Note::new("time-zone-prefix", message));
        }
        let changed = daylight.as_ref().map(advice::disturbed);
        notes.extend(changed.map(|lint| Note::new(DAYLIGHT, lint.message)));
        if starts {
            notes.extend(advice::misread(cronjob.schedule));
            // Where nothing starts at all there is no start to lose.
            let deadline = cronjob.deadline.filter(|_| observation.trouble.is_none());
            notes.extend(advice::short_deadline(deadline));
        }
        Self {
            namespace: cronjob.namespace.to_owned(),
            name: cronjob.name.to_owned(),
            states: observation.states(),
            attention: attention.collect(),
            notes,
            known: Some(Known {
                schedule: cronjob.schedule.to_owned(),
                time_zone: followed.as_ref().map(|clocks| clocks.zone.name().to_owned()),
                time_zone_from: followed.map(|clocks| clocks.from),
                by_the_clock: timetable
                    .is_some_and(|timetable| timetable.schedule().period().is_none()),
                suspended: cronjob.suspended,
                terminating: cronjob.terminating,
                namespace_terminating: cronjob.namespace_terminating,
                concurrency_policy: cronjob.concurrency.as_str(),
                active: children.iter().filter(|child| child.finish.is_none()).count(),
                pending_start: observation.pending,
                next_start: observation.next,
                last_start: observation.last,
                last_success: observation.last_success,
                lag: observation.lag,
                interval: observation.interval,
                missed: observation.missed,
                in_force_since: cronjob.in_force.map(InForce::latest),
                perhaps_missed: observation.perhaps.missed,
                perhaps_overdue_since: observation.perhaps.overdue,
                held_back_by: observation.blocked.as_ref().map(|blocked| blocked.job.clone()),
                never_started: observation.never_started.clone(),
                stuck: observation.stuck.clone(),
                overdue_since: observation.overdue,
                observation,
                daylight,
            }),
        }
    }

    /// `cronjob/NAMESPACE/NAME`, which is how the other commands take it.
    pub(super) fn title(&self) -> String {
        format!("cronjob/{}/{}", self.namespace, self.name)
    }

    /// Whether a person should look.
    pub(super) fn needs_attention(&self) -> bool {
        !self.attention.is_empty()
    }

    /// Whether nothing at all says when it was edited.
    pub(super) fn tells_of_no_edit(&self) -> bool {
        self.known.as_ref().is_some_and(|known| known.in_force_since.is_none())
    }

    /// Whether the starts may be others where the controller's clocks are not UTC.
    pub(super) fn assumes_a_zone(&self) -> bool {
        self.known.as_ref().is_some_and(Known::assumes_a_zone)
    }
}

// === impl Known ===

impl Known {
    /// See [`Row::assumes_a_zone`].
    pub(super) fn assumes_a_zone(&self) -> bool {
        self.by_the_clock && self.time_zone_from == Some(ZoneFrom::Assumed)
    }

    /// Whether it is known of each start whether it was made.
    pub(super) fn watched(&self) -> bool {
        let starts = !self.suspended && !self.terminating && !self.namespace_terminating;
        self.time_zone.is_some() && starts
    }
}

/// A finding for people, who also want to know what was meant.
fn friendly(finding: &Finding<'_>, has_zone: bool) -> String {
    let Finding::Trouble(Trouble::Unreadable(error)) = finding else { return finding.to_string() };
    let told = match error {
        TimetableError::Schedule { text, .. } => {
            // As it was read.
            let text = if has_zone { text.trim() } else { text };
            schedules::schedule(text).err().map(|why| format!("spec.schedule: {why}"))
        }
        TimetableError::Zone { name, .. } => {
            schedules::zone(name).err().map(|why| format!("spec.timeZone: {why}"))
        }
    };
    told.unwrap_or_else(|| error.to_string())
}

const UNREADABLE: &str = "unreadable";

/// The code of what a change of the clocks does.
pub(super) const DAYLIGHT: &str = "daylight";

/// Whether a note is about what a schedule means and not about what has come of it.
pub(super) fn is_for_reading(code: &str) -> bool {
    ["either-day", "short-deadline", "step"].contains(&code)
}
