//! Plans: what the sweeper would do to a snapshot of a cluster, as a document.

use curfew::policy::Policy;
use curfew::policy::value::Seconds;
use curfew::sweeper::Reach;
use curfew::sweeper::plan::{BadPlan, Does, Options, Plan, Snapshot, difference, older_than};
use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::support::stored::{NOW, child, cronjob, finished, job, ours, policy};

const DAY: i64 = 86_400;

fn named(mut object: Json, namespace: &str, name: &str) -> Json {
    object["metadata"]["namespace"] = json!(namespace);
    object["metadata"]["name"] = json!(name);
    object["metadata"]["uid"] = json!(format!("u-{namespace}-{name}"));
    object
}

fn namespace(name: &str, labels: &Json) -> Json {
    let uid = format!("n-{name}");
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "uid": uid, "labels": labels}})
}

fn snapshot(objects: &[Json]) -> Snapshot {
    let mut snapshot = Snapshot::new();
    for object in objects {
        snapshot.add(object.clone(), "default").unwrap();
    }
    snapshot
}

fn options() -> Options<'static> {
    Options {
        now: NOW.parse().unwrap(),
        own_namespace: None,
        reach: &Reach::EVERYWHERE,
        older_than: None,
        everything: false,
        dump: false,
    }
}

fn lines(plan: &Plan) -> Vec<String> {
    plan.items
        .iter()
        .map(|i| format!("{} {} {} {}", i.action.as_str(), i.namespace, i.name, i.rule))
        .collect()
}

/// A small cluster: something of everything.
fn cluster() -> Vec<Json> {
    let mut family =
        cronjob(json!({"metadata": {"labels": {"argocd.argoproj.io/instance": "shop"}},
        "spec": {"successfulJobsHistoryLimit": 50}}));
    family["metadata"]["resourceVersion"] = json!("3");
    vec![
        namespace("kube-system", &json!({})),
        namespace("apps", &json!({"tier": "dev"})),
        namespace("web", &json!({"tier": "prod"})),
        named(
            finished("Complete", 10 * DAY, json!({"status": {"succeeded": 2, "failed": 1}})),
            "apps",
            "old",
        ),
        named(finished("Failed", 10 * DAY, json!({})), "web", "failed"),
        named(finished("Complete", 60, json!({})), "apps", "young"),
        named(job(ours(7, Json::Null, "typo")), "apps", "running"),
        named(
            finished("Complete", 10 * DAY, json!({"metadata": {"labels": {"keep": "yes"}}})),
            "apps",
            "kept",
        ),
        family,
        named(
            child(finished(
                "Complete",
                100,
                json!({"status": {"startTime": "2026-11-21T11:00:00Z"}}),
            )),
            "apps",
            "daily-1",
        ),
        named(
            child(finished(
                "Complete",
                50,
                json!({"status": {"startTime": "2026-11-21T11:30:00Z"}}),
            )),
            "apps",
            "daily-2",
        ),
        named(finished("Complete", 10 * DAY, json!({})), "kube-system", "system"),
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "apps"}}),
    ]
}

fn delete() -> Policy {
    policy(
        "stored: {action: Delete, brake: {atMost: 1}}\nexempt: {selectors: [{matchLabels: {keep: \"yes\"}}]}\nlimits: {history: {max: 1}}\nrules:\n  - {name: prod, match: {namespaceSelector: {matchLabels: {tier: prod}}}, ttl: 7d}\ndefaults: {ttl: 1h}\n",
    )
}

#[test]
fn a_plan_of_a_small_cluster() {
    let snapshot = snapshot(&cluster());
    let plan = Plan::new(&delete(), &snapshot, &options());
    assert_eq!(
        lines(&plan),
        [
            // What saves a Job, then what has been due for longest.
            "patch apps daily defaults",
            "patch apps running defaults",
            "delete apps old defaults",
            "delete web failed prod",
            "delete apps daily-1 defaults",
        ]
    );
    assert_eq!(snapshot.foreign().get("Pod"), Some(&1));
    assert_eq!(plan.cluster.as_deref(), Some("n-kube-system"));
    assert_eq!(plan.totals.all.delete, 3);
    assert_eq!(plan.totals.by_rule["defaults"].delete, 2);
    assert_eq!(plan.totals.by_namespace["web"].delete, 1);
    assert_eq!((plan.totals.freed.jobs, plan.totals.freed.pods), (3, 3));
    assert!(plan.totals.freed.bytes > 3 * 3072);
    // daily-1 by its family's limit and, within the hour, by its TTL as well.
    assert_eq!(plan.totals.due_within_an_hour, 6);
    assert_eq!(plan.totals.left.get("exempt"), Some(&1));
    assert_eq!(plan.totals.left.get("never-considered"), Some(&1));
    let old = &plan.items[2];
    assert_eq!((old.uid.as_str(), old.resource_version.as_str()), ("u-apps-old", "7"));
    assert_eq!(
        (old.ttl, old.age, old.outcome.as_deref()),
        (Some(3600), Some(10 * DAY), Some("Complete"))
    );
    assert_eq!(plan.propagation_policy, "Background");
    assert!(!plan.is_empty());
    // What the sweeper cannot write to its brake does not count.
    let reach = Reach::only(["web".to_owned()]);
    let confined = Plan::new(&delete(), &snapshot, &Options { reach: &reach, ..options() });
    assert_eq!(confined.totals.due_within_an_hour, 1);
}

/// Stamps come from other clocks: as the brake has it.
#[rstest::rstest]
#[case::a_little_ahead(-30, 1)]
#[case::far_ahead(-31, 0)]
fn jobs_that_ended_a_little_ahead_of_the_clock_are_counted(#[case] ago: i64, #[case] due: u64) {
    let policy = policy("stored: {action: Delete}\ndefaults: {ttl: 60}\n");
    let snapshot = snapshot(&[finished("Complete", ago, json!({}))]);
    let plan = Plan::new(&policy, &snapshot, &options());
    assert_eq!(plan.totals.due_within_an_hour, due);
}

#[test]
fn a_plan_survives_json_and_yaml_and_no_edit() {
    let plan = Plan::new(&delete(), &snapshot(&cluster()), &options());
    assert_eq!(plan.check(), Ok(()));
    let json: Plan = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
    assert_eq!((json.check(), &json), (Ok(()), &plan));
    let yaml: Plan = serde_yaml::from_str(&serde_yaml::to_string(&plan).unwrap()).unwrap();
    assert_eq!((yaml.check(), &yaml), (Ok(()), &plan));
    // And as the command prints it.
    let printed = curfew::cli::shared::output::yaml(&plan).unwrap();
    let read: Plan = serde_yaml::from_str(&printed).unwrap();
    assert_eq!((read.check(), &read), (Ok(()), &plan));

    let edits: [fn(&mut Plan); 7] = [
        |plan| plan.without_managers = true,
        |plan| plan.items.truncate(1),
        |plan| "other".clone_into(&mut plan.items[2].uid),
        |plan| plan.items[3].action = Does::Count,
        |plan| plan.cluster = None,
        |plan| "Orphan".clone_into(&mut plan.propagation_policy),
        |plan| plan.digest.clear(),
    ];
    for edit in edits {
        let mut edited = plan.clone();
        edit(&mut edited);
        assert_eq!(edited.check(), Err(BadPlan::Edited));
    }
    let other = Plan { kind: "Plan".to_owned(), ..plan.clone() };
    assert!(matches!(other.check(), Err(BadPlan::AnotherKind(_))));
    assert_eq!(plan.check_cluster("n-kube-system"), Ok(()));
    assert!(matches!(plan.check_cluster("else"), Err(BadPlan::AnotherCluster { .. })));
    assert!(serde_json::from_str::<Plan>(r#"{"apiVersion":"curfew.dev/v1alpha1"}"#).is_err());
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let text = || {
        let mut objects = cluster();
        let first = serde_json::to_string(&Plan::new(&delete(), &snapshot(&objects), &options()));
        objects.reverse();
        let second = serde_json::to_string(&Plan::new(&delete(), &snapshot(&objects), &options()));
        (first.unwrap(), second.unwrap())
    };
    let (first, second) = text();
    assert_eq!(first, second);
    assert_eq!(text().0, first);
}

#[test]
fn what_only_counts_is_listed_and_what_waits_is_listed_on_demand() {
    let report = policy("defaults: {ttl: 1h}\n");
    let snapshot = snapshot(&cluster());
    let plan = Plan::new(&report, &snapshot, &options());
    assert!(plan.items.iter().all(|item| item.action == Does::Count));
    assert_eq!(plan.totals.freed.jobs, 0);
    assert!(!plan.is_empty());
    let plan = Plan::new(&report, &snapshot, &Options { everything: true, ..options() });
    assert_eq!(plan.items.len(), snapshot.len());
    assert!(plan.totals.left.is_empty());
}

#[rstest]
#[case::without_cronjobs(false, &["failed", "kept", "old"])]
#[case::with_cronjobs(true, &["daily-old", "failed", "kept", "old"])]
fn a_clean_up_by_age(#[case] cronjobs: bool, #[case] expected: &[&str]) {
    let mut objects = cluster();
    let at =
        |ago: i64, fields: Json, name: &str| named(finished("Complete", ago, fields), "apps", name);
    objects.extend([
        at(7 * DAY - 1, json!({}), "a-second-too-young"),
        at(8 * DAY, json!({"spec": {"ttlSecondsAfterFinished": 30 * DAY}}), "its-author-keeps-it"),
        at(60, json!({"spec": {"ttlSecondsAfterFinished": 0}}), "over-but-young"),
        at(9 * DAY, json!({"metadata": {"annotations": {"helm.sh/hook": "test"}}}), "hook"),
        at(
            9 * DAY,
            json!({"metadata": {"annotations": {"curfew.dev/hold-until": "soon"}},
            "status": {"conditions": [{"type": "Complete", "status": "True",
                "lastTransitionTime": "2026-11-14T12:00:01Z"}]}}),
            "held",
        ),
        // Long after its end, and beyond what limits.hold gives where no policy says otherwise.
        at(
            30 * DAY,
            json!({"metadata": {"annotations": {"curfew.dev/hold-until": "2026-11-22T00:00:00Z"}}}),
            "held-late",
        ),
        child(at(9 * DAY, json!({}), "daily-old")),
    ]);
    let age = Seconds::new(7 * DAY).unwrap();
    let policy = older_than(age, cronjobs).unwrap();
    let options = Options { older_than: Some(age), ..options() };
    let plan = Plan::new(&policy, &snapshot(&objects), &options);
    let mut deleted: Vec<&str> = plan
        .items
        .iter()
        .filter(|item| item.action == Does::Delete)
        .map(|item| item.name.as_str())
        .collect();
    deleted.sort_unstable();
    assert_eq!(deleted, expected);
    assert!(plan.items.iter().all(|item| item.action != Does::Patch));
    assert_eq!(plan.older_than, Some(7 * DAY));
}

/// The sweeper makes two writes of what the brake may have to hold apart. Of a plan the second one
/// would meet an object that the first has changed.
#[test]
fn an_object_is_written_once() {
    let written = "enforce: true, ttl: 30d, history: {successful: 1, failed: 7}";
    let policy = policy(&format!(
        "stored: {{action: Patch}}\nrules:\n  - {{name: all, match: {{kinds: [CronJob]}}, {written}}}\n"
    ));
    let mut objects: Vec<Json> = (1..4)
        .map(|hour| {
            let start = json!({"status": {"startTime": format!("2026-11-21T0{hour}:00:00Z")}});
            let name = format!("daily-{hour}");
            named(child(finished("Complete", 7 * 3600, start)), "apps", &name)
        })
        .collect();
    objects.push(cronjob(json!({
        "spec": {"successfulJobsHistoryLimit": 5, "failedJobsHistoryLimit": 4}
    })));
    let plan = Plan::new(&policy, &snapshot(&objects), &options());
    let items: Vec<_> = plan.items.iter().filter(|item| item.kind == "CronJob").collect();
    assert_eq!(items.len(), 1);
    assert_eq!(
        items[0].patch,
        Some(json!({
            "metadata": {
                "uid": "c-1", "resourceVersion": "9",
                "annotations": {"curfew.dev/applied":
                    r#"{"history.failed":[7,4,"all"],"history.successful":[1,5,"all"]}"#},
            },
            "spec": {
                "successfulJobsHistoryLimit": 1,
                "failedJobsHistoryLimit": 7,
                "jobTemplate": {
                    "metadata": {"annotations": {"curfew.dev/applied":
                        r#"{"ttl":[2592000,null,"all"]}"#}},
                    "spec": {"ttlSecondsAfterFinished": 2_592_000},
                },
            },
        }))
    );
}

/// What ends with its family need not be changed before, and could not be deleted after.
#[test]
fn what_is_deleted_is_not_changed_as_well() {
    let policy =
        policy("stored: {action: Delete}\nlimits: {history: {max: 1}}\ndefaults: {ttl: 7d}\n");
    let at = |seconds: i64, start: &str, name: &str| {
        let mut fields = ours(3600, Json::Null, "old");
        json_patch::merge(&mut fields, &json!({"status": {"startTime": start}}));
        named(child(finished("Complete", seconds, fields)), "apps", name)
    };
    let objects = [
        cronjob(json!({})),
        at(600, "2026-11-21T11:00:00Z", "daily-1"),
        at(300, "2026-11-21T11:30:00Z", "daily-2"),
    ];
    let plan = Plan::new(&policy, &snapshot(&objects), &options());
    let done = |name: &str| -> Vec<Does> {
        plan.items.iter().filter(|item| item.name == name).map(|item| item.action).collect()
    };
    assert_eq!(done("daily-1"), [Does::Delete]);
    assert_eq!(done("daily-2"), [Does::Patch]);
}

/// A `CronJob` that nobody asked for is there for its Jobs to be judged by.
#[test]
fn the_surroundings_are_not_planned_for() {
    let objects = [
        namespace("apps", &json!({})),
        named(child(finished("Complete", 10 * DAY, json!({}))), "apps", "daily-1"),
    ];
    let mut snapshot = snapshot(&objects);
    let unknown = Plan::new(&delete(), &snapshot, &options());
    assert_eq!(lines(&unknown), ["count apps daily-1 author"]);
    snapshot.add_surrounding(cronjob(json!({"spec": {"successfulJobsHistoryLimit": 50}}))).unwrap();
    let plan = Plan::new(&delete(), &snapshot, &options());
    assert_eq!(lines(&plan), ["delete apps daily-1 defaults"]);
    assert!(plan.totals.left.is_empty());
}

#[test]
fn only_the_difference_of_two_policies() {
    let snapshot = snapshot(&cluster());
    let all = Options { everything: true, ..options() };
    let plan = |spec: &str| Plan::new(&policy(spec), &snapshot, &all);
    let old = plan("stored: {action: Delete}\ndefaults: {ttl: 7d}\n");
    let new = plan(
        "stored: {action: Delete}\nrules: [{name: web, match: {namespaces: [web]}, ttl: 30d}]\ndefaults: {ttl: 7d}\n",
    );
    assert!(difference(&old, &old).is_empty());
    let changed = difference(&old, &new);
    assert_eq!(changed.len(), 1);
    assert_eq!(changed[0].name, "failed");
    assert_eq!(changed[0].before.as_ref().unwrap().action, Does::Delete);
    assert_eq!(changed[0].after.as_ref().unwrap().action, Does::Wait);
    // Another name for the same is no difference.
    let renamed = plan(
        "stored: {action: Delete}\nrules: [{name: other, match: {namespaces: [\"*\"]}, ttl: 7d}]\ndefaults: {ttl: 1h}\n",
    );
    assert!(difference(&old, &renamed).is_empty());
}

#[rstest]
#[case::no_spec(json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a"}}), "no spec")]
#[case::wrong_type(json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a"},
    "spec": {"ttlSecondsAfterFinished": "1h"}}), "job/default/a")]
#[case::no_name(json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {}, "spec": {}}), "no name")]
fn a_broken_object_makes_the_snapshot_useless(#[case] object: Json, #[case] expected: &str) {
    let error = Snapshot::new().add(object, "default").unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn an_object_may_stand_there_twice_but_not_in_two_ways() {
    let old = named(finished("Complete", DAY, json!({})), "apps", "old");
    let mut snapshot = snapshot(&[old.clone(), old.clone()]);
    assert_eq!(snapshot.len(), 1);
    let mut other = old;
    other["metadata"]["resourceVersion"] = json!("8");
    assert!(snapshot.add(other, "default").unwrap_err().to_string().contains("twice"));
}

#[test]
fn without_namespaces_in_the_dump_their_labels_are_unknown() {
    let objects: Vec<Json> =
        cluster().into_iter().filter(|object| object["kind"] != "Namespace").collect();
    let plan = Plan::new(&delete(), &snapshot(&objects), &options());
    assert!(plan.items.iter().all(|item| item.action == Does::Count), "{:?}", lines(&plan));
    assert_eq!(plan.cluster, None);
}

/// Without `managedFields` nobody can tell what Terraform and others hold, and kubectl leaves them out:
/// such a plan is looked at, and not carried out.
#[rstest::rstest]
#[case::none(json!(null), Err(BadPlan::NoManagers))]
#[case::an_empty_list(json!([]), Err(BadPlan::NoManagers))]
#[case::there(json!([{"manager": "me", "operation": "Update"}]), Ok(()))]
fn a_plan_of_a_dump_that_hides_its_managers(
    #[case] managers: Json,
    #[case] expected: Result<(), BadPlan>,
    #[values("Job", "CronJob")] kind: &str,
) {
    let known = json!({"metadata": {"managedFields": [{"manager": "me", "operation": "Update"}]}});
    let shown = named(finished("Complete", 10 * DAY, known), "apps", "shown");
    let fields = json!({"metadata": {"managedFields": managers}});
    let other =
        if kind == "Job" { finished("Complete", 10 * DAY, fields) } else { cronjob(fields) };
    // One object with managers does not speak for another one.
    let apps = || namespace("apps", &json!({}));
    let objects = [apps(), shown, named(other, "apps", "other")];
    let dump = Options { dump: true, ..options() };
    assert_eq!(Plan::new(&delete(), &snapshot(&objects), &dump).check(), expected);
    // A cluster shows what there is.
    assert_eq!(Plan::new(&delete(), &snapshot(&objects), &options()).check(), Ok(()));
    // Of what stays as it is nothing need be known, nor of what a CronJob has made.
    let kept = json!({"metadata": {"labels": {"keep": "yes"}}});
    let objects = [apps(), named(finished("Complete", 10 * DAY, kept), "apps", "kept")];
    assert_eq!(Plan::new(&delete(), &snapshot(&objects), &dump).check(), Ok(()));
}

/// A guard that keeps a rule from an object is told whatever else is done with it.
#[test]
fn what_is_withheld_is_told_beside_what_is_done() {
    let policy = policy(
        "stored: {action: Patch}\nrules:\n  - {name: all, match: {namespaces: [apps]}, ttl: 1h, \
         history: {successful: 1}, enforce: true}\n",
    );
    let tracked = json!({"metadata": {"labels": {"argocd.argoproj.io/instance": "shop"}},
        "spec": {"successfulJobsHistoryLimit": 5}});
    let taken_back = json!({"metadata": {"labels": {"argocd.argoproj.io/instance": "shop"},
        "annotations": {"curfew.dev/applied": "{\"ttl\":[60,null,\"old\"]}"}},
        "spec": {"ttlSecondsAfterFinished": 60}});
    let objects = [
        named(cronjob(tracked), "apps", "family"),
        named(finished("Complete", 10, taken_back), "apps", "taken"),
    ];
    let plan = Plan::new(&policy, &snapshot(&objects), &options());
    assert_eq!(plan.items.len(), 2);
    for item in &plan.items {
        assert_eq!(item.action, Does::Patch, "{item:?}");
        assert!(item.why.contains("keeps rule all, which enforces"), "{item:?}");
    }
}
