//! The time of the bed: milliseconds since the beginning, which no replica can change.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// Milliseconds since the beginning of a run.
pub type Moment = u64;

pub const SECOND: Moment = 1_000;
pub const MINUTE: Moment = 60 * SECOND;
pub const HOUR: Moment = 60 * MINUTE;

/// The wall clock at the beginning: some hours later than 0, for what happened before.
pub fn start() -> Timestamp {
    "2026-11-01T06:00:00Z".parse().expect("a date")
}

pub fn wall(at: Moment) -> Timestamp {
    start() + SignedDuration::from_millis(at.try_into().expect("a run is short"))
}

/// As Kubernetes writes a time: whole seconds.
pub fn text(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A time in an object, in milliseconds since the beginning; negative before it.
pub fn read(value: &Value) -> Option<i64> {
    let at: Timestamp = value.as_str()?.parse().ok()?;
    Some(at.as_millisecond() - start().as_millisecond())
}

/// For people: minutes, seconds, milliseconds.
pub fn clock(at: Moment) -> String {
    format!("{:02}:{:02}.{:03}", at / MINUTE, at / SECOND % 60, at % SECOND)
}
