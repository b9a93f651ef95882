//! Since when a `CronJob` has the spec that it has: what came due before that is no missed start.
//!
//! No field says so. A `CronJob` of the first generation was never edited, and counts from its
//! creation. Of any other, `metadata.managedFields` has the time of the last change by each manager
//! for the fields that are its own; whoever changes a field owns it from then on. So the latest
//! time among the owners of what says when it is due is that of the last edit, or a later one,
//! where the same manager owns something else beside and may have changed that.
//!
//! One edit leaves no trace: a field that is removed by a patch belongs to nobody afterwards, and
//! the time of whoever removed it stays as it was. Of what says when it is due, `timeZone` can be
//! removed. Whoever watches sees that too.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value as Json;

use super::Text;

/// Since when what says when a `CronJob` is due is as it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum InForce {
    /// Since just then.
    Since(Timestamp),
    /// Since then at the latest: perhaps something else was edited then.
    AtLatest(Timestamp),
}

/// What is read of an entry of `metadata.managedFields`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub struct Entry<'a> {
    pub manager: Text<'a>,
    pub subresource: Text<'a>,
    pub time: Option<Text<'a>>,
    #[serde(rename = "fieldsV1")]
    fields: Fields<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
#[expect(clippy::zero_sized_map_values, reason = "serde reads no set from a map")]
struct Fields<'a> {
    #[serde(rename = "f:metadata")]
    metadata: Option<IgnoredAny>,
    #[serde(rename = "f:spec", default)]
    spec: BTreeMap<Text<'a>, IgnoredAny>,
}

/// What is known of the last edit; `None` where the entries do not tell: somebody owns the schedule,
/// which no `CronJob` lacks, and each owner has a time.
pub fn edited(entries: &[Entry<'_>]) -> Option<InForce> {
    let editors = || entries.iter().filter(|entry| entry.edits());
    if !editors().any(|entry| entry.owns(SCHEDULE)) {
        return None;
    }
    let times: Option<Vec<(Timestamp, bool)>> =
        editors().map(|entry| Some((entry.at()?, entry.owns_nothing_else()))).collect();
    // Of two at one moment the one that tells more.
    let (time, exactly) = times?.into_iter().max()?;
    Some(if exactly { InForce::Since(time) } else { InForce::AtLatest(time) })
}

/// Since when the spec of a `CronJob` is in force, as far as its object tells. `is_first` says that
/// its `metadata.generation` is 1, as that of what nobody has edited.
pub fn in_force(is_first: bool, created: Timestamp, edited: Option<InForce>) -> Option<InForce> {
    if is_first { Some(InForce::Since(created)) } else { edited }
}

/// Since when the spec of a `CronJob` is in force, as the whole object tells.
pub fn stored(json: &Json) -> Option<InForce> {
    let metadata = &json["metadata"];
    let created = metadata["creationTimestamp"].as_str()?.parse().ok()?;
    // A dump may say 1.0.
    let generation = metadata["generation"].as_f64();
    let is_first = generation.is_some_and(|generation| generation.total_cmp(&1.0).is_eq());
    // Where one entry cannot be read, the others do not tell enough.
    let entries: Vec<Entry<'_>> =
        Deserialize::deserialize(&metadata["managedFields"]).unwrap_or_default();
    in_force(is_first, created, edited(&entries))
}

// === impl InForce ===

impl InForce {
    /// The time from which on it is certainly as it is.
    pub const fn latest(self) -> Timestamp {
        match self {
            Self::Since(time) | Self::AtLatest(time) => time,
        }
    }
}

// === impl Entry ===

impl Entry<'_> {
    /// Whether it is about when a `CronJob` is due. What is written through a subresource is not.
    fn edits(&self) -> bool {
        self.subresource.is_empty() && DUE.into_iter().any(|field| self.owns(field))
    }

    fn owns(&self, field: &str) -> bool {
        self.fields.spec.keys().any(|key| &**key == field)
    }

    fn owns_nothing_else(&self) -> bool {
        let Fields { metadata, spec } = &self.fields;
        metadata.is_none() && spec.keys().all(|key| DUE.contains(&&**key))
    }

    fn at(&self) -> Option<Timestamp> {
        self.time.as_deref()?.parse().ok()
    }
}

const SCHEDULE: &str = "f:schedule";

/// What says when a `CronJob` is due. Which of these times are too late and which wait for a Job is
/// said by other fields, and those of today count.
const DUE: [&str; 3] = [SCHEDULE, "f:suspend", "f:timeZone"];

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value as Json, json};

    use super::{Entry, InForce, edited, in_force, stored};

    fn entry(time: &str, spec: &Json) -> Json {
        json!({
            "manager": "kubectl-edit", "operation": "Update", "apiVersion": "batch/v1",
            "time": time, "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": spec},
        })
    }

    fn with(mut entry: Json, overlay: &Json) -> Json {
        json_patch::merge(&mut entry, overlay);
        entry
    }

    const EARLY: &str = "2026-11-01T00:00:00Z";
    const LATE: &str = "2026-11-02T00:00:00Z";

    #[rstest]
    #[case::nobody(json!([]), "-")]
    #[case::created(json!([entry(EARLY, &json!({"f:schedule": {}, "f:suspend": {}}))]), "since 1")]
    #[case::with_all_the_rest(json!([entry(EARLY, &json!({"f:schedule": {}, "f:jobTemplate": {}}))]), "at latest 1")]
    #[case::with_labels(json!([with(entry(EARLY, &json!({"f:schedule": {}})), &json!({"fieldsV1": {"f:metadata": {"f:labels": {}}}}))]), "at latest 1")]
    #[case::applied(json!([with(entry(EARLY, &json!({"f:schedule": {}})), &json!({"operation": "Apply"}))]), "since 1")]
    #[case::rescheduled(json!([entry(EARLY, &json!({"f:suspend": {}, "f:jobTemplate": {}})), entry(LATE, &json!({"f:schedule": {}}))]), "since 2")]
    #[case::resumed(json!([entry(EARLY, &json!({"f:schedule": {}})), entry(LATE, &json!({"f:suspend": {}}))]), "since 2")]
    #[case::by_two_at_once(json!([entry(LATE, &json!({"f:schedule": {}, "f:jobTemplate": {}})), entry(LATE, &json!({"f:suspend": {}}))]), "since 2")]
    #[case::another_zone(json!([entry(EARLY, &json!({"f:schedule": {}})), entry(LATE, &json!({"f:timeZone": {}}))]), "since 2")]
    #[case::another_deadline(json!([entry(EARLY, &json!({"f:schedule": {}})), entry(LATE, &json!({"f:startingDeadlineSeconds": {}}))]), "since 1")]
    #[case::another_concurrency(json!([entry(EARLY, &json!({"f:schedule": {}})), entry(LATE, &json!({"f:concurrencyPolicy": {}}))]), "since 1")]
    #[case::another_image(json!([entry(EARLY, &json!({"f:schedule": {}})), entry(LATE, &json!({"f:jobTemplate": {"f:spec": {}}}))]), "since 1")]
    #[case::a_label(json!([entry(EARLY, &json!({"f:schedule": {}})), with(entry(LATE, &json!({})), &json!({"fieldsV1": {"f:metadata": {"f:labels": {}}}}))]), "since 1")]
    #[case::a_status(json!([entry(EARLY, &json!({"f:schedule": {}})), with(entry(LATE, &json!({"f:schedule": {}})), &json!({"subresource": "status"}))]), "since 1")]
    #[case::nobody_owns_the_schedule(json!([entry(LATE, &json!({"f:suspend": {}}))]), "-")]
    #[case::without_a_time(json!([entry(EARLY, &json!({"f:schedule": {}})), with(entry(LATE, &json!({"f:suspend": {}})), &json!({"time": null}))]), "-")]
    #[case::at_no_time(json!([entry("noon", &json!({"f:schedule": {}}))]), "-")]
    fn the_last_edit(#[case] entries: Json, #[case] expected: &str) {
        let entries: Vec<Entry<'_>> = serde::Deserialize::deserialize(&entries).unwrap();
        let at = |time: &str| time.parse().unwrap();
        let expected = match expected {
            "since 1" => Some(InForce::Since(at(EARLY))),
            "since 2" => Some(InForce::Since(at(LATE))),
            "at latest 1" => Some(InForce::AtLatest(at(EARLY))),
            _ => None,
        };
        assert_eq!(edited(&entries), expected);
    }

    #[test]
    fn what_was_never_edited_counts_from_its_creation() {
        let (created, late) = (EARLY.parse().unwrap(), LATE.parse().ok().map(InForce::AtLatest));
        assert_eq!(in_force(true, created, late), Some(InForce::Since(created)));
        assert_eq!(in_force(false, created, late), late);
        assert_eq!(in_force(false, created, None), None);
    }

    fn cronjob(overlay: &Json) -> Json {
        let mut json = json!({"metadata": {"creationTimestamp": EARLY}});
        json_patch::merge(&mut json, &json!({"metadata": overlay}));
        json
    }

    #[test]
    fn a_whole_object_tells_of_its_edits() {
        let mut json = cronjob(&json!({"generation": 2, "managedFields": [
            {"manager": "helm", "operation": "Update", "time": "2026-11-03T00:00:00Z",
             "fieldsV1": {"f:spec": {"f:schedule": {}, "f:suspend": {}}}},
            {"manager": "kube-controller-manager", "operation": "Update", "subresource": "status",
             "time": "2026-11-05T00:00:00Z", "fieldsV1": {"f:status": {"f:lastScheduleTime": {}}}},
        ]}));
        let since = "2026-11-03T00:00:00Z".parse().ok().map(InForce::Since);
        assert_eq!(stored(&json), since);
        // An entry that cannot be read may be the one that counts.
        json["metadata"]["managedFields"][1] = json!({"manager": "n", "time": 5});
        assert_eq!(stored(&json), None);
    }

    #[rstest]
    #[case::never_edited(json!(1), true)]
    #[case::as_a_float(json!(1.0), true)]
    #[case::edited(json!(2), false)]
    #[case::as_text(json!("1"), false)]
    fn what_was_never_edited(#[case] generation: Json, #[case] expected: bool) {
        let since = EARLY.parse().ok().map(InForce::Since);
        assert_eq!(
            stored(&cronjob(&json!({"generation": generation}))),
            since.filter(|_| expected)
        );
    }

    /// Whatever is written there, a dump is read.
    #[rstest]
    #[case::lists(json!([["m", "", "2026-11-19T00:00:00Z", {"f:spec": {"f:schedule": {}}}]]))]
    #[case::list_of_fields(json!([{"manager": "m", "time": "2026-11-19T00:00:00Z", "fieldsV1": [{"f:schedule": {}}]}]))]
    #[case::text(json!("helm"))]
    #[case::null(json!([null]))]
    fn entries_of_another_shape(#[case] entries: Json) {
        let json = cronjob(&json!({"generation": 2, "managedFields": entries}));
        assert!(stored(&json).is_none_or(|since| since.latest() > EARLY.parse().unwrap()));
    }
}
