//! The command line as scripts and people meet it: the real binary, its output and its exit codes.
//!
//! Each snapshot holds the exit code and both streams. Commands run in `tests/fixtures` or in a
//! directory of their own, so that paths are the same everywhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use assert_cmd::Command;
use insta::assert_snapshot;

mod agreement;
mod export;

use crate::support::directory::directory;

/// The binary, as it runs in a directory, without anything of the surroundings.
fn curfew(directory: impl AsRef<Path>) -> Command {
    let mut command = Command::cargo_bin("curfew").unwrap();
    command.current_dir(directory);
    for variable in ["CURFEW_POLICY", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(variable);
    }
    command
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// Runs a command in `tests/fixtures`.
fn run(arguments: &str) -> String {
    run_in(fixtures(), arguments, "")
}

/// Runs a command; its arguments hold no blanks.
fn run_in(directory: impl AsRef<Path>, arguments: &str, stdin: &str) -> String {
    let arguments = arguments.split_whitespace();
    shown(curfew(directory.as_ref()).args(arguments).write_stdin(stdin.to_owned()))
}

fn shown(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let code = output.status.code().expect("the process ends by itself");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    // A revision is a hash of the policy, which has tests of its own.
    let mut shown =
        format!("exit {code}\n----- stdout -----\n{stdout}----- stderr -----\n{stderr}");
    for mark in ["revision ", "revision: ", "\"revision\": \""] {
        while let Some(digits) = shown.find(mark).map(|start| start + mark.len()) {
            // YAML quotes one that could be taken for a number.
            let quote = usize::from(shown[digits..].starts_with('"'));
            let word = &shown[digits + quote..];
            let length = word.find(|c: char| !c.is_ascii_alphanumeric()).unwrap() + 2 * quote;
            shown.replace_range(digits - mark.len()..digits + length, "[REVISION]");
        }
    }
    shown
}

const JOB: &str = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\nspec: {}\n";

mod general {
    use super::*;

    #[test]
    fn help_is_an_answer() {
        assert_snapshot!(run("--help"));
    }

    #[rstest::rstest]
    #[case::no_command("")]
    #[case::unknown_command("sweap")]
    #[case::unknown_flag("mutate -f - --frobnicate")]
    #[case::missing_argument("mutate")]
    #[case::bad_time("mutate -f - --now yesterday")]
    #[case::bad_format("explain -f - -o xml")]
    fn bad_usage_ends_with_2(#[case] arguments: &str) {
        let shown = run(arguments);
        assert!(shown.starts_with("exit 2\n----- stdout -----\n----- stderr -----\n"), "{shown}");
    }

    #[test]
    fn version() {
        let shown = run("version");
        assert!(shown.contains(concat!("curfew ", env!("CARGO_PKG_VERSION"))), "{shown}");
        let json = curfew(fixtures()).args(["version", "-o", "json"]).output().unwrap().stdout;
        let build: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(build["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(build["policyVersions"], serde_json::json!(["curfew.dev/v1alpha1"]));
    }

    #[rstest::rstest]
    #[case::bash("bash")]
    #[case::fish("fish")]
    #[case::zsh("zsh")]
    fn completion(#[case] shell: &str) {
        let shown = run(&format!("completion {shell}"));
        assert!(shown.starts_with("exit 0\n"), "{shown}");
        assert!(shown.contains("explain") && shown.contains("recursive"), "{shown}");
    }

    #[test]
    fn schema_is_a_json_schema() {
        let json = curfew(fixtures()).arg("schema").output().unwrap().stdout;
        let schema: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert!(schema["$schema"].is_string(), "{schema}");
        assert!(jsonschema::validator_for(&schema).is_ok());
    }

    #[test]
    fn a_reader_that_has_seen_enough_is_no_failure() {
        let many = format!("{JOB}---\n");
        let input = directory(&[("many.yaml", &many.repeat(20_000))]);
        let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin("curfew"))
            .args(["mutate", "-f", "many.yaml"])
            .current_dir(input.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        assert_eq!(output.status.code(), Some(0));
    }

    #[test]
    fn the_policy_may_come_from_the_environment() {
        let mut command = curfew(fixtures());
        command.args(["mutate", "-f", "-", "-o", "patch"]).write_stdin(JOB);
        let bundled = shown(&mut command);
        let other = shown(command.env("CURFEW_POLICY", "example.yaml"));
        assert!(bundled.contains("604800"), "{bundled}");
        assert!(other.contains("86400"), "{other}");
    }
}

mod check {
    use super::*;

    const BROKEN: &str = "\
apiVersion: curfew.dev/v1alpha1
kind: JobPolicy
metadata: {name: broken}
spec:
  rules:
    - name: dev
      match: {namespaces: [dev]}
      ttl: {onSuccess: 1h, onFail: 2h}
    - name: dev
      match: {namespaces: [Dev]}
      ttl: 1.5h
";
    const ODD: &str = "\
apiVersion: curfew.dev/v1alpha1
kind: JobPolicy
metadata: {name: odd}
spec:
  stored: {action: Marked}
  defaults: {ttl: {onSuccess: 2h, onFailure: 1h}}
";

    #[test]
    fn the_bundled_policy() {
        assert_snapshot!(run("check"));
    }

    #[test]
    fn the_example() {
        assert_snapshot!(run("check example.yaml"));
    }

    #[test]
    fn every_error_is_told() {
        assert_snapshot!(run_in(directory(&[("broken.yaml", BROKEN)]), "check broken.yaml", ""));
    }

    #[test]
    fn every_error_is_told_to_machines() {
        assert_snapshot!(run_in(
            directory(&[("broken.yaml", BROKEN)]),
            "check broken.yaml -o json",
            ""
        ));
    }

    #[test]
    fn warnings_alone_are_fine_unless_strict() {
        let policy = directory(&[("odd.yaml", ODD)]);
        assert_snapshot!(run_in(&policy, "check odd.yaml", ""));
        assert!(run_in(&policy, "check --strict odd.yaml", "").starts_with("exit 1\n"));
        assert!(run_in(&policy, "check --strict -o json odd.yaml", "").starts_with("exit 1\n"));
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let policy = directory(&[("a.yaml", JOB), ("empty/README.md", "")]);
        std::os::unix::fs::symlink("nowhere", policy.path().join("link.yaml")).unwrap();
        let all: Vec<String> = ["missing.yaml", "link.yaml", "a.yaml/b.yaml", "empty", "a.yaml"]
            .iter()
            .map(|path| format!("# {path}\n{}\n", run_in(&policy, &format!("check {path}"), "")))
            .collect();
        assert_snapshot!(all.concat());
    }

    #[test]
    fn a_policy_that_does_not_load_stops_every_command() {
        let policy = directory(&[("broken.yaml", BROKEN)]);
        for command in ["mutate", "diff", "explain"] {
            let shown = run_in(&policy, &format!("{command} -f - --policy broken.yaml"), JOB);
            assert!(
                shown.starts_with("exit 2\n----- stdout -----\n----- stderr -----\n"),
                "{shown}"
            );
            assert!(shown.contains("E012"), "{shown}");
        }
    }
}

mod mutate {
    use super::*;

    #[test]
    fn only_what_the_policy_changes_is_changed() {
        assert_snapshot!(run("mutate -f manifests.yaml --policy example.yaml"));
    }

    #[test]
    fn as_json() {
        assert_snapshot!(run_in(fixtures(), "mutate -f - -o json", JOB));
        let list = run("mutate -f manifests.yaml -o json");
        assert!(list.contains("\"kind\": \"List\""), "{list}");
    }

    #[test]
    fn as_patches() {
        assert_snapshot!(run("mutate -f manifests.yaml --policy example.yaml -o patch"));
    }

    #[test]
    fn a_quiet_run_warns_of_nothing() {
        let shown = run("mutate -q -f manifests.yaml --policy example.yaml");
        assert!(shown.ends_with("----- stderr -----\n"), "{shown}");
    }

    #[test]
    fn what_comes_out_changes_no_more() {
        let once = curfew(fixtures())
            .args(["mutate", "-f", "manifests.yaml", "--policy", "example.yaml"])
            .output()
            .unwrap()
            .stdout;
        let twice = curfew(fixtures())
            .args(["mutate", "-f", "-", "--policy", "example.yaml"])
            .write_stdin(once.clone())
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(twice.stdout).unwrap(), String::from_utf8(once).unwrap());
        assert_eq!(String::from_utf8(twice.stderr).unwrap(), "");
    }

    #[test]
    fn other_kinds_pass_through() {
        let other =
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\nstringData:\n  a: \"on\"\n";
        assert_snapshot!(run_in(fixtures(), "mutate -f -", other));
    }

    #[test]
    fn lists_are_taken_apart() {
        let list = "\
apiVersion: batch/v1
kind: JobList
items:
- metadata: {name: a}
  spec: {}
- metadata: {name: b, namespace: kube-system}
  spec: {}
";
        assert_snapshot!(run_in(fixtures(), "mutate -f -", list));
    }

    #[test]
    fn the_namespace_is_the_manifests_then_the_flags_then_default() {
        let text = format!("{JOB}---\n{}", JOB.replace("name: a", "name: a, namespace: team-b"));
        let arguments = "mutate -f - -o patch --policy example.yaml";
        let default = run_in(fixtures(), arguments, &text);
        assert_snapshot!(default);
        let flag = run_in(fixtures(), &format!("{arguments} -n team-a"), &text);
        assert_snapshot!(flag);
    }

    #[test]
    fn a_family_needs_its_cronjob() {
        let child = "\
apiVersion: batch/v1
kind: Job
metadata:
  name: daily-etl-1
  ownerReferences:
  - {apiVersion: batch/v1, kind: CronJob, name: daily-etl, uid: \"1\", controller: true}
spec: {}
";
        let alone = run_in(fixtures(), "mutate -f - --policy example.yaml -o patch", child);
        assert_snapshot!(alone);
        let arguments = "mutate -f - -f manifests.yaml --policy example.yaml -o patch";
        let together = run_in(fixtures(), arguments, child);
        assert!(together.contains("job/daily-etl-1"), "{together}");
    }

    #[test]
    fn what_cannot_be_judged_passes_with_a_warning() {
        let text = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\nspec: nothing\n";
        assert_snapshot!(run_in(fixtures(), "mutate -f -", text));
    }

    #[test]
    fn directories() {
        let manifests = directory(&[
            ("b.yaml", &JOB.replace("name: a", "name: b")),
            (
                "a.json",
                r#"{"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a"}, "spec": {}}"#,
            ),
            ("notes.txt", "not a manifest"),
            ("deep/c.yml", &JOB.replace("name: a", "name: c")),
        ]);
        assert_snapshot!(run_in(&manifests, "diff -f . -o name", ""));
        assert_snapshot!(run_in(&manifests, "diff -R -f . -o name", ""));
    }

    #[test]
    fn a_broken_document_is_named_and_nothing_is_printed() {
        let text = format!("{JOB}---\nkind: Job\n  name: x\n---\n{JOB}---\nmetadata: {{}}\n");
        let manifests = directory(&[("jobs.yaml", &text)]);
        assert_snapshot!(run_in(&manifests, "mutate -f jobs.yaml", ""));
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let manifests = directory(&[("a.yaml", JOB), ("empty/README.md", "")]);
        std::os::unix::fs::symlink("nowhere", manifests.path().join("link.yaml")).unwrap();
        fs::write(manifests.path().join("binary.yaml"), [0xff, 0xfe, 0x00]).unwrap();
        let paths = ["missing.yaml", "link.yaml", "a.yaml/b.yaml", "empty", "binary.yaml"];
        let flags: Vec<String> = paths.iter().map(|path| format!("-f {path}")).collect();
        assert_snapshot!(run_in(&manifests, &format!("mutate {}", flags.join(" ")), ""));
    }
}

mod diff {
    use super::*;

    #[test]
    fn differences_end_with_1() {
        assert_snapshot!(run("diff -f manifests.yaml --policy example.yaml"));
    }

    #[test]
    fn none_end_with_0() {
        let shown = run_in(fixtures(), "diff -f -", "apiVersion: v1\nkind: Secret\n");
        assert_eq!(shown, "exit 0\n----- stdout -----\n----- stderr -----\n");
    }

    #[test]
    fn colour_is_for_those_who_want_it() {
        let coloured = |variable: &str| {
            let mut command = curfew(fixtures());
            command.args(["diff", "-f", "-"]).write_stdin(JOB).env("CLICOLOR_FORCE", "1");
            command.env(variable, "1");
            shown(&mut command).contains('\u{1b}')
        };
        assert!(coloured("CLICOLOR_FORCE"));
        assert!(!coloured("NO_COLOR"));
    }
}

mod explain {
    use super::*;

    const NOW: &str = "--now 2026-01-10T00:00:00Z --policy example.yaml";
    const FINISHED: &str = "\
apiVersion: batch/v1
kind: Job
metadata:
  name: batch-processor-17
  uid: 3f1a
  annotations:
    curfew.dev/applied: '{\"ttl\":[259200,null,\"bulk-batch\"]}'
spec: {ttlSecondsAfterFinished: 259200, activeDeadlineSeconds: 60}
status:
  startTime: 2026-01-09T22:00:00Z
  conditions:
  - {type: Complete, status: \"True\", lastTransitionTime: \"2026-01-09T23:30:00Z\"}
";

    #[test]
    fn a_job() {
        let job = JOB.replace("name: a", "name: a, labels: {environment: dev}");
        assert_snapshot!(run_in(fixtures(), &format!("explain -f - {NOW}"), &job));
    }

    #[test]
    fn a_job_and_every_rule() {
        let job = JOB.replace("name: a", "name: a, labels: {environment: dev}");
        assert_snapshot!(run_in(fixtures(), &format!("explain -f - -o wide {NOW}"), &job));
    }

    #[test]
    fn a_finished_job_expires() {
        assert_snapshot!(run_in(fixtures(), &format!("explain -f - {NOW}"), FINISHED));
        assert_snapshot!(run_in(fixtures(), &format!("explain -f - -o yaml {NOW}"), FINISHED));
    }

    #[test]
    fn a_running_job_has_a_deadline() {
        let running = FINISHED.replace("type: Complete", "type: Suspended");
        assert_snapshot!(run_in(fixtures(), &format!("explain -f - {NOW}"), &running));
    }

    #[test]
    fn a_held_job() {
        let held = FINISHED.replace(
            "  annotations:\n",
            "  annotations:\n    curfew.dev/hold-until: 2026-01-12T00:00:00Z\n",
        );
        assert_snapshot!(run_in(fixtures(), &format!("explain -f - {NOW}"), &held));
    }

    #[test]
    fn a_guarded_job() {
        let hook = JOB.replace("name: a", "name: a, annotations: {helm.sh/hook: test}");
        assert_snapshot!(run_in(fixtures(), &format!("explain -f - {NOW}"), &hook));
    }

    #[test]
    fn everything_in_a_file() {
        let shown = run(&format!("explain -f manifests.yaml {NOW}"));
        assert_snapshot!(shown);
        let json = curfew(fixtures())
            .args(["explain", "-f", "manifests.yaml", "-o", "json", "--policy", "example.yaml"])
            .output()
            .unwrap()
            .stdout;
        let all: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(all[2]["settings"][0]["target"], 172_800);
        assert_eq!(all[2]["settings"][0]["by"], "daily-etl");
    }

    #[test]
    fn a_dry_run_changes_nothing() {
        let policy = "--policy ../../policies/examples/staged-rollout.yaml";
        let arguments = format!("explain -f - --now 2026-01-10T00:00:00Z {policy}");
        assert_snapshot!(run_in(fixtures(), &arguments, JOB));
    }

    #[test]
    fn a_schedule_that_the_clocks_disturb() {
        let cronjob = "\
apiVersion: batch/v1
kind: CronJob
metadata: {name: night}
spec: {schedule: \"30 2 * * *\", timeZone: Europe/Berlin, jobTemplate: {spec: {}}}
";
        assert_snapshot!(run_in(fixtures(), &format!("explain -f - {NOW}"), cronjob));
    }

    #[test]
    fn there_must_be_something_to_explain() {
        assert_snapshot!(run_in(fixtures(), "explain -f -", "apiVersion: v1\nkind: Secret\n"));
        let broken = "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: a}\nspec: {}\n";
        assert_snapshot!(run_in(fixtures(), "explain -f -", broken));
    }
}

mod test {
    use super::*;

    const FAILING: &str = "\
apiVersion: curfew.dev/v1alpha1
kind: JobPolicyTest
metadata: {name: failing}
spec:
  policy: [policy.yaml]
  cases:
  - name: right
    object: {kind: Job, metadata: {name: a}}
    expect: {ttl: 1h}
  - name: wrong in every way
    object: {kind: Job, metadata: {name: a}}
    expect:
      ttl: null
      onSuccess: 5m
      decidedBy: dev
      warnings: [careful]
      lint: [W110]
      unchanged: true
      exempt: true
      guard: deployHooks
      due: true
      timeZone: UTC
      history: {failed: 1}
      deadlines: {active: 1h}
";
    const POLICY: &str = "\
apiVersion: curfew.dev/v1alpha1
kind: JobPolicy
metadata: {name: a}
spec: {defaults: {ttl: 1h}}
";

    #[test]
    fn the_table_of_the_design() {
        assert_snapshot!(run("test . -o wide"));
    }

    #[test]
    fn every_shipped_policy() {
        let shown = run_in(env!("CARGO_MANIFEST_DIR"), "test policies", "");
        assert_snapshot!(shown);
    }

    #[test]
    fn every_shipped_policy_has_a_test() {
        for folder in ["policies", "policies/examples"] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_str().unwrap();
                if let Some(stem) = name.strip_suffix(".yaml")
                    && !stem.ends_with("-test")
                {
                    assert!(path.with_file_name(format!("{stem}-test.yaml")).exists(), "{name}");
                }
            }
        }
    }

    #[rstest::rstest]
    #[case::table("table")]
    #[case::json("json")]
    #[case::junit("junit")]
    fn failures_end_with_1(#[case] format: &str) {
        let files = directory(&[("a-test.yaml", FAILING), ("policy.yaml", POLICY)]);
        let shown = run_in(&files, &format!("test . -o {format}"), "");
        assert_snapshot!(format!("failures_as_{format}"), shown);
    }

    #[rstest::rstest]
    #[case::unknown_field("    expect:", "    expects:")]
    #[case::no_expectation("    expect: {ttl: 1h}", "    expect: {}")]
    #[case::another_kind("kind: JobPolicyTest", "kind: JobPolicy")]
    #[case::missing_policy("policy.yaml", "missing.yaml")]
    #[case::no_policy("[policy.yaml]", "[]")]
    #[case::unknown_object("{kind: Job, metadata: {name: a}}", "job/missing")]
    #[case::update_without_old("    object:", "    operation: update\n    object:")]
    #[case::another_object("kind: Job,", "kind: Pod,")]
    #[case::bad_duration("ttl: 1h", "ttl: soon")]
    #[case::unknown_setting("decidedBy: dev", "decidedBy: {ttx: dev}")]
    fn a_broken_fixture_ends_with_2(#[case] from: &str, #[case] to: &str) {
        assert!(FAILING.contains(from));
        let fixture = FAILING.replacen(from, to, 1);
        let files = directory(&[("a-test.yaml", &fixture), ("policy.yaml", POLICY)]);
        let name = std::thread::current().name().unwrap().rsplit("::").next().unwrap().to_owned();
        assert_snapshot!(format!("broken_fixture_{name}"), run_in(&files, "test .", ""));
    }

    #[test]
    fn there_must_be_something_to_test() {
        let files = directory(&[("policy.yaml", POLICY)]);
        assert_snapshot!(run_in(&files, "test . missing-test.yaml", ""));
    }
}

mod certs {
    use super::*;

    #[test]
    fn what_is_made_can_be_inspected() {
        let files = tempfile::tempdir().unwrap();
        let make = "certs make --host localhost --host 127.0.0.1 --service curfew -n ops --out out";
        assert_snapshot!(run_in(&files, make, ""));
        let inspect = "certs inspect out/tls.pem out/ca.pem --key out/tls.key -o json";
        let output = curfew(&files).args(inspect.split(' ')).output().unwrap();
        let all: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        // The key belongs to the leaf, and not to the authority.
        assert_eq!(output.status.code(), Some(1), "{all}");
        assert_eq!(all[0]["fitsKey"], true);
        assert_eq!(all[1]["fitsKey"], false);
        let names = ["localhost", "127.0.0.1", "curfew.ops.svc", "curfew.ops", "curfew"];
        assert_eq!(all[0]["names"], serde_json::json!(names));
        assert_eq!(all[0]["state"], "valid");
        assert_eq!(all[1]["authority"], true);
        let table = run_in(&files, "certs inspect out/tls.pem --key out/tls.key", "");
        assert!(table.starts_with("exit 0\n"), "{table}");
        assert!(table.contains("valid, fits the key"), "{table}");
    }

    #[rstest::rstest]
    #[case::too_late("2100-01-01T00:00:00Z", "expired")]
    #[case::too_early("2000-01-01T00:00:00Z", "notYet")]
    fn age_ends_with_1(#[case] now: &str, #[case] expected: &str) {
        let files = tempfile::tempdir().unwrap();
        assert!(run_in(&files, "certs make --host localhost", "").starts_with("exit 0\n"));
        let shown = run_in(&files, &format!("certs inspect certs/tls.pem -o json --now {now}"), "");
        assert!(shown.starts_with("exit 1\n"), "{shown}");
        assert!(shown.contains(&format!("\"state\": \"{expected}\"")), "{shown}");
    }

    #[test]
    fn bad_input() {
        let files = directory(&[("a.pem", "nothing")]);
        let all: Vec<String> = [
            "certs make",
            "certs make --host höst",
            "certs make --host localhost --out a.pem",
            "certs inspect missing.pem",
            "certs inspect a.pem",
        ]
        .iter()
        .map(|arguments| format!("# {arguments}\n{}\n", run_in(&files, arguments, "")))
        .collect();
        assert_snapshot!(all.concat());
    }
}
