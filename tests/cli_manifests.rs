//! Manifests as people have them, through the real binary: what YAML 1.1 makes of them, what an API
//! server refuses, and folders that also hold other files.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use rstest::rstest;
use serde_json::Value;

/// Exit code, stdout, stderr.
type Told = (i32, String, String);

fn curfew(directory: &Path, arguments: &str, stdin: &[u8]) -> Told {
    let mut command = Command::cargo_bin("curfew").unwrap();
    command.current_dir(directory).env_remove("CURFEW_POLICY");
    let output =
        command.args(arguments.split_whitespace()).write_stdin(stdin.to_vec()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Runs in the folder of inputs that people had.
fn field(arguments: &str) -> Told {
    curfew(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/field"), arguments, b"")
}

fn json(arguments: &str) -> Value {
    let (code, stdout, stderr) = field(arguments);
    assert_eq!(code, 0, "{stderr}");
    serde_json::from_str(&stdout).unwrap()
}

fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    directory
}

#[test]
fn an_octal_mode_is_a_number() {
    let job = json("mutate -f octal-mode.yaml -o json");
    assert_eq!(job["spec"]["template"]["spec"]["volumes"][0]["secret"]["defaultMode"], 256);
    let (_, yaml, _) = field("mutate -f octal-mode.yaml");
    assert!(yaml.contains("defaultMode: 256\n"), "{yaml}");
}

#[test]
fn what_kubectl_takes_for_a_boolean_is_one() {
    let job = json("mutate -f yes-no.yaml -o json");
    assert_eq!(job["spec"]["suspend"], false);
    assert_eq!(job["spec"]["template"]["spec"]["automountServiceAccountToken"], false);
}

#[test]
fn a_whole_float_is_an_integer() {
    let policy = "--policy float-ttl.policy.yaml";
    let job = json(&format!("mutate -f float-ttl.yaml {policy} -o json"));
    assert_eq!(job["spec"]["ttlSecondsAfterFinished"], 86_400);
    let (code, stdout, _) = field(&format!("diff -f float-ttl.yaml {policy}"));
    assert_eq!(code, 1, "{stdout}");
    assert!(stdout.contains("-  ttlSecondsAfterFinished: 2592000\n"), "{stdout}");
    let (code, stdout, stderr) = field(&format!("explain -f float-ttl.yaml {policy}"));
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    assert!(stdout.contains("2592000 (30d)"), "{stdout}");
}

/// In every reader of dumps, and in JSON as well.
#[rstest]
#[case::cronjobs("cronjobs -f - -o name")]
#[case::next("next -f - -o json")]
#[case::plan("plan -f - --policy float-ttl.policy.yaml --all -o name")]
fn whole_floats_everywhere(#[case] arguments: &str) {
    let cronjob = r#"{"apiVersion": "batch/v1", "kind": "CronJob",
        "metadata": {"name": "a", "namespace": "b", "uid": "c"},
        "spec": {"schedule": "@daily", "timeZone": "Etc/UTC", "startingDeadlineSeconds": 6e2,
            "successfulJobsHistoryLimit": 3.0, "failedJobsHistoryLimit": 1.0,
            "jobTemplate": {"spec": {"ttlSecondsAfterFinished": 3600.0}}}}"#;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/field");
    let (code, _, stderr) = curfew(&folder, arguments, cronjob.as_bytes());
    assert!(code < 2, "{stderr}");
    let half = cronjob.replace("6e2", "0.5");
    let (code, _, stderr) = curfew(&folder, arguments, half.as_bytes());
    assert!(code == 2 || stderr.contains("1 unreadable"), "{stderr}");
}

#[rstest]
#[case::mutate("mutate")]
#[case::diff("diff")]
fn warnings_name_their_object(#[case] command: &str) {
    let arguments = format!("{command} -f two-jobs.yaml --policy two-jobs.policy.yaml");
    let (_, _, stderr) = field(&arguments);
    let lines: Vec<&str> = stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{stderr}");
    for (line, start) in lines.iter().zip([
        "Warning: two-jobs.yaml:1: document 1: job/a in namespace default: ttlSecondsAfterFinished: 604800 becomes 86400 ",
        "Warning: two-jobs.yaml:5: document 2: job/b in namespace default: ttlSecondsAfterFinished: 3600 becomes 7200 ",
    ]) {
        assert!(line.starts_with(start), "{line}");
    }
}

#[test]
fn a_label_without_a_value_is_judged_as_an_empty_one() {
    let (code, stdout, stderr) = field("mutate -f null-label.yaml");
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.contains("ttlSecondsAfterFinished"), "{stdout}");
    let policy = "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {name: x}\nspec:\n  \
                  rules: [{name: teamless, match: {labels: {team: ''}}, ttl: 7m}]\n";
    let policies = directory(&[("policy.yaml", policy)]);
    let path = policies.path().join("policy.yaml");
    let job = json(&format!("mutate -f null-label.yaml -o json --policy {}", path.display()));
    assert_eq!(job["spec"]["ttlSecondsAfterFinished"], 420);
}

/// What is no object an API server takes is told, passes through, and ends with 2.
#[rstest]
#[case::label(
    "metadata: {name: a, labels: {a: 1}}\nspec: {}",
    "metadata.labels.a must be a string, and is the number 1; put it in quotes"
)]
#[case::norway(
    "metadata: {name: a, labels: {country: no}}\nspec: {}",
    "metadata.labels.country must be a string, and is the boolean false; put it in quotes"
)]
#[case::annotation(
    "metadata: {name: a, annotations: {a: on}}\nspec: {}",
    "metadata.annotations.a must be a string"
)]
#[case::environment(
    "metadata: {name: a}\nspec: {template: {spec: {containers: [{env: [{name: A, value: 1}]}]}}}",
    "spec.template.spec.containers[0].env[0].value must be a string, and is the number 1; put it in quotes"
)]
#[case::argument(
    "metadata: {name: a}\nspec: {template: {spec: {containers: [{args: [yes]}]}}}",
    "spec.template.spec.containers[0].args[0] must be a string"
)]
#[case::half(
    "metadata: {name: a}\nspec: {ttlSecondsAfterFinished: 1.5}",
    "spec.ttlSecondsAfterFinished must be a whole number, and is the number 1.5"
)]
#[case::large(
    "metadata: {name: a}\nspec: {ttlSecondsAfterFinished: 3e9}",
    "spec.ttlSecondsAfterFinished must be a whole number from -2147483648 to 2147483647"
)]
#[case::quoted(
    "metadata: {name: a}\nspec: {ttlSecondsAfterFinished: '60'}",
    "spec.ttlSecondsAfterFinished must be a whole number, and is the string \"60\"; leave the quotes away"
)]
#[case::no_spec("metadata: {name: a}", "it has no spec")]
fn what_is_not_judged_ends_with_2(#[case] members: &str, #[case] expected: &str) {
    let bad = format!("apiVersion: batch/v1\nkind: Job\n{members}\n");
    let good = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: good}\nspec: {}\n";
    let files = directory(&[("all.yaml", &format!("{bad}---\n{good}"))]);
    let (code, stdout, stderr) = curfew(files.path(), "mutate -f all.yaml", b"");
    assert_eq!(code, 2, "{stderr}");
    assert!(stdout.contains("604800"), "the rest is printed: {stdout}");
    let start = "Warning: all.yaml:1: document 1: job/a in namespace default is not judged: ";
    assert!(stderr.starts_with(start) && stderr.contains(expected), "{stderr}");
    let (code, stdout, stderr) = curfew(files.path(), "diff -f all.yaml -o name", b"");
    assert_eq!((code, stdout.as_str()), (2, "job/good\n"), "{stderr}");
    let (code, stdout, stderr) = curfew(files.path(), "explain -f all.yaml", b"");
    assert_eq!(code, 2, "{stderr}");
    assert!(stdout.starts_with("job/good "), "the rest is printed: {stdout}");
    assert!(stderr.contains(expected), "{stderr}");
}

#[rstest]
#[case::cronjob("batch/v1beta1", "CronJob", "gone since Kubernetes 1.25")]
#[case::alpha_cronjob("batch/v2alpha1", "CronJob", "gone since Kubernetes 1.21")]
#[case::extensions("extensions/v1beta1", "Job", "gone since Kubernetes 1.6")]
#[case::never_was("batch/v2", "Job", "no such version")]
#[case::no_group("v1", "Job", "no such version")]
fn a_version_that_is_gone(#[case] version: &str, #[case] kind: &str, #[case] expected: &str) {
    let text = format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: a}}\nspec: {{}}\n");
    for command in ["mutate", "diff", "explain", "plan"] {
        let files = directory(&[("old.yaml", &text)]);
        let (code, _, stderr) = curfew(files.path(), &format!("{command} -f old.yaml"), b"");
        assert_eq!(code, 2, "{command}: {stderr}");
        let place = format!("old.yaml:1: document 1: {}/a: {version}: ", kind.to_lowercase());
        let expected = format!("{place}{expected}; write `apiVersion: batch/v1`");
        assert!(stderr.contains(&expected), "{command}: {stderr}");
    }
}

#[test]
fn kinds_of_others_pass() {
    let text = b"apiVersion: batch.volcano.sh/v1alpha1\nkind: Job\nmetadata: {name: a}\n";
    let (code, _, stderr) = curfew(Path::new("."), "mutate -f -", text);
    assert_eq!((code, stderr.as_str()), (0, ""));
}

#[test]
fn odd_files_say_what_they_are() {
    let (code, _, stderr) = field("diff -f beta.yaml");
    assert_eq!(code, 2);
    assert!(stderr.contains("batch/v1beta1: gone since Kubernetes 1.25"), "{stderr}");
    let (code, stdout, stderr) = field("diff -f template.yaml");
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert_eq!(
        stderr,
        "error: template.yaml:1: document 1: it is no YAML: a template? render it first\n"
    );
    // kubectl takes it, and so do we.
    let (code, stdout, stderr) = field("diff -f second-bom.yaml -o name");
    assert_eq!((code, stdout.as_str()), (1, "job/a\njob/b\n"));
    let start = "Warning: second-bom.yaml:6:1: document 2: a byte order mark in the middle";
    assert!(stderr.starts_with(start), "{stderr}");
}

const JOB: &str = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\nspec: {}\n";

/// A folder as charts and overlays have it.
#[rstest]
#[case::diff("diff -o name", 1, "job/b\njob/a\n")]
#[case::mutate("mutate -o patch", 0, "")]
fn a_folder_with_other_files(#[case] command: &str, #[case] expected: i32, #[case] printed: &str) {
    let files = directory(&[
        ("job.yaml", JOB),
        ("deep/job.yaml", &JOB.replace("name: a", "name: b")),
        ("values.yaml", "image: busybox\nschedule: '@daily'\n"),
        (
            "templates/job.yaml",
            "{{- if .Values.enabled }}\napiVersion: batch/v1\nkind: Job\n{{- end }}\n",
        ),
        (
            "templates/other.yaml",
            "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: {{ .Release.Name }}\n",
        ),
        ("templates/jinja.yml", "{% if a %}\nkind: Job\n{% endif %}\n"),
        ("patch.json", "[{\"op\": \"remove\", \"path\": \"/spec\"}]"),
        ("patch.yaml", "- op: remove\n  path: /spec\n"),
        ("notes.yaml", "just: [a, note\n"),
        ("kustomization.yaml", "resources: [job.yaml]\n"),
        ("empty.yaml", "# nothing\n"),
    ]);
    let (code, stdout, stderr) = curfew(files.path(), &format!("{command} -R -f ."), b"");
    assert_eq!(code, expected, "{stderr}");
    assert!(stdout.contains(printed) && stdout.contains("job/b"), "{stdout}");
    for name in [
        "values.yaml",
        "templates/job.yaml",
        "templates/other.yaml",
        "templates/jinja.yml",
        "patch.json",
        "patch.yaml",
        "notes.yaml",
        "kustomization.yaml",
    ] {
        let line = stderr.lines().find(|line| line.contains(&format!("./{name}:")));
        let line = line.unwrap_or_else(|| panic!("{name} is not named: {stderr}"));
        assert!(line.starts_with("note: passed over "), "{line}");
    }
    assert!(!stderr.contains("empty.yaml"), "{stderr}");
    // By its own name one of them is an error, and the rest is still printed.
    let (code, stdout, stderr) =
        curfew(files.path(), &format!("{command} -R -f . -f values.yaml"), b"");
    assert_eq!(code, 2, "{stderr}");
    assert!(stdout.contains("job/b"), "{stdout}");
    assert!(stderr.contains("error: values.yaml:1: document 1: it has no `kind`"), "{stderr}");
}

/// What was to be an object must not vanish.
#[rstest]
#[case::syntax("apiVersion: batch/v1\nkind: Job\nmetadata: {name: a\n")]
#[case::json("{\"apiVersion\": \"batch/v1\", \"kind\": \"Job\",")]
#[case::second("a: 1\n---\nkind: Job\n  a: 1\n")]
fn a_broken_manifest_in_a_folder_stops_everything(#[case] broken: &str) {
    let files = directory(&[("a.yaml", JOB), ("b.yaml", broken)]);
    let (code, stdout, stderr) = curfew(files.path(), "mutate -f .", b"");
    assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
    assert!(stderr.contains("error: ./b.yaml:"), "{stderr}");
}

#[test]
fn a_key_that_stands_twice_is_told() {
    let text =
        b"apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\nspec: {}\nspec: {suspend: yes}\n";
    let (code, stdout, stderr) = curfew(Path::new("."), "mutate -f -", text);
    assert_eq!(code, 0);
    assert!(stdout.contains("suspend: true"), "{stdout}");
    let expected = "Warning: <stdin>:5:1: document 1: the key \"spec\" stands twice in a map; the last one counts\n";
    assert_eq!(stderr, expected);
}

#[test]
fn what_kubectl_does_not_read_is_told() {
    let text = format!("{JOB}...\nkind: Job\n");
    let (code, _, stderr) = curfew(Path::new("."), "mutate -f -", text.as_bytes());
    assert_eq!(code, 0);
    assert!(
        stderr.starts_with("Warning: <stdin>:6:1: document 1: what follows is not read"),
        "{stderr}"
    );
}

/// As some shells redirect it.
#[rstest]
#[case::little(u16::to_le_bytes)]
#[case::big(u16::to_be_bytes)]
fn text_in_utf_16(#[case] bytes: fn(u16) -> [u8; 2]) {
    let text = format!("\u{feff}{JOB}");
    let wide: Vec<u8> = text.encode_utf16().flat_map(bytes).collect();
    let (code, stdout, stderr) = curfew(Path::new("."), "mutate -f -", &wide);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.contains("kind: Job"), "{stdout}");
}

#[test]
fn a_test_of_a_policy_reads_manifests_likewise() {
    let test = "\
apiVersion: curfew.dev/v1alpha1
kind: JobPolicyTest
spec:
  policy: [policy.yaml]
  cases:
    - name: yaml 1.1
      object: {kind: Job, metadata: {name: a}, spec: {suspend: no, ttlSecondsAfterFinished: 2.592e+06}}
      expect: {ttl: 1d}
";
    let policy = include_str!("fixtures/field/float-ttl.policy.yaml");
    let files = directory(&[("a-test.yaml", test), ("policy.yaml", policy)]);
    let (code, stdout, stderr) = curfew(files.path(), "test .", b"");
    assert_eq!(code, 0, "{stdout}{stderr}");
}
