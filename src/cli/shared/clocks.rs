//! Whose clocks a schedule follows, and why those.
//!
//! A zone in the schedule wins, then `spec.timeZone`, then the zone in which
//! kube-controller-manager runs. That last one no object tells: the user can, or the policy in
//! force, and else it is taken to be UTC, which a person is then told.

use serde::Serialize;

use crate::batch::schedule::Schedule;
use crate::batch::zone::Zone;
use crate::cli::shared::{invalid::Invalid, schedules};

/// The clocks of a schedule that brings no time zone.
#[derive(Clone, Debug)]
pub enum Assumption {
    /// `--time-zone`.
    Flag(Zone),
    Nothing,
    /// `spec.scheduler.clusterTimeZone`.
    Policy(Zone),
}

/// Why the starts follow those clocks.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ZoneFrom {
    Assumed,
    #[serde(rename = "--time-zone")]
    Flag,
    Policy,
    Schedule,
    #[serde(rename = "spec.timeZone")]
    Spec,
}

/// The zone that the controller would use, and why that one. `text` is the schedule as it is
/// written, `spec` what `spec.timeZone` names.
pub fn followed(
    schedule: &Schedule,
    text: &str,
    spec: Option<&Zone>,
    assumed: &Assumption,
) -> (Zone, ZoneFrom) {
    if let Some(zone) = schedule.own_zone() {
        return (zone.clone(), ZoneFrom::Schedule);
    }
    // `TZ=Local` names the controller's own, and also puts spec.timeZone out of force.
    match spec {
        Some(zone) if !Schedule::mentions_zone(text) => (zone.clone(), ZoneFrom::Spec),
        _ => (assumed.zone(), assumed.from()),
    }
}

// === impl Assumption ===

impl Assumption {
    /// What `--time-zone` says, if anything.
    ///
    /// # Errors
    /// [`Invalid`] where that is no time zone.
    pub fn typed(name: Option<&str>) -> Result<Self, Invalid> {
        let Some(name) = name else { return Ok(Self::Nothing) };
        let zone = schedules::zone(name);
        zone.map(Self::Flag).map_err(|why| Invalid::new(format!("--time-zone: {why}")))
    }

    /// The zone of kube-controller-manager.
    pub fn zone(&self) -> Zone {
        match self {
            Self::Flag(zone) | Self::Policy(zone) => zone.clone(),
            Self::Nothing => Zone::UTC,
        }
    }

    /// Who says so.
    pub const fn from(&self) -> ZoneFrom {
        match self {
            Self::Flag(_) => ZoneFrom::Flag,
            Self::Nothing => ZoneFrom::Assumed,
            Self::Policy(_) => ZoneFrom::Policy,
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

    use super::{Assumption, ZoneFrom, followed};
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
        let assumed = Assumption::typed(flag).unwrap();
        let (zone, found) = followed(&schedule, text, spec.as_ref(), &assumed);
        assert_eq!((zone.name(), found), (expected, from));
    }
}
