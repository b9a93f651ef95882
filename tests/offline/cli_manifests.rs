//! Manifests as people have them, through the real binary: what YAML 1.1 makes of them, what an API
//! server refuses, and folders that also hold other files.

use std::path::Path;

use assert_cmd::Command;
use rstest::rstest;
use serde_json::Value;

use crate::support::directory::directory;

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
    let policy = include_str!("../fixtures/field/float-ttl.policy.yaml");
    let files = directory(&[("a-test.yaml", test), ("policy.yaml", policy)]);
    let (code, stdout, stderr) = curfew(files.path(), "test .", b"");
    assert_eq!(code, 0, "{stdout}{stderr}");
}

const STORED: &str = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a, namespace: NS, uid: u-1, \
    resourceVersion: '7', creationTimestamp: '2026-11-01T00:00:00Z'}\nspec: {template: {}}\n\
    status: {completionTime: '2026-11-01T00:01:00Z', conditions: [{type: Complete, status: 'True', \
    lastTransitionTime: '2026-11-01T00:01:00Z'}]}\n";

const SELECTS: &str = "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {name: a}\nspec:\n  \
    stored: {action: Delete}\n  rules:\n  - name: short\n    match: {namespaceSelector: \
    {matchExpressions: [{key: keep, operator: DoesNotExist}]}}\n    ttl: 5m\n";

/// What keeps a Job may be a label of its namespace.
#[rstest]
#[case::none("{}", "", 1, "delete")]
#[case::text("{keep: '1'}", "", 0, "")]
#[case::null("{keep: null}", "", 0, "")]
#[case::number("{keep: 1}", "", 2, "metadata.labels.keep must be a string")]
#[case::boolean("{keep: yes}", "", 2, "metadata.labels.keep must be a string")]
#[case::list("[keep]", "", 2, "metadata.labels must be a map")]
#[case::twice(
    "{keep: '1'}",
    "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n",
    2,
    "it stands there twice, with different labels"
)]
fn labels_of_a_namespace_are_known_or_nothing_is_planned(
    #[case] labels: &str,
    #[case] more: &str,
    #[case] code: i32,
    #[case] said: &str,
) {
    let namespace = format!(
        "apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {labels}}}\n{more}"
    );
    let text = format!("{namespace}---\n{}", STORED.replace("NS", "shop"));
    let files = directory(&[("policy.yaml", SELECTS), ("dump.yaml", &text)]);
    let plan = "plan -f dump.yaml --policy policy.yaml -o wide --now 2026-11-19T12:00:00Z";
    let (found, stdout, stderr) = curfew(files.path(), plan, b"");
    let all = format!("{stdout}{stderr}");
    assert!(found == code && all.contains(said), "{found}: {all}");
    assert_eq!(stdout.contains("delete"), said == "delete", "{stdout}");
    if code == 2 {
        let (found, _, stderr) =
            curfew(files.path(), "mutate -f dump.yaml --policy policy.yaml", b"");
        assert!(found == 2 && stderr.contains(said), "{found}: {stderr}");
    }
}

/// Only the manifests do not tell the labels: no entry of an unknown namespace comes into anybody's Git.
#[test]
fn without_its_namespace_a_manifest_stays_as_it_is() {
    let job =
        "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: a\n  namespace: shop\nspec: {}\n";
    let files = directory(&[("policy.yaml", SELECTS), ("job.yaml", job)]);
    let (code, stdout, stderr) =
        curfew(files.path(), "mutate -f job.yaml --policy policy.yaml", b"");
    assert_eq!((code, &*stdout), (0, job));
    assert!(stderr.contains("a rule asks for labels of namespace shop"), "{stderr}");
}

/// `namespace: ""` is no namespace, as for the API server.
#[test]
fn an_empty_namespace_is_that_of_the_command() {
    let policy = "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {name: a}\nspec:\n  \
                  stored: {action: Delete}\n  defaults: {ttl: 5m}\n";
    let files = directory(&[("policy.yaml", policy), ("dump.yaml", &STORED.replace("NS", "''"))]);
    let plan = |namespace: &str| {
        let arguments = format!("plan -f dump.yaml --policy policy.yaml -o name -n {namespace}");
        curfew(files.path(), &arguments, b"").1
    };
    assert_eq!((plan("shop").as_str(), plan("kube-system").as_str()), ("job/shop/a\n", ""));
}

/// What is printed says the same as what was read, in any format.
#[rstest]
#[case::yaml("")]
#[case::json("-o json")]
fn no_character_is_lost(#[case] format: &str) {
    let text = "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"x\"},\
                \"data\":{\"a\u{7f}\":\"x\u{7f}y\u{85}\u{9b}z\"}}";
    let (code, stdout, _) =
        curfew(Path::new("."), &format!("mutate -f - {format}"), text.as_bytes());
    let read: serde_json::Value = serde_yaml::from_str(&stdout).unwrap();
    assert_eq!((code, read["data"]["a\u{7f}"].as_str()), (0, Some("x\u{7f}y\u{85}\u{9b}z")));
}

#[rstest]
#[case::deep_json("{", "[", "]", "}")]
#[case::deep_yaml("", "[", "]", "")]
fn deep_nesting_is_refused(
    #[case] open: &str,
    #[case] down: &str,
    #[case] up: &str,
    #[case] close: &str,
) {
    for depth in [100, 125, 126, 127, 128, 129, 200, 5_000] {
        let deep = down.repeat(depth) + &up.repeat(depth);
        let quote = if open.is_empty() { "" } else { "\"" };
        let between = if open.is_empty() { "\n" } else { "," };
        let text = format!(
            "{open}{quote}kind{quote}: {quote}ConfigMap{quote}{between}{quote}x{quote}: {deep}{close}"
        );
        let (code, _, stderr) = curfew(Path::new("."), "mutate -f -", text.as_bytes());
        assert_eq!(code, if depth < 127 { 0 } else { 2 }, "{depth}: {stderr}");
    }
}

#[rstest]
#[case::null_item(
    "kind: List\napiVersion: v1\nitems: [null]\n",
    "an item of a list must be an object"
)]
#[case::list_item(
    "kind: List\napiVersion: v1\nitems: [[batch/v1, Job]]\n",
    "an item of a list must be an object"
)]
#[case::item_without_a_kind(
    "kind: List\napiVersion: v1\nitems: [{apiVersion: batch/v1}]\n",
    "has no `kind`"
)]
#[case::no_kind("apiVersion: batch/v1\nKind: Job\n", "it has no `kind`, and is of batch/v1")]
#[case::bare_list("- {apiVersion: batch/v1, kind: Job}\n", "must stand in the `items`")]
#[case::another_case(
    "apiVersion: batch/v1\nkind: Cronjob\n",
    "no such kind; write `apiVersion: batch/v1` and `kind: CronJob`"
)]
#[case::another_group("apiVersion: apps/v1\nkind: Job\n", "no such version")]
#[case::braces_in_a_string(
    "apiVersion: batch/v1\nkind: Job\nspec: {args: [\"{{.x}}\"\n",
    "bracket"
)]
#[case::braces_in_a_comment("apiVersion: batch/v1 # {{ hint }}\nkind: Job\nspec: [\n", "bracket")]
#[case::json_without_its_end("{\"metadata\":{},\"kind\":\"Job\",\"apiVersion\":\"batch/v1\"", "")]
fn no_object_is_lost_in_a_folder(#[case] text: &str, #[case] said: &str) {
    let files = directory(&[("a.yaml", JOB), ("b.yaml", text)]);
    for command in ["mutate", "plan"] {
        let (code, _, stderr) = curfew(files.path(), &format!("{command} -f ."), b"");
        assert!(code == 2 && stderr.contains(said), "{command}: {code}: {stderr}");
    }
}

#[test]
fn a_name_makes_no_lines() {
    let text = JOB.replace("name: a", "name: \"a\\njob/b\"");
    let (_, stdout, _) = curfew(Path::new("."), "diff -o name -f -", text.as_bytes());
    assert_eq!(stdout, "job/a\\njob/b\n");
}
