//! Whether the built-in controller is at work, before `Own` starts anything, and for as long as it
//! does (controllers.md, "Scheduler").
//!
//! Two controllers that both start `CronJob`s agree on the name of a Job and on nothing else. So
//! `Own` first watches: every start that comes due in a while has to pass with nobody making it.
//! Whoever makes a start later is left alone in that namespace, and stops it for good where he makes
//! starts in another one as well: a tenant of one namespace can make a Job that looks like a start,
//! and must not be able to stop what others wait for.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How far `Own` is.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Takeover {
    /// Looks whether anybody starts what is due; `until` is `None` while no start has come due.
    Watching { since: Timestamp, until: Option<Timestamp> },
    /// Nobody has since then: this is the controller.
    Owning { since: Timestamp },
    /// Somebody does.
    Stopped { why: String },
}

// === impl Takeover ===

impl Takeover {
    /// Begins to watch, unless somebody insists, or a leader before us owned until a moment ago.
    ///
    /// Where the last leader owned and is longer gone, there was nobody else before that: the watch
    /// looks at what was done since then, and need not wait for a start. What came due meanwhile is
    /// made when it ends.
    pub fn begin(now: Timestamp, forced: bool, owned_until: Option<Timestamp>) -> Self {
        match owned_until {
            _ if forced => Self::Owning { since: now },
            Some(until) if now.duration_since(until) <= WINDOW => Self::Owning { since: now },
            Some(until) => Self::Watching { since: until, until: Some(window_end(now)) },
            None => Self::Watching { since: now, until: None },
        }
    }

    /// Whether starts may be made.
    pub const fn owns(&self) -> bool {
        matches!(self, Self::Owning { .. })
    }

    /// A start has come due that counts as a chance for somebody else: `grace` later its Job would
    /// be there.
    pub fn due(&mut self, slot: Timestamp, grace: SignedDuration) {
        if let Self::Watching { since, until } = self
            && slot > *since
        {
            let passed = slot.saturating_add(grace).unwrap_or(Timestamp::MAX);
            let end = window_end(*since).max(passed);
            // The first one is enough, and those within the window have to pass as well.
            let counts = until.is_none_or(|until| slot < window_end(*since) && end > until);
            if counts {
                *until = Some(end);
            }
        }
    }

    /// Time passes; says whether the watch is over by that.
    pub fn pass(&mut self, now: Timestamp) -> bool {
        match self {
            Self::Watching { until: Some(until), since } if *until <= now => {
                // What somebody did meanwhile may be heard of only now.
                *self = Self::Owning { since: *since };
                true
            }
            _ => false,
        }
    }

    /// Whether what somebody did at `at` is of the time that counts.
    pub fn counts(&self, at: Timestamp) -> bool {
        match self {
            Self::Watching { since, .. } | Self::Owning { since } => at > *since,
            Self::Stopped { .. } => false,
        }
    }

    /// Somebody else has made a start, or written about one, at `at`; says whether that is news.
    pub fn foreign(&mut self, at: Timestamp, why: impl FnOnce() -> String) -> bool {
        let counts = self.counts(at);
        if counts {
            *self = Self::Stopped { why: why() };
        }
        counts
    }
}

fn window_end(since: Timestamp) -> Timestamp {
    since.saturating_add(WINDOW).unwrap_or(Timestamp::MAX)
}

/// For how long to watch at least. The built-in controller is never so late with all of its starts.
pub const WINDOW: SignedDuration = SignedDuration::from_mins(2);

#[cfg(test)]
mod tests;
