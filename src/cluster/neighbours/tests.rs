use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::{KnownNamespace, Neighbours, StoredNeighbours};
use crate::batch::owner::OwnerReference;
use crate::cluster::slim::{CronJob, Decoder, Keep, Namespace, Slim};
use crate::cluster::store::Store;
use crate::cluster::watch::Index;
use crate::policy::{Policy, Source};

fn policy(spec: &str) -> Policy {
    let text = format!(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: p}}\nspec: {{{spec}}}\n"
    );
    Policy::load(&[Source { name: "p.yaml".to_owned(), text }]).unwrap().policy
}

fn cronjob(uid: &str, keep: &Arc<Keep>) -> Arc<CronJob> {
    let json = json!({
        "metadata": {"namespace": "a", "name": "etl", "uid": uid, "resourceVersion": "1",
            "labels": {"team": "data"}, "annotations": {"example.test/tier": "gold"}},
        "spec": {"schedule": "* * * * *", "jobTemplate": {"spec": {}}},
    });
    let mut decoder = Decoder { keep: Arc::clone(keep), ..Decoder::default() };
    Arc::new(CronJob::decode(&json.to_string(), &mut decoder).unwrap())
}

fn list(store: &Store, policy: &Policy) {
    let keep = Arc::new(Keep::of(policy));
    Arc::clone(&store.cronjobs).reset(&[cronjob("1", &keep)], &keep);
}

/// An annotation and a label of the `CronJob` that an owner reference means.
fn found(
    neighbours: &StoredNeighbours,
    policy: &Policy,
    namespace: &str,
    owner: &Json,
) -> Option<(Option<String>, Option<String>)> {
    let owner: OwnerReference<'_> = serde::Deserialize::deserialize(owner).unwrap();
    let known = neighbours.cronjob(policy, namespace, &owner)?;
    let metadata = known.view().metadata;
    let text = |value: Option<&str>| value.map(str::to_owned);
    Some((text(metadata.annotation("example.test/tier")), text(metadata.label("team"))))
}

fn owner(uid: &str) -> Json {
    json!({"apiVersion": "batch/v1", "kind": "CronJob", "name": "etl", "uid": uid})
}

#[test]
fn a_cronjob_is_known_once_it_was_listed_and_only_by_its_uid() {
    let policy = policy("exempt: {selectors: [{matchLabels: {team: none}}]}");
    let store = Arc::new(Store::default());
    let neighbours = StoredNeighbours::new(Arc::clone(&store));
    assert_eq!(found(&neighbours, &policy, "a", &owner("1")), None, "before the first list");
    list(&store, &policy);
    let label = Some("data".to_owned());
    assert_eq!(found(&neighbours, &policy, "a", &owner("1")), Some((None, label)));
    assert_eq!(found(&neighbours, &policy, "a", &owner("2")), None, "another of its name");
    assert_eq!(found(&neighbours, &policy, "a", &owner("")), None);
    assert_eq!(found(&neighbours, &policy, "b", &owner("1")), None);
}

/// The policies change under the same store, and each is asked twice: what a policy needs is
/// remembered.
#[test]
fn a_cronjob_of_which_too_little_is_kept_is_not_known() {
    let plain = policy("");
    let reads =
        policy("rules: [{name: r, match: {annotations: {example.test/tier: gold}}, ttl: 1h}]");
    let store = Arc::new(Store::default());
    let neighbours = StoredNeighbours::new(Arc::clone(&store));
    let known = |policy: &Policy| {
        [(); 2].map(|()| found(&neighbours, policy, "a", &owner("1")).map(|(tier, _)| tier))
    };
    list(&store, &plain);
    assert_eq!(known(&reads), [None, None]);
    assert_eq!(known(&plain), [Some(None), Some(None)]);
    list(&store, &reads);
    let gold = Some("gold".to_owned());
    assert_eq!(known(&reads), [Some(gold.clone()), Some(gold.clone())]);
    // More than it needs is fine.
    assert_eq!(known(&plain), [Some(gold.clone()), Some(gold)]);
}

#[test]
fn labels_of_a_namespace_are_known_as_long_as_it_is_there() {
    let store = Arc::new(Store::default());
    let neighbours = StoredNeighbours::new(Arc::clone(&store));
    assert!(neighbours.namespace("a").is_none());
    let json = json!({"metadata": {"name": "a", "uid": "1", "labels": {"tier": "dev"}}});
    let namespace = Namespace::decode(&json.to_string(), &mut Decoder::default()).unwrap();
    Arc::clone(&store.namespaces).reset(&[Arc::new(namespace)], &Arc::default());
    let known = neighbours.namespace("a").unwrap();
    assert_eq!(KnownNamespace::labels(&*known).get("tier"), Some("dev"));
    assert!(neighbours.namespace("new").is_none(), "made a moment ago");
    Arc::clone(&store.namespaces).reset(&[], &Arc::default());
    assert!(neighbours.namespace("a").is_none());
}
