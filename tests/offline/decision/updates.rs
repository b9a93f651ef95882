//! Point 11: updates.

use curfew::policy::decide::Verdict;
use serde_json::{Value as Json, json};

use super::case::{Case, DEV, cronjob, dev, finished, job, merge, policy};

#[test]
fn a_finished_job_is_not_touched_by_a_label() {
    let policy = policy("defaults: {ttl: 1s}\n");
    let before = finished("Complete", job(&json!({})));
    let mut after = before.clone();
    merge(&mut after, &json!({"metadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}}}));
    assert!(!Case::update(&policy, before.clone(), after).decide().changed);
    // The sweeper sees it as due all the same.
    assert_eq!(Case::stored(&policy, before).decide().ttl(), Some(1));
}

#[test]
fn a_finished_job_that_turns_out_exempt_gets_its_own_ttl_back_only_if_longer() {
    let policy = policy("exempt: {selectors: [{matchLabels: {keep: \"yes\"}}]}\n");
    let ours = |original: Json| {
        let record = json!({"ttl": [300, original, "dev"]}).to_string();
        finished(
            "Complete",
            job(&json!({
                "metadata": {"annotations": {"curfew.dev/applied": record}},
                "spec": {"ttlSecondsAfterFinished": 300},
            })),
        )
    };
    let keep = |mut object: Json| {
        merge(&mut object, &json!({"metadata": {"labels": {"keep": "yes"}}}));
        object
    };
    let forever = Case::update(&policy, ours(Json::Null), keep(ours(Json::Null))).decide();
    assert_eq!((forever.ttl(), forever.record()), (None, None));
    let longer = Case::update(&policy, ours(900.into()), keep(ours(900.into()))).decide();
    assert_eq!(longer.ttl(), Some(900));
    let shorter = Case::update(&policy, ours(10.into()), keep(ours(10.into()))).decide();
    assert!(!shorter.changed);
}

#[test]
fn a_lost_record_is_put_back() {
    let policy = policy(DEV);
    let born = Case::create(&policy, dev()).decide().after;
    let mut bare = born.clone();
    merge(&mut bare, &json!({"metadata": {"annotations": {"curfew.dev/applied": null}}}));
    for done in [false, true] {
        let (old, new) = if done {
            (finished("Complete", born.clone()), finished("Complete", bare.clone()))
        } else {
            (born.clone(), bare.clone())
        };
        let outcome = Case::update(&policy, old, new).decide();
        assert_eq!(outcome.record(), Some(r#"{"ttl":[300,null,"dev"]}"#), "finished: {done}");
    }
}

#[test]
fn a_ttl_that_was_taken_away_is_not_put_back() {
    let policy = policy(DEV);
    let born = Case::create(&policy, dev()).decide().after;
    let mut without = born.clone();
    merge(&mut without, &json!({"spec": {"ttlSecondsAfterFinished": null}}));
    let outcome = Case::update(&policy, born.clone(), without.clone()).decide();
    assert_eq!((outcome.ttl(), outcome.record()), (None, Some(r#"{"ttl":[null,null,"author"]}"#)));
    let mut touched = outcome.after.clone();
    merge(&mut touched, &json!({"metadata": {"labels": {"a": "b"}}}));
    assert!(!Case::update(&policy, outcome.after.clone(), touched).decide().changed);
    assert!(!Case::stored(&policy, outcome.after).decide().changed);
    // Unless the rule enforces.
    let hard = super::case::policy(&format!("{DEV}    enforce: true\n"));
    assert_eq!(Case::update(&hard, born, without).decide().ttl(), Some(300));
}

#[test]
fn a_cronjobs_template_is_filled_again() {
    let policy = policy("defaults: {ttl: 1h}\n");
    let born = Case::create(&policy, cronjob(&json!({}))).decide();
    assert_eq!(born.template_record(), Some(r#"{"ttl":[3600,null,"defaults"]}"#));
    let outcome = Case::update(&policy, born.after, cronjob(&json!({}))).decide();
    assert_eq!(outcome.ttl(), Some(3600));
}

#[test]
fn an_update_of_something_else_is_left_alone() {
    let policy = policy("defaults: {ttl: 1h}\n");
    let mut after = job(&json!({}));
    merge(&mut after, &json!({"spec": {"parallelism": 4}}));
    let outcome = Case::update(&policy, job(&json!({})), after).decide();
    assert_eq!(outcome.verdict, Verdict::Untouched);
    assert!(!outcome.changed);
}
