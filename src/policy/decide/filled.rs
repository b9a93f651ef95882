//! What is filled only where it is absent, only by admission and only at CREATE: time zone and
//! deadlines (policy.md, point 13). Filling them later would move or kill what runs.

use crate::policy::model::setting::{Setting, Value};

use super::case::{Case, Treatment};
use super::decision::{Origin, Settled};
use super::input::Operation;

// === impl Case ===

impl<'p> Case<'p, '_> {
    /// Decides the fields of this kind.
    pub(super) fn settle_filled(&mut self) {
        self.filled().for_each(|setting| self.fill(setting, self.supplied(setting)));
    }

    /// Those that the object can have.
    pub(super) fn filled(&self) -> impl Iterator<Item = Setting> + use<> {
        let kind = self.input.object.kind;
        let filled = Setting::ALL.into_iter().filter(|setting| setting.is_filled());
        filled.filter(move |setting| setting.path(kind).is_some())
    }

    fn fill(&mut self, setting: Setting, supplied: Option<(Value, Origin<'p>)>) {
        let present = setting.of(self.input.object);
        if self.input.operation != Operation::Create {
            self.keep_entry(setting);
            let (author, target) = (present.clone(), present.clone());
            let source = Origin::Author;
            self.settled.push(Settled { setting, present, author, target, source, entry: None });
            return;
        }
        let known = self.known(setting);
        let supplied = supplied.filter(|_| self.treatment != Treatment::Author);
        let (target, source) = match supplied {
            Some((value, by)) if known.value.is_absent() => (value, by),
            _ => (known.value.clone(), Origin::Author),
        };
        self.conclude(setting, known, target, source);
    }

    /// Keeps the entry of a value that stays, in the record that was sent or in the one that was
    /// lost; what is exempt or guarded carries none.
    pub(super) fn keep_entry(&mut self, setting: Setting) {
        let present = setting.of(self.input.object);
        let side = self.side(setting);
        let kept = side.sent(setting).or_else(|| side.fitting(setting, &present)).cloned();
        if let Some(entry) = kept
            && self.treatment != Treatment::Author
        {
            self.record(setting, entry);
        }
    }

    fn supplied(&self, setting: Setting) -> Option<(Value, Origin<'p>)> {
        // The API server rejects a time zone beside a schedule that contains `TZ`.
        let schedule = self.input.object.spec.schedule.as_deref().unwrap_or_default();
        if setting == Setting::TimeZone && schedule.contains("TZ") {
            return None;
        }
        let supplied = self.resolved.get(setting.as_str())?;
        Some((supplied.value.to_value(), supplied.by.into()))
    }
}
