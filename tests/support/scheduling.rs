//! The scene of a test of the scheduler: the scheduler itself, in this process, on a real API server
//! and with a clock that the test puts.
//!
//! The API server's own clock cannot be put, and need not be: of what it stamps only the creation of
//! a `CronJob` counts for starts, and every test begins later than that. A scheduler looks at the
//! whole cluster, so there is one scene at a time, and each leaves no `CronJob` behind.

use std::borrow::Borrow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use curfew::clock;
use curfew::cluster::clock_offset::ServerClock;
use curfew::cluster::connect::Cluster;
use curfew::cluster::events::Recorder;
use curfew::controllers::{ControllerContext, Scheduler, Watches};
use curfew::leader::lease::LeaseLock;
use curfew::leader::{Candidate, LeaderStatus, Timing, task};
use curfew::metrics::Metrics;
use curfew::policy::{Policy, Source};
use jiff::{SignedDuration, Timestamp, ToSpan};
use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{
    api::Patch,
    control_plane::ControlPlane,
    manifest::{Finish, cron_job, finished, job, merged},
    namespace::Namespace,
    silence::Silence,
    sweeping::{LEASES, lease_name},
    wait::{eventually, runtime, throughout},
};

/// Holds a running scheduler, its clock, and a namespace.
pub struct Scheduling {
    pub space: Namespace<'static>,
    pub metrics: Arc<Metrics>,
    clock: ServerClock,
    /// The Lease, and the user that the scheduler is for the API server.
    pub lease: String,
    policies: watch::Sender<Arc<Policy>>,
    running: Option<Running>,
    force_own: bool,
    _alone: MutexGuard<'static, ()>,
}

struct Running {
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

// === impl Scheduling ===

impl Scheduling {
    /// `Own`, at work from this moment on, which the clock shows.
    pub fn own(plane: &'static ControlPlane, prefix: &str, at: Timestamp) -> Self {
        Self::start(plane, prefix, "{mode: Own, clusterTimeZone: UTC}", true, at)
    }

    /// The scheduler as a policy's `spec.scheduler` wants it.
    pub fn start(
        plane: &'static ControlPlane,
        prefix: &str,
        scheduler: &str,
        force_own: bool,
        at: Timestamp,
    ) -> Self {
        let alone = alone();
        let clock = ServerClock::shifted(SignedDuration::ZERO);
        let mut scene = Self {
            space: plane.namespace(prefix),
            metrics: Arc::new(Metrics::new()),
            clock,
            lease: lease_name(),
            policies: watch::channel(Arc::new(policy(scheduler))).0,
            running: None,
            force_own,
            _alone: alone,
        };
        scene.put_clock(at);
        scene.run();
        scene
    }

    /// Puts another policy in use.
    pub fn set_policy(&self, scheduler: &str) {
        self.policies.send_replace(Arc::new(policy(scheduler)));
    }

    /// Puts the clock, which goes on from there.
    pub fn put_clock(&self, at: Timestamp) {
        self.clock.shift(at.duration_since(clock::now()));
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The same without `--force-own`.
    pub fn run_unforced(&mut self) {
        self.force_own = false;
        self.run();
    }

    /// Starts to work, as a leader does.
    pub fn run(&mut self) {
        self.run_by(&self.kubeconfig());
    }

    /// The same, with a load balancer between it and the API server.
    pub fn run_behind(&mut self) -> Silence {
        let (silence, kubeconfig) = Silence::before(&self.kubeconfig());
        self.run_by(&kubeconfig);
        silence
    }

    fn kubeconfig(&self) -> PathBuf {
        // The audit log tells by the name who it was.
        self.space.plane.kubeconfig_for(&self.lease, Some("system:masters"))
    }

    fn run_by(&mut self, kubeconfig: &Path) {
        let plane = self.space.plane;
        let stop = CancellationToken::new();
        let (recorder, events) =
            runtime().block_on(async { Recorder::start(plane.api.client(), "test", stop.clone()) });
        let mut cluster = runtime().block_on(async {
            let kubeconfig = Kubeconfig::read_from(kubeconfig).expect("it is ours");
            let options = KubeConfigOptions::default();
            let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
            Cluster::new(config.expect("it is complete"), None).expect("its certificates are ours")
        });
        cluster.clock = self.clock.clone();
        let policy = Arc::clone(&self.policies.borrow());
        let _inside = runtime().enter();
        let watches = Arc::new(Watches::start(&cluster.client, &policy, &stop));
        let keep = Arc::clone(&watches);
        let mut policies = self.policies.subscribe();
        let following = tokio::spawn(async move {
            while policies.changed().await.is_ok() {
                keep.keep_for(&policies.borrow_and_update());
            }
        });
        let timing = Timing { retry: Duration::from_millis(300), ..Timing::default() };
        let candidate = Candidate { identity: task::identity("test"), timing };
        let (told, standing) = watch::channel(LeaderStatus::default());
        let lease = LeaseLock::new(cluster.client.clone(), LEASES, &self.lease);
        let context = ControllerContext {
            cluster,
            watches,
            policies: self.policies.subscribe(),
            standing,
            lease: lease.clone(),
            identity: candidate.identity.clone(),
            recorder,
            metrics: Arc::clone(&self.metrics),
            own_namespace: None,
            reach: Arc::default(),
        };
        let scheduler = Arc::new(Scheduler { context, force_own: self.force_own });
        let election = tokio::spawn(task::run(lease, candidate, told, stop.clone(), move |term| {
            Arc::clone(&scheduler).work(term)
        }));
        self.running = Some(Running { stop, tasks: vec![election, events, following] });
    }

    /// Ends the work as SIGTERM does.
    pub fn end(&mut self) {
        let Some(Running { stop, tasks }) = self.running.take() else { return };
        stop.cancel();
        runtime().block_on(async {
            let [election, events, following] = <[_; 3]>::try_from(tasks).expect("there are three");
            let _ended = election.await;
            let _ended = events.await;
            following.abort();
        });
    }

    /// A `CronJob` whose start was last made at `last`, as if it had been there for long.
    pub fn create(&self, name: &str, spec: &Value, last: Option<Timestamp>) -> Value {
        let Some(last) = last else {
            return self.space.create(&cron_job(name, json!({"spec": spec}))).ok();
        };
        // By the scene's clock it is days old, and everything since would be due at once.
        let suspended = merged(spec.clone(), json!({"suspend": true}));
        self.space.create(&cron_job(name, json!({"spec": suspended}))).ok();
        self.set_status(name, &json!({"lastScheduleTime": second(last)}));
        let wanted = spec["suspend"].as_bool().unwrap_or_default();
        self.space.patch_cron_job(name, &json!({"spec": {"suspend": wanted}})).ok()
    }

    /// Changes members of a `CronJob`'s spec.
    #[track_caller]
    pub fn change(&self, name: &str, spec: &Value) {
        self.space.patch_cron_job(name, &json!({"spec": spec})).ok();
    }

    /// A Job that belongs to a `CronJob`, as `kubectl create job --from` would make it.
    #[track_caller]
    pub fn child(&self, cronjob: &str, name: &str, overlay: impl Borrow<Value>) -> Value {
        let uid = self.space.cron_job(cronjob)["metadata"]["uid"].clone();
        let owner = json!({"metadata": {"ownerReferences": [owner(cronjob, &uid)]}});
        self.space.create(&job(name, merged(owner, overlay))).ok()
    }

    /// Waits until a start was tried so often with this result.
    #[track_caller]
    pub fn wait_for_result(&self, result: &str, count: f64) {
        let starts = || {
            let line = format!("scheduler_starts_total{{result=\"{result}\"}}");
            let text = self.metrics.text();
            let found = text.lines().find(|text| text.contains(&line));
            found.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).unwrap_or_default()
        };
        eventually_or(|| starts() >= count, || self.metrics.text());
    }

    /// The deletions of Jobs by the scheduler, in order, each with its body.
    pub fn deletions(&self) -> Vec<(String, Value)> {
        let calls = self.space.plane.audit.of(&self.space.name);
        let ours = |call: &&Value| {
            call["verb"] == "delete" && call["user"]["username"] == self.lease.as_str()
        };
        let name = |call: &Value| call["objectRef"]["name"].as_str().unwrap_or_default().to_owned();
        calls.iter().filter(ours).map(|call| (name(call), call["requestObject"].clone())).collect()
    }

    pub fn set_status(&self, name: &str, status: &Value) {
        let path = self.space.path(&format!("cronjobs/{name}/status"));
        self.space.plane.api.patch(Patch::Merge, &path, &json!({"status": status})).ok();
    }

    /// Ends a Job, by the scene's clock.
    pub fn finish(&self, name: &str, how: Finish) {
        let path = self.space.path(&format!("jobs/{name}/status"));
        let status = finished(how, self.now());
        self.space.plane.api.patch(Patch::Merge, &path, &status).ok();
    }

    /// The names of all Jobs, in order.
    pub fn jobs(&self) -> Vec<String> {
        let name = |job: &Value| job["metadata"]["name"].as_str().expect("it has one").to_owned();
        let mut names: Vec<String> = self.space.jobs().iter().map(name).collect();
        names.sort();
        names
    }

    /// An annotation of the Lease.
    pub fn note(&self, key: &str) -> Option<String> {
        let path =
            format!("/apis/coordination.k8s.io/v1/namespaces/{LEASES}/leases/{}", self.lease);
        let lease = self.space.plane.api.get(&path).ok();
        lease["metadata"]["annotations"][key].as_str().map(str::to_owned)
    }

    /// Waits until these are all Jobs.
    #[track_caller]
    pub fn wait_for_jobs(&self, names: &[String]) {
        let mut seen = Vec::new();
        eventually_or(
            || {
                seen = self.jobs();
                seen == names
            },
            || format!("wanted {names:?}, and there are {:?}", self.jobs()),
        );
    }

    /// These stay all Jobs for a while.
    #[track_caller]
    pub fn still(&self, names: &[String]) {
        throughout("no other Jobs", QUIET, || self.jobs() == names);
    }

    /// Waits until the status of a `CronJob` is as the test wants it.
    #[track_caller]
    pub fn wait_for_status(&self, name: &str, is: impl Fn(&Value) -> bool) -> Value {
        let status = || self.space.cron_job(name)["status"].clone();
        eventually_or(|| is(&status()), || format!("the status of {name} is {}", status()));
        status()
    }

    /// Waits until the last start that is written down is this one, and so many Jobs are active.
    #[track_caller]
    pub fn wait_until_written(&self, name: &str, slot: Timestamp, active: usize) -> Value {
        let slot = second(slot);
        self.wait_for_status(name, |status| {
            let count = status["active"].as_array().map_or(0, Vec::len);
            status["lastScheduleTime"] == slot.as_str() && count == active
        })
    }

    /// Reasons and notes of the Events about a `CronJob`, in no order.
    pub fn events(&self, name: &str) -> Vec<(String, String)> {
        let path = format!("/apis/events.k8s.io/v1/namespaces/{}/events", self.space.name);
        let list = self.space.plane.api.get(&path).ok();
        let all = list["items"].as_array().cloned().unwrap_or_default();
        let about = all.iter().filter(|event| event["regarding"]["name"] == name);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        about.map(|event| (text(&event["reason"]), text(&event["note"]))).collect()
    }

    /// Waits for an Event about a `CronJob`; gives its note.
    #[track_caller]
    pub fn wait_for_event(&self, name: &str, reason: &str) -> String {
        eventually(&format!("Event {reason} about {name}"), LIMIT, || {
            let mut events = self.events(name).into_iter();
            events.find(|(own, _)| own == reason).map(|(_, note)| note)
        })
    }

    /// The reasons of warnings about a `CronJob`.
    pub fn warnings(&self, name: &str) -> Vec<String> {
        let path = format!("/apis/events.k8s.io/v1/namespaces/{}/events", self.space.name);
        let list = self.space.plane.api.get(&path).ok();
        let all = list["items"].as_array().cloned().unwrap_or_default();
        let warn =
            |event: &&Value| event["regarding"]["name"] == name && event["type"] == "Warning";
        let reason = |event: &Value| event["reason"].as_str().unwrap_or_default().to_owned();
        all.iter().filter(warn).map(reason).collect()
    }
}

impl Drop for Scheduling {
    fn drop(&mut self) {
        self.end();
        let plane = self.space.plane;
        for resource in ["cronjobs", "jobs"] {
            plane.api.delete(&self.space.path(resource));
        }
    }
}

/// Keeps every other scene of this binary out: whoever owns looks after all `CronJob`s.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    // Whoever failed has cleaned up as well.
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The owner reference of a `CronJob`'s Job.
pub fn owner(cronjob: &str, uid: &Value) -> Value {
    json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "name": cronjob, "uid": uid,
        "controller": true, "blockOwnerDeletion": true,
    })
}

/// The name of the Job of a start.
pub fn job_name(cronjob: &str, slot: Timestamp) -> String {
    curfew::scheduler::job::name(cronjob, slot)
}

/// As the API writes it.
pub fn second(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A full minute some days from now, so that it is later than the creation of everything.
pub fn some_minute() -> Timestamp {
    let later = clock::now() + (5 * 24).hours();
    Timestamp::from_second(later.as_second() / 3600 * 3600).expect("it is soon")
}

fn policy(scheduler: &str) -> Policy {
    let text = format!(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: test}}\nspec:\n  \
         scheduler: {scheduler}\n"
    );
    let source = Source { name: "policy.yaml".to_owned(), text };
    Policy::load(&[source]).unwrap_or_else(|errors| panic!("{errors:#?}")).policy
}

#[track_caller]
fn eventually_or(mut probe: impl FnMut() -> bool, message: impl Fn() -> String) {
    let start = clock::instant();
    while !probe() {
        assert!(start.elapsed() < LIMIT, "{}", message());
        std::thread::sleep(Duration::from_millis(50));
    }
}

const LIMIT: Duration = Duration::from_secs(20);

/// Longer than the scheduler takes to notice anything.
const QUIET: Duration = Duration::from_millis(2500);
