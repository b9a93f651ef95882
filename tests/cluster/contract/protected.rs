//! What an exemption, a guard or not knowing keeps, however often it is looked at.

use std::time::Duration;

use serde_json::{Value, json};

use super::{canary, names, owned_by, soon};
use crate::support::{
    control_plane,
    manifest::{Finish, cron_job, days_ago, merged},
    sweeping::{self, Sweeping, finished_job, policy},
    wait::throughout,
};

/// Ten policies come one after the other, and with each everything is looked at.
#[test]
fn the_exempt_and_the_guarded_survive_ten_sweeps() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("protected");
    let keep = json!({"metadata": {"labels": {"cleanup-policy": "keep"}}});
    let elsewhere =
        json!({"metadata": {"name": "owner", "uid": "5e1f0e8c-0000-4000-8000-000000000001"}});
    let operator = owned_by(&elsewhere, "operators.example.test/v1", "Backup");
    for (family, overlay) in [("kept", &keep), ("operated", &operator)] {
        let parent = space.create(&cron_job(family, overlay.clone())).ok();
        for (number, how) in [(1, Finish::Complete), (2, Finish::Failed)] {
            let child = owned_by(&parent, "batch/v1", "CronJob");
            finished_job(&space, &format!("{family}-{number}"), how, days_ago(9), child);
        }
    }
    let annotated = |key: &str| json!({"metadata": {"annotations": {key: "somebody"}}});
    let labelled = |key: &str| json!({"metadata": {"labels": {key: "somebody"}}});
    let single = [
        ("argo", annotated("argocd.argoproj.io/tracking-id")),
        ("argo-hook", annotated("argocd.argoproj.io/hook")),
        ("flux", labelled("kustomize.toolkit.fluxcd.io/name")),
        ("helm", annotated("meta.helm.sh/release-name")),
        ("helm-hook", annotated("helm.sh/hook")),
        ("job-set", owned_by(&elsewhere, "jobset.x-k8s.io/v1alpha2", "JobSet")),
        ("labelled", keep.clone()),
        // Its CronJob may be exempt: nobody knows it.
        ("orphan", owned_by(&elsewhere, "batch/v1", "CronJob")),
    ];
    let own_ttl = json!({"spec": {"ttlSecondsAfterFinished": 0}});
    for (name, overlay) in &single {
        let overlay = merged(overlay.clone(), &own_ttl);
        finished_job(&space, name, Finish::Complete, days_ago(9), overlay);
    }
    let expected = names(&space);
    assert_eq!(expected.len(), 4 + single.len());
    let exempting = |rate: u32| {
        policy(&space.name, "ttl: 1h, enforce: true, stored: Delete, limits: {history: {max: 0}}")
            .replace("10000", &rate.to_string())
            .replace(
                "spec:\n",
                "spec:\n  exempt: {selectors: [{matchLabels: {cleanup-policy: keep}}]}\n",
            )
    };
    let policies: Vec<String> = (1000..1010).map(exempting).collect();
    let sweeping = Sweeping::with_policy(space, &policies[0], &[]);
    for (round, policy) in policies.iter().enumerate() {
        let passes = sweeping.passes();
        sweeping.curfew.set_policy(&[("policy.yaml", policy)]);
        if round > 0 {
            soon("all is looked at again", || (sweeping.passes() > passes + 1).then_some(()));
        }
        assert_eq!(names(&sweeping.space), expected);
    }
    canary(&sweeping, "canary");
    assert_eq!(names(&sweeping.space), expected);
    assert_eq!(sweeping.called("delete"), ["canary"]);
    assert_eq!(sweeping.called("patch").iter().find(|name| *name != "canary"), None);
}

/// Point 14: whoever may not read namespaces does not know their labels, and waits.
#[test]
fn unknown_labels_of_a_namespace_keep_everything() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("unknown");
    let label = json!({"metadata": {"labels": {"example.test/tier": "scratch"}}});
    let path = format!("/api/v1/namespaces/{}", space.name);
    plane.api.patch(crate::support::api::Patch::Merge, &path, &label).ok();
    finished_job(&space, "old", Finish::Complete, days_ago(9), json!({}));
    let lease = sweeping::lease_name();
    let all = ["get", "list", "watch", "create", "update", "patch", "delete"];
    super::rights::grant(plane, &lease, "all-but-namespaces", &super::rights::everything(&all));
    let policy = format!(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: test}}\nspec:\n  \
         stored: {{action: Report}}\n  rules:\n    \
         - name: scratch\n      match: {{namespaces: [{}], namespaceSelector: {{matchLabels: \
         {{example.test/tier: scratch}}}}}}\n      ttl: 1h\n      stored: Delete\n",
        space.name
    );
    let sweeping = Sweeping::as_user(space, lease, None, &policy, &[]);
    sweeping.wait_for_leader();
    throughout("nothing is done", Duration::from_secs(4), || {
        sweeping.space.find_job("old").is_some()
    });
    assert_eq!(sweeping.called("delete").len() + sweeping.called("patch").len(), 0);
    let log = sweeping.curfew.process.log();
    let said: Vec<Value> = log
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|line: &Value| line["level"] != "DEBUG" && line["kind"] == "Namespace")
        .collect();
    assert!(!said.is_empty(), "it says what it may not read: {log}");
    // Known, they count.
    let namespaces = json!([{"apiGroups": [""], "resources": ["namespaces"], "verbs": all}]);
    super::rights::grant(plane, &sweeping.lease, "namespaces", &namespaces);
    soon("it is gone", || sweeping.space.find_job("old").is_none().then_some(()));
}
