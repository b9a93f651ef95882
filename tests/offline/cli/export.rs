//! `curfew export map`.

use insta::assert_snapshot;

use super::{curfew, directory, run, run_in};

/// A snapshot beside those of the other commands.
macro_rules! kept {
    ($shown:expr) => {
        insta::with_settings!({snapshot_path => "../snapshots"}, { assert_snapshot!($shown) })
    };
}

#[test]
fn the_bundled_policy() {
    kept!(run("export map"));
}

#[test]
fn what_is_left_out_is_told_and_ends_with_1() {
    let shown = run("export map --policy example.yaml --name by-curfew -n curfew");
    assert!(shown.starts_with("exit 1\n"), "{shown}");
    let (data, talk) = shown.split_once("----- stderr -----\n").unwrap();
    kept!(talk);
    for line in talk.lines() {
        let sentence = line.strip_prefix("left out: ").unwrap();
        assert!(data.contains(&format!("\n# - {sentence}\n")), "{sentence}");
    }
    assert_eq!(data.matches("\n  name: by-curfew\n").count(), 2);
    assert!(data.contains("\n        - kube-node-lease\n        - curfew\n"), "{data}");
}

#[rstest::rstest]
#[case::newest("1.37", "v1", "Kubernetes 1.36 and later")]
#[case::as_an_api_server_says_it("v1.36.3+k3s1", "v1", "Kubernetes 1.36 and later")]
#[case::beta("v1.35.4-eks-1234567", "v1beta1", "Kubernetes 1.34 and 1.35 whose API server has")]
#[case::first_beta("1.34", "v1beta1", "Kubernetes 1.34 and 1.35 whose API server has")]
#[case::alpha("1.33", "v1alpha1", "Kubernetes 1.32 and 1.33 whose API server has")]
fn it_is_written_for_a_version(
    #[case] version: &str,
    #[case] served: &str,
    #[case] expected: &str,
) {
    let shown = run(&format!("export map --kube-version {version}"));
    assert!(shown.starts_with("exit 0\n"), "{shown}");
    assert!(shown.lines().any(|line| line.contains(&format!("for {expected}"))), "{shown}");
    let wanted = format!("\napiVersion: admissionregistration.k8s.io/{served}\n");
    assert_eq!(shown.matches(&wanted).count(), 2, "{shown}");
    assert_eq!(shown.matches("apiVersion: ").count(), 2, "{shown}");
    let flag = format!("--runtime-config=admissionregistration.k8s.io/{served}=true");
    assert_eq!(shown.contains(&flag), served != "v1", "{shown}");
}

#[test]
fn what_a_policy_says_is_told_once() {
    let policy = "
apiVersion: curfew.dev/v1alpha1
kind: JobPolicy
metadata: {name: p}
spec:
  mode: DryRun
  rules:
    - {name: a, match: {kinds: [Job]}, mode: Enforce, ttl: 1h, reason: TICKET-1}
    - {name: b, match: {kinds: [CronJob]}, mode: DryRun, limits: {history: {max: 3}}}
";
    let place = directory(&[("policy.yaml", policy)]);
    let shown = run_in(place.path(), "export map --policy policy.yaml", "");
    let (_, talk) = shown.split_once("----- stderr -----\n").unwrap();
    kept!(talk);
}

#[rstest::rstest]
#[case::off("{mode: 'Off'}", "the policy never writes anything: its mode is Off")]
#[case::dry_run("{mode: DryRun}", "the policy never writes anything: its mode is DryRun")]
#[case::too_long(&wide(9_000), "the variable rule_a of the exported policy has more than")]
#[case::too_many_rules(&many(1_001), "the policy has 1001 rules")]
#[case::too_large(&many_wide(20, 3_300), "the exported policy has 1")]
fn what_has_no_export_is_refused(#[case] spec: &str, #[case] expected: &str) {
    let policy = format!(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: p}}\nspec: {spec}\n"
    );
    let place = directory(&[("policy.yaml", &policy)]);
    let shown = run_in(place.path(), "export map --policy policy.yaml", "");
    assert!(
        shown.starts_with("exit 2\n----- stdout -----\n----- stderr -----\nerror: "),
        "{shown}"
    );
    assert!(shown.contains(expected), "{shown}");
}

#[rstest::rstest]
#[case::nothing_to_export_to("export")]
#[case::upper_case("export map --name Curfew")]
#[case::empty("export map --name=")]
#[case::two_dots("export map --name a..b")]
#[case::a_dash_at_the_end("export map --namespace a-")]
#[case::before_the_kind("export map --kube-version 1.31")]
#[case::no_version("export map --kube-version newest")]
#[case::half_a_version("export map --kube-version 1")]
#[case::another_major("export map --kube-version 2.36")]
#[case::a_version_and_a_server("export map --kube-version 1.36 --served")]
#[case::a_version_and_a_context("export map --kube-version 1.36 --context c")]
#[case::no_such_policy("export map --policy none.yaml")]
#[case::a_broken_policy("export map --policy broken/globs.yaml")]
fn bad_input_ends_with_2(#[case] arguments: &str) {
    let shown = run(arguments);
    assert!(shown.starts_with("exit 2\n----- stdout -----\n----- stderr -----\n"), "{shown}");
}

#[test]
fn the_same_policy_gives_the_same_bytes() {
    let once = || {
        let arguments = ["export", "map", "--policy", "example.yaml"];
        curfew(super::fixtures()).args(arguments).output().unwrap().stdout
    };
    assert_eq!(once(), once());
}

/// A rule with many values of a label.
fn wide(values: usize) -> String {
    many_wide(1, values).replace("r0", "a")
}

fn many(rules: usize) -> String {
    many_wide(rules, 1)
}

fn many_wide(rules: usize, values: usize) -> String {
    let values: Vec<_> = (0..values).map(|number| format!("value-{number:06}")).collect();
    let values = values.join(", ");
    let rules: Vec<_> = (0..rules)
        .map(|number| format!("{{name: r{number}, match: {{labels: {{k: [{values}]}}}}, ttl: 1h}}"))
        .collect();
    format!("{{rules: [{}]}}", rules.join(", "))
}
