//! What commands find of an installation: its policy, its Lease, its registration. On a control
//! plane of their own, where nobody else registers anything.

use std::sync::OnceLock;
use std::time::Duration;

use serde_json::{Value, json};

use super::{User, finished};
use crate::support::{
    api::Patch,
    control_plane::{self, ControlPlane},
    manifest::cron_job,
    namespace::Namespace,
    registration::{self, Registration},
    stub::Stub,
    sweeping::{LEASES, Sweeping},
    wait::eventually,
};

/// `None` where there can be none, which the shared one has then said.
fn plane() -> Option<&'static ControlPlane> {
    static OWN: OnceLock<Option<ControlPlane>> = OnceLock::new();
    control_plane::shared()?;
    OWN.get_or_init(|| ControlPlane::start().ok()).as_ref()
}

fn leases(space: &Namespace<'_>) -> String {
    format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases", space.name)
}

/// A Lease as a leader leaves it.
fn lease(space: &Namespace<'_>, name: &str, annotations: &Value, holder: &str) -> String {
    let now = curfew::clock::now().strftime("%Y-%m-%dT%H:%M:%S.000000Z").to_string();
    let body = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": name, "annotations": annotations},
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": 600, "renewTime": now},
    });
    space.plane.api.post(&leases(space), &body).ok();
    format!("{}/{name}", leases(space))
}

fn brake(revision: &str, horizon: &str) -> String {
    json!({"holds": [{
        "revision": revision, "cutoff": "2026-11-20T12:00:00Z", "horizon": horizon,
        "cause": "policy", "count": 1300,
    }]})
    .to_string()
}

#[test]
fn the_policy_in_force_is_found() {
    let Some(plane) = plane() else { return };
    let space = plane.namespace("policies");
    finished(&space, "old", 9, &json!({}));
    let user = User::admin(plane);
    let plan = ["plan", "-n", &space.name];
    let ended = user.run(&plan);
    assert!(ended.stderr.contains("no policy is in force here"), "{ended:?}");
    let put = |name: &str, file: &str, policy: &str| {
        let body = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "labels": {
                "app.kubernetes.io/part-of": "curfew", "app.kubernetes.io/component": "policy",
            }},
            "data": {file: policy, "notes.md": "nothing"},
        });
        let path = format!("/api/v1/namespaces/{}/configmaps", space.name);
        plane.api.post(&path, &body).ok();
        format!("{path}/{name}")
    };
    let first = put("policy", "10-base.yaml", super::POLICY);
    let ended = user.run(&["plan", "-A", "-o", "json"]).code(0);
    assert!(ended.stderr.contains(&format!("by the policy in ConfigMap {}/policy", space.name)));
    // The installation's own namespace is never considered.
    assert_eq!(ended.json()["totals"]["left"]["never-considered"], 1, "{ended:?}");
    let other = plane.namespace("elsewhere");
    finished(&other, "old", 9, &json!({}));
    let ended = user.run(&["plan", "-n", &other.name]).code(1);
    assert!(ended.stdout.contains("1 to delete"), "{ended:?}");
    let ended = user.run(&["explain", &format!("job/{}/old", other.name)]).code(0);
    assert!(ended.stdout.contains("policy cluster, revision"), "{ended:?}");

    let second = put("second", "x.yaml", super::POLICY);
    let ended = user.run(&plan).code(2);
    let both = format!("{0}/policy, {0}/second; say which with --policy", space.name);
    assert!(ended.stderr.contains(&both), "{ended:?}");
    plane.api.delete(&second).ok();
    // Its zone is that of CronJobs without one.
    let policy = format!("{}  scheduler: {{clusterTimeZone: Asia/Tokyo}}\n", super::POLICY);
    let tokyo = json!({"data": {"10-base.yaml": policy}});
    plane.api.patch(Patch::Merge, &first, &tokyo).ok();
    space.create(&cron_job("nightly", json!({}))).ok();
    let cronjobs = ["cronjobs", "-n", &space.name, "-o", "json"];
    let ended = user.run(&cronjobs).code(0);
    let item = &ended.json()["items"][0];
    assert_eq!(
        (&item["timeZone"], &item["timeZoneFrom"]),
        (&json!("Asia/Tokyo"), &json!("policy"))
    );
    let ended = user.run(&[&cronjobs[..], &["--time-zone", "Europe/Berlin"]].concat()).code(0);
    assert_eq!(ended.json()["clusterTimeZone"], "Europe/Berlin");
    let broken = json!({"data": {"10-base.yaml": super::POLICY.replace("ttl: 7d", "ttl: 7 days")}});
    plane.api.patch(Patch::Merge, &first, &broken).ok();
    let ended = user.run(&plan).code(2);
    assert!(ended.stderr.contains("10-base.yaml:9:"), "{ended:?}");
    let empty = json!({"data": {"10-base.yaml": null}});
    plane.api.patch(Patch::Merge, &first, &empty).ok();
    let ended = user.run(&plan).code(2);
    assert!(ended.stderr.contains("holds no policy"), "{ended:?}");
    plane.api.delete(&first).ok();
}

#[test]
fn the_status_with_and_without_a_lease() {
    let Some(plane) = plane() else { return };
    let user = User::admin(plane);
    let ended = user.run(&["status"]).code(1);
    assert!(ended.stdout.contains("attention: there is no Lease curfew"), "{ended:?}");
    assert!(ended.stdout.contains("attention: no webhook of curfew is registered"), "{ended:?}");

    let space = plane.namespace("status");
    let said = json!({
        "version": "0.1.0", "revision": "r1", "swept": curfew::clock::now().to_string(),
        "jobs": {"finished": 12}, "builtinTtl": "working", "missingRights": [], "clockOffset": 0.0,
    });
    let replica = json!({
        "version": "0.1.0", "revision": "r1", "said": curfew::clock::now().to_string(),
    });
    // Its container was restarted.
    let killed = json!({"version": "0.1.0", "revision": "r0", "said": "2026-11-20T12:00:00Z"});
    let notes = json!({
        "curfew.dev/status": said.to_string(),
        "replica.curfew.dev/pod-1_2a": replica.to_string(),
        "replica.curfew.dev/pod-1_1b": killed.to_string(),
    });
    let path = lease(&space, "curfew", &notes, "pod-1_2a");
    let stub = Stub::echo(&plane.authority);
    let registered = registration::curfew(&stub.endpoint());
    let registration = Registration::without_waiting("curfew", &[&space], &registered);
    let ended = user.run(&["status"]).code(0);
    for line in [
        "leader                    pod-1_2a (Lease status-",
        "12 finished",
        "brake                     off",
        "built-in TTL controller   working",
        "webhook                   2 registered",
        "pod-1 (leads)   0.1.0     r1",
    ] {
        assert!(ended.stdout.contains(line), "{line}: {}", ended.stdout);
    }
    assert!(!ended.stdout.contains("attention"), "{}", ended.stdout);

    // What it found is no fault of the installation.
    let mut found = said.clone();
    found["builtinTtl"] = json!("off");
    let notes = json!({"metadata": {"annotations": {"curfew.dev/status": found.to_string()}}});
    plane.api.patch(Patch::Merge, &path, &notes).ok();
    let ended = user.run(&["status"]).code(1);
    assert!(ended.stdout.contains("attention: the built-in TTL controller"), "{ended:?}");
    let ended = user.run(&["status", "--installation"]).code(0);
    assert!(ended.stdout.contains("attention: the built-in TTL controller"), "{ended:?}");

    let mut worse = said.clone();
    worse["missingRights"] = json!(["delete jobs.batch in every namespace"]);
    worse["stopped"] = json!("the clocks differ by 40s");
    let notes = json!({"metadata": {"annotations": {
        "curfew.dev/status": worse.to_string(),
        "curfew.dev/brake": brake("r1", "2026-11-20T13:00:00Z"),
    }}});
    plane.api.patch(Patch::Merge, &path, &notes).ok();
    user.run(&["status", "--installation"]).code(1);
    let ended = user.run(&["status", "-o", "json"]).code(1);
    let report = ended.json();
    assert_eq!(report["brake"][0]["plan"], "r1-1795176000-1300");
    assert_eq!(report["leader"]["known"]["alive"], true);
    assert_eq!(report["webhooks"]["known"][0]["failurePolicy"], "Ignore");
    let attention = report["attention"].to_string();
    for said in ["a right is missing", "the clocks differ", "curfew approve r1-1795176000-1300"] {
        assert!(attention.contains(said), "{attention}");
    }

    // What no Lease keeps: the leader has not decided yet. It has an id all the same.
    let mut undecided = said.clone();
    undecided["brake"] = json!([{
        "plan": "r1-1795176000-12", "unknown": 7, "others": 1,
        "who": [{"namespace": "team-a", "count": 9}, {"namespace": "team-b", "count": 2}],
    }]);
    let notes = json!({"metadata": {"annotations": {
        "curfew.dev/status": undecided.to_string(), "curfew.dev/brake": null,
    }}});
    plane.api.patch(Patch::Merge, &path, &notes).ok();
    let ended = user.run(&["status"]).code(1);
    for said in [
        "brake                     undecided",
        "team-a 9, team-b 2 and 1 more",
        "7 of them cannot be judged yet",
        "curfew approve r1-1795176000-12",
    ] {
        assert!(ended.stdout.contains(said), "{said}: {}", ended.stdout);
    }
    let report = user.run(&["status", "-o", "json"]).code(1).json();
    assert_eq!(report["brake"][0]["undecided"], true);
    assert_eq!(report["brake"][0]["who"][0], json!({"namespace": "team-a", "count": 9}));
    let approve = ["approve", "r1-1795176000-12", "-n", &space.name, "--wait", "0"];
    let which = ["--lease-name", path.rsplit('/').next().expect("it has a name")];
    let ended = user.run(&[&approve[..], &which].concat()).code(1);
    assert!(ended.stdout.contains("r1-1795176000-12 is requested"), "{ended:?}");
    let report = user.run(&["status", "-o", "json"]).code(1).json();
    assert_eq!(report["brake"][0]["requested"], true);

    let old = json!({"spec": {"renewTime": "2026-01-01T00:00:00.000000Z"}});
    plane.api.patch(Patch::Merge, &path, &old).ok();
    let ended = user.run(&["status"]).code(1);
    assert!(ended.stdout.contains("attention: the leader does not renew"), "{ended:?}");

    let nobody = User::with(&plane.kubeconfig_for("nobody-looks", None));
    let ended = nobody.run(&["status"]).code(3);
    assert_eq!(ended.stdout.matches("not permitted").count(), 2, "{ended:?}");
    drop(registration);
    plane.api.delete(&path).ok();
}

/// With a real leader: what it says, what its brake holds, and that it goes on when told to.
#[test]
fn a_brake_is_seen_and_let_go() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("braked");
    for number in 0..6 {
        finished(&space, &format!("old-{number}"), 9, &json!({}));
    }
    let policy = format!(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: test}}\nspec:\n  \
         stored: {{action: Report, rate: 10000, brake: {{atMost: 3}}}}\n  rules:\n    \
         - {{name: here, match: {{namespaces: [{}]}}, ttl: 7d, stored: Delete}}\n",
        space.name
    );
    let user = User::admin(plane);
    user.folder.write("policy.yaml", &policy);
    let sweeping = Sweeping::with_policy(space, &policy, &[]);
    let lease = ["--lease-name", sweeping.lease.as_str()];
    let status = [&["status", "-o", "json", "-n", LEASES][..], &lease].concat();
    let report = eventually("the leader says how it is doing", Duration::from_secs(60), || {
        let report = user.run(&status).code(1).json();
        (report["brake"][0].is_object() && report["sweeper"].is_object()).then_some(report)
    });
    assert_eq!(report["leader"]["known"]["alive"], true);
    assert_eq!(report["brake"][0]["count"], 6);
    let plan = report["brake"][0]["plan"].as_str().expect("it has an id").to_owned();

    let name = format!("job/{}/old-0", sweeping.space.name);
    let explain = ["explain", &name, "--policy", "policy.yaml"];
    let explained = user.run(&[&explain[..], &lease].concat()).code(0);
    let line = format!("the brake keeps the sweeper from ending it: `curfew approve {plan}`");
    assert!(explained.stdout.contains(&line), "{explained:?}");

    let approve = |plan: &str| user.run(&[&["approve", plan, "-n", LEASES][..], &lease].concat());
    assert!(plan.ends_with(&format!("-6-{}", sweeping.space.name)), "{plan}");
    let fewer = plan.replacen("-6-", "-5-", 1);
    let ended = approve(&fewer).code(1);
    assert!(ended.stdout.contains("was refused: 6 Jobs are held by now"), "{ended:?}");
    assert_eq!(sweeping.space.jobs().len(), 6);
    let ended = approve(&plan).code(0);
    assert!(ended.stdout.contains("was approved at"), "{ended:?}");
    eventually("they are deleted", Duration::from_secs(60), || {
        sweeping.space.jobs().is_empty().then_some(())
    });
    let ended = approve(&plan).code(2);
    assert!(ended.stderr.contains("nothing is held"), "{ended:?}");
}

#[test]
fn an_approval_is_asked_for_and_answered() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("approve");
    let held = json!({"curfew.dev/brake": brake("r1", "2026-11-20T13:00:00Z")});
    let path = lease(&space, "other-name", &held, "pod-1");
    let user = User::admin(plane);
    let approve = |id: &'static str, more: &[&str]| {
        let which = ["approve", id, "-n", &space.name, "--lease-name", "other-name"];
        user.command(&[&which[..], more].concat())
    };
    let run = |id, more: &[&str]| {
        let output = approve(id, more).output().expect("curfew starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, _, stderr) = run("r2-1795176000-1300", &[]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("what is: r1-1795176000-1300"), "{stderr}");
    let (code, _, stderr) = run("r1", &[]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("is no plan id"), "{stderr}");
    let request =
        || plane.api.get(&path).ok()["metadata"]["annotations"]["curfew.dev/approve"].clone();
    assert_eq!(request(), json!(null));

    // Nobody leads: it stays.
    let (code, stdout, _) = run("r1-1795176000-1300", &["--wait", "1"]);
    assert_eq!(code, Some(1));
    assert!(stdout.contains("is requested; no leader has answered"), "{stdout}");
    assert_eq!(request(), "r1-1795176000-1300");

    for (number, refused) in [json!("1400 are held by now"), json!(null)].iter().enumerate() {
        let clear = json!({"metadata": {"annotations": {"curfew.dev/approve": null}}});
        plane.api.patch(Patch::Merge, &path, &clear).ok();
        let mut asking = approve("r1-1795176000-1300", &[]);
        asking.stdout(std::process::Stdio::piped());
        let asking = asking.spawn().expect("curfew starts");
        eventually("it is requested", Duration::from_secs(20), || {
            (request() == "r1-1795176000-1300").then_some(())
        });
        let at = format!("2026-11-21T12:00:0{number}Z");
        let answer = json!({"plan": "r1-1795176000-1300", "refused": refused, "at": at});
        let notes = json!({"metadata": {"annotations": {
            "curfew.dev/approve": null, "curfew.dev/approval": answer.to_string(),
        }}});
        plane.api.patch(Patch::Merge, &path, &notes).ok();
        let output = asking.wait_with_output().expect("it ends");
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        if refused.is_null() {
            assert_eq!(output.status.code(), Some(0));
            assert!(stdout.contains("was approved at"), "{stdout}");
        } else {
            assert_eq!(output.status.code(), Some(1));
            assert!(stdout.contains("was refused: 1400 are held by now"), "{stdout}");
        }
    }
}
