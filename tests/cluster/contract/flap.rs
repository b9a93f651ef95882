//! Point 8: somebody who keeps reverting us.

use std::time::Duration;

use curfew::sweeper::brake::Approval;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{events, names, soon};
use crate::support::{
    control_plane,
    manifest::{Finish, days_ago, job},
    scene::ttl,
    sweeping::{Sweeping, finished_job},
    wait::throughout,
};

#[test]
fn three_reverts_are_enough() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("flap");
    let theirs = json!({"spec": {
        "ttlSecondsAfterFinished": 86_400,
        "managedBy": "example.test/nobody",
    }});
    for name in ["quarrel", "peace"] {
        space.create(&job(name, theirs.clone())).ok();
    }
    let sweeping = Sweeping::over(space, "{ttl: 1h, enforce: true, stored: Delete}");
    let space = &sweeping.space;
    for round in 0..3 {
        soon(&format!("it is ours in round {round}"), || {
            (*ttl(&space.job("quarrel")) == 3600).then_some(())
        });
        space.patch_job("quarrel", &theirs).ok();
    }
    let reverted = |event: &Value| event["reason"] == "Reverted" && event["type"] == "Warning";
    soon("it is told", || events(space, "Job", "quarrel").iter().any(reverted).then_some(()));
    throughout("it is left alone", Duration::from_secs(3), || {
        *ttl(&space.job("quarrel")) == 86_400
    });
    assert_eq!(ttl(&space.job("peace")), 3600);
    let patched = sweeping.called("patch");
    assert_eq!(patched.iter().filter(|name| *name == "quarrel").count(), 3, "{patched:?}");
    assert_eq!(sweeping.curfew.process.log().matches("keeps reverting").count(), 1);
    // A request on the Lease makes it look at everything.
    sweeping.set_note(Approval::REQUEST, &json!("no plan"));
    soon("it is counted", || {
        let (_, metrics) = sweeping.curfew.admin("/metrics")?;
        metrics.contains("curfew_stored_jobs{state=\"flapping\"} 1\n").then_some(())
    });
    // What the policy says is enforced by deletion.
    for name in ["quarrel", "peace"] {
        space.finish_job(name, Finish::Complete, days_ago(0) - SignedDuration::from_hours(2));
    }
    soon("it is gone", || names(space).is_empty().then_some(()));
}

/// A hold that its owner moves again and again makes us write again and again: nobody reverts
/// anything, and what the watch shows of our own writes must not look like it.
#[test]
fn our_own_writes_are_no_reverts() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("moved");
    let finish = days_ago(0) - SignedDuration::from_secs(60);
    let spec = json!({"spec": {"ttlSecondsAfterFinished": 3600}});
    finished_job(&space, "one", Finish::Complete, finish, spec);
    let sweeping = Sweeping::over(space, "{ttl: 1h, stored: Marked}");
    let space = &sweeping.space;
    for round in 2..20_i64 {
        let until = finish + SignedDuration::from_hours(round);
        let until = until.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let hold = json!({"metadata": {"annotations": {"curfew.dev/hold-until": until}}});
        space.patch_job("one", &hold).ok();
        soon(&format!("the TTL covers {round} hours"), || {
            (*ttl(&space.job("one")) == round * 3600).then_some(())
        });
    }
    assert_eq!(events(space, "Job", "one"), Vec::<Value>::new());
}
