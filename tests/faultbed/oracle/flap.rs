//! Whether a value of ours goes back and forth.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::meaning::present_ttl;
use crate::server::store::Key;
use crate::time::{MINUTE, Moment};

#[derive(Default)]
pub(super) struct Flaps {
    /// The `renewTime` of the Lease when it was last written: another one is a renewal.
    pub(super) last_renewal: String,
    /// What a leader wrote last to an object, by its uid and what bounds the leader's memory.
    last: BTreeMap<(String, Memory), Option<i64>>,
    /// When it wrote again to an object that somebody else had changed.
    again: BTreeMap<(String, Memory), Vec<Moment>>,
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
        let before = self.last.insert((uid.clone(), memory), value);
        if before.is_none_or(|before| before == present_ttl(object)) {
            return Ok(());
        }
        let times = self.again.entry((uid, memory)).or_default();
        times.retain(|at| at + 10 * MINUTE > now);
        times.push(now);
        let most = 2 + self.unsure.get(key).copied().unwrap_or_default();
        if times.len() > most {
            let times = times.len();
            return Err(format!("{value:?} is written again after {times} reverts in ten minutes"));
        }
        Ok(())
    }
}
