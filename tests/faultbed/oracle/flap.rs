//! Whether a value of ours goes back and forth.
//!
//! The rule (delete contract, point 8): somebody else has put another value in the place of ours three
//! times within ten minutes, so it is not written again. Of two writes of ours to one field of one
//! object, the value that the second replaces is not the one that the first wrote: that is a revert, and
//! it was done when the store says so. A write after three of them, of which none is ten minutes old, is
//! wrong.
//!
//! Nobody can count what he does not know. So some reverts count for nothing:
//! - of a write that its writer may not know to be done: the answer was lost or late, or the writer
//!   stood still;
//! - of a write by another leader, or by a leader that may have stopped and begun again in between: what
//!   is counted stands on no Lease;
//! - of a write by another policy, or in the seconds in which another one comes: it is for other values.
//!
//! That a clock was put is no excuse.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::meaning::present_ttl;
use crate::server::store::{Key, Resource, Store};
use crate::time::{MINUTE, Moment};

#[derive(Default)]
pub(super) struct Flaps {
    /// The `renewTime` of the Lease when it was last written: another one is a renewal.
    pub(super) last_renewal: String,
    /// By the object's uid and what bounds the writer's memory.
    written: BTreeMap<(String, Memory), Written>,
}

/// A replica, its term, and which policy of its own it has.
pub(super) type Memory = (usize, u64, usize);

/// What a leader wrote to an object.
#[derive(Debug)]
struct Written {
    key: Key,
    /// The last value.
    value: Option<i64>,
    /// Whether its writer surely knows that it was done.
    is_known: bool,
    /// When it was reverted.
    reverts: Vec<Moment>,
}

// === impl Flaps ===

impl Flaps {
    /// The last write to an object was done, and its writer may not know.
    pub(super) fn unsure(&mut self, key: &Key) {
        for written in self.written.values_mut().filter(|written| written.key == *key) {
            written.is_known = false;
        }
    }

    /// A TTL is written in the place of what stands in an object.
    pub(super) fn wrote(
        &mut self,
        store: &Store,
        (key, object): (&Key, &Value),
        value: Option<i64>,
        memory: Memory,
        now: Moment,
    ) -> Result<(), String> {
        let uid = object["metadata"]["uid"].to_string();
        let before = self.written.remove(&(uid.clone(), memory));
        let mut reverts = before.as_ref().map(|before| before.reverts.clone()).unwrap_or_default();
        let is_reverted = |before: &Written| before.is_known && before.value != present_ttl(object);
        if let Some(before) = before.filter(is_reverted) {
            reverts.extend(reverted_at(store, key, before.value));
        }
        reverts.retain(|at| at + 10 * MINUTE > now);
        let is_wrong = reverts.len() >= 3;
        let words = format!("{value:?} is written after reverts at {reverts:?} ms");
        let written = Written { key: key.clone(), value, is_known: true, reverts };
        self.written.insert((uid, memory), written);
        if is_wrong { Err(words) } else { Ok(()) }
    }
}

/// When somebody last put another value in the place of this one.
fn reverted_at(store: &Store, key: &Key, value: Option<i64>) -> Option<Moment> {
    let changes = store.changes.get(&Resource::Jobs)?.iter().rev();
    let ttl = |object: &Option<_>| object.as_deref().map(present_ttl);
    let mut own = changes.filter(|change| change.key == *key);
    own.find(|one| ttl(&one.before) == Some(value) && ttl(&one.after) != Some(value))
        .map(|one| one.at)
}
