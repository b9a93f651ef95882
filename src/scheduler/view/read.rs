//! `CronJob`s and Jobs read from JSON, as the API or a dump of it shows them.
//!
//! For whoever has whole objects at hand and only looks. What a stored object always has must be
//! there: a guess in its place would be shown as what the cluster does.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value as Json;

use super::edits::{self, Entry, InForce};
use super::{Active, Child, Concurrency, CronJob, Ending, Status};
use crate::batch::annotation::SCHEDULED;
use crate::batch::{Kind, Object};

/// Why an object cannot be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadObject {
    #[error("{0} is missing, which every stored object has")]
    Missing(&'static str),
    /// With what it is instead.
    #[error("{field} must be {expected}, and not {found}")]
    Type { field: &'static str, expected: &'static str, found: Json },
}

/// The `CronJob` that controls a Job.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Owner<'a> {
    pub name: &'a str,
    pub uid: &'a str,
}

/// Reads a `CronJob`.
///
/// # Errors
/// The first field that is not as the API server stores it.
pub fn cronjob(json: &Json) -> Result<CronJob<'_>, BadObject> {
    let active = match find(json, "status.active") {
        Json::Null => &[][..],
        Json::Array(entries) => entries,
        other => return Err(bad("status.active", "a list", other)),
    };
    let created = time(json, "metadata.creationTimestamp")?;
    let created = required(created, "metadata.creationTimestamp")?;
    Ok(CronJob {
        namespace: required(text(json, "metadata.namespace")?, "metadata.namespace")?,
        name: required(text(json, "metadata.name")?, "metadata.name")?,
        uid: Cow::Borrowed(text(json, "metadata.uid")?.unwrap_or_default()),
        created,
        in_force: in_force(json, created),
        terminating: time(json, "metadata.deletionTimestamp")?.is_some(),
        namespace_terminating: false,
        schedule: required(text(json, "spec.schedule")?, "spec.schedule")?,
        time_zone: text(json, "spec.timeZone")?,
        suspended: flag(json, "spec.suspend")?,
        concurrency: text(json, "spec.concurrencyPolicy")?
            .map_or_else(Concurrency::default, Concurrency::parse),
        deadline: number(json, "spec.startingDeadlineSeconds")?,
        successful_limit: number(json, "spec.successfulJobsHistoryLimit")?,
        failed_limit: number(json, "spec.failedJobsHistoryLimit")?,
        status: Status {
            active: active.iter().map(reference).collect(),
            last_schedule: time(json, "status.lastScheduleTime")?,
            last_successful: time(json, "status.lastSuccessfulTime")?,
        },
    })
}

/// The `CronJob` to which a Job belongs: that of its controller reference.
pub fn owner(job: &Json) -> Option<Owner<'_>> {
    let references = job["metadata"]["ownerReferences"].as_array()?;
    let reference = references.iter().find(|reference| {
        reference["controller"] == true
            && reference["kind"] == "CronJob"
            && reference["apiVersion"].as_str().is_some_and(|version| version.starts_with("batch/"))
    })?;
    let field = |name: &str| reference[name].as_str().unwrap_or_default();
    Some(Owner { name: field("name"), uid: field("uid") })
}

/// Reads a Job of the `CronJob` with this uid.
///
/// Whether it is held is not read, as that says nothing about its start.
///
/// # Errors
/// As [`cronjob`].
pub fn child<'a>(job: &'a Json, uid: &str) -> Result<Child<'a>, BadObject> {
    let object = Object::from_json(Kind::Job, job).ok();
    // Anybody can write the annotation: what is no time there is no start.
    let slot = job["metadata"]["annotations"][SCHEDULED].as_str();
    let is_built_in = text(job, "spec.managedBy")?.is_none_or(|by| by == BUILT_IN);
    Ok(Child {
        name: required(text(job, "metadata.name")?, "metadata.name")?,
        uid: Cow::Borrowed(text(job, "metadata.uid")?.unwrap_or_default()),
        version: Cow::Borrowed(text(job, "metadata.resourceVersion")?.unwrap_or_default()),
        ours: owner(job).is_some_and(|owner| owner.uid == uid),
        created: time(job, "metadata.creationTimestamp")?,
        started: time(job, "status.startTime")?,
        finish: object.and_then(|object| Some(crate::batch::Finish::of(&object)?.outcome)),
        completed: time(job, "status.completionTime")?,
        slot: slot.and_then(|slot| slot.parse().ok()),
        terminating: time(job, "metadata.deletionTimestamp")?.is_some(),
        held: false,
        suspended: flag(job, "spec.suspend")?,
        waits: is_built_in && job["spec"]["parallelism"] != 0 && !ran(&job["status"]),
        ending: ending(job, is_built_in)?,
    })
}

/// Whether a namespace is being deleted.
pub fn is_namespace_terminating(namespace: &Json) -> bool {
    !namespace["metadata"]["deletionTimestamp"].is_null()
        || namespace["status"]["phase"] == "Terminating"
}

/// Since when a `CronJob`'s spec is in force ([`edits`]), with all its entries at hand.
pub fn in_force(json: &Json, created: Timestamp) -> Option<InForce> {
    // A dump may say 1.0.
    let generation = find(json, "metadata.generation").as_f64();
    let is_first = generation.is_some_and(|generation| generation.total_cmp(&1.0).is_eq());
    // Where one entry cannot be read, the others do not tell enough.
    let entries: Vec<Entry<'_>> =
        Deserialize::deserialize(find(json, "metadata.managedFields")).unwrap_or_default();
    edits::in_force(is_first, created, edits::edited(&entries))
}

/// Whether a Job that is not over is about to be. What its conditions say is known of the built-in
/// controller.
fn ending(job: &Json, is_built_in: bool) -> Result<Option<Ending<'_>>, BadObject> {
    let conditions = job["status"]["conditions"].as_array();
    let begun = conditions.into_iter().flatten().filter(|_| is_built_in).find(|condition| {
        let kind = condition["type"].as_str();
        condition["status"] == "True" && kind.is_some_and(|kind| Ending::CONDITIONS.contains(&kind))
    });
    let deleted = time(job, "metadata.deletionTimestamp")?;
    if let Some(condition) = begun {
        let since = condition["lastTransitionTime"].as_str();
        let kind = condition["type"].as_str().unwrap_or_default();
        let why = Ending::reason(condition["reason"].as_str(), kind);
        return Ok(Some(Ending {
            since: since.and_then(|since| since.parse().ok()).or(deleted),
            why: why.into(),
        }));
    }
    Ok(deleted.map(|since| Ending { since: Some(since), why: Ending::DELETED.into() }))
}

/// Whether a Pod is ready or over. `status.active` also counts those that wait, and those that run
/// and are not ready.
fn ran(status: &Json) -> bool {
    let some = |counter: &str| status[counter].as_u64().is_some_and(|count| count > 0);
    let uncounted = |outcome: &str| {
        let pods = status["uncountedTerminatedPods"][outcome].as_array();
        pods.is_some_and(|pods| !pods.is_empty())
    };
    ["ready", "succeeded", "failed"].into_iter().any(some)
        || ["succeeded", "failed"].into_iter().any(uncounted)
}

fn reference(entry: &Json) -> Active<'_> {
    let field = |name: &str| Cow::Borrowed(entry[name].as_str().unwrap_or_default());
    Active { name: field("name"), uid: field("uid"), version: field("resourceVersion") }
}

fn find<'a>(json: &'a Json, field: &str) -> &'a Json {
    field.split('.').fold(json, |part, name| &part[name])
}

fn required<T>(value: Option<T>, field: &'static str) -> Result<T, BadObject> {
    value.ok_or(BadObject::Missing(field))
}

fn text<'a>(json: &'a Json, field: &'static str) -> Result<Option<&'a str>, BadObject> {
    match find(json, field) {
        Json::Null => Ok(None),
        Json::String(text) => Ok(Some(text)),
        other => Err(bad(field, "a text, in quotes", other)),
    }
}

fn flag(json: &Json, field: &'static str) -> Result<bool, BadObject> {
    match find(json, field) {
        Json::Null => Ok(false),
        Json::Bool(flag) => Ok(*flag),
        other => Err(bad(field, "true or false", other)),
    }
}

fn number(json: &Json, field: &'static str) -> Result<Option<i64>, BadObject> {
    match find(json, field) {
        Json::Null => Ok(None),
        other => match other.as_i64().filter(|number| *number >= 0) {
            Some(number) => Ok(Some(number)),
            None => Err(bad(field, "a whole number of 0 or more", other)),
        },
    }
}

fn time(json: &Json, field: &'static str) -> Result<Option<Timestamp>, BadObject> {
    match find(json, field) {
        Json::Null => Ok(None),
        other => match other.as_str().and_then(|text| text.parse().ok()) {
            Some(time) => Ok(Some(time)),
            None => Err(bad(field, "a time such as 2026-12-01T00:00:00Z", other)),
        },
    }
}

fn bad(field: &'static str, expected: &'static str, found: &Json) -> BadObject {
    BadObject::Type { field, expected, found: found.clone() }
}

/// The Job controller whose counters are known: what another one writes into a status, and when, is
/// its own affair.
pub const BUILT_IN: &str = "kubernetes.io/job-controller";

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value as Json, json};

    use super::{InForce, child, cronjob, is_namespace_terminating, owner};
    use crate::batch::Outcome;
    use crate::scheduler::view::Concurrency;

    fn merged(mut base: Json, overlay: &Json) -> Json {
        json_patch::merge(&mut base, overlay);
        base
    }

    fn stored(overlay: &Json) -> Json {
        let base = json!({
            "metadata": {
                "namespace": "shop", "name": "a", "uid": "u-a",
                "creationTimestamp": "2026-11-01T00:00:00Z",
            },
            "spec": {"schedule": "@daily"},
        });
        merged(base, overlay)
    }

    fn job(overlay: &Json) -> Json {
        let base = json!({
            "metadata": {"name": "a-1", "uid": "u-1", "ownerReferences": [
                {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "u-x"},
                {"apiVersion": "batch/v1", "kind": "CronJob", "name": "a", "uid": "u-a",
                 "controller": true},
            ]},
            "spec": {},
        });
        merged(base, overlay)
    }

    #[test]
    fn a_cronjob() {
        let least = stored(&json!({}));
        let read = cronjob(&least).unwrap();
        assert_eq!((read.suspended, read.concurrency), (false, Concurrency::Allow));
        assert_eq!((read.time_zone, read.deadline, read.terminating), (None, None, false));
        assert_eq!(read.status.last_schedule, None);
        let whole = stored(&json!({
            "metadata": {"deletionTimestamp": "2026-11-02T00:00:00Z"},
            "spec": {
                "timeZone": "Asia/Tokyo", "suspend": true, "concurrencyPolicy": "Forbid",
                "startingDeadlineSeconds": 60, "successfulJobsHistoryLimit": 3,
            },
            "status": {
                "active": [{"kind": "Job", "name": "a-1", "uid": "u-1", "resourceVersion": "7"}],
                "lastScheduleTime": "2026-11-01T15:00:00Z",
            },
        }));
        let read = cronjob(&whole).unwrap();
        assert_eq!((read.suspended, read.concurrency), (true, Concurrency::Forbid));
        assert_eq!((read.time_zone, read.deadline), (Some("Asia/Tokyo"), Some(60)));
        assert_eq!((read.successful_limit, read.failed_limit), (Some(3), None));
        assert!(read.terminating && read.status.is_active("u-1"));
        assert!(read.status.last_schedule.is_some());
    }

    #[rstest]
    #[case::not_stored(json!({"metadata": {"creationTimestamp": null}}), "metadata.creationTimestamp is missing, which every stored object has")]
    #[case::no_schedule(json!({"spec": {"schedule": null}}), "spec.schedule is missing, which every stored object has")]
    #[case::number(json!({"spec": {"schedule": 5}}), "spec.schedule must be a text, in quotes, and not 5")]
    #[case::word(json!({"spec": {"suspend": "yes"}}), "spec.suspend must be true or false, and not \"yes\"")]
    #[case::negative(json!({"spec": {"startingDeadlineSeconds": -1}}), "spec.startingDeadlineSeconds must be a whole number of 0 or more, and not -1")]
    #[case::no_time(json!({"status": {"lastScheduleTime": "now"}}), "status.lastScheduleTime must be a time such as 2026-12-01T00:00:00Z, and not \"now\"")]
    #[case::no_list(json!({"status": {"active": 1}}), "status.active must be a list, and not 1")]
    fn what_is_wrong_with_a_cronjob(#[case] overlay: Json, #[case] expected: &str) {
        let json = stored(&overlay);
        assert_eq!(cronjob(&json).unwrap_err().to_string(), expected);
    }

    #[test]
    fn a_job() {
        let json = job(&json!({
            "metadata": {
                "creationTimestamp": "2026-11-01T15:00:02Z",
                "annotations": {
                    "batch.kubernetes.io/cronjob-scheduled-timestamp": "2026-11-02T00:00:00+09:00",
                },
            },
            "status": {
                "startTime": "2026-11-01T15:00:03Z", "completionTime": "2026-11-01T15:05:00Z",
                "succeeded": 1,
                "conditions": [{"type": "Complete", "status": "True"}],
            },
        }));
        let read = child(&json, "u-a").unwrap();
        assert_eq!((read.name, &*read.uid, read.finish), ("a-1", "u-1", Some(Outcome::Success)));
        assert!(read.ours && !read.waits && !read.terminating && !read.suspended);
        assert_eq!(read.slot, Some("2026-11-01T15:00:00Z".parse().unwrap()));
        assert!(!child(&json, "u-b").unwrap().ours);
        let json = job(&json!({"metadata": {"name": null}}));
        assert!(child(&json, "u-a").is_err());
    }

    #[rstest]
    #[case::no_pod(json!({}), true)]
    #[case::waits(json!({"status": {"active": 1, "ready": 0, "uncountedTerminatedPods": {}}}), true)]
    #[case::goes_away(json!({"status": {"active": 0, "ready": 0, "terminating": 1}}), true)]
    #[case::ready(json!({"status": {"active": 1, "ready": 1}}), false)]
    #[case::failed(json!({"status": {"active": 1, "failed": 2}}), false)]
    #[case::about_to_be_counted(json!({"status": {"uncountedTerminatedPods": {"failed": ["u"]}}}), false)]
    #[case::of_the_built_in_controller(json!({"spec": {"managedBy": "kubernetes.io/job-controller"}}), true)]
    #[case::of_another_controller(json!({"spec": {"managedBy": "kueue.x-k8s.io/multikueue"}}), false)]
    #[case::wants_no_pod(json!({"spec": {"parallelism": 0}}), false)]
    fn whether_it_waits_for_a_pod(#[case] overlay: Json, #[case] expected: bool) {
        assert_eq!(child(&job(&overlay), "u-a").unwrap().waits, expected);
    }

    fn condition(kind: &str, status: &str, reason: &str) -> Json {
        json!({"status": {"conditions": [
            {"type": "Suspended", "status": "False", "lastTransitionTime": "2026-11-01T00:00:00Z"},
            {"type": kind, "status": status, "reason": reason,
             "lastTransitionTime": "2026-11-02T00:00:00Z"},
        ]}})
    }

    #[rstest]
    #[case::nothing(json!({}), None)]
    #[case::fails(condition("FailureTarget", "True", "DeadlineExceeded"), Some("DeadlineExceeded"))]
    #[case::succeeds(
        condition("SuccessCriteriaMet", "True", "SuccessPolicy"),
        Some("SuccessPolicy")
    )]
    #[case::does_not_fail(condition("FailureTarget", "False", "DeadlineExceeded"), None)]
    #[case::without_a_reason(condition("FailureTarget", "True", ""), Some("FailureTarget"))]
    #[case::no_reason(condition("FailureTarget", "True", "a\u{1b}[2J b"), Some("FailureTarget"))]
    #[case::of_another_controller(merged(condition("FailureTarget", "True", "x"), &json!({"spec": {"managedBy": "kueue.x-k8s.io/multikueue"}})), None)]
    #[case::deleted(json!({"metadata": {"deletionTimestamp": "2026-11-02T00:00:00Z"}}), Some("deleted"))]
    #[case::deleted_with_a_condition_of_no_time(json!({
        "metadata": {"deletionTimestamp": "2026-11-02T00:00:00Z"},
        "status": {"conditions": [{"type": "FailureTarget", "status": "True"}]},
    }), Some("FailureTarget"))]
    fn whether_it_is_being_ended(#[case] overlay: Json, #[case] expected: Option<&str>) {
        let json = job(&overlay);
        let ending = child(&json, "u-a").unwrap().ending;
        assert_eq!(ending.as_ref().map(|ending| &*ending.why), expected);
        let since = "2026-11-02T00:00:00Z".parse().ok();
        assert_eq!(ending.and_then(|ending| ending.since), since.filter(|_| expected.is_some()));
    }

    #[rstest]
    #[case::lives(json!({"status": {"phase": "Active"}}), false)]
    #[case::without_a_status(json!({}), false)]
    #[case::phase(json!({"status": {"phase": "Terminating"}}), true)]
    #[case::timestamp(json!({"metadata": {"deletionTimestamp": "2026-11-02T00:00:00Z"}}), true)]
    fn whether_a_namespace_goes_away(#[case] namespace: Json, #[case] expected: bool) {
        assert_eq!(is_namespace_terminating(&namespace), expected);
    }

    #[test]
    fn since_when_the_spec_is_in_force() {
        let edited = json!({"metadata": {"generation": 2, "managedFields": [
            {"manager": "helm", "operation": "Update", "time": "2026-11-03T00:00:00Z",
             "fieldsV1": {"f:spec": {"f:schedule": {}, "f:suspend": {}}}},
            {"manager": "kube-controller-manager", "operation": "Update", "subresource": "status",
             "time": "2026-11-05T00:00:00Z", "fieldsV1": {"f:status": {"f:lastScheduleTime": {}}}},
        ]}});
        let mut json = stored(&edited);
        let since = "2026-11-03T00:00:00Z".parse().ok().map(InForce::Since);
        assert_eq!(cronjob(&json).unwrap().in_force, since);
        // An entry that cannot be read may be the one that counts.
        json["metadata"]["managedFields"][1] = json!({"manager": "n", "time": 5});
        assert_eq!(cronjob(&json).unwrap().in_force, None);
    }

    #[rstest]
    #[case::never_edited(json!(1), true)]
    #[case::as_a_float(json!(1.0), true)]
    #[case::edited(json!(2), false)]
    #[case::as_text(json!("1"), false)]
    fn what_was_never_edited(#[case] generation: Json, #[case] expected: bool) {
        let json = stored(&json!({"metadata": {"generation": generation}}));
        let read = cronjob(&json).unwrap();
        assert_eq!(read.in_force, expected.then_some(InForce::Since(read.created)));
    }

    /// Whatever is written there, a dump is read.
    #[rstest]
    #[case::lists(json!([["m", "", "2026-11-19T00:00:00Z", {"f:spec": {"f:schedule": {}}}]]))]
    #[case::list_of_fields(json!([{"manager": "m", "time": "2026-11-19T00:00:00Z", "fieldsV1": [{"f:schedule": {}}]}]))]
    #[case::text(json!("helm"))]
    #[case::null(json!([null]))]
    fn entries_of_another_shape(#[case] entries: Json) {
        let json = stored(&json!({"metadata": {"generation": 2, "managedFields": entries}}));
        assert!(cronjob(&json).is_ok());
    }

    #[rstest]
    #[case::a_cronjob(json!({}), Some(("a", "u-a")))]
    #[case::nobody(json!({"metadata": {"ownerReferences": null}}), None)]
    #[case::no_controller(json!({"metadata": {"ownerReferences": [
        {"apiVersion": "batch/v1", "kind": "CronJob", "name": "a", "uid": "u-a"}]}}), None)]
    #[case::of_another_group(json!({"metadata": {"ownerReferences": [
        {"apiVersion": "x.io/v1", "kind": "CronJob", "name": "a", "uid": "u-a", "controller": true}]}}), None)]
    fn whose_job_it_is(#[case] overlay: Json, #[case] expected: Option<(&str, &str)>) {
        let json = job(&overlay);
        assert_eq!(owner(&json).map(|owner| (owner.name, owner.uid)), expected);
    }
}
