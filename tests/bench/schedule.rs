//! What it costs to find the next start of a schedule, to find out that there is none, and to decide
//! about a `CronJob` that nobody looked at for ten years.
//!
//! Run with `cargo bench --bench schedule`. A figure is the median of rounds; a round asks from many
//! moments, as a clock read for every single answer would cost as much as the answer.

pub mod common;

use std::collections::BTreeSet;
use std::hint::black_box;

use curfew::batch::cronjob::Status;
use curfew::batch::schedule::Schedule;
use curfew::batch::zone::{self, Zone};
use curfew::batch::{Concurrency, CronJob};
use curfew::clock;
use curfew::scheduler::decide::{Answers, Situation};
use curfew::scheduler::{Step, decide};
use jiff::Timestamp;

use common::{
    Called, Effort, report,
    statistics::{median, number, range},
};

fn main() {
    if let Called::Measure(effort) = common::called() {
        next(effort);
        never(effort);
        outage(effort);
    }
}

/// The next start, over a mix of schedules and zones.
fn next(effort: Effort) {
    let (pairs, moments) = (MIX.len() * ZONES.len(), moments());
    report::head(&format!("Next start, {pairs} pairs of a schedule and a zone"), effort);
    let mut all = Vec::new();
    let mut rows = Vec::new();
    for text in MIX {
        let figures = zones().map(|zone| search(text, &zone, &moments, effort));
        let figures: Vec<f64> = figures.collect();
        let (low, high) = range(figures.iter().copied());
        let middle = median(figures.iter().copied());
        rows.push([(*text).to_owned(), nanoseconds(middle), nanoseconds(low), nanoseconds(high)]);
        all.extend(figures);
    }
    report::table(["schedule", "median of zones, ns", "least, ns", "most, ns"], &rows);
    let mean = all.iter().sum::<f64>() / number(all.len());
    let all = median(all);
    report::say(format!("\nmean {} ns", nanoseconds(mean)));
    report::goal("a median of at most 2 µs", &format!("{} ns", nanoseconds(all)), all <= 2e3);
}

/// Schedules of days that never come.
fn never(effort: Effort) {
    report::head("Finding out that a schedule never starts anything", effort);
    let moments = moments();
    let mut rows = Vec::new();
    let mut worst = 0.0_f64;
    for text in NEVER {
        let figures: Vec<f64> =
            zones().map(|zone| search(text, &zone, &moments, effort) / 1e3).collect();
        let (low, high) = range(figures.iter().copied());
        let middle = median(figures);
        worst = worst.max(high);
        rows.push([(*text).to_owned(), tenths(middle), tenths(low), tenths(high)]);
    }
    report::table(["schedule", "median of zones, µs", "least, µs", "most, µs"], &rows);
    report::say("");
    report::goal("at most 1 ms in any zone", &format!("{} µs", tenths(worst)), worst <= 1e3);
}

/// A pass after ten years.
fn outage(effort: Effort) {
    report::head("A pass over a CronJob that was not looked at for ten years", effort);
    let mut rows = Vec::new();
    let mut minutes = 0.0;
    for (text, since) in OUTAGES {
        let figures = zones().map(|zone| pass(text, since, &zone, effort) / 1e3);
        let (low, high) = range(figures);
        if *text == "* * * * *" {
            minutes = high;
        }
        rows.push([(*text).to_owned(), tenths(low), tenths(high)]);
    }
    report::table(["schedule", "least of zones, µs", "most, µs"], &rows);
    let figure = format!("{} µs", tenths(minutes));
    report::say("");
    report::goal("ten years of minutes in at most 1 ms in any zone", &figure, minutes <= 1e3);
}

/// How many nanoseconds one search takes.
fn search(text: &str, zone: &Zone, moments: &[Timestamp], effort: Effort) -> f64 {
    let schedule = Schedule::parse(text).expect("it is one");
    rounds(effort, moments.len(), || {
        for moment in moments {
            black_box(black_box(&schedule).next(black_box(*moment), black_box(zone)));
        }
    })
}

/// How many nanoseconds a pass takes, the schedule's text included.
fn pass(text: &str, since: &str, zone: &Zone, effort: Effort) -> f64 {
    let cronjob = CronJob {
        namespace: "apps",
        name: "tidy",
        uid: "c-1".into(),
        created: since.parse().expect("a time"),
        in_force: None,
        terminating: false,
        namespace_terminating: false,
        schedule: text,
        time_zone: None,
        suspended: false,
        concurrency: Concurrency::Allow,
        deadline: None,
        successful_limit: Some(3),
        failed_limit: Some(1),
        status: Status::default(),
    };
    let situation = Situation {
        cronjob: &cronjob,
        children: &[],
        removed: &BTreeSet::new(),
        answers: &Answers::default(),
        zone,
        now: "2026-01-31T23:58:00.1Z".parse().expect("a time"),
    };
    rounds(effort, 1, || {
        let Step::Done(pass) = decide(black_box(&situation)) else { panic!("nothing to ask") };
        assert!(pass.wake.is_some());
    })
}

/// The median of rounds of so many calls, in nanoseconds a call.
fn rounds(effort: Effort, calls: usize, mut round: impl FnMut()) -> f64 {
    round();
    median((0..effort.pick(25, 1)).map(|_| {
        let start = clock::instant();
        round();
        start.elapsed().as_secs_f64() * 1e9 / number(calls)
    }))
}

/// All over thirty years, at odd times.
fn moments() -> Vec<Timestamp> {
    let first: Timestamp = "2000-01-01T00:00:00.1Z".parse().expect("a time");
    let step = jiff::SignedDuration::from_secs(30 * 365 * 86_400 / MOMENTS + 12_345);
    (0..MOMENTS).map(|place| first + step * i32::try_from(place).expect("not so many")).collect()
}

fn zones() -> impl Iterator<Item = Zone> {
    ZONES.iter().map(|zone| zone::check(zone).expect("there is one"))
}

fn nanoseconds(figure: f64) -> String {
    format!("{figure:.0}")
}

fn tenths(figure: f64) -> String {
    format!("{figure:.1}")
}

const MOMENTS: i64 = 256;

/// What people write, from the most frequent to the rarest start.
const MIX: &[&str] = &[
    "* * * * *",
    "*/5 * * * *",
    "@every 90m",
    "0 * * * *",
    "15 */6 * * *",
    "30 2 * * *",
    "0 9-17 * * 1-5",
    "0 0 * * *",
    "30 4 * * 0",
    "0 3 1,15 * *",
    "0 0 1 * *",
    "0 0 31 * *",
    "0 0 1 1 *",
    "0 0 29 2 *",
];

const NEVER: &[&str] = &["0 0 31 2 *", "0 0 30 2 ?", "* * 31 2,4,6,9,11 *", "* * 30 2 */1"];

/// Schedules, and a creation ten years before the pass. The last two are hard ones: they
/// start off with a distance of eleven months, so the walk from the estimate on is through all the
/// minutes of a month, as it is upstream's.
const OUTAGES: &[(&str, &str)] = &[
    ("* * * * *", "2016-01-31T23:58:30Z"),
    ("30 2 * * *", "2016-01-31T23:58:30Z"),
    ("0 0 31 2,3 *", "2016-01-31T23:58:30Z"),
    ("*/5 * * 1 *", "2016-01-31T23:54:30Z"),
    ("* * * 1 *", "2016-01-31T23:58:30Z"),
];

const ZONES: &[&str] = &[
    "UTC",
    "Africa/Cairo",
    "America/New_York",
    "America/Sao_Paulo",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Pacific/Auckland",
];
