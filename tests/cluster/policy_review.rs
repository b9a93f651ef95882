//! The policy in a `ConfigMap`, edited by people: what kubectl shows them.

use std::{fs, time::Duration};

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{
    api::Reply,
    control_plane,
    curfew::Curfew,
    kubectl::Said,
    manifest::merged,
    namespace::Namespace,
    process::Scratch,
    registration::{self, Registration},
    wait::eventually,
};

/// Holds a namespace whose policy is reviewed.
struct Scene<'a> {
    space: Namespace<'a>,
    curfew: Curfew,
    scratch: Scratch,
    _registration: Registration<'a>,
}

// === impl Scene ===

impl Scene<'_> {
    /// `None` where there is no API server.
    fn new(prefix: &str) -> Option<Self> {
        let plane = control_plane::shared()?;
        let space = plane.namespace(prefix);
        let curfew = Curfew::start(&plane.authority, &policy("7d"));
        let webhook = registration::policy_review(&curfew.endpoint(), MAP);
        let registration = Registration::validating("policy-review", &[&space], &[webhook]);
        let scratch = Scratch::new().expect("a scratch directory can be made");
        let scene = Self { space, curfew, scratch, _registration: registration };
        // The API server learns of the webhook by a watch.
        eventually("the policy is reviewed", Duration::from_secs(30), || {
            (scene.post(&map(&policy("soon")), "?dryRun=All").status == 422).then_some(())
        });
        Some(scene)
    }

    /// With a good policy, which was let in without a word.
    fn with_policy(prefix: &str) -> Option<Self> {
        let scene = Self::new(prefix)?;
        let said = scene.apply(&map(&policy("7d")));
        assert!(said.success, "{}", said.stderr);
        assert_eq!((said.stdout.trim(), &*said.stderr), ("configmap/curfew-policy created", ""));
        Some(scene)
    }

    fn path(&self) -> String {
        format!("/api/v1/namespaces/{}/configmaps", self.space.name)
    }

    fn post(&self, map: &Value, query: &str) -> Reply {
        self.space.plane.api.post(&format!("{}{query}", self.path()), map)
    }

    fn apply(&self, map: &Value) -> Said {
        self.space.kubectl.run_with(&["apply", "-f", "-"], &map.to_string())
    }

    fn stored(&self) -> Value {
        self.space.plane.api.get(&format!("{}/{MAP}", self.path())).ok()
    }

    /// Edits with `sed`, and gives what kubectl said and what the editor was shown, each time.
    fn edit(&self, expressions: &[&str]) -> (Said, Vec<String>) {
        let (seen, script) = (self.scratch.join("seen"), self.scratch.join("editor"));
        fs::create_dir(&seen).expect("one edit for each test");
        let cases = expressions.iter().enumerate();
        let cases: Vec<String> =
            cases.map(|(turn, edit)| format!("{turn}) sed -i '{edit}' \"$1\";;\n")).collect();
        let text = format!(
            "seen={}\nturn=$(ls $seen | wc -l)\ncp \"$1\" $seen/$turn\ncase $turn in\n{}esac\n",
            seen.display(),
            cases.concat()
        );
        fs::write(&script, text).expect("it is writable");
        let editor = format!("sh {}", script.display());
        let said = self.space.kubectl.edit(&format!("configmap/{MAP}"), &editor);
        let turns = (0..).map_while(|turn| fs::read_to_string(seen.join(turn.to_string())).ok());
        (said, turns.collect())
    }

    fn count(&self, decision: &str) -> f64 {
        let label = format!("decision=\"{decision}\"");
        self.curfew.metric_with("curfew_policy_guard_requests_total", &label)
    }
}

#[test]
fn a_bad_policy_is_not_applied() {
    let Some(scene) = Scene::with_policy("bad") else { return };
    let before = scene.stored();
    let said = scene.apply(&map(&BAD.replace("7d", "1d")));
    assert!(!said.success);
    assert_eq!(said.stderr, INVALID);
    assert_eq!(scene.stored(), before);
    assert!(scene.count("refused") >= 1.0);
}

#[rstest]
#[case::create(&["create", "-f", "-"])]
#[case::apply(&["apply", "-f", "-"])]
#[case::dry_run(&["apply", "--dry-run=server", "-f", "-"])]
fn a_bad_policy_is_not_created(#[case] arguments: &[&str]) {
    let Some(scene) = Scene::new("create") else { return };
    let said = scene.space.kubectl.run_with(arguments, &map(BAD).to_string());
    assert!(!said.success);
    assert_eq!(said.stderr, INVALID);
}

/// Whoever prints the message, such as Helm, prints the same.
#[rstest]
#[case::server_side(&["--server-side", "--force-conflicts"])]
#[case::by_another_manager(&["--field-manager=gitops"])]
fn the_message_says_the_same(#[case] flags: &[&str]) {
    let Some(scene) = Scene::with_policy("message") else { return };
    let bad = map(BAD).to_string();
    let arguments = [&["apply", "-f", "-"], flags].concat();
    let said = scene.space.kubectl.run_with(&arguments, &bad);
    assert!(said.stderr.contains(WRONG), "{}", said.stderr);
    let reply = scene.post(&map(BAD), "");
    assert_eq!(reply.status, 422);
    assert_eq!(
        reply.body["message"],
        format!(
            "admission webhook \"policy.curfew.dev\" denied the request: the policy has an error \
             and cannot be used:\n{WRONG}"
        )
    );
}

#[test]
fn the_editor_opens_again_with_what_is_wrong() {
    let Some(scene) = Scene::with_policy("edit") else { return };
    let before = scene.stored();
    let (said, turns) = scene.edit(&["s/ttl: 7d/tll: 7d/"]);
    assert!(!said.success);
    assert!(said.stderr.contains("configmaps \"curfew-policy\" is invalid"), "{}", said.stderr);
    assert!(said.stderr.contains("no valid changes were saved"), "{}", said.stderr);
    assert_eq!(turns.len(), 2, "{turns:?}");
    let commented = WRONG.replace('\n', "\n# ");
    assert!(turns[1].contains(&format!("# * {commented}\n")), "{}", turns[1]);
    assert!(turns[1].contains("tll: 7d"), "what was typed is still there: {}", turns[1]);
    assert_eq!(scene.stored(), before);
}

#[test]
fn what_is_wrong_can_be_mended_at_once() {
    let Some(scene) = Scene::with_policy("mended") else { return };
    let (said, turns) = scene.edit(&["s/ttl: 7d/tll: 7d/", "s/tll: 7d/ttl: 5d/"]);
    assert!(said.success, "{}", said.stderr);
    assert_eq!(said.stdout.trim(), "configmap/curfew-policy edited");
    assert_eq!(turns.len(), 2);
    assert_eq!(scene.stored()["data"]["10-base.yaml"], policy("5d"));
}

#[test]
fn a_drastic_edit_is_saved_with_a_warning() {
    let Some(scene) = Scene::with_policy("drastic") else { return };
    let (said, _) = scene.edit(&["s/ttl: 7d/ttl: 7s/"]);
    assert!(said.success, "{}", said.stderr);
    assert_eq!(said.stdout.trim(), "configmap/curfew-policy edited");
    let expected = "Warning: defaults: ttl 7d becomes 7s, 86400 times shorter\n";
    assert_eq!(said.stderr, expected);
    assert_eq!(scene.stored()["data"]["10-base.yaml"], policy("7s"));
    assert!((scene.count("drastic") - 1.0).abs() < f64::EPSILON);
    // And back.
    let said = scene.apply(&map(&policy("7d")));
    assert_eq!((said.success, &*said.stderr), (true, ""));
}

#[test]
fn what_is_odd_is_told() {
    let Some(scene) = Scene::new("odd") else { return };
    let said = scene.apply(&map(&format!("{}  rules: [{{name: idle}}]\n", policy("7d"))));
    assert!(said.success, "{}", said.stderr);
    assert_eq!(said.stderr, "Warning: 10-base.yaml:6:18: W106 rule \"idle\" sets nothing\n");
}

#[test]
fn the_audit_log_knows_the_revision() {
    let Some(scene) = Scene::new("audit") else { return };
    let reply = scene.post(&map(&policy("7d")), "");
    let annotations = scene.space.plane.audit.annotations(&reply);
    assert_eq!(annotations["policy.curfew.dev/decision"], "accepted");
    let revision = annotations["policy.curfew.dev/revision"].as_str().unwrap_or_default();
    let text = scene.curfew.admin("/metrics").expect("it is up").1;
    assert!(text.contains(&format!("curfew_policy_info{{revision=\"{revision}\"}} 1")), "{text}");
}

#[rstest]
#[case::another_version(json!({"metadata": {"labels": {VERSION: "99.0.0"}}}))]
#[case::no_version(json!({"metadata": {"labels": {VERSION: null}}}))]
#[case::another_map(json!({"metadata": {"name": "curfew-policy-2"}}))]
fn what_is_not_ours_is_nobodys_business(#[case] changes: Value) {
    let Some(scene) = Scene::new("others") else { return };
    let mut object = map(BAD);
    json_patch::merge(&mut object, &changes);
    for text in [BAD, "{"] {
        object["data"]["10-base.yaml"] = json!(text);
        let said = scene.apply(&object);
        assert_eq!((said.success, &*said.stderr), (true, ""));
    }
}

/// An upgrade puts the new map before the new Deployment: the old binary is still asked.
#[test]
fn an_upgrade_is_let_in_and_its_way_back_too() {
    let Some(scene) = Scene::with_policy("upgrade") else { return };
    let next = merged(
        map("apiVersion: curfew.dev/v2\n"),
        json!({"metadata": {"labels": {VERSION: "99.0.0"}}}),
    );
    for object in [next, map(&policy("7d"))] {
        let said = scene.apply(&object);
        assert_eq!((said.success, &*said.stderr), (true, ""));
    }
}

#[rstest]
#[case::empty(json!({}), "data: error[E003] there is no policy file: the map is empty")]
#[case::no_policy(
    json!({"data": {"policy.txt": "x"}}),
    "data: error[E003] there is no policy file, only policy.txt"
)]
#[case::binary(
    json!({"data": {"a.yaml": BAD}, "binaryData": {"b.yaml": "/w=="}}),
    "b.yaml: error[E001] the file is in binaryData, and a policy is text"
)]
#[case::not_yaml(json!({"data": {"a.yaml": "{"}}), "a.yaml:1:2: error[E001] ")]
// The API server's own word, before anybody is asked.
#[case::too_large(
    json!({"data": {"a.yaml": "#".repeat((1 << 20) + 1)}}),
    "Too long: may not be more than 1048576 bytes"
)]
#[case::nearly_too_large(
    json!({"data": {"a.yaml": "#".repeat((1 << 20) - 10)}}),
    "a.yaml:1:1: error[E003] "
)]
fn maps_that_hold_no_policy(#[case] content: Value, #[case] expected: &str) {
    let Some(scene) = Scene::new("empty") else { return };
    let mut object = map("");
    object.as_object_mut().expect("it is a map").remove("data");
    let said =
        scene.space.kubectl.run_with(&["create", "-f", "-"], &merged(object, content).to_string());
    assert!(!said.success);
    assert!(said.stderr.contains(expected), "{}", said.stderr);
}

#[test]
fn the_first_ten_errors_are_shown() {
    let Some(scene) = Scene::new("many") else { return };
    let fields: Vec<String> = (0..30).map(|number| format!("  unknown{number}: 1\n")).collect();
    let said = scene.apply(&map(&(policy("7d") + &fields.concat())));
    assert!(!said.success);
    assert_eq!(said.stderr.matches("* 10-base.yaml:").count(), 10, "{}", said.stderr);
    assert!(
        said.stderr.contains("* data: and 20 more: curfew check shows them"),
        "{}",
        said.stderr
    );
}

/// What was bad before anybody looked can be labelled and deleted all the same.
#[test]
fn a_bad_map_that_is_there_is_not_locked_in() {
    let Some(scene) = Scene::new("locked") else { return };
    let mut object = merged(
        map(BAD),
        json!({"metadata": {"finalizers": ["example.test/hold"], "labels": {VERSION: "0"}}}),
    );
    scene.post(&object, "").ok();
    object["metadata"]["labels"][VERSION] = json!(env!("CARGO_PKG_VERSION"));
    assert!(!scene.apply(&object).success, "taken over by this version, it is judged");
    let kubectl = &scene.space.kubectl;
    kubectl.ok(&["label", "configmap", MAP, "a=b"]);
    kubectl.ok(&["delete", "configmap", MAP, "--wait=false"]);
    let patch = r#"{"metadata": {"finalizers": null}}"#;
    kubectl.ok(&["patch", "configmap", MAP, "--type=merge", "-p", patch]);
    assert!(!kubectl.run(&["get", "configmap", MAP]).success);
}

/// A dead curfew does not block the edit that repairs it.
#[test]
fn without_curfew_everything_is_let_in() {
    let Some(mut scene) = Scene::with_policy("dead") else { return };
    scene.curfew.process.signal("KILL");
    scene.curfew.process.wait(Duration::from_secs(10)).expect("nobody survives SIGKILL");
    let (said, _) = scene.edit(&["s/ttl: 7d/tll: 7d/"]);
    assert!(said.success, "{}", said.stderr);
}

fn map(text: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": MAP, "labels": {VERSION: env!("CARGO_PKG_VERSION")}},
        "data": {"10-base.yaml": text},
    })
}

fn policy(ttl: &str) -> String {
    format!(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: cluster}}\n\
         spec:\n  defaults: {{ttl: {ttl}}}\n"
    )
}

const MAP: &str = "curfew-policy";

const VERSION: &str = "app.kubernetes.io/version";

const BAD: &str = "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {name: cluster}\n\
spec:\n  defaults: {tll: 7d}\n";

const WRONG: &str = "10-base.yaml:5:14: error[E012] unknown field \"tll\" in defaults; did you mean \
\"ttl\"?\n  = help: known here are ttl, history, deadlines and timeZone";

/// As kubectl prints it.
const INVALID: &str = "The ConfigMap \"curfew-policy\" is invalid: 10-base.yaml:5:14: error[E012] \
unknown field \"tll\" in defaults; did you mean \"ttl\"?\n  = help: known here are ttl, history, \
deadlines and timeZone\n";
