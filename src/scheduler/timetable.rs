//! Which schedule a `CronJob` has, and by which clocks (upstream-semantics.md, 2.5, steps 4 and 6).

use jiff::Timestamp;

use crate::batch::schedule::{Schedule, ScheduleError};
use crate::batch::zone::{self, Zone, ZoneError};

/// A schedule that can be asked for its starts.
#[derive(Clone, Debug)]
pub struct Timetable {
    schedule: Schedule,
    /// Whose clocks it follows, unless it brings a zone of its own.
    zone: Zone,
    /// Whether there is a `TZ` in the text, which nobody supports.
    pub unsupported: bool,
}

/// Why a `CronJob` starts nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TimetableError {
    /// `spec.timeZone` cannot be loaded.
    #[error("invalid timeZone: {name:?}: {source}")]
    Zone { name: String, source: ZoneError },
    /// `spec.schedule` is none.
    #[error("unparseable schedule: {text:?} : {source}")]
    Schedule { text: String, source: ScheduleError },
}

// === impl Timetable ===

impl Timetable {
    /// Reads the schedule of a `CronJob`. `cluster` is the zone of kube-controller-manager, which
    /// counts where there is no `timeZone`.
    ///
    /// # Errors
    /// What makes the controller stop before it looks at the time. The zone comes first, though a
    /// `TZ` in the schedule makes the controller ignore it.
    pub fn read(
        text: &str,
        time_zone: Option<&str>,
        cluster: &Zone,
    ) -> Result<Self, TimetableError> {
        let named = time_zone
            .map(|name| {
                zone::load(name)
                    .map_err(|source| TimetableError::Zone { name: name.to_owned(), source })
            })
            .transpose()?;
        let unsupported = Schedule::mentions_zone(text);
        // Upstream puts `TZ=<zone> ` in front, and what follows that is trimmed.
        let read = if named.is_some() && !unsupported { text.trim() } else { text };
        let schedule = Schedule::parse(read)
            .map_err(|source| TimetableError::Schedule { text: text.to_owned(), source })?;
        let zone = named.filter(|_| !unsupported).unwrap_or_else(|| cluster.clone());
        Ok(Self { schedule, zone, unsupported })
    }

    /// The first start strictly after `after`; `None` where there is none.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        self.schedule.next(after, &self.zone)
    }

    /// The zone whose clocks are followed.
    pub fn zone(&self) -> &Zone {
        self.schedule.zone(&self.zone)
    }

    /// What was read.
    pub const fn schedule(&self) -> &Schedule {
        &self.schedule
    }
}

#[cfg(test)]
mod tests;
