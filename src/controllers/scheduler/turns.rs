//! Whose turn it is and when: timers, passes that begin, and passes that have ended.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinError;

use super::control_loop::{ControlLoop, UnderWay};
use super::expectations::Known;
use super::name::Name;
use super::reconcile::{self, Ended, Manner, Next, ReconcileRequest};
use super::views;
use crate::cluster::pace::NextWrite;
use crate::policy::rule::SchedulerMode;
use crate::scheduler::Timetable;
use crate::scheduler::missed::{self, AFTER_SLOT};

// === impl ControlLoop ===

impl ControlLoop<'_> {
    /// Gives a `CronJob` a turn, unless it had one a moment ago: its Jobs change by the hundred.
    pub(super) fn look_soon(&mut self, name: Name, now: Timestamp) {
        if let Some(under_way) = self.under_way.get_mut(&name) {
            under_way.news = true;
            return;
        }
        if self.queue.contains(&name) {
            return;
        }
        let Some(known) = self.expectations.known(&name) else { return };
        let next = known.passed.map(|at| at.saturating_add(BETWEEN).unwrap_or(Timestamp::MAX));
        match next.filter(|next| *next > now) {
            None => self.queue.chore(name, now),
            Some(next) => self.set_timer(&name, next),
        }
    }

    /// Has a look then, or sooner where that is to be anyway.
    pub(super) fn set_timer(&mut self, name: &Name, at: Timestamp) {
        if self.timers.deadline_of(name).is_none_or(|other| other > at) {
            self.timers.set(name.clone(), at);
        }
    }

    /// Remembers when a start is due.
    pub(super) fn set_wake(&mut self, name: &Name, wake: Option<Timestamp>) {
        let Some(known) = self.expectations.known(name) else { return };
        known.wake = wake;
        match wake {
            Some(at) => self.timers.set(name.clone(), at),
            None => {
                self.timers.remove(name);
            }
        }
    }

    pub(super) fn take_due(&mut self) {
        let now = self.now();
        if self.mode() == SchedulerMode::Own && self.takeover.pass(now) {
            tracing::info!("nobody else starts CronJobs: from now on this does");
            self.next_report = Timestamp::MIN;
            self.say_mode();
            self.expectations.begin_anew(now, false);
            self.everything();
        }
        while let Some((_, name)) = self.timers.pop_due(now) {
            let Some(known) = self.expectations.known(&name) else { continue };
            let wake = known.wake.filter(|wake| *wake <= now);
            if let Some(wake) = wake {
                known.wake = None;
                let slot = wake.saturating_sub(AFTER_SLOT).unwrap_or(wake);
                let seen = Arc::clone(&known.seen);
                if self.mode() == SchedulerMode::Own
                    && !self.takeover.owns()
                    && views::cronjob(&seen, None).would_start()
                {
                    self.takeover.due(slot, self.grace().max(SLOWEST));
                }
                self.queue.start(name, slot);
            } else {
                if let Some(wake) = known.wake {
                    self.timers.set(name.clone(), wake);
                }
                self.queue.chore(name, now);
            }
        }
    }

    /// Gives every `CronJob` a turn.
    pub(super) fn everything(&mut self) {
        let now = self.now();
        self.healed = now;
        for name in self.expectations.unedited() {
            self.queue.chore(name, now);
        }
    }

    /// Gives every `CronJob` a turn now and then, whatever news there were.
    pub(super) fn heal(&mut self) {
        let now = self.now();
        if now.duration_since(self.healed) > BETWEEN_HEALINGS {
            self.see_all(now);
            self.everything();
        }
    }

    /// Whether another pass may begin.
    pub(super) fn may_turn(&self) -> bool {
        self.turn_at().is_some_and(|at| at.is_zero())
    }

    /// How long until another pass may begin; `None` where one has to end first.
    pub(super) fn turn_at(&self) -> Option<Duration> {
        let now = self.start.elapsed();
        match self.pace.clone().turn(now) {
            NextWrite::Now => Some(Duration::ZERO),
            NextWrite::At(at) => Some(at.saturating_sub(now)),
            NextWrite::AfterAnother => None,
        }
    }

    pub(super) fn take_turns(&mut self) {
        let now = self.now();
        while self.may_turn() {
            let Some((name, urgent)) = self.queue.pop(now) else { return };
            if let Some(under_way) = self.under_way.get_mut(&name) {
                under_way.news = true;
            } else if self.acts(name.parts().0) {
                self.begin(name, urgent, now);
            } else {
                // What was started when we might is still to be written down.
                if self.expectations.known(&name).is_some_and(|known| known.unwritten.is_some()) {
                    self.begin(name.clone(), false, now);
                }
                self.retime(&name, now);
            }
        }
    }

    /// Where nothing is started, only the time of the next start is of interest.
    pub(super) fn retime(&mut self, name: &Name, now: Timestamp) {
        let Some(known) = self.expectations.known(name) else { return };
        known.passed = Some(now);
        let seen = Arc::clone(&known.seen);
        let view = views::cronjob(&seen, None);
        if view.suspended || view.terminating || self.mode() == SchedulerMode::Observe {
            self.set_wake(name, None);
            return;
        }
        let timetable = Timetable::read(view.schedule, view.time_zone, &self.hands.zone);
        let wake = timetable
            .ok()
            .and_then(|timetable| missed::next_look(&timetable, missed::Since::of(&view), now));
        // What is past and not made here stays so.
        self.set_wake(name, wake.filter(|wake| *wake > now));
    }

    /// Begins a pass.
    pub(super) fn begin(&mut self, name: Name, urgent: bool, now: Timestamp) {
        let Some(known) = self.expectations.known(&name) else { return };
        known.passed = Some(now);
        known.edited = false;
        let Known { unwritten, verified, doubt, since, failures, .. } = known.clone();
        let cronjob = Arc::clone(known.newest());
        let manner = if self.acts(name.parts().0) && self.term.holds() {
            self.manner(&cronjob, since)
        } else {
            Some(Manner::Finish)
        };
        let Some(manner) = manner else { return };
        let uid = cronjob.meta.uid.clone();
        let children = self.jobs_of(&cronjob);
        let held = self.held(&cronjob, &children);
        let errand = ReconcileRequest {
            name: name.clone(),
            cronjob,
            unwritten,
            children,
            held,
            doubt,
            failures,
            verified: verified && matches!(manner, Manner::Own),
            urgent: urgent && matches!(manner, Manner::Own),
            manner,
        };
        let began = self.start.elapsed();
        let _taken = self.pace.turn(began);
        let hands = self.hands.clone();
        let task =
            self.passes.spawn(async move { (began, reconcile::make(hands, errand).await) }).id();
        self.under_way.insert(name, UnderWay { uid, task, news: false, rescheduled: false });
    }

    /// Draws the conclusions from a pass.
    pub(super) fn ended(&mut self, ended: Result<(Duration, Ended), JoinError>) {
        let now = self.now();
        let (began, ended) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                tracing::error!(%error, "a pass broke off");
                let broken = self.under_way.iter().find(|(_, one)| one.task == error.id());
                let Some(name) = broken.map(|(name, _)| name.clone()) else { return };
                let unwritten = self.expectations.known(&name).and_then(|k| k.unwritten.clone());
                (self.start.elapsed(), Ended::broken_off(name, unwritten))
            }
        };
        let Ended { name, next, wake, unwritten, newest, verified, signal, refused } = ended;
        self.pace.ended(signal, began, self.start.elapsed());
        if refused {
            self.keeper.doubt();
        }
        let under_way = self.under_way.remove(&name);
        let heard = |what: fn(&UnderWay) -> bool| under_way.as_ref().is_some_and(what);
        let (news, rescheduled) = (heard(|one| one.news), heard(|one| one.rescheduled));
        let Some(known) = self.expectations.known(&name) else { return };
        if under_way.is_some_and(|one| one.uid != known.seen.meta.uid) {
            // Nothing of it is about the one that is there now.
            self.look_soon(name, now);
            return;
        }
        known.unwritten = unwritten;
        known.verified |= verified;
        known.doubt = next == Next::Failed { doubt: true };
        if let Some(newest) = newest {
            known.written = Some(newest);
        }
        let failures = std::mem::take(&mut known.failures);
        match next {
            // Another one of the name may be there by now.
            Next::Gone if !news => return self.forget(&name),
            Next::Gone => {}
            Next::Failed { .. } => {
                known.failures = failures + 1;
                let expected = wake.or(known.wake);
                let pause = FIRST_PAUSE.saturating_mul(1 << failures.min(DOUBLINGS));
                // The next start does not wait for what failed, which is tried again before.
                self.set_wake(&name, expected);
                self.set_timer(&name, self.after(pause));
            }
            Next::At(at) => self.set_wake(&name, Some(at)),
            Next::Soon => {
                self.set_wake(&name, wake);
                self.queue.chore(name.clone(), now);
            }
            Next::Sleep => self.set_wake(&name, None),
        }
        if rescheduled && let Some(known) = self.expectations.known(&name) {
            let seen = Arc::clone(&known.seen);
            self.reschedule(&name, &seen, now);
        }
        if news {
            self.look_soon(name, now);
        }
    }
}

/// Between two passes over one `CronJob` that only news ask for.
const BETWEEN: SignedDuration = SignedDuration::from_millis(200);

/// As often as the sweeper looks at everything at least.
const BETWEEN_HEALINGS: SignedDuration = SignedDuration::from_mins(10);

/// How late the built-in controller may be with a start, and be at work all the same.
const SLOWEST: SignedDuration = SignedDuration::from_secs(60);

const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// Up to two minutes.
const DOUBLINGS: u32 = 9;
