//! Missed starts against the original: a corpus that the `CronJob` controller's own functions made
//! (`tests/missed-corpus`).
//!
//! The zones are of the bundled database, as in `tests/offline/cron.rs`.

use curfew::batch::zone::{self, Zone};
use curfew::scheduler::Timetable;
use curfew::scheduler::missed::{Missed, Since, next_look, next_start};
use jiff::tz::TimeZoneDatabase;
use jiff::{SignedDuration, Timestamp};

#[test]
fn agrees_with_the_controller() {
    let (mut cases, mut due, mut wrong) = (0, 0, Vec::new());
    for case in cases_of("missed") {
        let found = case.judge();
        cases += 1;
        due += usize::from(case.due != "-");
        if found != case.expected() {
            wrong.push(format!("{}\n     but found: {found}", case.line));
        }
    }
    assert!(cases >= 10_000, "the corpus has only {cases} cases");
    assert!(due >= 3_000, "only {due} of them start anything");
    let (count, shown) = (wrong.len(), wrong[..wrong.len().min(30)].join("\n"));
    assert!(wrong.is_empty(), "{count} of {cases} differ from the controller:\n{shown}");
}

/// A deadline of centuries wraps in nanoseconds; upstream then starts what is long over, or waits
/// for what has been. Here it reaches as far back as time goes.
#[test]
fn a_deadline_of_centuries_is_as_good_as_none() {
    let mut differing = 0;
    for case in cases_of("wraps") {
        let without = Case { deadline: None, ..case.clone() };
        assert_eq!(case.judge(), without.judge(), "{}", case.line);
        differing += usize::from(case.judge() != case.expected());
    }
    assert!(differing > 0, "nothing wraps");
}

/// A line of the corpus.
#[derive(Clone)]
struct Case {
    line: &'static str,
    zone: Zone,
    created: Timestamp,
    /// In seconds from `created` on, and so is `due`.
    last: Option<i64>,
    deadline: Option<i64>,
    now: Timestamp,
    schedule: String,
    due: &'static str,
    missed: &'static str,
    look: &'static str,
}

// === impl Case ===

impl Case {
    fn read(line: &'static str) -> Self {
        let words: Vec<&str> = line.splitn(7, ' ').collect();
        let &[_, zone, created, last, deadline, now, rest] = &words[..] else { panic!("{line}") };
        let (rest, answer) = rest.rsplit_once('"').unwrap();
        let schedule = serde_json::from_str(&format!("{rest}\"")).unwrap();
        let answer: Vec<&str> = answer.trim_start().split(' ').collect();
        let &[due, missed, look] = &answer[..] else { panic!("{line}") };
        let created = Timestamp::from_second(created.parse().unwrap()).unwrap();
        let now = SignedDuration::from_millis(now.parse().unwrap());
        Self {
            line,
            zone: zone::check_in(&TimeZoneDatabase::bundled(), zone).unwrap(),
            created,
            last: last.parse().ok(),
            deadline: deadline.parse().ok(),
            now: created + now,
            schedule,
            due,
            missed,
            look,
        }
    }

    fn expected(&self) -> String {
        format!("{} {} {}", self.due, self.missed, self.look)
    }

    /// In the words of the corpus.
    fn judge(&self) -> String {
        let Self { created, deadline, now, .. } = *self;
        let timetable = Timetable::read(&self.schedule, None, &self.zone).unwrap();
        let last = self.last.map(|seconds| created + SignedDuration::from_secs(seconds));
        let since = Since { created, last, deadline };
        let (slot, missed) = match next_start(&timetable, since, now) {
            Ok(recent) => (recent.slot, word(recent.missed)),
            Err(_) => (None, "error"),
        };
        let due = slot.map(|slot| slot.as_second() - created.as_second());
        let look =
            next_look(&timetable, since, now).map(|look| look.duration_since(now).as_millis());
        let or_dash =
            |number: Option<i128>| number.map_or_else(|| "-".to_owned(), |n| n.to_string());
        format!("{} {missed} {}", or_dash(due.map(Into::into)), or_dash(look))
    }
}

fn cases_of(word: &str) -> impl Iterator<Item = Case> {
    let lines = CORPUS.lines().filter(move |line| line.split(' ').next() == Some(word));
    lines.map(Case::read)
}

const fn word(missed: Missed) -> &'static str {
    match missed {
        Missed::None => "none",
        Missed::Few => "few",
        Missed::Many => "many",
    }
}

const CORPUS: &str = include_str!("../fixtures/missed.txt");
