//! Strings and string maps that borrow from the JSON they were read from.
//!
//! `serde` borrows a `Cow<str>` only where it stands directly in a field; inside an `Option` or a
//! map it allocates. These two types borrow everywhere, so that decoding an object allocates only
//! for the strings that hold escapes.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::sync::OnceLock;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use super::room;

/// A string that borrows from its source where it can.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Text<'a>(pub Cow<'a, str>);

/// A map of strings in the order of the source, such as `metadata.labels`.
///
/// Label maps are small, so looking one up walks the entries. But an API server stores an object
/// with sixty thousand labels, too, and whoever sends one must not cost others anything: a larger
/// map is sorted once, when it is first asked. Where a key stands twice the last one counts, as it
/// does for the API server.
#[derive(Clone, Debug, Default)]
pub struct Map<'a> {
    entries: Vec<(Text<'a>, Text<'a>)>,
    /// The positions of the entries that count, by key; only of what is larger than [`SMALL`].
    sorted: OnceLock<Vec<u32>>,
}

// === impl Text ===

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                room::take(text.len())?;
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text)))
            }
        }

        deserializer.deserialize_str(TextVisitor)
    }
}

// === impl Map ===

impl Map<'_> {
    /// The value of a key, the last one where it stands twice.
    pub fn get(&self, key: &str) -> Option<&str> {
        if self.entries.len() <= SMALL {
            let found = self.entries.iter().rev().find(|(k, _)| counted(&**k == key));
            return found.map(|(_, value)| &**value);
        }
        let sorted = self.sorted();
        let found = sorted.binary_search_by(|at| counted((*self.key(*at)).cmp(key))).ok()?;
        Some(&self.entries[sorted[found] as usize].1)
    }

    /// The entries in the order of the source.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(key, value)| (&**key, &**value))
    }

    /// The entries that count, in the order of their keys.
    pub fn by_key(&self) -> impl Iterator<Item = (&str, &str)> {
        let entry = |at: &u32| &self.entries[*at as usize];
        self.sorted().iter().map(entry).map(|(key, value)| (&**key, &**value))
    }

    /// Whether the map has no entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether both maps say the same, whatever the order of their entries.
    pub fn same_as(&self, other: &Self) -> bool {
        // The common case, the very same text, is decided without a look-up.
        if self.entries == other.entries {
            return true;
        }
        let covers = |a: &Self, b: &Self| a.iter().all(|(key, _)| a.get(key) == b.get(key));
        covers(self, other) && covers(other, self)
    }

    fn sorted(&self) -> &[u32] {
        self.sorted.get_or_init(|| {
            // No source of that many entries is ever read: an object has megabytes at most.
            let last = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
            let mut sorted: Vec<u32> = (0..last).collect();
            // Stable, so of equal keys the one that counts comes last.
            sorted.sort_by(|a, b| counted(self.key(*a).cmp(self.key(*b))));
            sorted.dedup_by(|later, kept| {
                let same = self.key(*later) == self.key(*kept);
                if same {
                    *kept = *later;
                }
                same
            });
            sorted
        })
    }

    fn key(&self, at: u32) -> &str {
        &self.entries[at as usize].0
    }
}

/// Counts a comparison, for the tests of what a review costs.
#[cfg(test)]
fn counted<T>(compared: T) -> T {
    COMPARISONS.with(|count| count.set(count.get() + 1));
    compared
}

#[cfg(not(test))]
const fn counted<T: Copy>(compared: T) -> T {
    compared
}

#[cfg(test)]
thread_local! {
    /// How many keys were compared on this thread.
    pub(crate) static COMPARISONS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

impl<'a> FromIterator<(&'a str, &'a str)> for Map<'a> {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(entries: I) -> Self {
        let entries = entries.into_iter().map(|(k, v)| (k.into(), v.into())).collect();
        Self { entries, sorted: OnceLock::new() }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Map<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor;

        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = Map<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = access.next_entry()? {
                    room::push(&mut entries, entry)?;
                }
                Ok(Map { entries, sorted: OnceLock::new() })
            }
        }

        deserializer.deserialize_map(EntriesVisitor)
    }
}

/// The beginning of a text, of at most so many bytes and whole characters.
pub fn cut(text: &str, longest: usize) -> &str {
    let mut end = longest.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Up to so many entries a walk is quicker than a search.
const SMALL: usize = 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Map;

    proptest! {
        /// A large map answers as a small one does: by the last entry of a key.
        #[test]
        fn the_last_entry_counts(
            entries in prop::collection::vec(("[a-d]{1,2}", "[x-z]"), 0..60), key in "[a-d]{1,2}",
        ) {
            let map: Map<'_> = entries.iter().map(|(k, v)| (&**k, &**v)).collect();
            let walked = entries.iter().rev().find(|(k, _)| *k == key).map(|(_, v)| &**v);
            prop_assert_eq!(map.get(&key), walked);
        }

        #[test]
        fn the_order_makes_no_difference(
            entries in prop::collection::btree_map("[a-z]{1,3}", "[x-z]", 0..60), other in "[x-z]",
        ) {
            let map: Map<'_> = entries.iter().map(|(k, v)| (&**k, &**v)).collect();
            let turned: Map<'_> = entries.iter().rev().map(|(k, v)| (&**k, &**v)).collect();
            prop_assert!(map.same_as(&turned) && turned.same_as(&map));
            if let Some((last, value)) = entries.iter().next_back() {
                let changed: Map<'_> = entries
                    .iter()
                    .map(|(k, v)| (&**k, if k == last { &*other } else { &**v }))
                    .collect();
                prop_assert_eq!(map.same_as(&changed), *value == other);
            }
        }
    }
}
