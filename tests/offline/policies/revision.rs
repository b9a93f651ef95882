//! The revision of a policy.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use curfew::policy::{Policy, Source, schema};
use rstest::rstest;
use serde_json::{Value, json};

use super::{HEAD, fixtures, load, read, source};

/// As version 0.1.0 has them. Brakes have accepted them, replicas of two versions compare them, and
/// plans that wait for a person begin with them: so a line may change only with what its policy
/// decides, such as a shipped file that was edited. Where it changes with the code, every
/// installation is asked after an upgrade about a policy that nobody has touched.
#[rstest]
#[case::nothing("{}", "195df4163d58")]
#[case::bundled("policies/default.yaml", "a0fa6f9aa086")]
#[case::example("tests/fixtures/example.yaml", "bbd1e574cde7")]
#[case::everything("tests/fixtures/revision/everything.yaml", "81f6ca58fbb4")]
#[case::per_team("policies/examples/per-team.yaml", "c730cdb20cfa")]
#[case::gitops("policies/examples/gitops.yaml", "c4ed0ff9c286")]
#[case::staged_rollout("policies/examples/staged-rollout.yaml", "9efcad127c59")]
#[case::lists(
    "{exempt: {namespaces: [b, a-*, a]}, guards: {allowOwners: [x.io/B, core/Pod], gitOpsMarks: \
     {labels: [b, a], managers: [helm, own]}}, rules: [{name: a, match: {kinds: [Job, CronJob], \
     names: [b, a], labels: {b: [y, x], a: z}}, ttl: 1h}, {name: b, ttl: 2h}]}",
    "64f159912ce6"
)]
#[case::selectors(
    "{exempt: {namespaceSelector: {matchLabels: {b: x, a: y}}, selectors: [{matchLabels: {k: v}}, \
     {matchExpressions: [{key: k, operator: Exists}]}]}, stored: {selector: {matchExpressions: \
     [{key: b, operator: NotIn, values: [z, y]}, {key: a, operator: In, values: [x]}, \
     {key: c, operator: DoesNotExist}]}}, scheduler: {mode: Backstop, selector: {matchLabels: \
     {k: v}}}}",
    "64da4fae05fb"
)]
#[case::pairs(
    "{rules: [{name: a, match: {names: [a]}, ttl: {onSuccess: 1h, onFailure: unset}}, {name: b, \
     match: {names: [b]}, ttl: unset}, {name: c, ttl: {onSuccess: unset, onFailure: 0s}}], \
     defaults: {ttl: {onSuccess: 1h, onFailure: 1h}, history: {successful: 0}}}",
    "9c9e7f4a0494"
)]
#[case::durations_in_units(
    "{limits: {hold: 2w}, defaults: {ttl: 1h30m, deadlines: {active: 1d}}, scheduler: {grace: 90s}}",
    "73782d53cf3f"
)]
#[case::the_same_durations_in_other_units(
    "{limits: {hold: 14d}, defaults: {ttl: 90m, deadlines: {active: 24h}}, scheduler: \
     {grace: 1m30s}}",
    "73782d53cf3f"
)]
#[case::the_same_durations_in_seconds(
    "{limits: {hold: 1209600}, defaults: {ttl: 5400, deadlines: {active: 86400}}, scheduler: \
     {grace: 90}}",
    "73782d53cf3f"
)]
fn a_revision_is_what_it_was(#[case] policy: &str, #[case] expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(policy);
    let loaded = if policy.starts_with('{') {
        load(&format!("spec: {policy}\n"))
    } else {
        Policy::load(&[source("policy.yaml", read(&path))])
    };
    assert_eq!(loaded.unwrap().policy.revision, expected);
}

/// Two policies that differ in one setting are two policies, whichever it is: what is not hashed
/// would change under a brake that has accepted it. The schema says which settings there are.
#[test]
fn every_setting_counts() {
    let text = read(&fixtures().join("revision/everything.yaml"));
    let everything: Value = serde_yaml::from_str(&text).unwrap();
    let schema = schema::json();
    let mut settings = BTreeSet::new();
    list_settings(&schema, &schema, "", &mut settings);
    let mut known = BTreeMap::from([(revision(&everything).unwrap(), "nothing")]);
    for setting in &settings {
        let places = places(&everything, setting);
        assert!(!places.is_empty(), "everything.yaml does not have {setting}");
        for place in places {
            let (owner, key) = place.rsplit_once('/').unwrap();
            let mut policy = everything.clone();
            let fields = policy.pointer_mut(owner).and_then(Value::as_object_mut).unwrap();
            let value = fields.remove(key).unwrap();
            let without = revision(&policy);
            // Some have to be there.
            let other = without.unwrap_or_else(|| {
                policy.pointer_mut(owner).unwrap()[key] = another(key, &value);
                revision(&policy).unwrap_or_else(|| panic!("{place} must be {value}"))
            });
            if setting == "/metadata/name" {
                assert_eq!(known[&other], "nothing");
            } else if let Some(same) = known.insert(other, setting) {
                panic!("what differs in {place} is what differs in {same}");
            }
        }
    }
}

/// What a policy says that is so anyway is as good as not said.
#[rstest]
#[case::mode("mode: Enforce")]
#[case::exempt("exempt: {namespaces: [], selectors: []}")]
#[case::guards("guards: {floor: 10m, allowOwners: [], gitOpsMarks: {labels: []}}")]
#[case::a_built_in_mark("guards: {gitOpsMarks: {managers: [helm]}}")]
#[case::limits("limits: {ttl: {}, history: {}}")]
#[case::rules("rules: []")]
#[case::defaults("defaults: {history: {}, deadlines: {}}")]
#[case::stored("stored: {action: Report, propagation: Background, rate: 50, brake: {atMost: 200}}")]
#[case::scheduler("scheduler: {mode: Observe, grace: 30s}")]
fn what_says_nothing_adds_nothing(#[case] spec: &str) {
    let with = load(&format!("spec: {{{spec}}}\n")).unwrap().policy.revision;
    assert_eq!(with, load("spec: {}\n").unwrap().policy.revision);
}

#[rstest]
#[case::matching("match: {}")]
#[case::history("history: {}")]
#[case::limits("limits: {ttl: {}, history: {}}")]
#[case::deadlines("deadlines: {}")]
#[case::guards("guards: {}")]
#[case::enforce("enforce: false")]
fn what_says_nothing_in_a_rule_adds_nothing(#[case] field: &str) {
    let rule = "name: a, ttl: 1h";
    let with = load(&format!("spec: {{rules: [{{{rule}, {field}}}]}}\n")).unwrap().policy.revision;
    assert_eq!(with, load(&format!("spec: {{rules: [{{{rule}}}]}}\n")).unwrap().policy.revision);
}

/// The revision of a policy; `None` where it has an error.
fn revision(policy: &Value) -> Option<String> {
    let loaded = Policy::load(&[source("policy.yaml", policy.to_string())]);
    loaded.ok().map(|loaded| loaded.policy.revision)
}

/// Adds every field of a schema that is no mere heading of others: as a JSON pointer, `*` for any
/// entry of a list.
fn list_settings(schema: &Value, node: &Value, at: &str, settings: &mut BTreeSet<String>) {
    let resolved = |node: &Value| {
        let name = node["$ref"].as_str().and_then(|name| name.strip_prefix('#'));
        name.map_or_else(|| node.clone(), |name| schema.pointer(name).unwrap().clone())
    };
    let node = resolved(node);
    let entries = resolved(&node["items"]);
    if let Some(ways) = node["anyOf"].as_array() {
        for way in ways {
            list_settings(schema, way, at, settings);
        }
    } else if let Some(fields) = node["properties"].as_object() {
        for (key, field) in fields {
            list_settings(schema, field, &format!("{at}/{key}"), settings);
        }
    } else if entries["properties"].is_object() {
        list_settings(schema, &entries, &format!("{at}/*"), settings);
    } else if node["const"].is_null() {
        settings.insert(at.to_owned());
    }
}

/// Where a policy has a setting.
fn places(policy: &Value, setting: &str) -> Vec<String> {
    let Some((list, field)) = setting.split_once("/*") else {
        return policy.pointer(setting).map(|_| setting.to_owned()).into_iter().collect();
    };
    let entries = policy.pointer(list).and_then(Value::as_array).map_or(0, Vec::len);
    (0..entries).flat_map(|entry| places(policy, &format!("{list}/{entry}{field}"))).collect()
}

/// A value of a field that has to be there.
fn another(key: &str, value: &Value) -> Value {
    match (key, value.as_str()) {
        ("onSuccess" | "onFailure", _) => json!("2h"),
        ("operator", Some("Exists")) => json!("DoesNotExist"),
        ("operator", Some("DoesNotExist")) => json!("Exists"),
        ("operator", Some("In")) => json!("NotIn"),
        ("operator", Some("NotIn")) => json!("In"),
        ("values", _) => json!(["another"]),
        _ => json!("another"),
    }
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
