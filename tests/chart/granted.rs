//! The sweeper with the rights of a release: each setting of `stored` does its work with the least
//! values that allow it, and with one right less everything but that goes on.

use std::time::Duration;

use serde_json::json;

use crate::helm::Helm;
use crate::release::{LIMIT, Release, lacks, was_content};
use crate::support::{
    control_plane,
    manifest::{Finish, cron_job, days_ago, job},
    namespace::Namespace,
    scene::ttl,
    sweeping::{self, finished_job},
    wait::{eventually, throughout},
};

/// A setting of `stored`, the values that it needs, and what it writes: to `old`, which ended long ago
/// and has no TTL, to `ours`, which has not ended and has a TTL of an older policy of ours, and to
/// the `CronJob` `family`.
struct Setting {
    stored: &'static str,
    values: &'static [&'static str],
    writes: &'static [(&'static str, &'static str)],
}

/// The scheduler's `Observe`, which is on unless switched off, needs no more than `Report`.
#[test]
fn every_setting_of_stored_has_its_rights() {
    let (Some(helm), Some(plane)) = (Helm::find(), control_plane::shared()) else { return };
    let patch = &[("patch", "family"), ("patch", "old"), ("patch", "ours")];
    let delete = &[("delete", "old"), ("patch", "family"), ("patch", "ours")];
    let settings = [
        Setting { stored: "Report", values: &["rbac.patch=false"], writes: &[] },
        Setting { stored: "Marked", values: &[], writes: &[("patch", "ours")] },
        Setting { stored: "Patch", values: &[], writes: patch },
        Setting { stored: "Delete", values: &["rbac.delete=true"], writes: delete },
    ];
    // All at once: most of the time is waiting.
    let started = settings.map(|setting| {
        let release = format!("granted-{}", setting.stored.to_lowercase());
        let release = Release::install(&helm, plane, &release, setting.values);
        let space = plane.namespace("granted");
        old(&space, "old");
        of_ours(&space, "ours");
        space.create(&cron_job("family", json!({}))).ok();
        let rule = format!("{{ttl: 1d, stored: {}}}", setting.stored);
        let curfew = release.start(&sweeping::policy(&space.name, &rule));
        (setting, release, space, curfew)
    });
    for (Setting { stored, writes, .. }, release, space, curfew) in started {
        eventually(&format!("{stored} does its work"), LIMIT, || {
            let looked = ["curfew_stored_jobs", "curfew_cronjobs"];
            let looked = looked.iter().all(|metric| curfew.metric(metric) > 0.0);
            (looked && writes_of(&release, &space).len() >= writes.len()).then_some(())
        });
        let expected: Vec<_> = writes.iter().map(|(verb, name)| write(verb, name)).collect();
        assert_eq!(writes_of(&release, &space), expected, "{stored}");
        was_content(&curfew);
        assert_eq!(release.attention(), [""; 0], "{stored}");
        let deletes = writes.contains(&("delete", "old"));
        assert_eq!(release.events(&space, "old") > 0, deletes, "{stored}");
    }
}

#[test]
fn without_a_right_only_what_needs_it_waits() {
    let (Some(helm), Some(plane)) = (Helm::find(), control_plane::shared()) else { return };
    let release = Release::install(&helm, plane, "withheld", &["rbac.delete=true"]);
    let space = plane.namespace("withheld");
    let policy =
        |days: i64| sweeping::policy(&space.name, &format!("{{ttl: {days}d, stored: Delete}}"));
    let curfew = release.start(&policy(1));
    let missing = || curfew.metric_with("curfew_missing_rights", "controller=\"sweeper\"");
    let rows = [
        ("patch", "jobs", "set rbac.patch=true in the chart"),
        ("delete", "jobs", "set rbac.delete=true in the chart"),
        ("create", "events", "the chart always grants it"),
    ];
    for ((verb, resource, mend), round) in rows.into_iter().zip(1..) {
        release.take(verb, resource);
        // With another policy it is asked at once.
        curfew.set_policy(&[("policy.yaml", &policy(2 * round))]);
        eventually(&format!("it lacks {verb} {resource}"), LIMIT, || {
            let right = format!("{verb} {resource}.");
            (missing() > 0.5 && lacks(&curfew, &right, mend)).then_some(())
        });
        eventually("and the status says so", LIMIT, || {
            release.attention().iter().any(|line| line.contains(mend)).then_some(())
        });
        let (name, ours) = (format!("old-{round}"), format!("ours-{round}"));
        old(&space, &name);
        of_ours(&space, &ours);
        // Whether the one is deleted, and the other has the TTL of so many days.
        let done =
            |days: i64| (space.find_job(&name).is_none(), *ttl(&space.job(&ours)) == days * 86400);
        let expected = (verb != "delete", verb != "patch");
        eventually("other work goes on", LIMIT, || (done(2 * round) == expected).then_some(()));
        throughout("this does not", Duration::from_secs(1), || done(2 * round) == expected);
        assert!(resource != "events" || release.events(&space, &name) == 0);
        release.give_back(verb, resource);
        curfew.set_policy(&[("policy.yaml", &policy(2 * round + 1))]);
        eventually("it goes on", LIMIT, || {
            (done(2 * round + 1) == (true, true) && missing() < 0.5).then_some(())
        });
    }
    // Whoever asks first is never refused.
    let log = curfew.process.log();
    assert!(!log.contains("refused") && !log.contains("forbidden"), "{log}");
    assert!(release.calls(&space.name).iter().all(|(.., code)| *code != 403));
}

/// What the account has written in a namespace, in the order of verbs and names.
fn writes_of(release: &Release, space: &Namespace<'_>) -> Vec<(String, String, u64)> {
    let mut calls = release.calls(&space.name);
    calls.retain(|(verb, ..)| !["get", "list", "watch"].contains(&verb.as_str()));
    calls.sort();
    calls
}

/// A call that was answered well.
fn write(verb: &str, name: &str) -> (String, String, u64) {
    (verb.to_owned(), name.to_owned(), 200)
}

/// A Job that ended days ago.
fn old(space: &Namespace<'_>, name: &str) {
    finished_job(space, name, Finish::Failed, days_ago(30), json!({}));
}

/// A Job that has not ended, with a TTL that another policy of ours gave it.
fn of_ours(space: &Namespace<'_>, name: &str) {
    let record = json!({"ttl": [3600, null, "here"]}).to_string();
    let overlay = json!({
        "metadata": {"annotations": {"curfew.dev/applied": record}},
        "spec": {"ttlSecondsAfterFinished": 3600, "managedBy": "example.test/nobody"},
    });
    space.create(&job(name, overlay)).ok();
}
