//! The sweeper of a release whose rights to write hold in some namespaces: there it works, and
//! elsewhere it looks.

use std::time::Duration;

use serde_json::json;

use crate::helm::Helm;
use crate::release::{LIMIT, Release, lacks, was_content};
use crate::support::{
    api::Patch,
    control_plane,
    curfew::Curfew,
    manifest::{Finish, days_ago},
    namespace::Namespace,
    sweeping::finished_job,
    wait::{eventually, throughout},
};

#[test]
fn nothing_is_written_elsewhere() {
    let (Some(helm), Some(plane)) = (Helm::find(), control_plane::shared()) else { return };
    let (inside, outside) = (plane.namespace("inside"), plane.namespace("outside"));
    // More than the brake lets pass, had they to go, and one that hangs, which is told in an Event
    // where that may be written.
    for number in 0..4 {
        old(&outside, &format!("old-{number}"));
        old(&outside, &format!("late-{number}"));
    }
    hang(&outside, "stuck");
    hang(&inside, "stuck");
    old(&inside, "old");
    let values = ["rbac.delete=true", &format!("rbac.namespaces={{{}}}", inside.name)];
    let release = Release::install(&helm, plane, "confined", &values);
    let policy = policy(&[&inside, &outside], 2);
    let mut curfew = release.start(&policy);
    eventually("what is inside goes", LIMIT, || {
        let told = release.events(&inside, "stuck") > 0;
        (inside.find_job("old").is_none() && told).then_some(())
    });
    eventually("what is outside is shown", LIMIT, || (read_only(&curfew) > 3.5).then_some(()));
    // New ones, too, and those that only new labels of the namespace make due.
    old(&outside, "young");
    let labels = json!({"metadata": {"labels": {"example.test/swept": "yes"}}});
    let path = format!("/api/v1/namespaces/{}", outside.name);
    plane.api.patch(Patch::Merge, &path, &labels).ok();
    old(&inside, "young");
    eventually("the young one inside goes", LIMIT, || {
        inside.find_job("young").is_none().then_some(())
    });
    eventually("what the labels make due is shown", LIMIT, || {
        (read_only(&curfew) > 8.5).then_some(())
    });
    throughout("nothing outside goes", Duration::from_secs(2), || outside.jobs().len() == 10);
    assert_eq!(release.calls(&outside.name), []);
    assert_eq!(release.events(&outside, "stuck"), 0);
    // The brake does not count it, not even for a moment.
    assert!(curfew.metric("curfew_stored_brake") < 0.5);
    assert!(!curfew.process.log().contains("finished Jobs at once"));
    was_content(&curfew);
    let status = release.status().stdout;
    let fact = format!("writes                    only in {}", inside.name);
    assert!(status.contains(&fact) && status.contains("read-only"), "{status}");
    assert!(status.contains("missing rights            none"), "{status}");
    assert_eq!(release.attention(), [""; 0]);

    // Where it was confined, the policy was accepted; whoever lifts that is asked again.
    curfew.process.signal("TERM");
    curfew.process.wait(LIMIT).expect("it ends");
    let curfew = release.start_everywhere(&policy);
    eventually("the brake is on", LIMIT, || {
        (curfew.metric("curfew_stored_brake") > 8.5).then_some(())
    });
    throughout("nothing goes", Duration::from_secs(1), || outside.jobs().len() == 10);
}

/// As after a namespace was removed and made anew: nobody has bound anything there.
#[test]
fn a_namespace_without_its_binding_waits_alone() {
    let (Some(helm), Some(plane)) = (Helm::find(), control_plane::shared()) else { return };
    let (bound, unbound) = (plane.namespace("bound"), plane.namespace("unbound"));
    let namespaces = format!("rbac.namespaces={{{},{}}}", bound.name, unbound.name);
    let release = Release::install(&helm, plane, "unbound", &["rbac.delete=true", &namespaces]);
    release.unbind(&unbound.name);
    old(&bound, "old");
    old(&unbound, "old");
    let curfew = release.start(&policy(&[&bound, &unbound], 200));
    eventually("the bound one is swept", LIMIT, || bound.find_job("old").is_none().then_some(()));
    let right = format!("delete jobs.batch in namespace {}", unbound.name);
    let mend = "the RoleBinding there is missing";
    eventually("it says what is missing", LIMIT, || lacks(&curfew, &right, mend).then_some(()));
    assert!(!lacks(&curfew, &format!("in namespace {}\"", bound.name), ""));
    eventually("and so does the status", LIMIT, || {
        release.attention().iter().any(|line| line.contains(&right)).then_some(())
    });
    old(&bound, "another");
    eventually("it works on", LIMIT, || bound.find_job("another").is_none().then_some(()));
    assert!(unbound.find_job("old").is_some());
    release.bind(&unbound.name);
    // It is asked again now and then, and at once with another policy.
    curfew.set_policy(&[("policy.yaml", &policy(&[&bound, &unbound], 100))]);
    eventually("the other one is swept", LIMIT, || unbound.find_job("old").is_none().then_some(()));
    eventually("nothing is missing", LIMIT, || {
        (curfew.metric("curfew_missing_rights") < 0.5).then_some(())
    });
    assert!(release.calls(&unbound.name).iter().all(|(.., code)| *code != 403));
}

/// What is in these namespaces is deleted a day after its end, or an hour where the namespace has a
/// label; `late` Jobs without it much later. Nothing is elsewhere.
fn policy(spaces: &[&Namespace<'_>], at_most: u32) -> String {
    let names: Vec<&str> = spaces.iter().map(|space| space.name.as_str()).collect();
    let names = names.join(", ");
    format!(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: test}}\nspec:\n  \
         stored: {{action: Report, brake: {{atMost: {at_most}}}}}\n  rules:\n    \
         - {{name: labelled, match: {{namespaces: [{names}], \
         namespaceSelector: {{matchLabels: {{example.test/swept: \"yes\"}}}}}}, ttl: 1h, \
         stored: Delete}}\n    \
         - {{name: late, match: {{namespaces: [{names}], names: [\"late-*\"]}}, ttl: 90d, \
         stored: Delete}}\n    \
         - {{name: here, match: {{namespaces: [{names}]}}, ttl: 1d, stored: Delete}}\n"
    )
}

/// A Job that ended days ago.
fn old(space: &Namespace<'_>, name: &str) {
    finished_job(space, name, Finish::Complete, days_ago(30), json!({}));
}

/// A Job that a finalizer has kept from being deleted for long.
fn hang(space: &Namespace<'_>, name: &str) {
    let mut job = crate::support::manifest::job(
        name,
        json!({"metadata": {
            "namespace": space.name, "uid": format!("00000000-0000-4000-8000-{:012}", space.name.len()),
            "creationTimestamp": "2026-11-01T00:00:00Z", "finalizers": ["example.test/archive"],
            "deletionTimestamp": "2026-11-01T00:00:00Z", "deletionGracePeriodSeconds": 0,
        }}),
    );
    job["spec"]["template"]["spec"]["restartPolicy"] = json!("Never");
    space.plane.store(&job);
}

/// How many Jobs are left alone for where they are.
fn read_only(curfew: &Curfew) -> f64 {
    curfew.metric_with("curfew_stored_jobs", "state=\"read-only\"")
}
