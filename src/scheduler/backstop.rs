//! Which starts `Backstop` may make up for beside a built-in controller that is slow or away
//! (controllers.md, "Scheduler").
//!
//! It helps only where both end up with one Job for a start, however the other one wakes up: the
//! name of the Job sees to that as long as the Job is there, and the status from then on. So a Job
//! that could be gone before the other one has read the status is left to it (upstream-semantics.md,
//! 8, 7), and so is every start that came due before anybody watched, and every one in a system
//! namespace or our own.

use jiff::{SignedDuration, Timestamp};

use super::decide::Start;
use crate::batch::CronJob;

/// Why a start is left to the built-in controller.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// Its namespace is one that belongs to the cluster, or to us.
    #[error("it is in a system namespace or curfew's own")]
    Protected,
    /// The built-in controller may still come; look again then.
    #[error("the built-in controller has until {0}")]
    Early(Timestamp),
    /// It came due before this state of the spec was watched.
    #[error("it came due before this spec was watched")]
    BeforeWatch,
    /// Nobody said what the zone of kube-controller-manager is.
    #[error("it has no spec.timeZone, and the policy no spec.scheduler.clusterTimeZone")]
    NoZone,
    /// A zone in the schedule itself is not supported.
    #[error("there is a time zone in its schedule")]
    ZoneInSchedule,
    /// Another Job would have to be deleted for it.
    #[error("a running Job would have to be replaced")]
    Replaces,
    /// Its TTL in seconds would end it too soon.
    #[error(
        "its Job would be gone {0}s after its end, before the built-in controller has surely seen \
         it; that takes {SHORTEST_LIFE}s"
    )]
    ShortLived(i64),
    /// A history limit of zero would end it too soon.
    #[error("a history limit is 0")]
    NoHistory,
}

/// Everything that a permission hangs on, beside the `CronJob`.
#[derive(Clone, Copy, Debug)]
pub struct Conditions {
    /// It is in a system namespace or our own: there `Own` alone starts anything, by a right that
    /// the chart's `hardening.own` names.
    pub protected: bool,
    /// Since when this generation of the `CronJob` has been watched.
    pub watched: Timestamp,
    pub grace: SignedDuration,
    /// `spec.scheduler.clusterTimeZone` is there.
    pub zone_known: bool,
    /// The TTL that the Job will have, by its template and by the policy: the shorter one.
    pub ttl: Option<i64>,
    pub now: Timestamp,
}

/// Whether a start may be made.
///
/// # Errors
/// Why not; only [`Refusal::Early`] passes by itself.
pub fn permit(
    cronjob: &CronJob<'_>,
    start: &Start<'_>,
    conditions: Conditions,
) -> Result<(), Refusal> {
    let Conditions { protected, watched, grace, zone_known, ttl, now } = conditions;
    if protected {
        return Err(Refusal::Protected);
    }
    if start.slot <= watched {
        return Err(Refusal::BeforeWatch);
    }
    if crate::batch::schedule::Schedule::mentions_zone(cronjob.schedule) {
        return Err(Refusal::ZoneInSchedule);
    }
    if cronjob.time_zone.is_none() && !zone_known {
        return Err(Refusal::NoZone);
    }
    if !start.replaces.is_empty() {
        return Err(Refusal::Replaces);
    }
    if let Some(ttl) = ttl.filter(|ttl| *ttl < SHORTEST_LIFE) {
        return Err(Refusal::ShortLived(ttl));
    }
    if [cronjob.successful_limit, cronjob.failed_limit].contains(&Some(0)) {
        return Err(Refusal::NoHistory);
    }
    let late = start.slot.saturating_add(grace).unwrap_or(Timestamp::MAX);
    if now < late { Err(Refusal::Early(late)) } else { Ok(()) }
}

/// In seconds. A controller that was away lists everything anew, which takes seconds; ten minutes
/// are a wide margin.
const SHORTEST_LIFE: i64 = 600;

#[cfg(test)]
mod tests;
