//! An account under the hardening of a release, with all rights besides.

use std::sync::OnceLock;
use std::time::Duration;

use serde_json::{Value, json};

use crate::helm::{Helm, NAMESPACE, Rendering, values_file};
use crate::support::{
    api::{Api, Patch, Reply},
    control_plane::{self, ControlPlane},
    manifest::job,
    namespace::Namespace,
    scheduling::{job_name, owner},
    wait::eventually,
};

/// An account under the policy of a release.
pub(super) struct Account {
    pub(super) api: Api,
    pub(super) plane: &'static ControlPlane,
}

// === impl Account ===

impl Account {
    /// The account of a release, once its policy is in force.
    pub(super) fn of(plane: &'static ControlPlane, release: &str) -> Option<Self> {
        let user = account_of(release)?;
        let api = Api::new(&plane.kubeconfig_for(&user, Some("system:masters")));
        let account = Self { api, plane };
        account.wait();
        Some(account)
    }

    /// Waits until the API server has heard of the policy.
    pub(super) fn wait(&self) {
        let space = Namespace::open(self.plane, "hardening-probe", &json!({}));
        let path = format!("{}?dryRun=All", space.path("jobs"));
        eventually("the policy is in force", Duration::from_secs(60), || {
            (self.send("POST", &path, &job("probe", json!({}))).status == 403).then_some(())
        });
    }

    pub(super) fn send(&self, method: &str, path: &str, body: &Value) -> Reply {
        self.api.call(method, path, "application/json", body.to_string().into_bytes())
    }

    pub(super) fn patch(&self, space: &Namespace<'_>, object: &str, patch: &Value) -> Reply {
        self.api.patch(Patch::Merge, &as_curfew(&space.path(object)), patch)
    }

    /// As the scheduler creates.
    pub(super) fn create(&self, space: &Namespace<'_>, job: &Value) -> Reply {
        self.send("POST", &as_curfew(&space.path("jobs")), job)
    }

    /// As the sweeper deletes.
    pub(super) fn delete(&self, space: &Namespace<'_>, name: &str) -> Reply {
        let options = deletion(&space.job(name));
        self.send("DELETE", &space.path(&format!("jobs/{name}")), &options)
    }
}

/// A release without exceptions, one with those of Own, and one with a policy that keeps something;
/// the policies of their hardening installed; a namespace.
pub(super) fn scene(prefix: &str) -> Option<(Account, Namespace<'static>)> {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    let (helm, plane) = (Helm::find()?, control_plane::shared()?);
    INSTALLED.get_or_init(|| {
        let keeps = format!("--set-json=policy.files={KEEPS}");
        let releases = [
            ("curfew", vec!["-f".to_owned(), values_file("delete")]),
            ("owner", vec!["-f".to_owned(), values_file("own")]),
            ("keeper", vec![keeps]),
        ];
        for (release, values) in releases {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            let rendering = helm.release(release, &values).unwrap();
            install(plane, &policy_of(&rendering));
        }
    });
    Some((Account::of(plane, "curfew")?, plane.namespace(&format!("hard-{prefix}"))))
}

pub(super) fn policy_of(rendering: &Rendering) -> Vec<Value> {
    let policies = rendering.of("ValidatingAdmissionPolicy");
    policies.chain(rendering.of("ValidatingAdmissionPolicyBinding")).cloned().collect()
}

pub(super) fn install(plane: &ControlPlane, objects: &[Value]) {
    for object in objects {
        let plural = match object["kind"].as_str().unwrap() {
            "ValidatingAdmissionPolicy" => "validatingadmissionpolicies",
            _ => "validatingadmissionpolicybindings",
        };
        plane.api.post(&format!("/apis/admissionregistration.k8s.io/v1/{plural}"), object).ok();
    }
}

/// How the API server calls the account of a release.
pub(super) fn account_of(release: &str) -> Option<String> {
    let rendering = Helm::find()?.release(release, &[]).unwrap();
    let pod = &rendering.deployment()["spec"]["template"]["spec"];
    let name = pod["serviceAccountName"].as_str().unwrap();
    Some(format!("system:serviceaccount:{NAMESPACE}:{name}"))
}

/// What the sweeper says with a deletion.
pub(super) fn deletion(object: &Value) -> Value {
    let metadata = &object["metadata"];
    json!({
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "propagationPolicy": "Background",
        "preconditions": {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]},
    })
}

/// The path of a write, under the name that curfew gives for `managedFields`.
pub(super) fn as_curfew(path: &str) -> String {
    format!("{path}?fieldManager=curfew")
}

/// The Job of a start.
pub(super) fn start_of(cronjob: &Value, slot: &str) -> Value {
    let metadata = &cronjob["metadata"];
    let name = metadata["name"].as_str().unwrap();
    let owner = owner(name, &metadata["uid"]);
    let scheduled = json!({"batch.kubernetes.io/cronjob-scheduled-timestamp": slot});
    let name = job_name(name, slot.parse().unwrap());
    job(&name, json!({"metadata": {"annotations": scheduled, "ownerReferences": [owner]}}))
}

#[track_caller]
pub(super) fn refused(reply: &Reply, why: &str) {
    assert_eq!(reply.status, 403, "{}", reply.body);
    let message = reply.body["message"].as_str().unwrap_or_default();
    assert!(message.contains("ValidatingAdmissionPolicy") && message.contains(why), "{message}");
}

#[track_caller]
pub(super) fn allowed(reply: &Reply) {
    assert!((200..300).contains(&reply.status), "{}: {}", reply.status, reply.body);
}

/// Files of a policy that exempts by each of its lists, and shortens holds in a rule.
const KEEPS: &str = r#"{
    "policy.yaml": {"spec": {
        "exempt": {
            "namespaces": ["hard-kee?-*"],
            "namespaceSelector": {"matchLabels": {"example.test/keep": "yes"}},
            "selectors": [
                {"matchLabels": {"cleanup-policy": "keep"}},
                {"matchLabels": {"retention": ["long", "for-ever"]}},
                {"matchExpressions": [
                    {"key": "tier", "operator": "Exists"},
                    {"key": "tier", "operator": "NotIn", "values": ["gold", "silver"]},
                    {"key": "team", "operator": "DoesNotExist"}
                ]}
            ]
        }
    }},
    "20-holds.yaml": {
        "apiVersion": "curfew.dev/v1alpha1",
        "kind": "JobPolicy",
        "metadata": {"name": "default"},
        "spec": {"rules": [
            {"name": "short", "match": {"namespaces": ["short"]}, "limits": {"hold": "2d"}}
        ]}
    }
}"#;
