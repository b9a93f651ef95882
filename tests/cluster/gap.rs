//! Jobs that the webhook should have seen, counted when it is out of reach; and no others.

use std::time::Duration;

use serde_json::json;

use crate::support::{
    control_plane,
    manifest::job,
    registration::{self, Registration},
    stub::Stub,
    sweeping::Sweeping,
    wait::eventually,
};

#[test]
fn what_comes_while_the_webhook_is_away_is_counted() {
    let Some(plane) = control_plane::shared() else { return };
    let (inside, outside) = (plane.namespace("gap"), plane.namespace("beyond"));
    let policy = format!(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: test}}\nspec:\n  \
         stored: {{action: Report}}\n  rules:\n    \
         - {{name: here, match: {{namespaces: [{}, {}]}}, ttl: 7d}}\n",
        inside.name, outside.name
    );
    // Nobody listens there any more.
    let endpoint = Stub::echo(&plane.authority).endpoint();
    let registered =
        Registration::without_waiting("gap", &[&inside], &registration::curfew(&endpoint));
    let sweeping = Sweeping::with_policy(inside, &policy, &["--webhook-name", &registered.name]);
    sweeping.wait_for_leader();
    let gap = || sweeping.curfew.metric("curfew_admission_gap_total");
    sweeping.space.create(&job("too-soon", json!({}))).ok();
    // A policy that is younger than three minutes need not have reached every replica.
    std::thread::sleep(Duration::from_secs(185));
    assert!(gap() < 0.5);

    // Beside the namespaces of the registration nobody would have asked us.
    outside.create(&job("of-others", json!({}))).ok();
    // What the policy writes nothing to is no loss.
    let kept = json!({"spec": {"ttlSecondsAfterFinished": 9}});
    sweeping.space.create(&job("with-its-own", kept)).ok();
    for number in 0..3 {
        sweeping.space.create(&job(&format!("missed-{number}"), json!({}))).ok();
    }
    eventually("they are counted", Duration::from_secs(60), || (gap() > 2.5).then_some(()));
    std::thread::sleep(Duration::from_secs(2));
    assert!(gap() < 3.5, "{}", gap());
    let log = sweeping.curfew.process.log();
    assert_eq!(log.matches("created while the webhook was away").count(), 3, "{log}");
}
