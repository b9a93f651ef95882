//! Bad input on stored objects: what nobody can make sense of lives.

use std::time::Duration;

use jiff::ToSpan;
use serde_json::{Value, json};

use super::{canary, names, soon};
use crate::support::{
    api::Patch,
    control_plane,
    manifest::{Finish, days_ago, job},
    scene::{record, ttl},
    sweeping::{Sweeping, finished_job},
    wait::throughout,
};

/// What a Job looks like that finished two hours ago, and whether a TTL of an hour ends it. A
/// condition without a `lastTransitionTime` is not here: the API server stores none.
#[test]
fn what_makes_no_sense_lives() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("bad-input");
    let two_hours_ago = days_ago(0) - 2.hours();
    let mut expected = Vec::new();
    for (name, overlay, goes) in finished() {
        finished_job(&space, name, Finish::Complete, two_hours_ago, overlay);
        if !goes {
            expected.push(name.to_owned());
        }
    }
    for (name, conditions) in unfinished() {
        let spec =
            json!({"spec": {"ttlSecondsAfterFinished": 0, "managedBy": "example.test/nobody"}});
        space.create(&job(name, spec)).ok();
        let path = space.path(&format!("jobs/{name}/status"));
        let status = json!({"status": {"startTime": OLD, "conditions": conditions}});
        plane.api.patch(Patch::Merge, &path, &status).ok();
        expected.push(name.to_owned());
    }
    // By somebody's clock, they finish in an hour, and in some seconds.
    let zero = json!({"spec": {"ttlSecondsAfterFinished": 0}});
    finished_job(&space, "future", Finish::Failed, days_ago(0) + 1.hour(), zero);
    expected.push("future".to_owned());
    expected.sort();
    let sweeping = Sweeping::over(space, "{ttl: 1h, stored: Delete}");
    let space = &sweeping.space;
    soon("the others are gone", || (names(space) == expected).then_some(()));
    let zero = json!({"spec": {"ttlSecondsAfterFinished": 0}});
    let soon_finished = days_ago(0) + 4.seconds();
    finished_job(space, "future-soon", Finish::Failed, soon_finished, zero);
    soon("its time comes", || space.find_job("future-soon").is_none().then_some(()));
    assert!((curfew::clock::now() - soon_finished).get_milliseconds() >= -1000, "and not before");
    canary(&sweeping, "canary");
    throughout("they stay", Duration::from_secs(1), || names(space) == expected);
    let held = space.job("hold-unreadable");
    assert_eq!((ttl(&held), &record(&held)["ttl"][2]), (&json!(604_800), &json!("hold")));
    assert!(sweeping.curfew.metric("curfew_undecodable_objects") < 0.5);
}

/// Finished two hours ago, and whether that is long enough.
fn finished() -> Vec<(&'static str, Value, bool)> {
    let with = |ttl: Value, key: &str, value: &str| {
        json!({
            "metadata": {"annotations": {key: value}},
            "spec": {"ttlSecondsAfterFinished": ttl},
        })
    };
    let applied = |ttl: Value, value: &str| with(ttl, "curfew.dev/applied", value);
    let hold = |value: &str| with(json!(3600), "curfew.dev/hold-until", value);
    vec![
        // Not readable: it says nothing.
        ("applied-empty", applied(json!(null), ""), true),
        ("applied-long", applied(json!(60), &"9".repeat(2000)), true),
        ("applied-no-json", applied(json!(null), "yes, please"), true),
        ("applied-other-type", applied(json!(86_400), "[1, 2, 3]"), false),
        ("applied-negative", applied(json!(86_400), r#"{"ttl":[86400,-1,"x"]}"#), false),
        // Forged: no more than to write the original openly.
        ("forged-for-ever", applied(json!(60), r#"{"ttl":[60,2147483647,"x"]}"#), false),
        ("forged-short", applied(json!(86_400), r#"{"ttl":[86400,0,"x"]}"#), true),
        ("forged-void", applied(json!(86_400), r#"{"ttl":[60,0,"x"]}"#), false),
        ("hold-ancient", hold("1970-01-01T00:00:00Z"), true),
        ("hold-eternal", hold("9999-12-31T23:59:59Z"), false),
        ("hold-unreadable", hold("when I am back"), false),
        ("hold-without-zone", hold("2999-01-01T00:00:00"), false),
        ("largest", json!({"spec": {"ttlSecondsAfterFinished": 2_147_483_647}}), false),
    ]
}

/// Not finished, whatever they say.
fn unfinished() -> Vec<(&'static str, Value)> {
    let condition = |kind: &str, status: &str| json!({"type": kind, "status": status, "lastProbeTime": OLD, "lastTransitionTime": OLD});
    vec![
        ("no-conditions", json!([])),
        ("own-condition", json!([condition("example.test/Done", "True")])),
        ("lower-case", json!([condition("complete", "True")])),
        ("unknown-status", json!([condition("Failed", "Unknown")])),
    ]
}

const OLD: &str = "2020-01-01T00:00:00Z";
