//! A TTL by outcome: we settle it, the built-in controller deletes.

use serde_json::json;

use super::soon;
use crate::support::{
    control_plane,
    manifest::{Finish, days_ago, job},
    scene::{record, ttl},
    sweeping::Sweeping,
};

#[test]
fn success_and_failure_each_have_their_ttl() {
    let Some(plane) = control_plane::staffed() else { return };
    let space = plane.namespace("outcome");
    let rule = "{ttl: {onSuccess: 5s, onFailure: 1h}, stored: Marked}";
    let sweeping = Sweeping::over(space, rule);
    sweeping.wait_for_leader();
    let space = &sweeping.space;
    // As admission writes them: the larger side.
    let admitted = json!({
        "metadata": {"annotations": {"curfew.dev/applied": r#"{"ttl":[3600,null,"here"]}"#}},
        "spec": {"ttlSecondsAfterFinished": 3600, "managedBy": "example.test/nobody"},
    });
    let finish = jiff::Timestamp::from_second(days_ago(0).as_second() - 1).expect("it is a time");
    for (name, how) in [("good", Finish::Complete), ("bad", Finish::Failed)] {
        space.create(&job(name, admitted.clone())).ok();
        space.finish_job(name, how, finish);
    }
    let settled = soon("the TTL of a success is written", || {
        space.find_job("good").filter(|job| *ttl(job) == 5)
    });
    assert_eq!(record(&settled), json!({"ttl": [5, null, "here"]}));
    soon("it is gone", || space.find_job("good").is_none().then_some(()));
    assert!((curfew::clock::now() - finish).get_seconds() >= 5, "not before its time");
    let bad = space.job("bad");
    assert_eq!((ttl(&bad), record(&bad)), (&json!(3600), json!({"ttl": [3600, null, "here"]})));
    assert_eq!(sweeping.called("patch"), ["good"]);
    assert_eq!(sweeping.called("delete"), Vec::<String>::new());
    let deleted = plane.audit.of(&space.name).into_iter().find(|call| call["verb"] == "delete");
    let who = deleted.expect("somebody did")["user"]["username"].clone();
    assert_eq!(who, "system:serviceaccount:kube-system:ttl-after-finished-controller");
}
