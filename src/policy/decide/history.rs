//! The history limits of a `CronJob`.
//!
//! The API server fills 3 and 1 before anybody sees the object, so absence is invisible
//! (upstream-semantics.md, 4.1). A limit equal to its default counts as unset, except where
//! something shows that the author meant it.

use super::resolve::Supplied;
use crate::policy::model::record::{AUTHOR, Entry};
use crate::policy::model::setting::{Setting, Value};

use super::case::{Case, Treatment};
use super::decision::Origin;
use super::side::Known;

// === impl Case ===

impl<'p> Case<'p, '_> {
    /// Decides both limits.
    pub(super) fn settle_history(&mut self) {
        self.settle_limit(Setting::HistorySuccessful, self.resolved.history_successful);
        self.settle_limit(Setting::HistoryFailed, self.resolved.history_failed);
    }

    fn settle_limit(&mut self, setting: Setting, supplied: Option<Supplied<'p, u32>>) {
        let known = self.known(setting);
        let present = setting.of(self.input.object);
        let meant = self.is_meant(setting, &known);
        let author = if meant { known.value.clone() } else { Value::Absent };
        let (target, source) = match self.treatment {
            Treatment::Author => (known.value.clone(), Origin::Author),
            Treatment::Policy { .. } => self.limit_by_policy(setting, &author, supplied),
        };
        // What stands there already need not be written, nor written down: the API's default
        // where nobody wants anything else.
        let untouched = known.entry.is_none() && (target.is_absent() || target == present);
        if meant && self.treatment != Treatment::Author && target == author {
            self.remember_default(setting, &known);
        }
        if untouched {
            let target = known.value.clone();
            self.conclude(setting, known, target, source);
            return;
        }
        self.warn_of_change(setting, &author, &target, source);
        self.conclude(setting, Known { value: author, ..known }, target, source);
    }

    fn limit_by_policy(
        &self,
        setting: Setting,
        author: &Value,
        supplied: Option<Supplied<'p, u32>>,
    ) -> (Value, Origin<'p>) {
        let max = self.resolved.history_max.map_or(i64::MAX, |max| i64::from(max.value));
        let Some(own) = author.number() else {
            let unset = setting.api_default().unwrap_or_default();
            return match supplied {
                Some(supplied) => {
                    (Value::Number(i64::from(supplied.value).min(max)), supplied.by.into())
                }
                // Nobody says anything, and what the API server fills is above the limit.
                None if unset > max => (Value::Number(max), Origin::Limits),
                None => (Value::Absent, Origin::Author),
            };
        };
        // The API server refuses it; and what Git holds would drift for ever.
        if !(0..=i64::from(i32::MAX)).contains(&own) || self.tracked {
            return (author.clone(), Origin::Author);
        }
        match supplied {
            Some(supplied) if supplied.by.enforces() => {
                (Value::Number(i64::from(supplied.value).min(max)), supplied.by.into())
            }
            _ if own > max => (Value::Number(max), Origin::Limits),
            _ => (author.clone(), Origin::Author),
        }
    }

    /// Whether the author meant the value: anything but the API's default, or a default of which
    /// something shows that it was chosen.
    fn is_meant(&self, setting: Setting, known: &Known) -> bool {
        match (known.value.number(), &known.entry) {
            (None, _) => false,
            // An entry with an original: the author's value was known when it was written.
            (Some(_), Some(_)) => true,
            (own, None) => {
                own != setting.api_default() || known.proved || self.tracked || known.had_entry
            }
        }
    }

    /// Writes down that the API's default is the author's, where only an entry shows it: the next
    /// call would take it for unset.
    fn remember_default(&mut self, setting: Setting, known: &Known) {
        let is_default = known.value.number() == setting.api_default();
        if is_default && known.had_entry && !known.proved && !self.tracked {
            let value = known.value.clone();
            let entry = Entry { written: value.clone(), original: value, rule: AUTHOR.to_owned() };
            self.record(setting, entry);
        }
    }
}
