//! The account keeps a pair in its Secret, and may write nothing else of it.

use std::time::Duration;

use serde_json::{Value, json};

use super::account::{allowed, refused, scene};
use crate::helm::NAMESPACE;
use crate::support::{api::Patch, manifest::merged, namespace::Namespace, wait::eventually};

#[test]
fn of_the_secret_only_the_pair_changes() {
    let Some((account, _)) = scene("secrets") else { return };
    Namespace::open(account.plane, NAMESPACE, &json!({}));
    let secrets = format!("/api/v1/namespaces/{NAMESPACE}/secrets");
    let path = format!("{secrets}/hardened-tls");
    let metadata = json!({
        "name": "hardened-tls",
        "labels": {"a": "b"},
        "annotations": {"a": "b"},
    });
    let data = json!({"example": "QQ=="});
    account.plane.api.post(&secrets, &json!({"metadata": metadata, "data": data})).ok();
    let write = |patch: &Value| account.api.patch(Patch::Merge, &path, patch);
    let immutable = json!({"immutable": true});
    eventually("the policy is in force", Duration::from_secs(60), || {
        let reply = account.api.patch(Patch::Merge, &format!("{path}?dryRun=All"), &immutable);
        (reply.status == 403).then_some(())
    });
    let pair = json!({"ca.crt": "QQ==", "ca.key": "QQ==", "tls.crt": "QQ==", "tls.key": "QQ=="});
    for data in [pair.clone(), json!({"tls.crt": ""}), json!({"ca.key": null})] {
        allowed(&write(&json!({"data": data})));
    }
    let owner = json!({"apiVersion": "v1", "kind": "Secret", "name": "a", "uid": "a"});
    for change in [
        immutable,
        json!({"metadata": {"labels": {"a": "c"}}}),
        json!({"metadata": {"annotations": {"a": null}}}),
        json!({"metadata": {"ownerReferences": [owner]}}),
        json!({"metadata": {"finalizers": ["example.test/kept"]}}),
        json!({"data": {"more": "QQ=="}}),
        json!({"stringData": {"more": "A"}}),
        json!({"data": {"example": "Qg=="}}),
        json!({"data": {"example": null}}),
    ] {
        // Alone, and hidden beside what is allowed.
        let beside = merged(change.clone(), json!({"data": {"tls.key": "Qg=="}}));
        for change in [change, beside] {
            refused(&write(&change), "nothing but the pair");
        }
    }
    // It is about our account and nobody else.
    account.plane.api.patch(Patch::Merge, &path, &json!({"data": {"more": "QQ=="}})).ok();
    account.plane.api.delete(&path).ok();
}
