//! `ttlSecondsAfterFinished`: of a Job, or of the template that a `CronJob`'s Jobs inherit.

use crate::batch::Kind;
use crate::policy::model::record::Entry;
use crate::policy::model::setting::{Setting, Value};
use crate::policy::model::settings::Ttl;

use super::case::{Case, Treatment};
use super::decision::{Origin, RecordChange, Settled};
use super::input::Operation;
use super::side::Known;

// === impl Case ===

impl<'p> Case<'p, '_> {
    /// Decides the TTL of everything but a finished Job in an update.
    pub(super) fn settle_ttl(&mut self) {
        let known = self.known(Setting::Ttl);
        let (target, source) = self.ttl_by_policy(&known);
        let (target, source) = match (&target, self.raise_by_hold(target.number())) {
            (_, Some(raised)) => (Value::Number(raised), Origin::Hold),
            _ => (target, source),
        };
        self.warn_of_change(Setting::Ttl, &known.value, &target, source);
        self.conclude(Setting::Ttl, known, target, source);
    }

    fn ttl_by_policy(&mut self, known: &Known) -> (Value, Origin<'p>) {
        let author = known.value.clone();
        let Treatment::Policy { floored } = self.treatment else {
            return (author, Origin::Author);
        };
        let supplied = self.resolved.ttl;
        let enforced = supplied.is_some_and(|supplied| supplied.by.enforces());
        // Before the end nobody knows the outcome; a stored finished Job has one.
        let value = supplied.and_then(|supplied| match self.finish {
            Some(finish) => supplied.value.after(finish.outcome),
            None => supplied.value.before_outcome(),
        });
        match (author.number(), supplied.zip(value)) {
            // The API server refuses it, and says so better than a patch would.
            (Some(own), _) if !(0..=i64::from(i32::MAX)).contains(&own) => (author, Origin::Author),
            // Rewriting what Git holds would drift for ever; its Jobs are judged when created.
            (Some(_), _) if self.tracked => (author, Origin::Author),
            (Some(_), Some((supplied, value))) if enforced => {
                let bounded = self.bound(value.get(), floored).0;
                (Value::Number(bounded), supplied.by.into())
            }
            (Some(own), _) => {
                let (bounded, by) = self.bound(own, floored);
                (Value::Number(bounded), by.unwrap_or(Origin::Author))
            }
            (None, _) if self.declined(known) && !enforced => {
                if supplied.is_some_and(|supplied| supplied.value != Ttl::Unset) {
                    self.record(Setting::Ttl, Entry::declined());
                }
                (Value::Absent, Origin::Author)
            }
            (None, Some((supplied, value))) => {
                let bounded = self.bound(value.get(), floored).0;
                (Value::Number(bounded), supplied.by.into())
            }
            (None, None) => (Value::Absent, self.ttl_left_open()),
        }
    }

    /// A pair with an `unset` side writes no TTL before the end, and only makes the Job ours.
    fn ttl_left_open(&mut self) -> Origin<'p> {
        let Some(supplied) = self.resolved.ttl else { return Origin::Author };
        if let Ttl::Pair { .. } = supplied.value {
            self.record(Setting::Ttl, Entry::open(Origin::from(supplied.by).as_str()));
        }
        supplied.by.into()
    }

    /// Whether the author took the TTL of an unfinished Job away, now or before.
    ///
    /// A removal counts only where the record that was sent has no entry for an absent value:
    /// there the absence is ours. `CronJob`s are filled again.
    fn declined(&self, known: &Known) -> bool {
        if self.input.object.kind == Kind::CronJob || self.input.operation == Operation::Create {
            return false;
        }
        let remembered = known.entry.as_ref().is_some_and(Entry::is_declined);
        let present = Setting::Ttl.of(self.input.object);
        let had = self.input.old.is_some_and(|old| !Setting::Ttl.of(old).is_absent());
        let left_open = self.own.sent(Setting::Ttl).is_some_and(|e| e.written.is_absent());
        remembered || had && present.is_absent() && !left_open
    }

    /// Brings a TTL into its bounds; says which bound moved it.
    ///
    /// Where `min` and `max` cross, `min` wins; the floor of a guard beats both.
    fn bound(&self, ttl: i64, floored: bool) -> (i64, Option<Origin<'p>>) {
        let max = self.resolved.ttl_max.map_or(i64::MAX, |max| max.value.get());
        let min = self.resolved.ttl_min.map_or(0, |min| min.value.get());
        let limited = ttl.min(max).max(min);
        let floor = self.policy.guards.floor.get();
        if floored && limited < floor {
            return (floor, Some(Origin::Guards));
        }
        (limited, (limited != ttl).then_some(Origin::Limits))
    }

    /// Decides about a finished Job in an update, which may only ever live longer: to cover a
    /// hold, or because it turns out to be exempt or guarded and the TTL was ours. Anything else
    /// would let `kubectl label jobs --all` empty a namespace.
    pub(super) fn lengthen_finished(&mut self) -> RecordChange {
        let present = Setting::Ttl.of(self.input.object);
        let known = self.known(Setting::Ttl);
        let returned = self.treatment == Treatment::Author
            && known.entry.is_some()
            && known.value.number().is_none_or(|own| present.number().is_some_and(|p| own > p));
        // Nothing is judged anew here: whoever supplied the value keeps its entry.
        let target = if returned { known.value.clone() } else { present.clone() };
        self.filled().for_each(|setting| self.keep_entry(setting));
        if let Some(raised) = self.raise_by_hold(target.number()) {
            self.conclude(Setting::Ttl, known, Value::Number(raised), Origin::Hold);
            return self.own.change();
        }
        let changed = target != present;
        let (setting, source) = (Setting::Ttl, Origin::Author);
        let Known { value: author, entry, .. } = known;
        self.settled.push(Settled { setting, present, author, target, source, entry });
        if changed {
            return self.own.change();
        }
        if !self.own.is_lost() {
            return RecordChange::Keep;
        }
        self.keep_entry(Setting::Ttl);
        self.own.change()
    }
}
