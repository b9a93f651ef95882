//! A watch that has fallen silent shows the cluster as it was: what was exempted since, on the
//! `CronJob` or on the namespace, is not deleted all the same, nor given less time (delete contract,
//! point 2).

use std::time::Duration;

use curfew::clock;
use jiff::ToSpan;
use rstest::rstest;
use serde_json::{Value, json};

use super::{gone, owned_by, soon};
use crate::support::{
    api::Patch,
    control_plane,
    manifest::{Finish, cron_job, job},
    namespace::Namespace,
    silence::Silence,
    sweeping::{self, finished_job},
    wait::throughout,
};

#[rstest]
#[case::of_the_cronjob(OF_THE_CRONJOB, label_cronjob)]
#[case::of_the_namespace(OF_THE_NAMESPACE, label_namespace)]
fn an_exemption_that_the_watch_does_not_bring_counts(
    #[case] exempt: &str,
    #[case] label: fn(&Namespace<'_>, &Value),
) {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("silent");
    let owner = family(&space);
    let lease = sweeping::lease_name();
    let (silence, kubeconfig) =
        Silence::before(&plane.kubeconfig_for(&lease, Some("system:masters")));
    let policy = policy(&space, exempt, "ttl: 15s, stored: Delete");
    let curfew = sweeping::start(plane, &lease, &kubeconfig, &policy, &[]);
    // It sees and acts: a Job of the family that is due goes.
    gone(&space, "canary", owner.clone());
    finished_job(&space, "spared", Finish::Complete, clock::now(), owner);
    let finished = clock::now();
    // The watches have brought it, and then go idle.
    std::thread::sleep(Duration::from_secs(4));
    silence.fall_silent();
    label(&space, &json!("keep"));
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
    label(&space, &Value::Null);
    soon("what is due goes", || space.find_job("spared").is_none().then_some(()));
}

/// What is still running has nothing to lose yet, but the built-in controller would delete it at its
/// end; and what a template says goes for all Jobs that come.
#[rstest]
#[case::of_the_cronjob(OF_THE_CRONJOB, label_cronjob)]
#[case::of_the_namespace(OF_THE_NAMESPACE, label_namespace)]
fn an_exemption_that_the_watch_does_not_bring_keeps_the_ttl(
    #[case] exempt: &str,
    #[case] label: fn(&Namespace<'_>, &Value),
) {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("silent");
    let owner = family(&space);
    space.create(&job("running", owner)).ok();
    let lease = sweeping::lease_name();
    let (silence, kubeconfig) =
        Silence::before(&plane.kubeconfig_for(&lease, Some("system:masters")));
    let rule = |ttl: &str| format!("ttl: {ttl}, enforce: true, stored: Patch");
    let curfew =
        sweeping::start(plane, &lease, &kubeconfig, &policy(&space, exempt, &rule("1h")), &[]);
    let ttls = || {
        let template = &space.cron_job("family")["spec"]["jobTemplate"]["spec"];
        [&space.job("running")["spec"], template]
            .map(|spec| spec["ttlSecondsAfterFinished"].clone())
    };
    soon("both get an hour", || (ttls() == [3600, 3600]).then_some(()));
    let loaded = || curfew.metric("curfew_policy_last_reload_success_timestamp_seconds");
    let before = loaded();
    // What was asked before these writes counts no more, and the watches go idle.
    std::thread::sleep(Duration::from_secs(11));
    silence.fall_silent();
    label(&space, &json!("keep"));
    curfew.set_policy(&[("policy.yaml", &policy(&space, exempt, &rule("0s")))]);
    soon("it is in use", || (loaded() > before).then_some(()));
    throughout("the exemption counts", Duration::from_secs(15), || ttls() == [3600, 3600]);
    assert!(curfew.metric("curfew_leader") > 0.0);
    silence.speak();
    label(&space, &Value::Null);
    soon("both are lowered", || (ttls() == [0, 0]).then_some(()));
}

/// A `CronJob`; gives what its Jobs have.
fn family(space: &Namespace<'_>) -> Value {
    let family = space.create(&cron_job("family", json!({"spec": {"suspend": true}}))).ok();
    owned_by(&family, "batch/v1", "CronJob")
}

fn policy(space: &Namespace<'_>, exempt: &str, rule: &str) -> String {
    format!(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: test}}\nspec:\n  {exempt}\n  \
         stored: {{action: Report, rate: 10000}}\n  rules:\n    \
         - {{name: here, match: {{namespaces: [{}]}}, {rule}}}\n",
        space.name
    )
}

fn label_cronjob(space: &Namespace<'_>, value: &Value) {
    space.patch_cron_job("family", &label(value)).ok();
}

fn label_namespace(space: &Namespace<'_>, value: &Value) {
    let path = format!("/api/v1/namespaces/{}", space.name);
    space.plane.api.patch(Patch::Merge, &path, &label(value)).ok();
}

fn label(value: &Value) -> Value {
    json!({"metadata": {"labels": {"cleanup-policy": value}}})
}

const OF_THE_CRONJOB: &str = "exempt: {selectors: [{matchLabels: {cleanup-policy: keep}}]}";
const OF_THE_NAMESPACE: &str = "exempt: {namespaceSelector: {matchLabels: {cleanup-policy: keep}}}";
