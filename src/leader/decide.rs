//! What to do about the Lease, from what was seen of it.

use std::time::Duration;

use jiff::Timestamp;

/// How long a Lease holds, and how often it is renewed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Timing {
    /// Others wait for so long without a change before they take over.
    pub lease: Duration,
    /// A leader that has not renewed for so long stops.
    pub deadline: Duration,
    /// Between two attempts.
    pub retry: Duration,
}

/// What a Lease says.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LeaderElectionRecord {
    /// Empty where the last one gave it back.
    pub holder: String,
    /// `None` where it is missing or makes no sense.
    pub duration: Option<Duration>,
    pub acquired: Option<Timestamp>,
    pub renewed: Option<Timestamp>,
    pub transitions: i32,
}

/// What was last seen of the Lease.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ObservedRecord {
    /// `None` where there is no Lease.
    pub record: Option<LeaderElectionRecord>,
    /// When it was seen to say something else than before, on the local monotonic clock.
    pub changed: Duration,
    /// Of a Lease that was held and has been deleted: how long its holder had at least, when we
    /// saw it last. It may be at work and not know.
    pub vacated: Option<Duration>,
}

/// Everything that a decision depends on but the time.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// Who we are; unlike anybody else's, also of an earlier process in the same place.
    pub identity: &'a str,
    pub timing: Timing,
    /// `None` until the Lease, or that there is none, has been read once.
    pub observed: Option<&'a ObservedRecord>,
    /// While we lead: when the last successful write of ours was *sent*.
    pub renewed: Option<Duration>,
    /// We are asked to stop.
    pub leaving: bool,
}

/// What to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// Make the Lease, in our name.
    Create,
    /// Write that we are still there.
    Renew,
    /// Write our name in the place of another.
    TakeOver,
    /// Nothing until the next attempt.
    Wait,
    /// Stop all work: the Lease is, or may soon be, another's.
    StepDown,
    /// Give the Lease back, once all work has stopped.
    Release,
}

/// client-go's rule (`tools/leaderelection`), stricter in two points. A leader that reads another
/// name in the Lease stops at once, and not at its deadline. And who sees a held Lease vanish
/// waits as long as for one that is no longer renewed: its holder is still at work.
pub fn decide(situation: Situation<'_>, now: Duration) -> Step {
    let Situation { identity, timing, observed, renewed, leaving } = situation;
    let record = observed.map(|observed| observed.record.as_ref());
    if let Some(renewed) = renewed {
        return match record {
            Some(Some(record)) if record.holder != identity => Step::StepDown,
            _ if now.saturating_sub(renewed) >= timing.deadline => Step::StepDown,
            _ if leaving => Step::Release,
            // Somebody deleted it. Whoever makes it anew leads, and that may be we.
            Some(None) => Step::Create,
            _ => Step::Renew,
        };
    }
    let (Some(observed), false) = (observed, leaving) else { return Step::Wait };
    let unchanged = now.saturating_sub(observed.changed);
    match &observed.record {
        None if observed.vacated.is_some_and(|left| unchanged < left) => Step::Wait,
        None => Step::Create,
        Some(record) if record.holder.is_empty() => Step::TakeOver,
        // A write of ours that worked, and whose answer was lost.
        Some(record) if record.holder == identity => Step::Renew,
        Some(record) => {
            let expired = unchanged >= record.duration.unwrap_or(timing.lease);
            if expired { Step::TakeOver } else { Step::Wait }
        }
    }
}

// === impl Timing ===

impl Timing {
    /// Whether a leader always stops before another may start.
    pub fn is_sound(&self) -> bool {
        let Self { lease, deadline, retry } = *self;
        lease > deadline && deadline > retry.mul_f64(JITTER) && !retry.is_zero()
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(15),
            deadline: Duration::from_secs(10),
            retry: Duration::from_secs(2),
        }
    }
}

// === impl ObservedRecord ===

impl ObservedRecord {
    /// Takes note of what was read. The same record again is no sign of life.
    pub fn see(&mut self, record: Option<LeaderElectionRecord>, now: Duration, timing: Timing) {
        if self.record == record {
            return;
        }
        let held = self.record.take().filter(|before| !before.holder.is_empty());
        let vacated = match record {
            None => held.map(|before| before.duration.unwrap_or(timing.lease)),
            Some(_) => None,
        };
        *self = Self { record, changed: now, vacated };
    }
}

// === impl LeaderElectionRecord ===

impl LeaderElectionRecord {
    /// What to write; `None` for a step that writes nothing.
    ///
    /// `wall` is for people to read: nobody decides by it.
    pub fn after(
        step: Step,
        before: Option<&Self>,
        identity: &str,
        timing: Timing,
        wall: Timestamp,
    ) -> Option<Self> {
        let transitions = before.map_or(0, |record| record.transitions);
        let ours = Self {
            holder: identity.to_owned(),
            duration: Some(timing.lease),
            acquired: Some(wall),
            renewed: Some(wall),
            transitions,
        };
        match step {
            Step::Create => Some(Self { transitions: 0, ..ours }),
            Step::TakeOver => Some(Self { transitions: transitions.saturating_add(1), ..ours }),
            Step::Renew => {
                Some(Self { acquired: before.and_then(|record| record.acquired), ..ours })
            }
            // As client-go: a second, so that old observers do not wait either.
            Step::Release => {
                Some(Self { holder: String::new(), duration: Some(Duration::from_secs(1)), ..ours })
            }
            Step::StepDown | Step::Wait => None,
        }
    }
}

/// client-go's: a pause is stretched by up to as much.
pub(super) const JITTER: f64 = 1.2;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;
    use proptest::prelude::*;
    use rstest::rstest;

    use super::{LeaderElectionRecord, ObservedRecord, Situation, Step, Timing, decide};

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[expect(clippy::unnecessary_wraps, reason = "as the rows of the table want it")]
    fn held(holder: &str, changed: u64) -> Option<ObservedRecord> {
        let record = LeaderElectionRecord {
            holder: holder.to_owned(),
            duration: Some(s(15)),
            // Times that would mislead whoever looks at them.
            acquired: Some(Timestamp::MIN),
            renewed: Some(Timestamp::MIN),
            transitions: 4,
        };
        Some(ObservedRecord { record: Some(record), changed: s(changed), vacated: None })
    }

    fn with_duration(
        observed: Option<ObservedRecord>,
        duration: Option<Duration>,
    ) -> Option<ObservedRecord> {
        observed.map(|mut observed| {
            observed.record.as_mut().unwrap().duration = duration;
            observed
        })
    }

    #[expect(clippy::unnecessary_wraps, reason = "as the rows of the table want it")]
    fn absent() -> Option<ObservedRecord> {
        Some(ObservedRecord::default())
    }

    /// Held by another, and then gone.
    fn vanished(changed: u64) -> Option<ObservedRecord> {
        let mut observed = held("other", 0);
        observed.as_mut().unwrap().see(None, s(changed), Timing::default());
        observed
    }

    fn released_and_vanished() -> Option<ObservedRecord> {
        let mut observed = held("", 0);
        observed.as_mut().unwrap().see(None, s(99), Timing::default());
        observed
    }

    #[rstest]
    #[case::nothing_read_yet(None, None, false, Step::Wait)]
    #[case::no_lease(absent(), None, false, Step::Create)]
    #[case::vanished(vanished(99), None, false, Step::Wait)]
    #[case::vanished_just_not_long_ago_enough(vanished(86), None, false, Step::Wait)]
    #[case::vanished_long_ago(vanished(85), None, false, Step::Create)]
    #[case::given_back_and_vanished(released_and_vanished(), None, false, Step::Create)]
    #[case::given_back(held("", 99), None, false, Step::TakeOver)]
    #[case::just_changed(held("other", 100), None, false, Step::Wait)]
    #[case::almost_expired(held("other", 86), None, false, Step::Wait)]
    #[case::expired(held("other", 85), None, false, Step::TakeOver)]
    #[case::its_own_duration_counts(
        with_duration(held("other", 85), Some(s(60))),
        None,
        false,
        Step::Wait
    )]
    #[case::no_duration(with_duration(held("other", 90), None), None, false, Step::Wait)]
    #[case::no_duration_and_old(
        with_duration(held("other", 80), None),
        None,
        false,
        Step::TakeOver
    )]
    #[case::our_write_worked_after_all(held("us", 99), None, false, Step::Renew)]
    #[case::leaving_without_the_lease(held("", 0), None, true, Step::Wait)]
    #[case::leaving_without_any_lease(absent(), None, true, Step::Wait)]
    #[case::leading(held("us", 98), Some(s(98)), false, Step::Renew)]
    #[case::leading_just_in_time(held("us", 91), Some(s(91)), false, Step::Renew)]
    #[case::leading_too_long(held("us", 90), Some(s(90)), false, Step::StepDown)]
    #[case::leading_and_stopped_for_long(held("us", 40), Some(s(40)), false, Step::StepDown)]
    #[case::taken_from_us(held("other", 99), Some(s(98)), false, Step::StepDown)]
    #[case::taken_and_given_back(held("", 99), Some(s(98)), false, Step::StepDown)]
    #[case::deleted(absent(), Some(s(98)), false, Step::Create)]
    #[case::deleted_too_long(absent(), Some(s(90)), false, Step::StepDown)]
    #[case::leaving(held("us", 98), Some(s(98)), true, Step::Release)]
    #[case::leaving_what_was_taken(held("other", 98), Some(s(98)), true, Step::StepDown)]
    #[case::leaving_too_late(held("us", 90), Some(s(90)), true, Step::StepDown)]
    fn the_rule(
        #[case] observed: Option<ObservedRecord>,
        #[case] renewed: Option<Duration>,
        #[case] leaving: bool,
        #[case] step: Step,
    ) {
        let situation = Situation {
            identity: "us",
            timing: Timing::default(),
            observed: observed.as_ref(),
            renewed,
            leaving,
        };
        assert_eq!(decide(situation, s(100)), step);
    }

    #[test]
    fn only_a_change_is_a_sign_of_life() {
        let mut observed = held("other", 10).unwrap();
        let timing = Timing::default();
        observed.see(observed.record.clone(), s(50), timing);
        assert_eq!(observed.changed, s(10));
        let mut renewed = observed.record.clone().unwrap();
        renewed.renewed = Some(Timestamp::MAX);
        observed.see(Some(renewed), s(51), timing);
        assert_eq!(observed.changed, s(51));
    }

    #[rstest]
    #[case::create(Step::Create, "us", 0)]
    #[case::renew(Step::Renew, "us", 4)]
    #[case::take_over(Step::TakeOver, "us", 5)]
    #[case::release(Step::Release, "", 4)]
    fn what_is_written(#[case] step: Step, #[case] holder: &str, #[case] transitions: i32) {
        let before = held("other", 0).unwrap().record;
        let wall = Timestamp::UNIX_EPOCH;
        let after =
            LeaderElectionRecord::after(step, before.as_ref(), "us", Timing::default(), wall)
                .unwrap();
        assert_eq!((after.holder.as_str(), after.transitions), (holder, transitions));
        assert_eq!(after.renewed, Some(wall));
        let kept = step == Step::Renew;
        assert_eq!(after.acquired, Some(if kept { Timestamp::MIN } else { wall }));
    }

    #[rstest]
    #[case::default(15, 10, 2, true)]
    #[case::deadline_as_long_as_the_lease(10, 10, 2, false)]
    #[case::no_time_to_retry(15, 2, 2, false)]
    #[case::no_pause(15, 10, 0, false)]
    fn timing_is_sound(
        #[case] lease: u64,
        #[case] deadline: u64,
        #[case] retry: u64,
        #[case] sound: bool,
    ) {
        let timing = Timing { lease: s(lease), deadline: s(deadline), retry: s(retry) };
        assert_eq!(timing.is_sound(), sound);
    }

    proptest! {
        /// A write that lands is seen after it was sent. So whoever takes over does so after the
        /// old leader has stopped, whatever the delays and the offset of the two clocks.
        #[test]
        fn nobody_takes_over_from_a_leader(
            sent in 0_u64..1_000,
            delay in 0_u64..60_000,
            later in 0_u64..60_000,
        ) {
            let ms = |ms| s(1_000_000) + Duration::from_millis(ms);
            let observed = ObservedRecord { changed: ms(sent + delay), ..held("us", 0).unwrap() };
            let now = ms(sent + later);
            let look = |identity, renewed| decide(
                Situation {
                    identity,
                    timing: Timing::default(),
                    observed: Some(&observed),
                    renewed,
                    leaving: false,
                },
                now,
            );
            if look("them", None) == Step::TakeOver {
                prop_assert_eq!(look("us", Some(ms(sent))), Step::StepDown);
            }
        }
    }
}
