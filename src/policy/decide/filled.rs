//! What is filled only where it is absent, only by admission and only at CREATE: time zone and
//! deadlines (policy.md, point 13). Filling them later would move or kill what runs.

use super::resolve::Supplied;
use crate::batch::Kind;
use crate::policy::model::setting::{Setting, Value};
use crate::policy::model::value::Seconds;

use super::case::{Case, Treatment};
use super::decision::{Origin, Settled};
use super::input::Operation;

// === impl Case ===

impl<'p> Case<'p, '_> {
    /// Decides the fields of this kind.
    pub(super) fn settle_filled(&mut self) {
        self.fill(Setting::DeadlineActive, seconds(self.resolved.deadline_active));
        if self.input.object.kind == Kind::CronJob {
            self.fill(Setting::DeadlineStarting, seconds(self.resolved.deadline_starting));
            self.fill(Setting::TimeZone, self.zone());
        }
    }

    fn fill(&mut self, setting: Setting, supplied: Option<(Value, Origin<'p>)>) {
        let present = setting.of(self.input.object);
        if self.input.operation != Operation::Create {
            self.keep_entry(setting);
            self.settle_as_is(setting, present);
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

    fn settle_as_is(&mut self, setting: Setting, present: Value) {
        self.settled.push(Settled {
            setting,
            present: present.clone(),
            author: present.clone(),
            target: present,
            source: Origin::Author,
            entry: None,
        });
    }

    /// The API server rejects a time zone beside a schedule that contains `TZ`.
    fn zone(&self) -> Option<(Value, Origin<'p>)> {
        let schedule = self.input.object.spec.schedule.as_deref().unwrap_or_default();
        let supplied = self.resolved.time_zone.filter(|_| !schedule.contains("TZ"))?;
        Some((Value::Text(supplied.value.as_str().to_owned()), supplied.by.into()))
    }
}

fn seconds(supplied: Option<Supplied<'_, Seconds>>) -> Option<(Value, Origin<'_>)> {
    supplied.map(|supplied| (Value::Number(supplied.value.get()), supplied.by.into()))
}
