//! Clocks that are put forward and back, and starts closer together than a minute.

use jiff::{Timestamp, ToSpan};
use serde_json::json;

use crate::plane;
use crate::support::manifest::Finish;
use crate::support::scheduling::{Scheduling, job_name, some_minute};

/// Half past two does not happen, so nothing starts that day; what is hourly goes on.
#[test]
fn the_clocks_are_put_forward() {
    let Some(plane) = plane() else { return };
    // In Berlin it is 01:55; at 02:00 it will be 03:00.
    let scene = Scheduling::own(plane, "spring", at("2031-03-30T00:55:00Z"));
    let zone = "Europe/Berlin";
    let nightly = json!({"schedule": "30 2 * * *", "timeZone": zone});
    scene.create("nightly", &nightly, Some(at("2031-03-29T01:30:00Z")));
    let hourly = json!({"schedule": "0 * * * *", "timeZone": zone});
    scene.create("hourly", &hourly, Some(at("2031-03-30T00:00:00Z")));
    let mut jobs = Vec::new();
    // 03:00, 03:30, 04:00.
    for time in ["01:00", "01:30", "02:00"] {
        let now = at(&format!("2031-03-30T{time}:00Z"));
        scene.put_clock(now);
        if time != "01:30" {
            jobs.push(job_name("hourly", now));
        }
        scene.wait_for_jobs(&jobs);
        scene.still(&jobs);
    }
    scene.change("hourly", &json!({"suspend": true}));
    scene.still(&jobs);
    let next_night = at("2031-03-31T00:30:00Z");
    scene.put_clock(next_night);
    jobs.push(job_name("nightly", next_night));
    scene.wait_for_jobs(&jobs);
    let job = scene.space.job(&job_name("nightly", next_night));
    let annotations = &job["metadata"]["annotations"];
    let scheduled = &annotations["batch.kubernetes.io/cronjob-scheduled-timestamp"];
    assert_eq!(*scheduled, "2031-03-31T02:30:00+02:00");
}

/// Half past two happens twice, and so do its starts.
#[test]
fn the_clocks_are_put_back() {
    let Some(plane) = plane() else { return };
    let scene = Scheduling::own(plane, "autumn", at("2031-10-26T00:25:00Z"));
    let nightly = json!({"schedule": "30 2 * * *", "timeZone": "Europe/Berlin"});
    scene.create("nightly", &nightly, Some(at("2031-10-25T00:30:00Z")));
    let mut jobs = Vec::new();
    let mut scheduled = Vec::new();
    for time in ["00:30", "01:30"] {
        let slot = at(&format!("2031-10-26T{time}:00Z"));
        scene.put_clock(slot);
        let name = job_name("nightly", slot);
        jobs.push(name.clone());
        scene.wait_for_jobs(&jobs);
        let annotations = scene.space.job(&name)["metadata"]["annotations"].clone();
        scheduled.push(annotations["batch.kubernetes.io/cronjob-scheduled-timestamp"].clone());
        scene.finish(&name, Finish::Complete);
        scene.wait_until_written("nightly", slot, 0);
    }
    assert_eq!(scheduled, ["2031-10-26T02:30:00+02:00", "2031-10-26T02:30:00+01:00"]);
    // That was all for this night.
    scene.put_clock(at("2031-10-26T02:30:00Z"));
    scene.still(&jobs);
}

/// Both starts of a minute would have the same name, so there is one Job a minute, whether it still
/// runs at the second start or not.
#[test]
fn two_starts_a_minute_are_one_job() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let scene = Scheduling::own(plane, "every", slot);
    let spec = json!({"schedule": "@every 30s"});
    scene.create("one", &spec, Some(slot - 30.seconds()));
    scene.wait_until_written("one", slot, 1);
    let mut jobs = vec![job_name("one", slot)];
    scene.put_clock(slot + 30.seconds());
    scene.still(&jobs);
    let next = slot + 1.minute();
    scene.put_clock(next);
    scene.wait_until_written("one", next, 2);
    jobs.push(job_name("one", next));
    scene.finish(&jobs[1], Finish::Complete);
    scene.wait_until_written("one", next, 1);
    scene.put_clock(next + 30.seconds());
    scene.wait_until_written("one", next + 30.seconds(), 1);
    scene.still(&jobs);
    let last = slot + 2.minutes();
    scene.put_clock(last);
    scene.wait_until_written("one", last, 2);
    jobs.push(job_name("one", last));
    scene.wait_for_jobs(&jobs);
    assert_eq!(scene.warnings("one"), [""; 0]);
}

fn at(time: &str) -> Timestamp {
    time.parse().expect("it is a time")
}
