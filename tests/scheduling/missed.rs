//! Starts that were missed, and deadlines.

use jiff::{Timestamp, ToSpan};
use rstest::rstest;
use serde_json::{Value, json};

use crate::plane;
use crate::support::manifest::merged;
use crate::support::scheduling::{Scheduling, job_name, some_minute};

/// The outage of the documentation: the controller is away from 08:29 to 10:21. Without a deadline
/// that is too many, which is told; and the latest is started all the same, as it is by the
/// controller of today.
#[rstest]
#[case::without_a_deadline(json!({}), true)]
#[case::with_a_deadline(json!({"startingDeadlineSeconds": 200}), false)]
fn an_outage_of_two_hours(#[case] deadline: Value, #[case] warned: bool) {
    let Some(plane) = plane() else { return };
    let day = "2031-03-03T";
    let at = |time: &str| format!("{day}{time}Z").parse::<Timestamp>().expect("it is a time");
    let scene = Scheduling::own(plane, "outage", at("10:21:30"));
    let spec = merged(json!({"schedule": "*/1 * * * *"}), deadline);
    scene.create("one", &spec, Some(at("08:29:00")));
    let latest = job_name("one", at("10:21:00"));
    scene.wait_for_jobs(std::slice::from_ref(&latest));
    scene.wait_until_written("one", at("10:21:00"), 1);
    scene.still(std::slice::from_ref(&latest));
    if warned {
        let note = scene.wait_for_event("one", "TooManyMissedTimes");
        assert!(note.contains("Set or decrease .spec.startingDeadlineSeconds"), "{note}");
    } else {
        assert_eq!(scene.warnings("one"), [""; 0]);
    }
    // It goes on as if nothing had been.
    scene.put_clock(at("10:22:00"));
    scene.wait_for_jobs(&[latest, job_name("one", at("10:22:00"))]);
}

/// A hundred are few.
#[rstest]
#[case::a_hundred(100, false)]
#[case::one_more(101, true)]
fn how_many_are_too_many(#[case] missed: i64, #[case] warned: bool) {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let scene = Scheduling::own(plane, "missed", slot + 5.seconds());
    let last = slot - missed.minutes();
    scene.create("one", &json!({"schedule": "* * * * *"}), Some(last));
    scene.wait_until_written("one", slot, 1);
    if warned {
        scene.wait_for_event("one", "TooManyMissedTimes");
    }
    scene.still(&[job_name("one", slot)]);
    let expected: &[&str] = if warned { &["TooManyMissedTimes"] } else { &[] };
    assert_eq!(scene.warnings("one"), expected);
}

/// Twenty seconds late.
#[rstest]
#[case::nothing_is_ever_in_time(0, false)]
#[case::too_late(5, false)]
#[case::in_time(30, true)]
#[case::long(200, true)]
fn a_late_start_and_its_deadline(#[case] deadline: i64, #[case] starts: bool) {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let scene = Scheduling::own(plane, "deadline", slot + 20.seconds());
    let spec = json!({"schedule": "* * * * *", "startingDeadlineSeconds": deadline});
    scene.create("one", &spec, Some(slot - 1.minute()));
    let mut jobs = Vec::new();
    if starts {
        jobs.push(job_name("one", slot));
        scene.wait_for_jobs(&jobs);
    }
    scene.still(&jobs);
    // The next one is in time, but for a deadline of nothing.
    let next = slot + 1.minute();
    scene.put_clock(next);
    if deadline > 0 {
        jobs.push(job_name("one", next));
        scene.wait_for_jobs(&jobs);
    }
    scene.still(&jobs);
    assert_eq!(scene.warnings("one"), [""; 0]);
}
