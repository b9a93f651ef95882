//! A watch that has fallen silent shows the cluster as it was: what was exempted since, on the
//! `CronJob` or on the namespace, is not deleted all the same (delete contract, point 2).

use std::time::Duration;

use curfew::clock;
use jiff::ToSpan;
use rstest::rstest;
use serde_json::{Value, json};

use super::{gone, soon};
use crate::support::{
    api::Patch,
    control_plane,
    manifest::{Finish, cron_job},
    namespace::Namespace,
    silence::Silence,
    sweeping::{self, finished_job},
    wait::throughout,
};

#[rstest]
#[case::of_the_cronjob(
    "exempt: {selectors: [{matchLabels: {cleanup-policy: keep}}]}",
    |space: &Namespace<'_>, value: Value| {
        space.patch_cron_job("family", &json!({"metadata": {"labels": {"cleanup-policy": value}}})).ok();
    }
)]
#[case::of_the_namespace(
    "exempt: {namespaceSelector: {matchLabels: {cleanup-policy: keep}}}",
    |space: &Namespace<'_>, value: Value| {
        let path = format!("/api/v1/namespaces/{}", space.name);
        let patch = json!({"metadata": {"labels": {"cleanup-policy": value}}});
        space.plane.api.patch(Patch::Merge, &path, &patch).ok();
    }
)]
fn an_exemption_that_the_watch_does_not_bring_counts(
    #[case] exempt: &str,
    #[case] label: impl Fn(&Namespace<'_>, Value),
) {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("silent");
    let family = space.create(&cron_job("family", json!({"spec": {"suspend": true}}))).ok();
    let owner = json!({"metadata": {"ownerReferences": [{
        "apiVersion": "batch/v1", "kind": "CronJob", "name": "family", "controller": true,
        "uid": family["metadata"]["uid"],
    }]}});
    let lease = sweeping::lease_name();
    let (silence, kubeconfig) =
        Silence::before(&plane.kubeconfig_for(&lease, Some("system:masters")));
    let policy = format!(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: test}}\nspec:\n  {exempt}\n  \
         stored: {{action: Report, rate: 10000}}\n  rules:\n    \
         - {{name: here, match: {{namespaces: [{}]}}, ttl: 15s, stored: Delete}}\n",
        space.name
    );
    let curfew = sweeping::start(plane, &lease, &kubeconfig, &policy, &[]);
    // It sees and acts: a Job of the family that is due goes.
    gone(&space, "canary", owner.clone());
    finished_job(&space, "spared", Finish::Complete, clock::now(), owner);
    let finished = clock::now();
    // The watches have brought it, and then go idle.
    std::thread::sleep(Duration::from_secs(4));
    silence.fall_silent();
    label(&space, json!("keep"));
    let due = finished + 15.seconds();
    soon("it is due", || (clock::now() > due).then_some(()));
    // Longer than an answer counts; the watch is given up after 75 s, and not before this ends.
    throughout("the exemption counts", Duration::from_secs(15), || {
        space.find_job("spared").is_some()
    });
    // It still leads, and has not ended.
    assert!(curfew.metric("curfew_leader") > 0.0);
    // When the watch speaks again and the exemption is gone, the Job is.
    silence.speak();
    label(&space, Value::Null);
    soon("what is due goes", || space.find_job("spared").is_none().then_some(()));
}
