//! What we may do.

use curfew::cluster::access::{Right, missing};
use serde_json::json;

use super::{cluster, cluster_of};
use crate::support::{control_plane, wait::runtime};

#[test]
fn a_missing_right_is_named() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("access");
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    let in_space = format!("{rbac}/namespaces/{}", space.name);
    let role = json!({
        "metadata": {"name": "some"},
        "rules": [
            {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["list", "patch"]},
            {"apiGroups": ["batch"], "resources": ["cronjobs/status"], "verbs": ["update"]},
        ],
    });
    plane.api.post(&format!("{in_space}/roles"), &role).ok();
    let binding = json!({
        "metadata": {"name": "some"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "some"},
        "subjects": [{"kind": "User", "name": "half-way", "apiGroup": "rbac.authorization.k8s.io"}],
    });
    plane.api.post(&format!("{in_space}/rolebindings"), &binding).ok();
    let jobs = |verb| Right::everywhere(verb, "batch", "jobs");
    let needed = [
        jobs("list"),
        jobs("list").within(&space.name),
        jobs("patch").within(&space.name),
        jobs("delete").within(&space.name),
        Right::everywhere("update", "batch", "cronjobs").of("status").within(&space.name),
        Right::everywhere("update", "batch", "cronjobs").within(&space.name),
    ];
    let half = cluster_of(&plane.kubeconfig_for("half-way", None)).client;
    let lacking = runtime().block_on(missing(&half, &needed)).expect("the API server answers");
    assert_eq!(lacking, [needed[0].clone(), needed[3].clone(), needed[5].clone()]);
    let admin = cluster(plane).client;
    let lacking = runtime().block_on(missing(&admin, &needed)).expect("the API server answers");
    assert_eq!(lacking, []);
}

#[test]
fn nothing_is_known_where_nobody_answers() {
    let Some(plane) = control_plane::shared() else { return };
    let kubeconfig = std::fs::read_to_string(&plane.kubeconfig).expect("it is ours");
    let mut kubeconfig: serde_json::Value = serde_json::from_str(&kubeconfig).expect("JSON");
    let port = control_plane::free_port();
    kubeconfig["clusters"][0]["cluster"]["server"] = json!(format!("https://127.0.0.1:{port}"));
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let path = scratch.path().join("nowhere.kubeconfig");
    std::fs::write(&path, kubeconfig.to_string()).expect("it is writable");
    let nowhere = cluster_of(&path).client;
    let asked = runtime().block_on(missing(&nowhere, &[Right::everywhere("get", "", "pods")]));
    assert!(asked.is_err_and(|error| error.to_string().contains("cannot ask what we may do")));
}
