//! Since when a `CronJob` has the spec that it has: what came due before that is no missed start.
//!
//! No field says so. A `CronJob` of the first generation was never edited, and counts from its
//! creation. Of any other, `metadata.managedFields` has the time of the last change by each manager
//! for the fields that are its own; whoever changes a field owns it from then on. So the latest
//! time among the owners of what starts depend on is that of the last edit, or a later one, where
//! the same manager has changed something else since: starts between the two go uncounted, and
//! none is counted that did not come due.
//!
//! One edit leaves no trace: a field that is removed by a patch belongs to nobody afterwards, and
//! the time of whoever removed it stays as it was. Of what starts depend on, `timeZone` and
//! `startingDeadlineSeconds` can be removed. Whoever watches sees that too.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::batch::Text;

/// What is read of an entry of `metadata.managedFields`.
#[derive(Debug, Deserialize)]
pub struct Entry<'a> {
    #[serde(borrow, default)]
    pub manager: Text<'a>,
    #[serde(borrow, default)]
    pub subresource: Text<'a>,
    #[serde(borrow)]
    pub time: Option<Text<'a>>,
    #[serde(rename = "fieldsV1", default)]
    fields: Fields,
}

#[derive(Debug, Default, Deserialize)]
struct Fields {
    #[serde(rename = "f:spec")]
    spec: Option<Owned>,
}

/// What starts depend on; an owner of none of it has not edited it.
#[derive(Debug, Deserialize)]
struct Owned {
    #[serde(rename = "f:concurrencyPolicy")]
    concurrency: Option<IgnoredAny>,
    #[serde(rename = "f:schedule")]
    schedule: Option<IgnoredAny>,
    #[serde(rename = "f:startingDeadlineSeconds")]
    deadline: Option<IgnoredAny>,
    #[serde(rename = "f:suspend")]
    suspend: Option<IgnoredAny>,
    #[serde(rename = "f:timeZone")]
    time_zone: Option<IgnoredAny>,
}

/// When what starts depend on was last edited, or a moment later than that; `None` where the
/// entries do not tell: somebody owns the schedule, which no `CronJob` lacks, and each owner has a
/// time.
pub fn edited(entries: &[Entry<'_>]) -> Option<Timestamp> {
    let editors = || entries.iter().filter(|entry| entry.edits());
    if !editors().any(Entry::owns_schedule) {
        return None;
    }
    let times: Option<Vec<Timestamp>> = editors().map(Entry::at).collect();
    times?.into_iter().max()
}

/// Since when a spec is in force that was last `edited` then, as far as its object tells.
pub fn in_force(
    generation: Option<i64>,
    created: Timestamp,
    edited: Option<Timestamp>,
) -> Option<Timestamp> {
    if generation == Some(FIRST) { Some(created) } else { edited }
}

// === impl Entry ===

impl Entry<'_> {
    /// Whether it is about what starts depend on. What is written through a subresource is not.
    pub fn edits(&self) -> bool {
        let Some(spec) = &self.fields.spec else { return false };
        let Owned { concurrency, schedule, deadline, suspend, time_zone } = spec;
        let owned = [concurrency, schedule, deadline, suspend, time_zone];
        self.subresource.is_empty() && owned.into_iter().any(Option::is_some)
    }

    fn owns_schedule(&self) -> bool {
        self.fields.spec.as_ref().is_some_and(|spec| spec.schedule.is_some())
    }

    fn at(&self) -> Option<Timestamp> {
        self.time.as_deref()?.parse().ok()
    }
}

/// `metadata.generation` of what nobody has edited.
const FIRST: i64 = 1;

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value as Json, json};

    use super::{Entry, edited, in_force};

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
    #[case::nobody(json!([]), None)]
    #[case::created(json!([entry(EARLY, &json!({"f:schedule": {}, "f:suspend": {}}))]), Some(EARLY))]
    #[case::applied(json!([with(entry(EARLY, &json!({"f:schedule": {}})), &json!({"operation": "Apply"}))]), Some(EARLY))]
    #[case::rescheduled(json!([entry(EARLY, &json!({"f:suspend": {}})), entry(LATE, &json!({"f:schedule": {}}))]), Some(LATE))]
    #[case::resumed(json!([entry(EARLY, &json!({"f:schedule": {}})), entry(LATE, &json!({"f:suspend": {}}))]), Some(LATE))]
    #[case::another_zone(json!([entry(EARLY, &json!({"f:schedule": {}})), entry(LATE, &json!({"f:timeZone": {}}))]), Some(LATE))]
    #[case::another_deadline(json!([entry(EARLY, &json!({"f:schedule": {}})), entry(LATE, &json!({"f:startingDeadlineSeconds": {}}))]), Some(LATE))]
    #[case::another_concurrency(json!([entry(EARLY, &json!({"f:schedule": {}})), entry(LATE, &json!({"f:concurrencyPolicy": {}}))]), Some(LATE))]
    #[case::another_image(json!([entry(EARLY, &json!({"f:schedule": {}})), entry(LATE, &json!({"f:jobTemplate": {"f:spec": {}}}))]), Some(EARLY))]
    #[case::a_label(json!([entry(EARLY, &json!({"f:schedule": {}})), with(entry(LATE, &Json::Null), &json!({"fieldsV1": {"f:metadata": {"f:labels": {}}}}))]), Some(EARLY))]
    #[case::a_status(json!([entry(EARLY, &json!({"f:schedule": {}})), with(entry(LATE, &json!({"f:schedule": {}})), &json!({"subresource": "status"}))]), Some(EARLY))]
    #[case::nobody_owns_the_schedule(json!([entry(LATE, &json!({"f:suspend": {}}))]), None)]
    #[case::without_a_time(json!([entry(EARLY, &json!({"f:schedule": {}})), with(entry(LATE, &json!({"f:suspend": {}})), &json!({"time": null}))]), None)]
    #[case::at_no_time(json!([entry("noon", &json!({"f:schedule": {}}))]), None)]
    fn the_last_edit(#[case] entries: Json, #[case] expected: Option<&str>) {
        let entries: Vec<Entry<'_>> = serde::Deserialize::deserialize(&entries).unwrap();
        assert_eq!(edited(&entries), expected.map(|time| time.parse().unwrap()));
    }

    #[test]
    fn what_was_never_edited_counts_from_its_creation() {
        let (created, late) = (EARLY.parse().unwrap(), LATE.parse().ok());
        assert_eq!(in_force(Some(1), created, late), Some(created));
        assert_eq!(in_force(Some(2), created, late), late);
        assert_eq!((in_force(Some(2), created, None), in_force(None, created, None)), (None, None));
    }
}
