//! From a tree to typed parts of a policy document, with every error on the way.
//!
//! A type that can stand in a policy file implements [`FromNode`]: it looks at a [`Node`], reports
//! what is wrong and gives `None`, and whoever asked goes on with the next field. The structs of
//! the document get their decoders from the `fields!` macro; here are the building blocks.

use std::fmt::{self, Write as _};

use schemars::JsonSchema;

use super::finding::{At, Finding, Findings, Span};
use super::node::{Entry, Node, Value};
use super::words;
use crate::policy::code;

/// A type that can stand in a policy file.
pub(in crate::policy) trait FromNode: Sized {
    /// Decodes a part of the document, or reports why not.
    fn from_node(node: &Node, path: Path<'_>, findings: &mut Findings<'_>) -> Option<Self>;

    /// Adds what a later file says; `keys` is where each of them stands. Scalars may come from one
    /// file only, and this is what happens to them; lists and sections do better.
    fn merge(&mut self, _: Self, keys: [Span; 2], path: Path<'_>, findings: &mut Findings<'_>) {
        let [first, second] = keys;
        let place = findings.place(first);
        findings
            .error(code::SET_TWICE, second, format!("{path} is set in two files"))
            .mend(format!("keep one of them; the first stands at {place}"));
    }
}

/// Where in the document something stands, as messages name it: `rules[2].ttl`.
#[derive(Clone, Copy, Debug)]
pub(in crate::policy) enum Path<'p> {
    Field(&'p Path<'p>, &'p str),
    Item(&'p Path<'p>, usize),
    Root,
}

/// A list whose entries know where they stand; lists of several files are put together.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(inline, transparent)]
pub(in crate::policy) struct List<T>(#[schemars(with = "Vec<T>")] pub(in crate::policy) Vec<At<T>>);

/// A list that holds something: in a `match` an empty one would say nothing.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(inline, transparent)]
pub(in crate::policy) struct Filled<T>(
    #[schemars(with = "Vec<T>", length(min = 1))] pub(in crate::policy) Vec<At<T>>,
);

/// Decodes the value of a field.
pub(in crate::policy) fn field<T: FromNode>(
    entry: &Entry,
    path: Path<'_>,
    findings: &mut Findings<'_>,
) -> Option<At<T>> {
    let Entry { key, span, node } = entry;
    if matches!(node.value, Value::Null) {
        let message = format!("{key:?} has no value{}", path.parent());
        return findings
            .error(code::NO_VALUE, *span, message)
            .refuse("give it one, or delete the line");
    }
    let value = T::from_node(node, path, findings)?;
    Some(At { key: *span, span: node.span, value })
}

/// Puts together what the files so far and the next one say of a field.
pub(in crate::policy) fn merge<T: FromNode>(
    into: &mut Option<At<T>>,
    next: Option<At<T>>,
    path: Path<'_>,
    findings: &mut Findings<'_>,
) {
    match (into, next) {
        (Some(first), Some(next)) => {
            first.value.merge(next.value, [first.key, next.key], path, findings);
        }
        (into @ None, next) => *into = next,
        (Some(_), None) => {}
    }
}

/// The entries of a map.
pub(in crate::policy) fn map<'n>(
    node: &'n Node,
    known: &[&str],
    path: Path<'_>,
    findings: &mut Findings<'_>,
) -> Option<&'n [Entry]> {
    if let Value::Map(entries) = &node.value {
        return Some(entries);
    }
    let finding = wrong_type(node, path, "a map", findings);
    match known {
        [] => finding.refuse("write `key: value`"),
        known => finding.refuse(format!("known here are {}", words::list(known))),
    }
}

/// The text of a string.
pub(in crate::policy) fn text<'n>(
    node: &'n Node,
    path: Path<'_>,
    expected: &str,
    findings: &mut Findings<'_>,
) -> Option<&'n str> {
    if let Value::Str(text) = &node.value {
        return Some(text);
    }
    let quoted = findings.text(node.span);
    let finding = wrong_type(node, path, expected, findings);
    match node.value {
        Value::Bool(_) | Value::Int(_) | Value::Float(_) => {
            finding.refuse(format!("quote it: {quoted:?}"))
        }
        _ => finding.refuse("write a string"),
    }
}

/// Reports a value of the wrong type.
pub(in crate::policy) fn wrong_type<'f>(
    node: &Node,
    path: Path<'_>,
    expected: &str,
    findings: &'f mut Findings<'_>,
) -> &'f mut Finding {
    let message = format!("{path} must be {expected}, and is {}", node.value.describe());
    findings.error(code::TYPE, node.span, message)
}

/// Reports a field that the struct `name` does not have.
pub(in crate::policy) fn unknown_field(
    name: &str,
    known: &[&str],
    entry: &Entry,
    path: Path<'_>,
    findings: &mut Findings<'_>,
) {
    let place = path.place();
    let Entry { key: text, span, .. } = entry;
    let misplaced =
        MISPLACED.iter().find(|(of, fields, _)| *of == name && fields.contains(&text.as_str()));
    if let Some((.., right)) = misplaced {
        let message = format!("{text:?} has no place{place}");
        findings.error(code::MISPLACED, *span, message).mend(format!("it stands in {right}"));
        return;
    }
    let mut message = format!("unknown field {text:?}{place}");
    if let Some(nearest) = words::nearest(text, known) {
        let _ = write!(message, "; did you mean {nearest:?}?");
    }
    let mend = format!("known here are {}", words::list(known));
    findings.error(code::UNKNOWN_FIELD, *span, message).mend(mend);
}

/// Reports a required field that is missing from a map.
///
/// A misspelt key has been reported with the right one, and is not reported as missing, too.
pub(in crate::policy) fn missing_field(
    key: &str,
    known: &[&str],
    node: &Node,
    path: Path<'_>,
    findings: &mut Findings<'_>,
) {
    let Value::Map(entries) = &node.value else { return };
    let is_meant = |text: &str| !known.contains(&text) && words::nearest(text, known) == Some(key);
    if entries.iter().any(|entry| entry.key == key || is_meant(&entry.key)) {
        return;
    }
    let message = format!("{key:?} is missing{}", path.place());
    let example = match (path, key) {
        (Path::Root, "apiVersion") => super::API_VERSION,
        (Path::Root, "kind") => super::KIND,
        (Path::Root, "metadata") => "{name: cluster}",
        (Path::Root, "spec") => "{…}",
        _ => "…",
    };
    findings.error(code::MISSING, node.span, message).mend(format!("add `{key}: {example}`"));
}

/// One of a few words.
pub(in crate::policy) fn word<T: Copy>(
    words: &[T],
    as_str: fn(T) -> &'static str,
    node: &Node,
    path: Path<'_>,
    findings: &mut Findings<'_>,
) -> Option<T> {
    let known: Vec<&str> = words.iter().map(|word| as_str(*word)).collect();
    let expected = format!("one of {}", words::list(&known));
    let Value::Str(text) = &node.value else {
        return wrong_type(node, path, &expected, findings).refuse("write one of them");
    };
    if let Some(position) = known.iter().position(|word| word == text) {
        return Some(words[position]);
    }
    let message = format!("{path} must be {expected}, and is {text:?}");
    let finding = findings.error(code::WORD, node.span, message);
    match words::nearest(text, &known) {
        Some(nearest) => finding.refuse(format!("write {nearest}")),
        None => finding.refuse("write one of them"),
    }
}

/// A whole number between two others.
pub(in crate::policy) fn number(
    range: std::ops::RangeInclusive<u32>,
    node: &Node,
    path: Path<'_>,
    findings: &mut Findings<'_>,
) -> Option<u32> {
    let expected = format!("a whole number from {} to {}", range.start(), range.end());
    match &node.value {
        Value::Int(number) => {
            let fits = u32::try_from(*number).ok().filter(|number| range.contains(number));
            fits.or_else(|| {
                let message = format!("{path} must be {expected}, and is {number}");
                findings
                    .error(code::NUMBER, node.span, message)
                    .refuse("write a number of that range")
            })
        }
        other => {
            let bare = matches!(other, Value::Str(text) if text.parse::<u32>().is_ok());
            let finding = wrong_type(node, path, &expected, findings);
            finding.refuse(if bare { "remove the quotes" } else { "write a whole number" })
        }
    }
}

/// Says for each of some types of one field which function reads what is in it, and by what.
macro_rules! read_by {
    ($($type:ident: $read:path [$($by:expr),+];)+) => { $(
        impl FromNode for $type {
            fn from_node(node: &Node, path: Path<'_>, findings: &mut Findings<'_>) -> Option<Self> {
                $read($($by,)+ node, path, findings).map(Self)
            }
        }
    )+ };
}

pub(super) use read_by;

// === impl Path ===

impl Path<'_> {
    /// Where a field of this map stands, for the end of a sentence.
    pub(in crate::policy) fn place(self) -> String {
        match self {
            Self::Root => " at the top of the file".to_owned(),
            path => format!(" in {path}"),
        }
    }

    fn parent(self) -> String {
        match self {
            Self::Root => String::new(),
            Self::Field(parent, _) | Self::Item(parent, _) => parent.place(),
        }
    }
}

impl fmt::Display for Path<'_> {
    /// Without `spec`, which holds everything and so tells nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(Self::Root | Self::Field(Self::Root, "spec"), field) => shown(field, f),
            Self::Field(parent, field) => {
                write!(f, "{parent}.")?;
                shown(field, f)
            }
            Self::Item(parent, position) => write!(f, "{parent}[{position}]"),
            Self::Root => f.write_str("the document"),
        }
    }
}

/// A field as far as people want to read it: a path stands in each message about what is below.
fn shown(field: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match field.char_indices().nth(LONGEST_FIELD) {
        Some((end, _)) => write!(f, "{}…", &field[..end]),
        None => f.write_str(field),
    }
}

// === impl Box ===

impl<T: FromNode> FromNode for Box<T> {
    fn from_node(node: &Node, path: Path<'_>, findings: &mut Findings<'_>) -> Option<Self> {
        T::from_node(node, path, findings).map(Self::new)
    }

    fn merge(&mut self, next: Self, keys: [Span; 2], path: Path<'_>, findings: &mut Findings<'_>) {
        T::merge(self, *next, keys, path, findings);
    }
}

// === impl List ===

impl<T: FromNode> FromNode for List<T> {
    fn from_node(node: &Node, path: Path<'_>, findings: &mut Findings<'_>) -> Option<Self> {
        let Value::Seq(nodes) = &node.value else {
            let finding = wrong_type(node, path, "a list", findings);
            return match &node.value {
                Value::Str(text) => finding.refuse(format!("write [{text}]")),
                _ => finding.refuse("begin each entry with `- `, or write [a, b]"),
            };
        };
        let mut items = Vec::with_capacity(nodes.len());
        for (position, node) in nodes.iter().enumerate() {
            let item = Path::Item(&path, position);
            if matches!(node.value, Value::Null) {
                let message = format!("{item} has no value");
                let finding = findings.error(code::NO_VALUE, node.span, message);
                finding.mend("give it one, or delete the entry");
            } else if let Some(value) = T::from_node(node, item, findings) {
                items.push(At { key: node.span, span: node.span, value });
            }
        }
        Some(Self(items))
    }

    fn merge(&mut self, next: Self, _: [Span; 2], _: Path<'_>, _: &mut Findings<'_>) {
        self.0.extend(next.0);
    }
}

impl<T> List<T> {
    /// The entries of a list that may be absent.
    pub(in crate::policy) fn items(list: Option<At<Self>>) -> Vec<At<T>> {
        list.map_or_else(Vec::new, |list| list.value.0)
    }
}

// === impl Filled ===

impl<T: FromNode> FromNode for Filled<T> {
    fn from_node(node: &Node, path: Path<'_>, findings: &mut Findings<'_>) -> Option<Self> {
        let List(items) = List::from_node(node, path, findings)?;
        if matches!(&node.value, Value::Seq(nodes) if nodes.is_empty()) {
            empty(node.span, path, findings);
        }
        Some(Self(items))
    }
}

/// Reports an empty list or map where that says nothing.
pub(in crate::policy) fn empty(span: Span, path: Path<'_>, findings: &mut Findings<'_>) {
    findings
        .error(code::EMPTY_LIST, span, format!("{path} is empty"))
        .mend("fill it, or delete it: what is not mentioned matches everything");
}

/// So many characters of a field stand in a path: an annotation key of the longest prefix and name.
const LONGEST_FIELD: usize = 317;

/// Fields that people put where they have no meaning: the struct, the fields, their right place.
const MISPLACED: [(&str, &[&str], &str); 12] = [
    (
        "RuleGuards",
        &["floor", "allowOwners", "gitOpsMarks"],
        "spec.guards: there is one for the whole policy",
    ),
    ("Defaults", &["limits"], "spec.limits"),
    ("Defaults", &["guards"], "spec.guards"),
    ("Defaults", &["mode"], "spec.mode"),
    ("Defaults", &["stored"], "spec.stored.action"),
    ("Defaults", &["enforce"], "rules only: defaults never replace what an author wrote"),
    ("Rule", &["kinds", "namespaces", "namespaceSelector", "names"], "match"),
    ("Rule", &["labels", "annotations", "selector"], "match"),
    ("Rule", &["exempt"], "spec.exempt"),
    ("Rule", &["onSuccess", "onFailure"], "ttl: {onSuccess, onFailure}"),
    ("Spec", &["enforce"], "rules"),
    ("Spec", &["ttl", "history", "timeZone", "deadlines"], "spec.defaults, or in a rule"),
];
