//! Rights that are missing, taken away, and given.

use serde_json::{Value, json};

use super::soon;
use crate::support::{
    control_plane::{self, ControlPlane},
    manifest::{Finish, days_ago},
    sweeping::{self, Sweeping, finished_job, policy},
    wait::throughout,
};
use std::time::Duration;

/// It may do everything but delete Jobs: that is said once, and nothing is tried for ever.
#[test]
fn a_missing_right_is_said_once_and_waited_for() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("rights");
    old_jobs(&space, 0..JOBS);
    let lease = sweeping::lease_name();
    grant(
        plane,
        &lease,
        "all",
        &everything(&["get", "list", "watch", "create", "update", "patch"]),
    );
    // With a policy that needs no such right, none is missing yet.
    let report = policy(&space.name, "{ttl: 1h, stored: Report}");
    let sweeping = Sweeping::as_user(space, lease, None, &report, &[]);
    sweeping.wait_for_leader();
    soon("it has looked", || (sweeping.passes() > 1).then_some(()));
    assert!(sweeping.curfew.metric("curfew_missing_rights") < 0.5);
    sweeping.set_rule("{ttl: 1h, stored: Delete}");
    soon("it says what is missing", || {
        (sweeping.curfew.metric("curfew_missing_rights") > 0.5).then_some(())
    });
    throughout("nothing is deleted", Duration::from_secs(3), || {
        sweeping.space.jobs().len() == JOBS
    });
    assert_eq!(sweeping.called("delete"), Vec::<String>::new());
    let log = sweeping.curfew.process.log();
    let said = log.lines().filter(|line| line.contains("rbac.delete")).count();
    assert_eq!(said, 1, "{log}");
    let binding = grant(plane, &sweeping.lease, "delete", &everything(&["delete"]));
    // With another policy it is asked for at once.
    sweeping.set_rule("{ttl: 2h, stored: Delete}");
    soon("it goes on", || sweeping.space.jobs().is_empty().then_some(()));
    // The log is written after the answer.
    soon("each was deleted", || (sweeping.calls("delete").len() >= JOBS).then_some(()));
    assert_eq!(sweeping.calls("delete").len(), JOBS);
    // Taken away while it works: it finds out by trying.
    plane.api.delete(&binding).ok();
    old_jobs(&sweeping.space, 0..JOBS);
    soon("it says it again", || {
        (sweeping.curfew.metric("curfew_missing_rights") > 0.5).then_some(())
    });
    let tried = sweeping.calls("delete").len();
    assert!(tried <= 2 * JOBS, "{tried} calls for {JOBS} Jobs");
    throughout("there is no loop", Duration::from_secs(3), || {
        sweeping.calls("delete").len() == tried
    });
    assert_eq!(sweeping.space.jobs().len(), JOBS);
    let log = sweeping.curfew.process.log();
    assert_eq!(log.lines().filter(|line| line.contains("refused by the API server")).count(), 1);
    grant(plane, &sweeping.lease, "delete", &everything(&["delete"]));
    soon("it goes on again", || sweeping.space.jobs().is_empty().then_some(()));
}

/// What the brake remembers must be on the Lease before anything ends; where it cannot be written,
/// it is tried again at leisure.
#[test]
fn a_lease_that_cannot_be_written_keeps_everything() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("lease");
    old_jobs(&space, 0..JOBS);
    let lease = sweeping::lease_name();
    let verbs = ["get", "list", "watch", "create", "update", "patch", "delete"];
    let mut rules = everything(&verbs);
    rules[1]["verbs"] = json!(["get", "create", "update"]);
    grant(plane, &lease, "all-but-the-lease", &rules);
    let policy = policy(&space.name, "{ttl: 1h, stored: Delete}");
    let sweeping = Sweeping::as_user(space, lease, None, &policy, &[]);
    sweeping.wait_for_leader();
    throughout("nothing is deleted", Duration::from_secs(4), || {
        sweeping.space.jobs().len() == JOBS
    });
    let log = sweeping.curfew.process.log();
    let said = log.matches("could not be written to the Lease").count();
    assert!((1..20).contains(&said), "said {said} times");
    assert!(sweeping.passes() < 20, "looked {} times at everything", sweeping.passes());
    grant(plane, &sweeping.lease, "the-lease", &everything(&["patch"]));
    soon("it goes on", || sweeping.space.jobs().is_empty().then_some(()));
}

/// Somebody's admission policy keeps one Job from being deleted: the others go, and it is not tried
/// again and again.
#[test]
fn what_admission_refuses_is_left_for_a_while() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("locked");
    let admission = "/apis/admissionregistration.k8s.io/v1";
    let name = format!("{}.example.test", space.name);
    let policy = json!({
        "metadata": {"name": name},
        "spec": {
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": space.name}},
                "resourceRules": [{
                    "apiGroups": ["batch"],
                    "apiVersions": ["v1"],
                    "operations": ["DELETE"],
                    "resources": ["jobs"],
                }],
            },
            "validations": [{"expression": "oldObject.metadata.name != 'locked'"}],
        },
    });
    plane.api.post(&format!("{admission}/validatingadmissionpolicies"), &policy).ok();
    let binding = json!({
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    });
    plane.api.post(&format!("{admission}/validatingadmissionpolicybindings"), &binding).ok();
    finished_job(&space, "locked", Finish::Complete, days_ago(1), json!({}));
    soon("it is in force", || {
        let (path, body) = (space.path("jobs/locked"), br#"{"dryRun":["All"]}"#.to_vec());
        let reply = plane.api.call("DELETE", &path, "application/json", body);
        (reply.status != 200).then_some(())
    });
    old_jobs(&space, 0..JOBS);
    let sweeping = Sweeping::over(space, "{ttl: 1h, stored: Delete}");
    soon("the others are gone", || (sweeping.space.jobs().len() == 1).then_some(()));
    throughout("there is no loop", Duration::from_secs(3), || {
        sweeping.called("delete").iter().filter(|name| *name == "locked").count() == 1
    });
}

fn old_jobs(space: &crate::support::namespace::Namespace<'_>, numbers: std::ops::Range<usize>) {
    for number in numbers {
        finished_job(space, &format!("old-{number}"), Finish::Failed, days_ago(1), json!({}));
    }
}

/// What curfew touches, with these verbs, as rules of a `ClusterRole`.
pub(super) fn everything(verbs: &[&str]) -> Value {
    let rule = |group: &str, resources: &[&str]| json!({"apiGroups": [group], "resources": resources, "verbs": verbs});
    json!([
        rule("batch", &["jobs", "cronjobs"]),
        rule("coordination.k8s.io", &["leases"]),
        rule("events.k8s.io", &["events"]),
        rule("admissionregistration.k8s.io", &["mutatingwebhookconfigurations"]),
    ])
}

/// Grants a user something everywhere; gives the path of the binding.
#[track_caller]
pub(super) fn grant(plane: &ControlPlane, user: &str, what: &str, rules: &Value) -> String {
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    let name = format!("{user}-{what}");
    let role = json!({"metadata": {"name": name}, "rules": rules});
    let reply = plane.api.post(&format!("{rbac}/clusterroles"), &role);
    assert!([201, 409].contains(&reply.status), "{}", reply.body);
    let binding = json!({
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        "subjects": [{"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}],
    });
    plane.api.post(&format!("{rbac}/clusterrolebindings"), &binding).ok();
    format!("{rbac}/clusterrolebindings/{name}")
}

const JOBS: usize = 20;
