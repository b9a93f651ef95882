//! Whose clocks a schedule follows, and why those.
//!
//! A zone in the schedule wins, then `spec.timeZone`, then the zone in which
//! kube-controller-manager runs. That last one no object tells: the user can, or the policy in
//! force, and else it is taken to be UTC, which a person is then told.

use serde::Serialize;

use crate::batch::schedule::Schedule;
use crate::batch::zone::Zone;
use crate::cli::shared::{Invalid, schedules};

/// The clocks that the starts of a schedule follow.
#[derive(Clone, Debug)]
pub struct Clocks {
    pub zone: Zone,
    pub from: ZoneFrom,
}

/// Why the starts follow those clocks.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ZoneFrom {
    Assumed,
    #[serde(rename = "--time-zone")]
    Flag,
    /// `spec.scheduler.clusterTimeZone`.
    Policy,
    Schedule,
    #[serde(rename = "spec.timeZone")]
    Spec,
}

// === impl Clocks ===

impl Clocks {
    /// Those of kube-controller-manager: what `--time-zone` says, if anything.
    ///
    /// # Errors
    /// [`Invalid`] where that is no time zone.
    pub fn assumed(name: Option<&str>) -> Result<Self, Invalid> {
        let Some(name) = name else {
            return Ok(Self { zone: Zone::UTC, from: ZoneFrom::Assumed });
        };
        let zone = schedules::zone(name);
        let zone = zone.map_err(|why| Invalid::new(format!("--time-zone: {why}")))?;
        Ok(Self { zone, from: ZoneFrom::Flag })
    }

    /// Those that the controller would use, where its own are these. `text` is the schedule as it is
    /// written, `spec` what `spec.timeZone` names.
    #[must_use]
    pub fn followed(&self, schedule: &Schedule, text: &str, spec: Option<&Zone>) -> Self {
        if let Some(zone) = schedule.own_zone() {
            return Self { zone: zone.clone(), from: ZoneFrom::Schedule };
        }
        // `TZ=Local` names the controller's own, and also puts spec.timeZone out of force.
        match spec {
            Some(zone) if !Schedule::mentions_zone(text) => {
                Self { zone: zone.clone(), from: ZoneFrom::Spec }
            }
            _ => self.clone(),
        }
    }
}

/// What a person is told of whom nobody has said which clocks count.
pub const ASSUMED: &str = "note: without a time zone the clocks of kube-controller-manager count, \
                           here taken to be UTC; --time-zone says what they are, and \
                           spec.timeZone leaves no doubt";

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{Clocks, ZoneFrom};
    use crate::batch::schedule::Schedule;
    use crate::cli::shared::schedules;

    #[rstest]
    #[case::spec("@daily", Some("Asia/Tokyo"), Some("Europe/Berlin"), "Asia/Tokyo", ZoneFrom::Spec)]
    #[case::flag("@daily", None, Some("Europe/Berlin"), "Europe/Berlin", ZoneFrom::Flag)]
    #[case::nothing("@daily", None, None, "UTC", ZoneFrom::Assumed)]
    #[case::prefix(
        "TZ=Asia/Tokyo @daily",
        Some("Europe/Paris"),
        None,
        "Asia/Tokyo",
        ZoneFrom::Schedule
    )]
    #[case::local("TZ=Local @daily", Some("Europe/Paris"), None, "UTC", ZoneFrom::Assumed)]
    #[case::local_is_the_flag(
        "TZ=Local @daily",
        None,
        Some("Europe/Paris"),
        "Europe/Paris",
        ZoneFrom::Flag
    )]
    fn the_clocks_that_count(
        #[case] text: &str,
        #[case] spec: Option<&str>,
        #[case] flag: Option<&str>,
        #[case] expected: &str,
        #[case] from: ZoneFrom,
    ) {
        let schedule = Schedule::parse(text).unwrap();
        let spec = spec.map(|name| schedules::zone(name).unwrap());
        let assumed = Clocks::assumed(flag).unwrap();
        let found = assumed.followed(&schedule, text, spec.as_ref());
        assert_eq!((found.zone.name(), found.from), (expected, from));
    }
}
