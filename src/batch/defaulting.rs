//! What the API server fills before a webhook sees an object (upstream-semantics.md, 2.1 and 4.1),
//! so that offline commands judge the same object as the cluster does.
//!
//! The entry point is [`fill`], a pure function on the JSON of an object. Only defaults of Jobs and
//! `CronJob`s are filled; those of the Pod template (DNS policy, pull policy and so on) depend on
//! more than the object, and no decision reads them.

use serde_json::{Map, Value, json};

use super::Kind;

/// Fills what is absent, or null, with the API server's defaults. Whatever has the wrong type is
/// left as it is, for the reader of the object to complain about.
pub fn fill(kind: Kind, object: &mut Value) {
    match kind {
        Kind::CronJob => fill_cronjob(object),
        Kind::Job => fill_job(object),
    }
}

/// A `CronJob`'s template gets no Job defaults: its Jobs get them when they are created.
fn fill_cronjob(cronjob: &mut Value) {
    let Some(spec) = cronjob.get_mut("spec").and_then(Value::as_object_mut) else { return };
    default(spec, "concurrencyPolicy", "Allow");
    default(spec, "suspend", false);
    default(spec, "successfulJobsHistoryLimit", 3);
    default(spec, "failedJobsHistoryLimit", 1);
}

fn fill_job(job: &mut Value) {
    let template_labels = job.pointer("/spec/template/metadata/labels").cloned();
    if let Some(spec) = job.get_mut("spec").and_then(Value::as_object_mut) {
        if is_absent(spec, "parallelism") {
            // Completions stay absent for a work queue, which is what parallelism alone means.
            default(spec, "completions", 1);
            default(spec, "parallelism", 1);
        }
        let per_index = !is_absent(spec, "backoffLimitPerIndex");
        default(spec, "backoffLimit", if per_index { i32::MAX } else { 6 });
        default(spec, "completionMode", "NonIndexed");
        default(spec, "suspend", false);
        default(spec, "manualSelector", false);
        let replacement =
            if is_absent(spec, "podFailurePolicy") { "TerminatingOrFailed" } else { "Failed" };
        default(spec, "podReplacementPolicy", replacement);
    }
    // A policy that looks at labels sees these.
    let has_labels = job.pointer("/metadata/labels").is_some_and(|labels| !is_empty(labels));
    if let Some(labels) = template_labels.filter(|labels| !is_empty(labels) && !has_labels)
        && let Some(job) = job.as_object_mut()
        && let Some(metadata) = job.entry("metadata").or_insert_with(|| json!({})).as_object_mut()
    {
        metadata.insert("labels".to_owned(), labels);
    }
}

fn default(map: &mut Map<String, Value>, field: &str, value: impl Into<Value>) {
    if is_absent(map, field) {
        map.insert(field.to_owned(), value.into());
    }
}

fn is_absent(map: &Map<String, Value>, field: &str) -> bool {
    map.get(field).is_none_or(Value::is_null)
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_object().is_some_and(Map::is_empty)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Kind, fill};

    fn filled(kind: Kind, mut object: Value) -> Value {
        fill(kind, &mut object);
        object
    }

    #[test]
    fn job() {
        let job = filled(Kind::Job, json!({"metadata": {"name": "a"}, "spec": {}}));
        assert_eq!(
            job["spec"],
            json!({
                "completions": 1, "parallelism": 1, "backoffLimit": 6, "suspend": false,
                "completionMode": "NonIndexed", "manualSelector": false,
                "podReplacementPolicy": "TerminatingOrFailed",
            })
        );
        assert_eq!(job["metadata"], json!({"name": "a"}));
    }

    #[rstest::rstest]
    #[case::completions_alone(json!({"completions": 3}), "/spec/parallelism", json!(1))]
    #[case::a_work_queue(json!({"parallelism": 3}), "/spec/completions", json!(null))]
    #[case::null_is_absent(json!({"suspend": null}), "/spec/suspend", json!(false))]
    #[case::per_index(json!({"backoffLimitPerIndex": 1}), "/spec/backoffLimit", json!(i32::MAX))]
    #[case::failure_policy(
        json!({"podFailurePolicy": {"rules": []}}), "/spec/podReplacementPolicy", json!("Failed"))]
    #[case::written(json!({"backoffLimit": 0}), "/spec/backoffLimit", json!(0))]
    #[case::the_ttl_has_no_default(json!({}), "/spec/ttlSecondsAfterFinished", json!(null))]
    fn job_field(#[case] spec: Value, #[case] pointer: &str, #[case] expected: Value) {
        let job = filled(Kind::Job, json!({"spec": spec}));
        assert_eq!(job.pointer(pointer).cloned().unwrap_or_default(), expected);
    }

    #[rstest::rstest]
    #[case::none(json!({"name": "a"}), json!({"app": "etl"}))]
    #[case::null(json!({"labels": null}), json!({"app": "etl"}))]
    #[case::empty(json!({"labels": {}}), json!({"app": "etl"}))]
    #[case::its_own(json!({"labels": {"a": "b"}}), json!({"a": "b"}))]
    fn labels_of_the_template(#[case] metadata: Value, #[case] expected: Value) {
        let template = json!({"metadata": {"labels": {"app": "etl"}}});
        let job = filled(Kind::Job, json!({"metadata": metadata, "spec": {"template": template}}));
        assert_eq!(job["metadata"]["labels"], expected);
    }

    #[test]
    fn cronjob() {
        let template = json!({"spec": {"template": {"metadata": {"labels": {"app": "etl"}}}}});
        let spec =
            json!({"schedule": "@daily", "failedJobsHistoryLimit": 0, "jobTemplate": template});
        let cronjob = filled(Kind::CronJob, json!({"metadata": {"name": "a"}, "spec": spec}));
        assert_eq!(
            cronjob,
            json!({
                "metadata": {"name": "a"},
                "spec": {
                    "schedule": "@daily", "concurrencyPolicy": "Allow", "suspend": false,
                    "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 0,
                    "jobTemplate": template,
                },
            })
        );
    }

    #[rstest::rstest]
    #[case::no_object(json!(3))]
    #[case::no_spec(json!({}))]
    #[case::spec_is_a_string(json!({"spec": "x"}))]
    #[case::metadata_is_a_string(
        json!({"metadata": "x", "spec": {"template": {"metadata": {"labels": {"a": "b"}}}}}))]
    fn what_has_the_wrong_type_is_left(#[case] object: Value) {
        for kind in [Kind::CronJob, Kind::Job] {
            let metadata = object.get("metadata").cloned();
            assert_eq!(filled(kind, object.clone()).get("metadata").cloned(), metadata);
        }
    }
}
