//! How an input is made of the corpus: a seed and a few changes, of bytes, of lines and of JSON.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value as Json;

/// An input that is still to be made. It is small where the input may be large, and becomes smaller
/// by leaving changes out.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    seed: Index,
    changes: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    /// Takes bytes out.
    Cut {
        from: Index,
        length: usize,
    },
    Flip {
        at: Index,
        bit: u8,
    },
    /// Puts something in that means something.
    Insert {
        at: Index,
        token: &'static str,
    },
    /// Changes one value of a JSON document.
    Node {
        at: Index,
        to: Node,
    },
    /// Puts a part of the same input there several times.
    Repeat {
        from: Index,
        length: usize,
        at: Index,
        times: usize,
    },
    /// Puts a part of another seed there.
    Splice {
        at: Index,
        seed: Index,
        from: Index,
        length: usize,
    },
    /// Swaps two lines.
    Swap {
        one: Index,
        other: Index,
    },
}

/// What becomes of a value in a JSON document.
#[derive(Clone, Debug)]
enum Node {
    /// What stands elsewhere in the document.
    Copy(Index),
    /// Many entries in place of one.
    Many(usize),
    Removed,
    /// The entry gets another key.
    Renamed(&'static str),
    Set(&'static str),
}

/// Any plan.
pub(crate) fn plan() -> impl Strategy<Value = Plan> {
    (any::<Index>(), vec(change(), 1..8)).prop_map(|(seed, changes)| Plan { seed, changes })
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    prop_oneof![
        2 => (at(), 1..40usize).prop_map(|(from, length)| Change::Cut { from, length }),
        2 => (at(), 0..8u8).prop_map(|(at, bit)| Change::Flip { at, bit }),
        4 => (at(), select(TOKENS)).prop_map(|(at, token)| Change::Insert { at, token }),
        6 => (at(), node()).prop_map(|(at, to)| Change::Node { at, to }),
        1 => (at(), 1..60usize, at(), 1..40usize)
            .prop_map(|(from, length, at, times)| Change::Repeat { from, length, at, times }),
        2 => (at(), at(), at(), 1..200usize)
            .prop_map(|(at, seed, from, length)| Change::Splice { at, seed, from, length }),
        1 => (at(), at()).prop_map(|(one, other)| Change::Swap { one, other }),
    ]
}

fn node() -> impl Strategy<Value = Node> {
    prop_oneof![
        2 => any::<Index>().prop_map(Node::Copy),
        1 => (0..60usize).prop_map(Node::Many),
        2 => Just(Node::Removed),
        2 => select(KEYS).prop_map(Node::Renamed),
        4 => select(VALUES).prop_map(Node::Set),
    ]
}

// === impl Plan ===

impl Plan {
    /// Makes the input.
    pub(crate) fn input(&self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut input = self.seed.get(corpus).clone();
        for change in &self.changes {
            change.apply(&mut input, corpus);
        }
        input
    }
}

// === impl Change ===

impl Change {
    fn apply(&self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let place = |index: &Index| index.index(input.len() + 1);
        match self {
            Self::Cut { from, length } => {
                let from = place(from);
                input.drain(from..input.len().min(from + length));
            }
            Self::Flip { at, bit } => {
                let at = place(at);
                input.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << bit);
            }
            Self::Insert { at, token } => {
                let at = place(at);
                input.splice(at..at, token.bytes());
            }
            Self::Node { at, to } => {
                if let Ok(mut document) = serde_json::from_slice(input) {
                    to.apply(&mut document, *at);
                    *input = serde_json::to_vec(&document).expect("it is JSON");
                }
            }
            Self::Repeat { from, length, at, times } => {
                let (from, at) = (place(from), place(at));
                let part = input[from..input.len().min(from + length)].repeat(*times);
                input.splice(at..at, part);
            }
            Self::Splice { at, seed, from, length } => {
                let at = place(at);
                let other = seed.get(corpus);
                let from = from.index(other.len() + 1);
                input.splice(at..at, other[from..other.len().min(from + length)].iter().copied());
            }
            Self::Swap { one, other } => {
                let mut lines: Vec<&[u8]> = input.split(|byte| *byte == b'\n').collect();
                let (one, other) = (one.index(lines.len()), other.index(lines.len()));
                lines.swap(one, other);
                *input = lines.join(&b'\n');
            }
        }
    }
}

// === impl Node ===

impl Node {
    fn apply(&self, document: &mut Json, at: Index) {
        let mut places = Vec::new();
        walk(document, String::new(), &mut places);
        let place = at.get(&places);
        let copied = match self {
            Self::Copy(from) => document.pointer(&places[from.index(places.len())]).cloned(),
            Self::Many(times) => {
                document.pointer(place).map(|value| vec![value.clone(); *times].into())
            }
            Self::Set(text) => serde_json::from_str(text).ok(),
            Self::Removed | Self::Renamed(_) => None,
        };
        if let (Some(value), Some(there)) = (copied, document.pointer_mut(place)) {
            *there = value;
            return;
        }
        let Some((parent, key)) = place.rsplit_once('/') else { return };
        let key = key.replace("~1", "/").replace("~0", "~");
        match document.pointer_mut(parent) {
            Some(Json::Object(entries)) => {
                let value = entries.remove(&key);
                if let (Self::Renamed(name), Some(value)) = (self, value) {
                    entries.insert((*name).to_owned(), value);
                }
            }
            Some(Json::Array(items)) => {
                let at = key.parse::<usize>().expect("an item has a number");
                items.remove(at);
            }
            _ => {}
        }
    }
}

/// The places of all values in a document, as JSON Pointers.
fn walk(value: &Json, place: String, places: &mut Vec<String>) {
    match value {
        Json::Array(items) => {
            for (position, item) in items.iter().enumerate() {
                walk(item, format!("{place}/{position}"), places);
            }
        }
        Json::Object(entries) => {
            for (key, value) in entries {
                let key = key.replace('~', "~0").replace('/', "~1");
                walk(value, format!("{place}/{key}"), places);
            }
        }
        _ => {}
    }
    places.push(place);
}

/// What may stand where anything may stand.
const VALUES: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-1",
    "1",
    "59",
    "2147483647",
    "2147483648",
    "-9223372036854775808",
    "18446744073709551615",
    "1e400",
    "0.5",
    "1e2",
    "\"\"",
    "\"x\"",
    "\"*\"",
    "\"\\u0000\"",
    "\"\\u202e\"",
    "\"9999-12-31T23:59:59Z\"",
    "\"-009999-01-02T00:00:00Z\"",
    "\"2026-11-29T00:00:00.5+14:00\"",
    "\"2016-12-31T23:59:60Z\"",
    "\"*/5 * * * *\"",
    "\"@every 1ns\"",
    "\"TZ=UTC 0 0 * * *\"",
    "\"Pacific/Apia\"",
    "[]",
    "[null]",
    "{}",
    "{\"\":\"\"}",
    "{\"a\":{\"a\":{}}}",
    "[[[[[[[[]]]]]]]]",
    "\"{\\\"ttl\\\":[300,null,\\\"dev\\\"]}\"",
    "\"kube-system\"",
    "\"UPDATE\"",
    "\"DELETE\"",
    "\"CronJob\"",
    "\"batch\"",
];

/// What keys may be called.
const KEYS: &[&str] = &[
    "",
    "metadata",
    "spec",
    "status",
    "labels",
    "annotations",
    "ownerReferences",
    "managedFields",
    "conditions",
    "ttlSecondsAfterFinished",
    "jobTemplate",
    "template",
    "schedule",
    "timeZone",
    "finalizers",
    "deletionTimestamp",
    "curfew.dev/applied",
    "curfew.dev/hold-until",
    "data",
    "a/b~c",
];

/// What means something to JSON, YAML, schedules or policies.
const TOKENS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "'",
    "\\",
    "\\u0000",
    "\\ud800",
    "null",
    "~",
    "true",
    "-1",
    "1e999",
    "0x",
    "0o7",
    ".inf",
    "\n",
    "\r",
    "\r\n",
    "\t",
    " ",
    "  ",
    "- ",
    "? ",
    ": ",
    "# ",
    " #",
    "---\n",
    "...\n",
    "%YAML 1.1\n",
    "&a ",
    "*a",
    "*a,",
    "<<: *a\n",
    "!!str ",
    "!a ",
    "!<",
    "|\n",
    ">-\n",
    "\u{feff}",
    "\u{85}",
    "\u{2028}",
    "\u{202e}",
    "\u{0}",
    "é",
    "\u{1f600}",
    "*",
    "?",
    "**",
    "-*",
    "*-",
    "/",
    "*/0",
    "1-0",
    "@every ",
    "@daily",
    "TZ=",
    "CRON_TZ=Europe/Berlin ",
    "L",
    "W",
    "JAN",
    "SUN-SAT",
    "60",
    "99999999999999999999",
    "1h30m",
    "7d",
    "0s",
    "unset",
    "onSuccess: 1h",
    "match: {}",
    "name: r",
    "rules:\n",
    "Delete",
    "Own",
    "spec:",
    "kind: JobPolicy\n",
    "kind: List\nitems:\n",
];
