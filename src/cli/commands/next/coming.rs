//! The starts that come next, and what there is to say about them: the answer as data.
//!
//! Whatever a change of the clocks does is taken from [`daylight`], which walks as the controller
//! does; here it is only put beside the starts that are shown.

use std::cmp::Reverse;

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, Zoned};
use serde::{Serialize, Serializer};

use super::notes;
use super::subject::Subject;
use crate::batch::name::is_subdomain;
use crate::batch::schedule::Schedule;
use crate::batch::schedule::daylight::{self, Disturbance, Kind};
use crate::batch::zone::Zone;
use crate::batch::{Concurrency, CronJob, Object};
use crate::cli::shared::{Clocks, Note, ZoneFrom, output};
use crate::scheduler::missed::Since;
use crate::scheduler::{Timetable, observe};

/// The next starts of one schedule.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Coming {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) object: Option<String>,
    /// Where the manifest stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) origin: Option<String>,
    pub(super) schedule: String,
    pub(super) time_zone: String,
    pub(super) time_zone_from: ZoneFrom,
    /// Whether the clocks of the time zone count, which they do not for `@every`.
    #[serde(skip)]
    pub(super) by_the_clock: bool,
    pub(super) now: Timestamp,
    pub(super) suspended: bool,
    /// A start that has come, and that the controller makes at its next look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pending: Option<Start>,
    pub(super) starts: Vec<Start>,
    pub(super) skipped: Vec<Skipped>,
    pub(super) notes: Vec<Note>,
}

/// One start.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Start {
    #[serde(serialize_with = "with_offset")]
    pub(super) local: Zoned,
    pub(super) utc: Timestamp,
    /// Since the start before; `None` of the first.
    #[serde(rename = "gapSeconds", serialize_with = "output::seconds")]
    pub(super) gap: Option<SignedDuration>,
    /// `pending`; or what a change of the clocks does: `twice`, `extra` or `shifted`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mark: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) note: Option<String>,
}

/// Slots in a row that do not start, because of a change of the clocks.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Skipped {
    /// The first of them.
    pub(super) local: DateTime,
    /// The last of them.
    pub(super) until: DateTime,
    pub(super) count: usize,
    /// When the clocks change.
    pub(super) change: Timestamp,
    /// The first start behind them.
    pub(super) next: Timestamp,
    pub(super) note: String,
}

// === impl Coming ===

impl Coming {
    /// What starts of a subject come next.
    pub(super) fn of(subject: &Subject, assumed: &Clocks, now: Timestamp, count: usize) -> Self {
        let Subject { schedule, text, time_zone, .. } = subject;
        let Clocks { zone, from } = assumed.followed(schedule, text, time_zone.as_ref());
        Self::new(subject, &zone, from, now, count)
    }

    fn new(subject: &Subject, zone: &Zone, from: ZoneFrom, now: Timestamp, count: usize) -> Self {
        // The API knows whole seconds, and so does the search.
        let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let mut times = times(subject, zone, now, count);
        let never = notes::never(subject, &times);
        if never.is_some() {
            times.clear();
        }
        let found = disturbances(&subject.schedule, zone, now, times.last().copied());
        let starts = starts(&times, &subject.schedule, zone, now, &found);
        let (skipped, ahead) = skipped(&times, zone, now, &found);
        let mut notes: Vec<Note> = never.into_iter().collect();
        let pending = pending(subject, zone, now).filter(|_| notes.is_empty());
        let pending = pending.map(|(slot, held)| {
            let (until, note) = notes::pending(slot, held.as_deref());
            notes.push(note);
            Start {
                local: slot.to_zoned(zone.time_zone().clone()),
                utc: slot,
                gap: None,
                mark: Some("pending"),
                note: Some(format!("due, pending: the controller makes it {until}")),
            }
        });
        notes.extend(notes::about(subject, (zone, from), now, (&times, count), ahead));
        Self {
            object: subject.object.clone(),
            origin: subject.origin.clone(),
            schedule: subject.text.clone(),
            time_zone: zone.name().to_owned(),
            time_zone_from: from,
            by_the_clock: subject.schedule.period().is_none(),
            now,
            suspended: subject.suspended,
            pending,
            starts,
            skipped,
            notes,
        }
    }

    /// Whether nothing ever starts, suspended or not.
    pub(super) fn never_starts(&self) -> bool {
        self.notes.iter().any(|note| note.code == notes::NEVER)
    }

    /// Whether the starts may be others where the controller's clocks are not UTC.
    pub(super) fn assumes_a_zone(&self) -> bool {
        self.by_the_clock && self.time_zone_from == ZoneFrom::Assumed
    }
}

/// The start that has come and is to be made, with the Job that a `Forbid` waits for. Only of what
/// is stored.
fn pending(subject: &Subject, zone: &Zone, now: Timestamp) -> Option<(Timestamp, Option<String>)> {
    let object = Object::stored(crate::batch::Kind::CronJob, &subject.json).ok()?;
    let cronjob = CronJob::of(&object).ok()?;
    let namespace_terminating = subject.namespace_terminating;
    let cronjob = CronJob { namespace_terminating, ..cronjob };
    let timetable = Timetable::read(cronjob.schedule, cronjob.time_zone, zone).ok()?;
    let slot = observe::pending(&cronjob, &timetable, Since::of(&cronjob), now)?;
    let forbids = cronjob.concurrency == Concurrency::Forbid;
    // A status may list anything.
    let held = cronjob.status.active.iter().find(|entry| forbids && is_subdomain(&entry.name));
    Some((slot, held.map(|entry| entry.name.clone().into_owned())))
}

/// The starts after `now`, as the controller finds them.
fn times(subject: &Subject, zone: &Zone, now: Timestamp, count: usize) -> Vec<Timestamp> {
    let Subject { schedule, base, .. } = subject;
    let next = |after: Timestamp| schedule.next(after, zone);
    let first = match (schedule.period(), *base) {
        (_, Some(base)) if base > now => next(base),
        (None, base) => {
            // The search for the next start begins at the last one, and near a change of the clocks
            // it matters where it begins.
            let earliest = now.saturating_sub(TWO_DAYS).expect("a duration without units");
            let mut after = base.map_or(earliest, |base| base.max(earliest));
            while let Some(start) = next(after).filter(|start| *start <= now) {
                after = start;
            }
            next(after).or_else(|| next(now))
        }
        (Some(_), None) => next(now),
        (Some(period), Some(base)) => {
            let passed = now.duration_since(base).as_secs() / period.as_secs();
            let grid = i32::try_from(passed).ok().and_then(|periods| period.checked_mul(periods));
            next(grid.and_then(|grid| base.checked_add(grid).ok()).unwrap_or(now))
        }
    };
    std::iter::successors(first, |start| next(*start)).take(count).collect()
}

/// What changes of the clocks do from just before `now` to the last start, and in the year behind.
fn disturbances(
    schedule: &Schedule,
    zone: &Zone,
    now: Timestamp,
    last: Option<Timestamp>,
) -> Vec<Disturbance> {
    let mut found = Vec::new();
    let mut window = now.saturating_sub(TWO_DAYS).expect("a duration without units");
    loop {
        found.append(&mut daylight::disturbances(schedule, zone, window));
        // A little less than is looked at: what is at the seam is found twice, and told once.
        match window.checked_add(YEAR) {
            Ok(next) if last.is_some_and(|last| next <= last) => window = next,
            _ => break,
        }
    }
    found.sort_by_key(|found| (found.local, Reverse(found.change)));
    found.dedup_by_key(|found| found.local);
    found
}

fn starts(
    times: &[Timestamp],
    schedule: &Schedule,
    zone: &Zone,
    now: Timestamp,
    found: &[Disturbance],
) -> Vec<Start> {
    let mut previous = None;
    let mut clocks = zone.time_zone().to_offset(now);
    let mut starts = Vec::with_capacity(times.len());
    for utc in times.iter().copied() {
        let local = utc.to_zoned(zone.time_zone().clone());
        let offset = local.offset();
        let disturbed = found.iter().find_map(|found| marked(found, utc, zone));
        let (mark, note) = match disturbed {
            Some((mark, note)) => (Some(mark), Some(note)),
            // `@every` goes on in elapsed time, whatever the clocks do.
            None if offset != clocks && schedule.period().is_none() => {
                let shown = |offset: Offset| {
                    utc.to_zoned(TimeZone::fixed(offset)).strftime("%:z").to_string()
                };
                let (before, after) = (shown(clocks), shown(offset));
                let note = format!("shifted: the clocks went from {before} to {after}");
                (Some("shifted"), Some(note))
            }
            None => (None, None),
        };
        let gap = previous.map(|previous| utc.duration_since(previous));
        starts.push(Start { local, utc, gap, mark, note });
        (previous, clocks) = (Some(utc), offset);
    }
    starts
}

/// What the disturbance makes of the start at `utc`, if it is about that.
fn marked(found: &Disturbance, utc: Timestamp, zone: &Zone) -> Option<(&'static str, String)> {
    let change = change(found.change, zone);
    match found.kind {
        Kind::Overlap { first, .. } if first == utc => {
            Some(("twice", format!("twice, 1 of 2: {change}")))
        }
        Kind::Overlap { second, .. } if second == utc => {
            Some(("twice", format!("twice, 2 of 2: {change}")))
        }
        Kind::Stray { at } if at == utc => Some((
            "extra",
            format!("extra, no time of the schedule: the controller comes upon it, as {change}"),
        )),
        _ => None,
    }
}

/// The slots that are skipped between the starts, and the first disturbance behind them, told.
fn skipped(
    times: &[Timestamp],
    zone: &Zone,
    now: Timestamp,
    found: &[Disturbance],
) -> (Vec<Skipped>, Option<String>) {
    let last = times.last().copied();
    let is_ahead = |at: Timestamp| last.is_some_and(|last| at > last);
    let mut ahead = None;
    let mut all: Vec<Skipped> = Vec::new();
    for Disturbance { local, change: at, kind } in found {
        let (soonest, what) = match kind {
            Kind::Gap { next: Some(next) } if *at > now && !is_ahead(*next) => {
                skip(&mut all, *local, *at, *next, zone);
                continue;
            }
            Kind::Gap { next: None } if *at > now => (*at, "is skipped".to_owned()),
            Kind::Gap { next: Some(next) } => (*next, format!("is skipped, next {next}")),
            Kind::Overlap { first, second } => {
                (*first, format!("comes twice, {first} and {second}"))
            }
            Kind::Stray { at } => (*at, format!("comes beside the schedule, at {at}")),
            Kind::Gap { next: None } => continue,
        };
        if ahead.is_none() && is_ahead(soonest) {
            let change = change(*at, zone);
            ahead = Some(format!("{} {what}: {change}", local.strftime("%F %R")));
        }
    }
    (all, ahead)
}

/// Adds a slot to those that are skipped.
fn skip(all: &mut Vec<Skipped>, local: DateTime, at: Timestamp, next: Timestamp, zone: &Zone) {
    let (before, after) = sides(at, zone);
    let change_of_clocks = change(at, zone);
    let note = if (before..after).contains(&local) {
        format!("skipped: {change_of_clocks}")
    } else {
        format!("skipped: the controller passes over it, as {change_of_clocks}")
    };
    let in_row = |last: &&mut Skipped| (last.change, last.next) == (at, next) && last.note == note;
    if let Some(last) = all.last_mut().filter(in_row) {
        last.until = local;
        last.count += 1;
        return;
    }
    all.push(Skipped { local, until: local, count: 1, change: at, next, note });
}

/// A change of the clocks for people.
fn change(at: Timestamp, zone: &Zone) -> String {
    let (before, after) = sides(at, zone);
    let format = if before.date() == after.date() { "%R" } else { "%F %R" };
    format!("the clocks go from {} to {}", before.strftime(format), after.strftime(format))
}

/// What the clocks would show at a change without it, and what they show.
fn sides(at: Timestamp, zone: &Zone) -> (DateTime, DateTime) {
    let second = SignedDuration::from_secs(1);
    let earlier = at.saturating_sub(second).expect("a duration without units");
    let offset: Offset = zone.time_zone().to_offset(earlier);
    (offset.to_datetime(at), zone.time_zone().to_datetime(at))
}

fn with_offset<S: Serializer>(local: &Zoned, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&local.strftime("%FT%T%:z"))
}

/// Longer than any change of the clocks has an effect on a search.
const TWO_DAYS: SignedDuration = SignedDuration::from_hours(48);

/// [`daylight::disturbances`] looks ahead this far, and a day more.
const YEAR: SignedDuration = SignedDuration::from_hours(365 * 24);

#[cfg(test)]
mod tests;
