//! A hold that a person places or releases by hand: the TTL and the record that go with the
//! annotation in one write (policy.md, point 10).
//!
//! The sweeper would get there by itself, under `Marked` and above; whoever types `curfew hold`
//! has no time to wait for it, and may have no sweeper.

use jiff::Timestamp;

use super::change::{Change, Direction};
use super::decide::{View, unjudged};
use super::reason::Reason;
use crate::policy::decide::Origin;
use crate::policy::record::HOLD;
use crate::policy::{Mode, Policy, Setting};

/// What follows from the annotation as it stands in the object, or no longer does.
#[derive(Clone, Debug, PartialEq)]
pub enum Hold {
    /// The policy does not act here; the TTL stays as it is.
    Idle(Reason),
    Judged {
        /// The TTL and its record, where they change.
        change: Option<Box<Change>>,
        /// The TTL afterwards.
        ttl: Option<i64>,
        /// Until when the hold keeps a finished Job.
        until: Option<Timestamp>,
        /// When a finished Job expires afterwards.
        expiry: Option<Timestamp>,
    },
}

// === impl Hold ===

impl Hold {
    /// Asks the policy about a Job whose annotation has just been placed, or taken away. Nothing
    /// but what the hold is about changes, whatever else the policy would have there.
    pub fn of(policy: &Policy, view: &View<'_>) -> Self {
        let decision = policy.decide(&view.input());
        if let Some(reason) = unjudged(&decision) {
            return Self::Idle(reason);
        }
        let Some(settled) =
            decision.setting(Setting::Ttl).filter(|_| decision.mode == Mode::Enforce)
        else {
            return Self::Idle(Reason::Off);
        };
        let was_raised = settled.entry.as_ref().is_some_and(|entry| entry.rule == HOLD);
        let raises = matches!(settled.source, Origin::Hold);
        // Where there is no TTL, there is nothing to raise.
        let by_hold = !settled.present.is_absent() && (was_raised || raises);
        if by_hold && decision.no_room {
            return Self::Idle(Reason::NoRoom);
        }
        let direction = if raises { Direction::Raise } else { Direction::Lower };
        let change = (by_hold && settled.changes())
            .then(|| Change::of(&decision, view.object, view.namespace, &[settled], direction))
            .flatten()
            .map(Box::new);
        let ttl = if by_hold { settled.target.number() } else { settled.present.number() };
        let finish = crate::batch::Finish::of(view.object);
        Self::Judged {
            change,
            ttl,
            until: decision.held_until,
            expiry: finish.zip(ttl).and_then(|(finish, ttl)| finish.expiry(ttl)),
        }
    }
}
