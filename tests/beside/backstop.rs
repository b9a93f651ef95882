//! `Backstop`: a start that the built-in controller does not make is made, once, and the built-in
//! controller goes on from it.

use curfew::clock;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::support::api::Patch;
use crate::support::namespace::Namespace;
use crate::support::scheduling::{job_name, second};
use crate::support::wait::{eventually, throughout};
use crate::{LIMIT, curfew, minutely, next_minute, plane, writes};

/// Reasons of Events about a `CronJob`, from whomever.
fn reasons(space: &Namespace<'_>, name: &str) -> Vec<String> {
    let list = space.plane.api.get(&format!("/api/v1/namespaces/{}/events", space.name)).ok();
    let reason = |event: &Value| event["reason"].as_str().unwrap_or_default().to_owned();
    let about = |event: &&Value| event["involvedObject"]["name"] == name;
    list["items"].as_array().into_iter().flatten().filter(about).map(reason).collect()
}

#[test]
fn a_late_start_is_made_and_taken_up() {
    let Some((plane, _alone)) = plane() else { return };
    let space = plane.namespace("backstop");
    let scheduler = "{mode: Backstop, grace: 2s, clusterTimeZone: UTC, \
                     selector: {matchLabels: {backstop: \"yes\"}}}";
    let (helper, user) = curfew(plane, scheduler);
    plane.signal_controllers("STOP");
    let labels = json!({"metadata": {"labels": {"backstop": "yes"}}});
    let with = |spec: Value| {
        let mut all = labels.clone();
        all["spec"] = spec;
        all
    };
    minutely(&space, "helped", &with(json!({"concurrencyPolicy": "Forbid"})));
    minutely(&space, "not-selected", &json!({}));
    minutely(&space, "suspended", &with(json!({"suspend": true})));
    let short = json!({"jobTemplate": {"spec": {"ttlSecondsAfterFinished": 30}}});
    minutely(&space, "short-lived", &with(short));
    minutely(&space, "no-history", &with(json!({"successfulJobsHistoryLimit": 0})));
    // It came due before anybody watched, and again after an edit that makes the past due.
    let old = with(json!({"schedule": "0 0 1 1 *"}));
    minutely(&space, "old", &old);
    let path = space.path("cronjobs/old/status");
    let last = second(clock::now() - (800 * 24).hours());
    plane.api.patch(Patch::Merge, &path, &json!({"status": {"lastScheduleTime": last}})).ok();
    space.patch_cron_job("old", &json!({"spec": {"schedule": "1 1 2 1 *"}})).ok();

    next_minute();
    let now = clock::now().as_second();
    let slot = Timestamp::from_second(now / 60 * 60).unwrap();
    let first = job_name("helped", slot);
    let job = eventually("the start is made", LIMIT, || space.find_job(&first));
    let created: Timestamp =
        job["metadata"]["creationTimestamp"].as_str().unwrap().parse().unwrap();
    assert!(created >= slot + 2.seconds(), "the built-in controller has its grace");
    assert_eq!(job["metadata"]["ownerReferences"][0]["controller"], true);
    assert_eq!(
        job["metadata"]["annotations"]["batch.kubernetes.io/cronjob-scheduled-timestamp"],
        second(slot).as_str()
    );
    let status = eventually("it is written down", LIMIT, || {
        let status = space.cron_job("helped")["status"].clone();
        (status["lastScheduleTime"] == second(slot).as_str()).then_some(status)
    });
    assert_eq!(status["active"][0]["name"], first.as_str());
    assert_eq!(space.jobs().len(), 1, "{:#?}", helper.process.log());

    // The built-in controller wakes up, and neither starts it again nor finds anything odd.
    plane.signal_controllers("CONT");
    let others = ["not-selected", "short-lived", "no-history"];
    for name in others {
        eventually("the built-in controller is awake", LIMIT, || {
            space.find_job(&job_name(name, slot))
        });
    }
    next_minute();
    let next = slot + 1.minute();
    for name in others {
        eventually("the next start", LIMIT, || space.find_job(&job_name(name, next)));
    }
    throughout("Forbid is kept", std::time::Duration::from_secs(4), || {
        space.find_job(&job_name("helped", next)).is_none()
    });
    let reasons = reasons(&space, "helped");
    assert!(reasons.iter().any(|reason| reason == "JobAlreadyActive"), "{reasons:?}");
    assert!(!reasons.iter().any(|reason| reason == "UnexpectedJob"), "{reasons:?}");
    assert_eq!(
        writes(&space, &user),
        ["create jobs ", "patch cronjobs status"],
        "one start, one status"
    );
}
