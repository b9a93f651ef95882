//! The scheduler with the rights of a release: it starts what its mode is for, and nothing where a
//! right is missing or where it may not write.

use std::time::Duration;

use curfew::clock;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::helm::Helm;
use crate::release::{LIMIT, Release, lacks, was_content};
use crate::support::{
    api::Patch,
    control_plane::{self, ControlPlane},
    manifest::{Finish, cron_job, days_ago, finished, merged},
    namespace::Namespace,
    scheduling::{alone, job_name, second},
    sweeping::finished_job,
    wait::{eventually, throughout},
};

/// `Own` looks after all `CronJob`s of a cluster, so it has one for itself.
#[test]
fn own_starts_all_cronjobs_or_none() {
    let Some(helm) = Helm::find() else { return };
    if control_plane::shared().is_none() {
        return;
    }
    let plane: &'static ControlPlane =
        Box::leak(Box::new(ControlPlane::start().expect("another one can be started")));
    confined_it_starts_nothing(&helm, plane);
    let space = plane.namespace("owned");
    let values = ["rbac.delete=true", "rbac.create=true", "scheduler.forceOwn=true"];
    let release = Release::install(&helm, plane, "owner", &values);
    let policy = |days: i64| own(&space, days);
    let curfew = release.start(&policy(1));
    let first = due(&space, "first");
    eventually("a start is made", LIMIT, || started(&space, "first").then_some(()));
    eventually("and written down", LIMIT, || (written(&space, "first") > first).then_some(()));
    // Its history is kept short.
    space.patch_cron_job("first", &json!({"spec": {"successfulJobsHistoryLimit": 0}})).ok();
    let job = space.jobs()[0]["metadata"]["name"].as_str().unwrap().to_owned();
    let status = space.path(&format!("jobs/{job}/status"));
    plane.api.patch(Patch::Merge, &status, &finished(Finish::Complete, clock::now())).ok();
    eventually("its Job goes", LIMIT, || space.find_job(&job).is_none().then_some(()));
    was_content(&curfew);
    space.patch_cron_job("first", &json!({"spec": {"suspend": true}})).ok();

    let missing = || curfew.metric_with("curfew_missing_rights", "controller=\"scheduler\"");
    let create = "set rbac.create=true in the chart";
    let rows = [
        ("create", "jobs", "create jobs.batch", create),
        ("patch", "cronjobs/status", "patch cronjobs.batch/status", create),
        ("update", "cronjobs/finalizers", "update cronjobs.batch/finalizers", create),
        ("delete", "jobs", "delete jobs.batch", "set rbac.delete=true in the chart"),
        ("create", "events", "create events.events", "the chart always grants it"),
    ];
    for ((verb, resource, right, mend), round) in rows.into_iter().zip(1..) {
        release.take(verb, resource);
        curfew.set_policy(&[("policy.yaml", &policy(2 * round))]);
        eventually(&format!("it lacks {right}"), LIMIT, || {
            (missing() > 0.5 && lacks(&curfew, right, mend)).then_some(())
        });
        let (cronjob, old) = (format!("waits-{round}"), format!("old-{round}"));
        let last = due(&space, &cronjob);
        finished_job(&space, &old, Finish::Failed, days_ago(60), json!({}));
        if verb != "delete" {
            eventually("the sweeper works on", LIMIT, || {
                space.find_job(&old).is_none().then_some(())
            });
        }
        throughout("nothing is started", Duration::from_secs(1), || !started(&space, &cronjob));
        release.give_back(verb, resource);
        curfew.set_policy(&[("policy.yaml", &policy(2 * round + 1))]);
        eventually("it is started", LIMIT, || started(&space, &cronjob).then_some(()));
        eventually("and written down", LIMIT, || (written(&space, &cronjob) > last).then_some(()));
        // It would start again with the next minute.
        space.patch_cron_job(&cronjob, &json!({"spec": {"suspend": true}})).ok();
        eventually("the sweeper is done", LIMIT, || space.find_job(&old).is_none().then_some(()));
        // What is under way when the next right is taken would be refused. Of what was deleted
        // without the right to create Events nothing is told.
        if resource != "events" {
            eventually("all is told", LIMIT, || {
                [&cronjob, &old].iter().all(|name| release.events(&space, name) > 0).then_some(())
            });
        }
    }
    let refused: Vec<_> =
        release.calls(&space.name).into_iter().filter(|(.., code)| *code == 403).collect();
    assert_eq!(refused, []);
    drop(curfew);
    plane.stop();
}

/// The chart refuses these values; by hand, or with a `ConfigMap` that it does not know, they can be.
fn confined_it_starts_nothing(helm: &Helm, plane: &'static ControlPlane) {
    let (inside, outside) = (plane.namespace("own-inside"), plane.namespace("own-outside"));
    let namespaces = format!("rbac.namespaces={{{}}}", inside.name);
    let values = ["rbac.delete=true", "rbac.create=true", "scheduler.forceOwn=true", &namespaces];
    let release = Release::install(helm, plane, "contradicted", &values);
    for space in [&inside, &outside] {
        due(space, "due");
    }
    finished_job(&inside, "old", Finish::Failed, days_ago(60), json!({}));
    let curfew = release.start(&own(&inside, 1));
    eventually("the sweeper works", LIMIT, || inside.find_job("old").is_none().then_some(()));
    let why = format!("it writes only in {}", inside.name);
    eventually("the status says it", LIMIT, || {
        let status = release.status().stdout;
        let attention = format!("attention: scheduler.mode Own starts nothing: {why}");
        status.contains(&attention).then_some(())
    });
    throughout("nothing is started", Duration::from_secs(1), || {
        inside.jobs().is_empty() && outside.jobs().is_empty()
    });
    let log = curfew.process.log();
    let said = |line: &&str| line.contains("Own starts nothing") && line.contains(&why);
    assert_eq!(log.lines().filter(said).count(), 1, "{log}");
    was_content(&curfew);
    for space in [&inside, &outside] {
        plane.api.delete(&space.path("cronjobs/due")).ok();
    }
}

/// One with all rights, one that lacks a right, and one that is confined to two namespaces, of
/// which one is not bound: they wait for the same minute.
#[test]
fn backstop_starts_where_it_may() {
    let (Some(helm), Some(plane)) = (Helm::find(), control_plane::shared()) else { return };
    // Whoever owns would start everything.
    let _alone = alone();
    let space = |name: &str| plane.namespace(&format!("backstop-{name}"));
    let (helped, lacking) = (space("helped"), space("lacking"));
    let (inside, unbound, outside) = (space("inside"), space("unbound"), space("outside"));
    let system = Namespace::open(plane, "kube-system", &json!({}));
    let namespaces = format!("rbac.namespaces={{{},{}}}", inside.name, unbound.name);
    let full = Release::install(&helm, plane, "backstop", &["rbac.create=true"]);
    let less = Release::install(&helm, plane, "backstop-less", &["rbac.create=true"]);
    less.take("create", "jobs");
    let confined =
        Release::install(&helm, plane, "backstop-in", &["rbac.create=true", &namespaces]);
    confined.unbind(&unbound.name);
    let running = [("full", &full), ("less", &less), ("confined", &confined)]
        .map(|(label, release)| release.start(&backstop(label)));
    let spaces = [
        (&helped, "full"),
        (&lacking, "less"),
        (&inside, "confined"),
        (&unbound, "confined"),
        (&outside, "confined"),
        // That is for `Own`.
        (&system, "full"),
    ];
    let seen = clock::now();
    for (space, label) in spaces {
        let labels = json!({"metadata": {"labels": {"backstop": label}}});
        space.create(&cron_job("late", merged(labels, json!({"spec": minutely()})))).ok();
    }
    let [all, lack, some] = &running;
    eventually("it says what it lacks", LIMIT, || {
        let create = "set rbac.create=true in the chart";
        let binding = format!("create jobs.batch in namespace {}", unbound.name);
        let said = lacks(lack, "create jobs.batch in every namespace", create)
            && lacks(some, &binding, "the RoleBinding there is missing");
        said.then_some(())
    });
    // The first minute that all of them have seen begin, or the one after.
    let minute = Timestamp::from_second((seen.as_second() / 60 + 1) * 60).unwrap();
    for space in [&helped, &inside] {
        eventually("the start is made", Duration::from_secs(130), || {
            let slots = [minute, minute + 1.minutes()];
            slots
                .iter()
                .any(|slot| space.find_job(&job_name("late", *slot)).is_some())
                .then_some(())
        });
        eventually("and written down", LIMIT, || {
            (written(space, "late").as_str() >= second(minute).as_str()).then_some(())
        });
    }
    throughout("nothing else is", Duration::from_secs(2), || {
        [&lacking, &unbound, &outside].iter().all(|space| space.jobs().is_empty())
            && !started(&system, "late")
    });
    was_content(all);
    assert!(some.metric("curfew_missing_rights") > 0.5);
    for (space, _) in spaces {
        plane.api.delete(&space.path("cronjobs/late")).ok();
    }
    for (release, space) in
        [(&less, &lacking), (&confined, &unbound), (&confined, &outside), (&full, &system)]
    {
        assert_eq!(release.calls(&space.name), [], "{}", space.name);
    }
}

/// `Own`, and a sweeper for one namespace; another policy with each number of days.
fn own(space: &Namespace<'_>, days: i64) -> String {
    format!(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: test}}\nspec:\n  \
         stored: {{action: Report}}\n  scheduler: {{mode: Own, clusterTimeZone: UTC}}\n  rules:\n    \
         - {{name: here, match: {{namespaces: [{}]}}, ttl: {days}d, stored: Delete}}\n",
        space.name
    )
}

/// `Backstop` for `CronJob`s with a label.
fn backstop(label: &str) -> String {
    format!(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: test}}\nspec:\n  \
         scheduler: {{mode: Backstop, grace: 1s, clusterTimeZone: UTC, selector: \
         {{matchLabels: {{backstop: {label}}}}}}}\n"
    )
}

/// A `CronJob` that has missed some starts, and will start again with the next minute; gives its
/// last start.
fn due(space: &Namespace<'_>, name: &str) -> String {
    let last = second(clock::now() - 10.minutes());
    let suspended = merged(minutely(), json!({"suspend": true}));
    space.create(&cron_job(name, json!({"spec": suspended}))).ok();
    let path = space.path(&format!("cronjobs/{name}/status"));
    let status = json!({"status": {"lastScheduleTime": last}});
    space.plane.api.patch(Patch::Merge, &path, &status).ok();
    space.patch_cron_job(name, &json!({"spec": {"suspend": false}})).ok();
    last
}

fn minutely() -> Value {
    json!({"schedule": "* * * * *", "concurrencyPolicy": "Forbid"})
}

/// Whether there is a Job of a `CronJob`.
fn started(space: &Namespace<'_>, cronjob: &str) -> bool {
    space.jobs().iter().any(|job| job["metadata"]["ownerReferences"][0]["name"] == cronjob)
}

/// The last start that a `CronJob` tells of; as text, these are in order.
fn written(space: &Namespace<'_>, cronjob: &str) -> String {
    let status = space.cron_job(cronjob)["status"].clone();
    status["lastScheduleTime"].as_str().unwrap_or_default().to_owned()
}
