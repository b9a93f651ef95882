//! The example policy, row by row, as the API server stores it.

use serde_json::{Value, json};

use crate::support::{
    control_plane,
    curfew::Curfew,
    manifest::{cron_job, job, merged},
    namespace::Namespace,
    registration::{self, Registration},
    scene::{history, record, template_record, ttl},
};

/// One row of the table.
struct Row {
    namespace: &'static str,
    object: Value,
    ttl: Value,
    /// Whether the client is to be warned.
    warns: bool,
}

#[test]
fn the_table_of_the_example() {
    let Some(plane) = control_plane::shared() else { return };
    let names = ["team-a", "team-b", "sandbox-1", "istio-system", "elsewhere"];
    let spaces = names.map(|name| Namespace::open(plane, name, &json!({})));
    let curfew = Curfew::start(&plane.authority, include_str!("example.yaml"));
    let webhooks = registration::curfew(&curfew.endpoint());
    let _registration = Registration::new("example", &spaces.each_ref(), &webhooks);
    for row in rows() {
        let space = spaces.iter().find(|space| space.name == row.namespace).expect("listed");
        let name = format!("{}/{}", row.namespace, row.object["metadata"]["name"]);
        let reply = space.create(&row.object);
        assert_eq!(!reply.warnings.is_empty(), row.warns, "{name}: {:?}", reply.warnings);
        let stored = reply.ok();
        assert_eq!(ttl(&stored), &row.ttl, "{name}");
    }
    let team_b = &spaces[1];
    assert_eq!(ttl(&team_b.create(&cron_job("every", json!({}))).ok()), 0);
    let elsewhere = &spaces[4];
    let etl = json!({"spec": {"schedule": "0 2 * * *"}});
    let etl = elsewhere.create(&cron_job("daily-etl", etl)).ok();
    assert_eq!((ttl(&etl), history(&etl)), (&json!(172_800), (3, 1)));
    // As the CronJob controller would make it; `production` stands behind `daily-etl`.
    let template = &etl["spec"]["jobTemplate"]["metadata"]["annotations"];
    let child = job(
        "daily-etl-29454240",
        json!({
            "metadata": {
                "labels": {"environment": "production"},
                "annotations": template,
                "ownerReferences": [{
                    "apiVersion": "batch/v1", "kind": "CronJob", "name": "daily-etl",
                    "uid": etl["metadata"]["uid"], "controller": true,
                }],
            },
            "spec": {"ttlSecondsAfterFinished": ttl(&etl)},
        }),
    );
    let child = elsewhere.create(&child).ok();
    assert_eq!(ttl(&child), 172_800);
    assert_eq!(record(&child), template_record(&etl));
    assert_eq!(record(&child), json!({"ttl": [172_800, null, "daily-etl"]}));
}

fn rows() -> Vec<Row> {
    let environment = |value: &str| json!({"metadata": {"labels": {"environment": value}}});
    let hook = json!({"metadata": {"annotations": {"helm.sh/hook": "pre-upgrade"}}});
    let row = |namespace, name: &str, overlay: Value, ttl: Value, warns| Row {
        namespace,
        object: job(name, overlay),
        ttl,
        warns,
    };
    let wrote = |seconds: i64| json!({"spec": {"ttlSecondsAfterFinished": seconds}});
    vec![
        row("elsewhere", "dev", environment("dev"), json!(300), false),
        row("elsewhere", "staging", environment("staging"), json!(3600), false),
        row("elsewhere", "production", environment("production"), json!(86_400), false),
        row("elsewhere", "batch-processor-17", json!({}), json!(259_200), false),
        row("elsewhere", "no-match", json!({}), json!(86_400), false),
        row("elsewhere", "a-day", wrote(86_400), json!(86_400), false),
        row("elsewhere", "a-month", wrote(2_592_000), json!(604_800), true),
        row("elsewhere", "too-short", merged(environment("dev"), wrote(10)), json!(60), true),
        row("team-a", "plain", json!({}), json!(604_800), false),
        row("team-a", "dev", environment("dev"), json!(604_800), false),
        row("team-b", "plain", json!({}), json!(0), false),
        row("team-b", "hook", hook, json!(null), false),
        row("istio-system", "plain", json!({}), json!(null), false),
        row("sandbox-1", "a-day", wrote(86_400), json!(900), true),
    ]
}
