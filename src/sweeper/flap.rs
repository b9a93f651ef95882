//! Somebody else keeps reverting us (delete contract, point 8).
//!
//! Two controllers that set the same field by turns write for ever. After three reverts of a field
//! within ten minutes that object is not patched any more, only told, and what is due is enforced
//! by deletion. The state is told what was written and what is seen afterwards; it knows neither
//! objects nor a clock. Times are monotonic, since the start of whoever asks: a wall clock that is put would
//! make the state forget reverts, or keep them for hours.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use crate::policy::{Setting, Value};

/// What we wrote lately, by object.
#[derive(Clone, Debug)]
pub struct Flaps<K> {
    objects: HashMap<K, Vec<Watched>>,
}

/// A field of an object that we wrote.
#[derive(Clone, Debug)]
struct Watched {
    setting: Setting,
    /// What we wrote; `None` once it was reverted, until we write it again.
    written: Option<Value>,
    touched: Duration,
    /// The latest reverts, the oldest first; never more than make it stop.
    reverts: Vec<Duration>,
    stopped: bool,
}

// === impl Flaps ===

impl<K: Eq + Hash> Flaps<K> {
    /// Nothing was written yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes down that we wrote a field.
    pub fn wrote(&mut self, key: K, setting: Setting, value: Value, now: Duration) {
        let fields = self.objects.entry(key).or_default();
        if let Some(watched) = fields.iter_mut().find(|watched| watched.setting == setting) {
            watched.written = Some(value);
            watched.touched = now;
            return;
        }
        let (written, reverts) = (Some(value), Vec::new());
        fields.push(Watched { setting, written, touched: now, reverts, stopped: false });
    }

    /// Looks at an object as it is after our write, and says whether to leave it alone.
    ///
    /// The caller must not show a state from before the write: it would look like a revert. A
    /// `value` of `None` says that what stands there is recorded as ours: a command of ours wrote
    /// it, and no rival.
    pub fn seen(
        &mut self,
        key: &K,
        value: impl Fn(Setting) -> Option<Value>,
        now: Duration,
    ) -> bool {
        let Some(fields) = self.objects.get_mut(key) else { return false };
        for watched in fields.iter_mut() {
            if let Some(value) = value(watched.setting) {
                watched.see(&value, now);
            }
        }
        fields.iter().any(|watched| watched.stopped)
    }

    /// Whether an object is left alone.
    pub fn is_stopped(&self, key: &K) -> bool {
        self.objects.get(key).is_some_and(|fields| fields.iter().any(|watched| watched.stopped))
    }

    /// Forgets an object that is gone.
    pub fn forget(&mut self, key: &K) {
        self.objects.remove(key);
    }

    /// Forgets what has been quiet for long enough; who was stopped stays so. Keeps the state as
    /// small as what we write in ten minutes.
    pub fn tidy(&mut self, now: Duration) {
        self.objects.retain(|_, fields| {
            fields.retain(|w| w.stopped || now.saturating_sub(w.touched) <= WINDOW);
            !fields.is_empty()
        });
    }

    /// Starts anew: another policy writes other values.
    pub fn clear(&mut self) {
        self.objects.clear();
    }
}

impl<K> Default for Flaps<K> {
    fn default() -> Self {
        Self { objects: HashMap::new() }
    }
}

// === impl Watched ===

impl Watched {
    fn see(&mut self, value: &Value, now: Duration) {
        if self.written.as_ref().is_none_or(|written| written == value) {
            return;
        }
        self.written = None;
        self.touched = now;
        self.reverts.retain(|at| now.saturating_sub(*at) <= WINDOW);
        self.reverts.push(now);
        self.stopped |= self.reverts.len() >= TOO_MANY;
    }
}

const WINDOW: Duration = Duration::from_secs(600);
const TOO_MANY: usize = 3;
