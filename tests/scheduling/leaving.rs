//! Whoever is to start nothing any more still writes down what it has started.

use std::time::Duration;

use jiff::{Timestamp, ToSpan};
use rstest::rstest;
use serde_json::{Value, json};

use crate::plane;
use crate::support::scheduling::{Scheduling, second, some_minute};
use crate::support::wait::eventually;

#[rstest]
#[case::by_another_policy(|scene: &mut Scheduling| scene.set_policy("{mode: Observe}"))]
#[case::switched_off(|scene: &mut Scheduling| scene.set_policy("{mode: Off}"))]
#[case::ended(|scene: &mut Scheduling| scene.end())]
fn what_was_started_is_written_down(#[case] leave: fn(&mut Scheduling)) {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let mut scene = Scheduling::own(plane, "leaving", slot - 30.seconds());
    for number in 0..COUNT {
        let spec = json!({"schedule": "* * * * *"});
        scene.create(&format!("one-{number:03}"), &spec, Some(slot - 1.minute()));
    }
    scene.put_clock(slot);
    // In the midst of it: statuses are not written while starts wait.
    eventually("it has begun", Duration::from_secs(20), || {
        (scene.jobs().len() > COUNT / 10).then_some(())
    });
    leave(&mut scene);
    eventually("all that was started is written down", Duration::from_secs(20), || {
        let (jobs, unwritten) = missing(&scene, slot);
        (unwritten.is_empty() && jobs > 0).then_some(())
    });
}

/// How many Jobs there are, and the `CronJob`s of which the status does not tell of theirs.
fn missing(scene: &Scheduling, slot: Timestamp) -> (usize, Vec<String>) {
    let jobs = scene.space.jobs();
    let list = scene.space.plane.api.get(&scene.space.path("cronjobs")).ok();
    let all = list["items"].as_array().cloned().unwrap_or_default();
    let told = |name: &str| {
        let is_it = |one: &&Value| one["metadata"]["name"] == name;
        let cronjob = all.iter().find(is_it);
        cronjob.is_some_and(|one| one["status"]["lastScheduleTime"] == second(slot).as_str())
    };
    let owner = |job: &Value| {
        job["metadata"]["ownerReferences"][0]["name"].as_str().unwrap_or_default().to_owned()
    };
    (jobs.len(), jobs.iter().map(owner).filter(|name| !told(name)).collect())
}

const COUNT: usize = 150;
