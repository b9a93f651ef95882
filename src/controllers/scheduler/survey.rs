//! The look at all `CronJob`s: how each is going is told, counted and put down.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::control_loop::ControlLoop;
use super::name::Name;
use super::round::Round;
use super::views;
use crate::clock;
use crate::cluster::slim::CronJob;
use crate::scheduler::Observation;
use crate::scheduler::observe::{MissedStarts, observe};

// === impl ControlLoop ===

impl ControlLoop<'_> {
    /// Looks at some more, or begins when it is time.
    pub(super) fn survey(&mut self) {
        let now = self.now();
        if self.round.is_none() {
            if now < self.next_round {
                return;
            }
            self.round = Some(Round::new(self.context.watches.store.cronjobs.all()));
        }
        let Some(mut round) = self.round.take() else { return };
        let began = clock::ticks();
        for _ in 0..AT_ONCE {
            let Some(cronjob) = round.left.pop() else {
                self.end_round(round);
                return;
            };
            self.look_at(&cronjob, now, &mut round);
        }
        round.worked += began.elapsed();
        self.round = Some(round);
    }

    fn look_at(&mut self, cronjob: &Arc<CronJob>, now: Timestamp, round: &mut Round) {
        let name = Name::of(&cronjob.meta);
        let jobs = self.jobs_of(cronjob);
        let children = views::children(jobs.iter().map(|job| &**job), cronjob, |_| false);
        let written = views::cronjob(cronjob, None);
        let known = self.expectations.known(&name).map(|known| known.in_force(cronjob, now));
        let store = &self.context.watches.store;
        let namespace = store.namespaces.find(&cronjob.meta.namespace);
        let view = crate::batch::CronJob {
            in_force: known.or(written.in_force),
            // Only where the policy asks for namespaces. Elsewhere its deletion shows a moment
            // later, as that of the CronJob.
            namespace_terminating: namespace.is_some_and(|namespace| namespace.terminating),
            ..written
        };
        let is_there = |job: &str| Some(store.jobs.find(&cronjob.meta.namespace, job).is_some());
        let observation = observe(&view, &children, is_there, &self.hands.zone, self.grace(), now);
        for state in observation.states() {
            *round.counts.entry(state).or_default() += 1;
        }
        if let Some(missed) = observation.missed {
            round.told.extend(self.count_missed(&name, missed, &observation));
            round.missed.insert(name, missed);
        }
    }

    /// Counts what was missed since the last round, and says so where it begins. What was missed
    /// before the first round is history.
    fn count_missed(
        &self,
        name: &Name,
        missed: MissedStarts,
        observation: &Observation,
    ) -> Option<String> {
        if !self.rounded {
            return None;
        }
        let before = self.missed.get(name).filter(|before| before.since == missed.since);
        let fresh = missed.count.saturating_sub(before.map_or(0, |before| before.count));
        if fresh == 0 {
            return None;
        }
        let why = missed.why.as_str();
        self.hands.metrics.scheduling.missed(why, u64::try_from(fresh).unwrap_or(u64::MAX));
        before.is_none().then(|| format!("{name}: {observation}"))
    }

    fn end_round(&mut self, round: Round) {
        let Round { counts, missed, told, worked, began, left: _ } = round;
        self.hands
            .metrics
            .scheduling
            .cronjobs(counts.iter().map(|(state, count)| (*state, *count)));
        if !told.is_empty() {
            // Where a controller is slow, it is slow with hundreds.
            let (cronjobs, some) = (told.len(), told[..told.len().min(SHOWN)].join("; "));
            tracing::warn!(cronjobs, "starts were missed: {some}");
        }
        tracing::debug!(?worked, took = ?began.elapsed(), ?counts, "looked at all CronJobs");
        self.counts = counts;
        self.missed = missed;
        self.next_round = self.after(worked.saturating_mul(SHARE).clamp(SHORTEST, LONGEST));
        if !self.rounded {
            self.rounded = true;
            // Whoever asks for the status now wants to see it.
            self.next_report = Timestamp::MIN;
        }
        self.heal();
    }

    /// How late a start may be before it counts as missed.
    pub(super) fn grace(&self) -> SignedDuration {
        SignedDuration::from_secs(self.policy.scheduler.grace.get())
    }
}

/// `CronJob`s looked at before somebody else gets a turn.
const AT_ONCE: usize = 128;

/// A round costs at most a two-hundredth of the time.
const SHARE: u32 = 200;
const SHORTEST: Duration = Duration::from_secs(20);
const LONGEST: Duration = Duration::from_secs(300);

/// More names than these help nobody.
const SHOWN: usize = 3;
