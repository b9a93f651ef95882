//! Which events become one: client-go's rules, for events.k8s.io/v1.
//!
//! Pure: time is an argument. The same event again raises a count. From the tenth different note
//! about the same thing within ten minutes on, they become one that says so. And no object gets
//! more than 25 at once, then one in five minutes: something goes round in circles there.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use jiff::Timestamp;

use super::event::{About, Event};

/// What is remembered of recent events.
#[derive(Debug, Default)]
pub struct Correlator {
    topics: HashMap<Topic, Notes>,
    series: HashMap<(Topic, Option<String>), Series>,
    allowances: HashMap<(About, bool), Allowance>,
}

/// What to do with an event.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Correlation {
    /// Write it, under this name and with this note.
    Create { name: String, note: String },
    /// The event of this name has now been seen so often; `note` is for where it has expired.
    Again { name: String, note: String, count: i32 },
    /// There are too many.
    Drop,
}

/// Events that differ only in their notes.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Topic {
    about: About,
    warning: bool,
    reason: &'static str,
    action: &'static str,
}

#[derive(Debug, Default)]
struct Notes {
    different: HashSet<String>,
    last: Duration,
}

#[derive(Debug)]
struct Series {
    name: String,
    count: i32,
    last: Duration,
}

#[derive(Debug)]
struct Allowance {
    left: f64,
    filled: Duration,
}

// === impl Correlator ===

impl Correlator {
    /// Takes an event that happened `at`, seen at `now` on a monotonic clock.
    pub fn judge(&mut self, event: &Event, at: Timestamp, now: Duration) -> Correlation {
        self.forget(now);
        let Event { about, warning, reason, action, note } = event;
        let topic = Topic { about: about.clone(), warning: *warning, reason, action };
        let combined = self.is_one_of_many(&topic, note, now);
        if !self.is_allowed(about, *warning, now) {
            return Correlation::Drop;
        }
        let note =
            if combined { format!("(combined from similar events): {note}") } else { note.clone() };
        let key = (topic, (!combined).then(|| event.note.clone()));
        if let Some(series) = self.series.get_mut(&key) {
            series.count = series.count.saturating_add(1);
            series.last = now;
            return Correlation::Again { name: series.name.clone(), note, count: series.count };
        }
        let name = format!("{}.{:x}", about.name, at.as_nanosecond());
        self.series.insert(key, Series { name: name.clone(), count: 1, last: now });
        Correlation::Create { name, note }
    }

    fn is_one_of_many(&mut self, topic: &Topic, note: &str, now: Duration) -> bool {
        let notes = self.topics.entry(topic.clone()).or_default();
        if now.saturating_sub(notes.last) > WINDOW {
            notes.different.clear();
        }
        notes.last = now;
        if notes.different.len() < MANY {
            notes.different.insert(note.to_owned());
        }
        notes.different.len() >= MANY
    }

    fn is_allowed(&mut self, about: &About, warning: bool, now: Duration) -> bool {
        let fresh = || Allowance { left: BURST, filled: now };
        let allowance = self.allowances.entry((about.clone(), warning)).or_insert_with(fresh);
        let passed = now.saturating_sub(allowance.filled).as_secs_f64();
        allowance.left = (allowance.left + passed / REFILL.as_secs_f64()).min(BURST);
        allowance.filled = now;
        let allowed = allowance.left >= 1.0;
        if allowed {
            allowance.left -= 1.0;
        }
        allowed
    }

    /// Keeps the memory small. The walk is paid for by the many events that came before it.
    fn forget(&mut self, now: Duration) {
        let recent = |last: Duration| now.saturating_sub(last) <= WINDOW;
        if self.topics.len() >= REMEMBERED {
            self.topics.retain(|_, notes| recent(notes.last));
        }
        if self.series.len() >= REMEMBERED {
            self.series.retain(|_, series| recent(series.last));
        }
        if self.allowances.len() >= REMEMBERED {
            // Full again after so long: nothing is forgotten.
            let full = REFILL.mul_f64(BURST);
            self.allowances.retain(|_, one| now.saturating_sub(one.filled) < full);
        }
        // So many are recent: begin anew, and write some twice.
        let sizes = [self.topics.len(), self.series.len(), self.allowances.len()];
        if sizes.into_iter().any(|size| size >= REMEMBERED) {
            *self = Self::default();
        }
    }
}

// client-go's numbers (upstream-semantics.md, 7.2).
const MANY: usize = 10;
const WINDOW: Duration = Duration::from_secs(600);
const BURST: f64 = 25.0;
const REFILL: Duration = Duration::from_secs(300);
const REMEMBERED: usize = 4096;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::{Correlation, Correlator, REMEMBERED};
    use crate::cluster::events::{About, Event};

    fn event(name: &str, note: &str) -> Event {
        let text = str::to_owned;
        let about = About {
            api_version: "batch/v1",
            kind: "Job",
            namespace: text("team-a"),
            name: text(name),
            uid: text("1"),
        };
        Event { about, warning: false, reason: "Deleted", action: "Delete", note: text(note) }
    }

    fn judge(correlator: &mut Correlator, event: &Event, second: u64) -> Correlation {
        let at = Timestamp::from_second(1_800_000_000 + i64::try_from(second).unwrap()).unwrap();
        correlator.judge(event, at, Duration::from_secs(second))
    }

    #[test]
    fn the_same_event_again_raises_the_count() {
        let mut correlator = Correlator::default();
        let one = event("one", "gone");
        let Correlation::Create { name, note } = judge(&mut correlator, &one, 0) else { panic!() };
        assert_eq!((name.as_str(), note.as_str()), ("one.18fae27693b40000", "gone"));
        for count in 2..5 {
            let again = Correlation::Again { name: name.clone(), note: "gone".to_owned(), count };
            assert_eq!(judge(&mut correlator, &one, 1), again);
        }
        let other = judge(&mut correlator, &event("two", "gone"), 1);
        assert!(matches!(other, Correlation::Create { .. }), "{other:?}");
    }

    #[test]
    fn the_tenth_different_note_begins_one_for_all() {
        let mut correlator = Correlator::default();
        for number in 1..10 {
            let verdict = judge(&mut correlator, &event("one", &number.to_string()), 0);
            assert!(matches!(verdict, Correlation::Create { .. }), "{number}: {verdict:?}");
        }
        let Correlation::Create { name, note } = judge(&mut correlator, &event("one", "10"), 0)
        else {
            panic!()
        };
        assert_eq!(note, "(combined from similar events): 10");
        let Correlation::Again { name: again, count, .. } =
            judge(&mut correlator, &event("one", "11"), 0)
        else {
            panic!()
        };
        assert_eq!((again, count), (name, 2));
        // Ten minutes of silence, and every note stands for itself again.
        let later = judge(&mut correlator, &event("one", "12"), 601);
        assert!(matches!(later, Correlation::Create { note, .. } if note == "12"));
    }

    #[test]
    fn an_object_gets_25_at_once_and_then_one_in_five_minutes() {
        let mut correlator = Correlator::default();
        let written = |correlator: &mut Correlator, second| {
            judge(correlator, &event("one", "gone"), second) != Correlation::Drop
        };
        let at_once = (0..100).filter(|_| written(&mut correlator, 0)).count();
        assert_eq!(at_once, 25);
        assert!(!written(&mut correlator, 299));
        assert!(written(&mut correlator, 301));
        assert!(!written(&mut correlator, 302));
        // Warnings have an allowance of their own, and so have other objects.
        let warning = Event { warning: true, ..event("one", "gone") };
        assert_ne!(judge(&mut correlator, &warning, 302), Correlation::Drop);
        assert_ne!(judge(&mut correlator, &event("two", "gone"), 302), Correlation::Drop);
    }

    #[test]
    fn the_memory_is_bounded() {
        let mut correlator = Correlator::default();
        for number in 0..3 * REMEMBERED {
            judge(&mut correlator, &event(&number.to_string(), "gone"), 0);
            assert!(correlator.series.len() <= REMEMBERED);
            assert!(correlator.allowances.len() <= REMEMBERED);
        }
    }
}
