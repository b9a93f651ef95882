//! The end-to-end suites that Kubernetes has for `CronJob`s and for TTLs, unchanged: with its own
//! controllers, which shows that they can pass here, and with curfew in the place of these.
//!
//! They take six minutes by the real clock, and their program takes long to build, so they only run
//! where `CURFEW_UPSTREAM` is set; see the README beside. A binary of its own, since its control
//! planes have other controllers than those of the other tests.

mod kubelet;
#[path = "../support/harness.rs"]
pub mod support;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use kubelet::Kubelet;
use support::assets::{self, Absent};
use support::control_plane::ControlPlane;
use support::process::{Child, Scratch};
use support::sweeping;

#[test]
fn with_the_built_in_controllers() {
    let Some((plane, suites)) = scene(&[]) else { return };
    pass("built-in", &plane, &suites);
    assert!(plane.audit.users("create", "jobs").contains(&account(STARTS)));
    assert!(plane.audit.users("delete", "jobs").contains(&account(CLEANS)));
}

#[test]
fn with_curfew_in_their_place() {
    let Some((plane, suites)) = scene(&[STARTS, CLEANS]) else { return };
    grant(&plane, "curfew");
    let kubeconfig = plane.kubeconfig_for("curfew", None);
    let curfew = sweeping::start(&plane, "curfew", &kubeconfig, POLICY, &["--force-own"]);
    pass("curfew", &plane, &suites);
    // It was nobody else.
    for verb in ["create", "delete"] {
        let users = plane.audit.users(verb, "jobs");
        assert!(users.contains("curfew"), "{verb}: {users:?}");
        let others = [account(STARTS), account(CLEANS)];
        assert!(!others.iter().any(|other| users.contains(other)), "{verb}: {users:?}");
    }
    let log = curfew.process.log();
    let complaints: Vec<_> = log.lines().filter(|line| line.contains(r#""ERROR""#)).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// A whole control plane, controllers and all, without those that are `off`, and the directory of
/// the suites; `None` where they are not to run or cannot, which has then been said.
fn scene(off: &[&str]) -> Option<(ControlPlane, PathBuf)> {
    if std::env::var_os("CURFEW_UPSTREAM").is_none() {
        say("skipped: the suites of Kubernetes only run where CURFEW_UPSTREAM is set");
        return None;
    }
    let start = || -> Result<_, Absent> {
        let suites = assets::suites()?;
        let plane = ControlPlane::start()?;
        let off: Vec<String> = off.iter().map(|name| format!("-{name}")).collect();
        let off = off.iter().map(String::as_str);
        plane.run_controllers(&["*"].into_iter().chain(off).collect::<Vec<_>>())?;
        Ok((plane, suites))
    };
    start().inspect_err(Absent::report).ok()
}

/// Grants what README.md says that `Own` and `Delete` need.
fn grant(plane: &ControlPlane, user: &str) {
    let rule = |group: &str, resources: &[&str], verbs: &[&str]| json!({"apiGroups": [group], "resources": resources, "verbs": verbs});
    let rules = json!([
        rule("batch", &["jobs"], &["get", "list", "watch", "create", "patch", "delete"]),
        rule("batch", &["cronjobs"], &["get", "list", "watch", "patch"]),
        rule("batch", &["cronjobs/status"], &["patch"]),
        rule("batch", &["cronjobs/finalizers"], &["update"]),
        rule("events.k8s.io", &["events"], &["create", "patch"]),
        rule("coordination.k8s.io", &["leases"], &["get", "create", "update", "patch"]),
        rule("admissionregistration.k8s.io", &["mutatingwebhookconfigurations"], &["get"]),
    ]);
    let group = "rbac.authorization.k8s.io";
    let create = |what: &str, body: &Value| {
        plane.api.post(&format!("/apis/{group}/v1/{what}"), body).ok();
    };
    create("clusterroles", &json!({"metadata": {"name": user}, "rules": rules}));
    let binding = json!({
        "metadata": {"name": user},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": user},
        "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
    });
    create("clusterrolebindings", &binding);
}

/// Runs the suites and wants each of their specs to pass.
#[track_caller]
fn pass(who: &str, plane: &ControlPlane, suites: &Path) {
    let _kubelet = Kubelet::start(&plane.api);
    let scratch = Scratch::new().expect("a scratch directory can be made");
    let mut command = Command::new(suites.join("ginkgo"));
    command
        .args(["--procs=15", "--no-color", "--timeout=30m", "--json-report=report.json"])
        .arg(format!("--output-dir={}", scratch.path().display()))
        .arg(format!("--focus={FOCUS}"))
        .arg(suites.join("e2e.test"))
        .args(["--", "--provider=skeleton", "--allowed-not-ready-nodes=-1", "--minStartupPods=0"])
        .arg(format!("--kubeconfig={}", plane.kubeconfig.display()))
        .env("HOME", scratch.path())
        .current_dir(scratch.path());
    let mut child = Child::start(&command, &scratch.join("log")).expect("ginkgo starts");
    let status = child.wait(LIMIT);
    let log = child.log();
    let report = std::fs::read(scratch.join("report.json"));
    let report = report.unwrap_or_else(|error| panic!("no report, {error}, {status:?}: {log}"));
    let specs = specs(&serde_json::from_slice(&report).expect("the report is JSON"));
    for (name, (state, seconds)) in &specs {
        say(&format!("{who}: {state} in {seconds:.1} s: {name}"));
    }
    let good = specs.values().all(|(state, _)| state == "passed");
    assert!(good && status.is_some_and(|status| status.success()), "{status:?}: {log}");
    assert_eq!(specs.len(), 15, "each version has so many");
}

/// The specs that were to run: their states and how long they took.
fn specs(report: &Value) -> BTreeMap<String, (String, f64)> {
    let specs = report[0]["SpecReports"].as_array().expect("a report has specs");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let chosen = specs.iter().filter(|spec| spec["LeafNodeType"] == "It");
    let chosen = chosen.filter(|spec| spec["State"] != "skipped");
    chosen
        .map(|spec| {
            let groups = spec["ContainerHierarchyTexts"].as_array().into_iter().flatten();
            let names: Vec<_> = groups.chain([&spec["LeafNodeText"]]).map(text).collect();
            let nanoseconds = spec["RunTime"].as_f64().unwrap_or_default();
            (names.join(" "), (text(&spec["State"]), nanoseconds / 1e9))
        })
        .collect()
}

/// To the real stderr: `eprintln!` in a test that passes is never seen.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// As whom a built-in controller calls the API.
fn account(controller: &str) -> String {
    format!("system:serviceaccount:kube-system:{controller}")
}

const STARTS: &str = "cronjob-controller";
const CLEANS: &str = "ttl-after-finished-controller";

/// Both suites, and what those of the API machinery have about `CronJob`s.
const FOCUS: &str = r"\[sig-apps\] (CronJob|TTLAfterFinished)|created by cronjob|v1 cronJobs";

const LIMIT: Duration = Duration::from_secs(35 * 60);

const POLICY: &str = "
apiVersion: curfew.dev/v1alpha1
kind: JobPolicy
metadata: {name: upstream}
spec:
  stored: {action: Delete, rate: 10000}
  scheduler: {mode: Own, clusterTimeZone: UTC}
";
