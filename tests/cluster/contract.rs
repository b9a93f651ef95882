//! The delete contract (controllers.md), point by point, on a real API server.

use std::time::Duration;

use serde_json::json;

use crate::support::{
    control_plane,
    manifest::{Finish, days_ago, job},
    sweeping::{Sweeping, finished_job},
    wait::{eventually, throughout},
};

/// Point 1: only what is finished, whatever its age and with a TTL of 0.
#[test]
fn only_finished_jobs_go() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("finished-only");
    for (name, how) in [("complete", Finish::Complete), ("failed", Finish::Failed)] {
        finished_job(&space, name, how, days_ago(1), json!({}));
    }
    space.create(&job("running", json!({"spec": {"ttlSecondsAfterFinished": 0}}))).ok();
    let suspended = json!({"spec": {"suspend": true, "ttlSecondsAfterFinished": 0}});
    space.create(&job("suspended", suspended)).ok();
    let sweeping = Sweeping::over(space, "{ttl: 0s, stored: Delete}");
    let space = &sweeping.space;
    eventually("both are gone", Duration::from_secs(30), || {
        (space.jobs().len() == 2).then_some(())
    });
    throughout("the others stay", Duration::from_secs(2), || space.jobs().len() == 2);
    assert!(space.find_job("running").is_some() && space.find_job("suspended").is_some());
    assert!((sweeping.curfew.metric("curfew_stored_actions_total") - 2.0).abs() < 0.1);
}
