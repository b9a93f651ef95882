//! The harness itself: that it starts, that webhooks are called, that nothing it starts stays.

use std::{
    io::{BufRead, BufReader, Write},
    panic,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::json;

use crate::support::{
    api::Patch,
    audit,
    control_plane::{self, ControlPlane},
    manifest::{self, Finish, days_ago, job},
    process::{Child, Scratch},
    registration::{self, Registration},
    stub::Stub,
    wait::{eventually, runtime},
};

#[test]
fn a_webhook_of_ours_is_called_and_seen_in_the_audit_log() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("harness");
    let stub = Stub::answering(&plane.authority, |_| {
        vec![json!({"op": "add", "path": "/spec/ttlSecondsAfterFinished", "value": 77})]
    });
    let registration =
        Registration::new("stub", &[&space], &registration::curfew(&stub.endpoint()));
    let reply = space.create(&job("one", json!({})));
    let annotations = plane.audit.annotations(&reply);
    assert_eq!(audit::calls(&annotations, &registration.name), [true]);
    assert_eq!(reply.ok()["spec"]["ttlSecondsAfterFinished"], 77);
    // The condition of the registration holds: what changes nothing of ours is not sent.
    let before = stub.calls();
    space.patch_job("one", &json!({"spec": {"parallelism": 2}})).ok();
    assert_eq!(stub.calls(), before);
    space.patch_job("one", &json!({"metadata": {"labels": {"a": "b"}}})).ok();
    assert_eq!(stub.calls(), before + 1);
    space.create(&manifest::cron_job("cron", json!({}))).ok();
    let patch = json!({"spec": {"jobTemplate": {"metadata": {"annotations": {"a": "b"}}}}});
    let calls = stub.calls();
    space.patch_cron_job("cron", &patch).ok();
    space.patch_cron_job("cron", &json!({"spec": {"suspend": true}})).ok();
    assert_eq!(stub.calls(), calls + 1);
}

/// Both ways of the API server to a webhook, and what it speaks on each.
#[test]
fn a_url_is_called_over_http2_and_a_service_over_http1() {
    let Some(plane) = control_plane::shared() else { return };
    for through_service in [false, true] {
        let space = plane.namespace("protocol");
        let stub = Stub::echo(&plane.authority);
        let endpoint = if through_service { stub.service(plane) } else { stub.endpoint() };
        let _registration = Registration::new("stub", &[&space], &registration::curfew(&endpoint));
        let reply = space.create(&job("one", json!({})));
        assert!(!audit::failed_open(&plane.audit.annotations(&reply)));
        assert!(stub.calls() > 0);
        let expected = if through_service { 0 } else { stub.calls() };
        assert_eq!(stub.http2(), expected);
    }
}

#[test]
fn jobs_can_be_finished_without_nodes() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("finish");
    for (name, how) in [("good", Finish::Complete), ("bad", Finish::Failed)] {
        space.create(&job(name, json!({"spec": {"managedBy": "example.test/nobody"}}))).ok();
        space.finish_job(name, how, days_ago(8));
        let conditions = &space.job(name)["status"]["conditions"];
        assert_eq!(conditions[1]["type"], format!("{how:?}"));
    }
    let said = space.kubectl.ok(&["get", "jobs"]);
    assert!(said.stdout.contains("Complete") && said.stdout.contains("Failed"), "{}", said.stdout);
}

#[test]
fn the_built_in_controllers_run() {
    let Some(plane) = control_plane::staffed() else { return };
    let space = plane.namespace("controllers");
    let canary =
        json!({"spec": {"managedBy": "example.test/nobody", "ttlSecondsAfterFinished": 0}});
    space.create(&job("canary", canary)).ok();
    space.finish_job("canary", Finish::Complete, days_ago(1));
    eventually("the TTL controller deletes", Duration::from_secs(60), || {
        space.find_job("canary").is_none().then_some(())
    });
}

/// Versions have different controllers and serve different versions of the API. A test that asks
/// for one too many must fail by that, and not by what does not happen.
#[test]
fn what_this_version_does_not_have_is_told() {
    let Some(plane) = control_plane::shared() else { return };
    let minor = plane.minor;
    let told = told(|| plane.run_controllers(&["no-such-controller"]));
    let program = format!("kube-controller-manager of Kubernetes 1.{minor} ended");
    assert!(told.contains(&program), "{told}");
    assert!(
        told.contains("no-such-controller") && told.contains("not in the list of known"),
        "{told}"
    );
}

#[test]
fn a_version_of_the_api_that_is_not_served_is_told() {
    if control_plane::shared().is_none() {
        return;
    }
    let flag = "--runtime-config=admissionregistration.k8s.io/v9=true".to_owned();
    let told = told(|| ControlPlane::start_with(std::slice::from_ref(&flag)));
    assert!(told.contains("kube-apiserver ended"), "{told}");
    assert!(told.contains("admissionregistration.k8s.io/v9"), "{told}");
}

/// What something panics with.
fn told<T>(does: impl FnOnce() -> T) -> String {
    let said = panic::catch_unwind(panic::AssertUnwindSafe(does)).err().expect("it panics");
    said.downcast_ref::<String>().expect("it says why").clone()
}

/// What to compare with in the tests of ownership: the first apply after the CREATE of a Job stores
/// a new version that differs in nothing else, with no webhook anywhere; of a `CronJob` it does not.
#[test]
fn a_second_apply_without_a_webhook() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("apply");
    for (object, first_differs) in
        [(job("applied", json!({})), true), (manifest::cron_job("applied", json!({})), false)]
    {
        let resource = if object["kind"] == "Job" { "jobs" } else { "cronjobs" };
        let path = space.path(&format!("{resource}/applied"));
        let apply = || {
            let stored = plane.api.patch(Patch::Apply("gitops"), &path, &object).ok();
            stored["metadata"]["resourceVersion"].clone()
        };
        let (first, second, third) = (apply(), apply(), apply());
        assert_eq!(first != second, first_differs, "{resource}");
        assert_eq!(second, third, "{resource}");
    }
}

/// The test starts itself as another process, kills that with SIGKILL, and looks what is left.
#[test]
fn nothing_outlives_a_killed_test() {
    let mut victim = Command::new(std::env::current_exe().expect("we are a program"))
        .args(["harness::victim", "--exact", "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("a test binary can start itself");
    let output = BufReader::new(victim.stdout.take().expect("stdout is a pipe"));
    let line = output
        .lines()
        .map_while(Result::ok)
        .find_map(|line| line.split_once("victim ").map(|(_, rest)| rest.to_owned()));
    let line = line.expect("the victim says where it lives");
    let (scratch, pid) = line.split_once(' ').expect("two words");
    let process = format!("/proc/{pid}");
    assert!(Path::new(&process).exists() && Path::new(scratch).exists());
    victim.kill().expect("it is ours to kill");
    victim.wait().expect("it is ours to wait for");
    eventually("the child is killed", Duration::from_secs(5), || {
        (!Path::new(&process).exists()).then_some(())
    });
    eventually("the directory is removed", Duration::from_secs(10), || {
        (!Path::new(scratch).exists()).then_some(())
    });
}

#[test]
#[ignore = "started and killed by the test above"]
fn victim() {
    let scratch = Scratch::new().expect("a scratch directory can be made");
    let mut sleep = Command::new("/bin/sh");
    sleep.args(["-c", "echo $$; trap '' TERM HUP INT; while :; do sleep 1; done"]);
    let child = Child::start(&sleep, &scratch.join("log")).expect("a shell starts");
    let pid = eventually("the shell tells its id", Duration::from_secs(5), || {
        let log = child.log();
        log.ends_with('\n').then(|| log.trim().to_owned())
    });
    let mut stdout = std::io::stdout();
    writeln!(stdout, "victim {} {pid}", scratch.path().display()).expect("somebody reads");
    stdout.flush().expect("somebody reads");
    runtime().block_on(std::future::pending::<()>());
}
