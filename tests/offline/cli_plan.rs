//! `curfew plan` as scripts and people meet it: the real binary on a dump.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use insta::assert_snapshot;

const POLICY: &str = "\
apiVersion: curfew.dev/v1alpha1
kind: JobPolicy
metadata: {name: shop}
spec:
  stored: {action: Delete}
  rules:
    - {name: production, match: {namespaceSelector: {matchLabels: {tier: prod}}}, ttl: {onSuccess: 7d, onFailure: 30d}}
  defaults: {ttl: 1h}
";

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// Runs `curfew plan` under a frozen clock; exit code and both streams.
fn plan(arguments: &[&str], policy: &str) -> (i32, String, String) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("policy.yaml");
    std::fs::write(&file, policy).unwrap();
    let mut command = Command::cargo_bin("curfew").unwrap();
    command.current_dir(fixtures()).env_remove("CURFEW_POLICY").env("NO_COLOR", "1");
    command.args(["plan", "--now", "2026-11-21T12:00:00Z"]).args(arguments);
    if !policy.is_empty() {
        command.arg("--policy").arg(&file);
    }
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_table_with_its_sums() {
    let (code, stdout, stderr) = plan(&["-f", "dump.yaml"], POLICY);
    assert_eq!(code, 1);
    assert_snapshot!(stdout, @r"
    ACTION   OBJECT                 FINISHED               AGE   RULE         TTL   DUE                    WHY
    patch    cronjob/shop/nightly   -                      -     production   -     -                      its values are not those of the policy: ttl none to 30d
    patch    job/shop/import-19     -                      -     production   30d   -                      unfinished without a TTL; the policy gives one: ttl none to 30d
    delete   job/shop/import-17     2026-11-10T12:00:00Z   11d   production   7d    2026-11-17T12:00:00Z   finished without a TTL; the policy gives one

    RULE         DELETE   CHANGE   COUNT
    production   1        2        0

    NAMESPACE   DELETE   CHANGE   COUNT
    shop        1        2        0

    1 to delete, 2 to change, 0 only counted
    frees about 3.4 KiB in etcd (Jobs: 1, Pods: 1; by the size of their JSON, a Pod taken for its template and 3 KiB)
    ");
    assert_snapshot!(stderr, @r"
    note: skipped 1 of other kinds: 1 Pod
    note: nothing to do about 1 more: 1 agreed
    ");
}

#[test]
fn wide_shows_what_a_deletion_frees() {
    let (code, stdout, _) = plan(&["-f", "dump.yaml", "-o", "wide"], POLICY);
    assert_eq!(code, 1);
    assert_snapshot!(stdout, @r"
    ACTION   OBJECT                 OUTCOME    FINISHED               AGE   RULE         TTL   DUE                    UID                                    PODS   BYTES   WHY
    patch    cronjob/shop/nightly   -          -                      -     production   -     -                      33333333-0000-4000-8000-000000000001   -      -       its values are not those of the policy: ttl none to 30d
    patch    job/shop/import-19     -          -                      -     production   30d   -                      22222222-0000-4000-8000-000000000003   -      -       unfinished without a TTL; the policy gives one: ttl none to 30d
    delete   job/shop/import-17     Complete   2026-11-10T12:00:00Z   11d   production   7d    2026-11-17T12:00:00Z   22222222-0000-4000-8000-000000000001   1      3539    finished without a TTL; the policy gives one

    RULE         DELETE   CHANGE   COUNT
    production   1        2        0

    NAMESPACE   DELETE   CHANGE   COUNT
    shop        1        2        0

    1 to delete, 2 to change, 0 only counted
    frees about 3.4 KiB in etcd (Jobs: 1, Pods: 1; by the size of their JSON, a Pod taken for its template and 3 KiB)
    ");
}

#[test]
fn everything_with_all() {
    let (_, stdout, stderr) = plan(&["-f", "dump.yaml", "--all"], POLICY);
    assert_snapshot!(stdout, @r"
    ACTION   OBJECT                 FINISHED               AGE   RULE         TTL   DUE                    WHY
    patch    cronjob/shop/nightly   -                      -     production   -     -                      its values are not those of the policy: ttl none to 30d
    patch    job/shop/import-19     -                      -     production   30d   -                      unfinished without a TTL; the policy gives one: ttl none to 30d
    delete   job/shop/import-17     2026-11-10T12:00:00Z   11d   production   7d    2026-11-17T12:00:00Z   finished without a TTL; the policy gives one
    wait     job/shop/import-18     2026-11-20T12:00:00Z   1d    production   30d   2026-12-20T12:00:00Z   as the policy wants it

    RULE         DELETE   CHANGE   COUNT
    production   1        2        0

    NAMESPACE   DELETE   CHANGE   COUNT
    shop        1        2        0

    1 to delete, 2 to change, 0 only counted
    frees about 3.4 KiB in etcd (Jobs: 1, Pods: 1; by the size of their JSON, a Pod taken for its template and 3 KiB)
    ");
    assert_snapshot!(stderr, @r"
    note: skipped 1 of other kinds: 1 Pod
    ");
}

#[test]
fn names_are_for_scripts() {
    let (code, stdout, _) = plan(&["-q", "-f", "dump.yaml", "-o", "name"], POLICY);
    assert_eq!(code, 1);
    assert_snapshot!(stdout, @r"
    cronjob/shop/nightly
    job/shop/import-19
    job/shop/import-17
    ");
}

#[rstest::rstest]
#[case::json("json")]
#[case::yaml("yaml")]
fn a_plan_as_a_document_can_be_carried_out(#[case] format: &str) {
    use curfew::sweeper::plan::Plan;
    let (code, stdout, _) = plan(&["-f", "dump.yaml", "-o", format], POLICY);
    assert_eq!(code, 1);
    let plan: Plan = match format {
        "json" => serde_json::from_str(&stdout).unwrap(),
        _ => serde_yaml::from_str(&stdout).unwrap(),
    };
    assert_eq!(plan.check(), Ok(()));
    assert_eq!(plan.cluster.as_deref(), Some("11111111-0000-4000-8000-000000000001"));
    assert_eq!(plan.totals.all.delete, 1);
}

#[test]
fn by_age_and_without_a_policy() {
    let (code, stdout, stderr) = plan(&["-f", "dump.yaml", "--older-than", "7d"], "");
    assert_eq!(code, 1);
    assert_snapshot!(stdout, @r"
    ACTION   OBJECT               FINISHED               AGE   RULE       TTL   DUE                    WHY
    delete   job/shop/import-17   2026-11-10T12:00:00Z   11d   defaults   7d    2026-11-17T12:00:00Z   finished without a TTL; the policy gives one

    RULE       DELETE   CHANGE   COUNT
    defaults   1        0        0

    NAMESPACE   DELETE   CHANGE   COUNT
    shop        1        0        0

    1 to delete, 0 to change, 0 only counted
    frees about 3.4 KiB in etcd (Jobs: 1, Pods: 1; by the size of their JSON, a Pod taken for its template and 3 KiB)
    ");
    assert_snapshot!(stderr, @r"
    note: skipped 1 of other kinds: 1 Pod
    note: nothing to do about 3 more: 2 agreed, 1 unfinished-without
    ");
    let (code, stdout, _) = plan(&["-f", "dump.yaml", "--older-than", "30d"], "");
    assert_eq!((code, stdout.as_str()), (0, ""));
    let (code, _, stderr) = plan(&["-f", "dump.yaml", "--older-than", "7d"], POLICY);
    assert_eq!(code, 2);
    assert!(stderr.contains("leave out --policy"), "{stderr}");
}

#[test]
fn against_another_policy_only_the_difference() {
    let directory = tempfile::tempdir().unwrap();
    let old = directory.path().join("old.yaml");
    std::fs::write(&old, POLICY.replace("30d", "12h")).unwrap();
    let against = ["-f", "dump.yaml", "--against", old.to_str().unwrap()];
    let (code, stdout, _) = plan(&against, POLICY);
    assert_eq!(code, 1);
    assert_snapshot!(stdout, @r"
    OBJECT                 OLD                                                                                            NEW
    cronjob/shop/nightly   patch by production: its values are not those of the policy: ttl none to 7d                    patch by production: its values are not those of the policy: ttl none to 30d
    job/shop/import-18     delete after 12h at 2026-11-21T00:00:00Z by production                                         wait after 30d at 2026-12-20T12:00:00Z by production
    job/shop/import-19     patch after 7d by production: unfinished without a TTL; the policy gives one: ttl none to 7d   patch after 30d by production: unfinished without a TTL; the policy gives one: ttl none to 30d
    ");
    std::fs::write(&old, POLICY).unwrap();
    let (code, stdout, _) = plan(&against, POLICY);
    assert_eq!((code, stdout.as_str()), (0, ""));
}

#[rstest::rstest]
#[case::broken_document("apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\n", "no spec")]
#[case::no_yaml("a: [\n", "document 1")]
#[case::no_object("- a\n", "no object")]
fn a_broken_dump_is_no_part_of_a_plan(#[case] text: &str, #[case] expected: &str) {
    let directory = tempfile::tempdir().unwrap();
    let dump = directory.path().join("broken.yaml");
    std::fs::write(&dump, text).unwrap();
    // The good half is not planned for, either.
    let arguments = ["-f", "dump.yaml", "-f", dump.to_str().unwrap()];
    let (code, stdout, stderr) = plan(&arguments, POLICY);
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert!(stderr.contains("broken.yaml") && stderr.contains(expected), "{stderr}");
}

/// Guards know some GitOps tools by nothing else, and kubectl leaves it out by itself.
#[test]
fn a_dump_without_managed_fields_is_told() {
    let dump = std::fs::read_to_string(fixtures().join("dump.yaml")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("dump.yaml");
    std::fs::write(&file, dump.replace("managedFields:", "finalizers: [], x:")).unwrap();
    let arguments = ["-f", file.to_str().unwrap()];
    let (code, _, stderr) = plan(&arguments, POLICY);
    assert_eq!(code, 1);
    assert!(stderr.contains("--show-managed-fields"), "{stderr}");
}

#[test]
fn a_dump_from_stdin_without_namespaces() {
    let dump = std::fs::read_to_string(fixtures().join("dump.yaml")).unwrap();
    let dump = dump.replace("kind: Namespace", "kind: ConfigMap");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("policy.yaml");
    std::fs::write(&file, POLICY).unwrap();
    let mut command = Command::cargo_bin("curfew").unwrap();
    command.args(["plan", "--now", "2026-11-21T12:00:00Z", "-f", "-", "--policy"]).arg(&file);
    let output = command.write_stdin(dump).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("add them to the dump"), "{stderr}");
    assert!(stderr.contains("2 ConfigMap"), "{stderr}");
    assert!(!String::from_utf8(output.stdout).unwrap().contains("delete "));
}
