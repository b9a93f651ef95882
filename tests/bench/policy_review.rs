//! How long a review keeps whoever edits a policy waiting, for the largest edits that there can be.
//!
//! Run with `cargo bench --bench policy_review`. An edit is judged by loading the old policy and the
//! new one and comparing them, so the baseline is loading the two.

pub mod common;
#[allow(dead_code, reason = "of what tests make, a benchmark needs a part")]
#[path = "../offline/policy_review/support.rs"]
mod support;

use std::hint::black_box;

use curfew::clock;
use curfew::policy::{Policy, Source};
use curfew::policy_review::{PolicyReviewDecision, review};

use common::{Called, Effort, report, statistics::median};
use support::{VERSION, body, file, one, repeated};

/// What is in the `spec`, by a letter.
type Edit = fn(char) -> String;

fn main() {
    let Called::Measure(effort) = common::called() else { return };
    report::head("An edit of the largest policies, by its review", effort);
    let mut rows = Vec::new();
    let mut worst = 0.0_f64;
    for (name, edit) in EDITS {
        let [was, is] = ['a', 'b'].map(edit);
        let body = body(&one(&is), Some(&one(&was)));
        let body = serde_json::to_vec(&body).expect("it is JSON");
        let (old, new) = (file(&was), file(&is));
        let judged = milliseconds(effort, || {
            let answer = review(VERSION, black_box(&body)).expect("it is a review");
            assert_eq!(answer.report.decision, PolicyReviewDecision::Drastic);
        });
        let loaded = milliseconds(effort, || {
            load(black_box(&old));
            load(black_box(&new));
        });
        worst = worst.max(judged);
        let size = format!("{} KiB", new.len() / 1024);
        let whole = |figure: f64| format!("{figure:.0}");
        let ratio = format!("{:.2} ×", judged / loaded);
        rows.push([(*name).to_owned(), size, whole(judged), whole(loaded), ratio]);
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

/// As many rules as there may be, and lists of half a megabyte; the letter tells the old policy from
/// the new one.
const EDITS: &[(&str, Edit)] = &[
    ("10,000 rules", |letter| {
        let ttl = if letter == 'a' { "7d" } else { "1h" };
        let rules = repeated(10_000, |number| {
            format!("{{name: r{number}, match: {{namespaces: [n{number}-*]}}, ttl: {ttl}}},")
        });
        format!("  rules: [{rules}]")
    }),
    ("60,000 exempt namespaces", |letter| {
        let globs = repeated(60_000, |number| format!("{letter}{number}-*,"));
        format!("  exempt: {{namespaces: [{globs}]}}")
    }),
    ("20,000 exempt selectors", |letter| {
        let selectors =
            repeated(20_000, |number| format!("{{matchLabels: {{{letter}: '{number}'}}}},"));
        format!("  exempt: {{selectors: [{selectors}]}}")
    }),
    ("100,000 GitOps managers", |letter| {
        let marks = repeated(100_000, |number| format!("{letter}{number},"));
        format!("  guards: {{gitOpsMarks: {{managers: [{marks}]}}}}")
    }),
];
