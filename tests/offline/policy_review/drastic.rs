//! What is said of an edit that does much at once: from what, to what.

use curfew::policy_review::PolicyReviewDecision;
use rstest::rstest;

use super::support::{VERSION, ask, body, file, map, one, repeated, warnings};

fn rule(rest: &str) -> String {
    format!("  rules:\n  - {{name: dev, match: {{namespaces: [dev]}}, {rest}}}")
}

#[rstest]
#[case::tenfold("ttl: 10h", "ttl: 1h", &[r#"rule "dev": ttl 10h becomes 1h, 10 times shorter"#])]
#[case::almost_tenfold("ttl: 10h", "ttl: 3601s", &[])]
#[case::a_unit("ttl: 7d", "ttl: 7s", &[r#"rule "dev": ttl 7d becomes 7s, 86400 times shorter"#])]
#[case::at_once("ttl: 7d", "ttl: 0s", &[r#"rule "dev": ttl 7d becomes 0s"#])]
#[case::longer("ttl: 1h", "ttl: 100h", &[])]
#[case::for_ever("ttl: unset", "ttl: 1h", &[r#"rule "dev": ttl unset becomes 1h"#])]
#[case::no_longer("ttl: 1h", "ttl: unset", &[])]
#[case::one_side(
    "ttl: {onSuccess: 1h, onFailure: 7d}",
    "ttl: {onSuccess: 1h, onFailure: 1h}",
    &[r#"rule "dev": ttl.onFailure 7d becomes 1h, 168 times shorter"#]
)]
#[case::both_sides(
    "ttl: {onSuccess: 1d, onFailure: 7d}",
    "ttl: {onSuccess: 1h, onFailure: 2h}",
    &[
        r#"rule "dev": ttl.onSuccess 1d becomes 1h, 24 times shorter"#,
        r#"rule "dev": ttl.onFailure 7d becomes 2h, 84 times shorter"#,
    ]
)]
#[case::to_a_pair(
    "ttl: 7d",
    "ttl: {onSuccess: 1h, onFailure: 7d}",
    &[r#"rule "dev": ttl.onSuccess 7d becomes 1h, 168 times shorter"#]
)]
#[case::a_side_unset(
    "ttl: {onSuccess: 1h, onFailure: unset}",
    "ttl: 1h",
    &[r#"rule "dev": ttl.onFailure unset becomes 1h"#]
)]
#[case::not_mentioned("mode: Enforce", "mode: Enforce, ttl: 1s", &[])]
#[case::action("stored: Marked", "stored: Delete", &[r#"rule "dev": stored Marked becomes Delete"#])]
#[case::action_of_its_own(
    "ttl: 1h",
    "ttl: 1h, stored: Patch",
    &[r#"rule "dev": stored Report becomes Patch"#]
)]
#[case::action_lowered("stored: Delete", "stored: Report", &[])]
#[case::mode("mode: DryRun", "mode: Enforce", &[r#"rule "dev": mode DryRun becomes Enforce"#])]
#[case::mode_not_mentioned("mode: Off", "ttl: 1h", &[r#"rule "dev": mode Off becomes Enforce"#])]
#[case::guard(
    "ttl: 1h",
    "ttl: 1h, guards: {deployHooks: Floor}",
    &[r#"rule "dev": guards.deployHooks Skip becomes Floor"#]
)]
#[case::guard_tightened(
    "guards: {gitOpsTracked: Apply}",
    "guards: {gitOpsTracked: Skip}",
    &[]
)]
#[case::limit(
    "ttl: 1h, limits: {ttl: {max: 7d}}",
    "ttl: 1h, limits: {ttl: {max: 1h}}",
    &[r#"rule "dev": limits.ttl.max 7d becomes 1h, 168 times shorter"#]
)]
fn rules(#[case] from: &str, #[case] to: &str, #[case] expected: &[&str]) {
    told(&rule(from), &rule(to), expected);
}

#[rstest]
#[case::defaults(
    "  defaults: {ttl: 7d}",
    "  defaults: {ttl: 7m}",
    &["defaults: ttl 7d becomes 7m, 1440 times shorter"]
)]
#[case::renamed(
    "  rules: [{name: a, match: {namespaces: [a]}, ttl: 7d}]",
    "  rules: [{name: b, match: {namespaces: [a]}, ttl: 1s}]",
    &[]
)]
#[case::rule_with_a_lower_action_gone(
    "  rules: [{name: a, match: {namespaces: [a]}, stored: Report}]\n  stored: {action: Delete}",
    "  stored: {action: Delete}",
    &[r#"rule "a" is gone: stored Report becomes Delete"#]
)]
#[case::new_rule_with_a_higher_action(
    "  defaults: {ttl: 1d}",
    "  defaults: {ttl: 1d}\n  rules: [{name: a, match: {namespaces: [a]}, stored: Delete}]",
    &[r#"rule "a": stored Report becomes Delete"#]
)]
#[case::action(
    "  stored: {action: Report}",
    "  stored: {action: Marked}",
    &["stored.action Report becomes Marked"]
)]
#[case::action_lowered("  stored: {action: Delete}", "  stored: {action: Patch}", &[])]
#[case::stored_selector(
    "  stored: {selector: {matchLabels: {cleanup-policy: auto}}}",
    "  stored: {}",
    &["stored.selector cleanup-policy=auto is gone: everything stored counts"]
)]
#[case::brake(
    "  stored: {brake: {atMost: 200}}",
    "  stored: {brake: {atMost: 2000}}",
    &["stored.brake.atMost 200 becomes 2000"]
)]
#[case::brake_from_the_default(
    "  stored: {}",
    "  stored: {brake: {atMost: 100000}}",
    &["stored.brake.atMost 200 becomes 100000"]
)]
#[case::brake_a_little("  stored: {}", "  stored: {brake: {atMost: 1999}}", &[])]
#[case::exempt_namespaces(
    "  exempt: {namespaces: [a, b, c, d, e-1]}",
    "  exempt: {namespaces: ['e-*']}",
    &["exempt.namespaces: a, b, c and 1 more are gone"]
)]
#[case::exempt_wider(
    "  exempt: {namespaces: [a-1, a-2], selectors: [{matchLabels: {a: b, c: d}}]}",
    "  exempt: {namespaces: ['a-*'], selectors: [{matchLabels: {a: b}}]}",
    &[]
)]
#[case::exempt_selectors(
    "  exempt: {selectors: [{matchLabels: {cleanup-policy: keep}}]}",
    "  exempt: {selectors: [{matchLabels: {cleanup-policy: kept}}]}",
    &["exempt.selectors: cleanup-policy=keep is gone"]
)]
#[case::exempt_namespace_selector(
    "  exempt: {namespaceSelector: {matchExpressions: [{key: team, operator: Exists}]}}",
    "  exempt: {namespaceSelector: {matchExpressions: [{key: team, operator: In, values: [a, b]}]}}",
    &["exempt.namespaceSelector: team becomes team in (a,b)"]
)]
#[case::exempt_namespace_selector_gone(
    "  exempt: {namespaceSelector: {matchExpressions: [{key: a, operator: NotIn, values: [b]}]}}",
    "  exempt: {}",
    &["exempt.namespaceSelector: a!=b is gone"]
)]
#[case::guards(
    "  guards: {ownedByOther: Skip, deployHooks: Floor}",
    "  guards: {ownedByOther: Apply, deployHooks: Apply}",
    &["guards.ownedByOther Skip becomes Apply", "guards.deployHooks Floor becomes Apply"]
)]
#[case::guards_from_the_default(
    "  guards: {}",
    "  guards: {gitOpsTracked: Floor}",
    &["guards.gitOpsTracked Skip becomes Floor"]
)]
#[case::floor(
    "  guards: {floor: 1h}",
    "  guards: {floor: 60s}",
    &["guards.floor 1h becomes 1m, 60 times shorter"]
)]
#[case::owners(
    "  guards: {allowOwners: [a.example/A]}",
    "  guards: {allowOwners: [a.example/A, argoproj.io/Workflow]}",
    &["guards.allowOwners: argoproj.io/Workflow is new"]
)]
#[case::marks(
    "  guards: {gitOpsMarks: {labels: [example.com/tracked], managers: [ours, helm]}}",
    "  guards: {}",
    &[
        "guards.gitOpsMarks.labels: example.com/tracked is gone",
        "guards.gitOpsMarks.managers: ours is gone",
    ]
)]
#[case::limit(
    "  limits: {ttl: {max: 30d}, hold: 7d}",
    "  limits: {ttl: {max: 1d}, hold: 7m}",
    &[
        "limits.ttl.max 30d becomes 1d, 30 times shorter",
        "limits.hold 7d becomes 7m, 1440 times shorter",
    ]
)]
#[case::limit_where_there_was_none("  limits: {}", "  limits: {ttl: {max: 60s}}", &[])]
#[case::mode("  mode: 'Off'", "  mode: Enforce", &["mode Off becomes Enforce"])]
#[case::mode_to_dry_run("  mode: 'Off'", "  mode: DryRun", &[])]
#[case::mode_off_is_absolute(
    "  mode: 'Off'\n  rules: [{name: a, match: {namespaces: [a]}, mode: Enforce}]",
    "  mode: DryRun\n  rules: [{name: a, match: {namespaces: [a]}, mode: Enforce}]",
    &[r#"rule "a": mode Off becomes Enforce"#]
)]
#[case::mode_of_the_top_is_told_once(
    "  mode: 'Off'\n  rules: [{name: a, match: {namespaces: [a]}, mode: Enforce}]",
    "  mode: Enforce\n  rules: [{name: a, match: {namespaces: [a]}, mode: Enforce}]",
    &["mode Off becomes Enforce"]
)]
#[case::own(
    "  scheduler: {mode: Observe}",
    "  scheduler: {mode: Own, clusterTimeZone: UTC}",
    &["scheduler.mode Observe becomes Own"]
)]
#[case::backstop(
    "  scheduler: {mode: 'Off'}",
    "  scheduler: {mode: Backstop, selector: {matchLabels: {a: b}}}",
    &["scheduler.mode Off becomes Backstop"]
)]
#[case::back_from_own(
    "  scheduler: {mode: Own, clusterTimeZone: UTC}",
    "  scheduler: {mode: Backstop, selector: {matchLabels: {a: b}}}",
    &[]
)]
fn the_whole_policy(#[case] from: &str, #[case] to: &str, #[case] expected: &[&str]) {
    told(from, to, expected);
}

/// Lints aside, which have their own tests.
#[track_caller]
fn told(from: &str, to: &str, expected: &[&str]) {
    let (decision, response) = ask(&body(&one(to), Some(&one(from))));
    let mut warnings = warnings(&response);
    warnings.retain(|line| !line.starts_with("10-base.yaml:"));
    assert_eq!(warnings, expected);
    let drastic = if expected.is_empty() {
        PolicyReviewDecision::Accepted
    } else {
        PolicyReviewDecision::Drastic
    };
    assert_eq!(decision, drastic);
    assert!(response["auditAnnotations"]["revision"].is_string());
}

#[test]
fn a_broken_policy_is_no_yardstick() {
    let (decision, response) =
        ask(&body(&one("  defaults: {ttl: 1s}"), Some(&one("  defaults: {ttl: 7d, x: y}"))));
    assert_eq!((decision, warnings(&response)), (PolicyReviewDecision::Accepted, vec![]));
}

#[test]
fn a_rule_may_move_to_another_file() {
    let old = map(VERSION, &[("10-base.yaml", &file(&rule("ttl: 7d")))]);
    let new = map(
        VERSION,
        &[("10-base.yaml", &file("  mode: Enforce")), ("20-dev.yaml", &file(&rule("ttl: 7s")))],
    );
    let expected = r#"rule "dev": ttl 7d becomes 7s, 86400 times shorter"#;
    assert_eq!(warnings(&ask(&body(&new, Some(&old))).1), [expected]);
}

#[test]
fn many_changes_stay_below_what_the_api_server_carries() {
    let rules = |ttl: &str| {
        let long = "x".repeat(50);
        let rules = repeated(200, |number| {
            format!("  - {{name: r-{number}-{long}, match: {{names: [n-{number}]}}, ttl: {ttl}}}\n")
        });
        one(&format!("  rules:\n{rules}"))
    };
    let (decision, response) = ask(&body(&rules("3h20m10s"), Some(&rules("24855d3h14m7s"))));
    let warnings = warnings(&response);
    assert_eq!((decision, warnings.len()), (PolicyReviewDecision::Drastic, 30));
    assert_eq!(warnings[29], "and 171 more warnings about this policy: curfew check shows them");
}
