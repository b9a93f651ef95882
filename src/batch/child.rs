//! A Job as whoever made it for a `CronJob` sees it.

use std::borrow::Cow;

use jiff::Timestamp;

use super::cronjob::{Active, known, required};
use super::job::Ending;
use super::{Finish, Object, Outcome};

/// A Job whose controller is a `CronJob` of this name.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "facts of the object, each on its own")]
pub struct Child<'a> {
    pub name: &'a str,
    pub uid: Cow<'a, str>,
    pub version: Cow<'a, str>,
    /// Whether its owner reference has the `CronJob`'s uid, too.
    pub ours: bool,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// `status.startTime`.
    pub started: Option<Timestamp>,
    /// How it ended, if it has.
    pub finish: Option<Outcome>,
    /// `status.completionTime`; never there on a Job that failed.
    pub completed: Option<Timestamp>,
    /// The start that it was created for, as its annotation says.
    pub slot: Option<Timestamp>,
    pub terminating: bool,
    /// Somebody has asked for it to be kept, and that holds.
    pub held: bool,
    /// `spec.suspend`.
    pub suspended: bool,
    /// Whether it wants Pods and none of them is ready or has ended, as the built-in Job controller
    /// tells.
    pub waits: bool,
    /// That its Pods are being ended, where it is not over yet.
    pub ending: Option<Ending<'a>>,
}

// === impl Child ===

impl<'a> Child<'a> {
    /// Reads a stored Job of the `CronJob` with this uid. Whether it is held is not read, as that says
    /// nothing about its start.
    ///
    /// # Errors
    /// As [`super::CronJob::of`].
    pub fn of(job: &'a Object<'_>, uid: &str) -> Result<Self, String> {
        let Object { metadata, spec, status, .. } = job;
        let deleted = known(metadata.deletion_timestamp.as_ref(), "metadata.deletionTimestamp")?;
        Ok(Self {
            name: required(metadata.name.as_deref(), "metadata.name")?,
            uid: metadata.uid.as_deref().unwrap_or_default().into(),
            version: metadata.resource_version.as_deref().unwrap_or_default().into(),
            ours: job.controller().is_some_and(|owner| &*owner.uid == uid),
            created: known(metadata.creation_timestamp.as_ref(), "metadata.creationTimestamp")?,
            started: known(status.start_time.as_ref(), "status.startTime")?,
            finish: Finish::of(job).map(|finish| finish.outcome),
            completed: known(status.completion_time.as_ref(), "status.completionTime")?,
            slot: job.slot(),
            terminating: deleted.is_some(),
            held: false,
            suspended: spec.suspend.unwrap_or_default(),
            waits: job.waits(),
            ending: job.ending(),
        })
    }

    /// As `status.active` lists it.
    pub fn reference(&self) -> Active<'a> {
        Active {
            name: Cow::Borrowed(self.name),
            uid: self.uid.clone(),
            version: self.version.clone(),
        }
    }

    /// When it succeeded, for `lastSuccessfulTime`.
    pub fn succeeded(&self) -> Option<Timestamp> {
        self.completed.filter(|_| self.finish == Some(Outcome::Success))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value as Json, json};

    use super::Child;
    use crate::batch::{Kind, Object, Outcome};

    fn merged(mut base: Json, overlay: &Json) -> Json {
        json_patch::merge(&mut base, overlay);
        base
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

    fn child<T>(json: &Json, uid: &str, read: impl FnOnce(Child<'_>) -> T) -> Result<T, String> {
        Child::of(&Object::stored(Kind::Job, json)?, uid).map(read)
    }

    #[test]
    fn is_read_from_what_is_stored() {
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
        let object = Object::stored(Kind::Job, &json).unwrap();
        let read = Child::of(&object, "u-a").unwrap();
        assert_eq!((read.name, &*read.uid, read.finish), ("a-1", "u-1", Some(Outcome::Success)));
        assert!(read.ours && !read.waits && !read.terminating && !read.suspended);
        assert_eq!(read.slot, Some("2026-11-01T15:00:00Z".parse().unwrap()));
        assert!(!child(&json, "u-b", |read| read.ours).unwrap());
        let json = job(&json!({"metadata": {"name": null}}));
        assert!(child(&json, "u-a", |_| ()).is_err());
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
        assert_eq!(child(&job(&overlay), "u-a", |read| read.waits).unwrap(), expected);
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
        let object = Object::stored(Kind::Job, &json).unwrap();
        let ending = Child::of(&object, "u-a").unwrap().ending;
        assert_eq!(ending.as_ref().map(|ending| &*ending.why), expected);
        let since = "2026-11-02T00:00:00Z".parse().ok();
        assert_eq!(ending.and_then(|ending| ending.since), since.filter(|_| expected.is_some()));
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
        let object = Object::stored(Kind::Job, &json).unwrap();
        assert_eq!(object.controller().map(|owner| (&*owner.name, &*owner.uid)), expected);
    }
}
