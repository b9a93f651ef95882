//! What a policy is when it has been loaded: defaults, revision, needs.

use curfew::policy::{Policy, Source};
use rstest::rstest;

use super::{HEAD, load, source};

#[test]
fn what_is_not_given_has_its_default() {
    let policy = load("spec: {}\n").unwrap().policy;
    insta::assert_debug_snapshot!(
        (policy.mode, policy.guards.floor, policy.limits.ttl_max, &policy.stored, &policy.scheduler),
        @"
    (
        Enforce,
        Seconds(
            600,
        ),
        None,
        Stored {
            action: Report,
            selector: None,
            propagation: Background,
            rate: 50,
            brake_at_most: 200,
        },
        Scheduler {
            mode: Observe,
            grace: Seconds(
                30,
            ),
            selector: None,
            cluster_time_zone: None,
        },
    )
    "
    );
}

const REVISED: &str = "
spec:
  limits: {ttl: {min: 60s, max: 7d}}
  rules:
    - {name: a, match: {namespaces: [x, y], labels: {k: v, l: w}}, ttl: 1h}
    - {name: b, match: {selector: {matchLabels: {k: v, l: w}}}, ttl: 2h, enforce: true}
";

#[rstest]
#[case::as_it_is(REVISED, true)]
#[case::comments(&REVISED.replace("spec:", "spec: # why"), true)]
#[case::order_of_keys(&REVISED.replace("{k: v, l: w}", "{l: w, k: v}"), true)]
#[case::order_of_alternatives(&REVISED.replace("[x, y]", "[y, x]"), true)]
#[case::another_way_to_write(&REVISED.replace("ttl: 1h", "ttl: 3600"), true)]
#[case::what_is_the_default_anyway(&format!("{REVISED}  mode: Enforce\n"), true)]
#[case::a_built_in_mark(
    &format!("{REVISED}  guards: {{gitOpsMarks: {{managers: [helm]}}}}\n"),
    true
)]
#[case::a_value(&REVISED.replace("ttl: 1h", "ttl: 3601"), false)]
#[case::a_limit(&REVISED.replace("7d", "8d"), false)]
#[case::enforce(&REVISED.replace(", enforce: true", ""), false)]
#[case::a_name(&REVISED.replace("name: a", "name: c"), false)]
#[case::a_mark(&format!("{REVISED}  guards: {{gitOpsMarks: {{managers: [x]}}}}\n"), false)]
fn the_revision_changes_with_what_decides(#[case] spec: &str, #[case] same: bool) {
    let revision = |spec: &str| load(spec).unwrap().policy.revision;
    assert_eq!(revision(spec) == revision(REVISED), same);
    assert_eq!(revision(spec).len(), 12);
}

#[test]
fn the_revision_knows_the_order_of_rules_and_not_their_files() {
    let rule = |name: &str| {
        format!("{HEAD}spec: {{rules: [{{name: {name}, match: {{names: [{name}]}}, ttl: 1h}}]}}\n")
    };
    let revision = |sources: &[Source]| Policy::load(sources).unwrap().policy.revision;
    let split = revision(&[source("1.yaml", rule("a")), source("2.yaml", rule("b"))]);
    let turned = revision(&[source("1.yaml", rule("b")), source("2.yaml", rule("a"))]);
    let one = "spec: {rules: [{name: a, match: {names: [a]}, ttl: 1h}, {name: b, match: {names: [b]}, ttl: 1h}]}";
    assert_eq!(split, load(one).unwrap().policy.revision);
    assert_ne!(split, turned);
}

#[rstest]
#[case::nobody("spec: {}", false)]
#[case::exemption("spec: {exempt: {namespaceSelector: {matchLabels: {a: b}}}}", true)]
#[case::rule(
    "spec: {rules: [{name: a, match: {namespaceSelector: {matchLabels: {a: b}}}, ttl: 1}]}",
    true
)]
#[case::labels_of_objects("spec: {exempt: {selectors: [{matchLabels: {a: b}}]}}", false)]
fn some_policies_need_labels_of_namespaces(#[case] spec: &str, #[case] expected: bool) {
    assert_eq!(load(spec).unwrap().policy.needs_namespace_labels(), expected);
}
