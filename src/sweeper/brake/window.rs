//! Which finished Jobs are counted, by whoever counts for the brake: the pass over everything, the
//! labels of a namespace that change, and a plan.

use jiff::{SignedDuration, Timestamp};

use super::super::decide::Risk;
use super::super::reach::Reach;

/// A finished Job that the policy would end, as the count sees it.
#[derive(Clone, Copy, Debug)]
pub struct AtRisk<'a> {
    pub namespace: &'a str,
    pub risk: Risk,
    /// The same under the accepted policy, where that is known and would end the Job, too.
    pub before: Option<Risk>,
}

/// The finished Jobs that a moment concerns: those that had finished by then, and are due then or
/// within the hour.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Window {
    finish: Timestamp,
    due: Timestamp,
}

/// How many of them there are.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Due {
    pub(super) count: usize,
    /// Of these, how many were not due under the accepted policy.
    pub(super) made: usize,
    /// The latest end among the counted ones.
    pub(super) latest: Option<Timestamp>,
}

/// How many finished Jobs a sweeper would count that meets the policy now, and writes there: what it
/// cannot write to it cannot end.
pub fn due<'r>(
    now: Timestamp,
    reach: &Reach,
    risks: impl IntoIterator<Item = (&'r str, &'r Risk)>,
) -> usize {
    let window = Window::at(whole_second(now));
    let mut due = Due::default();
    for (_, risk) in risks.into_iter().filter(|(namespace, _)| reach.covers(namespace)) {
        due.add(&window, risk, None);
    }
    due.count
}

// === impl Window ===

impl Window {
    /// That of a moment. The stamps come from other clocks: a Job that ended a moment ago may bear
    /// one a little ahead.
    pub(super) fn at(moment: Timestamp) -> Self {
        Self { finish: moment.saturating_add(SKEW).unwrap_or(Timestamp::MAX), due: horizon(moment) }
    }

    pub(super) fn holds(&self, risk: &Risk) -> bool {
        risk.finish <= self.finish && risk.due <= self.due
    }
}

// === impl Due ===

impl Due {
    /// Counts a Job, where it is one of the window.
    pub(super) fn add(&mut self, window: &Window, risk: &Risk, before: Option<&Risk>) {
        if window.holds(risk) {
            self.count += 1;
            self.made += usize::from(!before.is_some_and(|before| window.holds(before)));
            self.latest = self.latest.max(Some(risk.finish));
        }
    }
}

/// Until when what is due then is held by a moment.
pub(super) fn horizon(moment: Timestamp) -> Timestamp {
    moment.saturating_add(AHEAD).unwrap_or(Timestamp::MAX)
}

/// The API knows whole seconds, and a plan's id names one.
pub(super) fn whole_second(moment: Timestamp) -> Timestamp {
    Timestamp::from_second(moment.as_second()).unwrap_or(moment)
}

/// What falls due within this time of a load is held by it, too.
pub(super) const AHEAD: SignedDuration = SignedDuration::from_hours(1);

/// Above this offset nothing is deleted at all (controllers.md, "Clock").
const SKEW: SignedDuration = SignedDuration::from_secs(30);
