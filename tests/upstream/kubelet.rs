//! A node that is none: it takes every Pod, and says of it what a kubelet would say, by what the
//! command of the first container would do.

use std::time::Duration;

use curfew::clock;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::support::api::Api;
use crate::support::scheduling::second;
use crate::support::wait::{eventually, runtime};

/// Holds the task of the node.
pub(crate) struct Kubelet(JoinHandle<()>);

/// What is to be done for a Pod next.
#[derive(Debug, Eq, PartialEq)]
enum Step {
    Bind,
    Report(Value),
    /// It has ended after somebody deleted it.
    Remove,
}

/// How a container ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Fate {
    after: i64,
    exit: u8,
}

// === impl Kubelet ===

impl Kubelet {
    /// Starts and waits until Pods may come.
    pub(crate) fn start(api: &Api) -> Self {
        api.post("/api/v1/nodes", &json!({
            "metadata": {"name": NODE, "labels": {"kubernetes.io/hostname": NODE, "kubernetes.io/os": "linux"}},
        })).ok();
        let kubelet = Self(runtime().spawn(run(api.clone())));
        eventually("the taint of a new node is taken off", LIMIT, || {
            api.get(&format!("/api/v1/nodes/{NODE}")).ok()["spec"]["taints"].is_null().then_some(())
        });
        kubelet
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn run(api: Api) {
    let mut beat = Timestamp::UNIX_EPOCH;
    loop {
        let now = clock::now();
        if now > beat + 10.seconds() {
            let status = node_status(now).to_string();
            let path = format!("/api/v1/nodes/{NODE}/status");
            let _ = api.send("PATCH", &path, MERGE, status.into_bytes()).await;
            beat = now;
        }
        // An API server that is busy is asked again; whatever failed is still to be done then.
        if let Ok(list) = api.send("GET", "/api/v1/pods", JSON, Vec::new()).await {
            for pod in list.body["items"].as_array().into_iter().flatten() {
                if let Some(step) = next(pod, now) {
                    let _ = perform(&api, pod, step).await;
                }
            }
        }
        sleep(Duration::from_millis(250)).await;
    }
}

async fn perform(api: &Api, pod: &Value, step: Step) -> Result<(), kube::Error> {
    let text = |key: &str| pod["metadata"][key].as_str().unwrap_or_default();
    let path = format!("/api/v1/namespaces/{}/pods/{}", text("namespace"), text("name"));
    let uid = text("uid");
    let (verb, path, content, body) = match step {
        Step::Bind => {
            let target = json!({"apiVersion": "v1", "kind": "Node", "name": NODE});
            let binding = json!({"metadata": {"name": text("name"), "uid": uid}, "target": target});
            ("POST", format!("{path}/binding"), JSON, binding)
        }
        Step::Report(status) => {
            let status = json!({"metadata": {"uid": uid}, "status": status});
            ("PATCH", format!("{path}/status"), MERGE, status)
        }
        Step::Remove => {
            ("DELETE", path, JSON, json!({"gracePeriodSeconds": 0, "preconditions": {"uid": uid}}))
        }
    };
    api.send(verb, &path, content, body.to_string().into_bytes()).await?;
    Ok(())
}

fn next(pod: &Value, now: Timestamp) -> Option<Step> {
    let deleted = pod["metadata"].get("deletionTimestamp").is_some();
    let phase = pod["status"]["phase"].as_str().unwrap_or_default();
    if pod["spec"]["nodeName"].is_null() {
        return (!deleted).then_some(Step::Bind);
    }
    let ended = ["Succeeded", "Failed"].contains(&phase);
    if deleted && ended {
        // Finalizers may keep it for a while after that.
        let gone = pod["metadata"]["deletionGracePeriodSeconds"] == 0;
        return (!gone).then_some(Step::Remove);
    }
    if ended {
        return None;
    }
    let container = &pod["status"]["containerStatuses"][0];
    let restarts = container["restartCount"].as_i64().unwrap_or_default();
    let begun = container["state"]["running"]["startedAt"].as_str();
    let begun: Option<Timestamp> = begun.and_then(|time| time.parse().ok());
    let status = match begun {
        _ if deleted => status(pod, "Failed", restarts, &ended_state(begun, 137, now), now),
        None => status(pod, "Running", 0, &running_state(now), now),
        Some(begun) => {
            let Fate { after, exit } = fate(pod);
            if now < begun + after.seconds() {
                return None;
            }
            let again = match pod["spec"]["restartPolicy"].as_str() {
                Some("Never") => false,
                Some("OnFailure") => exit != 0,
                _ => true,
            };
            let phase = if exit == 0 { "Succeeded" } else { "Failed" };
            if again {
                status(pod, "Running", restarts + 1, &running_state(now), now)
            } else {
                status(pod, phase, restarts, &ended_state(Some(begun), exit, now), now)
            }
        }
    };
    Some(Step::Report(status))
}

/// Each lasts a second at least, as the times in a status are whole seconds.
fn fate(pod: &Value) -> Fate {
    let container = &pod["spec"]["containers"][0];
    let words = [&container["command"], &container["args"]];
    let words = words.into_iter().filter_map(Value::as_array).flatten().filter_map(Value::as_str);
    let command = words.collect::<Vec<_>>().join(" ");
    let coin = pod["metadata"]["uid"].as_str().unwrap_or_default().bytes().map(u32::from);
    let exit = match command.as_str() {
        command if command.contains("$RANDOM") => u8::from(coin.sum::<u32>() % 2 == 1),
        command => u8::from(command.ends_with("/false") || command.ends_with("exit 1")),
    };
    let after = command.strip_prefix("sleep ").and_then(|span| span.parse().ok()).unwrap_or(1);
    Fate { after, exit }
}

fn status(pod: &Value, phase: &str, restarts: i64, state: &Value, now: Timestamp) -> Value {
    let running = phase == "Running";
    let of = |key: &str| &pod["spec"]["containers"][0][key];
    let ready = |kind: &str| json!({"type": kind, "status": if running { "True" } else { "False" }, "lastTransitionTime": second(now)});
    json!({
        "phase": phase,
        "startTime": pod["status"].get("startTime").cloned().unwrap_or(json!(second(now))),
        "conditions": [ready("Ready"), ready("ContainersReady")],
        "containerStatuses": [{
            "name": of("name"), "image": of("image"), "imageID": of("image"),
            "ready": running, "started": running, "restartCount": restarts, "state": state,
        }],
    })
}

fn running_state(now: Timestamp) -> Value {
    json!({"running": {"startedAt": second(now)}})
}

fn ended_state(begun: Option<Timestamp>, exit: u8, now: Timestamp) -> Value {
    let begun = second(begun.unwrap_or(now));
    let reason = if exit == 0 { "Completed" } else { "Error" };
    json!({"terminated": {
        "exitCode": exit, "reason": reason, "startedAt": begun, "finishedAt": second(now),
    }})
}

fn node_status(now: Timestamp) -> Value {
    let room = json!({"cpu": "64", "memory": "64Gi", "pods": "1000"});
    let ready = json!({
        "type": "Ready", "status": "True", "reason": "Test", "message": "it is always ready",
        "lastHeartbeatTime": second(now), "lastTransitionTime": "2026-01-01T00:00:00Z",
    });
    json!({"status": {"capacity": room, "allocatable": room, "conditions": [ready]}})
}

const LIMIT: Duration = Duration::from_secs(60);
const NODE: &str = "node";
const JSON: &str = "application/json";
const MERGE: &str = "application/merge-patch+json";
