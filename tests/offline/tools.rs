//! Jobs that a tool holds as its desired state, and would run once more if they were deleted: nobody
//! here touches them. `tests/fixtures/tools/stored.yaml` is what a real API server made of the tools'
//! own requests; `tests/cluster/tools.rs` makes it, and tries admission there.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use curfew::admission::{Site, admit};
use curfew::batch::{Kind, Object};
use curfew::policy::{Policy, Source};
use curfew::sweeper::{Action, Reason, View, decide};
use serde_json::{Value as Json, json};

/// What would end each of them, were it not for a guard.
const HARSH: &str = "\
stored: {action: Delete}
rules:
  - {name: all, match: {namespaces: [shop, default]}, ttl: 1h, history: {successful: 2}, enforce: true}
";

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn tools() -> Vec<Json> {
    let text = std::fs::read_to_string(fixtures().join("tools/stored.yaml")).unwrap();
    let list: Json = serde_yaml::from_str(&text).unwrap();
    let items = list["items"].as_array().unwrap().clone();
    assert_eq!(items.len(), 52);
    items
}

/// The Jobs among them, which all finished weeks ago.
fn finished() -> Vec<Json> {
    let ended = json!({"status": {"startTime": "2026-11-01T00:00:00Z", "conditions": [
        {"type": "Complete", "status": "True", "lastTransitionTime": "2026-11-01T00:00:00Z"}]}});
    let jobs = tools().into_iter().filter(|item| item["kind"] == "Job");
    jobs.map(|mut job| {
        json_patch::merge(&mut job, &ended);
        job
    })
    .collect()
}

/// A policy from the YAML of its `spec`.
fn policy(spec: &str) -> Policy {
    let source = Source { name: "test.yaml".to_owned(), text: text(spec) };
    Policy::load(&[source]).unwrap().policy
}

fn text(spec: &str) -> String {
    let spec = spec.lines().fold(String::new(), |text, line| text + "  " + line + "\n");
    "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {name: x}\nspec:\n".to_owned()
        + &spec
}

/// The `CronJob`s among them, with what their authors wrote.
fn cronjobs() -> Vec<Json> {
    let written = json!({"spec": {
        "successfulJobsHistoryLimit": 7, "jobTemplate": {"spec": {"ttlSecondsAfterFinished": 86_400}}}});
    let cronjobs = tools().into_iter().filter(|item| item["kind"] == "CronJob");
    let cronjobs: Vec<Json> = cronjobs
        .map(|mut cronjob| {
            json_patch::merge(&mut cronjob, &written);
            cronjob
        })
        .collect();
    assert_eq!(cronjobs.len(), 3);
    cronjobs
}

/// The default policy, of which no cluster should notice that it was installed.
fn bundled() -> Policy {
    let text = std::fs::read_to_string(fixtures().join("../../policies/default.yaml")).unwrap();
    Policy::load(&[Source { name: "default.yaml".to_owned(), text }]).unwrap().policy
}

/// Runs the binary; exit code and standard output.
fn curfew(arguments: &[&str]) -> (i32, String) {
    let mut command = Command::cargo_bin("curfew").unwrap();
    command.current_dir(fixtures()).env_remove("CURFEW_POLICY").env("NO_COLOR", "1");
    let output = command.args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    let code = output.status.code().unwrap();
    assert!(code < 2, "{arguments:?}: {stderr}");
    (code, stdout)
}

fn file(directory: &tempfile::TempDir, name: &str, text: &str) -> String {
    let path = directory.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The answer of admission to the creation of an object.
fn admitted(policy: &Policy, object: &Json) -> (String, Json) {
    let review = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "u", "operation": "CREATE", "namespace": "shop", "name": object["metadata"]["name"],
            "kind": {"group": "batch", "version": "v1", "kind": object["kind"]},
            "resource": {"group": "batch", "version": "v1", "resource": "jobs"},
            "object": object,
        },
    });
    let now = "2026-11-21T12:00:00Z".parse().unwrap();
    let answer = admit(policy, &Site::default(), review.to_string().as_bytes(), now).unwrap();
    let body: Json = serde_json::from_slice(&answer.body).unwrap();
    (answer.report.decision.to_owned(), body["response"].clone())
}

#[test]
fn admission_patches_none() {
    for item in tools() {
        let name = &item["metadata"]["name"];
        let (_, response) = admitted(&bundled(), &item);
        assert!(response["patch"].is_null(), "{name}: {response}");
        if item["kind"] == "Job" {
            let (decision, response) = admitted(&policy(HARSH), &item);
            assert_eq!((&*decision, &response["patch"]), ("guarded", &Json::Null), "{name}");
            // The audit log says what keeps the rule from it.
            let withheld = response["auditAnnotations"]["withheld"].as_str().unwrap_or_default();
            let told = withheld.contains("keeps rule all, which enforces ttl 1h, from it");
            assert!(told, "{name}: {response}");
        }
    }
}

#[test]
fn the_sweeper_deletes_and_writes_none() {
    for policy in
        [policy(HARSH), bundled(), policy("stored: {action: Delete}\ndefaults: {ttl: 1h}\n")]
    {
        for job in finished() {
            let object = Object::from_json(Kind::Job, &job).unwrap();
            let judgement = decide(&policy, &alone(&object));
            let [Action::Count { reason: Reason::Guarded(_) | Reason::Withheld(_) }] =
                judgement.actions[..]
            else {
                panic!("{}: {:?}", job["metadata"]["name"], judgement.actions);
            };
        }
    }
}

/// What Git holds of a `CronJob` is not rewritten: it would drift for ever.
#[test]
fn nobody_rewrites_what_the_author_of_a_cronjob_wrote() {
    let harsh = policy(HARSH);
    for cronjob in cronjobs() {
        let name = &cronjob["metadata"]["name"];
        let (decision, response) = admitted(&harsh, &cronjob);
        assert_eq!((&*decision, &response["patch"]), ("unchanged", &Json::Null), "{name}");
        let withheld = response["auditAnnotations"]["withheld"].as_str().unwrap_or_default();
        assert!(
            withheld.contains("enforces ttl 1h") && withheld.contains("successful 2"),
            "{withheld}"
        );
        let object = Object::from_json(Kind::CronJob, &cronjob).unwrap();
        let judgement = decide(&harsh, &alone(&object));
        let [Action::Count { reason: Reason::Withheld(_) }] = judgement.actions[..] else {
            panic!("{name}: {:?}", judgement.actions);
        };
    }
}

#[test]
fn a_plan_ends_none() {
    let directory = tempfile::tempdir().unwrap();
    let dump = json!({"apiVersion": "v1", "kind": "List", "items": finished()}).to_string();
    let dump = file(&directory, "dump.json", &dump);
    let harsh = file(&directory, "policy.yaml", &text(HARSH));
    let now = ["--now", "2026-11-21T12:00:00Z", "-o", "json", "-f", &dump];
    for arguments in [&["--policy", &harsh][..], &["--older-than", "1d"]] {
        let (_, stdout) = curfew(&[&["plan"], &now[..], arguments].concat());
        let plan: Json = serde_json::from_str(&stdout).unwrap();
        let all = &plan["totals"]["all"];
        assert_eq!((&all["delete"], &all["patch"]), (&json!(0), &json!(0)), "{plan}");
        let items = plan["items"].as_array().unwrap();
        // A rule that means to end them is told that it does not.
        let told =
            items.iter().filter(|item| item["why"].as_str().unwrap().contains("keeps rule all"));
        assert_eq!(told.count(), if arguments[0] == "--policy" { finished().len() } else { 0 });
    }
}

#[rstest::rstest]
#[case::no_controller(
    "owner-without-controller",
    "ownedByOther",
    "owner tower.ansible.com/AnsibleJob nightly"
)]
#[case::terraform("terraform-job", "gitOpsTracked", "field manager HashiCorp")]
#[case::slash("manager-with-slash", "gitOpsTracked", "field manager provider-kubernetes/run-once")]
#[case::karmada("karmada", "gitOpsTracked", "label karmada.io/managed")]
#[case::multikueue("multikueue", "gitOpsTracked", "label kueue.x-k8s.io/multikueue-origin")]
fn a_manifest_of_a_tool_is_guarded(
    #[case] name: &str,
    #[case] guard: &str,
    #[case] evidence: &str,
) {
    let manifest = format!("field/{name}.yaml");
    let (_, patches) = curfew(&["mutate", "-o", "patch", "-f", &manifest]);
    assert_eq!(patches, "");
    let (_, explained) = curfew(&["explain", "-o", "json", "-f", &manifest]);
    let explained: Json = serde_json::from_str(&explained).unwrap();
    assert_eq!(explained["verdict"], "guarded");
    assert_eq!(
        explained["guards"],
        json!([{"guard": guard, "setting": "Skip", "evidence": evidence}])
    );
}

#[test]
fn the_label_of_the_instance_alone_keeps_no_rule_from_a_job() {
    let arguments =
        ["--policy", "field/instance-label.policy.yaml", "-f", "field/instance-label.yaml"];
    let (_, patches) = curfew(&[&["mutate", "-o", "patch"], &arguments[..]].concat());
    let patch: Json = serde_json::from_str(&patches).unwrap();
    assert_eq!(patch["patch"][0]["value"], 3600);
}

#[test]
fn what_a_guard_keeps_from_a_job_is_explained() {
    let directory = tempfile::tempdir().unwrap();
    let manifest = std::fs::read_to_string(fixtures().join("field/instance-label.yaml")).unwrap();
    let applied =
        "  annotations: {kubectl.kubernetes.io/last-applied-configuration: \"{}\"}\nspec:";
    let manifest = file(&directory, "job.yaml", &manifest.replacen("spec:", applied, 1));
    let arguments = ["explain", "--policy", "field/instance-label.policy.yaml", "-f", &manifest];
    let (_, text) = curfew(&arguments);
    let told = "gitOpsTracked: label app.kubernetes.io/instance beside \
                kubectl.kubernetes.io/last-applied-configuration keeps rule dagster-runs, which \
                enforces ttl 1h, from it";
    assert!(text.contains(told), "{text}");
}

/// A stored object of which nobody knows more than it says.
fn alone<'a>(object: &'a Object<'a>) -> View<'a> {
    View {
        object,
        cronjob: None,
        children: &[],
        is_whole: true,
        namespace: "shop",
        namespace_labels: None,
        own_namespace: None,
        flapping: false,
        now: "2026-11-21T12:00:00Z".parse().unwrap(),
    }
}
