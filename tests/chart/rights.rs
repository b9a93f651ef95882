//! The rights that are rendered against those that curfew asks for.

use std::collections::BTreeSet;

use curfew::cluster::access::{Grant, Right};
use curfew::controllers::rights::{of_scheduler, of_sweeper};
use curfew::policy::{Policy, Source};
use curfew::sweeper::Reach;
use serde_json::Value;

use crate::helm::{Helm, Rendering, values_file, values_files};

/// Every mode that a policy can ask for has the rights for it where the values say so, and with one
/// value less the message names that value.
#[test]
fn what_is_needed_is_what_is_granted() {
    let Some(helm) = Helm::find() else { return };
    let all = ["rbac.patch", "rbac.delete", "rbac.create"];
    let granted = |values: &[&str]| {
        let set = all.map(|value| format!("--set={value}={}", values.contains(&value)));
        granted(&helm.template(&[&set[0], &set[1], &set[2]]).unwrap())
    };
    let cases: [(&str, &[&str]); 6] = [
        ("stored: {action: Report}", &[]),
        ("stored: {action: Marked}", &["rbac.patch"]),
        ("stored: {action: Patch}", &["rbac.patch"]),
        ("stored: {action: Delete}", &["rbac.patch", "rbac.delete"]),
        (
            "scheduler: {mode: Backstop, selector: {matchLabels: {a: b}}}",
            &["rbac.patch", "rbac.create"],
        ),
        (
            "stored: {action: Delete}\n  scheduler: {mode: Own, clusterTimeZone: UTC}",
            &["rbac.patch", "rbac.delete", "rbac.create"],
        ),
    ];
    for (spec, values) in cases {
        let needed = needed(spec);
        let missing = |values: &[&str]| {
            let granted = granted(values);
            let missing = needed.iter().filter(|right| !granted.contains(&text(right)));
            missing.cloned().collect::<Vec<Right>>()
        };
        assert_eq!(missing(values), [], "{spec}");
        for value in values {
            let fewer: Vec<&str> = values.iter().copied().filter(|other| other != value).collect();
            for right in missing(&fewer) {
                let Grant::Value(named) = right.grant() else {
                    panic!("{right} is always granted, says its message")
                };
                assert_eq!(named, *value, "{spec}: {right}");
            }
        }
    }
}

/// And nothing is granted that nobody asks for.
#[test]
fn what_is_granted_is_what_is_needed() {
    let Some(helm) = Helm::find() else { return };
    let own = helm.template(&["-f", &values_file("own")]).unwrap();
    let strongest = "stored: {action: Delete}\n  scheduler: {mode: Own, clusterTimeZone: UTC}\n  \
                     exempt: {namespaceSelector: {matchLabels: {a: b}}}";
    let needed: BTreeSet<String> = needed(strongest).iter().map(text).collect();
    let granted = granted(&own);
    let beyond: Vec<&String> = granted.difference(&needed).collect();
    // The Lease, the certificate and its place in the webhooks; the count of an Event.
    let known = [
        "create coordination.k8s.io/leases",
        "get /secrets",
        "get admissionregistration.k8s.io/mutatingwebhookconfigurations",
        "get admissionregistration.k8s.io/validatingwebhookconfigurations",
        "get coordination.k8s.io/leases",
        "patch /secrets",
        "patch admissionregistration.k8s.io/mutatingwebhookconfigurations",
        "patch admissionregistration.k8s.io/validatingwebhookconfigurations",
        "patch coordination.k8s.io/leases",
        "patch events.k8s.io/events",
        "update coordination.k8s.io/leases",
    ];
    assert_eq!(beyond, known);
}

/// What is bound by name is bound to objects of the release.
#[test]
fn names_are_those_of_the_release() {
    let Some(helm) = Helm::find() else { return };
    for file in values_files() {
        let rendering = helm.template(&["-f", file.to_str().unwrap()]).unwrap();
        let names: BTreeSet<&str> = rendering
            .objects
            .iter()
            .map(|object| object["metadata"]["name"].as_str().unwrap())
            .collect();
        for role in rendering.of("ClusterRole").chain(rendering.of("Role")) {
            for rule in role["rules"].as_array().unwrap() {
                for name in rule["resourceNames"].as_array().into_iter().flatten() {
                    assert!(names.contains(name.as_str().unwrap()), "{}: {rule}", file.display());
                }
                let guarded = ["secrets", "mutatingwebhookconfigurations"];
                let resource = rule["resources"][0].as_str().unwrap();
                let writes = rule["verbs"].to_string().contains("patch");
                assert!(
                    !(guarded.contains(&resource) && writes) || rule["resourceNames"].is_array(),
                    "{}: {rule} holds for all",
                    file.display()
                );
            }
        }
    }
}

fn needed(spec: &str) -> Vec<Right> {
    let text = format!(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: test}}\nspec:\n  {spec}\n"
    );
    let source = Source { name: "policy.yaml".to_owned(), text };
    let policy = Policy::load(&[source]).unwrap_or_else(|found| panic!("{found:#?}")).policy;
    let reach = Reach::default();
    [of_sweeper(&policy, &reach), of_scheduler(&policy, &reach)].concat()
}

fn text(right: &Right) -> String {
    let Right { verb, group, resource, subresource, namespace: _ } = right;
    let slash = if subresource.is_empty() { "" } else { "/" };
    format!("{verb} {group}/{resource}{slash}{subresource}")
}

/// The rights of curfew's own account, and not of the probe's.
fn granted(rendering: &Rendering) -> BTreeSet<String> {
    let strings = |value: &Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
    };
    let mut all = BTreeSet::new();
    let roles = rendering.of("ClusterRole").chain(rendering.of("Role"));
    let roles = roles.filter(|role| role["metadata"]["name"] != "curfew-test");
    for rule in roles.flat_map(|role| role["rules"].as_array().unwrap()) {
        for group in strings(&rule["apiGroups"]) {
            for resource in strings(&rule["resources"]) {
                let verbs = strings(&rule["verbs"]);
                all.extend(verbs.iter().map(|verb| format!("{verb} {group}/{resource}")));
            }
        }
    }
    all
}
