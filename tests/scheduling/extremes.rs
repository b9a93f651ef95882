//! Clocks that go wrong, largest numbers, and families that have become too large.

use std::time::Duration;

use curfew::clock;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::plane;
use crate::support::manifest::{Finish, job, merged};
use crate::support::scheduling::{Scheduling, job_name, owner, some_minute};
use crate::support::wait::eventually;

/// By this clock the `CronJob` is of tomorrow.
#[test]
fn a_cronjob_that_was_created_in_the_future() {
    let Some(plane) = plane() else { return };
    let scene = Scheduling::own(plane, "future", clock::now() - 24.hours());
    scene.create("one", &json!({"schedule": "* * * * *"}), None);
    scene.still(&[]);
    let minute = clock::now().as_second() / 60 + 5;
    let slot = Timestamp::from_second(minute * 60).expect("it is soon");
    scene.put_clock(slot);
    scene.wait_for_jobs(&[job_name("one", slot)]);
    scene.wait_until_written("one", slot, 1);
    assert_eq!(scene.warnings("one"), [""; 0]);
}

/// A clock that goes back makes no start again.
#[test]
fn a_clock_that_goes_back() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let scene = Scheduling::own(plane, "back", slot);
    scene.create("one", &json!({"schedule": "* * * * *"}), Some(slot - 1.minute()));
    scene.wait_until_written("one", slot, 1);
    scene.put_clock(slot - 5.minutes());
    scene.space.touch_cron_job("one", "look");
    scene.put_clock(slot - 3.minutes());
    scene.still(&[job_name("one", slot)]);
    let next = slot + 1.minute();
    scene.put_clock(next);
    scene.wait_for_jobs(&[job_name("one", slot), job_name("one", next)]);
}

#[test]
fn the_largest_numbers() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let scene = Scheduling::own(plane, "largest", slot);
    let spec = json!({
        "schedule": "* * * * *",
        "successfulJobsHistoryLimit": i32::MAX,
        "failedJobsHistoryLimit": i32::MAX,
        "startingDeadlineSeconds": i64::MAX,
    });
    scene.create("one", &spec, Some(slot - 1.minute()));
    let mut jobs = Vec::new();
    for minute in 0..5 {
        let slot = slot + minute.minutes();
        scene.put_clock(slot);
        scene.wait_until_written("one", slot, 1);
        jobs.push(job_name("one", slot));
        scene.finish(&job_name("one", slot), Finish::Complete);
        scene.wait_until_written("one", slot, 0);
    }
    scene.wait_for_jobs(&jobs);
    assert_eq!(scene.warnings("one"), [""; 0]);
}

/// Thousands of Jobs of one `CronJob`, which then may have some hundred less.
#[test]
fn a_family_that_is_far_too_large() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let scene = Scheduling::own(plane, "many", slot - 30.minutes());
    let spec = json!({"schedule": "0 * * * *", "successfulJobsHistoryLimit": i32::MAX});
    scene.create("one", &spec, Some(slot - 1.hour()));
    scene.create("two", &json!({"schedule": "0 * * * *"}), Some(slot - 1.hour()));
    // Nobody's, so that the scheduler never sees one of the family unfinished.
    scene.space.create(&job("pattern", json!({"spec": {"suspend": true}}))).ok();
    scene.space.finish_job("pattern", Finish::Complete, slot - 500.hours());
    let family = owner("one", &scene.space.cron_job("one")["metadata"]["uid"]);
    let owned = json!({"metadata": {"ownerReferences": [family]}});
    let pattern = merged(scene.space.job("pattern"), owned);
    (0..MANY).for_each(|number| plane.store(&copy(&pattern, number, slot)));
    let uid = |number: i64| format!("00000000-0000-4000-8000-{number:012x}");
    // The last one that is stored is the last one that ended.
    let newest = slot - 100.hours() + (MANY - 1).seconds();
    let newest = newest.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    scene.wait_for_status("one", |status| status["lastSuccessfulTime"] == newest.as_str());
    // Both start in time: the one that is so large, and its neighbour.
    scene.put_clock(slot);
    let start = clock::instant();
    let is_there = |name: &str| scene.space.find_job(&job_name(name, slot));
    eventually("both are started", LIMIT, || is_there("one").and_then(|_| is_there("two")));
    let took = start.elapsed();
    assert!(took < Duration::from_secs(4), "{took:?}");
    scene.wait_until_written("one", slot, 1);
    // The oldest of them go, and meanwhile the neighbour starts again.
    let limit = MANY - 300;
    scene.change("one", &json!({"successfulJobsHistoryLimit": limit}));
    let next = slot + 1.hour();
    scene.put_clock(next);
    scene.wait_until_written("two", next, 2);
    eventually("three hundred are gone", LIMIT, || {
        let is_there = |name: &str| scene.space.find_job(name).is_some();
        (is_there("old-300") && !is_there("old-299") && !is_there("old-0")).then_some(())
    });
    assert_eq!(scene.space.job("old-300")["metadata"]["uid"], uid(300).as_str());
    scene.wait_until_written("one", next, 2);
    assert_eq!(scene.deletions().len(), 300);
    assert_eq!(scene.warnings("one"), [""; 0]);
    plane.wipe("jobs", &scene.space.name);
}

/// The Job of another name, which ended later.
fn copy(pattern: &Value, number: i64, slot: Timestamp) -> Value {
    let end = slot - 100.hours() + number.seconds();
    let end = end.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut copy = pattern.clone();
    let metadata = copy["metadata"].as_object_mut().expect("it has metadata");
    metadata.remove("resourceVersion");
    metadata.insert("name".to_owned(), json!(format!("old-{number}")));
    metadata.insert("uid".to_owned(), json!(format!("00000000-0000-4000-8000-{number:012x}")));
    copy["status"]["startTime"] = json!(end);
    copy["status"]["completionTime"] = json!(end);
    copy
}

const MANY: i64 = 3000;

const LIMIT: Duration = Duration::from_secs(40);
