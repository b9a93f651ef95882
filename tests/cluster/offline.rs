//! `curfew mutate` says without a cluster what a cluster would store, the API server's own
//! defaulting included.

use serde::Deserialize;
use serde_json::Value;

use crate::support::{curfew::offline, process::Scratch, scene::Scene};

#[test]
fn mutate_agrees_with_the_api_server() {
    let Some(scene) = Scene::new("offline", POLICY) else { return };
    let scratch = Scratch::new().expect("a scratch directory can be made");
    let policy = scratch.write("policy.yaml", POLICY);
    let policy = policy.to_str().expect("a temporary directory has a plain name");
    let said =
        offline(&["mutate", "-f", "-", "--policy", policy, "-n", &scene.space.name], OBJECTS);
    assert!(said.success, "{}", said.stderr);
    let predicted = documents(&said.stdout);
    // `create` and not `apply`: last-applied would prove what a bare manifest cannot.
    scene.space.kubectl.ok_with(&["create", "-f", "-"], OBJECTS);
    assert_eq!(predicted.len(), documents(OBJECTS).len());
    for object in predicted {
        let name = object["metadata"]["name"].as_str().expect("named");
        let stored = match object["kind"].as_str() {
            Some("CronJob") => scene.space.cron_job(name),
            _ => scene.space.job(name),
        };
        if let Err(difference) = contained(&object, &stored, name) {
            panic!("{difference}");
        }
        // And the other way round for what is ours: nothing was stored that was not predicted.
        for path in OURS {
            assert_eq!(object.pointer(path), stored.pointer(path), "{name}{path}");
        }
    }
}

/// Whether everything in `part` stands in `whole`.
fn contained(part: &Value, whole: &Value, path: &str) -> Result<(), String> {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => part.iter().try_for_each(|(key, value)| {
            let other = whole.get(key).unwrap_or(&Value::Null);
            contained(value, other, &format!("{path}/{key}"))
        }),
        (Value::Array(part), Value::Array(whole)) if part.len() == whole.len() => {
            part.iter().zip(whole).enumerate().try_for_each(|(index, (part, whole))| {
                contained(part, whole, &format!("{path}/{index}"))
            })
        }
        _ if part == whole => Ok(()),
        _ => Err(format!("{path}: predicted {part}, stored {whole}")),
    }
}

fn documents(text: &str) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(text)
        .map(|document| Value::deserialize(document).expect("each document is YAML"))
        .collect()
}

const OURS: [&str; 9] = [
    "/metadata/annotations",
    "/spec/activeDeadlineSeconds",
    "/spec/failedJobsHistoryLimit",
    "/spec/jobTemplate/metadata/annotations",
    "/spec/jobTemplate/spec/activeDeadlineSeconds",
    "/spec/jobTemplate/spec/ttlSecondsAfterFinished",
    "/spec/successfulJobsHistoryLimit",
    "/spec/timeZone",
    "/spec/ttlSecondsAfterFinished",
];

pub(super) const OBJECTS: &str = include_str!("../fixtures/objects.yaml");

/// A bit of everything that can be set.
pub(super) const POLICY: &str = r"
apiVersion: curfew.dev/v1alpha1
kind: JobPolicy
metadata: {name: cluster}
spec:
  limits:
    ttl: {max: 30m}
    history: {max: 10}
  rules:
    - name: etl
      match: {names: ['*-etl']}
      ttl: 20m
      history: {successful: 2, failed: 4}
      deadlines: {active: 4h, starting: 5m}
    - name: staging
      match: {labels: {environment: staging}}
      ttl: {onSuccess: 5m, onFailure: 10m}
  defaults:
    ttl: 15m
    history: {successful: 5, failed: 2}
    timeZone: Europe/Berlin
    deadlines: {active: 1d}
";
