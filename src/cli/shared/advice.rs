//! What is odd about one object under a policy: the policy's lint of objects, given what this
//! object is going to have, and what the clocks do to its schedule.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::batch::schedule::daylight::{self, Disturbance};
use crate::batch::schedule::misread::{self, Misread};
use crate::batch::schedule::{Field, Schedule};
use crate::batch::zone::{self, Zone};
use crate::batch::{Kind, Object};
use crate::policy::decide::Origin;
use crate::policy::lint::{self, Lint};
use crate::policy::{Decision, Setting, Value, Verdict, code};

/// Something to know about a schedule or a `CronJob`.
#[derive(Debug, Serialize)]
pub struct Note {
    /// Stable, for scripts: a word, or the code of a lint.
    pub code: &'static str,
    pub message: String,
}

// === impl Note ===

impl Note {
    pub(in crate::cli) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// Everything that is odd about an object once the decision is carried out; nothing about objects
/// that the policy leaves alone.
pub fn about(object: &Object<'_>, decision: &Decision<'_>, now: Timestamp) -> Vec<Lint> {
    if decision.verdict != Verdict::Considered {
        return Vec::new();
    }
    let target = |setting| decision.setting(setting).and_then(|settled| settled.target.number());
    // What nobody chose is the API server's default, and means to keep nothing.
    let chosen = |setting: Setting| {
        let settled = decision.setting(setting)?;
        let number = settled.target.number();
        let unset = matches!(settled.source, Origin::Author) && number == setting.api_default();
        number.filter(|_| !unset)
    };
    let history = (chosen(Setting::HistorySuccessful), chosen(Setting::HistoryFailed));
    let clock = clock(object, decision);
    let interval = clock.as_ref().and_then(|(schedule, zone)| interval(schedule, zone, now));
    let mut found = lint::object(object, target(Setting::Ttl), history, interval);
    if let Some((schedule, zone)) = &clock {
        found.extend(daylight::disturbances(schedule, zone, now).first().map(disturbed));
    }
    found
}

/// The schedule of a `CronJob`, and the zone whose clocks it follows.
///
/// Where no time zone is set the controller's own counts, which is UTC nearly everywhere.
fn clock(object: &Object<'_>, decision: &Decision<'_>) -> Option<(Schedule, Zone)> {
    if object.kind != Kind::CronJob {
        return None;
    }
    let schedule = Schedule::parse(object.spec.schedule.as_deref()?).ok()?;
    let zone = match decision.setting(Setting::TimeZone).map(|settled| &settled.target) {
        Some(Value::Text(name)) => zone::check(name).ok()?,
        _ => Zone::UTC,
    };
    Some((schedule, zone))
}

/// The shortest time between two starts among those to come.
pub(in crate::cli) fn interval(
    schedule: &Schedule,
    zone: &Zone,
    now: Timestamp,
) -> Option<SignedDuration> {
    let starts = std::iter::successors(schedule.next(now, zone), |at| schedule.next(*at, zone));
    let starts: Vec<Timestamp> = starts.take(STARTS).collect();
    starts.windows(2).map(|pair| pair[1].duration_since(pair[0])).min()
}

/// The next slot that a change of the clocks disturbs; one is enough to know.
pub(in crate::cli) fn disturbed(disturbance: &Disturbance) -> Lint {
    let Disturbance { local, change: _, kind } = disturbance;
    let what = match kind {
        daylight::Kind::Gap { next: Some(next) } => {
            format!("does not start at {local}, which the clocks skip, but next at {next}")
        }
        daylight::Kind::Gap { next: None } => {
            format!("does not start at {local}, which the clocks skip")
        }
        daylight::Kind::Overlap { first, second } => {
            format!("starts twice at {local}, which the clocks show twice: {first} and {second}")
        }
        daylight::Kind::Stray { at } => {
            format!("also starts at {at}, since the clocks skip the midnight before")
        }
    };
    Lint {
        code: code::DAYLIGHT,
        message: format!("the schedule {what}"),
        mend: "choose a time that no change of the clocks touches, or the time zone UTC".to_owned(),
    }
}

/// What people misread about a schedule, in a sentence each.
pub(in crate::cli) fn misread(text: &str) -> Vec<Note> {
    let sentence = |found| match found {
        Misread::EitherDay { month, week } => {
            let message = format!(
                "a day of the month that fits `{month}` starts, and so does a day of the week that \
                 fits `{week}`: where both are given, one of them suffices"
            );
            Note::new("either-day", message)
        }
        Misread::Step { field, member, step, numbers } => {
            let (each, every) = match field {
                Field::Minute => ("hour", Some(("minutes", 'm', 1))),
                Field::Hour => ("day", Some(("hours", 'h', 1))),
                Field::DayOfMonth => ("month", Some(("days", 'h', 24))),
                Field::Month => ("year", None),
                Field::DayOfWeek => ("week", None),
            };
            // Nobody means more than a year, and the longest that can be written is 292 of them.
            let every = every.filter(|_| step <= 525_600);
            let otherwise = every.map_or_else(String::new, |(units, unit, times)| {
                let every = step * times;
                format!(
                    ", and not every {step} {units}, which is `@every {every}{unit}`, counted from \
                     the last start"
                )
            });
            let (numbers, field) = (some(&numbers), field.as_str());
            let message =
                format!("`{member}` in the {field} field is {numbers} of each {each}{otherwise}");
            Note::new("step", message)
        }
    };
    misread::misread(text).into_iter().map(sentence).collect()
}

/// A few numbers.
fn some(numbers: &[i64]) -> String {
    let told = |numbers: &[i64]| {
        let all: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        all.join(", ")
    };
    match numbers {
        [first, second, .., last] if numbers.len() > 5 => format!("{first}, {second} … {last}"),
        [some @ .., last] if !some.is_empty() => format!("{} and {last}", told(some)),
        all => told(all),
    }
}

/// What a deadline below a minute comes to beside the built-in controller; nothing about 0, with
/// which nothing starts at all.
pub(in crate::cli) fn short_deadline(deadline: Option<i64>) -> Option<Note> {
    let seconds = deadline.filter(|seconds| (1..60).contains(seconds))?;
    let message = format!(
        "with startingDeadlineSeconds {seconds} a start is lost that is made later than that, as \
         the built-in controller makes it where many CronJobs start together, or after it was away; \
         give a minute or more"
    );
    Some(Note::new("short-deadline", message))
}

/// Enough to meet the densest part of any schedule that people write for a day or a week.
const STARTS: usize = 300;
