//! `curfew explain` of what is stored.

use jiff::ToSpan;
use serde_json::{Value, json};

use super::{User, child_of, finished_at};
use crate::support::{
    control_plane,
    manifest::{cron_job, job},
};

fn deadline<'v>(explained: &'v Value, what: &str) -> &'v Value {
    let all = explained["deadlines"].as_array().expect("there are deadlines");
    all.iter().find(|one| one["what"] == what).unwrap_or_else(|| panic!("{what}: {explained:#}"))
}

#[test]
fn a_live_job_with_everything_that_ends_it() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("explain");
    let labels = json!({"metadata": {"labels": {"keep": "yes"}}});
    let nightly = space.create(&cron_job("nightly", labels)).ok();
    let now = curfew::clock::now();
    for (name, days) in [("nightly-1", 9), ("nightly-2", 8), ("nightly-3", 7)] {
        finished_at(&space, name, now - (days * 24).hours(), &child_of(&nightly));
    }
    finished_at(
        &space,
        "old",
        now - (9 * 24).hours(),
        &json!({"spec": {"ttlSecondsAfterFinished": 5}}),
    );
    space.create(&job("running", json!({"spec": {"activeDeadlineSeconds": 60}}))).ok();
    let user = User::admin(plane);
    let explain = |name: &str| {
        let name = name.replace("NS", &space.name);
        user.run(&["explain", &name, "--policy", "policy.yaml", "-o", "json"]).code(0).json()
    };
    // Judged by its CronJob, which is read from the cluster, and by no manifest.
    let child = explain("job/NS/nightly-1");
    assert_eq!(child["operation"], "stored");
    assert_eq!(child["settings"][0]["by"], "keep");
    assert_eq!(child["sweeper"]["stored"], "Delete");
    assert_eq!(child["sweeper"]["does"][0]["action"], "wait");
    assert_eq!(
        deadline(&child, "history")["text"],
        "CronJob nightly keeps 3 successful Jobs, and of nightly-1 there are 2 newer ones"
    );
    assert_eq!(child["earliest"], deadline(&child, "ttl by policy")["at"]);

    let old = explain("job/NS/old");
    assert_eq!(old["sweeper"]["does"][0]["action"], "delete");
    assert_eq!(old["sweeper"]["does"][0]["why"], "its TTL is over");
    let running = explain("job/NS/running");
    assert_eq!(running["sweeper"]["does"][0]["action"], "patch");
    assert_eq!(deadline(&running, "activeDeadline")["ends"], true);
    let cronjob = explain("cronjob/NS/nightly");
    assert_eq!(cronjob["object"], "cronjob/nightly");
    assert_eq!(cronjob["sweeper"]["does"][0]["action"], "patch");

    let table = user.run(&[
        "explain",
        "job/old",
        "cj/nightly",
        "-n",
        &space.name,
        "--policy",
        "policy.yaml",
    ]);
    let table = table.code(0).stdout;
    assert!(table.contains("SWEEPER   AT   WHY\ndelete    -    its TTL is over\n"), "{table}");
    assert!(table.contains("cronjob/nightly in namespace"), "{table}");
    for (arguments, said) in [
        (&["job/missing"][..], "is not there"),
        (&["job/old", "-f", "x.yaml"], "cannot be used with"),
        (&[], "required"),
    ] {
        let arguments = [&["explain", "--policy", "policy.yaml", "-n", &space.name], arguments];
        let ended = user.run(&arguments.concat()).code(2);
        assert!(ended.stderr.contains(said), "{ended:?}");
    }
}
