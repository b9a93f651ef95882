//! What every export says that it does not do, it leaves exactly as it is.

use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    export::{Installed, exported},
    plane,
    support::{
        manifest::{cron_job, job},
        scene::{record, ttl},
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

#[test]
fn an_update_is_left_as_it_is() {
    let Some((plane, _alone)) = plane() else { return };
    let space = plane.namespace("outside");
    let export = exported(POLICY).expect("it writes");
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
#[case::a_job(job("one", record_in(json!({"spec": {"ttlSecondsAfterFinished": 7}}))))]
#[case::a_cron_job(cron_job("one", record_in(json!({}))))]
#[case::a_template(cron_job("one", json!({"spec": {"jobTemplate": record_in(json!({}))}})))]
fn what_carries_a_record_is_left_as_it_is(#[case] object: Value) {
    let Some((plane, _alone)) = plane() else { return };
    let space = plane.namespace("outside");
    let plain = space.dry_run(&object).ok();
    let export = exported(POLICY).expect("it writes");
    let _installed = Installed::new(plane, &export, &space);
    let stored = space.dry_run(&object).ok();
    assert_eq!(stored["spec"]["jobTemplate"], plain["spec"]["jobTemplate"]);
    for path in [
        "/metadata/annotations",
        "/spec/ttlSecondsAfterFinished",
        "/spec/successfulJobsHistoryLimit",
    ] {
        assert_eq!(stored.pointer(path), plain.pointer(path), "{path}");
    }
}

fn record_in(mut object: Value) -> Value {
    object["metadata"]["annotations"]["curfew.dev/applied"] = r#"{"ttl":[7,null,"old"]}"#.into();
    object
}
