use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::select;
use rstest::rstest;

use super::{AS_MEANT, MOST, Observation, STATES, WhyMissed, observe};
use crate::batch::Outcome;
use crate::batch::cronjob::{Active, Status};
use crate::batch::edits::InForce;
use crate::batch::zone::{Zone, check};
use crate::batch::{Child, Concurrency, CronJob, Ending};
use crate::scheduler::job;
use crate::scheduler::missed::{AFTER_SLOT, Since, next_look};
use crate::scheduler::timetable::Timetable;

/// A time of 2026-11-21 such as `08:29`, or a whole one.
fn at(text: &str) -> Timestamp {
    let whole = if text.contains('T') {
        text.to_owned()
    } else {
        let seconds = if text.len() == 5 { ":00" } else { "" };
        format!("2026-11-21T{text}{seconds}Z")
    };
    whole.parse().unwrap()
}

/// Made three weeks ago; its last start was at `last`, and succeeded at once.
fn cronjob(schedule: &'static str, last: &str) -> CronJob<'static> {
    CronJob {
        namespace: "shop",
        name: "a",
        uid: Cow::Borrowed("u-a"),
        created: at("2026-11-01T00:00:30Z"),
        in_force: Some(InForce::Since(at("2026-01-01T00:00:00Z"))),
        terminating: false,
        namespace_terminating: false,
        schedule,
        time_zone: None,
        suspended: false,
        concurrency: Concurrency::Allow,
        deadline: None,
        successful_limit: Some(3),
        failed_limit: Some(1),
        status: Status {
            active: Vec::new(),
            last_schedule: Some(at(last)),
            last_successful: Some(at(last)),
        },
    }
}

fn unused(schedule: &'static str, created: &str) -> CronJob<'static> {
    let created_at = at(created);
    CronJob {
        created: created_at,
        in_force: Some(InForce::Since(created_at)),
        status: Status::default(),
        ..cronjob(schedule, created)
    }
}

fn in_zone(zone: &'static str, schedule: &'static str, last: &str) -> CronJob<'static> {
    CronJob { time_zone: Some(zone), ..cronjob(schedule, last) }
}

/// Its spec has been in force since `edited`.
fn edited(edited: &str, schedule: &'static str, last: &str) -> CronJob<'static> {
    CronJob { in_force: Some(InForce::Since(at(edited))), ..cronjob(schedule, last) }
}

fn with_deadline(seconds: i64, schedule: &'static str, last: &str) -> CronJob<'static> {
    CronJob { deadline: Some(seconds), ..cronjob(schedule, last) }
}

/// Waits for the end of these.
fn forbidding(active: &[&Child<'static>], schedule: &'static str, last: &str) -> CronJob<'static> {
    let entry = |child: &&Child<'static>| Active {
        name: Cow::Borrowed(child.name),
        uid: child.uid.clone(),
        version: child.version.clone(),
    };
    let mut cronjob = CronJob { concurrency: Concurrency::Forbid, ..cronjob(schedule, last) };
    cronjob.status.active = active.iter().map(entry).collect();
    cronjob
}

/// A Job that runs since it was created at `created`, for the start at `slot`.
fn running(slot: &str, created: &str) -> Child<'static> {
    let name: &'static str = job::name("a", at(slot)).leak();
    Child {
        name,
        uid: Cow::Borrowed(name),
        version: Cow::Borrowed("7"),
        ours: true,
        created: Some(at(created)),
        started: Some(at(created)),
        finish: None,
        completed: None,
        slot: Some(at(slot)),
        terminating: false,
        held: false,
        suspended: false,
        waits: false,
        ending: None,
    }
}

fn succeeded(slot: &str, created: &str, completed: &str) -> Child<'static> {
    let (finish, completed) = (Some(Outcome::Success), Some(at(completed)));
    Child { finish, completed, ..running(slot, created) }
}

fn pulling(slot: &str) -> Child<'static> {
    Child { waits: true, ..running(slot, slot) }
}

/// Its Pods are being ended.
fn ending(since: Option<&str>, why: &'static str) -> Child<'static> {
    let ending = Some(Ending { since: since.map(at), why: why.into() });
    Child { ending, ..running("10:00", "10:00") }
}

const GRACE: SignedDuration = SignedDuration::from_secs(30);

fn seen(cronjob: &CronJob<'_>, children: &[Child<'_>], now: &str) -> Observation {
    seen_beside(cronjob, children, Some(false), now)
}

/// Whether a person should look.
fn needs_attention(seen: &Observation) -> bool {
    seen.findings().next().is_some()
}

/// `is_there` says whether there are Jobs that are listed and not among the children.
fn seen_beside(
    cronjob: &CronJob<'_>,
    children: &[Child<'_>],
    is_there: Option<bool>,
    now: &str,
) -> Observation {
    let seen = observe(cronjob, children, |_| is_there, &Zone::UTC, GRACE, at(now));
    let states = seen.states();
    assert!(states.iter().all(|state| STATES.contains(state)), "{states:?}");
    assert_eq!(needs_attention(&seen), !seen.to_string().is_empty());
    assert_eq!(needs_attention(&seen), !states.iter().all(|state| AS_MEANT.contains(state)));
    seen
}

fn told(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| time.to_string())
}

#[rstest]
#[case::waits(cronjob("0 * * * *", "11:00"), "11:30", "-", "12:00")]
#[case::moment_of_a_start(cronjob("0 * * * *", "11:00"), "12:00", "12:00", "13:00")]
#[case::fraction_of_a_second(cronjob("0 * * * *", "11:00"), "12:00:00.5", "12:00", "13:00")]
#[case::latest_of_many(cronjob("*/5 * * * *", "08:25"), "10:21", "10:20", "10:25")]
#[case::no_start_yet(unused("0 * * * *", "11:00:01"), "11:30", "-", "12:00")]
#[case::future_creation(unused("0 * * * *", "14:30"), "11:30", "-", "15:00")]
#[case::every_counts_from_the_last(cronjob("@every 90m", "10:10"), "11:00", "-", "11:40")]
#[case::every_that_is_due(cronjob("@every 90m", "10:10"), "11:41", "11:40", "13:10")]
#[case::zone_of_its_own(in_zone("Asia/Kolkata", "0 * * * *", "10:30"), "11:45", "11:30", "12:30")]
#[case::zone_in_the_schedule(
    cronjob("TZ=Asia/Kolkata 0 * * * *", "10:30"),
    "11:45",
    "11:30",
    "12:30"
)]
#[case::skipped_by_the_clocks(
    in_zone("Europe/Berlin", "30 2 * * *", "2027-03-27T01:30:00Z"),
    "2027-03-28T12:00:00Z",
    "-",
    "2027-03-29T00:30:00Z"
)]
#[case::first_of_two_by_the_clocks(
    in_zone("Europe/Berlin", "30 2 * * *", "2026-10-24T00:30:00Z"),
    "2026-10-25T00:45:00Z",
    "2026-10-25T00:30:00Z",
    "2026-10-25T01:30:00Z"
)]
#[case::second_of_two_by_the_clocks(
    in_zone("Europe/Berlin", "30 2 * * *", "2026-10-25T00:30:00Z"),
    "2026-10-25T01:45:00Z",
    "2026-10-25T01:30:00Z",
    "2026-10-26T01:30:00Z"
)]
#[case::irregular_with_an_estimate_that_overshoots(
    cronjob("30 10,11,12 * * 1-5", "2026-11-20T10:30:00Z"),
    "2026-11-23T09:00:00Z",
    "-",
    "2026-11-23T10:30:00Z"
)]
#[case::once_in_a_while(
    cronjob("0 0 29 2 *", "2024-02-29T00:00:00Z"),
    "11:00",
    "-",
    "2028-02-29T00:00:00Z"
)]
#[case::suspended(CronJob { suspended: true, ..cronjob("0 * * * *", "08:00") }, "11:30", "-", "-")]
#[case::terminating(
    CronJob { terminating: true, ..cronjob("0 * * * *", "08:00") },
    "11:30",
    "-",
    "-"
)]
#[case::never(unused("0 0 31 2 *", "11:00"), "11:30", "-", "-")]
#[case::deadline_of_nothing(with_deadline(0, "0 * * * *", "10:00"), "11:30", "11:00", "-")]
#[case::short_deadline(with_deadline(5, "0 * * * *", "10:00"), "11:30", "11:00", "12:00")]
#[case::deadline_below_every(with_deadline(200, "@every 5m", "11:00"), "11:04", "-", "-")]
#[case::deadline_of_every(with_deadline(300, "@every 5m", "11:00"), "11:04", "-", "11:05")]
fn due_and_next(
    #[case] cronjob: CronJob<'_>,
    #[case] now: &str,
    #[case] due: &str,
    #[case] next: &str,
) {
    let whole = |text: &str| if text == "-" { text.to_owned() } else { at(text).to_string() };
    let seen = seen(&cronjob, &[], now);
    assert_eq!((told(seen.due), told(seen.next)), (whole(due), whole(next)), "{seen:#?}");
}

/// Number, first and last of the missed starts, and why.
#[rstest]
#[case::within_the_grace(cronjob("0 * * * *", "10:00"), &[], "11:00:29", None)]
#[case::at_the_grace(cronjob("0 * * * *", "10:00"), &[], "11:00:30", Some((1, "11:00", "11:00", "not-started")))]
#[case::outage(cronjob("7 * * * *", "08:07"), &[], "10:21", Some((2, "09:07", "10:07", "not-started")))]
#[case::outage_of_a_busy_one(cronjob("*/5 * * * *", "08:25"), &[], "10:20:29", Some((22, "08:30", "10:15", "not-started")))]
#[case::newest_within_the_grace(cronjob("0 * * * *", "09:00"), &[], "11:00:10", Some((1, "10:00", "10:00", "not-started")))]
#[case::a_hundred(cronjob("* * * * *", "08:00"), &[], "09:40:30", Some((100, "08:01", "09:40", "not-started")))]
#[case::more_than_are_counted(cronjob("* * * * *", "2026-11-01T00:01:00Z"), &[], "11:30:30", Some((MOST, "2026-11-01T00:02:00Z", "11:30", "not-started")))]
#[case::from_the_creation(unused("0 * * * *", "08:30"), &[], "11:30", Some((3, "09:00", "11:00", "not-started")))]
#[case::future_creation(unused("0 * * * *", "14:30"), &[], "11:30", None)]
#[case::every(cronjob("@every 90m", "08:10"), &[], "11:30", Some((2, "09:40", "11:10", "not-started")))]
#[case::overshoot(cronjob("30 10,11,12 * * 1-5", "2026-11-20T10:30:00Z"), &[], "2026-11-23T09:00:00Z", Some((2, "2026-11-20T11:30:00Z", "2026-11-20T12:30:00Z", "not-started")))]
#[case::suspended(CronJob { suspended: true, ..cronjob("0 * * * *", "08:00") }, &[], "11:30", None)]
#[case::terminating(CronJob { terminating: true, ..cronjob("0 * * * *", "08:00") }, &[], "11:30", None)]
#[case::unreadable(cronjob("0 * * *", "08:00"), &[], "11:30", None)]
#[case::status_behind(cronjob("0 * * * *", "09:00"), &[running("11:00", "11:00:01")], "11:30", None)]
#[case::status_behind_an_older_one(cronjob("0 * * * *", "09:00"), &[running("10:00", "10:00:01")], "11:30", Some((1, "11:00", "11:00", "not-started")))]
#[case::a_job_of_a_namesake(cronjob("0 * * * *", "10:00"), &[Child { ours: false, ..running("11:00", "11:00") }], "11:30", Some((1, "11:00", "11:00", "not-started")))]
#[case::a_job_of_the_future(cronjob("0 * * * *", "10:00"), &[running("15:00", "11:00")], "11:30", Some((1, "11:00", "11:00", "not-started")))]
#[case::a_job_made_by_hand(cronjob("0 * * * *", "10:00"), &[Child { slot: None, ..running("11:00", "11:10") }], "11:30", Some((1, "11:00", "11:00", "not-started")))]
#[case::deadline_of_nothing(with_deadline(0, "0 * * * *", "10:00"), &[], "11:30", Some((1, "11:00", "11:00", "deadline")))]
#[case::short_deadline(with_deadline(5, "0 * * * *", "10:00"), &[], "11:00:30", Some((1, "11:00", "11:00", "deadline")))]
#[case::before_its_deadline(with_deadline(200, "0 * * * *", "10:00"), &[], "11:03:19", Some((1, "11:00", "11:00", "not-started")))]
#[case::at_its_deadline(with_deadline(200, "0 * * * *", "10:00"), &[], "11:03:20", Some((1, "11:00", "11:00", "deadline")))]
#[case::endless_deadline(with_deadline(i64::MAX, "0 * * * *", "10:00"), &[], "11:30", Some((1, "11:00", "11:00", "not-started")))]
#[case::held_back(forbidding(&[&running("10:00", "10:00")], "0 * * * *", "10:00"), &[running("10:00", "10:00")], "12:30", Some((2, "11:00", "12:00", "forbid")))]
#[case::held_back_beyond_the_deadline(CronJob { deadline: Some(5), ..forbidding(&[&running("10:00", "10:00")], "0 * * * *", "10:00") }, &[running("10:00", "10:00")], "11:30", Some((1, "11:00", "11:00", "forbid")))]
#[case::forbid_with_a_job_that_is_not_there(forbidding(&[&running("10:00", "10:00")], "0 * * * *", "10:00"), &[], "11:30", Some((1, "11:00", "11:00", "not-started")))]
#[case::forbid_with_one_that_is_there(forbidding(&[&running("09:00", "09:00"), &running("10:00", "10:00")], "0 * * * *", "10:00"), &[running("10:00", "10:00")], "11:30", Some((1, "11:00", "11:00", "forbid")))]
#[case::rescheduled(edited("11:15", "0 * * * *", "2026-11-16T02:00:00Z"), &[], "11:30", None)]
#[case::rescheduled_and_missed_since(edited("09:15", "0 * * * *", "2026-11-16T02:00:00Z"), &[], "11:30", Some((2, "10:00", "11:00", "not-started")))]
#[case::edited_at_a_start(edited("11:00", "0 * * * *", "08:00"), &[], "11:30", None)]
#[case::started_since_the_edit(edited("08:15", "0 * * * *", "10:00"), &[], "11:30", Some((1, "11:00", "11:00", "not-started")))]
#[case::edited_to_every(edited("09:00", "@every 50m", "08:10"), &[], "11:30", Some((2, "09:50", "10:40", "not-started")))]
#[case::held_back_since_an_edit(CronJob { in_force: Some(InForce::Since(at("11:15"))), ..forbidding(&[&running("08:00", "08:00")], "0 * * * *", "08:00") }, &[running("08:00", "08:00")], "12:30", Some((1, "12:00", "12:00", "forbid")))]
#[case::last_start_ahead(cronjob("0 * * * *", "2026-12-21T08:00:00Z"), &[], "11:30", None)]
#[case::namespace_terminating(CronJob { namespace_terminating: true, ..cronjob("0 * * * *", "08:00") }, &[], "11:30", None)]
#[case::forbid_with_a_job_that_is_over(forbidding(&[&running("10:00", "10:00")], "0 * * * *", "10:00"), &[succeeded("10:00", "10:00", "10:05")], "11:30", Some((1, "11:00", "11:00", "not-started")))]
#[case::forbid_with_nothing_active(forbidding(&[], "0 * * * *", "10:00"), &[], "11:30", Some((1, "11:00", "11:00", "not-started")))]
#[case::replace_waits_for_nobody(CronJob { concurrency: Concurrency::Replace, ..forbidding(&[&running("10:00", "10:00")], "0 * * * *", "10:00") }, &[running("10:00", "10:00")], "11:30", Some((1, "11:00", "11:00", "not-started")))]
#[case::skipped_by_the_clocks(in_zone("Europe/Berlin", "30 2 * * *", "2027-03-27T01:30:00Z"), &[], "2027-03-28T12:00:00Z", None)]
#[case::twice_by_the_clocks(in_zone("Europe/Berlin", "30 2 * * *", "2026-10-25T00:30:00Z"), &[], "2026-10-25T12:00:00Z", Some((1, "2026-10-25T01:30:00Z", "2026-10-25T01:30:00Z", "not-started")))]
fn missed(
    #[case] cronjob: CronJob<'_>,
    #[case] children: &[Child<'_>],
    #[case] now: &str,
    #[case] expected: Option<(usize, &str, &str, &str)>,
) {
    let seen = seen(&cronjob, children, now);
    let found =
        seen.missed.map(|missed| (missed.count, missed.since, missed.latest, missed.why.as_str()));
    let expected = expected.map(|(count, since, latest, why)| (count, at(since), at(latest), why));
    assert_eq!(found, expected, "{seen:#?}");
    let held_back = seen.missed.is_some_and(|missed| missed.why == WhyMissed::Forbid);
    assert_eq!(seen.blocked.is_some(), held_back);
}

/// What is known of the Jobs that a status lists and that are no children.
#[rstest]
#[case::there(Some(true), "forbid")]
#[case::not_there(Some(false), "not-started")]
#[case::nobody_knows(None, "not-known")]
fn a_listed_job_that_is_no_child(#[case] is_there: Option<bool>, #[case] why: &str) {
    let cronjob = forbidding(&[&running("10:00", "10:00")], "0 * * * *", "10:00");
    let seen = seen_beside(&cronjob, &[], is_there, "11:30");
    assert_eq!(seen.missed.map(|missed| missed.why.as_str()), Some(why));
    assert_eq!(seen.blocked.is_some(), why == "forbid");
    let late = CronJob { deadline: Some(5), ..cronjob };
    let seen = seen_beside(&late, &[], is_there, "11:30");
    let why = if is_there == Some(true) { "forbid" } else { "deadline" };
    assert_eq!(seen.missed.map(|missed| missed.why.as_str()), Some(why));
}

/// Where nobody knows since when the spec is as it is.
#[rstest]
#[case::nothing_since("0 * * * *", "11:00", "fine", None)]
#[case::perhaps_missed("0 * * * *", "10:00", "not-known", Some((1, "not-started")))]
#[case::perhaps_overdue("0 * * * *", "08:00", "not-known", Some((3, "not-started")))]
#[case::perhaps_many("* * * * *", "2026-11-16T02:00:00Z", "not-known", Some((MOST, "not-started")))]
fn nobody_knows_of_edits(
    #[case] schedule: &'static str,
    #[case] last: &str,
    #[case] states: &str,
    #[case] perhaps: Option<(usize, &str)>,
) {
    let cronjob = CronJob { in_force: None, ..cronjob(schedule, last) };
    let seen = seen(&cronjob, &[], "11:30");
    assert_eq!((seen.missed, seen.overdue, needs_attention(&seen)), (None, None, false));
    assert_eq!(seen.states(), [states]);
    let found = seen.perhaps.missed.map(|missed| (missed.count, missed.why.as_str()));
    assert_eq!(found, perhaps);
    assert_eq!(seen.doubt().is_none(), perhaps.is_none());
}

/// Where the last edit was then or before: whoever owns the schedule has changed something.
#[rstest]
#[case::nothing_since("11:15", "11:00", "fine")]
#[case::missed_before("11:15", "10:00", "not-known")]
#[case::missed_since("10:15", "09:00", "missed")]
#[case::edited_in_the_future("2027-11-21T00:00:00Z", "09:00", "not-known")]
fn an_edit_that_was_then_or_before(
    #[case] edited: &str,
    #[case] last: &str,
    #[case] expected: &str,
) {
    let in_force = Some(InForce::AtLatest(at(edited)));
    let seen = seen(&CronJob { in_force, ..cronjob("0 * * * *", last) }, &[], "11:30");
    assert_eq!(seen.states(), [expected]);
}

/// A start that waits for a Job is not due, and neither is one of which that is not known.
#[rstest]
#[case::runs(&[running("10:00", "10:00")], None, "-")]
#[case::is_over(&[succeeded("10:00", "10:00", "10:05")], None, "11:00")]
#[case::there(&[], Some(true), "-")]
#[case::not_there(&[], Some(false), "11:00")]
#[case::nobody_knows(&[], None, "-")]
fn what_forbid_holds_back_is_not_due(
    #[case] children: &[Child<'_>],
    #[case] is_there: Option<bool>,
    #[case] expected: &str,
) {
    let cronjob = forbidding(&[&running("10:00", "10:00")], "0 * * * *", "10:00");
    let seen = seen_beside(&cronjob, children, is_there, "11:00:10");
    let expected = if expected == "-" { None } else { Some(at(expected)) };
    assert_eq!(seen.pending, expected);
    assert_eq!(seen.missed, None);
}

#[test]
fn what_is_not_known_is_told() {
    let doubtful = |last, success| {
        let mut cronjob = CronJob { in_force: None, ..cronjob("0 * * * *", last) };
        cronjob.status.last_successful = Some(at(success));
        seen(&cronjob, &[], "11:30").doubt().unwrap()
    };
    assert_eq!(
        doubtful("09:00", "09:00"),
        "not known whether 2 starts since 2026-11-21T10:00:00Z are missed: nobody can tell since \
         when it has this schedule"
    );
    assert_eq!(
        doubtful("11:00", "08:00"),
        "not known whether a success is missing since 2026-11-21T08:00:00Z: nobody can tell since \
         when it has this schedule"
    );
}

#[test]
fn who_perhaps_holds_back_is_told() {
    let child = running("10:00", "10:00");
    let cronjob = CronJob { in_force: None, ..forbidding(&[&child], "0 * * * *", "10:00") };
    let told = seen(&cronjob, &[child], "11:30").doubt();
    assert_eq!(
        told.as_deref(),
        Some(
            "not known whether the start at 2026-11-21T11:00:00Z is held back by \
             job/a-29920920: nobody can tell since when it has this schedule"
        )
    );
}

/// What the controller makes at its next look.
#[rstest]
#[case::nothing(cronjob("0 * * * *", "11:00"), "-")]
#[case::due(cronjob("0 * * * *", "09:00"), "11:00")]
#[case::an_earlier_hour(edited("11:15", "0 5 * * *", "2026-11-20T23:00:00Z"), "05:00")]
#[case::a_later_hour(edited("11:15", "0 23 * * *", "05:00"), "-")]
#[case::in_time(with_deadline(1801, "0 * * * *", "09:00"), "11:00")]
#[case::too_late(with_deadline(1800, "0 * * * *", "09:00"), "-")]
#[case::suspended(CronJob { suspended: true, ..cronjob("0 * * * *", "09:00") }, "-")]
#[case::namespace_terminating(CronJob { namespace_terminating: true, ..cronjob("0 * * * *", "09:00") }, "-")]
#[case::made_and_not_written_down(forbidding(&[&running("11:00", "11:00")], "0 * * * *", "09:00"), "-")]
#[case::never(with_deadline(0, "0 * * * *", "09:00"), "-")]
fn pending(#[case] cronjob: CronJob<'_>, #[case] expected: &str) {
    let expected = if expected == "-" { None } else { Some(at(expected)) };
    assert_eq!(seen(&cronjob, &[], "11:30").pending, expected);
}

#[rstest]
#[case::past("11:00", false)]
#[case::a_clock_that_is_ahead("11:30:30", false)]
#[case::ahead("11:30:31", true)]
#[case::a_month_ahead("2026-12-21T02:00:00Z", true)]
fn a_last_start_that_lies_ahead(#[case] last: &str, #[case] expected: bool) {
    let mut cronjob = cronjob("0 * * * *", last);
    for suspended in [false, true] {
        cronjob.suspended = suspended;
        let seen = seen(&cronjob, &[], "11:30");
        assert_eq!(seen.states().contains(&"last-start-ahead"), expected, "{seen:#?}");
    }
}

/// A Job that is about to be over and is not.
#[rstest]
#[case::long(ending(Some("11:19:59"), "DeadlineExceeded"), "stuck")]
#[case::a_moment(ending(Some("11:20"), "DeadlineExceeded"), "fine")]
#[case::since_no_time(ending(None, "DeadlineExceeded"), "fine")]
#[case::over(Child { finish: Some(Outcome::Failure), ..ending(Some("11:00"), "DeadlineExceeded") }, "fine")]
#[case::deleted(Child { terminating: true, ..ending(Some("11:00"), "deleted") }, "stuck")]
#[case::that_never_ran(Child { waits: true, ..ending(Some("11:00"), "BackoffLimitExceeded") }, "stuck")]
#[case::that_never_ran_a_moment(Child { waits: true, ..ending(Some("11:25"), "BackoffLimitExceeded") }, "fine")]
fn a_job_that_does_not_end(#[case] child: Child<'_>, #[case] state: &str) {
    let seen = seen(&cronjob("0 * * * *", "11:00"), &[child], "11:30");
    assert_eq!(seen.states(), [state], "{seen:#?}");
}

#[rstest]
#[case::none(&[], None)]
#[case::newest(&[running("10:00", "10:00:07"), running("11:00", "11:00:02")], Some(2))]
#[case::whole_seconds(&[running("11:00", "11:00")], Some(0))]
#[case::clocks_that_disagree(&[running("11:00", "10:59:58")], Some(0))]
#[case::held_back_for_long(&[running("09:00", "11:20")], Some(8400))]
#[case::made_by_hand(&[Child { slot: None, ..running("11:00", "11:10") }], None)]
#[case::of_a_namesake(&[Child { ours: false, ..running("11:00", "11:10") }], None)]
#[case::without_a_creation(&[running("10:00", "10:00:07"), Child { created: None, ..running("11:00", "11:00") }], Some(7))]
fn lag(#[case] children: &[Child<'_>], #[case] expected: Option<i64>) {
    let seen = seen(&cronjob("0 * * * *", "11:00"), children, "11:30");
    assert_eq!(seen.lag.map(|lag| lag.as_secs()), expected);
}

/// Its last success was as long ago as is said, or it never had one since its creation.
#[rstest]
#[case::twice_the_interval(cronjob("0 * * * *", "09:00"), &[], "11:00:30", false)]
#[case::longer(cronjob("0 * * * *", "09:00"), &[], "11:00:31", true)]
#[case::starts_that_fail(CronJob { status: Status { last_schedule: Some(at("11:00")), ..cronjob("0 * * * *", "08:00").status }, ..cronjob("0 * * * *", "08:00") }, &[], "11:30", true)]
#[case::success_that_is_not_written_down(cronjob("0 * * * *", "08:00"), &[succeeded("11:00", "11:00", "11:05")], "11:30", false)]
#[case::too_young(unused("0 * * * *", "09:59"), &[], "11:59", false)]
#[case::never_a_success(unused("0 * * * *", "09:00"), &[], "11:30", true)]
#[case::future_creation(unused("0 * * * *", "14:30"), &[], "11:30", false)]
#[case::nights_count(cronjob("*/5 8-18 * * *", "2026-11-20T18:55:00Z"), &[], "08:04", false)]
#[case::weekends_count(cronjob("0 9 * * 1-5", "2026-11-20T09:00:00Z"), &[], "2026-11-23T08:59:00Z", false)]
#[case::summer_only(cronjob("0 0 * 6-8 *", "2026-08-31T00:00:00Z"), &[], "11:30", false)]
#[case::suspended(CronJob { suspended: true, ..cronjob("0 * * * *", "08:00") }, &[], "11:30", false)]
#[case::terminating(CronJob { terminating: true, ..cronjob("0 * * * *", "08:00") }, &[], "11:30", false)]
#[case::every(cronjob("@every 30m", "10:29"), &[], "11:30", true)]
#[case::rescheduled(edited("09:30", "0 * * * *", "2026-11-16T02:00:00Z"), &[], "11:30", false)]
#[case::long_after_an_edit(edited("09:29", "0 * * * *", "2026-11-16T02:00:00Z"), &[], "11:30", true)]
#[case::no_interval(cronjob("0 0 31 2 *", "08:00"), &[], "11:30", false)]
fn overdue(
    #[case] cronjob: CronJob<'_>,
    #[case] children: &[Child<'_>],
    #[case] now: &str,
    #[case] expected: bool,
) {
    let seen = seen(&cronjob, children, now);
    assert_eq!(seen.overdue.is_some(), expected, "{seen:#?}");
}

#[rstest]
#[case::pulls_its_image(pulling("11:00"), "11:10:01", true)]
#[case::pulls_for_a_moment(pulling("11:00"), "11:10", false)]
#[case::ran(running("11:00", "11:00"), "11:30", false)]
#[case::over(succeeded("11:00", "11:00", "11:01"), "11:30", false)]
#[case::over_without_a_pod(Child { finish: Some(Outcome::Failure), ..pulling("11:00") }, "11:30", false)]
#[case::suspended(Child { suspended: true, ..pulling("11:00") }, "11:30", false)]
#[case::goes_away(Child { terminating: true, ..pulling("11:00") }, "11:30", false)]
#[case::no_creation(Child { created: None, started: None, ..pulling("11:00") }, "11:30", false)]
#[case::resumed(Child { started: Some(at("11:25")), ..pulling("11:00") }, "11:30", false)]
fn never_started(#[case] child: Child<'_>, #[case] now: &str, #[case] expected: bool) {
    let children = [child];
    for cronjob in [
        cronjob("0 * * * *", "11:00"),
        cronjob("no schedule", "11:00"),
        CronJob { suspended: true, ..cronjob("0 * * * *", "11:00") },
    ] {
        let seen = seen(&cronjob, &children, now);
        assert_eq!(seen.never_started == [children[0].name], expected, "{seen:#?}");
    }
    let ending = CronJob { terminating: true, ..cronjob("0 * * * *", "11:00") };
    assert_eq!(seen(&ending, &children, now).states(), ["terminating"]);
}

/// The states, and what a person is told.
#[rstest]
#[case::fine(cronjob("0 * * * *", "11:00"), &[], "fine", "")]
#[case::suspended(CronJob { suspended: true, ..cronjob("0 * * * *", "08:00") }, &[], "suspended", "")]
#[case::terminating(CronJob { terminating: true, ..cronjob("nothing", "08:00") }, &[], "terminating", "")]
#[case::one(cronjob("0 * * * *", "10:00"), &[], "missed",
    "the start at 2026-11-21T11:00:00Z is missed: nobody has made a Job")]
#[case::several(with_deadline(200, "0 * * * *", "09:00"), &[], "missed overdue",
    "2 starts since 2026-11-21T10:00:00Z are missed: too late by startingDeadlineSeconds; \
     no success since 2026-11-21T09:00:00Z")]
#[case::many(unused("* * * * *", "00:00"), &[], "missed overdue",
    "more than 100 starts since 2026-11-21T00:01:00Z are missed: nobody has made a Job; \
     no success since its creation, 2026-11-21T00:00:00Z")]
#[case::held_back(forbidding(&[&pulling("10:00")], "0 * * * *", "10:00"), &[pulling("10:00")], "held-back never-started",
    "the start at 2026-11-21T11:00:00Z is held back by job/a-29920920, which is there since \
     2026-11-21T10:00:00Z; no Pod is ready or has ended of job/a-29920920")]
#[case::held_back_by_one_that_does_not_end(forbidding(&[&running("10:00", "10:00")], "0 * * * *", "10:00"), &[ending(Some("10:05"), "DeadlineExceeded")], "held-back stuck",
    "the start at 2026-11-21T11:00:00Z is held back by job/a-29920920, which is there since \
     2026-11-21T10:00:00Z; job/a-29920920 is being ended since 2026-11-21T10:05:00Z \
     (DeadlineExceeded)")]
#[case::last_start_ahead(cronjob("0 2 * * *", "2026-12-19T02:00:00Z"), &[], "last-start-ahead",
    "its last start is written down as 2026-12-19T02:00:00Z, which lies ahead: nothing starts \
     before 2026-12-20T02:00:00Z")]
#[case::namespace_terminating(CronJob { namespace_terminating: true, ..cronjob("nothing", "08:00") }, &[], "namespace-terminating", "")]
#[case::held_back_by_one_that_is_not_there(forbidding(&[&pulling("09:00")], "0 * * * *", "09:00"), &[], "missed overdue",
    "2 starts since 2026-11-21T10:00:00Z are missed: nobody has made a Job; \
     no success since 2026-11-21T09:00:00Z")]
#[case::many_never_started(cronjob("0 * * * *", "11:00"),
    &[pulling("07:00"), pulling("08:00"), pulling("09:00"), pulling("10:00"), pulling("11:00")], "never-started",
    "no Pod is ready or has ended of job/a-29920740, job/a-29920800, job/a-29920860 and 2 more")]
#[case::unknown_zone(in_zone("Europe/Berln", "0 * * * *", "08:00"), &[], "unreadable",
    "invalid timeZone: \"Europe/Berln\": unknown time zone `Europe/Berln`; use a name of the IANA \
     database, such as `Europe/Berlin`")]
#[case::suspended_and_unreadable(CronJob { suspended: true, ..in_zone("Moon", "0 * * * *", "08:00") }, &[], "unreadable suspended",
    "invalid timeZone: \"Moon\": unknown time zone `Moon`; use a name of the IANA database, such \
     as `Europe/Berlin`")]
#[case::no_schedule(cronjob("@Daily", "08:00"), &[], "unreadable",
    "unparseable schedule: \"@Daily\" : unknown macro `@Daily`; there are `@yearly`, `@annually`, \
     `@monthly`, `@weekly`, `@daily`, `@midnight`, `@hourly` and `@every <duration>`, in lower \
     case and without blanks around")]
#[case::never(unused("0 0 31 2 *", "08:00"), &[], "never-due",
    "it never starts: no two times within five calendar years fit the fields; look at day and \
     month together")]
#[case::too_late(with_deadline(0, "0 * * * *", "11:00"), &[], "never-due",
    "it never starts: with startingDeadlineSeconds 0 each start is too late already")]
fn is_told(
    #[case] cronjob: CronJob<'_>,
    #[case] children: &[Child<'_>],
    #[case] states: &str,
    #[case] sentences: &str,
) {
    let seen = seen(&cronjob, children, "11:30");
    assert_eq!((seen.states().join(" "), seen.to_string()), (states.into(), sentences.to_owned()));
}

#[test]
fn the_zone_that_is_followed() {
    let berlin = check("Europe/Berlin").unwrap();
    let followed = |cronjob: &CronJob<'_>| {
        let seen = observe(cronjob, &[], |_| None, &berlin, GRACE, at("11:30"));
        seen.zone.map(|zone| zone.name().to_owned())
    };
    assert_eq!(followed(&cronjob("0 * * * *", "11:00")).as_deref(), Some("Europe/Berlin"));
    assert_eq!(followed(&in_zone("UTC", "0 * * * *", "11:00")).as_deref(), Some("UTC"));
    let prefixed = in_zone("UTC", "TZ=Asia/Tokyo 0 * * * *", "11:00");
    assert_eq!(followed(&prefixed).as_deref(), Some("Asia/Tokyo"));
    assert_eq!(followed(&in_zone("Moon", "0 * * * *", "11:00")), None);
}

/// A runaway: nothing here may go through all Jobs for each of them.
#[test]
fn ten_thousand_children() {
    let minutes = |count: i64| at("00:00") + SignedDuration::from_mins(count);
    let children: Vec<Child<'_>> = (0..10_000)
        .map(|index| {
            let slot = minutes(index - 10_000).to_string();
            succeeded(&slot, &slot, &slot)
        })
        .collect();
    let active: Vec<&Child<'_>> = children.iter().collect();
    let cronjob = forbidding(&active, "* * * * *", "2026-11-14T00:00:00Z");
    let seen = seen(&cronjob, &children, "00:01:29");
    assert_eq!(seen.missed.map(|missed| (missed.count, missed.since)), Some((1, minutes(0))));
    assert_eq!(seen.last_success, Some(minutes(-1)));
    assert_eq!(seen.states(), ["missed"]);
}

proptest! {
    /// The next start is the one for which the controller wakes up, whatever the clocks do.
    #[test]
    fn next_is_what_the_controller_waits_for(
        schedule in select(vec![
            "* * * * *", "*/7 * * * *", "30 2 * * *", "0 0 * * *", "15,45 1-3 * * 0",
            "30 10,11,12 * * 1-5", "0 0 1 * *", "@every 90m", "@every 50h", "TZ=Asia/Tokyo 0 9 * * *",
        ]),
        zone in select(vec!["UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo"]),
        last in 1_790_000_000_i64..1_830_000_000,
        passed in prop_oneof![-100_000_i64..100_000, 0_i64..20_000_000],
    ) {
        let second = |seconds| Timestamp::from_second(seconds).unwrap();
        let mut cronjob = in_zone(zone, schedule, "00:00");
        cronjob.status.last_schedule = Some(second(last));
        let now = second(last + passed);
        let seen = observe(&cronjob, &[], |_| None, &Zone::UTC, GRACE, now);
        let timetable = Timetable::read(schedule, Some(zone), &Zone::UTC).unwrap();
        let look = next_look(&timetable, Since::of(&cronjob), now).unwrap();
        prop_assert_eq!(seen.next.map(|next| next + AFTER_SLOT), Some(look));
        prop_assert!(seen.due.is_none_or(|due| due <= now));
    }
}
