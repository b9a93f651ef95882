//! A cluster full of Jobs as large as an API server stores them, and what `curfew serve` takes to
//! start there. A binary of its own: so much is not to be in the way of other tests.
#![expect(clippy::print_stderr, reason = "who measures it wants the figure")]

#[path = "support/harness.rs"]
pub mod support;

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};

use support::{control_plane::ControlPlane, curfew::Curfew, wait::eventually};

/// A tenant makes Jobs of 1.4 MB, and the process would be killed at each start.
///
/// With `CURFEW_LONG` a thousand of them. Most are long for their arguments, some for sixty thousand
/// labels, some for characters that take six bytes of JSON each.
#[rstest]
#[case::streamed(true)]
#[case::in_pages(false)]
fn large_jobs_do_not_make_the_start_large(#[case] streams: bool) {
    let flag = format!("--feature-gates=WatchList={streams}");
    let plane = match ControlPlane::start_with(&[flag]) {
        Ok(plane) => plane,
        Err(absent) => return absent.report(),
    };
    let space = plane.namespace("large");
    let count = if std::env::var_os("CURFEW_LONG").is_some() { 1000 } else { 120 };
    // Small ones in front: who goes by their size asks for hundreds of the large ones at once.
    for number in 0..SMALL {
        plane.store(&job(&space.name, number, &json!({})));
    }
    for number in SMALL..SMALL + count {
        let size = match number % 20 {
            0 => Size::Labels,
            1 => Size::Escapes,
            _ => Size::Arguments,
        };
        plane.store(&large(&space.name, number, size));
    }
    let curfew = Curfew::start_in(&plane, POLICY);
    let stored = f64::from(SMALL + count);
    eventually("they are all known", LIMIT, || {
        (curfew.metric("curfew_stored_jobs") >= stored).then_some(())
    });
    let Some(peak) = curfew.process.peak_memory() else { return };
    let peak = peak >> 20;
    eprintln!("{count} large Jobs, streamed: {streams}: a peak of {peak} MiB");
    assert!(peak <= 128, "a peak of {peak} MiB");
}

/// What makes a Job large.
#[derive(Clone, Copy)]
enum Size {
    Arguments,
    Escapes,
    Labels,
}

fn large(namespace: &str, number: u32, size: Size) -> Value {
    match size {
        Size::Arguments => job(namespace, number, &json!({"arguments": "x".repeat(1_400_000)})),
        // The API server writes each of them as \u003c.
        Size::Escapes => job(namespace, number, &json!({"arguments": "<".repeat(1_400_000)})),
        Size::Labels => {
            let labels = (0..60_000).map(|number| (format!("label-{number:05}"), json!("value")));
            job(namespace, number, &json!({"labels": Value::Object(labels.collect())}))
        }
    }
}

fn job(namespace: &str, number: u32, what: &Value) -> Value {
    // Lists are in the order of the names.
    let name = format!("job-{number:04}");
    let uid = format!("1b4e28ba-2fa1-11d2-883f-{number:012x}");
    json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {
            "name": name, "namespace": namespace, "uid": uid, "labels": what["labels"],
            "creationTimestamp": "2026-11-01T00:00:00Z",
        },
        "spec": {
            "parallelism": 1, "completions": 1, "backoffLimit": 6,
            "template": {"spec": {"restartPolicy": "Never", "containers": [{
                "name": "worker", "image": "busybox", "args": [what["arguments"]],
            }]}},
        },
    })
}

const POLICY: &str = "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {name: large}\n\
                      spec:\n  stored: {action: Report}\n  defaults: {ttl: 1h}\n";

const SMALL: u32 = 600;

const LIMIT: Duration = Duration::from_secs(300);
