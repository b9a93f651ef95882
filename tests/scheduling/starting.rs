//! Starts: when, under which name, and what is written down of them.

use jiff::ToSpan;
use serde_json::json;

use crate::plane;
use crate::support::manifest::Finish;
use crate::support::scheduling::{Scheduling, job_name, some_minute};

#[test]
fn a_start_is_made_and_written_down() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let scene = Scheduling::own(plane, "allow", slot - 2.seconds());
    scene.create("one", &json!({"schedule": "* * * * *"}), Some(slot - 1.minute()));
    let first = job_name("one", slot);
    scene.wait_for_jobs(std::slice::from_ref(&first));
    let status = scene.wait_until_written("one", slot, 1);
    assert_eq!(status["active"][0]["name"], first.as_str());
    scene.finish(&first, Finish::Complete);
    scene.wait_until_written("one", slot, 0);
    let next = slot + 1.minute();
    scene.put_clock(next);
    let second = job_name("one", next);
    scene.wait_for_jobs(&[first, second]);
    scene.wait_until_written("one", next, 1);
    scene.wait_for_event("one", "SuccessfulCreate");
    scene.wait_for_event("one", "SawCompletedJob");
    assert_eq!(scene.warnings("one"), [""; 0]);
}
