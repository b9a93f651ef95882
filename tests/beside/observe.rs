//! `Observe`: nothing is written, and everything is seen.

use std::time::Duration;

use curfew::clock;
use jiff::ToSpan;
use serde_json::json;

use crate::support::api::Patch;
use crate::support::scheduling::second;
use crate::support::wait::eventually;
use crate::{LIMIT, curfew, minutely, plane, writes};

#[test]
fn it_writes_nothing_and_tells_of_everything() {
    let Some((plane, _alone)) = plane() else { return };
    let space = plane.namespace("observe");
    let (observer, user) = curfew(plane, "{mode: Observe, grace: 1s}");
    // Missed for an hour: the built-in controller makes the latest start at once.
    minutely(&space, "one", &json!({"spec": {"suspend": true}}));
    let path = space.path("cronjobs/one/status");
    let last = second(clock::now() - 1.hour());
    plane.api.patch(Patch::Merge, &path, &json!({"status": {"lastScheduleTime": last}})).ok();
    space.patch_cron_job("one", &json!({"spec": {"suspend": false}})).ok();
    eventually("the built-in controller starts it", LIMIT, || {
        (!space.jobs().is_empty()).then_some(())
    });
    eventually("its lag is measured", LIMIT, || {
        (observer.metric("curfew_scheduler_start_lag_seconds_count") > 0.5).then_some(())
    });
    // Then nobody does for a while.
    plane.signal_controllers("STOP");
    eventually("a missed start is counted", Duration::from_secs(120), || {
        let missed =
            observer.metric_with("curfew_scheduler_missed_total", "reason=\"not-started\"");
        (missed > 0.5).then_some(())
    });
    eventually("and it is among the states", LIMIT, || {
        (observer.metric_with("curfew_cronjobs", "state=\"missed\"") > 0.5).then_some(())
    });
    plane.signal_controllers("CONT");
    assert_eq!(writes(&space, &user), [""; 0]);
}
