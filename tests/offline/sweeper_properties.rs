//! Promises about stored objects that hold for any object, any policy and any clock: nothing is
//! deleted but what is finished, unprotected and over; what is written is what the policy gives,
//! and leaves nothing to be written.

use curfew::admission::patch;
use curfew::batch::{Finish, Kind, Map, Object, Outcome};
use curfew::policy::decide::{Input, Operation, Verdict};
use curfew::policy::{Action as Stored, Mode, Policy};
use curfew::sweeper::{Action, Change, Judgement, Reason};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::support::stored::{Case, NOW, child, cronjob, policy};

fn rule() -> impl Strategy<Value = String> {
    let matched = prop::sample::select(vec![
        "namespaces: [apps]",
        "labels: {environment: dev}",
        "kinds: [CronJob]",
        "kinds: [Job]",
        "names: [\"x*\"]",
        "namespaceSelector: {matchLabels: {tier: dev}}",
        "selector: {matchExpressions: [{key: environment, operator: NotIn, values: [prod]}]}",
    ]);
    let says = prop::sample::select(vec![
        "ttl: 0s",
        "ttl: 5m",
        "ttl: unset",
        "ttl: {onSuccess: 1h, onFailure: 3d}",
        "ttl: {onSuccess: unset, onFailure: 3d}",
        "ttl: 15m, enforce: true",
        "ttl: 2147483647",
        "history: {successful: 0, failed: 9}, enforce: true",
        "history: {successful: 5}",
        "limits: {ttl: {min: 60s}}",
        "limits: {ttl: {max: 1h}}",
        "limits: {history: {max: 1}}",
        "limits: {hold: 1d}",
        "mode: DryRun",
        "mode: Off",
        "stored: Report",
        "stored: Marked",
        "stored: Patch",
        "stored: Delete",
        "guards: {deployHooks: Floor, ownedByOther: Apply}",
        "guards: {gitOpsTracked: Apply}",
    ]);
    (matched, says).prop_map(|(matched, says)| format!("match: {{{matched}}}, {says}"))
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let top = prop::sample::select(vec![
        "stored: {action: Delete}\ndefaults: {ttl: 0s}\n",
        "stored: {action: Delete}\ndefaults: {ttl: {onSuccess: 1h, onFailure: 1d}, history: {successful: 1}}\n",
        "stored: {action: Delete, selector: {matchLabels: {environment: dev}}}\ndefaults: {ttl: 1m}\n",
        "stored: {action: Patch}\ndefaults: {ttl: 2h}\nlimits: {ttl: {min: 60s, max: 7d}, history: {max: 2}}\n",
        "stored: {action: Marked}\ndefaults: {ttl: {onSuccess: 1h, onFailure: 1d}}\n",
        "defaults: {ttl: 1h}\n",
        "mode: DryRun\nstored: {action: Delete}\ndefaults: {ttl: 0s}\n",
    ]);
    let exempt = prop::sample::select(vec![
        "",
        "exempt: {selectors: [{matchLabels: {keep: \"yes\"}}]}\n",
        "exempt: {namespaceSelector: {matchLabels: {tier: prod}}}\n",
    ]);
    (prop::collection::vec(rule(), 0..5), top, exempt).prop_map(|(rules, top, exempt)| {
        let heading = if rules.is_empty() { "" } else { "rules:\n" };
        let rules: Vec<String> = rules
            .iter()
            .enumerate()
            .map(|(position, rule)| format!("  - {{name: r{position}, {rule}}}\n"))
            .collect();
        let spec = format!("{top}{exempt}{heading}{}", rules.concat());
        policy(&spec)
    })
}

fn time() -> impl Strategy<Value = Json> {
    prop_oneof![
        4 => (-800_000_i64..4_000).prop_map(|seconds| {
            let now: Timestamp = NOW.parse().unwrap();
            json!((now + SignedDuration::from_secs(seconds)).to_string())
        }),
        1 => prop::sample::select(vec![
            Json::Null, json!("yesterday"), json!("1970-01-01T00:00:00Z"),
            json!("9999-12-30T00:00:00Z"),
        ]),
    ]
}

fn conditions() -> impl Strategy<Value = Json> {
    let kind = prop::sample::select(vec![
        "Complete",
        "Complete",
        "Failed",
        "Failed",
        "Suspended",
        "SuccessCriteriaMet",
        "FailureTarget",
        "example.com/Done",
    ]);
    let status = prop::sample::select(vec!["True", "True", "True", "False", "Unknown", "true"]);
    let condition = (kind, status, time()).prop_map(
        |(kind, status, time)| json!({"type": kind, "status": status, "lastTransitionTime": time}),
    );
    prop_oneof![
        1 => Just(Json::Null),
        8 => prop::collection::vec(condition, 0..3).prop_map(Json::from),
    ]
}

fn metadata() -> impl Strategy<Value = Json> {
    let labels = prop::sample::select(vec![
        Json::Null,
        json!({"environment": "dev"}),
        json!({"environment": "prod"}),
        json!({"keep": "yes"}),
        json!({"argocd.argoproj.io/instance": "shop"}),
    ]);
    let record = prop::option::of(prop::sample::select(vec![
        r#"{"ttl":[300,null,"r0"]}"#,
        r#"{"ttl":[86400,null,"defaults"]}"#,
        r#"{"ttl":[86400,300,"hold"]}"#,
        r#"{"ttl":[null,null,"r1"]}"#,
        r#"{"ttl":[null,null,"author"]}"#,
        r#"{"ttl":[300,0,"forged"]}"#,
        r#"{"ttl":[300,-7,"forged"]}"#,
        r#"{"history.successful":[3,9,"r0"]}"#,
        "nonsense",
    ]));
    let hold = prop::option::weighted(
        0.3,
        prop_oneof![
            Just(json!("soon")),
            time().prop_map(|time| if time.is_null() { json!("") } else { time }),
        ],
    );
    let going = prop::option::weighted(0.1, Just(NOW));
    let hook = prop::bool::weighted(0.1);
    let identity = prop::bool::weighted(0.95);
    (labels, record, hold, (going, hook, identity)).prop_map(
        |(labels, record, hold, (going, hook, identity))| {
            let mut annotations = serde_json::Map::new();
            record.map(|record| annotations.insert("curfew.dev/applied".into(), json!(record)));
            hold.map(|hold| annotations.insert("curfew.dev/hold-until".into(), hold));
            hook.then(|| annotations.insert("helm.sh/hook".into(), json!("test")));
            json!({
                "name": "x", "namespace": "apps", "labels": labels, "deletionTimestamp": going,
                "annotations": annotations, "uid": "u-1",
                "resourceVersion": if identity { json!("7") } else { Json::Null },
            })
        },
    )
}

fn any_job() -> impl Strategy<Value = Json> {
    let ttl = prop::sample::select(vec![
        Json::Null,
        json!(0),
        json!(300),
        json!(86_400),
        json!(i32::MAX),
        json!(-3),
    ]);
    (metadata(), conditions(), ttl, time(), prop::bool::weighted(0.1)).prop_map(
        |(metadata, conditions, ttl, started, owned)| {
            let mut job = json!({
                "apiVersion": "batch/v1", "kind": "Job", "metadata": metadata,
                "spec": {"ttlSecondsAfterFinished": ttl, "template": {"spec": {}}},
                "status": {"conditions": conditions, "startTime": started},
            });
            if owned {
                job["metadata"]["ownerReferences"] = json!([{"apiVersion": "example.com/v1",
                    "kind": "Flow", "name": "f", "uid": "f-1", "controller": true}]);
            }
            drop_nulls(&mut job);
            job
        },
    )
}

/// A Job or a `CronJob` with everything that may be known of it.
fn any_case() -> impl Strategy<Value = Case> {
    let family = prop::option::weighted(0.4, (metadata(), prop::bool::weighted(0.8)));
    let labels = prop::option::of(prop::sample::select(vec![
        vec![],
        vec![("tier", "dev")],
        vec![("tier", "prod")],
    ]));
    let namespace = prop::sample::select(vec!["apps", "apps", "apps", "kube-system", "curfew"]);
    let later = -400_000_i64..400_000;
    (any_job(), family, labels, namespace, (prop::bool::weighted(0.1), later)).prop_map(
        |(mut job, family, namespace_labels, namespace, (flapping, later))| {
            let mut parent = None;
            if let Some((metadata, known)) = family {
                job = child(job);
                let mut owner = cronjob(json!({"metadata": metadata}));
                json_patch::merge(
                    &mut owner,
                    &json!({"metadata": {"name": "daily", "uid": "c-1"}}),
                );
                drop_nulls(&mut owner);
                parent = known.then_some(owner);
            }
            let now: Timestamp = NOW.parse().unwrap();
            Case {
                cronjob: parent,
                namespace: namespace.to_owned(),
                namespace_labels,
                flapping,
                now: now + SignedDuration::from_secs(later),
                ..Case::new(job)
            }
        },
    )
}

/// Compiling a policy costs more than judging by it.
fn many_cases() -> impl Strategy<Value = Vec<Case>> {
    prop::collection::vec(any_case(), 24)
}

/// The API server stores no nulls.
fn drop_nulls(json: &mut Json) {
    match json {
        Json::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Json::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

fn changes(judgement: &Judgement<'_>) -> Vec<Change> {
    let change = |action: &Action| match action {
        Action::Patch { change, .. } => Some(change.clone()),
        _ => None,
    };
    judgement.actions.iter().filter_map(change).collect()
}

/// A new Job as admission leaves it.
fn admitted(policy: &Policy, case: &Case) -> Json {
    let read = |json| Object::from_json(Kind::Job, json).unwrap();
    let object = read(&case.object);
    let cronjob = case.cronjob.as_ref().map(|it| Object::from_json(Kind::CronJob, it).unwrap());
    let labels: Option<Map<'_>> =
        case.namespace_labels.as_ref().map(|labels| labels.iter().copied().collect());
    let decision = policy.decide(&Input {
        operation: Operation::Create,
        object: &object,
        old: None,
        cronjob: cronjob.as_ref(),
        namespace: &case.namespace,
        namespace_labels: labels.as_ref(),
        own_namespace: Some("curfew"),
        now: case.now,
    });
    let mut after = case.object.clone();
    if decision.mode == Mode::Enforce {
        json_patch::patch(&mut after, &patch::operations(&decision, &object)).unwrap();
    }
    after
}

/// A stored Job after everything that the sweeper writes to it; `None` where it ends it.
fn swept(policy: &Policy, mut case: Case) -> Option<Case> {
    for _ in 0..3 {
        let judgement = case.judge(policy);
        if judgement.actions.iter().any(|action| matches!(action, Action::Delete { .. })) {
            return None;
        }
        for change in changes(&judgement) {
            json_patch::merge(&mut case.object, &change.merge_patch());
        }
    }
    Some(case)
}

/// Whether the one Job, once it has ended, is not deleted before the other, by the sweeper or by its own
/// TTL.
fn lives_as_long(one: &Case, other: &Case, policy: &Policy, outcome: &str, ago: i64) -> bool {
    let [one, other] = [one, other].map(|case| {
        let at = case.now - SignedDuration::from_secs(ago);
        let mut case = case.clone();
        case.object["status"] = json!({"conditions": [
            {"type": outcome, "status": "True", "lastTransitionTime": at.to_string()}]});
        // Nothing is left of a Job that is deleted, and of one without a TTL there is no end.
        swept(policy, case).map_or(-1, |case| {
            case.object["spec"]["ttlSecondsAfterFinished"].as_i64().unwrap_or(i64::MAX)
        })
    });
    one >= other || other <= ago
}

/// Whether a Job is finished, in other words than those of the code.
fn is_finished(job: &Json) -> bool {
    job["status"]["conditions"].as_array().is_some_and(|conditions| {
        conditions
            .iter()
            .any(|c| (c["type"] == "Complete" || c["type"] == "Failed") && c["status"] == "True")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    /// The delete contract.
    #[test]
    fn nothing_is_deleted_but_what_may_be(policy in any_policy(), cases in many_cases()) {
        for case in cases {
            let judgement = case.judge(&policy);
            let object = Object::from_json(Kind::Job, &case.object).unwrap();
            for action in &judgement.actions {
                let Action::Delete { deletion, .. } = action else { continue };
                prop_assert!(is_finished(&case.object));
                prop_assert!(case.object["metadata"].get("deletionTimestamp").is_none());
                prop_assert_eq!(judgement.decision.mode, Mode::Enforce);
                prop_assert_eq!(&judgement.decision.verdict, &Verdict::Considered);
                prop_assert_eq!(judgement.stored, Stored::Delete);
                prop_assert!(!["kube-system", "curfew"].contains(&case.namespace.as_str()));
                // The end, its expiry and the hold, computed anew.
                let at = Finish::of(&object).and_then(|finish| finish.at);
                let ttl = deletion.ttl.expect("a Job is only ever due by its TTL");
                let expiry = at.unwrap().saturating_add(SignedDuration::from_secs(ttl));
                prop_assert!(expiry.is_ok_and(|expiry| expiry <= case.now && expiry == deletion.due));
                if let Some(hold) = object.metadata.annotation("curfew.dev/hold-until") {
                    let longest = judgement.decision.resolved.hold.map_or(7 * 86_400, |h| h.value.get());
                    let last = at.unwrap() + SignedDuration::from_secs(longest);
                    let until = hold.parse().map_or(last, |until: Timestamp| until.min(last));
                    prop_assert!(until <= case.now, "held until {until}");
                }
                prop_assert_eq!(&deletion.identity.uid, "u-1");
                prop_assert_eq!(&deletion.identity.resource_version, "7");
                prop_assert_eq!(judgement.actions.len(), 1);
                prop_assert!(judgement.risks.iter().any(|risk| risk.due == deletion.due));
            }
        }
    }

    /// What nobody can know, or may touch, is neither deleted nor written.
    #[test]
    fn what_is_off_unknown_or_a_systems_is_left(policy in any_policy(), cases in many_cases()) {
        for case in cases {
            let judgement = case.judge(&policy);
            let left = matches!(
                judgement.decision.verdict,
                Verdict::NeverConsidered(_) | Verdict::Off | Verdict::UnknownCronJob
                    | Verdict::UnknownNamespace
            );
            let acts = judgement.actions.iter()
                .any(|action| matches!(action, Action::Delete { .. } | Action::Patch { .. }));
            prop_assert!(!(left && acts));
            prop_assert!(!left || judgement.risks.is_empty());
            prop_assert!(judgement.stored != Stored::Report || !acts);
            prop_assert!(!judgement.actions.is_empty(), "nothing is said");
        }
    }

    /// A write brings the object to the policy: written, it gives no further one, and what was not
    /// held back as a risk has not become due by it.
    #[test]
    fn a_write_leaves_nothing_to_write(policy in any_policy(), cases in many_cases()) {
        for case in cases {
            let judgement = case.judge(&policy);
            for change in changes(&judgement) {
                let before = case.object.clone();
                let mut after = case.clone();
                json_patch::merge(&mut after.object, &change.merge_patch());
                // Nothing but the TTL and the record.
                let strip = |mut object: Json| {
                    object["spec"].as_object_mut().unwrap().remove("ttlSecondsAfterFinished");
                    let metadata = object["metadata"].as_object_mut().unwrap();
                    let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
                    annotations.as_object_mut().unwrap().remove("curfew.dev/applied");
                    object
                };
                prop_assert_eq!(strip(before), strip(after.object.clone()));
                let again = after.judge(&policy);
                prop_assert!(changes(&again).is_empty(), "{:?}", again);
                let shortens = change.direction.may_end_in_deletion() && judgement.finish.is_some();
                prop_assert!(!shortens || !judgement.risks.is_empty());
            }
        }
    }

    /// Exempt or guarded Jobs only ever live longer, or as their hold says.
    #[test]
    fn the_protected_live_longer(policy in any_policy(), cases in many_cases()) {
        for case in cases {
            let judgement = case.judge(&policy);
            if !matches!(judgement.decision.verdict, Verdict::Exempt(_) | Verdict::Guarded) {
                continue;
            }
            let by_hold = case.object["metadata"]["annotations"].to_string().contains("hold");
            for change in changes(&judgement) {
                // A change of the record alone takes nothing from it.
                let Some(field) = change.fields.first() else { continue };
                let longer = field.to.number().is_none_or(|to| to > field.from.number().unwrap());
                prop_assert!(longer || by_hold, "{:?}", change);
            }
        }
    }

    /// The same question has the same answer, and time alone never calls a deletion off.
    #[test]
    fn what_is_due_stays_due(policy in any_policy(), cases in many_cases(), later in 0_i64..10_000) {
        for case in cases {
            let deletes = |judgement: &Judgement<'_>| {
                judgement.actions.iter().any(|action| matches!(action, Action::Delete { .. }))
            };
            let now = case.judge(&policy);
            prop_assert_eq!(&now.actions, &case.judge(&policy).actions);
            let mut then = case.clone();
            then.now += SignedDuration::from_secs(later);
            prop_assert!(!deletes(&now) || deletes(&then.judge(&policy)));
            // And what waits to be deleted is looked at again in time.
            if !deletes(&now) && deletes(&then.judge(&policy)) {
                let looks = now.actions.iter().any(|action| {
                    matches!(action, Action::Wait { until, .. } if *until <= then.now)
                });
                prop_assert!(looks, "{:?}", now.actions);
            }
        }
    }

    /// A Job that came before its namespace was known ends as one does that came later, or lives longer:
    /// under the same policy, and under the next one once the sweeper has met it.
    #[test]
    fn an_entry_alone_shortens_no_life(
        policies in (any_policy(), any_policy()),
        cases in many_cases(),
        outcome in prop::sample::select(vec!["Complete", "Failed"]),
        ago in 0_i64..400_000,
    ) {
        for mut case in cases {
            let labels = case.namespace_labels.take().unwrap_or_default();
            case.object["spec"].as_object_mut().unwrap().remove("ttlSecondsAfterFinished");
            case.object["metadata"].as_object_mut().unwrap().remove("deletionTimestamp");
            case.object["metadata"]["resourceVersion"] = json!("7");
            case.object["status"] = json!({});
            case.flapping = false;
            let known = Case { namespace_labels: Some(labels.clone()), ..case.clone() };
            let sent = case.object.clone();
            let [mut late, mut early] = [&known, &case].map(|case| {
                let object = admitted(&policies.0, case);
                Case { object, namespace_labels: Some(labels.clone()), ..case.clone() }
            });
            if early.object["metadata"].to_string().contains("unknown-namespace") {
                let judged = early.judge(&policies.0).decision;
                prop_assert_eq!(&early.object["spec"], &sent["spec"]);
                prop_assert_eq!(judged.mode, Mode::Enforce);
                prop_assert!(judged.verdict != Verdict::Guarded);
            }
            prop_assert!(lives_as_long(&early, &late, &policies.0, outcome, ago));
            // Once it was met by a sweeper that may write to what is ours.
            let judged = early.judge(&policies.0);
            if judged.stored >= Stored::Marked && *judged.reason() != Reason::NotSelected {
                [late, early] = [late, early].map(|case| swept(&policies.0, case).unwrap());
                prop_assert!(lives_as_long(&early, &late, &policies.1, outcome, ago));
            }
        }
    }

    /// Pruning: only finished, unprotected children whose turn it is, and never below the limit.
    #[test]
    fn a_family_is_never_pruned_below_its_limit(
        policy in any_policy(),
        metadata in metadata(),
        jobs in prop::collection::vec(any_job(), 0..8),
        limits in (0_i64..6, 0_i64..6),
    ) {
        let mut owner = cronjob(json!({"metadata": metadata, "spec": {
            "successfulJobsHistoryLimit": limits.0, "failedJobsHistoryLimit": limits.1}}));
        json_patch::merge(&mut owner, &json!({"metadata": {"name": "daily", "uid": "c-1"}}));
        drop_nulls(&mut owner);
        let family: Vec<Json> = jobs.into_iter().enumerate().map(|(position, job)| {
            let mut job = child(job);
            job["metadata"]["name"] = json!(format!("daily-{position}"));
            job["metadata"]["uid"] = json!(format!("u-{position}"));
            job
        }).collect();
        let case = Case { children: family.clone(), ..Case::new(owner) };
        let judgement = case.judge(&policy);
        let mut gone = [0_usize; 2];
        for action in &judgement.actions {
            let Action::Delete { deletion, .. } = action else { continue };
            let job = family.iter().find(|job| job["metadata"]["uid"] == deletion.identity.uid);
            let job = job.expect("one of the family");
            prop_assert!(is_finished(job));
            prop_assert!(job["metadata"].get("deletionTimestamp").is_none());
            let kept = job["metadata"]["labels"]["keep"] == "yes" && !policy.exempt.selectors.is_empty();
            prop_assert!(!kept);
            prop_assert!(deletion.due <= case.now && deletion.finish <= deletion.due);
            gone[usize::from(deletion.outcome == Outcome::Failure)] += 1;
        }
        let Some(max) = judgement.decision.resolved.history_max else {
            prop_assert_eq!(gone, [0, 0]);
            return Ok(());
        };
        for (outcome, gone) in [Outcome::Success, Outcome::Failure].into_iter().zip(gone) {
            let finished = family.iter().filter(|job| {
                let object = Object::from_json(Kind::Job, job).unwrap();
                Finish::of(&object).is_some_and(|finish| finish.outcome == outcome)
            });
            let stays = finished.count() - gone;
            prop_assert!(gone == 0 || stays >= max.value as usize);
        }
    }
}
