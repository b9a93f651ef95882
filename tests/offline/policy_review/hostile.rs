//! Bodies that no API server sends.

use curfew::policy_review::{PolicyReviewDecision, review};
use proptest::prelude::*;
use rstest::rstest;

use super::support::{VERSION, ask, body, file, map, one, repeated, warnings};

#[rstest]
#[case::empty("", "empty")]
#[case::not_json("hello", "json")]
#[case::another_version(r#"{"apiVersion":"admission.k8s.io/v1beta1"}"#, "version")]
#[case::no_uid(
    r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{}}"#,
    "uid"
)]
fn what_is_no_review(#[case] body: &str, #[case] reason: &str) {
    assert_eq!(review(VERSION, body.as_bytes()).unwrap_err().reason, reason);
}

/// What goes into the log is short, whatever was sent.
#[test]
fn what_is_long_is_told_in_part() {
    let mut asked = body(&one("  defaults: {ttl: 7d}"), None);
    let long = "\u{202e}".repeat(100_000);
    asked["request"]["namespace"] = long.clone().into();
    asked["request"]["name"] = long.into();
    asked["request"]["object"] = serde_json::Value::Null;
    let report = review(VERSION, asked.to_string().as_bytes()).unwrap().report;
    assert_eq!(report.decision, PolicyReviewDecision::Unjudged);
    assert!(report.namespace.len() < 1_000 && report.name.len() < 1_000, "{report:?}");
}

/// A good review as text, to be cut and changed.
fn text() -> String {
    let old = one("  defaults: {ttl: 7d}");
    body(&one("  exempt: {namespaces: ['a-*']}\n  defaults: {ttl: 7s}"), Some(&old)).to_string()
}

proptest! {
    #[test]
    fn arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = review(VERSION, &bytes);
    }

    #[test]
    fn a_askedwith_bytes_replaced(
        places in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
        end in any::<proptest::sample::Index>(),
    ) {
        let mut bytes = text().into_bytes();
        for (place, byte) in places {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let _ = review(VERSION, &bytes);
        let _ = review(VERSION, &bytes[..end.index(bytes.len())]);
    }

    #[test]
    fn arbitrary_files(
        files in proptest::collection::vec(("[-._a-zA-Z0-9]{1,9}(\\.yaml|\\.yml|)", "\\PC{0,60}|(?s).{0,60}"), 0..4),
        spec in "  (defaults|mode|rules|stored|exempt|limits): [-\\[\\]{}:, a-z0-9\"'\n]{0,40}",
        was in "  (defaults|mode|rules|stored|exempt|limits): [-\\[\\]{}:, a-z0-9\"'\n]{0,40}",
    ) {
        let mut files: Vec<(&str, &str)> =
            files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let (decision, response) = ask(&body(&map(VERSION, &files), None));
        warnings(&response);
        prop_assert!([PolicyReviewDecision::Accepted, PolicyReviewDecision::Refused].contains(&decision));
        let spec = file(&spec);
        files.push(("00.yaml", &spec));
        warnings(&ask(&body(&map(VERSION, &files), Some(&one(&was)))).1);
    }
}

/// Work that grew with the square of a list would take minutes. How the steps grow is tested beside
/// the code that takes them.
#[test]
fn the_largest_maps_take_no_time() {
    let globs = |letter: char| {
        let globs = repeated(60_000, |number| format!("{letter}{number}-*,"));
        one(&format!("  exempt: {{namespaces: [{globs}]}}"))
    };
    let selectors = |letter: char| {
        let selectors =
            repeated(20_000, |number| format!("{{matchLabels: {{{letter}: '{number}'}}}},"));
        one(&format!("  exempt: {{selectors: [{selectors}]}}"))
    };
    let marks = |letter: char| {
        let marks = repeated(100_000, |number| format!("{letter}{number},"));
        one(&format!("  guards: {{gitOpsMarks: {{managers: [{marks}]}}}}"))
    };
    for edit in [globs, selectors, marks] {
        let (old, new) = (edit('a'), edit('b'));
        let (decision, _) = ask(&body(&new, Some(&old)));
        assert_eq!(decision, PolicyReviewDecision::Drastic);
    }
}
