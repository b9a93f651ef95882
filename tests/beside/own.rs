//! `Own` beside a built-in controller that starts `CronJob`s: it refuses, and says why.

use curfew::clock;
use jiff::ToSpan;
use serde_json::json;

use crate::support::api::Patch;
use crate::support::curfew::offline;
use crate::support::scheduling::second;
use crate::support::sweeping::LEASES;
use crate::support::wait::eventually;
use crate::{LIMIT, curfew, minutely, plane, writes};

#[test]
fn it_starts_nothing_where_somebody_else_does() {
    let Some((plane, _alone)) = plane() else { return };
    let space = plane.namespace("own");
    let (owner, user) = curfew(plane, "{mode: Own, clusterTimeZone: UTC}");
    minutely(&space, "one", &json!({"spec": {"suspend": true}}));
    let path = space.path("cronjobs/one/status");
    let last = second(clock::now() - 1.hour());
    plane.api.patch(Patch::Merge, &path, &json!({"status": {"lastScheduleTime": last}})).ok();
    space.patch_cron_job("one", &json!({"spec": {"suspend": false}})).ok();
    let message = "Own starts nothing, as another controller does";
    eventually("it stops", LIMIT, || owner.process.log().contains(message).then_some(()));
    assert!(owner.metric("curfew_scheduler_owning") < 0.5);
    assert_eq!(writes(&space, &user), [""; 0]);
    let kubeconfig = plane.kubeconfig.display().to_string();
    let status =
        ["status", "--kubeconfig", &kubeconfig, "--namespace", LEASES, "--lease-name", &user];
    eventually("the status tells", LIMIT, || {
        let said = offline(&status, "");
        // Either the Job or the status of its CronJob is heard of first.
        let told = ["somebody else started", "kube-controller-manager wrote the status of"]
            .map(|why| format!("attention: scheduler.mode Own starts nothing: {why}"));
        let tells = told.iter().any(|told| said.stdout.contains(told));
        (!said.success && tells).then_some(())
    });
}
