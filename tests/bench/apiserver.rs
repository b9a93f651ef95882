//! What a webhook costs where it counts: in a kube-apiserver, while Jobs are created four at a time.
//!
//! Run with `cargo bench --bench apiserver`; it starts the control plane of the tests and says so
//! where there can be none. Five ways to create a Job take turns in each round, each in a namespace
//! of its own: with no webhook, with curfew, with an echo that allows everything, with an echo that
//! gives curfew's answer without having looked, and with a `MutatingAdmissionPolicy` that does the
//! same. All five stay registered throughout, so none profits from a shorter list.

pub mod common;
#[path = "../support/harness.rs"]
pub mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use curfew::clock;
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use common::{
    Called, Effort,
    client::Target,
    echo::Answers,
    report,
    server::{Server, Site},
    statistics::{median, milliseconds, number, percentile, range},
};
use support::{
    control_plane::ControlPlane,
    manifest::{job, merged},
    namespace::Namespace,
    registration::{self, Endpoint, Registration},
    wait::{eventually, runtime},
};

/// One way to create a Job.
struct Way<'a> {
    name: &'static str,
    /// Under which the API server measures it, where it is a webhook.
    webhook: Option<&'static str>,
    /// Whether its Jobs get the TTL.
    sets: bool,
    space: Namespace<'a>,
    rounds: Vec<Round>,
}

/// What came of creating some Jobs.
struct Round {
    latencies: Vec<Duration>,
    elapsed: Duration,
    /// Jobs whose TTL is not as it should be: calls that failed open.
    missed: usize,
}

/// How long the API server waited for a webhook, from its own histogram.
#[derive(Clone, Copy)]
struct Waited {
    calls: f64,
    within_5_ms: f64,
    within_25_ms: f64,
    seconds: f64,
}

fn main() {
    match common::called() {
        Called::Echo(echo) => echo.serve(),
        Called::Measure(effort) => match ControlPlane::start() {
            Ok(plane) => measure(&plane, effort),
            Err(absent) => {
                absent.report();
                report::say("NO FIGURES: there is no control plane to measure on");
            }
        },
        Called::Nothing => {}
    }
}

fn measure(plane: &ControlPlane, effort: Effort) {
    let (rounds, jobs) = effort.pick((7, 286), (2, 20));
    report::head("Creating Jobs through a kube-apiserver", effort);
    report::say(format!(
        "{rounds} rounds of {jobs} Jobs each way, {AT_A_TIME} at a time; webhooks by loopback URL, \
         which API servers call over HTTP/2"
    ));
    let site = Site::prepare();
    let policy = site.path("policy.yaml");
    std::fs::write(&policy, POLICY).expect("it is writable");
    let curfew = site.curfew(Some(&policy));
    let answer = answer(&site, &curfew);
    let allowing = site.echo(Answers::Review(r#""allowed":true"#.to_owned()));
    let repeating = site.echo(Answers::Review(members(&answer)));
    let way = |name, webhook, sets, prefix: &str| Way {
        name,
        webhook,
        sets,
        space: plane.namespace(prefix),
        rounds: Vec::new(),
    };
    let mut ways = [
        way("none", None, false, "none"),
        way("curfew", Some("jobs.curfew.dev"), true, "curfew"),
        way("echo that allows", Some("allow.echo.test"), false, "allow"),
        way("echo with curfew's answer", Some("repeat.echo.test"), true, "repeat"),
        way("MutatingAdmissionPolicy", None, true, "map"),
    ];
    let _registrations = [
        register(&site, &curfew, &ways[1]),
        register(&site, &allowing, &ways[2]),
        register(&site, &repeating, &ways[3]),
    ];
    write_policy(plane, &ways[4].space, &operations(&answer), &conditions(&site, &curfew));
    let before = waited(plane, &ways);
    for round in 0..rounds {
        // The order changes: a place in it must not be an advantage.
        for turn in 0..ways.len() {
            let number = (turn + round) % ways.len();
            let way = &mut ways[number];
            way.rounds.push(create(way, round, jobs));
        }
    }
    let after = waited(plane, &ways);
    print(&ways, &before, &after);
}

fn print(ways: &[Way<'_>; 5], before: &[Option<Waited>], after: &[Option<Waited>]) {
    let share = |waited: &Waited, within: f64| 100.0 * within / waited.calls;
    let mut rows = Vec::new();
    let mut first = Vec::new();
    for ((way, before), after) in ways.iter().zip(before).zip(after) {
        let Some(waited) = after.zip(*before).map(|(after, before)| after.since(before)) else {
            continue;
        };
        let (in_first, in_second) =
            (share(&waited, waited.within_5_ms), share(&waited, waited.within_25_ms));
        first.push(in_first);
        rows.push([
            way.name.to_owned(),
            format!("{:.0}", waited.calls),
            format!("{in_first:.2}"),
            format!("{in_second:.2}"),
            format!("{:.2}", 1e3 * waited.seconds / waited.calls),
        ]);
    }
    report::table(["webhook", "calls", "≤ 5 ms, %", "≤ 25 ms, %", "mean, ms"], &rows);
    let rows: Vec<_> = ways.iter().map(|way| row(way, &ways[0], &ways[4])).collect();
    let head = ["created with", "Jobs/s", "p50 ms", "p99 ms", "Jobs/s to none", "Jobs/s to MAP"];
    report::table(head, &rows);
    let missed: usize = ways.iter().flat_map(|way| &way.rounds).map(|round| round.missed).sum();
    report::say(format!("\nJobs whose TTL is not as it should be: {missed}"));
    if let [curfew, allowing, repeating] = first.as_slice() {
        report::goal(
            "99 % of the calls in the API server's first bucket (5 ms), or within a point of an echo",
            &format!("{curfew:.2} % (echoes: {allowing:.2} % and {repeating:.2} %)"),
            *curfew >= 99.0 || *curfew >= allowing.min(*repeating) - 1.0,
        );
    }
}

fn row(way: &Way<'_>, none: &Way<'_>, policy: &Way<'_>) -> [String; 6] {
    let of_rounds = |of: fn(&Round) -> f64| median(way.rounds.iter().map(of));
    let against = |other: &Way<'_>| {
        let ratios = || way.rounds.iter().zip(&other.rounds).map(|(a, b)| a.speed() / b.speed());
        let (low, high) = range(ratios());
        format!("{:.2} ({low:.2}–{high:.2})", median(ratios()))
    };
    [
        way.name.to_owned(),
        format!("{:.0}", of_rounds(Round::speed)),
        format!("{:.2}", of_rounds(|round| milliseconds(percentile(&round.latencies, 50)))),
        format!("{:.2}", of_rounds(|round| milliseconds(percentile(&round.latencies, 99)))),
        against(none),
        against(policy),
    ]
}

/// What curfew answers to the creation of a Job like ours.
fn answer(site: &Site, curfew: &Server) -> Value {
    let review = include_bytes!("../fixtures/reviews/01-create-jobs-plain.json");
    let target = Target::new(curfew.address, &site.certificate, vec![review.as_slice().into()]);
    let answers = runtime().block_on(target.answers()).expect("curfew answers");
    serde_json::from_slice(&answers[0]).expect("curfew answers in JSON")
}

/// The members of the response after its uid, as text.
fn members(answer: &Value) -> String {
    let members = answer["response"].as_object().expect("it is an object").iter();
    let members: Map<_, _> =
        members.filter(|(name, _)| *name != "uid").map(|(n, v)| (n.clone(), v.clone())).collect();
    let text = Value::Object(members).to_string();
    text.trim_matches(['{', '}']).to_owned()
}

fn operations(answer: &Value) -> Vec<Value> {
    let patch = answer["response"]["patch"].as_str().expect("curfew gives the Job a TTL");
    let patch = STANDARD.decode(patch).expect("a patch is in base64");
    serde_json::from_slice(&patch).expect("a patch is JSON")
}

fn endpoint(site: &Site, server: &Server) -> Endpoint {
    let pem = std::fs::read(site.path("tls.crt")).expect("the servers read it too");
    Endpoint::url(server.address, &STANDARD.encode(pem))
}

/// As the chart registers curfew, under another name.
fn register<'a>(site: &Site, server: &Server, way: &Way<'a>) -> Registration<'a> {
    let [jobs, ..] = &registration::curfew(&endpoint(site, server))[..] else {
        panic!("the chart has a webhook for Jobs");
    };
    let name = way.webhook.expect("only webhooks are registered");
    let webhook = merged(jobs.clone(), json!({"name": name}));
    Registration::new("bench", &[&way.space], &[webhook])
}

/// The match conditions of the chart's webhook.
fn conditions(site: &Site, server: &Server) -> Value {
    registration::curfew(&endpoint(site, server))[0]["matchConditions"].clone()
}

/// Writes a policy that applies the same operations, and waits until it does.
fn write_policy(
    plane: &ControlPlane,
    space: &Namespace<'_>,
    operations: &[Value],
    conditions: &Value,
) {
    // JSON is the same in CEL.
    let operations: Vec<String> = operations
        .iter()
        .map(|operation| {
            let part = |name: &str| operation[name].to_string();
            let (op, path, value) = (part("op"), part("path"), part("value"));
            format!("JSONPatch{{op: {op}, path: {path}, value: {value}}}")
        })
        .collect();
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": "bench"},
        "spec": {
            "failurePolicy": "Ignore",
            "reinvocationPolicy": "IfNeeded",
            "matchConditions": conditions,
            "matchConstraints": {"resourceRules": [{
                "apiGroups": ["batch"],
                "apiVersions": ["v1"],
                "operations": ["CREATE", "UPDATE"],
                "resources": ["jobs"],
            }]},
            "mutations": [{
                "patchType": "JSONPatch",
                "jsonPatch": {"expression": format!("[{}]", operations.join(", "))},
            }],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": "bench"},
        "spec": {
            "policyName": "bench",
            "matchResources": {"namespaceSelector": {
                "matchLabels": {"kubernetes.io/metadata.name": space.name},
            }},
        },
    });
    for (resource, object) in
        [("mutatingadmissionpolicies", policy), ("mutatingadmissionpolicybindings", binding)]
    {
        let path = format!("/apis/admissionregistration.k8s.io/v1/{resource}");
        plane.api.post(&path, &object).ok();
    }
    eventually("the MutatingAdmissionPolicy works", Duration::from_secs(30), || {
        has_ttl(&space.dry_run(&job("probe", json!({}))).ok()).then_some(())
    });
}

fn create(way: &Way<'_>, round: usize, jobs: usize) -> Round {
    let next = Arc::new(AtomicUsize::new(0));
    let start = clock::instant();
    let replies = runtime().block_on(async {
        let mut workers = JoinSet::new();
        for _ in 0..AT_A_TIME {
            let (api, path, next) =
                (way.space.plane.api.clone(), way.space.path("jobs"), Arc::clone(&next));
            workers.spawn(async move {
                let mut replies = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= jobs {
                        break replies;
                    }
                    let body = job(&format!("bench-{round}-{number}"), json!({})).to_string();
                    let reply = api.send("POST", &path, "application/json", body.into()).await;
                    replies.push(reply.expect("the API server answers"));
                }
            });
        }
        workers.join_all().await
    });
    let elapsed = start.elapsed();
    let replies: Vec<_> = replies.into_iter().flatten().collect();
    let mut latencies: Vec<Duration> = replies.iter().map(|reply| reply.took).collect();
    latencies.sort_unstable();
    let objects = replies.into_iter().map(support::api::Reply::ok);
    let missed = objects.filter(|object| has_ttl(object) != way.sets).count();
    Round { latencies, elapsed, missed }
}

fn has_ttl(job: &Value) -> bool {
    job["spec"]["ttlSecondsAfterFinished"].is_number()
}

/// What the API server says of each way that is a webhook.
fn waited(plane: &ControlPlane, ways: &[Way<'_>]) -> Vec<Option<Waited>> {
    let metrics = plane.api.get("/metrics").ok();
    let metrics = metrics.as_str().expect("metrics are text");
    ways.iter().map(|way| way.webhook.map(|name| Waited::read(metrics, name))).collect()
}

// === impl Round ===

impl Round {
    /// Jobs a second.
    fn speed(&self) -> f64 {
        number(self.latencies.len()) / self.elapsed.as_secs_f64()
    }
}

// === impl Waited ===

impl Waited {
    fn read(metrics: &str, webhook: &str) -> Self {
        let name = format!("name=\"{webhook}\"");
        let sum = |suffix: &str, label: &str| {
            let prefix = format!("{HISTOGRAM}_{suffix}{{");
            let lines = metrics.lines().filter(|line| {
                line.starts_with(&prefix)
                    && [&*name, "operation=\"CREATE\"", label]
                        .iter()
                        .all(|part| line.contains(part))
            });
            lines
                .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
                .fold(0.0, |sum, value| sum + value)
        };
        Self {
            calls: sum("count", ""),
            within_5_ms: sum("bucket", "le=\"0.005\""),
            within_25_ms: sum("bucket", "le=\"0.025\""),
            seconds: sum("sum", ""),
        }
    }

    fn since(self, before: Self) -> Self {
        Self {
            calls: self.calls - before.calls,
            within_5_ms: self.within_5_ms - before.within_5_ms,
            within_25_ms: self.within_25_ms - before.within_25_ms,
            seconds: self.seconds - before.seconds,
        }
    }
}

const HISTOGRAM: &str = "apiserver_admission_webhook_admission_duration_seconds";

const AT_A_TIME: usize = 4;

const POLICY: &str = "
apiVersion: curfew.dev/v1alpha1
kind: JobPolicy
metadata: {name: bench}
spec:
  defaults: {ttl: 1h}
";
