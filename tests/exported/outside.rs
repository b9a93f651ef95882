//! What stands beside the comparison with the webhook: updates, records that are there already, and
//! an API server that asks twice.

use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    export::{Installed, exported},
    plane,
    support::{
        manifest::{cron_job, job},
        registration::{self, Registration},
        scene::{record, template_record, ttl},
        stub::Stub,
    },
};

const POLICY: &str = "
apiVersion: curfew.dev/v1alpha1
kind: JobPolicy
metadata: {name: outside}
spec:
  rules:
    - {name: everybody, ttl: 5m, history: {successful: 1, failed: 0}, enforce: true}
";

const LEFT_OPEN: &str = "
apiVersion: curfew.dev/v1alpha1
kind: JobPolicy
metadata: {name: open}
spec:
  defaults:
    ttl: {onSuccess: 5m, onFailure: unset}
    deadlines: {active: 1h}
    history: {failed: 5}
";

#[test]
fn an_update_is_left_as_it_is() {
    let Some((plane, _alone)) = plane() else { return };
    let space = plane.namespace("outside");
    let export = exported(plane, POLICY).expect("it writes");
    let _installed = Installed::new(plane, &export, &space);
    let created = space.create(&job("one", json!({}))).ok();
    assert_eq!(ttl(&created), 300);
    assert_eq!(record(&created), json!({"ttl": [300, null, "everybody"]}));
    for wrote in [json!(77), json!(null)] {
        let patch = json!({"spec": {"ttlSecondsAfterFinished": wrote}});
        let stored = space.patch_job("one", &patch).ok();
        assert_eq!((ttl(&stored), record(&stored)), (&wrote, record(&created)));
    }
}

#[rstest]
#[case::a_job(job("one", record_in(wrote(7))))]
#[case::a_cron_job(cron_job("one", record_in(json!({}))))]
#[case::a_template(cron_job("one", json!({"spec": {"jobTemplate": record_in(wrote(7))}})))]
fn a_forged_record_gains_nothing(#[case] object: Value) {
    let Some((plane, _alone)) = plane() else { return };
    let space = plane.namespace("outside");
    let export = exported(plane, POLICY).expect("it writes");
    let _installed = Installed::new(plane, &export, &space);
    let stored = space.dry_run(&object).ok();
    assert_eq!(ttl(&stored), 300);
    let record = if object["kind"] == "Job" { record(&stored) } else { template_record(&stored) };
    assert_eq!(record, json!({"ttl": [300, ttl(&object), "everybody"]}));
}

/// A webhook that changes something makes the API server ask again.
#[rstest]
#[case::a_job(job("one", json!({})))]
#[case::a_cron_job(cron_job("one", json!({})))]
#[case::a_job_with_annotations(job("one", json!({"metadata": {"annotations": {"a": "b"}}})))]
fn asked_again_it_changes_nothing(#[case] object: Value) {
    let Some((plane, _alone)) = plane() else { return };
    let space = plane.namespace("outside");
    let export = exported(plane, LEFT_OPEN).expect("it writes");
    let _installed = Installed::new(plane, &export, &space);
    let once = space.dry_run(&object).ok();
    let stub = Stub::answering(&plane.authority, |_| {
        vec![json!({"op": "add", "path": "/spec/suspend", "value": true})]
    });
    let webhooks = registration::curfew(&stub.endpoint());
    let _registration = Registration::new("stub", &[&space], &webhooks);
    let again = space.dry_run(&object).ok();
    assert_eq!(again["spec"]["suspend"], true);
    assert!(record(&once)["deadlines.active"].is_array(), "{}", record(&once));
    assert_eq!(record(&again), record(&once));
    assert_eq!(template_record(&again), template_record(&once));
}

fn wrote(ttl: i64) -> Value {
    json!({"spec": {"ttlSecondsAfterFinished": ttl}})
}

fn record_in(mut object: Value) -> Value {
    object["metadata"]["annotations"]["curfew.dev/applied"] = r#"{"ttl":[7,null,"old"]}"#.into();
    object
}
