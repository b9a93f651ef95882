//! What ends a sweep, or keeps it going, while it is under way.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{canary, names, soon};
use crate::support::{
    control_plane,
    manifest::{Finish, days_ago},
    sweeping::{Sweeping, finished_job, policy},
    wait::throughout,
};

/// The emergency stop: another policy, in the middle of a drain.
#[test]
fn a_policy_that_is_off_stops_a_drain() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("stop");
    for number in 0..JOBS {
        let name = format!("old-{number:03}");
        finished_job(&space, &name, Finish::Complete, days_ago(1), json!({}));
    }
    let slow = policy(&space.name, "{ttl: 1h, stored: Delete}").replace("10000", "10");
    let off = slow.replace("  stored: {", "  mode: \"Off\"\n  stored: {");
    let sweeping = Sweeping::with_policy(space, &slow, &[]);
    let space = &sweeping.space;
    soon("the drain has begun", || (space.jobs().len() < JOBS - 3).then_some(()));
    sweeping.curfew.set_policy(&[("policy.yaml", &off)]);
    soon("it is taken", || sweeping.curfew.process.log().contains(REPLACED).then_some(()));
    let left = std::cell::Cell::new(usize::MAX);
    soon("nothing goes any more", || {
        let before = left.replace(space.jobs().len());
        std::thread::sleep(Duration::from_millis(500));
        (before == space.jobs().len()).then_some(())
    });
    let left = names(space);
    assert!(left.len() > JOBS / 4, "{} are left of {JOBS}", left.len());
    throughout("nothing goes any more", Duration::from_secs(2), || names(space) == left);
    sweeping.curfew.set_policy(&[("policy.yaml", &slow.replace("rate: 10", "rate: 10000"))]);
    soon("and on again", || names(space).is_empty().then_some(()));
    assert_eq!(sweeping.calls("delete").len(), JOBS);
}

/// A file that is no policy changes nothing.
#[test]
fn the_last_good_policy_goes_on() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("good");
    let sweeping = Sweeping::over(space, "{ttl: 1h, stored: Delete}");
    canary(&sweeping, "before");
    sweeping.curfew.set_policy(&[("policy.yaml", "kind: [")]);
    soon("it is refused", || sweeping.curfew.process.log().contains("E001").then_some(()));
    canary(&sweeping, "after");
    sweeping.set_rule("{ttl: 2h, stored: Delete}");
    soon("it is taken", || sweeping.curfew.process.log().contains(REPLACED).then_some(()));
    let old = days_ago(0) - SignedDuration::from_mins(90);
    finished_job(&sweeping.space, "ninety", Finish::Complete, old, json!({}));
    finished_job(&sweeping.space, "again", Finish::Complete, days_ago(1), json!({}));
    soon("the good one counts", || (names(&sweeping.space) == ["ninety"]).then_some(()));
}

/// A hold ends by its date, and nobody has to do anything about it.
#[test]
fn a_hold_ends_by_itself() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("ends");
    let sweeping = Sweeping::over(space, "{ttl: 5s, stored: Delete}");
    sweeping.wait_for_leader();
    let space = &sweeping.space;
    let until = curfew::clock::now() + SignedDuration::from_secs(8);
    let until = Timestamp::from_second(until.as_second()).expect("it is a time");
    let hold = json!({"metadata": {"annotations": {"curfew.dev/hold-until": until.to_string()}}});
    finished_job(space, "held", Finish::Complete, days_ago(0), hold);
    finished_job(space, "free", Finish::Complete, days_ago(0), json!({}));
    soon("the other is gone", || (names(space) == ["held"]).then_some(()));
    soon("its time comes", || names(space).is_empty().then_some(()));
    let late = curfew::clock::now().duration_since(until).as_secs_f64();
    assert!((-0.1..10.0).contains(&late), "{late} s after the hold");
}

const JOBS: usize = 60;

/// A line of the log.
const REPLACED: &str = "policy replaced";
