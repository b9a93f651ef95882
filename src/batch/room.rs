//! How much memory reading somebody else's JSON may take.
//!
//! `[{},{},…]` has three bytes an entry, and an entry has a hundred when it is read. So whoever
//! reads what a stranger sent calls [`within`]: lists, maps and strings that must be copied then
//! take their room from what is given, and reading fails where no more is left. Everybody else reads
//! without a bound.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

/// Reads with so many bytes of room, on this thread.
///
/// What was read stays within them, but for the room of a fixed number of structs.
pub fn within<T>(bytes: usize, read: impl FnOnce() -> T) -> T {
    struct Restore(Option<usize>);

    impl Drop for Restore {
        fn drop(&mut self) {
            LEFT.set(self.0);
        }
    }

    let _restore = Restore(LEFT.replace(Some(bytes)));
    read()
}

/// Whether the text of an error says that there was no more room.
pub fn is_full(error: &str) -> bool {
    error.starts_with(FULL)
}

/// Takes room for so many bytes.
pub(super) fn take<E: Error>(bytes: usize) -> Result<(), E> {
    let Some(left) = LEFT.get() else { return Ok(()) };
    let rest = left.checked_sub(bytes).ok_or_else(|| E::custom(FULL))?;
    LEFT.set(Some(rest));
    Ok(())
}

/// Adds an entry to a list, which grows by an eighth: growing to twice as much would take room that
/// is never used.
pub(super) fn push<T, E: Error>(list: &mut Vec<T>, entry: T) -> Result<(), E> {
    if list.len() == list.capacity() {
        let more = (list.len() / 8).max(FIRST);
        take(more * size_of::<T>())?;
        list.reserve_exact(more);
    }
    list.push(entry);
    Ok(())
}

/// Reads a list, or none where there is `null`.
pub(super) fn list<'de, T, D>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::<List<T>>::deserialize(deserializer).map(|list| list.map(|List(entries)| entries))
}

struct List<T>(Vec<T>);

// === impl List ===

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a sequence")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<List<T>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = access.next_element()? {
                    push(&mut entries, entry)?;
                }
                Ok(List(entries))
            }
        }

        deserializer.deserialize_seq(Entries(PhantomData))
    }
}

thread_local! {
    /// `None` where there is no bound.
    static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
}

/// A list begins with room for so many entries.
const FIRST: usize = 4;

/// What is said where there is no more room.
pub const FULL: &str = "its lists and maps have more entries than an object of its size may have";

#[cfg(test)]
mod tests {
    use super::within;
    use crate::batch::{Map, Wire};

    fn reads(bytes: usize, json: &str) -> bool {
        within(bytes, || serde_json::from_str::<Wire<'_>>(json)).is_ok()
    }

    #[test]
    fn what_has_no_room_is_not_read() {
        let labels = |count: usize| {
            let labels: Vec<_> = (0..count).map(|n| format!("\"k{n}\":\"\"")).collect();
            format!("{{\"metadata\":{{\"labels\":{{{}}}}}}}", labels.join(","))
        };
        assert!(reads(4_000, &labels(50)));
        assert!(!reads(4_000, &labels(100)));
        assert!(reads(usize::MAX, &labels(100)));
        let error = within(100, || serde_json::from_str::<Map<'_>>(r#"{"a":"\u0041"}"#));
        assert!(super::is_full(&error.unwrap_err().to_string()));
    }

    #[test]
    fn room_is_given_for_one_reading() {
        let panicked = std::panic::catch_unwind(|| within(0, || panic!("asked for")));
        assert!(panicked.is_err());
        assert!(serde_json::from_str::<Map<'_>>(r#"{"a":"b"}"#).is_ok());
    }
}
