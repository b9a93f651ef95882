//! What is rendered, taken by a real API server.

use std::sync::OnceLock;
use std::time::Duration;

use serde_json::{Value, json};

use crate::helm::{Helm, NAMESPACE, Rendering, values_file, values_files};
use crate::support::{
    control_plane::{self, ControlPlane},
    namespace::Namespace,
    wait::eventually,
};

#[test]
fn every_rendering_is_accepted() {
    let (Some(helm), Some(plane)) = (Helm::find(), control_plane::shared()) else { return };
    let space = prepared(plane);
    for file in values_files() {
        let rendering = helm.template(&["-f", file.to_str().unwrap()]).unwrap();
        rendering.of("Pod").for_each(|pod| account(&space, pod));
        let arguments = ["apply", "--dry-run=server", "--validate=strict", "-f", "-"];
        // Each object says where it belongs: no namespace is given.
        let stored = plane.kubectl("").json(&arguments, &rendering.text);
        let stored = stored["items"].as_array().unwrap();
        assert_eq!(stored.len(), rendering.objects.len(), "{}", file.display());
        nothing_is_filled_in(&rendering, stored);
    }
}

/// A tool that compares what is rendered with what is stored must find no difference in what is
/// ours and in the way of others.
fn nothing_is_filled_in(rendering: &Rendering, stored: &[Value]) {
    let members = [
        ("MutatingWebhookConfiguration", "webhooks"),
        ("ValidatingWebhookConfiguration", "webhooks"),
        ("ValidatingAdmissionPolicy", "spec"),
        ("ValidatingAdmissionPolicyBinding", "spec"),
        ("PodDisruptionBudget", "spec"),
        ("ClusterRole", "rules"),
    ];
    for (kind, member) in members {
        for object in rendering.of(kind) {
            let name = &object["metadata"]["name"];
            let same = |other: &&Value| other["kind"] == kind && other["metadata"]["name"] == *name;
            let found = stored.iter().find(same).unwrap();
            assert_eq!(object[member], found[member], "{kind} {name}");
        }
    }
}

/// The Pods run where the strictest level of Pod security is enforced.
#[test]
fn every_pod_is_restricted() {
    let (Some(helm), Some(plane)) = (Helm::find(), control_plane::shared()) else { return };
    let space = prepared(plane);
    let path = format!("/api/v1/namespaces/{}/pods?dryRun=All", space.name);
    // The level is in force, or the rest says nothing.
    let loose = json!({"metadata": {"name": "loose"}, "spec": {"containers": [{"name": "a", "image": "a"}]}});
    assert_eq!(plane.api.post(&path, &loose).status, 403);
    for file in values_files() {
        let rendering = helm.template(&["-f", file.to_str().unwrap()]).unwrap();
        let template = &rendering.deployment()["spec"]["template"];
        let mut pods: Vec<Value> = rendering.of("Pod").cloned().collect();
        pods.push(json!({"metadata": template["metadata"], "spec": template["spec"]}));
        for mut pod in pods {
            account(&space, &pod);
            pod["metadata"]["name"] = json!("pod");
            let reply = plane.api.post(&path, &pod);
            assert_eq!(reply.status, 201, "{}: {}", file.display(), reply.body);
            assert_eq!(reply.warnings, Vec::<String>::new(), "{}", file.display());
            let container = &pod["spec"]["containers"][0];
            assert!(container["resources"]["limits"]["cpu"].is_null());
            assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
        }
    }
}

/// Some platforms write a user of their own into a Pod that names none, and refuse one that does.
#[test]
fn the_platform_may_choose_the_user() {
    let (Some(helm), Some(plane)) = (Helm::find(), control_plane::shared()) else { return };
    let space = prepared(plane);
    let path = format!("/api/v1/namespaces/{}/pods?dryRun=All", space.name);
    let rendering = helm.template(&["-f", &values_file("openshift")]).unwrap();
    let mut pods = 0;
    for object in rendering.of("Deployment").chain(rendering.of("Pod")) {
        let spec = object["spec"].pointer("/template/spec").unwrap_or(&object["spec"]);
        let mut pod = json!({"metadata": {"name": "pod"}, "spec": spec});
        account(&space, &pod);
        let all = [&spec["securityContext"], &spec["containers"][0]["securityContext"]];
        for member in ["runAsUser", "runAsGroup", "fsGroup"] {
            assert!(all.iter().all(|context| context.get(member).is_none()), "{member}");
        }
        let chosen = [
            json!({}),
            json!({"runAsUser": 1_000_680_000, "fsGroup": 1_000_680_000, "seLinuxOptions": {"level": "s0:c26,c20"}}),
        ];
        for context in chosen {
            let members = context.as_object().unwrap().clone();
            pod["spec"]["securityContext"].as_object_mut().unwrap().extend(members);
            let reply = plane.api.post(&path, &pod);
            assert_eq!((reply.status, reply.warnings.len()), (201, 0), "{}", reply.body);
        }
        pods += 1;
    }
    assert_eq!(pods, 2);
    // Where nothing is said, it is the user of the image.
    let rendering = helm.template(&[]).unwrap();
    for object in rendering.of("Deployment").chain(rendering.of("Pod")) {
        let spec = object["spec"].pointer("/template/spec").unwrap_or(&object["spec"]);
        for member in ["runAsUser", "runAsGroup", "fsGroup"] {
            assert_eq!(spec["securityContext"][member], 65532, "{member}");
        }
    }
}

/// Makes the account that a Pod asks for.
fn account(space: &Namespace<'_>, pod: &Value) {
    let body = json!({"metadata": {"name": pod["spec"]["serviceAccountName"]}});
    let accounts = format!("/api/v1/namespaces/{}/serviceaccounts", space.name);
    let reply = space.plane.api.post(&accounts, &body);
    assert!([201, 409].contains(&reply.status), "{}", reply.body);
}

/// The namespace of the release, at the level *restricted*, in a cluster that knows the kinds of
/// others that the chart can ask for.
fn prepared(plane: &'static ControlPlane) -> Namespace<'static> {
    static DONE: OnceLock<()> = OnceLock::new();
    let labels = json!({"pod-security.kubernetes.io/enforce": "restricted"});
    let space = Namespace::open(plane, NAMESPACE, &labels);
    DONE.get_or_init(|| {
        for (group, plural, kind) in FOREIGN {
            define(plane, group, plural, kind);
        }
    });
    space
}

/// A kind of somebody else's that takes anything.
fn define(plane: &ControlPlane, group: &str, plural: &str, kind: &str) {
    let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let definition = json!({
        "metadata": {"name": format!("{plural}.{group}")},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": plural, "singular": kind.to_lowercase(), "kind": kind},
            "versions": [{
                "name": "v1",
                "served": true,
                "storage": true,
                "schema": {"openAPIV3Schema": schema},
            }],
        },
    });
    plane.api.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &definition).ok();
    eventually(&format!("{kind} is known"), Duration::from_secs(30), || {
        (plane.api.get(&format!("/apis/{group}/v1/{plural}")).status == 200).then_some(())
    });
}

/// As they are called in their projects.
const FOREIGN: [(&str, &str, &str); 4] = [
    ("cert-manager.io", "certificates", "Certificate"),
    ("cert-manager.io", "issuers", "Issuer"),
    ("monitoring.coreos.com", "prometheusrules", "PrometheusRule"),
    ("monitoring.coreos.com", "servicemonitors", "ServiceMonitor"),
];
