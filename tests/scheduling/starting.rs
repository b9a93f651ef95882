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

/// A template that is too large to be kept in memory is read for the start, each time.
#[test]
fn a_large_template_is_started_from() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let scene = Scheduling::own(plane, "large", slot - 2.seconds());
    let args = json!(["x".repeat(100_000)]);
    let container = json!([{"name": "c", "image": "i", "args": args}]);
    let template = json!({"spec": {"template": {"spec": {"containers": container}}}});
    let spec = json!({"schedule": "* * * * *", "jobTemplate": template});
    scene.create("one", &spec, Some(slot - 1.minute()));
    for start in [slot, slot + 1.minute()] {
        scene.put_clock(start - 1.second());
        scene.wait_until_written("one", start, 1);
        let job = job_name("one", start);
        let stored = scene.space.find_job(&job).expect("it was started");
        assert_eq!(stored["spec"]["template"]["spec"]["containers"][0]["args"], args);
        scene.finish(&job, Finish::Complete);
        scene.wait_until_written("one", start, 0);
    }
    assert_eq!(scene.warnings("one"), [""; 0]);
}
