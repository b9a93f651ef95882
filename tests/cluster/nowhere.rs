//! A Job and its namespace come before the webhook knows the namespace, whose labels decide. The Job
//! becomes ours; once the labels are known, the sweeper mends it, and nothing more.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{
    api::Patch,
    control_plane,
    manifest::{Finish, cron_job, days_ago, job},
    namespace::Namespace,
    registration::{self, Registration},
    scene::{record, template_record, ttl},
    sweeping::{LIMIT, Sweeping, finished_job},
    wait::{eventually, throughout},
};

#[test]
fn marked_mends_what_came_before_its_namespace_was_known() {
    let Some(plane) = control_plane::shared() else { return };
    let spaces = ["team", "kept", "silent"].map(|prefix| plane.namespace(prefix));
    for space in &spaces {
        label(space, &many(&json!("")));
    }
    let [space, kept, silent] = spaces;
    let text = policy(&[&space, &kept, &silent]);
    let sweeping = Sweeping::with_policy(space, &text, &[]);
    let space = &sweeping.space;
    sweeping.wait_for_leader();
    let webhooks = registration::curfew(&sweeping.curfew.endpoint());
    let _registration = Registration::new("curfew", &[space, &kept, &silent], &webhooks);
    for space in [space, &kept, &silent] {
        space.create(&job("runs", json!({}))).ok();
        finished_job(space, "done", Finish::Complete, days_ago(0), json!({}));
        finished_job(space, "failed", Finish::Failed, days_ago(0), json!({}));
        for name in ["runs", "done", "failed"] {
            assert_eq!(told(&space.job(name)), (Value::Null, claim()));
        }
        // Its own TTL needs no entry, nor does a CronJob: its Jobs come one by one.
        space.create(&job("own", json!({"spec": {"ttlSecondsAfterFinished": 7200}}))).ok();
        assert_eq!(told(&space.job("own")), (json!(7200), Value::Null));
        let made = space.create(&cron_job("daily", json!({}))).ok();
        assert_eq!((ttl(&made), template_record(&made)), (&Value::Null, Value::Null));
    }
    let waits = |name: &&str| told(&space.job(name)) == (Value::Null, claim());
    throughout("they wait", Duration::from_secs(2), || {
        ["runs", "done", "failed"].iter().all(waits)
    });

    // Now they are read.
    for (space, labels) in
        [(space, json!({"team": "a"})), (&kept, json!({"team": "kept"})), (&silent, json!({}))]
    {
        let mut all = many(&Value::Null);
        all.extend(labels.as_object().cloned().unwrap_or_default());
        label(space, &all);
    }
    for (name, seconds) in [("runs", 259_200), ("done", 3600), ("failed", 259_200)] {
        eventually(&format!("{name} is mended"), LIMIT, || {
            let expected = (json!(seconds), json!({"ttl": [seconds, null, "team-a"]}));
            (told(&space.job(name)) == expected).then_some(())
        });
    }
    assert_eq!(told(&space.job("own")), (json!(7200), Value::Null));
    for space in [&kept, &silent] {
        for name in ["runs", "done", "failed"] {
            eventually(&format!("{name} is nobody's"), LIMIT, || {
                (told(&space.job(name)) == (Value::Null, Value::Null)).then_some(())
            });
        }
    }
    throughout("nothing goes", Duration::from_secs(2), || {
        [space, &kept, &silent].iter().all(|space| space.jobs().len() == 4)
    });
}

fn told(job: &Value) -> (Value, Value) {
    (ttl(job).clone(), record(job))
}

fn claim() -> Value {
    json!({"ttl": [null, null, "unknown-namespace"]})
}

/// More labels than are read of a namespace, so that nobody knows any; all of one value.
fn many(value: &Value) -> serde_json::Map<String, Value> {
    (0..1001).map(|number| (format!("label-{number}"), value.clone())).collect()
}

fn label(space: &Namespace<'_>, labels: &serde_json::Map<String, Value>) {
    let path = format!("/api/v1/namespaces/{}", space.name);
    space.plane.api.patch(Patch::Merge, &path, &json!({"metadata": {"labels": labels}})).ok();
}

fn policy(spaces: &[&Namespace<'_>]) -> String {
    let names: Vec<&str> = spaces.iter().map(|space| space.name.as_str()).collect();
    format!(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: test}}\nspec:\n  \
         exempt: {{namespaceSelector: {{matchLabels: {{team: kept}}}}}}\n  \
         stored: {{action: Report, rate: 10000}}\n  rules:\n    \
         - {{name: here, match: {{namespaces: [{}]}}, stored: Marked}}\n    \
         - {{name: team-a, match: {{namespaceSelector: {{matchExpressions: [{{key: team, operator: \
         Exists}}]}}}}, ttl: {{onSuccess: 1h, onFailure: 3d}}}}\n",
        names.join(", ")
    )
}
