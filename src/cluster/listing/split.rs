//! Finds the objects of a list in its JSON as it comes in.

use std::io;

use serde::Deserialize;
use serde::de::IgnoredAny;

/// Holds the object that is coming in, and what stands around the objects.
///
/// It only tells strings from brackets: whether an object is JSON is for whoever reads it, and
/// what stands around is read at the end.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    object: Vec<u8>,
    /// The list without its items.
    frame: Vec<u8>,
    /// Open brackets.
    depth: usize,
    /// Inside of an array that is a member of the list. A list has but one.
    in_items: bool,
    in_string: bool,
    escaped: bool,
}

/// What came of some bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Split {
    /// An object is complete.
    Object,
    /// There are no more bytes.
    Nothing,
}

/// What is read of a list beside its items.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Metadata {
    pub(super) resource_version: Option<String>,
    #[serde(rename = "continue")]
    pub(super) next: Option<String>,
    pub(super) remaining_item_count: Option<u64>,
}

#[derive(Deserialize)]
struct Frame {
    metadata: Metadata,
    /// Required, be it null: what has none is no list, and would pass for an empty one.
    #[serde(rename = "items", deserialize_with = "Option::deserialize")]
    _items: Option<Vec<IgnoredAny>>,
}

// === impl Splitter ===

impl Splitter {
    /// Takes bytes up to the end of an object, or all; says how many.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<(usize, Split), io::Error> {
        // What comes from here on belongs where the first of these bytes belongs.
        let mut from = 0;
        for (at, byte) in bytes.iter().enumerate() {
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            let between = self.in_items && self.depth == OF_ITEMS;
            match byte {
                b'{' if between => {
                    from = at;
                    self.depth += 1;
                }
                b']' if between => {
                    from = at;
                    self.in_items = false;
                    self.depth -= 1;
                }
                b',' | b' ' | b'\t' | b'\r' | b'\n' if between => {}
                _ if between => return Err(broken("an item of it is no object")),
                b'"' => self.in_string = true,
                b'[' | b'{' => {
                    self.depth += 1;
                    if *byte == b'[' && self.depth == OF_ITEMS {
                        self.frame.extend_from_slice(&bytes[from..=at]);
                        self.in_items = true;
                    }
                }
                b']' | b'}' => {
                    self.depth =
                        self.depth.checked_sub(1).ok_or_else(|| broken("it ends too often"))?;
                    if self.in_items && self.depth == OF_ITEMS {
                        self.object.extend_from_slice(&bytes[from..=at]);
                        return Ok((at + 1, Split::Object));
                    }
                }
                _ => {}
            }
        }
        match (self.in_items, self.depth > OF_ITEMS) {
            (true, true) => self.object.extend_from_slice(&bytes[from..]),
            (true, false) => {}
            (false, _) => self.frame.extend_from_slice(&bytes[from..]),
        }
        Ok((bytes.len(), Split::Nothing))
    }

    /// The object that was completed last.
    pub(super) fn object(&self) -> &[u8] {
        &self.object
    }

    /// Makes room for the next object. That of a large one is given back.
    pub(super) fn forget(&mut self) {
        self.object.clear();
        self.object.shrink_to(COMMON);
    }

    /// What stood around the objects, once there are no more bytes.
    pub(super) fn finish(&self) -> Result<Metadata, serde_json::Error> {
        let Frame { metadata, _items } = serde_json::from_slice(&self.frame)?;
        Ok(metadata)
    }
}

fn broken(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the list cannot be read: {why}"))
}

/// The brackets around an item: those of the list and of the array.
const OF_ITEMS: usize = 2;

/// Bytes that are kept for the next object: hardly any has more.
const COMMON: usize = 64 << 10;
