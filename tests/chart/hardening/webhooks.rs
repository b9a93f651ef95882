//! The account has to write the `caBundle` of its webhook configurations, and may write nothing else
//! of them.

use std::time::Duration;

use serde_json::{Value, json};

use super::account::{allowed, refused};
use crate::helm::{Helm, values_file};
use crate::support::{api::Patch, wait::eventually};

#[test]
fn of_a_webhook_configuration_only_the_bundle_changes() {
    let Some((account, _)) = super::scene("webhooks") else { return };
    let Some(helm) = Helm::find() else { return };
    let rendering = helm.release("curfew", &["-f", &values_file("delete")]).unwrap();
    let mutating = format!("{COLLECTIONS}/mutatingwebhookconfigurations?dryRun=All");
    eventually("the policy is in force", Duration::from_secs(60), || {
        let probe = rendering.of("MutatingWebhookConfiguration").next().unwrap();
        (account.api.post(&mutating, probe).status == 403).then_some(())
    });
    let bundle = account.plane.authority.bundle();
    for kind in ["Mutating", "Validating"] {
        let kind = format!("{kind}WebhookConfiguration");
        let mut object = rendering.of(&kind).next().unwrap().clone();
        object["metadata"]["name"] = json!("hardened");
        for webhook in object["webhooks"].as_array_mut().unwrap() {
            // It is there to be changed, and calls nobody.
            webhook["rules"] = json!([]);
        }
        let collection = format!("{COLLECTIONS}/{}s", kind.to_lowercase());
        account.plane.api.post(&collection, &object).ok();
        let path = format!("{collection}/hardened");
        let send = |operations: Value| account.api.patch(Patch::Json, &path, &operations);
        let set = |field: &str, value: Value| {
            send(json!([{"op": "add", "path": format!("/webhooks/0/{field}"), "value": value}]))
        };
        allowed(&set("clientConfig/caBundle", json!(bundle)));
        allowed(&set("clientConfig/caBundle", json!("")));
        let nothing_else = "nothing but the caBundle";
        let service = json!({"name": "other", "namespace": "other", "path": "/", "port": 443});
        let rule = json!([{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"],
                           "resources": ["secrets"], "scope": "*"}]);
        for (field, value) in [
            ("clientConfig/service", service),
            ("clientConfig/service/path", json!("/elsewhere")),
            ("clientConfig", json!({"url": "https://example.test/", "caBundle": bundle})),
            ("rules", rule),
            ("failurePolicy", json!("Fail")),
            ("timeoutSeconds", json!(30)),
            ("namespaceSelector", json!({})),
            ("matchConditions", json!([])),
            ("name", json!("other.curfew.dev")),
        ] {
            refused(&set(field, value), nothing_else);
        }
        let webhook = account.plane.api.get(&path).ok()["webhooks"][0].clone();
        let mut other = webhook;
        other["name"] = json!("more.curfew.dev");
        refused(&send(json!([{"op": "add", "path": "/webhooks/-", "value": other}])), nothing_else);
        refused(&send(json!([{"op": "remove", "path": "/webhooks/0"}])), nothing_else);
        let label = json!([{"op": "add", "path": "/metadata/labels", "value": {}}]);
        refused(&send(label), nothing_else);
        let makes_none = "makes and deletes no webhook configuration";
        refused(&account.send("DELETE", &path, &json!({})), makes_none);
        let mut another = object.clone();
        another["metadata"]["name"] = json!("another");
        refused(&account.api.post(&collection, &another), makes_none);
        // It is about our account and nobody else.
        account.plane.api.delete(&path).ok();
    }
}

const COLLECTIONS: &str = "/apis/admissionregistration.k8s.io/v1";
