//! How fast the sweeper deletes, how late, what a user notices of it, and what a large cluster
//! costs in memory: on a kube-apiserver, beside the built-in controller.
//!
//! Run with `cargo bench --bench sweeper`, or with `-- drain`, `-- lag`, `-- rate` or `-- memory`
//! for a part; it starts the control plane of the tests and says so where there can be none. The
//! baseline of a drain is a loop that deletes with as many calls under way as the sweeper may have,
//! through a client of the same kind. Jobs are finished by writing their status: there are no
//! nodes, and so no Pods.

pub mod common;
#[path = "../support/harness.rs"]
pub mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use curfew::clock;
use futures::{AsyncBufReadExt, TryStreamExt};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use common::{
    Called, Effort, report,
    statistics::{median, milliseconds, number, percentile, range},
};
use support::{
    api::Api,
    control_plane::ControlPlane,
    curfew::Curfew,
    load::parallel,
    manifest::{Finish, finished, job},
    namespace::Namespace,
    sweeping,
    wait::{eventually, runtime},
};

/// Measures something on a control plane of its own.
type Part = fn(&ControlPlane, Effort);

fn main() {
    let Called::Measure(effort) = common::called() else { return };
    let parts: [(&str, Part); 4] =
        [("drain", drain), ("lag", lag), ("rate", rate), ("memory", memory)];
    let asked: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    for (name, part) in parts {
        if !asked.is_empty() && !asked.iter().any(|part| part == name) {
            continue;
        }
        match ControlPlane::start() {
            Ok(plane) => part(&plane, effort),
            Err(absent) => {
                absent.report();
                report::say("NO FIGURES: there is no control plane to measure on");
                return;
            }
        }
    }
}

/// Expired Jobs, all at once.
fn drain(plane: &ControlPlane, effort: Effort) {
    let (rounds, jobs) = effort.pick((3, 5000), (1, 200));
    report::head(&format!("Draining {jobs} expired Jobs, {rounds} rounds"), effort);
    let (mut ours, mut raw) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        // The order changes: a place in it must not be an advantage.
        for turn in 0..2 {
            let space = plane.namespace("drain");
            make(&space, jobs, &json!({}), clock::now() - 1.hour());
            if (turn + round) % 2 == 0 {
                ours.push(swept(plane, &space, jobs));
            } else {
                raw.push(deleted_by_hand(plane, &space, jobs));
            }
        }
    }
    let tuned = [
        "--kube-api-qps=5000",
        "--kube-api-burst=5000",
        "--concurrent-ttl-after-finished-syncs=20",
    ];
    let (default_jobs, tuned_jobs) = effort.pick((300, 2000), (20, 50));
    let built_in = [
        ("built-in, default flags", built_in(default_jobs, &[]), default_jobs),
        ("built-in, tuned", built_in(tuned_jobs, &tuned), tuned_jobs),
    ];
    let row = |name: &str, rates: &[f64], jobs: usize| {
        let (low, high) = range(rates.iter().copied());
        [
            name.to_owned(),
            jobs.to_string(),
            format!("{:.0}", median(rates.iter().copied())),
            format!("{low:.0}–{high:.0}"),
        ]
    };
    let mut rows =
        vec![row("curfew, rate: 10000", &ours, jobs), row("parallel delete loop", &raw, jobs)];
    for (name, rate, jobs) in built_in {
        rows.push(row(name, &[rate], jobs));
    }
    report::table(["deleted by", "Jobs", "Jobs/s", "range"], &rows);
    let ratio = median(ours.iter().zip(&raw).map(|(ours, raw)| ours / raw));
    report::say("");
    report::goal("at least 0.8 × the loop", &format!("{ratio:.2} ×"), ratio >= 0.8);
}

/// Single expiries, ten a second.
fn lag(plane: &ControlPlane, effort: Effort) {
    let count = effort.pick(600, 20);
    report::head(&format!("Lag of {count} single expiries, ten a second"), effort);
    let space = plane.namespace("lag");
    let policy = policy(&space.name, "ttl: 5s, stored: Delete", "rate: 10000");
    let curfew = sweep(plane, &policy);
    wait_until_swept(&curfew);
    let watch = watch_deletions(&space);
    let mut due = std::collections::BTreeMap::new();
    let start = clock::instant();
    for number in 0..count {
        let next = Duration::from_millis(100) * u32::try_from(number).expect("not so many");
        thread::sleep(next.saturating_sub(start.elapsed()));
        let (name, finish) = (format!("one-{number}"), clock::now());
        space.create(&job(&name, managed())).ok();
        space.finish_job(&name, Finish::Complete, finish);
        due.insert(name, finish.as_second() + 5);
    }
    let mut lags = Vec::new();
    while lags.len() < count {
        let (name, at) = watch.recv_timeout(Duration::from_secs(30)).expect("all of them go");
        let due = Timestamp::from_second(due[&name]).expect("it is soon");
        let late = Duration::try_from(at.duration_since(due));
        lags.push(late.expect("never before its due second"));
    }
    lags.sort();
    let of = |percent| percentile(&lags, percent);
    report::table(
        ["", "p50, ms", "p99, ms", "largest, ms"],
        &[[
            "from the due second to the watch event".to_owned(),
            format!("{:.0}", milliseconds(of(50))),
            format!("{:.0}", milliseconds(of(99))),
            format!("{:.0}", milliseconds(of(100))),
        ]],
    );
    report::say("");
    let p99 = of(99);
    report::goal(
        "p99 at most 200 ms",
        &format!("{:.0} ms", milliseconds(p99)),
        p99 <= Duration::from_millis(200),
    );
}

/// `stored.rate` as a ceiling, and what a user notices of a drain.
fn rate(plane: &ControlPlane, effort: Effort) {
    let (rounds, jobs) = effort.pick((3, 2000), (1, 100));
    report::head(&format!("Draining {jobs} Jobs with rate: 100, {rounds} rounds"), effort);
    let (mut rates, mut quiet, mut busy) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let space = plane.namespace("rate");
        make(&space, jobs, &json!({}), clock::now() - 1.hour());
        let policy = policy(&space.name, "ttl: 7d, stored: Delete", "rate: 100");
        let curfew = sweep(plane, &policy);
        wait_until_swept(&curfew);
        quiet.push(creates(plane, || false, effort.pick(400, 20)));
        let target = policy.replace("ttl: 7d", "ttl: 1s");
        curfew.set_policy(&[("policy.yaml", &target)]);
        eventually("it begins", LIMIT, || (done(&curfew) >= 1.0).then_some(()));
        let (start, first) = (clock::instant(), done(&curfew));
        busy.push(creates(plane, || done(&curfew) >= number(jobs), usize::MAX));
        rates.push((done(&curfew) - first) / start.elapsed().as_secs_f64());
    }
    let rate = median(rates.iter().copied());
    let (quiet, busy) = (median(quiet), median(busy));
    report::table(
        ["", "median"],
        &[
            ["deletions a second".to_owned(), format!("{rate:.1}")],
            ["p99 of a create, nothing else going on, ms".to_owned(), format!("{quiet:.1}")],
            ["p99 of a create during the drain, ms".to_owned(), format!("{busy:.1}")],
        ],
    );
    report::say("");
    let within = (rate - 100.0).abs() <= 10.0;
    report::goal("100 a second within 10 %", &format!("{rate:.1}"), within);
    let rise = busy / quiet;
    report::goal("creates rise by less than half", &format!("{rise:.2} ×"), rise < 1.5);
}

/// A cluster of 100,000 finished Jobs.
fn memory(plane: &ControlPlane, effort: Effort) {
    let jobs = effort.pick(100_000, 1000);
    report::head(&format!("{jobs} finished Jobs in the watch"), effort);
    let space = plane.namespace("large");
    let policy = policy(&space.name, "ttl: 7d, stored: Delete", "rate: 10000");
    let before = sweep(plane, &policy);
    wait_until_swept(&before);
    thread::sleep(REST);
    let idle = resident(&before);
    drop(before);
    make(&space, jobs, &json!({}), clock::now() - 1.hour());
    let start = clock::instant();
    let curfew = sweep(plane, &policy);
    eventually("all are looked at", LIMIT, || {
        (curfew.metric("curfew_stored_jobs") >= number(jobs)).then_some(())
    });
    let ready = start.elapsed();
    thread::sleep(REST);
    let full = resident(&curfew);
    let peak_free = policy.replace("ttl: 7d", "ttl: 1s");
    curfew.set_policy(&[("policy.yaml", &peak_free)]);
    eventually("all are gone", Duration::from_secs(1200), || {
        (done(&curfew) >= number(jobs)).then_some(())
    });
    thread::sleep(Duration::from_secs(70));
    let drained = resident(&curfew);
    let mebibytes = |bytes: f64| bytes / f64::from(1 << 20);
    let each = (full - idle) / number(jobs);
    report::table(
        ["", "figure"],
        &[
            ["start to everything judged, s".to_owned(), format!("{:.1}", ready.as_secs_f64())],
            ["resident, empty cluster, MiB".to_owned(), format!("{:.1}", mebibytes(idle))],
            ["resident, all Jobs, MiB".to_owned(), format!("{:.1}", mebibytes(full))],
            ["of it for each Job, bytes".to_owned(), format!("{each:.0}")],
            ["resident after the drain, MiB".to_owned(), format!("{:.1}", mebibytes(drained))],
        ],
    );
    report::say("");
    let ready = ready.as_secs_f64();
    report::goal("ready within 30 s", &format!("{ready:.1} s"), ready <= 30.0);
    let full = mebibytes(full);
    report::goal("at most 96 MiB", &format!("{full:.1} MiB"), full <= 96.0);
    report::goal("at most 600 bytes a Job", &format!("{each:.0}"), each <= 600.0);
    let rest = drained / idle;
    report::goal("back to 1.5 × idle after the drain", &format!("{rest:.2} ×"), rest <= 1.5);
}

/// Deletions a second of curfew.
fn swept(plane: &ControlPlane, space: &Namespace<'_>, jobs: usize) -> f64 {
    let policy = policy(&space.name, "ttl: 7d, stored: Delete", "rate: 10000");
    let curfew = sweep(plane, &policy);
    wait_until_swept(&curfew);
    curfew.set_policy(&[("policy.yaml", &policy.replace("ttl: 7d", "ttl: 1s"))]);
    eventually("it begins", LIMIT, || (done(&curfew) >= 1.0).then_some(()));
    let (start, first) = (clock::instant(), done(&curfew));
    eventually("all are gone", LIMIT, || (done(&curfew) >= number(jobs)).then_some(()));
    let rate = (number(jobs) - first) / start.elapsed().as_secs_f64();
    assert_eq!(space.jobs().len(), 0);
    rate
}

/// Deletions a second of a loop with as many calls under way.
fn deleted_by_hand(plane: &ControlPlane, space: &Namespace<'_>, jobs: usize) -> f64 {
    let names: Vec<String> = (0..jobs).map(name).collect();
    let api = Api::new(&plane.kubeconfig);
    let path = space.path("jobs");
    let start = clock::instant();
    parallel(AT_ONCE, names, move |name| {
        let (api, path) = (api.clone(), format!("{path}/{name}"));
        async move {
            let body = br#"{"propagationPolicy":"Background"}"#.to_vec();
            let reply = api.send("DELETE", &path, "application/json", body).await;
            assert!(reply.is_ok_and(|reply| reply.status == 200));
        }
    });
    number(jobs) / start.elapsed().as_secs_f64()
}

/// Deletions a second of the built-in controller, with flags.
fn built_in(jobs: usize, flags: &[&str]) -> f64 {
    let plane = ControlPlane::start().expect("there was one before");
    let space = plane.namespace("built-in");
    make(&space, jobs, &json!({"spec": {"ttlSecondsAfterFinished": 0}}), clock::now() - 1.hour());
    let controllers = ["garbage-collector-controller", "ttl-after-finished-controller"];
    plane.run_controllers_with(&controllers, flags).expect("there was one before");
    let left = || space.jobs().len();
    eventually("it begins", LIMIT, || (left() < jobs).then_some(()));
    let (start, first) = (clock::instant(), left());
    eventually("all are gone", LIMIT, || (left() == 0).then_some(()));
    number(first) / start.elapsed().as_secs_f64()
}

/// p99 in milliseconds of a user who creates Jobs one after the other, until `enough` or so many.
fn creates(plane: &ControlPlane, mut enough: impl FnMut() -> bool, most: usize) -> f64 {
    let space = plane.namespace("user");
    let mut took = Vec::new();
    while took.len() < most && !enough() {
        let reply = space.create(&job(&format!("one-{}", took.len()), managed()));
        took.push(reply.took);
        reply.ok();
    }
    took.sort();
    milliseconds(percentile(&took, 99))
}

fn sweep(plane: &ControlPlane, policy: &str) -> Curfew {
    let lease = sweeping::lease_name();
    sweeping::start(plane, &lease, &plane.kubeconfig, policy, &[])
}

fn policy(namespace: &str, rule: &str, stored: &str) -> String {
    format!(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: test}}\nspec:\n  \
         stored: {{action: Report, {stored}, brake: {{atMost: 1000000}}}}\n  rules:\n    \
         - {{name: here, match: {{namespaces: [{namespace}]}}, {rule}}}\n"
    )
}

fn wait_until_swept(curfew: &Curfew) {
    eventually("it leads", LIMIT, || (curfew.metric("curfew_leader") > 0.0).then_some(()));
}

/// How many deletions have ended.
fn done(curfew: &Curfew) -> f64 {
    curfew.metric_with("curfew_stored_actions_total", "action=\"delete\"")
}

fn resident(curfew: &Curfew) -> f64 {
    curfew.metric("process_resident_memory_bytes")
}

/// Finished Jobs that no controller runs.
fn make(space: &Namespace<'_>, count: usize, overlay: &Value, time: Timestamp) {
    let api = Arc::new(space.plane.api.clone());
    let path = space.path("jobs");
    let status = finished(Finish::Complete, time).to_string();
    let overlay = support::manifest::merged(managed(), overlay);
    parallel(16, (0..count).collect(), move |number| {
        let (api, path, status) = (Arc::clone(&api), path.clone(), status.clone());
        let body = job(&name(number), overlay.clone()).to_string();
        async move {
            let json = "application/json";
            let reply = api.send("POST", &path, json, body.into_bytes()).await;
            assert!(reply.is_ok_and(|reply| reply.status == 201));
            let path = format!("{path}/{}/status", name(number));
            let merge = "application/merge-patch+json";
            let reply = api.send("PATCH", &path, merge, status.into_bytes()).await;
            assert!(reply.is_ok_and(|reply| reply.status == 200));
        }
    });
}

/// Names of deleted Jobs, with the moment at which the watch told.
fn watch_deletions(space: &Namespace<'_>) -> std::sync::mpsc::Receiver<(String, Timestamp)> {
    let (tell, told) = std::sync::mpsc::channel();
    let (client, path) = (space.plane.api.client(), space.path("jobs"));
    let ready = Arc::new(AtomicBool::new(false));
    let is_ready = Arc::clone(&ready);
    runtime().spawn(async move {
        let request = http::Request::get(format!("{path}?watch=1")).body(Vec::new());
        let stream = client.request_stream(request.expect("the path is valid")).await;
        let mut lines = stream.expect("an administrator may watch").lines();
        is_ready.store(true, Ordering::Release);
        while let Ok(Some(line)) = lines.try_next().await {
            let at = clock::now();
            let event: Value = serde_json::from_str(&line).expect("an event is JSON");
            if event["type"] == "DELETED" {
                let name = event["object"]["metadata"]["name"].as_str().unwrap_or_default();
                if tell.send((name.to_owned(), at)).is_err() {
                    return;
                }
            }
        }
    });
    eventually("the watch begins", LIMIT, || ready.load(Ordering::Acquire).then_some(()));
    told
}

fn managed() -> Value {
    json!({"spec": {"managedBy": "example.test/nobody"}})
}

fn name(number: usize) -> String {
    format!("job-{number:06}")
}

/// As many calls as the sweeper has under way at most.
const AT_ONCE: usize = 64;
const LIMIT: Duration = Duration::from_secs(300);

/// So that what was started at the start has come to rest.
const REST: Duration = Duration::from_secs(5);
