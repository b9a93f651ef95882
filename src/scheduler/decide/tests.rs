use std::collections::BTreeSet;

use jiff::Timestamp;
use rstest::rstest;

use super::{Answers, Pass, Situation, Start, Step, decide};
use crate::batch::Outcome::{Failure, Success};
use crate::batch::cronjob::{Active, Status};
use crate::batch::zone::Zone;
use crate::batch::{Child, Concurrency, CronJob};
use crate::scheduler::notice::Notice;

mod after;
mod recovery;
mod starts;

/// A pass to make.
struct Case {
    cronjob: CronJob<'static>,
    children: Vec<Child<'static>>,
    removed: BTreeSet<String>,
    answers: Answers<'static>,
    now: Timestamp,
}

impl Case {
    /// A tenth of a second after ten, when the hourly start is due.
    fn new() -> Self {
        Self {
            cronjob: CronJob::test(),
            children: Vec::new(),
            removed: BTreeSet::new(),
            answers: Answers::default(),
            now: time("2016-05-19T10:00:00.1Z"),
        }
    }

    fn after(set: impl FnOnce(&mut Self)) -> Self {
        let mut case = Self::new();
        set(&mut case);
        case
    }

    /// A Job runs and is written down.
    fn runs(&mut self, name: &'static str) {
        self.children.push(Child::test(name));
        self.cronjob.status.active.push(Active::test(name));
    }

    fn step(&self) -> Step<'static> {
        let Self { cronjob, children, removed, answers, now } = self;
        let (now, zone) = (*now, &Zone::UTC);
        decide(&Situation { cronjob, children, removed, answers, zone, now })
    }

    fn pass(&self) -> Pass<'static> {
        match self.step() {
            Step::Done(pass) => pass,
            Step::Ask(question) => panic!("{question:?}"),
        }
    }
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Everything that a pass comes to, a line each; of the status what differs from `before`.
fn lines(step: &Step<'_>, before: &Status<'_>) -> Vec<String> {
    let pass = match step {
        Step::Ask(question) => return vec![format!("asks {question:?}")],
        Step::Done(pass) => pass,
    };
    let mut lines: Vec<String> = pass.notices.iter().map(told).collect();
    let Status { active, last_schedule, last_successful } = &pass.status;
    let or_none = |time: &Option<Timestamp>| time.map_or("none".to_owned(), |t| t.to_string());
    if *active != before.active {
        lines.push(format!("active {}", names(active)));
    }
    if *last_schedule != before.last_schedule {
        lines.push(format!("scheduled {}", or_none(last_schedule)));
    }
    if *last_successful != before.last_successful {
        lines.push(format!("successful {}", or_none(last_successful)));
    }
    if let Some(Start { slot, name, replaces, next: _ }) = &pass.start {
        let replaces = if replaces.is_empty() {
            String::new()
        } else {
            format!(" instead of {}", names(replaces))
        };
        lines.push(format!("starts {name} for {slot}{replaces}"));
    }
    lines.push(format!("looks {}", or_none(&pass.wake)));
    lines
}

fn told(notice: &Notice) -> String {
    let Notice { warning, reason, note } = notice;
    let kind = if *warning { "Warning" } else { "Normal" };
    format!("{kind} {reason}: {note}")
}

fn names(active: &[Active<'_>]) -> String {
    if active.is_empty() {
        return "nothing".to_owned();
    }
    active.iter().map(|entry| &*entry.name).collect::<Vec<_>>().join(", ")
}

fn check(set: impl FnOnce(&mut Case), expected: &[&str]) {
    let case = Case::after(set);
    assert_eq!(lines(&case.step(), &case.cronjob.status), expected);
}

const STARTS: &str = "starts tidy-24394200 for 2016-05-19T10:00:00Z";
const LOOKS: &str = "looks 2016-05-19T11:00:00.1Z";
const SLEEPS: &str = "looks none";

/// upstream-semantics.md, 2.5, step 1.
#[rstest]
#[case::of_the_active_list_and_runs(|case: &mut Case| case.runs("a"), &[STARTS, LOOKS])]
#[case::unknown_and_runs(
    |case: &mut Case| case.children.push(Child::test("a")), &["asks CronJob"]
)]
#[case::unknown_to_the_api_server_too(
    |case: &mut Case| {
        case.children.push(Child::test("a"));
        case.answers.cronjob = Some(case.cronjob.clone());
    },
    &["Warning UnexpectedJob: Saw a job that the controller did not create or forgot: a", STARTS, LOOKS]
)]
#[case::unknown_does_not_count_under_forbid(
    |case: &mut Case| {
        case.cronjob.concurrency = Concurrency::Forbid;
        case.children.push(Child::test("a"));
        case.answers.cronjob = Some(case.cronjob.clone());
    },
    &["Warning UnexpectedJob: Saw a job that the controller did not create or forgot: a", STARTS, LOOKS]
)]
#[case::another_uid_is_looked_at_like_any(
    |case: &mut Case| {
        case.children.push(Child { ours: false, ..Child::test("a") });
        case.answers.cronjob = Some(case.cronjob.clone());
    },
    &["Warning UnexpectedJob: Saw a job that the controller did not create or forgot: a", STARTS, LOOKS]
)]
#[case::known_to_the_api_server_and_so_are_its_times(
    |case: &mut Case| {
        let mut fresh = case.cronjob.clone();
        fresh.status.active.push(Active::test("a"));
        fresh.status.last_schedule = Some(time("2016-05-19T10:00:00Z"));
        case.children.push(Child::test("a"));
        case.answers.cronjob = Some(fresh);
    },
    &["active a", "scheduled 2016-05-19T10:00:00Z", LOOKS]
)]
#[case::completed(
    |case: &mut Case| {
        case.runs("a");
        case.children[0] = Child::test("a").succeeded_at("2016-05-19T09:30:00Z");
    },
    &[
        "Normal SawCompletedJob: Saw completed job: a, condition: Complete", "active nothing",
        "successful 2016-05-19T09:30:00Z", STARTS, LOOKS,
    ]
)]
#[case::failed(
    |case: &mut Case| {
        case.runs("a");
        case.children[0] = Child::test("a").over(Failure);
    },
    &["Normal SawCompletedJob: Saw completed job: a, condition: Failed", "active nothing", STARTS, LOOKS]
)]
#[case::a_failed_one_never_touches_the_time(
    |case: &mut Case| {
        let failed = Child::test("a").over(Failure);
        case.children.push(Child { completed: Some(time("2016-05-19T09:30:00Z")), ..failed });
    },
    &[STARTS, LOOKS]
)]
#[case::completed_and_not_listed(
    |case: &mut Case| case.children.push(Child::test("a").succeeded_at("2016-05-19T09:30:00Z")),
    &["successful 2016-05-19T09:30:00Z", STARTS, LOOKS]
)]
#[case::completed_before_the_last_success(
    |case: &mut Case| {
        case.cronjob.status.last_successful = Some(time("2016-05-19T09:40:00Z"));
        case.children.push(Child::test("a").succeeded_at("2016-05-19T09:30:00Z"));
    },
    &[STARTS, LOOKS]
)]
#[case::the_latest_success_counts_in_any_order(
    |case: &mut Case| {
        for at in ["2016-05-19T09:10:00Z", "2016-05-19T09:30:00Z", "2016-05-19T09:20:00Z"] {
            case.children.push(Child::test("a").succeeded_at(at));
        }
    },
    &["successful 2016-05-19T09:30:00Z", STARTS, LOOKS]
)]
#[case::completed_without_a_time(
    |case: &mut Case| case.children.push(Child::test("a").over(Success)), &[STARTS, LOOKS]
)]
#[case::a_terminating_one_still_runs(
    |case: &mut Case| {
        case.cronjob.concurrency = Concurrency::Forbid;
        case.runs("a");
        case.children[0].terminating = true;
    },
    &[
        "Normal JobAlreadyActive: Not starting job because prior execution is running and concurrency \
         policy is Forbid",
        LOOKS,
    ]
)]
#[case::removed_from_the_history_without_a_word(
    |case: &mut Case| {
        case.runs("a");
        case.children[0] = Child::test("a").succeeded_at("2016-05-19T09:30:00Z");
        case.removed.insert("uid-a".to_owned());
    },
    &["active nothing", "successful 2016-05-19T09:30:00Z", STARTS, LOOKS]
)]
fn children(#[case] set: impl FnOnce(&mut Case), #[case] expected: &[&str]) {
    check(set, expected);
}

/// upstream-semantics.md, 2.5, steps 2 and 3.
#[rstest]
#[case::nobody_knows(
    |case: &mut Case| case.cronjob.status.active.push(Active::test("a")), &["asks Job(\"a\")"]
)]
#[case::missing(
    |case: &mut Case| {
        case.cronjob.status.active.push(Active::test("a"));
        case.answers.jobs.insert("a".to_owned(), false);
    },
    &["Normal MissingJob: Active job went missing: a", "active nothing", STARTS, LOOKS]
)]
#[case::only_the_watch_lags(
    |case: &mut Case| {
        case.cronjob.concurrency = Concurrency::Forbid;
        case.cronjob.status.active.push(Active::test("a"));
        case.answers.jobs.insert("a".to_owned(), true);
    },
    &[
        "Normal JobAlreadyActive: Not starting job because prior execution is running and concurrency \
         policy is Forbid",
        LOOKS,
    ]
)]
#[case::one_after_the_other(
    |case: &mut Case| {
        case.cronjob.status.active.extend([Active::test("a"), Active::test("b")]);
        case.answers.jobs.insert("a".to_owned(), false);
    },
    &["asks Job(\"b\")"]
)]
#[case::one_of_two(
    |case: &mut Case| {
        case.cronjob.status.active.extend([Active::test("a"), Active::test("b")]);
        case.answers.jobs.extend([("a".to_owned(), false), ("b".to_owned(), true)]);
    },
    &["Normal MissingJob: Active job went missing: a", "active b", STARTS, LOOKS]
)]
#[case::a_name_that_no_job_can_have(
    |case: &mut Case| case.cronjob.status.active.push(Active::test("../../pods/a")),
    &[
        "Warning InvalidActiveJob: status.active lists \"../../pods/a\", which is no name of a Job",
        "active nothing", STARTS, LOOKS,
    ]
)]
#[case::a_name_with_a_query(
    |case: &mut Case| {
        case.cronjob.concurrency = Concurrency::Replace;
        case.cronjob.status.active.push(Active::test("a?propagationPolicy=Orphan"));
    },
    &[
        "Warning InvalidActiveJob: status.active lists \"a?propagationPolicy=Orphan\", which is no name \
         of a Job",
        "active nothing", STARTS, LOOKS,
    ]
)]
#[case::children_come_first(
    |case: &mut Case| {
        case.cronjob.status.active.push(Active::test("a"));
        case.children.push(Child::test("b"));
    },
    &["asks CronJob"]
)]
#[case::the_same_name_and_another_uid_is_another_job(
    |case: &mut Case| {
        case.runs("a");
        case.children[0] = Child { uid: "other".into(), ..Child::test("a").over(Success) };
    },
    &["asks Job(\"a\")"]
)]
#[case::also_of_one_that_is_being_deleted(
    |case: &mut Case| {
        case.cronjob.terminating = true;
        case.cronjob.status.active.push(Active::test("a"));
        case.answers.jobs.insert("a".to_owned(), false);
    },
    &["Normal MissingJob: Active job went missing: a", "active nothing", SLEEPS]
)]
#[case::being_deleted(|case: &mut Case| case.cronjob.terminating = true, &[SLEEPS])]
#[case::being_deleted_comes_before_the_zone(
    |case: &mut Case| {
        case.cronjob.terminating = true;
        case.cronjob.time_zone = Some("Nowhere");
    },
    &[SLEEPS]
)]
fn entries(#[case] set: impl FnOnce(&mut Case), #[case] expected: &[&str]) {
    check(set, expected);
}

const UNKNOWN_ZONE: &str = "Warning UnknownTimeZone: invalid timeZone: \"Nowhere\": unknown time zone \
                            `Nowhere`; use a name of the IANA database, such as `Europe/Berlin`";
const UNSUPPORTED: &str = "Warning UnsupportedSchedule: CRON_TZ or TZ used in schedule \"TZ=UTC 0 * * * \
                           *\" is not officially supported, see \
                           https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for \
                           more details";
const INVALID: &str = "Warning InvalidSchedule: invalid schedule: 0 0 31 2 * : time difference between \
                       two schedules is less than 1 second";

/// upstream-semantics.md, 2.5, steps 4 to 6.
#[rstest]
#[case::unknown_zone(
    |case: &mut Case| case.cronjob.time_zone = Some("Nowhere"), &[UNKNOWN_ZONE, SLEEPS]
)]
#[case::a_suspended_one_is_told_too(
    |case: &mut Case| {
        case.cronjob.time_zone = Some("Nowhere");
        case.cronjob.suspended = true;
    },
    &[UNKNOWN_ZONE, SLEEPS]
)]
#[case::an_unknown_zone_hides_the_schedule(
    |case: &mut Case| {
        case.cronjob.time_zone = Some("Nowhere");
        case.cronjob.schedule = "TZ=UTC never";
    },
    &[UNKNOWN_ZONE, SLEEPS]
)]
#[case::suspended(|case: &mut Case| case.cronjob.suspended = true, &[SLEEPS])]
#[case::a_suspended_schedule_is_not_read(
    |case: &mut Case| {
        case.cronjob.suspended = true;
        case.cronjob.schedule = "TZ=UTC never";
    },
    &[SLEEPS]
)]
#[case::suspended_with_jobs_that_ended(
    |case: &mut Case| {
        case.cronjob.suspended = true;
        case.runs("a");
        case.children[0] = Child::test("a").succeeded_at("2016-05-19T09:30:00Z");
    },
    &[
        "Normal SawCompletedJob: Saw completed job: a, condition: Complete", "active nothing",
        "successful 2016-05-19T09:30:00Z", SLEEPS,
    ]
)]
#[case::a_zone_in_the_schedule(
    |case: &mut Case| case.cronjob.schedule = "TZ=UTC 0 * * * *", &[UNSUPPORTED, STARTS, LOOKS]
)]
#[case::a_zone_in_the_schedule_wins(
    |case: &mut Case| {
        case.cronjob.schedule = "TZ=UTC 0 * * * *";
        case.cronjob.time_zone = Some("Asia/Kathmandu");
    },
    &[UNSUPPORTED, STARTS, LOOKS]
)]
#[case::the_zone_counts(
    |case: &mut Case| {
        case.cronjob.schedule = "30 15 * * *";
        case.cronjob.time_zone = Some("Asia/Kathmandu");
    },
    &["starts tidy-24394185 for 2016-05-19T09:45:00Z", "looks 2016-05-20T09:45:00.1Z"]
)]
#[case::unparseable(
    |case: &mut Case| case.cronjob.schedule = "60 * * * *",
    &[
        "Warning UnparseableSchedule: unparseable schedule: \"60 * * * *\" : `60` in the minute field: \
         60 is above the greatest value, 59",
        SLEEPS,
    ]
)]
#[case::six_fields(
    |case: &mut Case| case.cronjob.schedule = "0 0 * * * *",
    &[
        "Warning UnparseableSchedule: unparseable schedule: \"0 0 * * * *\" : expected 5 fields, minute \
         hour day-of-month month day-of-week, but found 6; there is no field for seconds or years, and a \
         macro such as `@daily` stands alone without blanks",
        SLEEPS,
    ]
)]
#[case::an_unparseable_zone_in_the_schedule(
    |case: &mut Case| case.cronjob.schedule = "0 * * * * TZ",
    &[
        "Warning UnsupportedSchedule: CRON_TZ or TZ used in schedule \"0 * * * * TZ\" is not officially \
         supported, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more \
         details",
        "Warning UnparseableSchedule: unparseable schedule: \"0 * * * * TZ\" : expected 5 fields, minute \
         hour day-of-month month day-of-week, but found 6; there is no field for seconds or years, and a \
         macro such as `@daily` stands alone without blanks",
        SLEEPS,
    ]
)]
fn schedules(#[case] set: impl FnOnce(&mut Case), #[case] expected: &[&str]) {
    check(set, expected);
}
