//! One installation by helm on a real API server, from the first day to the last. There is no
//! kubelet: in place of the Pods, the binary runs with their account and what the chart gives it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::helm::{Helm, directory};
use crate::support::{
    api::{Api, Patch},
    control_plane,
    curfew::Curfew,
    manifest::{Finish, days_ago, job},
    namespace::Namespace,
    process::Scratch,
    sweeping::{self, finished_job},
    wait::eventually,
};

/// In both ways in which helm writes: server-side, as helm 4 does, and by a patch between the old
/// and the new rendering, as helm 3 does.
#[test]
fn installed_upgraded_and_removed() {
    for server_side in ["--server-side=true", "--server-side=false"] {
        story(server_side);
    }
}

fn story(server_side: &str) {
    // One where the built-in TTL controller works and no other test leaves Jobs: `curfew status`
    // would tell of it.
    let (Some(helm), Some(plane)) = (Helm::find(), control_plane::staffed()) else { return };
    let space = plane.namespace("installed");
    let scratch = Scratch::new().unwrap();
    let chart = without_version(&scratch);
    let kubeconfig = plane.kubeconfig.to_str().unwrap();
    let at = ["--namespace", RELEASED, "--kubeconfig", kubeconfig];
    // No other test's Job is to wait for Pods that there are not.
    let nowhere =
        r#"webhook.namespaceSelector={"matchLabels":{"kubernetes.io/metadata.name":"x"}}"#;
    let values = ["--set-json", nowhere, "--set=rbac.delete=true", server_side];
    let install = |verb: &str, more: &[&str]| {
        let what = [verb, "kept", chart.to_str().unwrap()];
        helm.run(&[&what[..], &at, &values, more].concat()).unwrap_or_else(|why| panic!("{why}"))
    };
    install("install", &["--create-namespace"]);

    // The account can do what keeps a certificate, and no more.
    let account = format!("system:serviceaccount:{RELEASED}:{NAME}");
    let own = Api::new(&plane.kubeconfig_for(&account, None));
    let secret = format!("/api/v1/namespaces/{RELEASED}/secrets/{NAME}-tls");
    let pair = json!({"data": {"tls.crt": "YQ==", "tls.key": "Yg=="}});
    eventually("its rights are known", LIMIT, || (own.get(&secret).status == 200).then_some(()));
    own.patch(Patch::Merge, &secret, &pair).ok();
    let bundle = plane.authority.bundle();
    for (kind, count) in [("mutating", 2), ("validating", 1)] {
        let patch: Vec<Value> = (0..count)
            .map(|index| {
                let path = format!("/webhooks/{index}/clientConfig/caBundle");
                json!({"op": "add", "path": path, "value": bundle})
            })
            .collect();
        own.patch(Patch::Json, &configuration(kind), &json!(patch)).ok();
        let other = configuration(kind).replace(NAME, "another");
        assert_eq!(own.patch(Patch::Json, &other, &json!(patch)).status, 403);
    }
    assert_eq!(own.get(&format!("/api/v1/namespaces/{RELEASED}/secrets")).status, 403);
    assert_eq!(own.get("/api/v1/namespaces/default/secrets/any").status, 403);
    let body = json!({"metadata": {"name": "made-up"}});
    assert_eq!(own.post(&format!("/api/v1/namespaces/{RELEASED}/secrets"), &body).status, 403);
    assert_eq!(own.get("/apis/apps/v1/deployments").status, 403);
    assert_eq!(own.post(&space.path("jobs"), &job("own", json!({}))).status, 403);

    // The program works with these rights.
    finished_job(&space, "old", Finish::Complete, days_ago(2), json!({}));
    let policy = sweeping::policy(&space.name, "{ttl: 1d, stored: Delete}");
    let path = plane.kubeconfig_for(&account, None);
    let arguments = ["--kubeconfig", path.to_str().unwrap(), "--namespace", RELEASED];
    let names = ["--lease-name", NAME, "--webhook-name", NAME];
    let arguments = [&arguments[..], &names].concat();
    let curfew = Curfew::start_with(&plane.authority, &[("policy.yaml", &policy)], &arguments);
    eventually("the old Job is gone", LIMIT, || space.find_job("old").is_none().then_some(()));
    assert!(curfew.metric("curfew_missing_rights") < 0.5);
    let log = curfew.process.log();
    assert!(!log.contains("forbidden") && !log.contains("not permitted"), "{log}");

    // And so does `helm test`, which has an account of its own.
    let rendering = helm.run(&["get", "hooks", "kept", at[0], at[1], at[2], at[3]]);
    let probe = crate::helm::documents(&rendering.unwrap()).pop().unwrap();
    let tester = probe["spec"]["serviceAccountName"].as_str().unwrap();
    let tester = format!("system:serviceaccount:{RELEASED}:{tester}");
    let said = Command::new(env!("CARGO_BIN_EXE_curfew"))
        .args(probe["spec"]["containers"][0]["args"].as_array().unwrap().iter().map(text))
        .arg("--kubeconfig")
        .arg(plane.kubeconfig_for(&tester, None))
        .output()
        .unwrap();
    let said_text = String::from_utf8_lossy(&said.stdout);
    assert!(said.status.success(), "{said_text}{}", String::from_utf8_lossy(&said.stderr));

    // Neither an upgrade nor a rollback takes away what was written meanwhile.
    install("upgrade", &["--set=replicas=3", "--set=podLabels.team=platform"]);
    let kept = || {
        assert_eq!(plane.api.get(&secret).ok()["data"], pair["data"]);
        for kind in ["mutating", "validating"] {
            let found = plane.api.get(&configuration(kind)).ok();
            for webhook in found["webhooks"].as_array().unwrap() {
                assert_eq!(webhook["clientConfig"]["caBundle"], bundle.as_str(), "{kind}");
            }
        }
    };
    let replicas = || plane.api.get(&deployment()).ok()["spec"]["replicas"].clone();
    kept();
    assert_eq!(replicas(), 3);
    helm.run(&[&["rollback", "kept", "1", server_side][..], &at].concat()).unwrap();
    kept();
    assert_eq!(replicas(), 2);

    // Nothing is left behind that others could stumble over, and Jobs can be created at once.
    drop(curfew);
    helm.run(&[&["uninstall", "kept"][..], &at].concat()).unwrap();
    space.create(&job("after", json!({}))).ok();
    let left = plane.kubectl(RELEASED).ok(&[
        "get",
        "clusterroles,clusterrolebindings,mutatingwebhookconfigurations,\
         validatingwebhookconfigurations,validatingadmissionpolicies,\
         validatingadmissionpolicybindings,serviceaccounts,secrets,services,configmaps,roles,\
         rolebindings,deployments,poddisruptionbudgets",
        "-l",
        "app.kubernetes.io/instance=kept",
        "-o",
        "name",
    ]);
    assert_eq!(left.stdout, "");
    assert_eq!(plane.api.get(&secret).status, 404);
    drop(Namespace::open(plane, RELEASED, &json!({})));
}

/// The chart for any Kubernetes: one that `go build` makes does not know its own version.
fn without_version(scratch: &Scratch) -> PathBuf {
    let chart = scratch.join("chart");
    let copied = Command::new("cp").arg("-r").arg(directory()).arg(&chart).status().unwrap();
    assert!(copied.success());
    let file = chart.join("Chart.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("kubeVersion:")).collect();
    fs::write(&file, lines.join("\n")).unwrap();
    chart
}

fn text(value: &Value) -> &str {
    value.as_str().expect("arguments are strings")
}

fn configuration(kind: &str) -> String {
    format!("/apis/admissionregistration.k8s.io/v1/{kind}webhookconfigurations/{NAME}")
}

fn deployment() -> String {
    format!("/apis/apps/v1/namespaces/{RELEASED}/deployments/{NAME}")
}

/// Where it is installed.
const RELEASED: &str = "curfew-released";

/// Of the objects of a release `kept`.
const NAME: &str = "kept-curfew";

const LIMIT: Duration = Duration::from_secs(60);
