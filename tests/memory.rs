//! How much memory stored Jobs take. A binary of its own: nothing else may allocate beside it, or
//! before it, since a process keeps much of what it frees.

use std::fs;
use std::sync::Arc;

use curfew::cluster::slim::{Decoder, Job, Slim};
use curfew::cluster::store::Jobs;
use curfew::cluster::watch::Index;
use serde_json::json;

/// As the API server sends a finished child of a `CronJob`, with the labels that it copies from
/// the Pod template, three of its author's, and what three managers left.
fn child(number: u32) -> String {
    let name = format!("nightly-report-of-everything-{number}");
    let uid = format!("1b4e28ba-2fa1-11d2-883f-{number:012x}");
    let labels = json!({
        "app": "report", "team": "analytics", "environment": "production",
        "batch.kubernetes.io/controller-uid": uid, "batch.kubernetes.io/job-name": name,
        "controller-uid": uid, "job-name": name,
    });
    let fields =
        json!({"f:spec": {"f:backoffLimit": {}, "f:template": {"f:spec": {"f:containers": {}}}}});
    let manager = |name: &str| json!({"manager": name, "operation": "Update", "fieldsV1": fields});
    let container =
        json!({"name": "main", "image": "registry.test/report:1", "args": ["x".repeat(400)]});
    json!({
        "metadata": {
            "name": name, "namespace": format!("team-{}", number % 50), "uid": uid,
            "resourceVersion": (1_000_000 + number).to_string(),
            "creationTimestamp": "2026-11-01T00:00:00Z", "generation": 1,
            "labels": labels,
            "annotations": {
                "batch.kubernetes.io/cronjob-scheduled-timestamp": "2026-11-01T00:00:00Z",
                "curfew.dev/applied": r#"{"ttl":[604800,null,"keep-a-week"]}"#,
            },
            "ownerReferences": [{
                "apiVersion": "batch/v1", "kind": "CronJob", "name": "nightly-report-of-everything",
                "uid": format!("2b4e28ba-2fa1-11d2-883f-{:012x}", number % 500),
                "controller": true, "blockOwnerDeletion": true,
            }],
            "managedFields": (["kube-controller-manager", "kubectl", "curfew"].map(manager)),
        },
        "spec": {
            "ttlSecondsAfterFinished": 604_800, "backoffLimit": 6,
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
        "status": {
            "succeeded": 1, "startTime": "2026-11-01T00:00:00Z", "completionTime": "2026-11-01T00:09:00Z",
            "conditions": [
                {"type": "SuccessCriteriaMet", "status": "True", "lastTransitionTime": "2026-11-01T00:09:00Z"},
                {"type": "Complete", "status": "True", "lastTransitionTime": "2026-11-01T00:09:00Z"},
            ],
        },
    })
    .to_string()
}

/// Bytes of this process in memory.
fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").expect("this is Linux");
    let pages = statm.split_whitespace().nth(1).expect("its second number");
    pages.parse::<usize>().expect("a number") * 4096
}

#[test]
#[cfg(target_os = "linux")]
fn a_stored_job_takes_at_most_600_bytes() {
    const COUNT: u32 = 20_000;
    let jobs = Arc::new(Jobs::default());
    let (mut index, mut decoder) = (Arc::clone(&jobs), Decoder::default());
    let mut keep = |number| {
        let job = Job::decode(&child(number), &mut decoder).expect("it is a Job");
        index.apply(&index.share(job));
    };
    // What decoding needs by itself is not counted.
    (0..100).for_each(&mut keep);
    let before = resident();
    (100..COUNT).for_each(&mut keep);
    let each = resident().saturating_sub(before) / (COUNT as usize - 100);
    assert_eq!(jobs.len(), COUNT as usize);
    assert!(each <= 600, "{each} bytes for each Job");
    // Listing everything once more shares what is the same.
    let listed = (0..COUNT)
        .map(|number| index.share(Job::decode(&child(number), &mut decoder).expect("it is a Job")));
    let listed: Vec<_> = listed.collect();
    index.reset(&listed, &Arc::default());
    drop(listed);
    let each = resident().saturating_sub(before) / (COUNT as usize - 100);
    assert!(each <= 660, "{each} bytes for each Job after another list");
}
