//! `curfew plan` of a cluster.

use std::fs;

use futures::future::join_all;
use serde_json::{Value, json};

use super::{User, child_of, finished};
use crate::support::{
    control_plane::{self, free_port},
    manifest::{cron_job, job},
    wait::runtime,
};

#[test]
fn a_cluster_and_its_dump_give_the_same_plan() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("plan");
    finished(&space, "old", 9, &json!({}));
    finished(&space, "kept", 9, &json!({"metadata": {"labels": {"keep": "yes"}}}));
    finished(&space, "young", 1, &json!({}));
    finished(&space, "own-ttl", 9, &json!({"spec": {"ttlSecondsAfterFinished": 3600}}));
    finished(&space, "hook", 9, &json!({"metadata": {"annotations": {"helm.sh/hook": "test"}}}));
    space.create(&job("running", json!({}))).ok();
    let nightly = space.create(&cron_job("nightly", json!({}))).ok();
    finished(&space, "nightly-1", 9, &child_of(&nightly));
    let user = User::admin(plane);
    let now = curfew::clock::now().to_string();
    let common = ["plan", "--policy", "policy.yaml", "--now", &now, "--all", "-o", "json"];

    let live = user.run(&[&common[..], &["-n", &space.name]].concat()).code(1);
    let read = |kinds: &str| {
        space.kubectl.json(&["get", kinds, "--show-managed-fields"], "")["items"].clone()
    };
    let mut items: Vec<Value> = Vec::new();
    for kinds in ["jobs,cronjobs", "namespace"] {
        items.extend(read(kinds).as_array().expect("a list has items").iter().cloned());
    }
    let dump = json!({"apiVersion": "v1", "kind": "List", "items": items});
    user.folder.write("dump.json", dump.to_string());
    let dumped = user.run(&[&common[..], &["-f", "dump.json"]].concat()).code(1);
    assert_eq!(live.stdout, dumped.stdout);

    let named = |plan: &Value, action: &str| -> Vec<String> {
        let items = plan["items"].as_array().expect("a plan has items").iter();
        let items = items.filter(|item| item["action"] == action);
        items.map(|item| item["name"].as_str().expect("it has a name").to_owned()).collect()
    };
    let plan = live.json();
    let mut deleted = named(&plan, "delete");
    deleted.sort();
    assert_eq!(deleted, ["nightly-1", "old", "own-ttl"]);
    let mut changed = named(&plan, "patch");
    changed.sort();
    assert_eq!(changed, ["nightly", "running"]);
    let system = plane.api.get("/api/v1/namespaces/kube-system").ok();
    assert_eq!(plan["cluster"], system["metadata"]["uid"]);
}

/// Nothing of what was read is printed where a part is missing.
#[test]
fn what_may_not_be_read_in_full_is_no_plan() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("forbidden");
    finished(&space, "old", 9, &json!({}));
    let kubeconfig = plane.kubeconfig_for("half-a-reader", None);
    let rbac = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{}", space.name);
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "half"},
        "rules": [{"apiGroups": ["batch"], "resources": ["cronjobs"], "verbs": ["list"]}],
    });
    let bind = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "half"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "half"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "half-a-reader"}],
    });
    plane.api.post(&format!("{rbac}/roles"), &role).ok();
    plane.api.post(&format!("{rbac}/rolebindings"), &bind).ok();
    let user = User::with(&kubeconfig);
    for scope in [&["-n", space.name.as_str()][..], &["-A"], &["-n", &space.name, "-l", "a=b"]] {
        let arguments = [&["plan", "--policy", "policy.yaml"], scope].concat();
        let ended = user.run(&arguments).code(3);
        assert_eq!(ended.stdout, "");
        assert!(ended.stderr.contains("half-a-reader\" cannot list resource"), "{ended:?}");
    }
    // Whose policy is in force nobody may tell them, and another one would be a wrong answer.
    let ended = user.run(&["plan", "-n", &space.name]).code(3);
    assert!(ended.stderr.contains("give one with --policy"), "{ended:?}");
    assert_eq!(ended.stdout, "");

    // With all rights but those on namespaces it works, without their labels.
    let role = json!({"rules": [{"apiGroups": ["batch"], "resources": ["*"], "verbs": ["list"]}]});
    plane.api.patch(crate::support::api::Patch::Merge, &format!("{rbac}/roles/half"), &role).ok();
    let arguments = ["plan", "--policy", "policy.yaml", "-n", &space.name, "-o", "name"];
    let ended = user.run(&arguments).code(1);
    assert_eq!(ended.stdout, format!("job/{}/old\n", space.name));
    assert_eq!(ended.stderr.matches("namespaces may not be read").count(), 1, "{ended:?}");
    let labelled =
        super::POLICY.replace("labels: {keep: 'yes'}", "namespaceSelector: {matchLabels: {a: b}}");
    user.folder.write("policy.yaml", labelled);
    let ended = user.run(&[&arguments[..5], &["-o", "json"]].concat()).code(0);
    assert_eq!(ended.json()["items"][0]["why"], "the labels of its namespace are not known");
}

#[test]
fn an_unreachable_cluster_is_no_empty_plan() {
    let Some(plane) = control_plane::shared() else { return };
    let user = User::admin(plane);
    let config = fs::read_to_string(&plane.kubeconfig).expect("the kubeconfig is ours");
    let mut config: Value = serde_json::from_str(&config).expect("it is JSON");
    config["clusters"][0]["cluster"]["server"] =
        json!(format!("https://127.0.0.1:{}", free_port()));
    let nowhere = User::with(&user.folder.write("nowhere", config.to_string()));
    for arguments in [
        &["plan", "--policy", "policy.yaml"][..],
        &["plan"],
        &["status"],
        &["explain", "job/a/b", "--policy", "policy.yaml"],
        &["hold", "job/a/b", "1d", "--policy", "policy.yaml"],
        &["approve", "r1-1795218000-1300"],
    ] {
        let ended = nowhere.run(arguments).code(3);
        assert_eq!(ended.stdout, "");
        assert!(ended.stderr.contains("Connection refused"), "{ended:?}");
    }
    let missing = User::with(&user.folder.join("missing"));
    let ended = missing.run(&["plan"]).code(3);
    assert!(ended.stderr.contains("kubeconfig"), "{ended:?}");
}

#[test]
fn a_list_has_more_than_one_page() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("pages");
    let body = |number: usize| job(&format!("one-{number:03}"), json!({})).to_string().into_bytes();
    let path = space.path("jobs");
    let path = path.as_str();
    for numbers in (0..COUNT).collect::<Vec<_>>().chunks(40) {
        let posts = numbers
            .iter()
            .map(|number| plane.api.send("POST", path, "application/json", body(*number)));
        for reply in runtime().block_on(join_all(posts)) {
            reply.expect("the API server answers").ok();
        }
    }
    let user = User::admin(plane);
    let plan = ["plan", "--policy", "policy.yaml", "-n", &space.name, "-o", "name"];
    let ended = user.run(&plan).code(1);
    assert_eq!(ended.stdout.lines().count(), COUNT);
    // Only what is asked for is planned for, and only that is read.
    space.kubectl.ok(&["label", "job", "one-007", "one-500", "chosen=yes"]);
    let ended = user.run(&[&plan[..], &["-l", "chosen=yes"]].concat()).code(1);
    let expected: String =
        ["one-007", "one-500"].map(|name| format!("job/{}/{name}\n", space.name)).concat();
    assert_eq!(ended.stdout, expected);
    let ended = user.run(&[&plan[..], &["-l", "chosen=="]].concat()).code(0);
    assert_eq!(ended.stdout.lines().count(), 0, "{ended:?}");
    user.run(&[&plan[..], &["-l", "=x"]].concat()).code(2);
    let ended = user.run(&["plan", "--policy", "policy.yaml", "-n", "missing"]).code(2);
    assert!(ended.stderr.contains("there is no namespace missing"), "{ended:?}");
}

/// A Job is judged by its `CronJob`, and the `CronJob` is not planned for if nobody asks.
#[test]
fn a_selector_keeps_families_together() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("families");
    let kept =
        space.create(&cron_job("kept", json!({"metadata": {"labels": {"keep": "yes"}}}))).ok();
    let other = space.create(&cron_job("other", json!({}))).ok();
    for (name, cronjob) in [("kept-1", &kept), ("other-1", &other)] {
        let mut overlay = child_of(cronjob);
        overlay["metadata"]["labels"] = json!({"chosen": "yes"});
        finished(&space, name, 9, &overlay);
    }
    let user = User::admin(plane);
    let plan = ["plan", "--policy", "policy.yaml", "-n", &space.name, "-o", "name"];
    let ended = user.run(&[&plan[..], &["-l", "chosen=yes"]].concat()).code(1);
    assert_eq!(ended.stdout, format!("job/{}/other-1\n", space.name));
    let ended = user.run(&plan).code(1);
    assert!(ended.stdout.contains("cronjob/"), "{ended:?}");
}

const COUNT: usize = 501;
