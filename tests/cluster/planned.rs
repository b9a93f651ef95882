//! What `plan` lists is what the sweeper then deletes, and nothing else.

use std::collections::BTreeSet;
use std::time::Duration;

use curfew::clock;
use jiff::ToSpan;
use serde_json::{Value, json};

use crate::support::{
    control_plane,
    curfew::offline,
    manifest::{Finish, days_ago, job},
    sweeping::{Sweeping, finished_job},
    wait::{eventually, throughout},
};

#[test]
fn a_plan_lists_what_is_then_deleted() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("planned");
    let label = |key: &str, value: &str| json!({"metadata": {"labels": {key: value}}});
    let annotation = |key: &str, value: &str| json!({"metadata": {"annotations": {key: value}}});
    let owner = json!({"metadata": {"ownerReferences": [{
        "apiVersion": "example.test/v1", "kind": "Workflow", "name": "w", "uid": "1",
        "controller": true,
    }]}});
    let tomorrow = (clock::now() + 24.hours()).to_string();
    // The name, how long ago it ended in days, and what is special about it.
    let shapes: [(&str, i64, Value); 10] = [
        ("plain", 9, json!({})),
        ("young", 1, json!({})),
        ("dev", 1, label("environment", "dev")),
        ("kept", 9, label("cleanup-policy", "keep")),
        ("hook", 9, annotation("helm.sh/hook", "pre-install")),
        ("tracked", 9, label("argocd.argoproj.io/instance", "shop")),
        ("owned", 9, owner),
        ("held", 5, annotation("curfew.dev/hold-until", &tomorrow)),
        ("authors", 9, json!({"spec": {"ttlSecondsAfterFinished": 864_000}})),
        ("own-ttl-over", 9, json!({"spec": {"ttlSecondsAfterFinished": 3600}})),
    ];
    for (name, days, overlay) in &shapes {
        for (outcome, how) in [("ok", Finish::Complete), ("bad", Finish::Failed)] {
            finished_job(
                &space,
                &format!("{name}-{outcome}"),
                how,
                days_ago(*days),
                overlay.clone(),
            );
        }
    }
    space.create(&job("running", label("environment", "dev"))).ok();
    let policy = format!(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: test}}\nspec:\n  \
         stored: {{action: Report, rate: 10000}}\n  \
         exempt: {{selectors: [{{matchLabels: {{cleanup-policy: keep}}}}]}}\n  rules:\n    \
         - {{name: dev, match: {{namespaces: [{0}], labels: {{environment: dev}}}}, ttl: 5m, stored: Delete}}\n    \
         - {{name: rest, match: {{namespaces: [{0}]}}, ttl: {{onSuccess: 2d, onFailure: 8d}}, stored: Delete}}\n",
        space.name
    );
    let folder = tempfile::tempdir().expect("a scratch directory");
    let file = folder.path().join("policy.yaml");
    std::fs::write(&file, &policy).expect("it is writable");
    let (kubeconfig, file) = (plane.kubeconfig.display().to_string(), file.display().to_string());
    let now = clock::now().to_string();
    let said = offline(
        &[
            "plan",
            "--kubeconfig",
            &kubeconfig,
            "-n",
            &space.name,
            "--policy",
            &file,
            "--now",
            &now,
            "-o",
            "json",
        ],
        "",
    );
    let plan: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{said:?}"));
    let planned: BTreeSet<String> = plan["items"]
        .as_array()
        .expect("a plan has items")
        .iter()
        .filter(|item| item["action"] == "delete")
        .map(|item| item["name"].as_str().expect("it has a name").to_owned())
        .collect();
    let expected =
        ["dev-bad", "dev-ok", "own-ttl-over-bad", "own-ttl-over-ok", "plain-bad", "plain-ok"];
    assert_eq!(planned.iter().collect::<Vec<_>>(), expected, "{plan:#}");

    let before: BTreeSet<String> = names(&space.jobs());
    let sweeping = Sweeping::with_policy(space, &policy, &[]);
    let left = || names(&sweeping.space.jobs());
    let deleted = || before.difference(&left()).cloned().collect::<BTreeSet<_>>();
    eventually("as many are gone", LIMIT, || (deleted().len() >= planned.len()).then_some(()));
    throughout("and no others", Duration::from_secs(3), || deleted() == planned);
}

fn names(jobs: &[Value]) -> BTreeSet<String> {
    jobs.iter().filter_map(|job| Some(job["metadata"]["name"].as_str()?.to_owned())).collect()
}

const LIMIT: Duration = Duration::from_secs(60);
