//! A Job that comes before its namespace is known gets the entry that makes it ours, and nothing else
//! (point 14).

use curfew::batch::annotation::MOST_BYTES;
use curfew::policy::decide::Verdict;
use serde_json::{Value as Json, json};

use super::case::{Case, child, cronjob, finished, job, merge, policy};

const CLAIM: &str = r#"{"ttl":[null,null,"unknown-namespace"]}"#;

/// A rule for some namespaces; what follows it goes into the same list.
const TEAM: &str = "rules:\n  - name: team\n    match: {namespaceSelector: {matchLabels: {team: a}}}\n    ttl: 1h\n";

fn annotated(key: &str, value: &str) -> Json {
    json!({"metadata": {"annotations": {key: value}}})
}

fn recorded(record: &str) -> Json {
    job(&annotated("curfew.dev/applied", record))
}

fn with_ttl(mut job: Json, ttl: i64) -> Json {
    merge(&mut job, &json!({"spec": {"ttlSecondsAfterFinished": ttl}}));
    job
}

fn touched(object: &Json) -> Json {
    let mut touched = object.clone();
    merge(&mut touched, &json!({"metadata": {"labels": {"touched": "yes"}}}));
    touched
}

#[test]
fn a_new_job_becomes_ours_and_nothing_else() {
    let policy = policy(TEAM);
    let born = Case::create(&policy, job(&json!({}))).decide();
    assert_eq!((born.verdict.clone(), born.ttl()), (Verdict::UnknownNamespace, None));
    assert_eq!((born.record(), born.warnings.len()), (Some(CLAIM), 0));
    let mut same = born.after.clone();
    merge(&mut same, &json!({"metadata": {"annotations": null}}));
    assert_eq!(same, job(&json!({})));
    // Neither a reinvocation nor an update has anything to add.
    assert!(!Case::create(&policy, born.after.clone()).decide().changed);
    assert!(!Case::update(&policy, born.after.clone(), touched(&born.after)).decide().changed);
    // The sweeper waits.
    assert!(!Case::stored(&policy, born.after).decide().changed);
    assert!(!Case::stored(&policy, job(&json!({}))).decide().changed);
}

/// With the labels, it is what it would have been from the start.
#[rstest::rstest]
#[case::the_rule_matches("a", Some(3600), Some(r#"{"ttl":[3600,null,"team"]}"#))]
#[case::nothing_is_said("b", None, None)]
fn the_next_update_finds_it_as_new(
    #[case] team: &str,
    #[case] ttl: Option<i64>,
    #[case] record: Option<&str>,
) {
    let policy = policy(TEAM);
    let born = Case::create(&policy, job(&json!({}))).decide().after;
    let labels = Some(vec![("team", team)]);
    let update = Case::update(&policy, born.clone(), touched(&born));
    let later = Case { namespace_labels: labels, ..update }.decide();
    assert_eq!((later.verdict.clone(), later.ttl()), (Verdict::Considered, ttl));
    assert_eq!(later.record(), record);
}

/// What makes a policy leave a Job alone whatever the labels are makes this one do so.
#[rstest::rstest]
#[case::a_ttl_of_its_author(with_ttl(job(&json!({})), 60), TEAM.to_owned())]
#[case::an_exempt_namespace(job(&json!({})), format!("exempt: {{namespaces: [apps]}}\n{TEAM}"))]
#[case::an_exempt_label(
    job(&json!({"metadata": {"labels": {"keep": "yes"}}})),
    format!("exempt: {{selectors: [{{matchLabels: {{keep: \"yes\"}}}}]}}\n{TEAM}"),
)]
#[case::a_guard(job(&annotated("helm.sh/hook", "test")), TEAM.to_owned())]
#[case::a_guard_that_may_skip(
    job(&annotated("helm.sh/hook", "test")),
    format!("guards: {{deployHooks: Skip}}\n{TEAM}    guards: {{deployHooks: Apply}}\n"),
)]
#[case::a_guard_that_may_apply(
    job(&annotated("helm.sh/hook", "test")),
    format!("guards: {{deployHooks: Apply}}\n{TEAM}    guards: {{deployHooks: Skip}}\n"),
)]
#[case::no_ttl_from_anybody(job(&json!({})), TEAM.replace("ttl: 1h", "limits: {ttl: {max: 1h}}"))]
#[case::no_ttl_on_purpose(
    job(&json!({})),
    TEAM.replace("rules:\n", "rules:\n  - {name: none, match: {kinds: [Job]}, ttl: unset}\n") + "    stored: Patch\n",
)]
#[case::perhaps_a_dry_run(job(&json!({})), format!("{TEAM}    mode: DryRun\n"))]
#[case::perhaps_off(job(&json!({})), format!("{TEAM}    mode: Off\n"))]
#[case::perhaps_not_off(job(&json!({})), format!("mode: DryRun\n{TEAM}    mode: Enforce\n"))]
#[case::a_cronjob(cronjob(&json!({})), TEAM.to_owned())]
fn what_is_left_alone_anyway_gets_no_entry(#[case] object: Json, #[case] spec: String) {
    let policy = policy(&spec);
    let outcome = Case::create(&policy, object.clone()).decide();
    assert_eq!((outcome.verdict, outcome.changed), (Verdict::UnknownNamespace, false));
    assert_eq!(outcome.after, object);
}

/// The counterparts of the rows above.
#[rstest::rstest]
#[case::an_exemption_by_labels("exempt: {namespaceSelector: {matchLabels: {keep: \"yes\"}}}\ndefaults: {ttl: 1h}\n".to_owned())]
#[case::another_guard(format!("guards: {{ownedByOther: Skip}}\n{TEAM}"))]
#[case::a_ttl_for_the_others(TEAM.replace("ttl: 1h", "ttl: unset") + "defaults: {ttl: 1h}\n")]
#[case::a_hold(format!("{TEAM}    limits: {{hold: 1d}}\n"))]
#[case::a_mode_that_is_sure(
    TEAM.replace("rules:\n", "rules:\n  - {name: first, match: {kinds: [Job]}, mode: Enforce}\n") + "    mode: Off\n",
)]
fn where_the_policy_may_say_something_it_gets_one(#[case] spec: String) {
    let policy = policy(&spec);
    let held = job(&annotated("curfew.dev/hold-until", "2026-12-01T00:00:00Z"));
    let outcome = Case::create(&policy, held).decide();
    assert_eq!((outcome.verdict.clone(), outcome.ttl()), (Verdict::UnknownNamespace, None));
    assert_eq!(outcome.record(), Some(CLAIM));
}

#[test]
fn a_guard_on_floor_keeps_no_job_from_us() {
    let policy = policy(&format!("guards: {{deployHooks: Floor}}\n{TEAM}"));
    let hook = job(&annotated("helm.sh/hook", "test"));
    assert_eq!(Case::create(&policy, hook).decide().record(), Some(CLAIM));
}

/// The labels no longer matter then.
#[test]
fn a_mode_that_is_off_for_sure_is_off() {
    let off = "rules:\n  - {name: off, match: {namespaces: [apps]}, mode: Off}\n";
    let policy = policy(&TEAM.replace("rules:\n", off));
    let outcome = Case::create(&policy, job(&json!({}))).decide();
    assert_eq!((outcome.verdict, outcome.changed), (Verdict::Off, false));
}

/// A Job of a family comes with the template's value and record, or with none: then it is a Job like
/// any other.
#[test]
fn a_job_of_a_family_is_marked_by_itself() {
    let policy = policy(TEAM);
    let known = |object: Json| {
        Case { cronjob: Some(cronjob(&json!({}))), ..Case::create(&policy, object) }.decide()
    };
    assert_eq!(known(child(&json!({}))).record(), Some(CLAIM));
    let mut inherited = child(&annotated("curfew.dev/applied", r#"{"ttl":[900,null,"old"]}"#));
    inherited = with_ttl(inherited, 900);
    assert!(!known(inherited).changed);
    let open = child(&annotated("curfew.dev/applied", r#"{"ttl":[null,null,"old"]}"#));
    assert_eq!(known(open).record(), Some(CLAIM));
}

/// A copy of a Job brings an entry that was written for the other one.
#[rstest::rstest]
#[case::the_policy_may_say_something(TEAM.to_owned(), Some(CLAIM))]
#[case::the_policy_says_nothing(TEAM.replace("ttl: 1h", "limits: {ttl: {max: 1h}}"), None)]
fn an_entry_of_another_job_does_not_count(#[case] spec: String, #[case] record: Option<&str>) {
    let policy = policy(&spec);
    for brought in ["old", "author"] {
        let copy = recorded(&format!(r#"{{"ttl":[null,null,"{brought}"]}}"#));
        let outcome = Case::create(&policy, copy.clone()).decide();
        assert_eq!(
            (outcome.verdict.clone(), outcome.record()),
            (Verdict::UnknownNamespace, record)
        );
        // With its TTL it is a restored Job, of which nothing is known yet.
        let restored = with_ttl(recorded(r#"{"ttl":[60,null,"old"]}"#), 60);
        assert!(!Case::create(&policy, restored).decide().changed);
        // An update is of the same object.
        assert!(!Case::update(&policy, copy.clone(), touched(&copy)).decide().changed);
    }
}

#[test]
fn an_update_marks_what_still_runs() {
    let policy = policy(TEAM);
    let old = job(&json!({}));
    assert_eq!(Case::update(&policy, old.clone(), touched(&old)).decide().record(), Some(CLAIM));
    let ended = finished("Complete", old);
    assert!(!Case::update(&policy, ended.clone(), touched(&ended)).decide().changed);
    // What is no record goes, as it would with the labels; other entries stay.
    let junk = recorded("nonsense");
    assert_eq!(Case::update(&policy, junk.clone(), touched(&junk)).decide().record(), Some(CLAIM));
    let other = recorded(r#"{"deadlines.active":[60,null,"old"]}"#);
    assert_eq!(
        Case::update(&policy, other.clone(), touched(&other)).decide().record(),
        Some(r#"{"deadlines.active":[60,null,"old"],"ttl":[null,null,"unknown-namespace"]}"#)
    );
}

/// Whoever takes a TTL away means it, whether the labels are known or not.
#[test]
fn a_ttl_that_its_author_takes_away_stays_away() {
    let policy = policy(TEAM);
    let before = with_ttl(recorded(r#"{"ttl":[60,null,"team"]}"#), 60);
    let without = recorded(r#"{"ttl":[60,null,"team"]}"#);
    let removed = Case::update(&policy, before, without).decide();
    assert_eq!(removed.record(), Some(r#"{"ttl":[null,null,"author"]}"#));
    let labels = Some(vec![("team", "a")]);
    let update = Case::update(&policy, removed.after.clone(), touched(&removed.after));
    assert_eq!(Case { namespace_labels: labels, ..update }.decide().ttl(), None);
}

/// A client that sets the annotations wholesale loses the record, and our value would pass for its
/// author's.
#[rstest::rstest]
#[case::a_value(with_ttl(recorded(r#"{"ttl":[60,null,"team"]}"#), 60))]
#[case::an_entry(recorded(CLAIM))]
#[case::of_a_finished_job(finished(
    "Complete",
    with_ttl(recorded(r#"{"ttl":[60,null,"team"]}"#), 60)
))]
fn a_record_that_an_update_loses_is_put_back(#[case] old: Json) {
    let policy = policy(TEAM);
    let mut bare = old.clone();
    merge(&mut bare, &json!({"metadata": {"annotations": null}}));
    assert_eq!(Case::update(&policy, old.clone(), bare).decide().after, old);
}

/// The sweeper takes the entry back where the policy says nothing, and every replica lets it do so.
#[test]
fn an_entry_that_goes_from_a_finished_job_stays_away() {
    let policy = policy(TEAM);
    let old = finished("Complete", recorded(CLAIM));
    let mut bare = old.clone();
    merge(&mut bare, &json!({"metadata": {"annotations": null}}));
    for namespace_labels in [None, Some(vec![("team", "a")]), Some(vec![("team", "b")])] {
        let update = Case::update(&policy, old.clone(), bare.clone());
        assert!(!Case { namespace_labels, ..update }.decide().changed);
    }
}

#[test]
fn without_room_for_the_entry_there_is_none() {
    let policy = policy(TEAM);
    for (over, record) in [(0, Some(CLAIM)), (1, None)] {
        let rest = MOST_BYTES - "curfew.dev/applied".len() - CLAIM.len() - 1 + over;
        let outcome = Case::create(&policy, job(&annotated("a", &"x".repeat(rest)))).decide();
        assert_eq!(outcome.record(), record);
    }
}
