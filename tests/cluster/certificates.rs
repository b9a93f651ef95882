//! The pair that replicas keep in a Secret: made once, trusted through the webhook object, and
//! mended where a hand or a tool has broken something.

mod rotation;

use std::process::Command;
use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use curfew::pki::inspect;
use serde_json::{Value, json};

use crate::support::{
    api::Patch,
    control_plane::{self, ControlPlane},
    curfew::Curfew,
    manifest::job,
    namespace::Namespace,
    registration::SERVICES,
    sweeping::lease_name,
    wait::{eventually, throughout},
};

/// An installation: what it is called everywhere.
struct Installation {
    plane: &'static ControlPlane,
    space: Namespace<'static>,
    name: String,
}

// === impl Installation ===

impl Installation {
    fn new(plane: &'static ControlPlane) -> Self {
        let name = lease_name();
        let services = Namespace::open(plane, SERVICES, &json!({}));
        // There is no network of a cluster here; the API server follows an external name by itself.
        let service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"type": "ExternalName", "externalName": "localhost"},
        });
        plane.api.post(&format!("/api/v1/namespaces/{}/services", services.name), &service).ok();
        Self { plane, space: plane.namespace("certificates"), name }
    }

    fn replica(&self) -> Curfew {
        let kubeconfig = self.plane.kubeconfig.display().to_string();
        let arguments = [
            ["--kubeconfig", &kubeconfig],
            ["--namespace", SERVICES],
            ["--lease-name", &self.name],
            ["--webhook-name", &self.name],
            ["--guard-name", &self.name],
            ["--tls-secret", &self.name],
            ["--service", &self.name],
        ];
        let files = [("policy.yaml", POLICY)];
        Curfew::start_with(&self.plane.authority, &files, arguments.as_flattened())
    }

    /// Registers replicas without a bundle, as an installation does: each is called for each Job.
    fn register(&self, failure_policy: &str, ports: &[u16]) {
        let webhook = |(position, port): (usize, &u16)| {
            let name = ["jobs.curfew.dev", "again.curfew.dev"][position];
            json!({
                "name": name,
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": failure_policy,
                "clientConfig": self.client_config(*port),
                "namespaceSelector": {"matchLabels": {
                    "kubernetes.io/metadata.name": self.space.name,
                }},
                "rules": [{
                    "apiGroups": ["batch"], "apiVersions": ["v1"],
                    "operations": ["CREATE"], "resources": ["jobs"],
                }],
            })
        };
        let webhooks: Vec<Value> = ports.iter().enumerate().map(webhook).collect();
        let body = json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": self.name},
            "webhooks": webhooks,
        });
        self.plane.api.post(WEBHOOKS, &body).ok();
    }

    fn client_config(&self, port: u16) -> Value {
        json!({"service": {
            "namespace": SERVICES, "name": self.name, "path": "/mutate",
            "port": port,
        }})
    }

    fn webhook(&self) -> Value {
        self.plane.api.get(&format!("{WEBHOOKS}/{}", self.name)).ok()
    }

    fn patch_webhook(&self, operations: &Value) {
        let path = format!("{WEBHOOKS}/{}", self.name);
        self.plane.api.patch(Patch::Json, &path, operations).ok();
    }

    fn secret(&self, key: &str) -> String {
        let path = format!("/api/v1/namespaces/{SERVICES}/secrets/{}", self.name);
        let secret = self.plane.api.get(&path).ok();
        let bytes = STANDARD.decode(secret["data"][key].as_str().unwrap_or_default());
        String::from_utf8(bytes.expect("it is base64")).expect("it is text")
    }

    fn break_secret(&self, key: &str, text: &str) {
        let path = format!("/api/v1/namespaces/{SERVICES}/secrets/{}", self.name);
        let data = json!({"data": {key: STANDARD.encode(text)}});
        self.plane.api.patch(Patch::Merge, &path, &data).ok();
    }

    /// Whether the API server reaches a replica, and believes it.
    fn is_called(&self) -> bool {
        let reply = self.space.dry_run(&job("probe", json!({})));
        reply.ok()["spec"]["ttlSecondsAfterFinished"] == 77
    }

    #[track_caller]
    fn wait_until_called(&self) {
        eventually("it is called", LIMIT, || self.is_called().then_some(()));
    }

    /// What `curfew status` says of the replicas.
    fn replicas(&self) -> Vec<Value> {
        let said = Command::new(env!("CARGO_BIN_EXE_curfew"))
            .args(["status", "-o", "json", "--namespace", SERVICES, "--lease-name", &self.name])
            .arg("--kubeconfig")
            .arg(&self.plane.kubeconfig)
            .output()
            .expect("curfew starts");
        let report: Value = serde_json::from_slice(&said.stdout).expect("it is JSON");
        report["replicas"].as_array().cloned().unwrap_or_default()
    }

    /// Whether the API server believes each of them, by `curfew status`.
    fn believed(&self) -> Vec<bool> {
        let fine = |one: &Value| {
            let trust = one["trust"].as_array().expect("it is a list");
            !trust.is_empty() && trust.iter().all(|trust| trust["refused"].is_null())
        };
        self.replicas().iter().map(fine).collect()
    }

    fn bundle(&self) -> Option<String> {
        bundle_of(&self.webhook())
    }
}

/// Whom a webhook object trusts, as PEM.
fn bundle_of(webhook: &Value) -> Option<String> {
    let bundle = webhook["webhooks"][0]["clientConfig"]["caBundle"].as_str()?;
    String::from_utf8(STANDARD.decode(bundle).ok()?).ok()
}

impl Drop for Installation {
    fn drop(&mut self) {
        self.plane.api.delete(&format!("{WEBHOOKS}/{}", self.name));
    }
}

#[test]
fn replicas_keep_one_pair_and_the_api_server_trusts_it() {
    let Some(plane) = control_plane::shared() else { return };
    let installed = Installation::new(plane);
    // Both begin at once, and one makes the pair.
    let (mut first, second) = std::thread::scope(|scope| {
        let other = scope.spawn(|| installed.replica());
        (installed.replica(), other.join().expect("it starts"))
    });
    installed.register("Ignore", &[first.address.port()]);
    installed.wait_until_called();
    let leaf = &inspect(installed.secret("tls.crt").as_bytes()).unwrap()[0];
    assert_eq!(
        leaf.names,
        ["", &format!(".{SERVICES}"), &format!(".{SERVICES}.svc")]
            .map(|rest| format!("{}{rest}", installed.name))
    );
    // The other one shows the same.
    installed.patch_webhook(&json!([{
        "op": "replace", "path": "/webhooks/0/clientConfig/service/port",
        "value": second.address.port(),
    }]));
    throughout("it is called all the time", Duration::from_secs(2), || installed.is_called());
    eventually("both say what they run", LIMIT, || {
        (installed.believed() == [true, true]).then_some(())
    });
    let replicas = installed.replicas();
    assert_eq!(replicas[0]["revision"], replicas[1]["revision"]);
    let leaders = replicas.iter().filter(|one| one["leads"] == true).count();
    assert_eq!(leaders, 1, "{replicas:#?}");

    // A tool puts its own idea of the webhook back, without a bundle.
    let before = installed.webhook();
    installed.patch_webhook(&json!([
        {"op": "replace", "path": "/webhooks/0/clientConfig", "value": installed.client_config(second.address.port())},
        {"op": "replace", "path": "/webhooks/0/timeoutSeconds", "value": 3},
    ]));
    eventually("the bundle is back", LIMIT, || installed.bundle());
    installed.wait_until_called();
    let after = installed.webhook();
    assert_eq!(after["webhooks"][0]["timeoutSeconds"], 3, "nothing else is fought over");
    assert_eq!(after["webhooks"][0]["rules"], before["webhooks"][0]["rules"]);
    let managers = after["metadata"]["managedFields"].to_string();
    assert!(managers.contains(r#""manager":"curfew""#), "{managers}");

    // A policy that one of them refuses is told, and a replica that ends is gone.
    first.set_policy(&[("policy.yaml", "kind: JobPolicy\nspec: {defaults: {tll: 1h}}\n")]);
    eventually("it is told", LIMIT, || {
        let replicas = installed.replicas();
        let refused = replicas.iter().filter_map(|one| one["refused"].as_str());
        (refused.filter(|why| why.contains("E012")).count() == 1).then_some(())
    });
    first.process.signal("TERM");
    eventually("one is left", LIMIT, || (installed.replicas().len() == 1).then_some(()));
}

#[test]
fn a_secret_that_was_edited_is_mended_and_nobody_notices() {
    let Some(plane) = control_plane::shared() else { return };
    let installed = Installation::new(plane);
    let replica = installed.replica();
    installed.register("Ignore", &[replica.address.port()]);
    installed.wait_until_called();

    // A leaf that is none never replaces the good one, and another is made.
    let leaf = installed.secret("tls.crt");
    installed.break_secret("tls.crt", "nonsense");
    eventually("another certificate", LIMIT, || {
        let now = installed.secret("tls.crt");
        (now.starts_with("-----BEGIN") && now != leaf).then_some(())
    });
    throughout("it is called all the time", Duration::from_secs(8), || installed.is_called());

    // Without its key the authority cannot sign again: another one joins it, and both are trusted.
    let leaf = installed.secret("tls.crt");
    installed.break_secret("ca.key", "");
    eventually("two authorities are trusted", LIMIT, || {
        let infos = inspect(installed.bundle()?.as_bytes()).ok()?;
        (infos.len() == 2).then_some(())
    });
    throughout("it is called all the time", Duration::from_secs(3), || installed.is_called());
    assert_eq!(installed.secret("tls.crt"), leaf, "the new authority is to be known first");
}

#[test]
fn without_the_right_to_the_secret_it_says_so() {
    let Some(plane) = control_plane::shared() else { return };
    let installed = Installation::new(plane);
    let kubeconfig = plane.kubeconfig_for(&format!("{}-nobody", installed.name), None);
    let arguments = [
        "--kubeconfig",
        kubeconfig.to_str().unwrap(),
        "--namespace",
        SERVICES,
        "--lease-name",
        &installed.name,
        "--tls-secret",
        &installed.name,
        "--service",
        "curfew",
        "--listen",
        "127.0.0.1:0",
        "--admin-listen",
        "127.0.0.1:0",
        "--log-format",
        "json",
    ];
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_curfew"));
    command.arg("serve").args(arguments);
    let scratch = crate::support::process::Scratch::new().unwrap();
    let child = crate::support::process::Child::start(&command, &scratch.join("log")).unwrap();
    eventually("it says what it may not", LIMIT, || {
        child.log().contains("cannot read Secret").then_some(())
    });
    assert!(child.log().contains("forbidden"), "{}", child.log());
}

const WEBHOOKS: &str = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
const LIMIT: Duration = Duration::from_secs(60);

const POLICY: &str = "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {name: test}\n\
                      spec:\n  defaults: {ttl: 77s}\n";
