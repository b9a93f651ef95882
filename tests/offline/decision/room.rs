//! A patch never makes a valid object invalid: the API server bounds the annotations of an object
//! together, and the record is one of them.

use curfew::batch::annotation::{MOST_BYTES, OF_A_START};
use curfew::policy::decide::Verdict;
use serde_json::{Value as Json, json};

use super::case::{Case, DEV, child, cronjob, dev, finished, job, merge, policy};

const KEY: &str = "curfew.dev/applied";
const RECORD: &str = r#"{"ttl":[300,null,"dev"]}"#;
const WARNING: &str =
    "curfew changes nothing: with its record the annotations would pass 262144 bytes";

/// Annotations of so many bytes, keys and values.
fn annotations(bytes: usize) -> Json {
    // Bytes count, and not characters.
    let wide = "é".repeat((bytes - 3) / 2);
    let rest = "x".repeat(bytes - 3 - wide.len());
    json!({"a/b": wide + &rest})
}

fn padded(mut object: Json, bytes: usize) -> Json {
    merge(&mut object, &json!({"metadata": {"annotations": annotations(bytes)}}));
    object
}

fn padded_template(mut object: Json, bytes: usize) -> Json {
    let metadata = json!({"metadata": {"annotations": annotations(bytes)}});
    merge(&mut object, &json!({"spec": {"jobTemplate": metadata}}));
    object
}

#[rstest::rstest]
#[case::just_enough(0, true)]
#[case::a_byte_too_few(1, false)]
fn a_job_whose_annotations_leave_no_room_stays_as_it_is(#[case] over: usize, #[case] fits: bool) {
    let policy = policy(DEV);
    let bytes = MOST_BYTES - KEY.len() - RECORD.len() + over;
    let outcome = Case::create(&policy, padded(dev(), bytes)).decide();
    assert_eq!((outcome.changed, outcome.ttl()), (fits, fits.then_some(300)));
    assert_eq!(outcome.warnings, if fits { vec![] } else { vec![WARNING] });
    assert_eq!(outcome.verdict, Verdict::Considered);
}

#[test]
fn an_object_without_a_change_is_told_nothing() {
    let policy = policy(DEV);
    let full = padded(job(&json!({})), MOST_BYTES);
    let outcome = Case::create(&policy, full).decide();
    assert_eq!((outcome.changed, outcome.warnings.len()), (false, 0));
}

#[test]
fn the_record_that_is_replaced_makes_room() {
    let policy = policy(DEV);
    let mut full = padded(dev(), MOST_BYTES - KEY.len() - RECORD.len());
    let old = json!({KEY: r#"{"ttl":[600,null,"old"]}"#});
    merge(
        &mut full,
        &json!({"metadata": {"annotations": old}, "spec": {"ttlSecondsAfterFinished": 600}}),
    );
    let outcome = Case::create(&policy, full).decide();
    assert_eq!((outcome.ttl(), outcome.record()), (Some(300), Some(RECORD)));
}

#[rstest::rstest]
#[case::just_enough(0, true)]
#[case::a_byte_too_few(1, false)]
fn the_template_keeps_room_for_what_its_jobs_get(#[case] over: usize, #[case] fits: bool) {
    let policy = policy("defaults: {ttl: 5m}\n");
    let record = r#"{"ttl":[300,null,"defaults"]}"#;
    let bytes = MOST_BYTES - KEY.len() - record.len() - OF_A_START + over;
    let outcome = Case::create(&policy, padded_template(cronjob(&json!({})), bytes)).decide();
    assert_eq!((outcome.changed, outcome.ttl()), (fits, fits.then_some(300)));
    assert_eq!(outcome.warnings, if fits { vec![] } else { vec![WARNING] });
}

#[test]
fn one_side_without_room_leaves_both_as_they_are() {
    let policy = policy("defaults: {ttl: 5m, history: {successful: 5}}\n");
    let outcome = Case::create(&policy, padded(cronjob(&json!({})), MOST_BYTES)).decide();
    assert!(!outcome.changed);
    assert_eq!((outcome.ttl(), outcome.history()), (None, (Some(3), Some(1))));
    assert_eq!(outcome.warnings, [WARNING]);
}

#[test]
fn a_lost_record_is_not_put_back_where_there_is_no_room() {
    let policy = policy(DEV);
    let ttl = json!({"spec": {"ttlSecondsAfterFinished": 300}});
    let mut old = child(&ttl);
    merge(&mut old, &json!({"metadata": {"annotations": {KEY: RECORD}}}));
    let outcome = Case::update(&policy, old.clone(), child(&ttl)).decide();
    assert_eq!((outcome.verdict, outcome.changed), (Verdict::UnknownCronJob, true));
    let full = padded(child(&ttl), MOST_BYTES);
    assert!(!Case::update(&policy, old, full).decide().changed);
}

#[test]
fn a_hold_that_cannot_be_recorded_raises_nothing() {
    let policy = policy("mode: Enforce\n");
    let hold = json!({"metadata": {"annotations": {"curfew.dev/hold-until": "2026-11-23T00:00:00Z"}},
        "spec": {"ttlSecondsAfterFinished": 60}});
    let old =
        finished("Complete", padded(job(&json!({"spec": {"ttlSecondsAfterFinished": 60}})), 9));
    let free = MOST_BYTES - "curfew.dev/hold-until2026-11-23T00:00:00Z".len();
    let kept = finished("Complete", padded(job(&hold), free));
    let outcome = Case::update(&policy, old.clone(), kept).decide();
    assert!(!outcome.changed && outcome.warnings.contains(&WARNING.to_owned()), "{outcome:?}");
    let kept = finished("Complete", padded(job(&hold), free - 100));
    assert!(Case::update(&policy, old, kept).decide().changed);
}

/// Told to whoever makes the annotations longer, and not to whoever touches a label.
#[test]
fn an_update_of_something_else_is_told_nothing() {
    let policy = policy(DEV);
    let full = padded(dev(), MOST_BYTES);
    let mut touched = full.clone();
    merge(&mut touched, &json!({"metadata": {"labels": {"touched": "yes"}}}));
    let outcome = Case::update(&policy, full.clone(), touched).decide();
    assert_eq!((outcome.changed, outcome.warnings.len()), (false, 0));
    let outcome = Case::update(&policy, dev(), full).decide();
    assert_eq!((outcome.changed, &outcome.warnings[..]), (false, &[WARNING.to_owned()][..]));
}
