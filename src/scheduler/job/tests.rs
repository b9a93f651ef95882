use rstest::rstest;
use serde_json::json;

use super::{build, name, scheduled};
use crate::batch::CronJob;

#[rstest]
#[case::full_minute("2016-05-19T10:00:00Z", "tidy-24394200")]
#[case::the_last_second_of_it("2016-05-19T10:00:59Z", "tidy-24394200")]
#[case::the_minute_after("2016-05-19T10:01:00Z", "tidy-24394201")]
fn the_name_counts_minutes(#[case] slot: &str, #[case] expected: &str) {
    assert_eq!(name("tidy", slot.parse().unwrap()), expected);
}

/// A Job's name becomes a label's value, of at most 63 characters.
#[test]
fn the_longest_name_makes_a_name_that_fits_a_label() {
    let longest = "x".repeat(52);
    assert_eq!(name(&longest, "2016-05-19T10:00:00Z".parse().unwrap()).len(), 61);
    assert_eq!(name(&longest, jiff::Timestamp::MAX).len(), 63);
}

#[rstest]
#[case::no_zone(None, "2016-05-19T10:00:00Z")]
#[case::utc(Some("UTC"), "2016-05-19T10:00:00Z")]
#[case::an_offset_of_zero_in_another_zone(Some("Africa/Abidjan"), "2016-05-19T10:00:00Z")]
#[case::summer_in_lisbon(Some("Europe/Lisbon"), "2016-05-19T11:00:00+01:00")]
#[case::east(Some("Europe/Berlin"), "2016-05-19T12:00:00+02:00")]
#[case::west(Some("America/New_York"), "2016-05-19T06:00:00-04:00")]
#[case::half_an_hour_west(Some("America/St_Johns"), "2016-05-19T07:30:00-02:30")]
#[case::quarters(Some("Asia/Kathmandu"), "2016-05-19T15:45:00+05:45")]
#[case::the_day_after(Some("Pacific/Kiritimati"), "2016-05-20T00:00:00+14:00")]
fn the_annotation_is_by_the_clocks_of_the_zone(#[case] zone: Option<&str>, #[case] expected: &str) {
    assert_eq!(scheduled("2016-05-19T10:00:00Z".parse().unwrap(), zone), expected);
}

#[rstest]
#[case::first_pass("2025-10-26T00:30:00Z", "2025-10-26T02:30:00+02:00")]
#[case::second_pass("2025-10-26T01:30:00Z", "2025-10-26T02:30:00+01:00")]
fn the_annotation_tells_the_two_passes_of_an_hour_apart(
    #[case] slot: &str,
    #[case] expected: &str,
) {
    assert_eq!(scheduled(slot.parse().unwrap(), Some("Europe/Berlin")), expected);
}

#[test]
fn a_job_has_the_template_and_its_owner() {
    let cronjob = CronJob { time_zone: Some("Europe/Berlin"), ..CronJob::test() };
    let template = json!({
        "metadata": {
            "name": "ignored", "namespace": "ignored", "generateName": "ignored-",
            "labels": {"team": "a"}, "annotations": {"x": "y"}, "finalizers": ["example.com/f"],
            "ownerReferences": [{"kind": "Flow", "name": "ignored"}],
            "creationTimestamp": null,
        },
        "spec": {
            "ttlSecondsAfterFinished": 300, "fieldOfTomorrow": {"deep": [1, null]},
            "template": {"spec": {"restartPolicy": "Never"}},
        },
    });
    let job = build(&cronjob, template.clone(), "2016-05-19T10:00:00Z".parse().unwrap());
    assert_eq!(
        job,
        json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": "tidy-24394200",
                "namespace": "apps",
                "labels": {"team": "a"},
                "annotations": {
                    "x": "y",
                    "batch.kubernetes.io/cronjob-scheduled-timestamp": "2016-05-19T12:00:00+02:00",
                },
                "ownerReferences": [{
                    "apiVersion": "batch/v1", "kind": "CronJob", "name": "tidy", "uid": "c-1",
                    "controller": true, "blockOwnerDeletion": true,
                }],
            },
            "spec": template["spec"],
        })
    );
}

#[test]
fn a_template_without_metadata_will_do() {
    let template = json!({"spec": {"template": {}}});
    let job = build(&CronJob::test(), template.clone(), "2016-05-19T10:00:00Z".parse().unwrap());
    let annotations = json!({
        "batch.kubernetes.io/cronjob-scheduled-timestamp": "2016-05-19T10:00:00Z",
    });
    assert_eq!(job["metadata"]["annotations"], annotations);
    assert_eq!(job["metadata"].get("labels"), None);
}

/// A template that was copied from a Job may bring the annotation of another start.
#[test]
fn the_annotation_of_the_template_gives_way() {
    let template = json!({
        "metadata": {"annotations": {"batch.kubernetes.io/cronjob-scheduled-timestamp": "old"}},
        "spec": {},
    });
    let job = build(&CronJob::test(), template.clone(), "2016-05-19T10:00:00Z".parse().unwrap());
    let annotations = &job["metadata"]["annotations"];
    assert_eq!(
        annotations["batch.kubernetes.io/cronjob-scheduled-timestamp"],
        "2016-05-19T10:00:00Z"
    );
}
