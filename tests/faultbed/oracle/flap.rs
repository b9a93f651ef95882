//! Whether a value of ours goes back and forth.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::server::store::Key;
use crate::time::{MINUTE, Moment};

#[derive(Default)]
pub(super) struct Flaps {
    /// The `renewTime` of the Lease when it was last written: another one is a renewal.
    pub(super) last_renewal: String,
    /// When a leader wrote a value to an object (by uid), by what bounds its memory.
    written: BTreeMap<(String, Memory, Option<i64>), Vec<Moment>>,
    /// How many writes to an object nobody was told of.
    unsure: BTreeMap<Key, usize>,
}

/// A leader forgets with its term, where its clock is put, and where another policy comes.
pub(super) type Memory = (u64, u64, usize);

// === impl Flaps ===

impl Flaps {
    pub(super) fn unsure(&mut self, key: &Key) {
        *self.unsure.entry(key.clone()).or_default() += 1;
    }

    /// A TTL is written: after three reverts within ten minutes it must be the end of it. Of a write
    /// whose answer was lost the writer does not know that it was reverted.
    pub(super) fn wrote(
        &mut self,
        key: &Key,
        object: &Value,
        value: Option<i64>,
        memory: Memory,
        now: Moment,
    ) -> Result<(), String> {
        let uid = object["metadata"]["uid"].to_string();
        let times = self.written.entry((uid, memory, value)).or_default();
        times.retain(|at| at + 10 * MINUTE > now);
        times.push(now);
        let most = 3 + self.unsure.get(key).copied().unwrap_or_default();
        if times.len() > most {
            return Err(format!("{value:?} is written {} times in ten minutes", times.len()));
        }
        Ok(())
    }
}
