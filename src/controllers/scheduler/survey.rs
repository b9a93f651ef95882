//! The look at all `CronJob`s, a few at a time: how their starts are going, whoever makes them, is
//! counted and told.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::name::Name;
use crate::clock::HashMap;
use crate::cluster::slim::CronJob;
use crate::controllers::context::after;
use crate::metrics::Metrics;
use crate::scheduler::Observation;
use crate::scheduler::observe::MissedStarts;

/// What the looks have found.
#[derive(Debug)]
pub(super) struct Survey {
    /// The one under way.
    round: Option<Round>,
    /// When the next one is to begin.
    pub(super) next: Timestamp,
    /// Whether one has ended in this term.
    ended: bool,
    /// The last one that has.
    last: Round,
}

#[derive(Debug, Default)]
struct Round {
    left: Vec<Arc<CronJob>>,
    worked: Duration,
    /// How many `CronJob`s were in each state.
    counts: BTreeMap<&'static str, u64>,
    /// Missed starts, to be compared with those of the next round.
    missed: HashMap<Name, MissedStarts>,
    /// What began to be missed since the last one, in a sentence each.
    told: Vec<String>,
}

// === impl Survey ===

impl Survey {
    /// Nothing was looked at yet.
    pub(super) fn new(now: Timestamp) -> Self {
        Self { round: None, next: now, ended: false, last: Round::default() }
    }

    /// Whether a look is under way, or is to be.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.round.is_some() || now >= self.next
    }

    /// Whether a look is under way.
    pub(super) fn is_under_way(&self) -> bool {
        self.round.is_some()
    }

    /// Whether it was put off for long.
    pub(super) fn is_overdue(&self, now: Timestamp) -> bool {
        now.duration_since(self.next) > PATIENCE
    }

    /// How many `CronJob`s were in each state at the last.
    pub(super) fn counts(&self) -> BTreeMap<String, u64> {
        let counts = self.last.counts.iter();
        counts.map(|(state, count)| ((*state).to_owned(), *count)).collect()
    }

    /// The next few to be looked at; of `all`, where a look begins.
    pub(super) fn some(&mut self, all: impl FnOnce() -> Vec<Arc<CronJob>>) -> Vec<Arc<CronJob>> {
        let begin = || Round { left: all(), ..Round::default() };
        let round = self.round.get_or_insert_with(begin);
        round.left.split_off(round.left.len().saturating_sub(AT_ONCE))
    }

    /// Whether none is left of the look that is under way.
    pub(super) fn is_done(&self) -> bool {
        self.round.as_ref().is_some_and(|round| round.left.is_empty())
    }

    /// Counts one, with what it has missed since the last round; what was missed before the first
    /// round is history.
    pub(super) fn add(&mut self, name: Name, observation: &Observation, metrics: &Metrics) {
        let Some(round) = &mut self.round else { return };
        for state in observation.states() {
            *round.counts.entry(state).or_default() += 1;
        }
        let Some(missed) = observation.missed else { return };
        let before = self.last.missed.get(&name).filter(|before| before.since == missed.since);
        let fresh = missed.count.saturating_sub(before.map_or(0, |before| before.count));
        if self.ended && fresh > 0 {
            let why = missed.why.as_str();
            metrics.scheduling.missed(why, u64::try_from(fresh).unwrap_or(u64::MAX));
            if before.is_none() {
                round.told.push(format!("{name}: {observation}"));
            }
        }
        round.missed.insert(name, missed);
    }

    /// So long the last few took.
    pub(super) fn took(&mut self, time: Duration) {
        if let Some(round) = &mut self.round {
            round.worked += time;
        }
    }

    /// All were looked at; says whether for the first time.
    pub(super) fn end(&mut self, metrics: &Metrics, now: Timestamp) -> bool {
        let mut round = self.round.take().unwrap_or_default();
        let told = mem::take(&mut round.told);
        let Round { counts, worked, .. } = &round;
        metrics.scheduling.cronjobs(counts.iter().map(|(state, count)| (*state, *count)));
        if !told.is_empty() {
            // Where a controller is slow, it is slow with hundreds.
            let (cronjobs, some) = (told.len(), told[..told.len().min(SHOWN)].join("; "));
            tracing::warn!(cronjobs, "starts were missed: {some}");
        }
        tracing::debug!(?worked, ?counts, "looked at all CronJobs");
        let pause = worked.saturating_mul(SHARE).clamp(SHORTEST, LONGEST);
        self.next = after(now, pause);
        self.last = round;
        !mem::replace(&mut self.ended, true)
    }
}

/// `CronJob`s looked at before somebody else gets a turn.
const AT_ONCE: usize = 128;

/// A round costs at most a two-hundredth of the time.
const SHARE: u32 = 200;
const SHORTEST: Duration = Duration::from_secs(20);
const LONGEST: Duration = Duration::from_secs(300);

/// How long a look at everything waits for starts.
const PATIENCE: SignedDuration = SignedDuration::from_mins(5);

/// More names than these help nobody.
const SHOWN: usize = 3;
