//! Commands at an API server that fails half-way: one that says what a test wants it to.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use curfew::sweeper::Reach;
use curfew::sweeper::plan::{Options, Plan, Snapshot, older_than};
use serde_json::{Value, json};

use super::User;
use crate::support::process::Scratch;

/// Answers each request with what a function of its method and path says, until the test ends.
fn server(
    folder: &Scratch,
    answer: impl Fn(&str, &str) -> (u16, Value) + Send + Sync + 'static,
) -> PathBuf {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
    let address = listener.local_addr().expect("it is bound");
    let answer = Arc::new(answer);
    // Ends with the process: each test binary has few of them.
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let answer = Arc::clone(&answer);
            thread::spawn(move || serve(stream, &*answer));
        }
    });
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "clusters": [{"name": "test", "cluster": {"server": format!("http://{address}")}}],
        "users": [{"name": "test", "user": {}}],
    });
    folder.write("stub.kubeconfig", config.to_string())
}

fn serve(stream: TcpStream, answer: &dyn Fn(&str, &str) -> (u16, Value)) {
    let mut reader = BufReader::new(stream.try_clone().expect("a socket can be shared"));
    let mut stream = stream;
    loop {
        let mut first = String::new();
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or_default() == 0 {
                return;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length is a number");
            }
            match (first.is_empty(), line.trim()) {
                (_, "") => break,
                (true, line) => line.clone_into(&mut first),
                (false, _) => {}
            }
        }
        let mut body = vec![0; length];
        let _ = reader.read_exact(&mut body);
        let mut words = first.split(' ');
        let method = words.next().unwrap_or_default();
        let (status, body) = answer(method, words.next().unwrap_or_default());
        let body = body.to_string();
        let head = format!("HTTP/1.1 {status} x\r\ncontent-type: application/json\r\n");
        let head = format!("{head}content-length: {}\r\n\r\n", body.len());
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
    }
}

fn job(number: usize) -> Value {
    json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {
            "name": format!("old-{number}"), "namespace": "apps", "uid": format!("u-{number}"),
            "resourceVersion": "7",
        },
        "spec": {"template": {"spec": {}}},
        "status": {"conditions": [{
            "type": "Complete", "status": "True", "lastTransitionTime": "2026-11-01T00:00:00Z",
        }]},
    })
}

fn failure(code: u16, message: &str) -> (u16, Value) {
    let status = json!({
        "apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code,
        "message": message,
    });
    (code, status)
}

/// The plan of a clean-up of so many Jobs, in a file.
fn plan(user: &User, jobs: usize) {
    let mut snapshot = Snapshot::new();
    for number in 0..jobs {
        snapshot.add(job(number), "").expect("it is a good Job");
    }
    let age = "7d".parse().expect("it is a duration");
    let options = Options {
        now: curfew::clock::now(),
        own_namespace: None,
        reach: &Reach::EVERYWHERE,
        older_than: Some(age),
        everything: false,
        dump: false,
    };
    let plan = Plan::new(&older_than(age, false).expect("it is ours"), &snapshot, &options);
    assert_eq!(plan.items.len(), jobs);
    user.folder.write("plan.json", serde_json::to_string(&plan).expect("a plan is JSON"));
}

fn user(answer: impl Fn(&str, &str) -> (u16, Value) + Send + Sync + 'static) -> User {
    let mut user = User::with(&PathBuf::new());
    user.kubeconfig = server(&user.folder, answer);
    user
}

/// The first page is no plan.
#[test]
fn a_list_that_breaks_off_is_an_error() {
    for (code, why) in [(410, "continue token has expired"), (500, "etcd is away")] {
        let user = user(move |_, path| match path {
            path if path.contains("continue=") => failure(code, why),
            path if path.contains("/jobs?") => {
                let metadata = json!({"continue": "next", "remainingItemCount": 5});
                (200, json!({"metadata": metadata, "items": [job(1), job(2)]}))
            }
            path if path.ends_with("kube-system") => failure(404, "none"),
            _ => (200, json!({"metadata": {}, "items": []})),
        });
        for output in ["table", "yaml", "name"] {
            let ended = user.run(&["plan", "--older-than", "7d", "-o", output]).code(3);
            assert_eq!(ended.stdout, "");
            assert!(ended.stderr.contains("cannot list Jobs") && ended.stderr.contains(why));
        }
    }
}

/// What the brake would count is counted where the sweeper writes, as its leader says; where that
/// may not be read, everywhere.
#[test]
fn a_plan_counts_where_the_sweeper_writes() {
    let writes = |namespace: &str| {
        let status = json!({"writes": [namespace]}).to_string();
        let metadata = json!({"name": "curfew", "namespace": "curfew-system",
            "annotations": {"curfew.dev/status": status}});
        (200, json!({"metadata": {}, "items": [{"metadata": metadata}]}))
    };
    for (leases, told) in [
        (writes("apps"), "note: 2 finished Jobs are due within the hour only in apps, more than"),
        (writes("elsewhere"), ""),
        (failure(403, "no"), "note: 2 finished Jobs are due within the hour, more than"),
    ] {
        let user = user(move |_, path| match path {
            path if path.contains("/leases?") => leases.clone(),
            path if path.contains("/jobs?") => {
                (200, json!({"metadata": {}, "items": [job(1), job(2)]}))
            }
            path if path.ends_with("kube-system") => failure(404, "none"),
            _ => (200, json!({"metadata": {}, "items": []})),
        });
        let policy = "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {name: test}\n\
                      spec: {stored: {action: Delete, brake: {atMost: 1}}, defaults: {ttl: 1h}}\n";
        user.folder.write("policy.yaml", policy);
        let ended = user.run(&["plan", "--policy", "policy.yaml"]).code(1);
        assert!(ended.stderr.contains(told), "{ended:?}");
        assert_eq!(ended.stderr.contains("within the hour"), !told.is_empty(), "{ended:?}");
    }
}

#[test]
fn too_much_to_do_is_tried_again() {
    let calls = AtomicUsize::new(0);
    let user = user(move |method, _| {
        if method != "DELETE" {
            return failure(404, "none");
        }
        match calls.fetch_add(1, Ordering::SeqCst) {
            0 => failure(429, "too many requests"),
            1 => failure(503, "not now"),
            _ => (200, json!({"kind": "Status", "status": "Success"})),
        }
    });
    plan(&user, 3);
    let ended = user.run(&["sweep", "plan.json", "--yes", "-o", "json"]).code(0);
    assert_eq!(ended.json()["deleted"], 3, "{ended:?}");
}

/// It is given up, and told as what it is; the rest is not tried.
#[test]
fn an_api_server_that_is_away_stops_a_sweep() {
    let user = user(|method, path| match method {
        "DELETE" => failure(503, "away"),
        _ if path.ends_with("kube-system") => failure(403, "no"),
        _ => failure(503, "away"),
    });
    plan(&user, 200);
    let ended = user.run(&["sweep", "plan.json", "--yes", "-o", "json"]).code(3);
    assert!(ended.stderr.contains("the API server does not answer: HTTP 503"), "{ended:?}");
    assert!(ended.stderr.contains("namespace kube-system may not be read"), "{ended:?}");
    let tally = ended.json();
    let count = |name: &str| tally[name].as_u64().expect("it is a count");
    assert_eq!((count("deleted"), count("refused")), (0, 0));
    assert_eq!(count("failed") + count("untouched"), 200, "{tally}");
    assert!(count("untouched") > 100, "{tally}");
}
