//! The Job that a start creates (upstream-semantics.md, 2.8).

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};

use crate::batch::CronJob;
use crate::batch::annotation::SCHEDULED;
use crate::batch::zone::{self, Zone};

/// The name of the Job of a start: that of the `CronJob` and the minutes since 1970. It is the lock
/// against a second start, whoever makes it.
pub fn name(cronjob: &str, slot: Timestamp) -> String {
    format!("{cronjob}-{}", slot.as_second().div_euclid(60))
}

/// The Job, of a template as it is stored: fields that this build does not know stay in it.
///
/// Of the template's metadata, labels and annotations are copied and nothing else.
pub fn build(cronjob: &CronJob<'_>, mut template: Json, slot: Timestamp) -> Json {
    let spec = template["spec"].take();
    let metadata = &template["metadata"];
    let mut annotations = metadata["annotations"].as_object().cloned().unwrap_or_default();
    annotations.insert(SCHEDULED.to_owned(), Json::String(scheduled(slot, cronjob.time_zone)));
    let mut job = json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name(cronjob.name, slot),
            "namespace": cronjob.namespace,
            "annotations": annotations,
            "ownerReferences": [{
                "apiVersion": "batch/v1",
                "kind": "CronJob",
                "name": cronjob.name,
                "uid": cronjob.uid,
                "controller": true,
                "blockOwnerDeletion": true,
            }],
        },
    });
    // It may have half a million values, and is not copied.
    job["spec"] = spec;
    if let Some(labels) = metadata["labels"].as_object() {
        job["metadata"]["labels"] = json!(labels);
    }
    job
}

/// The annotation's value: RFC 3339 with whole seconds, by the clocks of `spec.timeZone`. As Go
/// writes it, an offset of zero is `Z`, whatever the zone.
pub fn scheduled(slot: Timestamp, time_zone: Option<&str>) -> String {
    let zone = time_zone.and_then(|name| zone::load(name).ok()).unwrap_or(Zone::UTC);
    let slot = slot.round(jiff::Unit::Second).unwrap_or(slot);
    let offset = zone.time_zone().to_offset(slot);
    if SignedDuration::from_secs(offset.seconds().into()).is_zero() {
        return slot.to_string();
    }
    offset.to_datetime(slot).strftime("%FT%T").to_string() + &offset_text(offset.seconds())
}

fn offset_text(seconds: i32) -> String {
    let minutes = seconds.abs() / 60;
    let sign = if seconds < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests;
