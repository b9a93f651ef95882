//! `spec.suspend`: nothing is started, and everything else goes on.

use jiff::ToSpan;
use serde_json::json;

use crate::plane;
use crate::support::manifest::Finish;
use crate::support::scheduling::{Scheduling, job_name, some_minute};

#[test]
fn suspended_starts_nothing_and_the_running_job_goes_on() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let scene = Scheduling::own(plane, "suspend", slot);
    let spec = json!({"schedule": "* * * * *", "failedJobsHistoryLimit": 0});
    scene.create("one", &spec, Some(slot - 1.minute()));
    scene.wait_until_written("one", slot, 1);
    scene.change("one", &json!({"suspend": true}));
    let first = job_name("one", slot);
    scene.still(std::slice::from_ref(&first));
    scene.put_clock(slot + 4.minutes());
    scene.still(std::slice::from_ref(&first));
    // Its end is seen, and the history is cleaned, as at any time.
    scene.finish(&first, Finish::Failed);
    scene.wait_until_written("one", slot, 0);
    scene.wait_for_jobs(&[]);
    scene.still(&[]);
    // Four were missed.
    scene.change("one", &json!({"suspend": false}));
    let latest = slot + 4.minutes();
    scene.wait_until_written("one", latest, 1);
    scene.still(&[job_name("one", latest)]);
    assert_eq!(scene.warnings("one"), [""; 0]);
}

#[test]
fn suspended_from_the_beginning() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let scene = Scheduling::own(plane, "suspend", slot);
    let spec = json!({"schedule": "* * * * *", "suspend": true});
    scene.create("one", &spec, Some(slot - 1.minute()));
    scene.still(&[]);
    assert_eq!(scene.events("one"), []);
}
