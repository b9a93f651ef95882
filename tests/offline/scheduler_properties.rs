//! Promises about passes over a `CronJob` that hold for any schedule, any status and any clock: at
//! most one start, never where there may be none, never twice, and always a time to look again.

use std::collections::BTreeSet;

use curfew::batch::Outcome;
use curfew::batch::cronjob::{self, Active};
use curfew::batch::zone::{self, Zone};
use curfew::batch::{Child, Concurrency, CronJob};
use curfew::scheduler::decide::{Answers, Question, Situation};
use curfew::scheduler::{Pass, Step, Timetable, decide, history, job};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::select;

/// What there is when a pass is made.
#[derive(Clone, Debug)]
struct Case {
    schedule: String,
    zone: Option<&'static str>,
    suspended: bool,
    terminating: bool,
    concurrency: Concurrency,
    deadline: Option<i64>,
    created: Timestamp,
    last: Option<Timestamp>,
    jobs: Vec<Job>,
    now: Timestamp,
}

/// A Job, and whether anybody knows of it.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "facts of the object, each on its own")]
struct Job {
    name: String,
    slot: Option<Timestamp>,
    finish: Option<Outcome>,
    ours: bool,
    held: bool,
    terminating: bool,
    /// `status.active` lists it.
    listed: bool,
    /// The watch shows it.
    seen: bool,
    /// The API server has it.
    exists: bool,
}

// === impl Case ===

impl Case {
    fn cronjob(&self) -> CronJob<'_> {
        let active = self.jobs.iter().filter(|job| job.listed).map(Job::entry).collect();
        CronJob {
            namespace: "apps",
            name: "x",
            uid: "c-1".into(),
            created: self.created,
            in_force: None,
            terminating: self.terminating,
            namespace_terminating: false,
            schedule: &self.schedule,
            time_zone: self.zone,
            suspended: self.suspended,
            concurrency: self.concurrency,
            deadline: self.deadline,
            successful_limit: Some(1),
            failed_limit: Some(1),
            status: cronjob::Status { active, last_schedule: self.last, last_successful: None },
        }
    }

    fn children(&self) -> Vec<Child<'_>> {
        self.jobs.iter().filter(|job| job.seen).map(Job::child).collect()
    }

    /// Makes the pass, and answers whatever it asks.
    fn pass(&self) -> Pass<'_> {
        self.pass_over(&self.cronjob(), &self.children())
    }

    fn pass_over<'a>(&self, cronjob: &CronJob<'a>, children: &[Child<'a>]) -> Pass<'a> {
        let (removed, mut answers) = (BTreeSet::new(), Answers::default());
        // A question for each Job, and one for the CronJob.
        for _ in 0..=self.jobs.len() + 1 {
            let (removed, answers_now) = (&removed, &answers);
            let situation = Situation {
                cronjob,
                children,
                removed,
                answers: answers_now,
                zone: &Zone::UTC,
                now: self.now,
            };
            match decide(&situation) {
                Step::Done(pass) => return pass,
                Step::Ask(Question::CronJob) => answers.cronjob = Some(cronjob.clone()),
                Step::Ask(Question::Job(name)) => {
                    let exists = self.jobs.iter().any(|job| job.name == name && job.exists);
                    answers.jobs.insert(name, exists);
                }
            }
        }
        panic!("it asks for ever");
    }

    fn timetable(&self) -> Timetable {
        Timetable::read(&self.schedule, self.zone, &Zone::UTC).unwrap()
    }

    /// What starts have to lie behind, if that was the last one.
    fn earliest(&self, last: Option<Timestamp>) -> Timestamp {
        let earliest = last.unwrap_or(self.created);
        let Some(deadline) = self.deadline else { return earliest };
        earliest.max(self.now - SignedDuration::from_secs(deadline))
    }
}

// === impl Job ===

impl Job {
    fn child(&self) -> Child<'_> {
        Child {
            name: &self.name,
            uid: format!("uid-{}", self.name).into(),
            version: "7".into(),
            ours: self.ours,
            created: None,
            started: None,
            finish: self.finish,
            completed: None,
            slot: self.slot,
            terminating: self.terminating,
            held: self.held,
            suspended: false,
            waits: false,
            ending: None,
        }
    }

    fn entry(&self) -> Active<'_> {
        self.child().reference()
    }
}

fn number(most: u32) -> impl Strategy<Value = String> {
    (0..=most).prop_map(|number| number.to_string())
}

/// Any that has starts.
fn any_schedule() -> impl Strategy<Value = String> {
    let minute = prop_oneof![
        Just("*".to_owned()),
        Just("*/7".to_owned()),
        Just("0,1".to_owned()),
        number(59)
    ];
    let hour = prop_oneof![3 => Just("*".to_owned()), 1 => Just("1-3".to_owned()), 2 => number(23)];
    let day = select(vec!["*", "*", "*", "*/2", "1", "28", "31"]);
    let month = select(vec!["*", "*", "*", "1", "3,10"]);
    let weekday = select(vec!["*", "*", "1-5", "0"]);
    prop_oneof![
        6 => (minute, hour, day, month, weekday)
            .prop_map(|(minute, hour, day, month, weekday)| {
                format!("{minute} {hour} {day} {month} {weekday}")
            }),
        1 => select(vec!["@every 1s", "@every 30s", "@every 90m", "@every 36h"]).prop_map(str::to_owned),
        1 => select(vec!["@hourly", "@weekly", "@yearly", "30 10,11,12 * * 1-5"]).prop_map(str::to_owned),
    ]
}

/// Starts at even distances, by the clocks of a zone that never changes them.
fn regular_schedule() -> impl Strategy<Value = String> {
    prop_oneof![
        select(vec![1, 2, 5, 15, 30]).prop_map(|minutes| format!("*/{minutes} * * * *")),
        (number(59), select(vec![1, 2, 6, 12]))
            .prop_map(|(m, hours)| format!("{m} */{hours} * * *")),
        (number(59), number(23)).prop_map(|(m, h)| format!("{m} {h} * * *")),
        (number(59), number(23), number(6)).prop_map(|(m, h, day)| format!("{m} {h} * * {day}")),
    ]
}

/// Seconds between a moment and a century, as many short ones as long ones.
fn any_span() -> impl Strategy<Value = SignedDuration> {
    (0_u32..32, any::<u32>()).prop_map(|(bits, some)| {
        SignedDuration::from_secs((i64::from(some) | 1 << 31) >> (31 - bits))
    })
}

fn any_job() -> impl Strategy<Value = Job> {
    let finish = select(vec![None, None, Some(Outcome::Success), Some(Outcome::Failure)]);
    let flags = (prop::bool::weighted(0.9), prop::bool::weighted(0.1), prop::bool::weighted(0.1));
    let known = (prop::bool::weighted(0.6), prop::bool::weighted(0.8), any::<bool>());
    (finish, flags, known).prop_map(
        |(finish, (ours, held, terminating), (listed, seen, exists))| Job {
            name: String::new(),
            slot: None,
            finish,
            ours,
            held,
            terminating,
            listed,
            seen,
            exists: exists || seen,
        },
    )
}

fn any_case(schedule: impl Strategy<Value = String>) -> impl Strategy<Value = Case> {
    let zone = select(vec![None, None, Some("Europe/Berlin"), Some("Australia/Lord_Howe")]);
    let concurrency = select(vec![Concurrency::Allow, Concurrency::Forbid, Concurrency::Replace]);
    let deadline = prop_oneof![
        2 => Just(None),
        1 => select(vec![0, 5, 200, 3_600, 86_400]).prop_map(Some),
        1 => (0_i64..10_000_000_000).prop_map(Some),
    ];
    let flags = (prop::bool::weighted(0.1), prop::bool::weighted(0.1));
    let jobs = prop::collection::vec((any_job(), any_span()), 0..5);
    // 1990 to 2090, to the nanosecond.
    let now = (631_152_000_i64..3_786_912_000, 0..1_000_000_000);
    let times = (now, any_span(), prop::option::of(any_span()), prop::bool::weighted(0.9));
    (schedule, zone, flags, concurrency, deadline, times, jobs).prop_map(
        |(schedule, zone, (suspended, terminating), concurrency, deadline, times, jobs)| {
            let ((second, nanosecond), age, since_last, past) = times;
            let now = Timestamp::new(second, nanosecond).unwrap();
            // The API server stores whole seconds.
            let whole = Timestamp::from_second(second).unwrap();
            let created = if past { whole - age } else { whole + age };
            let last = since_last.map(|span| whole - span);
            let jobs = jobs.into_iter().enumerate().map(|(place, (job, span))| {
                // Some are of a start, as their annotation says.
                let slot = (place % 2 == 0).then(|| whole - span);
                let name = slot.map_or(format!("x-by-hand-{place}"), |slot| job::name("x", slot));
                Job { name, slot, ..job }
            });
            let mut names = BTreeSet::new();
            let jobs = jobs.filter(|job| names.insert(job.name.clone())).collect();
            Case {
                schedule,
                zone,
                suspended,
                terminating,
                concurrency,
                deadline,
                created,
                last,
                jobs,
                now,
            }
        },
    )
}

proptest! {
    #[test]
    fn starts_only_what_may_start(case in any_case(any_schedule())) {
        let pass = case.pass();
        let Some(start) = &pass.start else { return Ok(()) };
        prop_assert!(!case.suspended && !case.terminating);
        prop_assert!(case.concurrency != Concurrency::Forbid || pass.status.active.is_empty());
        prop_assert!(start.slot <= case.now && start.slot > case.earliest(pass.status.last_schedule));
        prop_assert!(Some(start.slot) > pass.status.last_schedule);
        prop_assert_eq!(&start.name, &job::name("x", start.slot));
        prop_assert!(!pass.status.active.iter().any(|entry| entry.name == start.name));
        if case.concurrency == Concurrency::Replace {
            prop_assert_eq!(&start.replaces, &pass.status.active);
        } else {
            prop_assert!(start.replaces.is_empty());
        }
        // The latest, and none before it.
        let next = case.timetable().next(start.slot);
        prop_assert!(next.is_none_or(|next| next > case.now));
    }

    /// A pass that is lost and made again comes to the same, and one that was carried out leaves
    /// nothing to start.
    #[test]
    fn nothing_starts_twice(case in any_case(any_schedule())) {
        let mut pass = case.pass();
        prop_assert_eq!(&pass, &case.pass());
        let Some(start) = pass.start.clone() else { return Ok(()) };
        let job = Job {
            name: start.name.clone(),
            slot: Some(start.slot),
            finish: None,
            ours: true,
            held: false,
            terminating: false,
            listed: true,
            seen: true,
            exists: true,
        };
        // Before the status is written: the Job alone says so, as long as it is the CronJob's only
        // one of that name.
        if !case.jobs.iter().any(|other| other.name == job.name) {
            let mut before = case.clone();
            before.jobs.push(Job { listed: false, ..job.clone() });
            let again = before.pass();
            prop_assert_eq!(again.start, None);
            prop_assert_eq!(again.status.last_schedule, Some(start.slot));
        }
        pass.started(&start, job.entry());
        let mut children = case.children();
        children.push(job.child());
        let after = CronJob { status: pass.status, ..case.cronjob() };
        let again = case.pass_over(&after, &children);
        prop_assert_eq!(again.start, None);
        prop_assert_eq!(again.wake, pass.wake);
        prop_assert_eq!(again.status.last_schedule, Some(start.slot));
    }

    #[test]
    fn looks_again_in_the_future(case in any_case(any_schedule())) {
        let mut pass = case.pass();
        prop_assert_eq!(pass.wake.is_none(), case.suspended || case.terminating);
        prop_assert!(pass.wake.is_none_or(|wake| wake > case.now));
        let Some(start) = pass.start.clone() else { return Ok(()) };
        pass.started(&start, Active { name: "".into(), uid: "".into(), version: "".into() });
        let wake = pass.wake.expect("the schedule goes on");
        prop_assert!(wake > case.now);
        let slot = wake - SignedDuration::from_millis(100);
        prop_assert_eq!(case.timetable().next(start.slot), Some(slot));
    }

    /// On these the estimate never overshoots, so whatever came due is started.
    #[test]
    fn nothing_regular_is_missed(case in any_case(regular_schedule())) {
        let case = Case {
            zone: None,
            suspended: false,
            terminating: false,
            concurrency: Concurrency::Allow,
            jobs: Vec::new(),
            ..case
        };
        let due = case.timetable().next(case.earliest(case.last)).is_some_and(|slot| slot <= case.now);
        prop_assert_eq!(case.pass().start.is_some(), due);
    }

    #[test]
    fn any_text_makes_a_pass(
        schedule in "(CRON_)?(TZ=)?[ -~]{0,20}|[0-9*,/-]{1,4} [0-9*,/-]{1,4} [0-9*,]{1,4} [0-9*,]{1,3} [0-6*]",
        zone in prop::option::of("[ -~]{0,10}"),
        case in any_case(any_schedule()),
    ) {
        let case = Case { schedule, ..case };
        let cronjob = CronJob { time_zone: zone.as_deref(), ..case.cronjob() };
        let pass = case.pass_over(&cronjob, &case.children());
        prop_assert!(pass.wake.is_none_or(|wake| wake > case.now));
        if zone.as_deref().is_some_and(|zone| zone::check(zone).is_err()) {
            prop_assert!(pass.start.is_none());
        }
    }

    #[test]
    fn history_keeps_its_limit_and_what_is_not_its_own(
        case in any_case(any_schedule()),
        limits in (0_i64..4, 0_i64..4),
    ) {
        let cronjob = CronJob {
            successful_limit: Some(limits.0),
            failed_limit: Some(limits.1),
            ..case.cronjob()
        };
        let children = case.children();
        let written = cronjob.status.last_schedule;
        let is_unwritten = |child: &Child<'_>| child.unwritten("x", written).is_some();
        let chosen = history::beyond_limits(&cronjob, &children);
        for (outcome, limit) in [(Outcome::Success, limits.0), (Outcome::Failure, limits.1)] {
            let of_group = |child: &&Child<'_>| {
                child.finish == Some(outcome) && child.ours && !child.held
            };
            let all = children.iter().filter(of_group).count();
            let gone = chosen.iter().copied().filter(of_group).count();
            let excess = all.saturating_sub(usize::try_from(limit).unwrap());
            prop_assert!(gone <= excess);
            let stays = |child: &&Child<'_>| child.terminating || is_unwritten(child);
            let staying = children.iter().filter(of_group).filter(stays).count();
            prop_assert!(gone + staying >= excess);
        }
        for child in chosen {
            prop_assert!(!is_unwritten(child));
            prop_assert!(child.ours && child.finish.is_some() && !child.held && !child.terminating);
        }
    }
}
