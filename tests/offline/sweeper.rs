//! The sweeper's decision about stored objects: the table of the design row by row, then the
//! delete contract point by point.

use std::time::Duration;

use curfew::policy::Policy;
use curfew::sweeper::{Action, Direction, Flaps, Judgement, Reason};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};

use crate::support::stored::{Case, NOW, child, cronjob, finished, job, ours, policy};

const DAY: i64 = 86_400;

/// A judgement in one line: what the rows below expect.
fn told(judgement: &Judgement<'_>) -> String {
    let line = |action: &Action| match action {
        Action::Count { reason } => format!("count {}", reason.as_str()),
        Action::Delete { deletion, reason } => {
            let ttl = deletion.ttl.map_or("-".to_owned(), |ttl| ttl.to_string());
            format!("delete {} ttl={ttl} by {}", reason.as_str(), deletion.rule)
        }
        Action::Patch { change, reason } => {
            let fields: Vec<String> =
                change.fields.iter().map(|f| format!("{}={}", f.setting.as_str(), f.to)).collect();
            let direction = match change.direction {
                Direction::Lower => "lower",
                Direction::Raise => "raise",
                Direction::Set => "set",
                Direction::TakeBack => "take-back",
            };
            let fields = fields.join(",");
            format!("{direction} {} {fields}", reason.as_str())
        }
        Action::Wait { until, .. } => {
            let now: Timestamp = NOW.parse().unwrap();
            format!("wait {}s", until.duration_since(now).as_secs())
        }
    };
    judgement.actions.iter().map(line).collect::<Vec<_>>().join("; ")
}

/// What each action of `stored` does about an object, in the order of the table's columns.
fn columns(case: &Case, spec: &str) -> [String; 4] {
    ["Report", "Marked", "Patch", "Delete"].map(|action| {
        let policy = policy(&format!("stored: {{action: {action}}}\n{spec}"));
        told(&case.judge(&policy))
    })
}

const HOUR: &str = "defaults: {ttl: 1h}\n";
const BY_OUTCOME: &str = "defaults: {ttl: {onSuccess: 1h, onFailure: 3d}}\n";

#[rstest::rstest]
#[case::due(2 * 3600, [
    "count finished-without", "count finished-without", "set finished-without ttl=3600",
    "delete finished-without ttl=3600 by defaults",
])]
#[case::exactly_at_expiry(3600, [
    "count finished-without", "count finished-without", "set finished-without ttl=3600",
    "delete finished-without ttl=3600 by defaults",
])]
#[case::a_second_before(3599, [
    "count finished-without", "count finished-without", "set finished-without ttl=3600", "wait 1s",
])]
fn finished_without_a_ttl(#[case] ago: i64, #[case] expected: [&str; 4]) {
    assert_eq!(columns(&Case::new(finished("Complete", ago, json!({}))), HOUR), expected);
}

#[rstest::rstest]
#[case::lowered_by_success("Complete", 60, 3 * DAY, [
    "count finished-ours; wait 259140s", "lower finished-ours ttl=3600; wait 259140s",
    "lower finished-ours ttl=3600; wait 259140s", "wait 3540s",
])]
#[case::lowered_and_over("Complete", 7200, 3 * DAY, [
    "count finished-ours; wait 252000s", "lower finished-ours ttl=3600; wait 252000s",
    "lower finished-ours ttl=3600; wait 252000s", "delete finished-ours ttl=3600 by defaults",
])]
#[case::raised_before_expiry("Failed", 60, 600, [
    "count finished-ours; wait 540s", "raise finished-ours ttl=259200; wait 540s",
    "raise finished-ours ttl=259200; wait 540s", "raise finished-ours ttl=259200; wait 259140s",
])]
#[case::never_raised_after_expiry("Failed", 600, 600, [
    "count finished-ours", "count too-late", "count too-late", "count too-late; wait 258600s",
])]
fn finished_with_a_ttl_of_ours(
    #[case] outcome: &str,
    #[case] ago: i64,
    #[case] ttl: i64,
    #[case] expected: [&str; 4],
) {
    let case = Case::new(finished(outcome, ago, ours(ttl, Json::Null, "defaults")));
    assert_eq!(columns(&case, BY_OUTCOME), expected);
}

/// What cannot be written down is not written, and not tried again; a deletion writes nothing.
#[test]
fn annotations_without_room_for_a_record() {
    let full = || json!({"metadata": {"annotations": {"a": "x".repeat(262_143)}}});
    let ended = Case::new(finished("Complete", 2 * 3600, full()));
    assert_eq!(
        columns(&ended, HOUR),
        [
            "count finished-without",
            "count finished-without",
            "count no-room",
            "delete finished-without ttl=3600 by defaults",
        ]
    );
    let running = Case::new(job(full()));
    let [.., patch, delete] = columns(&running, HOUR);
    assert_eq!([patch, delete], ["count no-room", "count no-room"]);
    let cron = Case::new(cronjob(full()));
    let [.., patch, delete] = columns(&cron, "defaults: {history: {successful: 7}}\n");
    assert_eq!([patch, delete], ["count no-room", "count no-room"]);
}

/// Entries of settings that are left alone stay in the record, which may then be longer than the one
/// that was decided: what is written is what must fit.
#[test]
fn a_record_with_what_is_left_alone_must_fit() {
    let record =
        json!({"history.failed": [5, 1, "a".repeat(63)], "history.successful": [7, null, "r"]});
    let record = record.to_string();
    let free = 262_144 - "curfew.dev/applied".len() - record.len() - 1;
    let case = Case::new(cronjob(json!({
        "metadata": {"annotations": {"curfew.dev/applied": record, "a": "x".repeat(free)}},
        "spec": {"successfulJobsHistoryLimit": 7, "failedJobsHistoryLimit": 9},
    })));
    let rule = "b".repeat(52);
    let spec = format!(
        "limits: {{history: {{max: 8}}}}\nrules:\n  - {{name: {rule}, match: {{namespaces: [apps]}}, history: {{successful: 8}}}}\n"
    );
    let [_, marked, ..] = columns(&case, &spec);
    assert_eq!(marked, "count no-room; count cronjob");
}

#[test]
fn a_side_that_was_left_open_is_filled_at_the_finish() {
    let left_open = || {
        let record = json!({"ttl": [null, null, "defaults"]}).to_string();
        json!({"metadata": {"annotations": {"curfew.dev/applied": record}}})
    };
    let spec = "defaults: {ttl: {onSuccess: 1h, onFailure: unset}}\n";
    let succeeded = Case::new(finished("Complete", 60, left_open()));
    assert_eq!(
        columns(&succeeded, spec),
        [
            "count finished-ours",
            "set finished-ours ttl=3600",
            "set finished-ours ttl=3600",
            "wait 3540s",
        ]
    );
    let failed = Case::new(finished("Failed", 60, left_open()));
    assert_eq!(columns(&failed, spec), ["count no-ttl"; 4]);
}

#[rstest::rstest]
#[case::lowered(10 * DAY, 60, [
    "count finished-authors; wait 863940s", "count finished-authors; wait 863940s",
    "lower finished-authors ttl=604800; wait 863940s", "wait 604740s",
])]
#[case::raised(10, 5, [
    "count finished-authors; wait 5s", "count finished-authors; wait 5s",
    "raise finished-authors ttl=60; wait 5s", "raise finished-authors ttl=60; wait 55s",
])]
#[case::never_raised_after_expiry(10, 30, [
    "count finished-authors", "count finished-authors", "count too-late",
    "count too-late; wait 30s",
])]
fn finished_with_an_authors_ttl_outside_the_limits(
    #[case] ttl: i64,
    #[case] ago: i64,
    #[case] expected: [&str; 4],
) {
    let case =
        Case::new(finished("Complete", ago, json!({"spec": {"ttlSecondsAfterFinished": ttl}})));
    assert_eq!(columns(&case, "limits: {ttl: {min: 60s, max: 7d}}\n"), expected);
}

#[test]
fn what_git_holds_is_not_rewritten() {
    let tracked = |ttl: i64| {
        Case::new(finished(
            "Complete",
            60,
            json!({
                "metadata": {"labels": {"argocd.argoproj.io/instance": "shop"}},
                "spec": {"ttlSecondsAfterFinished": ttl},
            }),
        ))
    };
    let spec = "guards: {gitOpsTracked: Apply}\nlimits: {ttl: {min: 10m, max: 7d}}\n";
    assert_eq!(
        columns(&tracked(10 * DAY), spec)[2..],
        ["count tracked; wait 863940s", "wait 604740s"]
    );
    // A raise is a rewrite, too; the deletion still waits for the policy's word.
    assert_eq!(
        columns(&tracked(300), spec)[2..],
        ["count tracked; wait 240s", "count tracked; wait 540s"]
    );
}

#[rstest::rstest]
#[case::over(600, [
    "count expired", "count expired", "count expired", "delete expired ttl=300 by author",
])]
#[case::running_down(100, ["wait 200s"; 4])]
fn the_own_ttl(#[case] ago: i64, #[case] expected: [&str; 4]) {
    let case =
        Case::new(finished("Failed", ago, json!({"spec": {"ttlSecondsAfterFinished": 300}})));
    assert_eq!(columns(&case, HOUR), expected);
}

#[rstest::rstest]
#[case::ours(ours(7, Json::Null, "typo"), [
    "count unfinished-ours", "raise unfinished-ours ttl=3600", "raise unfinished-ours ttl=3600",
    "raise unfinished-ours ttl=3600",
])]
#[case::authors(json!({"spec": {"ttlSecondsAfterFinished": 7}}), [
    "count unfinished-authors", "count unfinished-authors", "raise unfinished-authors ttl=60",
    "raise unfinished-authors ttl=60",
])]
#[case::without(json!({}), [
    "count unfinished-without", "count unfinished-without", "set unfinished-without ttl=3600",
    "set unfinished-without ttl=3600",
])]
#[case::as_the_policy_wants_it(ours(3600, Json::Null, "defaults"), ["count agreed"; 4])]
#[case::declined_by_its_author(
    json!({"metadata": {"annotations": {"curfew.dev/applied": r#"{"ttl":[null,null,"author"]}"#}}}),
    ["count agreed"; 4])]
fn unfinished(#[case] fields: Json, #[case] expected: [&str; 4]) {
    let spec = format!("{HOUR}limits: {{ttl: {{min: 60s}}}}\n");
    assert_eq!(columns(&Case::new(job(fields)), &spec), expected);
}

fn held(until: &str, mut fields: Json) -> Json {
    let annotation = json!({"metadata": {"annotations": {"curfew.dev/hold-until": until}}});
    json_patch::merge(&mut fields, &annotation);
    fields
}

#[rstest::rstest]
#[case::longer_than_the_ttl("2026-11-22T12:00:00Z", [
    "count hold; wait 3540s", "raise hold ttl=86460; wait 3540s", "raise hold ttl=86460; wait 3540s",
    "raise hold ttl=86460; wait 86400s",
])]
#[case::shorter_than_the_ttl("2026-11-21T12:10:00Z", ["wait 3540s"; 4])]
#[case::no_longer_than_the_limit("2027-11-21T12:00:00Z", [
    "count hold; wait 3540s", "raise hold ttl=604800; wait 3540s",
    "raise hold ttl=604800; wait 3540s", "raise hold ttl=604800; wait 604740s",
])]
#[case::that_does_not_parse("soon", [
    "count hold; wait 3540s", "raise hold ttl=604800; wait 3540s",
    "raise hold ttl=604800; wait 3540s", "raise hold ttl=604800; wait 604740s",
])]
fn a_hold(#[case] until: &str, #[case] expected: [&str; 4]) {
    let case = Case::new(finished(
        "Complete",
        60,
        held(until, json!({"spec": {"ttlSecondsAfterFinished": 3600}})),
    ));
    assert_eq!(columns(&case, HOUR), expected);
}

/// A hold never shortens a life: what is longer than it is for the policy alone to lower.
#[test]
fn a_hold_that_is_shorter_than_an_authors_ttl_makes_it_no_ones() {
    let fields =
        held("2026-11-22T12:00:00Z", json!({"spec": {"ttlSecondsAfterFinished": 7 * DAY}}));
    let case = Case::new(finished("Complete", 60, fields));
    assert_eq!(
        columns(&case, "rules: [{name: all, ttl: 1h, enforce: true}]\n"),
        [
            "count finished-authors; wait 604740s",
            "count finished-authors; wait 604740s",
            "lower finished-authors ttl=86460; wait 604740s",
            "wait 86400s"
        ]
    );
}

#[test]
fn a_hold_delays_a_ttl_that_the_sweeper_alone_knows() {
    let case = Case::new(finished("Complete", DAY, held("2026-11-23T12:00:00Z", json!({}))));
    assert_eq!(columns(&case, HOUR)[3], "wait 172800s");
    let mut later = case.clone();
    later.now = "2026-11-23T12:00:00Z".parse().unwrap();
    let delete = policy(&format!("stored: {{action: Delete}}\n{HOUR}"));
    assert!(told(&later.judge(&delete)).starts_with("delete"));
}

#[test]
fn the_exact_value_of_a_hold_is_set_at_the_finish() {
    // While it ran, the hold raised to the limit whatever its date.
    let fields = held("2026-11-22T12:00:00Z", ours(7 * DAY, json!(3600), "hold"));
    let case = Case::new(finished("Complete", 60, fields));
    assert_eq!(columns(&case, HOUR)[1], "lower hold ttl=86460; wait 604740s");
}

#[rstest::rstest]
#[case::not_due(60, "lower hold ttl=3600; wait 3540s")]
#[case::due(7200, "delete hold ttl=3600 by author")]
fn a_released_hold_gives_the_ttl_back(#[case] ago: i64, #[case] under_delete: &str) {
    let case = Case::new(finished("Complete", ago, ours(7 * DAY, json!(3600), "hold")));
    let columns = columns(&case, HOUR);
    assert!(columns[1].starts_with("lower hold ttl=3600"), "{}", columns[1]);
    assert!(columns[2].starts_with("lower hold ttl=3600"), "{}", columns[2]);
    assert_eq!(columns[3], under_delete);
}

#[test]
fn a_hold_goes_past_exemptions_and_guards() {
    let fields = held(
        "2026-11-22T12:00:00Z",
        json!({
            "metadata": {"labels": {"keep": "yes"}}, "spec": {"ttlSecondsAfterFinished": 3600},
        }),
    );
    let case = Case::new(finished("Complete", 60, fields));
    let spec = format!("{HOUR}exempt: {{selectors: [{{matchLabels: {{keep: \"yes\"}}}}]}}\n");
    assert_eq!(columns(&case, &spec)[1..], ["raise hold ttl=86460; wait 3540s"; 3]);
}

#[rstest::rstest]
#[case::back_to_none(Json::Null, "take-back take-back ttl=none; wait 3000s")]
#[case::back_to_longer(json!(7200), "take-back take-back ttl=7200; wait 3000s")]
#[case::not_to_shorter(json!(60), "count exempt; wait 3000s")]
fn what_is_exempt_by_now_lives_longer_and_no_shorter(#[case] original: Json, #[case] acting: &str) {
    let mut fields = ours(3600, original, "defaults");
    fields["metadata"]["labels"] = json!({"keep": "yes"});
    let spec = format!("{HOUR}exempt: {{selectors: [{{matchLabels: {{keep: \"yes\"}}}}]}}\n");
    let case = Case::new(finished("Complete", 600, fields));
    assert_eq!(columns(&case, &spec)[1..], [acting; 3]);
}

#[rstest::rstest]
#[case::label(json!({"metadata": {"labels": {"keep": "yes"}}}), "exempt")]
#[case::helm_hook(json!({"metadata": {"annotations": {"helm.sh/hook": "test"}}}), "guarded")]
#[case::argo(json!({"metadata": {"labels": {"argocd.argoproj.io/instance": "a"}}}), "guarded")]
#[case::jobset(json!({"metadata": {"ownerReferences": [{"apiVersion": "jobset.x-k8s.io/v1alpha2",
    "kind": "JobSet", "name": "a", "uid": "j-1", "controller": true}]}}), "guarded")]
fn what_is_exempt_or_guarded_is_never_deleted(#[case] fields: Json, #[case] why: &str) {
    let delete = policy(
        "stored: {action: Delete}\ndefaults: {ttl: 0s}\nexempt: {selectors: [{matchLabels: {keep: \"yes\"}}]}\n",
    );
    for ttl in [Json::Null, json!(0)] {
        let mut fields = fields.clone();
        fields["spec"] = json!({"ttlSecondsAfterFinished": ttl});
        let case = Case::new(finished("Complete", 400 * DAY, fields));
        assert_eq!(told(&case.judge(&delete)), format!("count {why}"));
    }
}

// CronJobs and their families.

#[rstest::rstest]
#[case::nothing_of_ours(json!({}), [
    "count cronjob", "count cronjob", "raise cronjob ttl=3600,history.successful=5",
    "raise cronjob ttl=3600,history.successful=5",
])]
#[case::history_of_ours(
    json!({
        "metadata": {"annotations":
            {"curfew.dev/applied": r#"{"history.successful":[9,null,"old"]}"#}},
        "spec": {"successfulJobsHistoryLimit": 9},
    }),
    [
        "count cronjob", "raise cronjob history.successful=5; count cronjob",
        "raise cronjob ttl=3600,history.successful=5",
        "raise cronjob ttl=3600,history.successful=5",
    ])]
fn a_cronjobs_values(#[case] fields: Json, #[case] expected: [&str; 4]) {
    let spec = "defaults: {ttl: 1h, history: {successful: 5}}\n";
    let case = Case::new(cronjob(fields));
    assert_eq!(columns(&case, spec), expected);
}

#[test]
fn a_partial_write_leaves_the_other_entries_alone() {
    let object = cronjob(json!({
        "metadata": {"annotations": {"curfew.dev/applied":
            r#"{"history.failed":[1,1,"author"],"history.successful":[9,null,"old"]}"#}},
        "spec": {"successfulJobsHistoryLimit": 9},
    }));
    let case = Case::new(object);
    let marked =
        policy("stored: {action: Marked}\ndefaults: {ttl: 1h, history: {successful: 5}}\n");
    let judgement = case.judge(&marked);
    let Action::Patch { change, .. } = &judgement.actions[0] else { panic!("{judgement:?}") };
    assert_eq!(
        change.merge_patch(),
        json!({
            "metadata": {
                "uid": "c-1", "resourceVersion": "9",
                "annotations": {"curfew.dev/applied":
                    r#"{"history.failed":[1,1,"author"],"history.successful":[5,null,"defaults"]}"#},
            },
            "spec": {"successfulJobsHistoryLimit": 5},
        })
    );
}

#[test]
fn a_cronjob_with_an_operator_as_owner_keeps_its_values_and_its_jobs() {
    let fields = json!({"metadata": {"ownerReferences": [
        {"apiVersion": "example.com/v1", "kind": "Backup", "name": "b", "uid": "b-1", "controller": true}
    ]}});
    let owned = cronjob(fields);
    let delete =
        policy("stored: {action: Delete}\ndefaults: {ttl: 0s}\nlimits: {history: {max: 0}}\n");
    let old = child(finished("Complete", DAY, json!({})));
    let mut case = Case { children: vec![old.clone()], ..Case::new(owned.clone()) };
    assert_eq!(told(&case.judge(&delete)), "count guarded");
    case = Case { cronjob: Some(owned), ..Case::new(old) };
    assert_eq!(told(&case.judge(&delete)), "count guarded");
}

/// Finished children: name, start and end in seconds before now, outcome, more fields.
fn children(rows: &[(&str, i64, i64, &str, Json)]) -> Vec<Json> {
    let now: Timestamp = NOW.parse().unwrap();
    rows.iter()
        .map(|(name, start, end, outcome, fields)| {
            let mut job = child(finished(outcome, *end, fields.clone()));
            job["metadata"]["name"] = json!(name);
            job["metadata"]["uid"] = json!(format!("u-{name}"));
            let start = (now - SignedDuration::from_secs(*start)).to_string();
            job["status"]["startTime"] =
                if *name == "unstarted" { Json::Null } else { json!(start) };
            job
        })
        .collect()
}

fn pruned(case: &Case, policy: &Policy) -> Vec<String> {
    let name = |action: &Action| match action {
        Action::Delete { deletion, .. } => Some(deletion.identity.name.clone()),
        _ => None,
    };
    case.judge(policy).actions.iter().filter_map(name).collect()
}

#[test]
fn a_family_beyond_the_limit_is_pruned_in_upstreams_order() {
    let family = children(&[
        ("b", 500, 450, "Complete", json!({})),
        ("a", 500, 400, "Complete", json!({})),
        ("d", 300, 250, "Complete", json!({})),
        ("unstarted", 900, 900, "Complete", json!({})),
        ("f1", 700, 650, "Failed", json!({})),
        ("f2", 600, 550, "Failed", json!({})),
        ("f3", 400, 350, "Failed", json!({})),
    ]);
    // What Git holds is not rewritten: only the Jobs can be brought below the limit.
    let tracked = cronjob(json!({
        "metadata": {"labels": {"argocd.argoproj.io/instance": "shop"}},
        "spec": {"successfulJobsHistoryLimit": 50, "failedJobsHistoryLimit": 50},
    }));
    let case = Case { children: family, ..Case::new(tracked) };
    let spec = "limits: {history: {max: 2}}\n";
    let delete = policy(&format!("stored: {{action: Delete}}\n{spec}"));
    assert_eq!(pruned(&case, &delete), ["a", "b", "f1"]);
    assert_eq!(columns(&case, spec)[..3], ["count history"; 3]);
    // Where there may be others none goes, and the brake counts what would.
    let judgement = Case { is_whole: false, ..case }.judge(&delete);
    assert_eq!((told(&judgement), judgement.risks.len()), ("count history".to_owned(), 3));
}

#[test]
fn what_is_held_exempt_or_guarded_is_not_pruned_and_does_not_count() {
    let family = children(&[
        ("a", 900, 850, "Complete", held("2026-11-22T00:00:00Z", json!({}))),
        ("b", 800, 750, "Complete", json!({"metadata": {"labels": {"keep": "yes"}}})),
        ("c", 700, 650, "Complete", json!({"metadata": {"deletionTimestamp": NOW}})),
        ("d", 600, 550, "Complete", json!({})),
        ("e", 500, 450, "Complete", held("2026-11-20T00:00:00Z", json!({}))),
        ("f", 400, 350, "Complete", json!({"status": {"conditions": []}})),
    ]);
    let case = Case { children: family, ..Case::new(cronjob(json!({}))) };
    let delete = policy(
        "stored: {action: Delete}\nlimits: {history: {max: 1}}\nexempt: {selectors: [{matchLabels: {keep: \"yes\"}}]}\n",
    );
    assert_eq!(pruned(&case, &delete), ["d"]);
}

#[test]
fn a_lowered_history_limit_is_a_write_of_its_own_where_it_ends_jobs() {
    let family =
        children(&[("a", 900, 850, "Complete", json!({})), ("b", 800, 750, "Complete", json!({}))]);
    let patch = policy(
        "stored: {action: Patch}\nrules: [{name: few, match: {kinds: [CronJob]}, ttl: 1h, history: {successful: 1}, enforce: true}]\n",
    );
    let case = Case { children: family, ..Case::new(cronjob(json!({}))) };
    let judgement = case.judge(&patch);
    assert_eq!(told(&judgement), "raise cronjob ttl=3600; lower cronjob history.successful=1");
    assert_eq!(judgement.risks.len(), 1);
    // Where there may be others it is not lowered, and the brake counts what would end.
    let judgement = Case { is_whole: false, ..case.clone() }.judge(&patch);
    assert_eq!(told(&judgement), "raise cronjob ttl=3600; count cronjob");
    assert_eq!(judgement.risks.len(), 1);
    // Not known is not the same as none.
    let unknown = Case { is_whole: false, ..Case::new(case.object.clone()) };
    assert_eq!(told(&unknown.judge(&patch)), "raise cronjob ttl=3600; count cronjob");
    // Where none is ended, one write does.
    let alone = Case { children: Vec::new(), ..case };
    assert_eq!(told(&alone.judge(&patch)), "raise cronjob ttl=3600,history.successful=1");
}

// The delete contract.

#[rstest::rstest]
#[case::no_status(json!({"status": null}))]
#[case::running(json!({}))]
#[case::pending(json!({"status": {"active": null, "startTime": null}}))]
#[case::suspended(json!({"spec": {"suspend": true}, "status": {"conditions": [
    {"type": "Suspended", "status": "True", "lastTransitionTime": "2020-01-01T00:00:00Z"}]}}))]
#[case::success_criteria_met_only(json!({"status": {"conditions": [
    {"type": "SuccessCriteriaMet", "status": "True", "lastTransitionTime": "2020-01-01T00:00:00Z"}]}}))]
#[case::failure_target_only(json!({"status": {"conditions": [
    {"type": "FailureTarget", "status": "True", "lastTransitionTime": "2020-01-01T00:00:00Z"}]}}))]
#[case::complete_false(json!({"status": {"conditions": [
    {"type": "Complete", "status": "False", "lastTransitionTime": "2020-01-01T00:00:00Z"}]}}))]
#[case::failed_unknown(json!({"status": {"conditions": [
    {"type": "Failed", "status": "Unknown", "lastTransitionTime": "2020-01-01T00:00:00Z"}]}}))]
#[case::another_letter_case(json!({"status": {"conditions": [
    {"type": "complete", "status": "true", "lastTransitionTime": "2020-01-01T00:00:00Z"}]}}))]
#[case::unknown_condition(json!({"status": {"conditions": [
    {"type": "example.com/Done", "status": "True", "lastTransitionTime": "2020-01-01T00:00:00Z"}]}}))]
#[case::by_its_counters(json!({"status": {"succeeded": 5, "failed": 3, "completionTime": "2020-01-01T00:00:00Z"}}))]
#[case::completions_unset(json!({"spec": {"completions": null, "parallelism": 3}, "status": {"succeeded": 2}}))]
#[case::a_work_queue(json!({"spec": {"parallelism": 8}, "status": {"succeeded": 7, "active": 1}}))]
#[case::indexed(json!({"spec": {"completionMode": "Indexed", "completions": 5},
    "status": {"succeeded": 5, "completedIndexes": "0-4"}}))]
#[case::success_policy(json!({"spec": {"completionMode": "Indexed", "completions": 5,
    "successPolicy": {"rules": [{"succeededCount": 1}]}}, "status": {"succeeded": 1, "conditions": [
    {"type": "SuccessCriteriaMet", "status": "True", "lastTransitionTime": "2020-01-01T00:00:00Z"}]}}))]
#[case::pod_failure_policy(json!({"spec": {"podFailurePolicy": {"rules": []}}, "status": {"failed": 9}}))]
#[case::backoff_per_index(json!({"spec": {"completionMode": "Indexed", "backoffLimitPerIndex": 0,
    "maxFailedIndexes": 1}, "status": {"failedIndexes": "0-3"}}))]
fn an_unfinished_job_survives_a_ttl_of_zero_at_any_age(#[case] fields: Json) {
    let delete =
        policy("stored: {action: Delete}\ndefaults: {ttl: 0s}\nlimits: {ttl: {max: 0s}}\n");
    let mut case = Case::new(job(fields));
    case.object["metadata"]["creationTimestamp"] = json!("2015-01-01T00:00:00Z");
    for ttl in [Json::Null, json!(0)] {
        case.object["spec"]["ttlSecondsAfterFinished"] = ttl;
        let judgement = case.judge(&delete);
        assert!(!told(&judgement).contains("delete"), "{judgement:?}");
        assert!(judgement.risks.is_empty());
    }
}

#[rstest::rstest]
#[case::completions_unset(json!({"completions": null, "parallelism": 3}))]
#[case::indexed(json!({"completionMode": "Indexed", "completions": 5}))]
#[case::success_policy(json!({"completionMode": "Indexed", "completions": 5, "successPolicy": {"rules": []}}))]
#[case::pod_failure_policy(json!({"podFailurePolicy": {"rules": []}}))]
#[case::backoff_per_index(json!({"completionMode": "Indexed", "backoffLimitPerIndex": 0}))]
#[case::managed_by_another(json!({"managedBy": "example.com/controller"}))]
#[case::suspend_set_after_the_end(json!({"suspend": true}))]
fn any_shape_of_job_is_due_once_it_is_finished(#[case] spec: Json) {
    let delete = policy(&format!("stored: {{action: Delete}}\n{HOUR}"));
    for outcome in ["Complete", "Failed"] {
        let mut fields = json!({});
        fields["spec"] = spec.clone();
        let case = Case::new(finished(outcome, 2 * 3600, fields));
        assert!(told(&case.judge(&delete)).starts_with("delete finished-without"));
    }
}

#[test]
fn the_first_true_condition_in_the_list_decides() {
    let mut object = finished("Complete", 60, json!({}));
    object["status"]["conditions"] = json!([
        {"type": "SuccessCriteriaMet", "status": "True", "lastTransitionTime": "2020-01-01T00:00:00Z"},
        {"type": "Failed", "status": "False", "lastTransitionTime": "2020-01-01T00:00:00Z"},
        {"type": "Complete", "status": "True", "lastTransitionTime": "2026-11-21T11:59:00Z"},
        {"type": "Failed", "status": "True", "lastTransitionTime": "2020-01-01T00:00:00Z"},
    ]);
    let delete = policy(&format!("stored: {{action: Delete}}\n{HOUR}"));
    assert_eq!(told(&Case::new(object).judge(&delete)), "wait 3540s");
}

#[rstest::rstest]
#[case::absent(Json::Null, "count no-finish-time")]
#[case::no_time(json!("yesterday"), "count no-finish-time")]
#[case::in_the_future(json!("2026-11-21T13:00:00Z"), "wait 3600s")]
fn an_odd_finish_time(#[case] time: Json, #[case] expected: &str) {
    let mut object = finished("Complete", 60, json!({"spec": {"ttlSecondsAfterFinished": 0}}));
    object["status"]["conditions"][0]["lastTransitionTime"] = time;
    let delete = policy("stored: {action: Delete}\ndefaults: {ttl: 0s}\n");
    assert_eq!(told(&Case::new(object).judge(&delete)), expected);
}

#[rstest::rstest]
#[case::int32_max(json!(i32::MAX), "wait 2147483587s")]
#[case::beyond_int32(json!(1_i64 << 40), "count bad-ttl")]
#[case::beyond_all_time(json!(i64::MAX), "count bad-ttl")]
#[case::negative(json!(-5), "count bad-ttl")]
fn an_odd_ttl(#[case] ttl: Json, #[case] expected: &str) {
    let object = finished("Complete", 60, json!({"spec": {"ttlSecondsAfterFinished": ttl}}));
    let delete = policy("stored: {action: Delete}\n");
    assert_eq!(told(&Case::new(object).judge(&delete)), expected);
}

#[rstest::rstest]
#[case::nonsense("x")]
#[case::too_long(&"x".repeat(3000))]
#[case::an_original_that_the_api_refuses(r#"{"ttl":[86400,-1,"defaults"]}"#)]
#[case::for_another_value(r#"{"ttl":[300,0,"defaults"]}"#)]
fn a_forged_record_ends_nothing(#[case] record: &str) {
    let object = finished(
        "Complete",
        3600,
        json!({
            "metadata": {"annotations": {"curfew.dev/applied": record}},
            "spec": {"ttlSecondsAfterFinished": 86400},
        }),
    );
    let delete = policy("stored: {action: Delete}\ndefaults: {ttl: 1s}\n");
    assert_eq!(told(&Case::new(object).judge(&delete)), "wait 82800s");
}

#[test]
fn a_deletion_is_bound_to_the_object_that_was_judged() {
    let case = Case::new(finished("Failed", 2 * 3600, json!({})));
    let spec = format!("stored: {{action: Delete, propagation: Foreground}}\n{HOUR}");
    let foreground = policy(&spec);
    let judgement = case.judge(&foreground);
    let [Action::Delete { deletion, .. }] = judgement.actions.as_slice() else {
        panic!("{judgement:?}")
    };
    assert_eq!(deletion.identity.uid, "u-1");
    assert_eq!(deletion.identity.resource_version, "7");
    assert_eq!(deletion.due.to_string(), "2026-11-21T11:00:00Z");
    assert_eq!(deletion.propagation.as_str(), "Foreground");
    for member in ["uid", "resourceVersion"] {
        for missing in [Json::Null, json!("")] {
            let mut case = case.clone();
            json_patch::merge(&mut case.object, &json!({"metadata": {member: missing}}));
            assert_eq!(told(&case.judge(&foreground)), "count no-identity");
        }
    }
}

#[test]
fn a_write_carries_the_record_and_the_identity() {
    let case = Case::new(finished("Complete", 60, ours(3 * DAY, Json::Null, "old")));
    let marked = policy(&format!("stored: {{action: Marked}}\n{BY_OUTCOME}"));
    let judgement = case.judge(&marked);
    let Action::Patch { change, .. } = &judgement.actions[0] else { panic!("{judgement:?}") };
    assert_eq!(change.direction, Direction::Lower);
    assert_eq!(
        change.merge_patch(),
        json!({
            "metadata": {
                "uid": "u-1", "resourceVersion": "7",
                "annotations": {"curfew.dev/applied": r#"{"ttl":[3600,null,"defaults"]}"#},
            },
            "spec": {"ttlSecondsAfterFinished": 3600},
        })
    );
    // Applied, it leaves nothing to be done.
    let mut after = case.clone();
    json_patch::merge(&mut after.object, &change.merge_patch());
    assert_eq!(told(&after.judge(&marked)), "wait 3540s");
}

#[test]
fn a_terminating_job_is_left_alone_and_told_when_it_hangs() {
    let going = |since: &str| {
        Case::new(finished(
            "Complete",
            DAY,
            json!({"metadata": {
                "deletionTimestamp": since, "finalizers": ["foregroundDeletion", "example.com/x"],
            }}),
        ))
    };
    let delete = policy(&format!("stored: {{action: Delete}}\n{HOUR}"));
    assert_eq!(told(&going("2026-11-21T11:51:00Z").judge(&delete)), "wait 60s");
    let stuck = going("2026-11-21T11:50:00Z").judge(&delete);
    let names = ["foregroundDeletion", "example.com/x"].map(str::to_owned).to_vec();
    assert_eq!(*stuck.reason(), Reason::Stuck(names));
    assert_eq!(told(&going("?").judge(&delete)), "count terminating");
    let mut system = going("2026-11-21T11:50:00Z");
    system.namespace = "kube-system".to_owned();
    assert_eq!(told(&system.judge(&delete)), "count never-considered");
}

#[rstest::rstest]
#[case::off("mode: Off\n", "count off")]
#[case::dry_run("mode: DryRun\n", "count finished-without")]
#[case::off_by_a_rule("rules: [{name: a, match: {namespaces: [apps]}, mode: Off}]\n", "count off")]
#[case::report_by_a_rule(
    "rules: [{name: a, match: {namespaces: [apps]}, stored: Report}]\n",
    "count finished-without"
)]
#[case::selected("", "delete finished-without ttl=3600 by defaults")]
fn mode_and_action_may_stand_in_rules(#[case] spec: &str, #[case] expected: &str) {
    let policy = policy(&format!("stored: {{action: Delete}}\n{HOUR}{spec}"));
    let case = Case::new(finished("Complete", 2 * 3600, json!({})));
    assert_eq!(told(&case.judge(&policy)), expected);
}

#[test]
fn the_selector_is_an_opt_in() {
    let policy = policy(&format!(
        "stored: {{action: Delete, selector: {{matchLabels: {{cleanup-policy: auto}}}}}}\n{HOUR}"
    ));
    let labelled =
        finished("Complete", 2 * 3600, json!({"metadata": {"labels": {"cleanup-policy": "auto"}}}));
    assert!(told(&Case::new(labelled).judge(&policy)).starts_with("delete"));
    let other = Case::new(finished("Complete", 2 * 3600, json!({})));
    assert_eq!(told(&other.judge(&policy)), "count not-selected");
    // A family has the labels of its CronJob.
    let family = Case {
        cronjob: Some(cronjob(json!({"metadata": {"labels": {"cleanup-policy": "auto"}}}))),
        ..Case::new(child(finished("Complete", 2 * 3600, json!({}))))
    };
    assert!(told(&family.judge(&policy)).starts_with("delete"));
}

/// A Job that came before its namespace was known, and is ours by an entry alone.
#[rstest::rstest]
#[case::finished("dev", claimed(Some(60)), TIERS, [
    "count finished-ours", "set finished-ours ttl=3600", "set finished-ours ttl=3600", "wait 3540s",
])]
#[case::finished_and_due("dev", claimed(Some(2 * 3600)), TIERS, [
    "count finished-ours", "set finished-ours ttl=3600", "set finished-ours ttl=3600",
    "delete finished-ours ttl=3600 by dev",
])]
#[case::unfinished("dev", claimed(None), TIERS, [
    "count unfinished-ours", "set unfinished-ours ttl=3600", "set unfinished-ours ttl=3600",
    "set unfinished-ours ttl=3600",
])]
#[case::nothing_is_said("test", claimed(Some(DAY)), TIERS, UNCLAIMED)]
#[case::nothing_is_said_of_what_runs("test", claimed(None), TIERS, UNCLAIMED)]
#[case::exempt("prod", claimed(Some(DAY)), TIERS, UNCLAIMED)]
#[case::off("off", claimed(Some(DAY)), TIERS, ["count off"; 4])]
#[case::dry_run("dry", claimed(Some(DAY)), TIERS, ["count finished-ours"; 4])]
#[case::unset_on_this_side("dev", claimed(Some(DAY)), FAILURES, ["count no-ttl"; 4])]
fn what_came_before_its_namespace_was_known(
    #[case] tier: &'static str,
    #[case] job: Json,
    #[case] spec: &str,
    #[case] expected: [&str; 4],
) {
    let mut case = Case::new(job);
    assert_eq!(columns(&case, spec), ["count unknown-namespace"; 4]);
    case.namespace_labels = Some(vec![("tier", tier)]);
    assert_eq!(columns(&case, spec), expected);
}

/// The entry of another rule that left the TTL open, such as a copy brings, is no better; that its author
/// wants no TTL stays true.
#[rstest::rstest]
#[case::another_rule("old", UNCLAIMED)]
#[case::its_author("author", ["count no-ttl"; 4])]
fn an_open_entry_stays_only_where_the_policy_says_so(
    #[case] rule: &str,
    #[case] expected: [&str; 4],
) {
    let entry = format!(r#"{{"ttl":[null,null,"{rule}"]}}"#);
    let job = finished(
        "Complete",
        DAY,
        json!({"metadata": {"annotations": {"curfew.dev/applied": entry}}}),
    );
    let case = Case { namespace_labels: Some(vec![("tier", "test")]), ..Case::new(job) };
    assert_eq!(columns(&case, TIERS), expected);
}

/// Nothing but the entry goes, and it goes once.
#[test]
fn an_entry_that_is_taken_back_leaves_no_trace() {
    let policy = policy(&format!("stored: {{action: Marked}}\n{TIERS}"));
    let mut case = Case::new(claimed(Some(DAY)));
    case.namespace_labels = Some(vec![("tier", "test")]);
    let Some(Action::Patch { change, .. }) = case.judge(&policy).actions.pop() else { panic!() };
    assert_eq!(
        change.merge_patch(),
        json!({"metadata": {
            "uid": "u-1", "resourceVersion": "7", "annotations": {"curfew.dev/applied": null},
        }})
    );
    assert!(!change.shortens());
    json_patch::merge(&mut case.object, &change.merge_patch());
    assert_eq!(told(&case.judge(&policy)), "count no-ttl");
}

#[test]
fn a_hold_counts_for_what_came_before_its_namespace_was_known() {
    let policy = policy(&format!("stored: {{action: Marked}}\n{TIERS}"));
    let mut job = claimed(Some(2 * 3600));
    let hold =
        json!({"metadata": {"annotations": {"curfew.dev/hold-until": "2026-11-22T12:00:00Z"}}});
    json_patch::merge(&mut job, &hold);
    let mut case = Case::new(job);
    case.namespace_labels = Some(vec![("tier", "dev")]);
    assert_eq!(told(&case.judge(&policy)), format!("set finished-ours ttl={}", 2 * 3600 + DAY));
}

fn claimed(finished_ago: Option<i64>) -> Json {
    let entry = r#"{"ttl":[null,null,"unknown-namespace"]}"#;
    let fields = json!({"metadata": {"annotations": {"curfew.dev/applied": entry}}});
    match finished_ago {
        Some(ago) => finished("Complete", ago, fields),
        None => job(fields),
    }
}

const UNCLAIMED: [&str; 4] =
    ["count unclaimed", "take-back unclaimed ", "take-back unclaimed ", "take-back unclaimed "];

const TIERS: &str = "\
exempt: {namespaceSelector: {matchLabels: {tier: prod}}}
rules:
  - {name: off, match: {namespaceSelector: {matchLabels: {tier: off}}}, mode: Off}
  - {name: dry, match: {namespaceSelector: {matchLabels: {tier: dry}}}, mode: DryRun}
  - {name: dev, match: {namespaceSelector: {matchExpressions: [{key: tier, operator: In, values: [dev, dry, prod]}]}}, ttl: 1h}
";

const FAILURES: &str = "\
rules:
  - {name: dev, match: {namespaceSelector: {matchLabels: {tier: dev}}}, ttl: {onSuccess: unset, onFailure: 3d}}
";

#[test]
fn what_is_not_known_is_waited_for() {
    let by_labels = policy(
        "stored: {action: Delete}\nrules: [{name: a, match: {namespaceSelector: {matchLabels: {tier: dev}}}, ttl: 0s}]\n",
    );
    let mut case = Case::new(finished("Complete", 3600, json!({})));
    assert_eq!(told(&case.judge(&by_labels)), "count unknown-namespace");
    assert!(case.judge(&by_labels).is_unknown(false));
    case.namespace_labels = Some(vec![("tier", "dev")]);
    assert_eq!(told(&case.judge(&by_labels)), "delete finished-without ttl=0 by a");
    let delete = policy(&format!("stored: {{action: Delete}}\n{HOUR}"));
    let orphan = Case::new(child(finished("Complete", DAY, json!({}))));
    assert_eq!(told(&orphan.judge(&delete)), "count unknown-cronjob");
    // It never will be due, and is nothing to the brake.
    assert!(!orphan.judge(&delete).is_unknown(false));
    // Unless its CronJob is there and cannot be read.
    assert!(orphan.judge(&delete).is_unknown(true));
    let running = Case::new(child(job(json!({}))));
    assert!(!running.judge(&delete).is_unknown(true));
}

#[test]
fn who_is_reverted_three_times_stops_writing_and_goes_on_deleting() {
    let mut case = Case::new(finished("Complete", 60, ours(3 * DAY, Json::Null, "old")));
    case.flapping = true;
    assert_eq!(
        columns(&case, BY_OUTCOME)[1..],
        ["count flapping; wait 259140s", "count flapping; wait 259140s", "wait 3540s"]
    );
    case.now += SignedDuration::from_hours(2);
    assert!(columns(&case, BY_OUTCOME)[3].starts_with("delete"));
}

#[rstest::rstest]
#[case::three_within_ten_minutes(&[0, 240, 480], true)]
#[case::two(&[0, 240], false)]
#[case::three_over_a_longer_time(&[0, 240, 700], false)]
#[case::the_last_three_count(&[0, 700, 900, 1100], true)]
fn flapping(#[case] reverts: &[u64], #[case] expected: bool) {
    use curfew::policy::{Setting, Value};
    let mut flaps = Flaps::new();
    for after in reverts {
        let now = Duration::from_secs(*after);
        flaps.wrote("x", Setting::Ttl, Value::Number(60), now);
        // Seen as we wrote it: no revert. Seen twice otherwise: one revert.
        flaps.seen(&"x", |_| Some(Value::Number(60)), now);
        flaps.seen(&"x", |_| Some(Value::Number(7)), now);
        flaps.seen(&"x", |_| Some(Value::Number(7)), now);
        // Another value with a record of it: a person held the Job with our own command.
        flaps.wrote("held", Setting::Ttl, Value::Number(60), now);
        flaps.seen(&"held", |_| None, now);
    }
    assert_eq!(flaps.is_stopped(&"x"), expected);
    assert!(!flaps.is_stopped(&"y") && !flaps.is_stopped(&"held"));
    flaps.tidy(Duration::from_secs(7_200));
    assert_eq!(flaps.is_stopped(&"x"), expected);
    flaps.forget(&"x");
    assert!(!flaps.is_stopped(&"x"));
}
