//! How late starts are, and what many `CronJob`s cost: on a kube-apiserver, beside the built-in
//! controller.
//!
//! Run with `cargo bench --bench scheduler`, or with `-- starts`, `-- many` or `-- idle` for a part;
//! it starts the control plane of the tests and says so where there can be none. The lag of a start
//! is taken from the API server's audit log: when the creation of the Job was answered, against the
//! full minute that its name tells. The baseline is a client that creates as many Jobs with as many
//! calls under way as the scheduler may have. There are no nodes, and no Job ends.

pub mod common;
#[path = "../support/harness.rs"]
pub mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use curfew::clock;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde_json::{Value, json};

use common::{
    Called, Effort, report,
    statistics::{median, milliseconds, number, percentile},
};
use support::{
    control_plane::ControlPlane,
    curfew::Curfew,
    load::parallel,
    manifest::{cron_job, job},
    namespace::Namespace,
    sweeping::{self, lease_name},
    wait::eventually,
};

/// Measures something on control planes of its own.
type Part = fn(Effort);

/// How late the starts of some minutes were, the earliest first.
struct Lags {
    sorted: Vec<Duration>,
    missed: usize,
    doubled: usize,
}

fn main() {
    let Called::Measure(effort) = common::called() else { return };
    if let Err(absent) = ControlPlane::start() {
        absent.report();
        report::say("NO FIGURES: there is no control plane to measure on");
        return;
    }
    let parts: [(&str, Part); 3] = [("starts", starts), ("many", many), ("idle", idle)];
    let asked: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    for (name, part) in parts {
        if asked.is_empty() || asked.iter().any(|part| part == name) {
            part(effort);
        }
    }
}

/// 500 `CronJob`s of one minute, by curfew and by the built-in controller, default and tuned.
fn starts(effort: Effort) {
    let (count, minutes) = effort.pick((500, 3), (20, 1));
    report::head(&format!("{count} CronJobs of one minute, {minutes} minutes each"), effort);
    let (ours, raw) = owned(count, minutes);
    let tuned = ["--kube-api-qps=5000", "--kube-api-burst=5000", "--concurrent-cron-job-syncs=20"];
    let rows = [
        ours.row("curfew, Own"),
        built_in(count, minutes, &[]).row("built-in, default flags"),
        built_in(count, minutes, &tuned).row("built-in, tuned"),
    ];
    tell(&rows, raw, count);
    ours.judge(raw, count);
}

/// 5,000 of them.
fn many(effort: Effort) {
    let (count, minutes) = effort.pick((5000, 3), (100, 1));
    report::head(&format!("{count} CronJobs of one minute, {minutes} minutes"), effort);
    let (ours, raw) = owned(count, minutes);
    tell(&[ours.row("curfew, Own")], raw, count);
    ours.judge(raw, count);
    report::goal(
        "none missed, none doubled",
        &format!("{} missed, {} doubled", ours.missed, ours.doubled),
        ours.missed + ours.doubled == 0,
    );
}

/// 10,000 `CronJob`s whose time does not come.
fn idle(effort: Effort) {
    let count = effort.pick(10_000, 100);
    report::head(&format!("{count} idle CronJobs"), effort);
    let plane = ControlPlane::start().expect("there was one before");
    let space = plane.namespace("idle");
    make(&space, count, "0 2 1 1 *");
    let curfew = own(&plane);
    eventually("all are looked at", LIMIT, || {
        (curfew.metric("curfew_cronjobs") >= number(count)).then_some(())
    });
    thread::sleep(effort.pick(Duration::from_secs(60), Duration::from_secs(1)));
    let resident = curfew.metric("process_resident_memory_bytes") / f64::from(1 << 20);
    let before = curfew.metric("process_cpu_seconds_total");
    let span = effort.pick(Duration::from_secs(180), Duration::from_secs(2));
    thread::sleep(span);
    let used = curfew.metric("process_cpu_seconds_total") - before;
    let share = 100.0 * used / span.as_secs_f64();
    report::table(
        ["", "figure"],
        &[
            ["resident, MiB".to_owned(), format!("{resident:.1}")],
            ["of a core, %".to_owned(), format!("{share:.2}")],
        ],
    );
    report::say("");
    report::goal("at most 64 MiB", &format!("{resident:.1} MiB"), resident <= 64.0);
    report::goal("at most 1 % of a core", &format!("{share:.2} %"), share <= 1.0);
}

/// The starts of curfew; and how many Jobs a second a client creates on the same API server.
fn owned(count: usize, minutes: u32) -> (Lags, f64) {
    let plane = ControlPlane::start().expect("there was one before");
    let rates = (0..3).map(|_| created_by_hand(&plane, count)).collect::<Vec<_>>();
    let space = plane.namespace("owned");
    make(&space, count, "* * * * *");
    let curfew = own(&plane);
    eventually("it owns", LIMIT, || (curfew.metric("curfew_scheduler_owning") > 0.5).then_some(()));
    let lags = observed(&space, count, minutes);
    (lags, median(rates))
}

fn own(plane: &ControlPlane) -> Curfew {
    let policy = "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {name: bench}\n\
                  spec:\n  scheduler: {mode: Own, clusterTimeZone: UTC}\n";
    sweeping::start(plane, &lease_name(), &plane.kubeconfig, policy, &["--force-own"])
}

fn built_in(count: usize, minutes: u32, flags: &[&str]) -> Lags {
    let plane = ControlPlane::start().expect("there was one before");
    let space = plane.namespace("built-in");
    make(&space, count, "* * * * *");
    plane.run_controllers_with(&["cronjob-controller"], flags).expect("there was one before");
    observed(&space, count, minutes)
}

/// Waits for some minutes and reads from the audit log how their starts went.
fn observed(space: &Namespace<'_>, count: usize, minutes: u32) -> Lags {
    let now = clock::now().as_second();
    // The first minute is for what has to begin.
    let first = Timestamp::from_second((now / 60 + 2) * 60).expect("it is soon");
    let until = first + i64::from(minutes).minutes();
    let wait = Duration::try_from(until.duration_since(clock::now())).expect("it is to come");
    // What is left of the last minute is late, and is not waited for after it.
    thread::sleep(wait);
    let mut created: BTreeMap<String, Vec<Timestamp>> = BTreeMap::new();
    for call in space.plane.audit.of(&space.name) {
        let about = &call["objectRef"];
        if call["verb"] == "create"
            && about["resource"] == "jobs"
            && call["responseStatus"]["code"] == 201
            && let Some(name) = about["name"].as_str()
        {
            let at = call["stageTimestamp"].as_str().and_then(|text| text.parse().ok());
            created.entry(name.to_owned()).or_default().push(at.expect("it has a time"));
        }
    }
    let mut lags = Lags { sorted: Vec::new(), missed: 0, doubled: 0 };
    for turn in 0..minutes {
        let slot = first + i64::from(turn).minutes();
        for number in 0..count {
            let name = curfew::scheduler::job::name(&self::name(number), slot);
            match created.get(&name).map(Vec::as_slice) {
                None | Some([]) => lags.missed += 1,
                Some([at, others @ ..]) => {
                    let lag = at.duration_since(slot).max(SignedDuration::ZERO);
                    lags.sorted.push(Duration::try_from(lag).expect("it is not negative"));
                    lags.doubled += usize::from(!others.is_empty());
                }
            }
        }
    }
    lags.sorted.sort();
    lags
}

/// Jobs a second of a client with as many calls under way.
fn created_by_hand(plane: &ControlPlane, count: usize) -> f64 {
    let space = plane.namespace("raw");
    let (api, path) = (plane.api.clone(), space.path("jobs"));
    let start = clock::instant();
    parallel(AT_ONCE, (0..count).collect(), move |number| {
        let (api, path) = (api.clone(), path.clone());
        let body = job(&name(number), json!({})).to_string();
        async move {
            let reply = api.send("POST", &path, "application/json", body.into_bytes()).await;
            assert!(reply.is_ok_and(|reply| reply.status == 201));
        }
    });
    number(count) / start.elapsed().as_secs_f64()
}

/// `CronJob`s whose Jobs nobody runs.
fn make(space: &Namespace<'_>, count: usize, schedule: &str) {
    let api = Arc::new(space.plane.api.clone());
    let path = space.path("cronjobs");
    let spec: Value = json!({"spec": {
        "schedule": schedule,
        "jobTemplate": {"spec": {"managedBy": "example.test/nobody"}},
    }});
    parallel(16, (0..count).collect(), move |number| {
        let (api, path) = (Arc::clone(&api), path.clone());
        let body = cron_job(&name(number), spec.clone()).to_string();
        async move {
            let reply = api.send("POST", &path, "application/json", body.into_bytes()).await;
            assert!(reply.is_ok_and(|reply| reply.status == 201));
        }
    });
}

fn tell(rows: &[[String; 5]], raw: f64, count: usize) {
    report::table(["started by", "p50, s", "p99, s", "largest, s", "missed"], rows);
    let all = number(count) / raw;
    report::say(format!("a parallel client creates {raw:.0} Jobs/s: {count} take {all:.2} s"));
    report::say("");
}

// === impl Lags ===

impl Lags {
    fn row(&self, name: &str) -> [String; 5] {
        let seconds = |percent| {
            let of = |lags: &Vec<Duration>| milliseconds(percentile(lags, percent)) / 1e3;
            if self.sorted.is_empty() { "-".to_owned() } else { format!("{:.2}", of(&self.sorted)) }
        };
        [name.to_owned(), seconds(50), seconds(99), seconds(100), self.missed.to_string()]
    }

    fn judge(&self, raw: f64, count: usize) {
        let all = number(count) / raw;
        let of = |percent| milliseconds(percentile(&self.sorted, percent)) / 1e3 / all;
        let p99 = of(99);
        report::goal("p99 at most 1.3 × the raw time", &format!("{p99:.2} ×"), p99 <= 1.3);
    }
}

fn name(number: usize) -> String {
    format!("cron-{number:05}")
}

/// As many calls as the scheduler has under way at the start of a minute.
const AT_ONCE: usize = 32;
const LIMIT: Duration = Duration::from_secs(300);
