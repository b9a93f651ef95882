//! What a policy is when it has been loaded: defaults, needs.

use rstest::rstest;

use super::load;

#[test]
fn what_is_not_given_has_its_default() {
    let policy = load("spec: {}\n").unwrap().policy;
    insta::assert_debug_snapshot!(
        (policy.mode, policy.guards.floor, policy.top.ttl_max, &policy.stored, &policy.scheduler),
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
