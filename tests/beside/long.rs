//! A thousand starts beside a built-in controller that is stopped and woken at random.
//!
//! It takes seven minutes, so it has to be asked for: `CURFEW_LONG=1`.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use curfew::clock;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::support::manifest::Finish;
use crate::support::namespace::Namespace;
use crate::support::scheduling::job_name;
use crate::{curfew, minutely, next_minute, plane};

#[test]
fn a_thousand_starts_with_pauses() {
    if std::env::var_os("CURFEW_LONG").is_none() {
        let _ = writeln!(
            std::io::stderr(),
            "skipped: a thousand starts beside a built-in controller that pauses takes 7 min; set \
             CURFEW_LONG=1"
        );
        return;
    }
    let Some((plane, _alone)) = plane() else { return };
    let space = Arc::new(plane.namespace("long"));
    let scheduler = "{mode: Backstop, grace: 5s, clusterTimeZone: UTC, \
                     selector: {matchLabels: {backstop: \"yes\"}}}";
    let (helper, user) = curfew(plane, scheduler);
    for number in 0..ALLOW + FORBID {
        let policy = if number < ALLOW { "Allow" } else { "Forbid" };
        let overlay = json!({
            "metadata": {"labels": {"backstop": "yes"}},
            "spec": {"concurrencyPolicy": policy},
        });
        minutely(&space, &name(number), &overlay);
    }
    next_minute();
    // Created in the minute that is over, none is old enough for its start.
    let first = minute(clock::now()) + 1.minute();
    let stop = Arc::new(AtomicBool::new(false));
    let work = thread::spawn({
        let (space, stop) = (Arc::clone(&space), Arc::clone(&stop));
        move || {
            while !stop.load(Ordering::Relaxed) {
                finish_old(&space);
                thread::sleep(Duration::from_secs(1));
            }
        }
    });
    let mut random = Random(20_261_125);
    let last = first + i64::from(MINUTES - 1).minutes();
    while clock::now() < last + 55.seconds() {
        plane.signal_controllers("STOP");
        thread::sleep(Duration::from_secs(5 + random.below(50)));
        plane.signal_controllers("CONT");
        thread::sleep(Duration::from_secs(2 + random.below(25)));
    }
    stop.store(true, Ordering::Relaxed);
    work.join().expect("the Jobs end");

    let creations = creations(&space);
    for ((name, user), times) in &creations {
        assert_eq!(times.len(), 1, "{user} created {name} {} times", times.len());
    }
    let of = |job: &str| creations.keys().filter(|(name, _)| name == job).count();
    let (mut starts, mut ours) = (0, 0);
    for number in 0..ALLOW {
        for turn in 0..MINUTES {
            let job = job_name(&name(number), first + i64::from(turn).minutes());
            assert_eq!(of(&job), 1, "{job}; log: {}", helper.process.log());
            starts += 1;
            ours += usize::from(creations.contains_key(&(job, user.clone())));
        }
    }
    for number in ALLOW..ALLOW + FORBID {
        no_overlap(&space, &name(number));
    }
    let _ = writeln!(
        std::io::stderr(),
        "{starts} starts of CronJobs that allow, each made once, {ours} of them by Backstop"
    );
    assert!(ours > starts / 10, "the built-in controller made all but {ours} of {starts}");
}

/// Ends the Jobs of `Forbid` that are twenty seconds old.
fn finish_old(space: &Namespace<'_>) {
    let now = clock::now();
    for job in space.jobs() {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let name = text(&job["metadata"]["name"]);
        let created: Timestamp = text(&job["metadata"]["creationTimestamp"]).parse().unwrap();
        let forbids =
            (ALLOW..ALLOW + FORBID).any(|n| name.starts_with(&format!("{}-", self::name(n))));
        if forbids && job["status"]["conditions"].is_null() && created + 20.seconds() < now {
            space.finish_job(&name, Finish::Complete, now);
        }
    }
}

/// No Job of a `CronJob` was there before the end of the one before.
fn no_overlap(space: &Namespace<'_>, cronjob: &str) {
    let time = |value: &Value| value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
    let mut spans: Vec<(Timestamp, Option<Timestamp>)> = space
        .jobs()
        .iter()
        .filter(|job| job["metadata"]["ownerReferences"][0]["name"] == cronjob)
        .map(|job| {
            let created = time(&job["metadata"]["creationTimestamp"]).expect("it has one");
            (created, time(&job["status"]["completionTime"]))
        })
        .collect();
    spans.sort();
    for pair in spans.windows(2) {
        let [(_, end), (next, _)] = pair else { continue };
        assert!(end.is_some_and(|end| end <= *next), "{cronjob}: {spans:?}");
    }
}

/// When each Job was created, by its name and who did it.
fn creations(space: &Namespace<'_>) -> BTreeMap<(String, String), Vec<String>> {
    let mut all: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for call in space.plane.audit.of(&space.name) {
        let about = &call["objectRef"];
        if call["verb"] == "create"
            && about["resource"] == "jobs"
            && call["responseStatus"]["code"] == 201
        {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let who = (text(&about["name"]), text(&call["user"]["username"]));
            all.entry(who).or_default().push(text(&call["requestReceivedTimestamp"]));
        }
    }
    all
}

fn name(number: usize) -> String {
    format!("one-{number:03}")
}

fn minute(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second() / 60 * 60).expect("it is near")
}

/// Repeats itself: a run that fails can be looked at again.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        // Knuth's MMIX.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

const ALLOW: usize = 170;
const FORBID: usize = 30;
const MINUTES: u32 = 6;
