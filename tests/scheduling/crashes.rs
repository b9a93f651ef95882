//! SIGKILL at every step of a pass: no start is made twice, and none is lost.
//!
//! A webhook of the test's is called in the middle of each write; it kills curfew there and spoils
//! the write, or lets it through and kills curfew a moment later. (Not sooner: the API server gives
//! a request up whose sender is gone.) Another curfew then goes on from what is stored.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use curfew::clock;
use jiff::{Timestamp, ToSpan};
use rstest::rstest;
use serde_json::{Value, json};

use crate::plane;
use crate::support::{
    api::Patch,
    control_plane::ControlPlane,
    curfew::Curfew,
    manifest::{Finish, cron_job, finished, merged},
    namespace::Namespace,
    registration::{self, Registration},
    scheduling::{alone, job_name, second},
    stub::Stub,
    sweeping::{self, lease_name},
    wait::eventually,
};

/// A curfew that is to die, and where.
#[derive(Clone, Default)]
struct Doomed {
    doomed: Arc<Mutex<Option<(Step, Curfew)>>>,
    dead: Arc<AtomicBool>,
}

/// A write of a pass.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Step {
    resource: &'static str,
    operation: &'static str,
    /// Whether the write is done.
    done: bool,
}

const CREATE: (&str, &str) = ("jobs", "CREATE");
const STATUS: (&str, &str) = ("cronjobs/status", "UPDATE");
const PRUNE: (&str, &str) = ("jobs", "DELETE");

// === impl Doomed ===

impl Doomed {
    /// Kills curfew if this is the write at which it is to die; says what becomes of the write.
    fn meet(&self, request: &Value) -> Vec<Value> {
        let place = |key: &str| request[key].as_str().unwrap_or_default();
        let resource = request["resource"]["resource"].as_str().unwrap_or_default();
        let resource = [resource, place("subResource")].join("/");
        let resource = resource.trim_end_matches('/');
        let mut doomed = self.doomed.lock().unwrap();
        let is_it = |(step, _): &mut (Step, Curfew)| {
            step.resource == resource && step.operation == place("operation")
        };
        let Some((step, curfew)) = doomed.take_if(is_it) else { return Vec::new() };
        if step.done {
            let dead = Arc::clone(&self.dead);
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(20));
                drop(curfew);
                dead.store(true, Ordering::Release);
            });
            return Vec::new();
        }
        // Dropped is killed, and waited for.
        drop(curfew);
        self.dead.store(true, Ordering::Release);
        // A patch that does not fit fails the request, whatever the failure policy.
        vec![json!({"op": "remove", "path": "/nothing/there"})]
    }

    /// From now on.
    fn begin(&self, step: (&'static str, &'static str), done: bool, curfew: Curfew) {
        let step = Step { resource: step.0, operation: step.1, done };
        *self.doomed.lock().unwrap() = Some((step, curfew));
    }

    #[track_caller]
    fn wait(&self) {
        eventually("it died", LIMIT, || self.dead.load(Ordering::Acquire).then_some(()));
    }
}

fn curfew(plane: &ControlPlane, sweeper: &str) -> Curfew {
    let policy = format!(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: test}}\nspec:\n  \
         scheduler: {{mode: Own, clusterTimeZone: UTC}}\n  stored: {{action: {sweeper}}}\n"
    );
    sweeping::start(plane, &lease_name(), &plane.kubeconfig, &policy, &["--force-own"])
}

/// How often each Job of a namespace was created, by the audit log.
fn creations(space: &Namespace<'_>, name: &str) -> usize {
    let calls = space.plane.audit.of(&space.name);
    let is_it = |call: &&Value| {
        call["verb"] == "create"
            && call["objectRef"]["resource"] == "jobs"
            && call["objectRef"]["name"] == name
            && call["responseStatus"]["code"] == 201
    };
    calls.iter().filter(is_it).count()
}

/// The latest start of `0 0 1 1 *`: the beginning of this year, for as long as a test takes.
fn new_year() -> Timestamp {
    let year = clock::now().strftime("%Y").to_string();
    format!("{year}-01-01T00:00:00Z").parse().unwrap()
}

#[rstest]
#[case::before_the_job_is_there(CREATE, false)]
#[case::when_the_job_is_there(CREATE, true)]
#[case::before_the_status_is_written(STATUS, false)]
#[case::when_the_status_is_written(STATUS, true)]
fn one_start_whenever_it_dies(#[case] step: (&'static str, &'static str), #[case] done: bool) {
    let Some(plane) = plane() else { return };
    let _alone = alone();
    let space = plane.namespace("crash");
    let doomed = Doomed::default();
    let _webhook = reaper(plane, &space, &doomed);
    let slot = new_year();
    let name = job_name("one", slot);
    let spec = json!({"schedule": "0 0 1 1 *", "concurrencyPolicy": "Forbid"});
    create(&space, "one", &spec, slot - (400 * 24).hours());
    doomed.begin(step, done, curfew(plane, "Report"));
    resume(&space, "one");
    doomed.wait();
    let next = curfew(plane, "Report");
    let status = eventually("the start is written down", LIMIT, || {
        let status = space.cron_job("one")["status"].clone();
        (status["lastScheduleTime"] == second(slot).as_str()).then_some(status)
    });
    assert_eq!(status["active"][0]["name"], name.as_str());
    // What follows finds everything in order.
    let path = space.path(&format!("jobs/{name}/status"));
    let end = finished(Finish::Complete, clock::now());
    plane.api.patch(Patch::Merge, &path, &end).ok();
    eventually("its end is seen", LIMIT, || {
        space.cron_job("one")["status"]["active"].is_null().then_some(())
    });
    assert_eq!(creations(&space, &name), 1);
    assert_eq!(space.jobs().len(), 1);
    assert!(!next.process.log().contains("UnexpectedJob"));
}

/// The Job ends while nobody is there, and its TTL is zero: the sweeper must not take away the only
/// sign that it was started.
#[test]
fn one_start_though_its_job_is_due_for_deletion_at_once() {
    let Some(plane) = plane() else { return };
    let _alone = alone();
    let space = plane.namespace("crash");
    let doomed = Doomed::default();
    let _webhook = reaper(plane, &space, &doomed);
    let slot = new_year();
    let name = job_name("one", slot);
    let spec = json!({
        "schedule": "0 0 1 1 *",
        "successfulJobsHistoryLimit": 0,
        "jobTemplate": {"spec": {"ttlSecondsAfterFinished": 0}},
    });
    create(&space, "one", &spec, slot - (400 * 24).hours());
    doomed.begin(STATUS, false, curfew(plane, "Delete"));
    resume(&space, "one");
    doomed.wait();
    eventually("the Job is there", LIMIT, || space.find_job(&name));
    space.finish_job(&name, Finish::Complete, clock::now());
    let _next = curfew(plane, "Delete");
    eventually("the Job goes", LIMIT, || space.find_job(&name).is_none().then_some(()));
    let status = space.cron_job("one")["status"].clone();
    assert_eq!(status["lastScheduleTime"], second(slot).as_str());
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(creations(&space, &name), 1);
}

#[rstest]
#[case::before_the_old_job_is_gone(false)]
#[case::after_the_old_job_is_gone(true)]
fn a_history_is_cleaned_whenever_it_dies(#[case] done: bool) {
    let Some(plane) = plane() else { return };
    let _alone = alone();
    let space = plane.namespace("crash");
    let doomed = Doomed::default();
    let _webhook = reaper(plane, &space, &doomed);
    let slot = new_year();
    let spec = json!({"schedule": "0 0 1 1 *", "successfulJobsHistoryLimit": 1});
    let created = create(&space, "one", &spec, slot);
    let owner = json!([{
        "apiVersion": "batch/v1", "kind": "CronJob", "name": "one", "controller": true,
        "uid": created["metadata"]["uid"],
    }]);
    for (name, hours) in [("old", 3), ("older", 4), ("oldest", 5)] {
        let overlay = json!({"metadata": {"ownerReferences": owner}});
        sweeping::finished_job(
            &space,
            name,
            Finish::Complete,
            clock::now() - hours.hours(),
            overlay,
        );
    }
    doomed.begin(PRUNE, done, curfew(plane, "Report"));
    // Whoever is suspended is cleaned all the same.
    space.touch_cron_job("one", "now");
    doomed.wait();
    let _next = curfew(plane, "Report");
    eventually("the youngest is left", LIMIT, || {
        let jobs = space.jobs();
        (jobs.len() == 1 && jobs[0]["metadata"]["name"] == "old").then_some(())
    });
}

/// A suspended `CronJob` that was last started at `last`.
fn create(space: &Namespace<'_>, name: &str, spec: &Value, last: Timestamp) -> Value {
    let suspended = merged(spec.clone(), json!({"suspend": true}));
    let created = space.create(&cron_job(name, json!({"spec": suspended}))).ok();
    let path = space.path(&format!("cronjobs/{name}/status"));
    let status = json!({"status": {"lastScheduleTime": second(last)}});
    space.plane.api.patch(Patch::Merge, &path, &status).ok();
    created
}

fn resume(space: &Namespace<'_>, name: &str) {
    space.patch_cron_job(name, &json!({"spec": {"suspend": false}})).ok();
}

/// The webhook at which curfew dies.
fn reaper<'a>(
    plane: &'a ControlPlane,
    space: &Namespace<'a>,
    doomed: &Doomed,
) -> (Stub, Registration<'a>) {
    let meets = doomed.clone();
    let stub = Stub::answering(&plane.authority, move |request| meets.meet(request));
    let rule = |resource: &str, operation: &str| {
        json!({
            "apiGroups": ["batch"], "apiVersions": ["v1"], "scope": "Namespaced",
            "operations": [operation], "resources": [resource],
        })
    };
    let webhook = merged(
        registration::webhook("reaper.example.test", &stub.endpoint(), "jobs"),
        json!({
            "rules": [rule("jobs", "CREATE"), rule("jobs", "DELETE"),
                rule("cronjobs/status", "UPDATE")],
            "reinvocationPolicy": "Never",
        }),
    );
    let registered = Registration::new("reaper", &[space], &[webhook]);
    (stub, registered)
}

const LIMIT: Duration = Duration::from_secs(40);
