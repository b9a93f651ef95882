//! How `Own` begins: after starts that nobody makes, or after an outage of its own.

use std::time::Duration;

use jiff::ToSpan;
use serde_json::json;

use crate::plane;
use crate::support::scheduling::{Scheduling, job_name, some_minute};
use crate::support::wait::eventually;

const OWN: &str = "{mode: Own, clusterTimeZone: UTC}";

fn owns(scene: &Scheduling) -> bool {
    scene.metrics.text().lines().any(|line| line.ends_with("scheduler_owning 1"))
}

#[test]
fn a_start_has_to_pass_first() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let scene = Scheduling::start(plane, "takeover", OWN, false, slot - 2.seconds());
    scene.create("one", &json!({"schedule": "* * * * *"}), Some(slot - 1.minute()));
    // It is another controller's to make.
    scene.still(&[]);
    assert!(!owns(&scene));
    let later = slot + 3.minutes();
    scene.put_clock(later);
    scene.wait_for_jobs(&[job_name("one", later)]);
    scene.wait_until_written("one", later, 1);
    assert!(owns(&scene));
}

/// One that cannot start anything proves nothing: another controller would not start it either.
#[test]
fn a_start_that_nobody_can_make_is_no_evidence() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let scene = Scheduling::start(plane, "takeover", OWN, false, slot - 2.seconds());
    let spec = json!({"schedule": "* * * * *", "startingDeadlineSeconds": 0});
    scene.create("one", &spec, Some(slot - 1.minute()));
    scene.still(&[]);
    scene.put_clock(slot + 10.minutes());
    scene.still(&[]);
    assert!(!owns(&scene));
}

/// Whoever owned before goes on two minutes after it is back, and makes what was missed meanwhile.
#[test]
fn an_outage_loses_no_start() {
    let Some(plane) = plane() else { return };
    let hour = some_minute();
    let mut scene = Scheduling::own(plane, "outage", hour - 5.minutes());
    scene.create("one", &json!({"schedule": "0 * * * *"}), Some(hour - 1.hour()));
    // The leader tells on the Lease that it owns.
    eventually("it owns", Duration::from_secs(20), || owns(&scene).then_some(()));
    eventually("it has said so", Duration::from_secs(20), || {
        let status = scene.note("curfew.dev/scheduler")?;
        status.contains("owning").then_some(())
    });
    scene.end();
    let back = hour + 30.minutes();
    scene.put_clock(back);
    scene.run_unforced();
    scene.still(&[]);
    assert!(!owns(&scene));
    scene.put_clock(back + 2.minutes());
    scene.wait_for_jobs(&[job_name("one", hour)]);
    scene.wait_until_written("one", hour, 1);
}
