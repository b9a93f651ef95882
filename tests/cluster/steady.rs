//! What was decided once stays: objects that came in every way are touched again and again, and the
//! API server finds nothing that we would change.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{
    api::Patch,
    audit, control_plane,
    curfew::Curfew,
    manifest::merged,
    registration::{self, Registration},
    scene::{history, record, template_record, ttl},
    wait::eventually,
};

#[rstest]
fn touching_changes_nothing(
    #[values("create", "apply", "apply --server-side")] way: &str,
    #[values(true, false)] conditions: bool,
) {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("steady");
    let curfew = Curfew::start(&plane.authority, super::offline::POLICY);
    let webhooks = if conditions {
        registration::curfew(&curfew.endpoint())
    } else {
        registration::curfew_unconditional(&curfew.endpoint())
    };
    let registration = Registration::new("curfew", &[&space], &webhooks);
    let arguments: Vec<&str> = way.split(' ').chain(["-f", "-"]).collect();
    space.kubectl.ok_with(&arguments, super::offline::OBJECTS);
    let mut mutated = 0;
    for resource in ["jobs", "cronjobs"] {
        let list = plane.api.get(&space.path(resource)).ok();
        for item in list["items"].as_array().expect("a list") {
            let name = item["metadata"]["name"].as_str().expect("named");
            let path = space.path(&format!("{resource}/{name}"));
            let before = ours(&plane.api.get(&path).ok());
            mutated += usize::from(before != ours(&json!({})));
            for value in ["once", "twice"] {
                let patch = json!({"metadata": {"annotations": {"example.test/touch": value}}});
                let reply = plane.api.patch(Patch::Merge, &path, &patch);
                let annotations = plane.audit.annotations(&reply);
                let calls = audit::calls(&annotations, &registration.name);
                assert_eq!(calls, [false], "{name}, touched {value}: {annotations}");
                assert!(reply.warnings.is_empty(), "{name}: {:?}", reply.warnings);
                assert_eq!(ours(&reply.ok()), before, "{name}, touched {value}");
            }
        }
    }
    assert!(mutated > 5, "only {mutated} objects had anything of ours");
}

/// A policy is replaced by another and comes back: so does everything that it had decided.
#[rstest]
fn there_and_back(#[values("create", "apply", "apply --server-side")] way: &str) {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("back");
    let curfew = Curfew::start(&plane.authority, super::offline::POLICY);
    let webhooks = registration::curfew(&curfew.endpoint());
    let _registration = Registration::new("curfew", &[&space], &webhooks);
    let arguments: Vec<&str> = way.split(' ').chain(["-f", "-"]).collect();
    space.kubectl.ok_with(&arguments, super::offline::OBJECTS);
    let all = || {
        ["jobs", "cronjobs"].map(|resource| {
            let list = plane.api.get(&space.path(resource)).ok();
            let items = list["items"].as_array().expect("a list").clone();
            let kind = if resource == "jobs" { "Job" } else { "CronJob" };
            // The members of a list do not say what they are.
            let items = items.into_iter().map(|item| merged(item, json!({"kind": kind})));
            items.map(|item| (item["metadata"]["name"].clone(), ours(&item))).collect::<Vec<_>>()
        })
    };
    let first = all();
    for (round, policy, is_first) in
        [("there", OTHER, false), ("back", super::offline::POLICY, true)]
    {
        let revision = curfew.admin("/metrics");
        curfew.set_policy(&[("policy.yaml", policy)]);
        eventually("another policy is in force", Duration::from_secs(20), || {
            let info = |metrics: &Option<(u16, String)>| {
                let (_, text) = metrics.as_ref()?;
                text.lines().find(|line| line.starts_with("curfew_policy_info")).map(str::to_owned)
            };
            (info(&curfew.admin("/metrics"))? != info(&revision)?).then_some(())
        });
        let touch = format!("example.test/touch={round}");
        space.kubectl.ok(&["annotate", "jobs,cronjobs", "--all", "--overwrite", &touch]);
        let now = all();
        let pairs = now.iter().flatten().zip(first.iter().flatten());
        let differ: Vec<_> = pairs.filter(|(now, first)| now != first).collect();
        assert_eq!(differ.is_empty(), is_first, "{round}, now and at first: {differ:#?}");
    }
}

/// Everything that we may write.
fn ours(object: &Value) -> [Value; 6] {
    let limits = if object["kind"] == "CronJob" { json!(history(object)) } else { Value::Null };
    [
        ttl(object).clone(),
        record(object),
        template_record(object),
        limits,
        object["spec"]["activeDeadlineSeconds"].clone(),
        object["spec"]["timeZone"].clone(),
    ]
}

/// Touches everything that the other one touches, otherwise.
const OTHER: &str = r"
apiVersion: curfew.dev/v1alpha1
kind: JobPolicy
metadata: {name: cluster}
spec:
  limits:
    ttl: {min: 2h}
    history: {max: 2}
  rules:
    - name: strict
      match: {names: ['*']}
      ttl: 3h
      history: {successful: 1, failed: 0}
      enforce: true
";
