//! `curfew next` of what is stored.

use serde_json::{Value, json};

use super::User;
use crate::support::{
    control_plane,
    manifest::{cron_job, job},
};

fn starts(answer: &Value) -> Vec<&str> {
    let all = answer["starts"].as_array().expect("there are starts");
    all.iter().map(|start| start["utc"].as_str().expect("a start has a time")).collect()
}

#[test]
fn the_starts_of_a_stored_cronjob() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("next");
    let nightly = json!({"spec": {
        "schedule": "30 2 * * *", "timeZone": "Europe/Berlin", "suspend": true,
    }});
    space.create(&cron_job("nightly", nightly)).ok();
    // It counts from its creation, which only the API server knows.
    let every = space.create(&cron_job("every", json!({"spec": {"schedule": "@every 90m"}}))).ok();
    space.create(&job("import", json!({}))).ok();
    let user = User::admin(plane);
    let name = format!("cronjob/{}/nightly", space.name);

    let answer =
        user.run(&["next", &name, "-o", "json", "-c", "2", "--now", "2036-03-29T12:00:00Z"]);
    let answer = answer.code(0).json();
    assert_eq!(answer["object"], name.as_str());
    assert_eq!(answer["timeZone"], "Europe/Berlin");
    assert_eq!(answer["timeZoneFrom"], "spec.timeZone");
    assert_eq!(answer["suspended"], true);
    assert_eq!(starts(&answer), ["2036-03-31T00:30:00Z", "2036-04-01T00:30:00Z"]);
    assert_eq!(answer["skipped"][0]["local"], "2036-03-30T02:30:00");

    // As of the API server's clock.
    let answer = user.run(&["next", "cj/every", "-n", &space.name, "-o", "json", "-c", "1"]);
    let answer = answer.code(0).json();
    let created = every["metadata"]["creationTimestamp"].as_str().expect("it is created");
    let created: jiff::Timestamp = created.parse().expect("a creation is a time");
    assert_eq!(starts(&answer), [(created + jiff::SignedDuration::from_mins(90)).to_string()]);

    // Beside a schedule that needs no cluster, and as a table.
    let table = user.run(&["next", "0 0 1 1 *", "cj/nightly", "-n", &space.name]).code(0);
    assert!(table.stdout.contains("\"0 0 1 1 *\" in UTC, assumed"), "{table:?}");
    assert!(table.stdout.contains(&format!("\n{name}\n\"30 2 * * *\" in Europe/Berlin")));
    assert!(table.stdout.contains("suspended: nothing starts"), "{table:?}");

    let stored = |kind: &str, name: &str| format!("{kind}/{}/{name}", space.name);
    for (name, said) in [
        (stored("cronjob", "missing"), "missing is not there"),
        (stored("job", "import"), "a Job has no schedule"),
    ] {
        let ended = user.run(&["next", &name]).code(2);
        assert!(ended.stderr.contains(said), "{ended:?}");
    }
}
