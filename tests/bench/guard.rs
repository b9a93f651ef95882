//! How long the guard keeps whoever edits a policy waiting, for the largest edits that there can be.
//!
//! Run with `cargo bench --bench guard`. An edit is judged by loading the old policy and the new one
//! and comparing them, so the baseline is loading the two.

pub mod common;

use std::hint::black_box;

use curfew::clock;
use curfew::guard::{Decision, review};
use curfew::policy::{Policy, Source};
use serde_json::{Value as Json, json};

use common::{Called, Effort, report, statistics::median};

fn main() {
    let Called::Measure(effort) = common::called() else { return };
    report::head("An edit of the largest policies, by the guard", effort);
    let mut rows = Vec::new();
    let mut worst = 0.0_f64;
    for (name, edit) in EDITS {
        let [old, new] = ['a', 'b'].map(|letter| file(&edit(letter)));
        let body = serde_json::to_vec(&body(&old, &new)).expect("it is JSON");
        let judged = milliseconds(effort, || {
            let answer = review(VERSION, black_box(&body)).expect("it is a review");
            assert_eq!(answer.report.decision, Decision::Drastic);
        });
        let loaded = milliseconds(effort, || {
            load(black_box(&old));
            load(black_box(&new));
        });
        worst = worst.max(judged);
        let size = format!("{} KiB", new.len() / 1024);
        let figures = [judged, loaded].map(|figure| format!("{figure:.0}"));
        let [judged_text, loaded_text] = figures;
        let ratio = format!("{:.2} ×", judged / loaded);
        rows.push([(*name).to_owned(), size, judged_text, loaded_text, ratio]);
    }
    report::table(["edit of", "file", "judged, ms", "both loaded, ms", "ratio"], &rows);
    report::say("");
    let got = format!("{worst:.0} ms");
    report::goal("half of the two seconds that the API server waits", &got, worst <= 1e3);
}

fn load(text: &str) {
    let source = Source { name: "10-base.yaml".to_owned(), text: text.to_owned() };
    assert!(Policy::load(&[source]).is_ok());
}

/// The median of rounds.
fn milliseconds(effort: Effort, mut round: impl FnMut()) -> f64 {
    round();
    median((0..effort.pick(9, 1)).map(|_| {
        let start = clock::instant();
        round();
        start.elapsed().as_secs_f64() * 1e3
    }))
}

fn file(spec: &str) -> String {
    format!(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: p}}\nspec:\n  {spec}\n"
    )
}

fn repeated(count: usize, piece: impl Fn(usize) -> String) -> String {
    (0..count).map(piece).collect()
}

fn body(old: &str, new: &str) -> Json {
    let map = |text: &str| {
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": "curfew-policy",
                "namespace": "curfew",
                "labels": {"app.kubernetes.io/version": VERSION},
            },
            "data": {"10-base.yaml": text},
        })
    };
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "0b4f",
            "kind": {"group": "", "version": "v1", "kind": "ConfigMap"},
            "name": "curfew-policy",
            "namespace": "curfew",
            "operation": "UPDATE",
            "object": map(new),
            "oldObject": map(old),
        },
    })
}

const VERSION: &str = "0.1.0";

/// As many rules as there may be, and lists of half a megabyte; the letter tells the old policy from
/// the new one.
const EDITS: &[(&str, fn(char) -> String)] = &[
    ("10,000 rules", |letter| {
        let ttl = if letter == 'a' { "7d" } else { "1h" };
        let rules = repeated(10_000, |number| {
            format!("{{name: r{number}, match: {{namespaces: [n{number}-*]}}, ttl: {ttl}}},")
        });
        format!("rules: [{rules}]")
    }),
    ("60,000 exempt namespaces", |letter| {
        let globs = repeated(60_000, |number| format!("{letter}{number}-*,"));
        format!("exempt: {{namespaces: [{globs}]}}")
    }),
    ("20,000 exempt selectors", |letter| {
        let selectors =
            repeated(20_000, |number| format!("{{matchLabels: {{{letter}: '{number}'}}}},"));
        format!("exempt: {{selectors: [{selectors}]}}")
    }),
    ("100,000 GitOps managers", |letter| {
        let marks = repeated(100_000, |number| format!("{letter}{number},"));
        format!("guards: {{gitOpsMarks: {{managers: [{marks}]}}}}")
    }),
];
