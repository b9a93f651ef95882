//! How much memory one review takes, whatever its shape. A binary of its own: its allocator counts,
//! and nothing else may allocate beside it.

use std::sync::{Mutex, PoisonError};

use curfew::admission::{Site, admit};
use curfew::policy::{Policy, Source};
use curfew::policy_review;
use peak_alloc::PeakAlloc;
use serde_json::json;

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

/// Held by the test that counts.
static ALONE: Mutex<()> = Mutex::new(());

/// In bytes; half of what a body may have.
const BODY: usize = 4 << 20;

/// A review of so many bytes whose object holds the same piece over and over.
fn review(kind: &str, [before, after]: [&str; 2], piece: &dyn Fn(usize) -> String) -> String {
    let mut body = format!(
        r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{"uid":"u",
        "operation":"CREATE","namespace":"apps","name":"x","kind":{{"group":"{group}","version":"v1",
        "kind":"{kind}"}},"object":{{{before}"#,
        group = if kind == "Job" { "batch" } else { "" },
    );
    let mut number = 0;
    while body.len() < BODY - 2_000 {
        body.push_str(&piece(number));
        body.push(',');
        number += 1;
    }
    body.pop();
    body + after + "}}}"
}

/// The most bytes that were allocated at once, beside the body.
fn peak(body: &str, answer: impl FnOnce(&[u8])) -> usize {
    ALLOCATED.reset_peak_usage();
    let before = ALLOCATED.current_usage();
    answer(body.as_bytes());
    ALLOCATED.peak_usage() - before
}

/// The same in sizes of the body.
fn times(body: &str, answer: impl FnOnce(&[u8])) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "both are some megabytes")]
    let times = peak(body, answer) as f64 / body.len() as f64;
    times
}

fn policy() -> Policy {
    let text = "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {name: a}\nspec:\n  rules:\n  - {name: all, ttl: 1h}\n";
    let source = Source { name: "a.yaml".to_owned(), text: text.to_owned() };
    Policy::load(&[source]).unwrap().policy
}

/// The promise is four times the body, with the body itself, and 2 MiB. The allocator that counts
/// here moves what grows, where the real one makes it longer in place, so it sees up to twice as
/// much.
#[test]
fn a_review_takes_four_times_its_bytes() {
    const MOST: f64 = 2.0 * (4.0 + 0.5) - 1.0;
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let policy = policy();
    let now = "2026-11-21T18:00:00Z".parse().unwrap();
    let same = |piece: &str| -> Box<dyn Fn(usize) -> String> {
        let piece = piece.to_owned();
        Box::new(move |_| piece.clone())
    };
    let label = || -> Box<dyn Fn(usize) -> String> { Box::new(|n| format!("\"{n:x}\":\"\"")) };
    let escaped =
        || -> Box<dyn Fn(usize) -> String> { Box::new(|n| format!("\"\\n{n:x}\":\"\\n\"")) };
    // Whose text an error would quote, with escapes.
    let marks = || same("\u{202e}\u{202e}\u{202e}\u{202e}\u{202e}\u{202e}\u{202e}\u{202e}");
    let shapes = [
        ("owners", [r#""spec":{},"metadata":{"ownerReferences":["#, "]}"], same("{}")),
        ("managers", [r#""spec":{},"metadata":{"managedFields":["#, "]}"], same("{}")),
        ("finalizers", [r#""spec":{},"metadata":{"finalizers":["#, "]}"], same("\"\"")),
        ("escaped finalizers", [r#""spec":{},"metadata":{"finalizers":["#, "]}"], same(r#""\n""#)),
        ("conditions", [r#""spec":{},"metadata":{},"status":{"conditions":["#, "]}"], same("{}")),
        ("labels", [r#""spec":{},"metadata":{"labels":{"#, "}}"], label()),
        ("escaped labels", [r#""spec":{},"metadata":{"labels":{"#, "}}"], escaped()),
        ("annotations", [r#""spec":{},"metadata":{"annotations":{"#, "}}"], label()),
        (
            "labels of a template",
            [r#""metadata":{},"spec":{"template":{"metadata":{"labels":{"#, "}}}}"],
            label(),
        ),
        ("a text for a map", [r#""spec":{},"metadata":{"labels":""#, r#""}"#], marks()),
        (
            "a text for a number",
            [r#""spec":{},"metadata":{"generation":0},"status":""#, "\""],
            marks(),
        ),
        ("nobody reads", [r#""spec":{},"metadata":{},"nothing":["#, "]"], same("{}")),
    ];
    let mut over = Vec::new();
    let mut note = |name: &str, times: f64| {
        if times > MOST {
            over.push(format!("{name}: {times:.1}"));
        }
    };
    for (name, around, piece) in shapes {
        let body = review("Job", around, &*piece);
        let found = times(&body, |body| {
            let answer = admit(&policy, &Site::default(), body, now).unwrap();
            assert!(answer.body.len() < 1_000, "{name}: {}", answer.body.len());
        });
        note(name, found);
    }
    let maps = [
        ("files", [r#""metadata":{},"data":{"#, "}"], label()),
        ("binary files", [r#""metadata":{},"binaryData":{"#, "}"], label()),
        ("labels of a map", [r#""spec":{},"metadata":{"labels":{"#, "}}"], label()),
    ];
    for (name, around, piece) in maps {
        let body = review("ConfigMap", around, &*piece);
        note(name, times(&body, |body| drop(policy_review::review("0.1.0", body).unwrap())));
    }
    assert!(over.is_empty(), "times its bytes: {}", over.join(", "));
}

/// Where a policy stands between the object before and after, both are read, and compared.
#[test]
fn a_policy_as_large_as_may_be_takes_some_megabytes() {
    // What was measured is 35 and 74 MiB; `[],` and `a,` took 144 and 72.
    const MOST: usize = 96 << 20;
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let head =
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {name: a}\nspec:\n  rules:\n";
    let of = |count, piece: &dyn Fn(usize) -> String| (0..count).map(piece).collect::<String>();
    let rule = |n| format!("  - {{name: r{n}, match: {{names: ['*{n}*']}}, ttl: 1h}}\n");
    let names = of(130_000, &|n| format!("{n:x}x,"));
    let shapes = [
        ("rules", of(10_000, &rule)),
        ("names", format!("  - {{name: a, ttl: 1h, match: {{names: [{names}]}}}}\n")),
        ("lists", format!("  - [{}]\n", "[],".repeat(340_000))),
        ("block lists", of(4_000, &|_| format!("  - {}a\n", "- ".repeat(120)))),
        ("texts", format!("  - [{}]\n", "a,".repeat(500_000))),
        (
            "keys that are left out",
            format!(
                "  - [{}]\n",
                (0..2_500)
                    .map(|_| "[?".repeat(100) + "a" + &"]".repeat(100))
                    .collect::<Vec<_>>()
                    .join(",")
            ),
        ),
        ("other ends of lines", format!("  - a\n{}", "  ?\r".repeat(200_000))),
    ];
    for (name, rules) in shapes {
        let map = |ttl: &str| {
            let text = head.to_owned() + &rules.replace("1h", ttl);
            assert!(text.len() <= 1 << 20, "{name}");
            json!({
                "metadata": {"name": "policy", "labels": {"app.kubernetes.io/version": "0.1.0"}},
                "data": {"a.yaml": text},
            })
        };
        let request = json!({
            "uid": "u", "operation": "UPDATE", "namespace": "curfew", "name": "policy",
            "kind": {"group": "", "version": "v1", "kind": "ConfigMap"},
            "object": map("1h"), "oldObject": map("2h"),
        });
        let review = json!({
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request,
        });
        let found =
            peak(&review.to_string(), |body| drop(policy_review::review("0.1.0", body).unwrap()));
        assert!(found <= MOST, "{name}: {} MiB", found >> 20);
    }
}
