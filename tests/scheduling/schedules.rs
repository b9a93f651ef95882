//! Schedules and zones that change, and such as nobody can read.

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::plane;
use crate::support::manifest::{cron_job, merged};
use crate::support::scheduling::{Scheduling, job_name, second, some_minute};

/// A start of the new schedule that is past is not made.
#[test]
fn a_schedule_that_is_changed() {
    let Some(plane) = plane() else { return };
    let hour = some_minute();
    let scene = Scheduling::own(plane, "changed", hour + 10.minutes());
    scene.create("one", &json!({"schedule": "0 * * * *"}), Some(hour));
    scene.still(&[]);
    scene.change("one", &json!({"schedule": "*/2 * * * *"}));
    scene.still(&[]);
    // Neither is it where everything is looked at for another reason.
    scene.set_policy("{mode: Own, clusterTimeZone: UTC, grace: 31s}");
    scene.still(&[]);
    let next = hour + 12.minutes();
    scene.put_clock(next);
    scene.wait_for_jobs(&[job_name("one", next)]);
    scene.wait_until_written("one", next, 1);
    // And to a rarer one: what the old schedule names is none of its starts.
    scene.change("one", &json!({"schedule": "20 * * * *"}));
    scene.still(&[job_name("one", next)]);
    scene.put_clock(hour + 14.minutes());
    scene.still(&[job_name("one", next)]);
    let last = hour + 20.minutes();
    scene.put_clock(last);
    scene.wait_for_jobs(&[job_name("one", next), job_name("one", last)]);
    scene.wait_until_written("one", last, 2);
    assert_eq!(scene.warnings("one"), [""; 0]);
}

#[test]
fn a_zone_that_is_changed() {
    let Some(plane) = plane() else { return };
    let scene = Scheduling::own(plane, "zone", at("2031-01-15T10:50:00Z"));
    let spec = json!({"schedule": "0 12 * * *", "timeZone": "Etc/UTC"});
    scene.create("one", &spec, Some(at("2031-01-14T12:00:00Z")));
    scene.still(&[]);
    scene.change("one", &json!({"timeZone": "Europe/Berlin"}));
    // It has to be seen before noon.
    scene.still(&[]);
    let noon = at("2031-01-15T11:00:00Z");
    scene.put_clock(noon);
    scene.wait_for_jobs(&[job_name("one", noon)]);
    scene.wait_until_written("one", noon, 1);
    // East of it noon was earlier: it is past, and not made.
    scene.change("one", &json!({"timeZone": "Asia/Tokyo"}));
    scene.put_clock(at("2031-01-15T13:00:00Z"));
    scene.still(&[job_name("one", noon)]);
    let noon_there = at("2031-01-16T03:00:00Z");
    scene.put_clock(noon_there);
    scene.wait_for_jobs(&[job_name("one", noon), job_name("one", noon_there)]);
    let job = scene.space.job(&job_name("one", noon_there));
    let annotations = &job["metadata"]["annotations"];
    let scheduled = &annotations["batch.kubernetes.io/cronjob-scheduled-timestamp"];
    assert_eq!(*scheduled, "2031-01-16T12:00:00+09:00");
}

/// The API server of today refuses nearly all of it; those before let it through.
#[test]
fn what_nobody_can_read_is_told_and_the_others_go_on() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let scene = Scheduling::own(plane, "unreadable", slot - 10.seconds());
    let rows = [
        ("words", json!({"schedule": "every day"}), "UnparseableSchedule"),
        ("six-fields", json!({"schedule": "0 * * * * *"}), "UnparseableSchedule"),
        ("sunday-7", json!({"schedule": "0 0 * * 7"}), "UnparseableSchedule"),
        ("empty", json!({"schedule": ""}), "UnparseableSchedule"),
        ("bad-zone", json!({"schedule": "* * * * *", "timeZone": "Mars/Base"}), "UnknownTimeZone"),
        ("bad-prefix", json!({"schedule": "TZ=Mars/Base * * * * *"}), "UnsupportedSchedule"),
        ("never", json!({"schedule": "0 0 31 2 *"}), "InvalidSchedule"),
    ];
    for (name, spec, _) in &rows {
        let reply = scene.space.dry_run(&cron_job(name, json!({"spec": spec})));
        let refused = if *name == "never" { 201 } else { 422 };
        assert_eq!(reply.status, refused, "{name}: {}", reply.body);
    }
    let prefixed = json!({"schedule": "TZ=Asia/Tokyo * * * * *"});
    let odd = rows.iter().map(|(name, spec, _)| (*name, spec)).chain([("prefixed", &prefixed)]);
    for (name, spec) in odd {
        store(&scene, name, spec, slot - 1.minute());
    }
    scene.create("good", &json!({"schedule": "* * * * *"}), Some(slot - 1.minute()));
    for (name, spec, reason) in &rows {
        let note = scene.wait_for_event(name, reason);
        let culprit = if *name == "bad-zone" { &spec["timeZone"] } else { &spec["schedule"] };
        assert!(note.contains(culprit.as_str().expect("it is text")), "{name}: {note}");
    }
    scene.put_clock(slot);
    let jobs = ["good", "prefixed"].map(|name| job_name(name, slot));
    scene.wait_for_jobs(&jobs);
    let note = scene.wait_for_event("prefixed", "UnsupportedSchedule");
    let known = "CRON_TZ or TZ used in schedule \"TZ=Asia/Tokyo * * * * *\" is not officially \
                 supported, see https://kubernetes.io/";
    assert!(note.starts_with(known), "{note}");
    scene.still(&jobs);
    assert_eq!(scene.warnings("good"), [""; 0]);
    let zone = scene.wait_for_event("bad-zone", "UnknownTimeZone");
    assert!(zone.starts_with("invalid timeZone: \"Mars/Base\": "), "{zone}");
}

/// Suspended ones are told about their zone, and about nothing else.
#[test]
fn a_suspended_one_with_an_unknown_zone() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let scene = Scheduling::own(plane, "unreadable", slot);
    let zone = json!({"schedule": "* * * * *", "timeZone": "Mars/Base", "suspend": true});
    store(&scene, "zone", &zone, slot);
    store(&scene, "words", &json!({"schedule": "every day", "suspend": true}), slot);
    scene.wait_for_event("zone", "UnknownTimeZone");
    scene.still(&[]);
    assert_eq!(scene.events("words"), []);
}

/// Edited to something unreadable and back.
#[test]
fn a_schedule_that_becomes_unreadable() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let scene = Scheduling::own(plane, "unreadable", slot);
    scene.create("one", &json!({"schedule": "* * * * *"}), Some(slot - 1.minute()));
    scene.wait_until_written("one", slot, 1);
    // Past the API server, which would refuse it.
    let mut edited = scene.space.cron_job("one");
    edited["spec"]["schedule"] = json!("every day");
    bury(&scene, edited);
    let note = scene.wait_for_event("one", "UnParseableCronJobSchedule");
    assert_eq!(note, "unparseable schedule for cronjob: every day");
    scene.put_clock(slot + 2.minutes());
    scene.still(&[job_name("one", slot)]);
    scene.change("one", &json!({"schedule": "*/3 * * * *"}));
    scene.still(&[job_name("one", slot)]);
    let next = slot + 3.minutes();
    scene.put_clock(next);
    scene.wait_for_jobs(&[job_name("one", slot), job_name("one", next)]);
}

/// A `CronJob` as an API server of another time has let it through.
fn store(scene: &Scheduling, name: &str, spec: &Value, last: Timestamp) {
    let object = scene.space.dry_run(&cron_job(name, json!({}))).ok();
    bury(
        scene,
        merged(
            object,
            json!({
                "metadata": {"generation": 1},
                "spec": spec,
                "status": {"lastScheduleTime": second(last)},
            }),
        ),
    );
}

/// Stores a `CronJob` past the API server.
fn bury(scene: &Scheduling, mut object: Value) {
    let metadata = object["metadata"].as_object_mut().expect("it has metadata");
    metadata.remove("resourceVersion");
    scene.space.plane.store(&object);
}

fn at(time: &str) -> Timestamp {
    time.parse().expect("it is a time")
}
