//! `curfew sweep`: exactly its plan, and nothing that has changed since.

use std::time::Duration;

use serde_json::{Value, json};

use super::{User, child_of, finished, from_now};
use crate::support::{
    control_plane,
    manifest::{cron_job, job},
    namespace::Namespace,
    process::Child,
    scene::{history, record, template_record, ttl},
    wait::eventually,
};

/// Writes the plan of a clean-up by age.
fn planned(user: &User, space: &Namespace<'_>, file: &str) -> Value {
    let ended = user.run(&["plan", "--older-than", "7d", "-n", &space.name, "-o", "yaml"]).code(1);
    user.folder.write(file, &ended.stdout);
    serde_yaml::from_str(&ended.stdout).expect("a plan is YAML")
}

fn names(space: &Namespace<'_>) -> Vec<String> {
    let name = |job: &Value| job["metadata"]["name"].as_str().expect("it has one").to_owned();
    space.jobs().iter().map(name).collect()
}

#[test]
fn a_plan_is_carried_out_exactly() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("sweep");
    for name in ["gone", "held", "longer", "old-1", "old-2", "remade"] {
        finished(&space, name, 9, &json!({}));
    }
    finished(&space, "young", 1, &json!({}));
    space.create(&job("running", json!({}))).ok();
    let user = User::admin(plane);
    assert_eq!(planned(&user, &space, "plan.yaml")["totals"]["all"]["delete"], 6);

    // Meanwhile.
    space.kubectl.ok(&[
        "annotate",
        "job",
        "held",
        &format!("curfew.dev/hold-until={}", from_now(3600)),
    ]);
    space.patch_job("longer", &json!({"spec": {"ttlSecondsAfterFinished": 1_000_000}})).ok();
    for name in ["gone", "remade"] {
        plane.api.delete(&space.path(&format!("jobs/{name}"))).ok();
    }
    finished(&space, "remade", 9, &json!({}));
    finished(&space, "late", 9, &json!({}));

    let ended = user.run(&["sweep", "plan.yaml", "--yes"]).code(1);
    let shown = ended.stdout.replace(&space.name, "NS");
    let (sums, left) = shown.split_once("\n\n").expect("two tables");
    insta::assert_snapshot!(sums, @r"
    OUTCOME        OBJECTS
    deleted        2
    changed        0
    gone already   1
    refused        3
    failed         0
    ");
    let mut left: Vec<&str> = left.lines().skip(1).collect();
    left.sort_unstable();
    assert_eq!(
        left,
        ["held", "longer", "remade"].map(|name| format!(
            "{:16}refused   changed since the plan was made",
            format!("job/NS/{name}")
        ))
    );
    assert_eq!(names(&space), ["held", "late", "longer", "remade", "running", "young"]);
    let events = format!("/apis/events.k8s.io/v1/namespaces/{}/events", space.name);
    let event = eventually("the Event is there", Duration::from_secs(10), || {
        let events = plane.api.get(&events).ok();
        let mut all = events["items"].as_array()?.iter();
        all.find(|event| event["regarding"]["name"] == "old-1").cloned()
    });
    assert_eq!((&event["reason"], &event["action"]), (&json!("Deleted"), &json!("Delete")));
    let note = event["note"].as_str().expect("it has a note");
    let by = "TTL 604800 s by defaults, due at ";
    assert!(note.starts_with("Deleted Job old-1: Complete at 2") && note.contains(by), "{note}");

    // Once more: there is nothing left of it.
    let ended = user.run(&["sweep", "plan.yaml", "--yes", "-o", "json"]).code(1);
    assert_eq!((&ended.json()["deleted"], &ended.json()["gone"]), (&json!(0), &json!(3)));
    assert_eq!(names(&space).len(), 6);
}

#[test]
fn what_is_no_plan_of_this_cluster_does_nothing() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("unswept");
    finished(&space, "old", 9, &json!({}));
    finished(&space, "young", 1, &json!({}));
    let user = User::admin(plane);
    planned(&user, &space, "plan.yaml");
    let text = std::fs::read_to_string(user.folder.join("plan.yaml")).expect("it is there");
    let young = space.job("young");
    let edited = text.replace("name: old", "name: young").replace(
        space.job("old")["metadata"]["uid"].as_str().expect("it has a uid"),
        young["metadata"]["uid"].as_str().expect("it has a uid"),
    );
    assert_ne!(edited, text);
    user.folder.write("edited.yaml", edited);
    // The same objects, in a dump of another cluster.
    let mut dump = space.kubectl.json(&["get", "jobs", "--show-managed-fields"], "");
    let other = json!({"apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": "kube-system", "uid": "00000000-0000-4000-8000-000000000000"}});
    dump["items"].as_array_mut().expect("a list has items").push(other);
    user.folder.write("dump.json", dump.to_string());
    let ended = user.run(&["plan", "--older-than", "7d", "-f", "dump.json", "-o", "json"]).code(1);
    user.folder.write("other.json", &ended.stdout);
    // What kubectl shows without being asked for more tells nothing of some tools.
    user.folder.write("blind.json", space.kubectl.json(&["get", "jobs"], "").to_string());
    let ended = user.run(&["plan", "--older-than", "7d", "-f", "blind.json", "-o", "json"]).code(1);
    user.folder.write("blind-plan.json", &ended.stdout);
    user.folder.write("no.yaml", "a: b\n");
    for (arguments, said) in [
        (&["edited.yaml", "--yes"][..], "edited"),
        (&["other.json", "--yes"], "another cluster"),
        (&["blind-plan.json", "--yes"], "a dump in which objects have no managedFields"),
        (&["no.yaml", "--yes"], "it is no plan"),
        (&["missing.yaml", "--yes"], "no such file"),
        (&["plan.yaml"], "say --yes"),
        (&["plan.yaml", "--yes", "--rate", "0"], "--rate"),
    ] {
        let ended = user.run(&[&["sweep"], arguments].concat()).code(2);
        assert!(ended.stderr.contains(said), "{ended:?}");
        assert_eq!(ended.stdout, "");
    }
    assert_eq!(names(&space), ["old", "young"]);
    // The question says what it is about.
    let ended = user.run(&["sweep", "plan.yaml"]).code(2);
    assert!(ended.stderr.contains("delete 1 Job in https://127.0.0.1:"), "{ended:?}");
}

#[test]
fn who_may_not_delete_is_told_once() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("mayNot".to_lowercase().as_str());
    for number in 0..5 {
        finished(&space, &format!("old-{number}"), 9, &json!({}));
    }
    let admin = User::admin(plane);
    planned(&admin, &space, "plan.yaml");
    let nobody = User::with(&plane.kubeconfig_for("nobody-sweeps", None));
    let plan = admin.folder.join("plan.yaml");
    let plan = plan.to_str().expect("it is UTF-8");
    let ended = nobody.run(&["sweep", plan, "--yes"]).code(1);
    assert_eq!(ended.stderr.matches("nobody-sweeps").count(), 1, "{ended:?}");
    assert!(ended.stderr.contains("note: forbidden 5 times"), "{ended:?}");
    assert!(ended.stdout.contains("refused        5"), "{ended:?}");
    assert_eq!(names(&space).len(), 5);
}

/// Values, records, and two limits of one `CronJob` in one write.
#[test]
fn changes_are_carried_out_as_planned() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("changes");
    let limits = json!({"spec": {"successfulJobsHistoryLimit": 5, "failedJobsHistoryLimit": 4}});
    let nightly = space.create(&cron_job("nightly", limits)).ok();
    for number in 0..3 {
        finished(&space, &format!("nightly-{number}"), 1, &child_of(&nightly));
    }
    space.create(&job("running", json!({}))).ok();
    let user = User::admin(plane);
    user.folder.write(
        "policy.yaml",
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {name: test}\nspec:\n  \
         stored: {action: Patch}\n  rules:\n    - name: all\n      match: {kinds: [Job, CronJob]}\n      \
         ttl: 30d\n      history: {successful: 1, failed: 7}\n      enforce: true\n",
    );
    let plan = ["plan", "--policy", "policy.yaml", "-n", &space.name];
    let ended = user.run(&[&plan[..], &["-o", "json"]].concat()).code(1);
    user.folder.write("plan.json", &ended.stdout);
    let ended = user.run(&["sweep", "plan.json", "--yes", "-o", "json"]).code(0);
    assert_eq!(ended.json()["refused"], 0, "{ended:?}");
    assert_eq!(ended.json()["changed"], 5, "{ended:?}");
    assert_eq!(ttl(&space.job("running")), 2_592_000);
    assert_eq!(record(&space.job("running")), json!({"ttl": [2_592_000, null, "all"]}));
    let stored = space.cron_job("nightly");
    assert_eq!(history(&stored), (1, 7));
    assert_eq!(template_record(&stored), json!({"ttl": [2_592_000, null, "all"]}));
    let both = json!({"history.successful": [1, 5, "all"], "history.failed": [7, 4, "all"]});
    assert_eq!(record(&stored), both);
    // Nothing is left to do.
    let ended = user.run(&plan).code(0);
    assert_eq!(ended.stdout, "");
}

#[test]
fn an_interrupt_stops_cleanly() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("interrupt");
    for number in 0..COUNT {
        finished(&space, &format!("old-{number:02}"), 9, &json!({}));
    }
    let user = User::admin(plane);
    planned(&user, &space, "plan.yaml");
    let log = user.folder.join("log");
    let command = user.command(&["sweep", "plan.yaml", "--yes", "--rate", "5", "-o", "json"]);
    let mut sweeping = Child::start(&command, &log).expect("curfew starts");
    eventually("it has begun", Duration::from_secs(20), || {
        (names(&space).len() < COUNT).then_some(())
    });
    sweeping.signal("INT");
    let status = sweeping.wait(Duration::from_secs(20)).expect("it ends by itself");
    assert_eq!(status.code(), Some(1), "{}", sweeping.log());
    let left = names(&space).len();
    assert!((1..COUNT).contains(&left), "{left}");
    let log = sweeping.log();
    assert!(log.contains("note: stopped; the same plan goes on where it was left"), "{log}");
    assert!(log.contains(&format!("\"untouched\": {left}")), "{log}");
    assert!(log.contains(&format!("\"deleted\": {}", COUNT - left)), "{log}");
    user.run(&["sweep", "plan.yaml", "--yes"]).code(0);
    assert_eq!(names(&space).len(), 0);
}

/// As the sweeper does it.
#[test]
fn a_cronjob_is_told_of_its_job() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("told");
    let nightly = space.create(&cron_job("nightly", json!({}))).ok();
    finished(&space, "nightly-1", 9, &child_of(&nightly));
    let user = User::admin(plane);
    let plan = ["plan", "--older-than", "7d", "-n", &space.name, "-o", "json"];
    user.run(&plan).code(0);
    let ended = user.run(&[&plan[..], &["--include-cronjobs"]].concat()).code(1);
    user.folder.write("plan.json", &ended.stdout);
    user.run(&["sweep", "plan.json", "--yes"]).code(0);
    let events = format!("/apis/events.k8s.io/v1/namespaces/{}/events", space.name);
    let about = |kind: &str| {
        let events = plane.api.get(&events).ok();
        let mut all = events["items"].as_array()?.iter();
        let found = all.find(|event| event["regarding"]["kind"] == kind)?;
        Some(found["note"].as_str()?.to_owned())
    };
    for kind in ["Job", "CronJob"] {
        let note = eventually("the Event is there", Duration::from_secs(10), || about(kind));
        assert!(note.starts_with("Deleted Job nightly-1: Complete at"), "{note}");
    }
}

const COUNT: usize = 30;
