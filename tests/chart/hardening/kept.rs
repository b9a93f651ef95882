//! What the policy keeps, as far as the API server can see it: exemptions and holds.

use serde_json::{Value, json};

use super::account::{Account, allowed, refused, scene};
use crate::support::{
    manifest::{Finish, cron_job, days_ago, job, merged},
    namespace::Namespace,
    sweeping::finished_job,
};

/// What shows that something is exempt, and whether it is.
struct Row {
    what: &'static str,
    labels: Value,
    exempt: bool,
}

#[test]
fn what_is_exempt_lives_no_shorter() {
    let Some((account, space)) = keeper("labels") else { return };
    let rows = [
        Row { what: "the label", labels: json!({"cleanup-policy": "keep"}), exempt: true },
        Row { what: "one of a list", labels: json!({"retention": "long"}), exempt: true },
        Row { what: "another value", labels: json!({"cleanup-policy": "auto"}), exempt: false },
        Row { what: "no label", labels: json!({}), exempt: false },
        Row { what: "an expression", labels: json!({"tier": "iron"}), exempt: true },
        Row { what: "not in", labels: json!({"tier": "gold"}), exempt: false },
        Row { what: "not there", labels: json!({"tier": "iron", "team": "a"}), exempt: false },
    ];
    for (number, Row { what, labels, exempt }) in rows.into_iter().enumerate() {
        let name = format!("job-{number}");
        let overlay =
            json!({"metadata": {"labels": labels}, "spec": {"ttlSecondsAfterFinished": 90_000}});
        finished_job(&space, &name, Finish::Complete, days_ago(0), overlay.clone());
        let cron = json!({"metadata": {"labels": labels}, "spec": {"jobTemplate": {
            "spec": {"ttlSecondsAfterFinished": 90_000}}}});
        space.create(&cron_job(&name, cron)).ok();
        let check = |reply: &_| if exempt { refused(reply, SHORTENS) } else { allowed(reply) };
        // The author lets it live, and so does curfew, which only gives back what it took.
        for ttl in [json!(90_001), Value::Null] {
            allowed(&account.patch(
                &space,
                &format!("jobs/{name}"),
                &json!({"spec": {"ttlSecondsAfterFinished": ttl}}),
            ));
        }
        for ttl in [0, 60] {
            let ttl = json!({"spec": {"ttlSecondsAfterFinished": ttl}});
            check(&account.patch(&space, &format!("jobs/{name}"), &ttl));
            check(&account.patch(
                &space,
                &format!("cronjobs/{name}"),
                &json!({"spec": {"jobTemplate": ttl}}),
            ));
        }
        for limit in ["successfulJobsHistoryLimit", "failedJobsHistoryLimit"] {
            let limits = json!({"spec": {limit: 0}});
            check(&account.patch(&space, &format!("cronjobs/{name}"), &limits));
        }
        let reply = account.delete(&space, &name);
        assert_eq!(reply.status == 403, exempt, "{what}: {}", reply.body);
    }
}

#[test]
fn an_exempt_namespace_keeps_all() {
    let Some((account, _)) = keeper("spaces") else { return };
    let plane = account.plane;
    let kept = json!({"example.test/keep": "yes"});
    for space in [plane.namespace("hard-keep"), Namespace::open(plane, "hard-labelled", &kept)] {
        finished_job(&space, "old", Finish::Failed, days_ago(2), json!({}));
        let ttl = json!({"spec": {"ttlSecondsAfterFinished": 0}});
        refused(&account.patch(&space, "jobs/old", &ttl), SHORTENS);
        refused(&account.delete(&space, "old"), SHORTENS);
    }
}

/// The labels of a `CronJob`'s template lie over its own, and those of a child over both. What a
/// child does not say may stand on its `CronJob`, which cannot be seen here: then curfew decides.
#[test]
fn labels_of_a_family_count_as_the_policy_has_it() {
    let Some((account, space)) = keeper("family") else { return };
    let own = json!({"metadata": {"labels": {"cleanup-policy": "keep"}}});
    let with = |template: Value| merged(own.clone(), json!({"spec": {"jobTemplate": template}}));
    let auto = json!({"metadata": {"labels": {"cleanup-policy": "auto"}}});
    let record = json!({"metadata": {"labels": {"curfew.dev/x": "y"}}});
    for (name, cron, exempt) in [
        ("own", own.clone(), true),
        ("template", with(auto.clone()), false),
        ("pods", with(json!({"spec": {"template": auto}})), false),
        ("ours", with(record), true),
    ] {
        space.create(&cron_job(name, cron)).ok();
        let limits = json!({"spec": {"successfulJobsHistoryLimit": 0}});
        let reply = account.patch(&space, &format!("cronjobs/{name}"), &limits);
        assert_eq!(reply.status == 403, exempt, "{name}: {}", reply.body);
    }
    let cronjob =
        space.create(&cron_job("parent", json!({"metadata": {"labels": {"team": "a"}}}))).ok();
    let owner = crate::support::scheduling::owner("parent", &cronjob["metadata"]["uid"]);
    for (name, labels, exempt) in [
        ("child", json!({"cleanup-policy": "keep"}), true),
        // Its `CronJob` says `team`.
        ("silent", json!({"tier": "iron"}), false),
    ] {
        let overlay = json!({"metadata": {"labels": labels, "ownerReferences": [owner]}});
        space.create(&job(name, overlay)).ok();
        let ttl = json!({"spec": {"ttlSecondsAfterFinished": 60}});
        let reply = account.patch(&space, &format!("jobs/{name}"), &ttl);
        assert_eq!(reply.status == 403, exempt, "{name}: {}", reply.body);
    }
}

/// A hold gives a TTL of at least `limits.hold`, or up to its date once the Job has finished.
#[test]
fn what_is_held_is_given_no_ttl_that_ends_before() {
    let Some((account, space)) = keeper("held") else { return };
    let at = days_ago(1);
    let until = |days: i64| {
        let time = at + jiff::SignedDuration::from_hours(24 * days);
        json!({"metadata": {"annotations": {"curfew.dev/hold-until": time.strftime("%FT%TZ").to_string()}}})
    };
    let saying = |text: &str| json!({"metadata": {"annotations": {"curfew.dev/hold-until": text}}});
    // The shortest `limits.hold` of the policy is two days.
    let day = 86_400;
    for (name, hold, finished, least) in [
        ("one-day", until(1), true, day),
        ("a-century", until(36_500), true, 2 * day),
        ("for-ever", saying("for ever"), true, 2 * day),
        ("running", until(1), false, 2 * day),
        ("leap-day", saying("2028-02-29T00:00:00Z"), true, 2 * day),
        ("past-leap-day", saying("2024-02-29T00:00:00Z"), true, 0),
        // To curfew these are no dates.
        ("date-only", saying("2027-01-15"), true, 2 * day),
        ("no-zone", saying("2027-01-15T10:00:00"), true, 2 * day),
        ("no-such-day", saying("2026-02-31T00:00:00Z"), true, 2 * day),
        ("no-leap-day", saying("2100-02-29T00:00:00Z"), true, 2 * day),
        ("words", saying("until 2027"), true, 2 * day),
        // A date that only curfew can read.
        ("odd", saying("2027-01-15 10:00Z"), true, 2 * day),
        ("past", until(-1), true, 0),
    ] {
        let overlay = merged(hold, json!({"spec": {"ttlSecondsAfterFinished": 30 * day}}));
        if finished {
            finished_job(&space, name, Finish::Failed, at, overlay);
        } else {
            space.create(&job(name, overlay)).ok();
        }
        let write = |ttl: Value| {
            let patch = json!({"spec": {"ttlSecondsAfterFinished": ttl}});
            account.patch(&space, &format!("jobs/{name}"), &patch)
        };
        if least > 0 {
            refused(&write(json!(0)), "no TTL that ends before the hold");
            refused(&write(json!(least - 1)), "no TTL that ends before the hold");
        }
        allowed(&write(json!(least)));
        allowed(&write(Value::Null));
    }
}

fn keeper(prefix: &str) -> Option<(Account, Namespace<'static>)> {
    let (plain, space) = scene(prefix)?;
    Some((Account::of(plain.plane, "keeper")?, space))
}

const SHORTENS: &str = "shortens no life";
