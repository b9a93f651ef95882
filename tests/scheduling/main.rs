//! The scheduler on a real API server, where no other controller starts `CronJob`s.
//!
//! A binary of its own with a control plane of its own: `Own` looks after every `CronJob` there is.

mod concurrency;
mod crashes;
mod daylight;
mod extremes;
mod following;
mod history;
mod jobs;
mod leaving;
mod missed;
mod observing;
mod obstacles;
mod rivals;
mod schedules;
mod starting;
#[path = "../support/harness.rs"]
pub mod support;
mod suspending;
mod taking_over;

use support::control_plane::{self, ControlPlane};

/// A control plane where nobody starts `CronJob`s; `None` where there can be none, which has then
/// been said.
fn plane() -> Option<&'static ControlPlane> {
    control_plane::shared()
}
