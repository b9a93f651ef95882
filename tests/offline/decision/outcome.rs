//! Point 9: outcome.

use serde_json::json;

use super::case::{Case, finished, job, policy};

const PAIR: &str = "defaults: {ttl: {onSuccess: 1h, onFailure: 3d}}\n";

#[test]
fn a_pair_gives_the_larger_side_first_and_the_outcomes_later() {
    let policy = policy(PAIR);
    let born = Case::create(&policy, job(&json!({}))).decide();
    assert_eq!(born.ttl(), Some(259_200));
    let succeeded = Case::stored(&policy, finished("Complete", born.after.clone())).decide();
    assert_eq!(succeeded.ttl(), Some(3600));
    assert_eq!(succeeded.record(), Some(r#"{"ttl":[3600,null,"defaults"]}"#));
    let failed = Case::stored(&policy, finished("Failed", born.after)).decide();
    assert!(!failed.changed);
}

#[test]
fn a_side_left_open_makes_the_job_ours() {
    let policy = policy("defaults: {ttl: {onSuccess: 1h, onFailure: unset}}\n");
    let born = Case::create(&policy, job(&json!({}))).decide();
    assert_eq!((born.ttl(), born.record()), (None, Some(r#"{"ttl":[null,null,"defaults"]}"#)));
    let again = Case::create(&policy, born.after.clone()).decide();
    assert!(!again.changed);
    let succeeded = Case::stored(&policy, finished("Complete", born.after.clone())).decide();
    assert_eq!(succeeded.ttl(), Some(3600));
    assert!(!Case::stored(&policy, finished("Failed", born.after)).decide().changed);
}
