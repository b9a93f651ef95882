//! A YAML document as a tree in which every part knows where it stands.
//!
//! `serde_yaml` reads the text; the tree is ours, because a `Value` of the library forgets
//! positions, drops duplicate keys and cannot say what a bad key was. [`read`] gives the tree of
//! one file and reports what no policy may hold, whatever its schema: bad syntax, several
//! documents, duplicate or non-string keys, merge keys, tags, alias bombs.
//!
//! **How positions are had.** The library tells a position only as part of an error, and it does
//! so for every scalar on which a visitor fails. So the visitor puts each scalar aside and fails,
//! the position is read off the error, and decoding goes on with the value that was put aside: one
//! pass over a file locates all of it.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::finding::{Findings, Span};
use super::locate::{BYTE_ORDER_MARK, Lines};
use crate::policy::code;

/// A part of a document.
#[derive(Debug)]
pub(in crate::policy) struct Node {
    pub(in crate::policy) span: Span,
    pub(in crate::policy) value: Value,
}

/// What a part of a document holds.
#[derive(Debug)]
pub(in crate::policy) enum Value {
    Bool(bool),
    Float(f64),
    Int(i128),
    Map(Vec<Entry>),
    Null,
    Seq(Vec<Node>),
    Str(String),
}

/// An entry of a map; of duplicates only the first is kept.
#[derive(Debug)]
pub(in crate::policy) struct Entry {
    pub(in crate::policy) key: String,
    /// Where the key stands.
    pub(in crate::policy) span: Span,
    pub(in crate::policy) node: Node,
}

/// What one file is read with.
struct Reader<'f, 's> {
    file: usize,
    lines: Lines<'s>,
    findings: RefCell<&'f mut Findings<'s>>,
    /// The end of the scalar that was read last.
    cursor: Cell<usize>,
    /// How many parts were read, with those that aliases repeat.
    parts: Cell<usize>,
    /// How many bytes of scalars were read, with those that aliases repeat.
    bytes: Cell<usize>,
}

struct NodeSeed<'r, 'f, 's>(&'r Reader<'f, 's>);

struct NodeVisitor<'r, 'f, 's> {
    reader: &'r Reader<'f, 's>,
    aside: &'r Cell<Option<Value>>,
}

/// Reads the document of one file; `None` where there is none to be had.
pub(in crate::policy) fn read(file: usize, findings: &mut Findings<'_>) -> Option<Node> {
    let text = findings.lines(file).text();
    if let Some(start) = too_deep(text) {
        return report_too_deep(Span { file, start, end: start + 1 }, findings);
    }
    if let Some(start) = too_many(text) {
        return report_too_many(Span { file, start, end: start + 1 }, findings);
    }
    let reader = Reader {
        file,
        lines: Lines::new(text),
        findings: RefCell::new(&mut *findings),
        cursor: Cell::new(0),
        parts: Cell::new(0),
        bytes: Cell::new(0),
    };
    let mut documents = Vec::new();
    let mut failure = None;
    let unmarked = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    for document in serde_yaml::Deserializer::from_str(unmarked) {
        match NodeSeed(&reader).deserialize(document) {
            Ok(Node { value: Value::Null, .. }) => {}
            Ok(node) => documents.push(node),
            Err(error) => {
                failure = Some(error);
                break;
            }
        }
    }
    let cursor = reader.cursor.get();
    if let Some(error) = failure {
        return report_failure(file, &error, cursor, findings);
    }
    if let Some(second) = documents.get(1) {
        return findings
            .error(code::DOCUMENTS, second.span, "a second YAML document begins here")
            .refuse("give each document a file of its own: a directory of them is one policy");
    }
    if documents.is_empty() {
        findings
            .error(code::EMPTY, Span::top(file), "the file holds no policy")
            .mend("begin with `apiVersion: curfew.dev/v1alpha1` and `kind: JobPolicy`");
    }
    documents.pop()
}

/// Reports why the library gave up.
fn report_failure(
    file: usize,
    error: &serde_yaml::Error,
    cursor: usize,
    findings: &mut Findings<'_>,
) -> Option<Node> {
    let text = error.to_string();
    let lines = findings.lines(file);
    // An open quote swallows the rest of the file; the place to look at is where it opens.
    let opened = text.split_once(", while scanning a quoted scalar at line ");
    let opened = opened.and_then(|(_, place)| mark(place));
    let end = error.location().map(|at| (at.line(), at.column()));
    let start = opened.or(end).map_or(cursor, |(line, column)| lines.offset(line, column));
    // A position at the very end would underline nothing: the last thing that stands there tells
    // more.
    let start = start.min(lines.text().trim_end().len());
    let span = Span { file, start, end: lines.line_end(start).max(start) };
    if text.contains(TOO_MANY) || text.starts_with("repetition limit exceeded") {
        let start = lines.first_alias().unwrap_or(start);
        let end = lines.scalar_end(start, None);
        return report_too_many(Span { file, start, end }, findings);
    }
    if text.starts_with("recursion limit exceeded") {
        return report_too_deep(span, findings);
    }
    // Of an alias without a name the library tells the place after the star.
    let star = text.contains("scanning an alias") && lines.text()[..start].ends_with('*');
    let span = if star { Span { start: start - 1, ..span } } else { span };
    let mend = syntax_mend(&text, &lines.text()[span.start..]);
    findings
        .error(code::SYNTAX, span, format!("this is no YAML: {}", without_place(&text)))
        .refuse(mend)
}

fn report_too_deep(span: Span, findings: &mut Findings<'_>) -> Option<Node> {
    findings
        .error(code::TOO_DEEP, span, "maps and lists are nested more than 128 deep here")
        .refuse("no policy nests that deep; an alias inside its own anchor does")
}

fn report_too_many(span: Span, findings: &mut Findings<'_>) -> Option<Node> {
    findings
        .error(code::TOO_DEEP, span, "there are too many values, aliases counted each time")
        .refuse("write values out in place of aliases, or split the file")
}

/// Where a text has more values than [`MOST_PARTS`], counted by the characters without which there
/// are none, strings and comments not told apart: the library keeps a hundred bytes for each before
/// it gives the first one away.
fn too_many(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut values = 0;
    (0..bytes.len()).find(|at| {
        values += match bytes[*at] {
            // The last two begin the other ends of lines: U+0085, U+2028 and U+2029.
            b',' | b':' | b'[' | b'{' | b'\n' | b'\r' | 0xC2 | 0xE2 => 1,
            b'-' if bytes.get(at + 1).is_none_or(u8::is_ascii_whitespace) => 1,
            // A map of its own, with a key and a value that may both be left out.
            b'?' => 3,
            _ => 0,
        };
        values > MOST_PARTS
    })
}

/// Where far more brackets are open than any policy has, strings and comments not told apart: the
/// library looks at each of a thousand before it for every token, and only then at their number.
fn too_deep(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    text.bytes().position(|byte| {
        match byte {
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        open > MOST_OPEN
    })
}

/// A place as the library writes it: `6 column 10`.
fn mark(text: &str) -> Option<(usize, usize)> {
    let (line, column) = text.split_once(" column ")?;
    Some((line.parse().ok()?, column.parse().ok()?))
}

/// The library's message without its own place, which is shown in front of the message.
fn without_place(text: &str) -> String {
    let Some((problem, rest)) = text.split_once(" at line ") else { return text.to_owned() };
    match rest.split_once(", ") {
        Some((_, context)) if context.contains("quoted scalar") => problem.to_owned(),
        Some((_, context)) => format!("{problem}, {context}"),
        None => problem.to_owned(),
    }
}

/// What people most often did to get a syntax error.
fn syntax_mend(message: &str, rest: &str) -> String {
    let token = rest.split([',', ']', '}', '\n']).next().unwrap_or_default().trim();
    if rest.starts_with('\t') {
        "indent with spaces: YAML allows no tabs there".to_owned()
    } else if rest.starts_with(['*', '&', '@', '`', '%', '!', '|', '>']) {
        format!("quote what begins with {:?}: {token:?}", &rest[..1])
    } else if message.contains("unknown anchor") {
        format!("quote what begins with \"*\": \"*{}\"", token.trim_start_matches('*'))
    } else if message.contains("mapping values are not allowed") {
        "quote a value that holds `: `, or check the indentation of this line".to_owned()
    } else if message.contains("flow") {
        "close what was opened: `]`, `}` or a comma is missing".to_owned()
    } else if message.contains("quoted scalar") {
        "close the quote".to_owned()
    } else if message.contains("control characters") {
        "remove the invisible character".to_owned()
    } else {
        "check the indentation of this line and of the one before".to_owned()
    }
}

// === impl Reader ===

impl Reader<'_, '_> {
    /// Counts more parts, and more bytes of scalars.
    fn count<E: Error>(&self, parts: usize, bytes: usize) -> Result<(), E> {
        self.parts.set(self.parts.get() + parts);
        self.bytes.set(self.bytes.get() + bytes);
        let length = self.lines.text().len();
        let too_many = self.parts.get() > (length + SPARE_PARTS).min(MOST_PARTS)
            || self.bytes.get() > 2 * length + SPARE_BYTES;
        if too_many { Err(E::custom(TOO_MANY)) } else { Ok(()) }
    }

    /// A scalar that was put aside, with the position that the error tells.
    fn scalar<E: Error>(&self, value: Value, error: &str) -> Result<Node, E> {
        let at_event = self.marked(error);
        let start = self.lines.after_properties(at_event);
        let end = match &value {
            Value::Null if !self.lines.text()[start..].starts_with(['n', 'N', '~']) => start,
            Value::Str(text) => self.lines.scalar_end(start, Some(text)),
            _ => self.lines.scalar_end(start, None),
        };
        self.cursor.set(end);
        // The text of a string was counted before it was copied; of others messages quote the source.
        if !matches!(value, Value::Str(_)) {
            self.count(0, end.saturating_sub(start))?;
        }
        Ok(Node { span: Span { file: self.file, start, end }, value })
    }

    /// The offset that an error of ours was given; the library leaves out the very first one.
    fn marked(&self, error: &str) -> usize {
        let place = error.rsplit_once(ASIDE).and_then(|(_, place)| place.strip_prefix(" at line "));
        place.and_then(mark).map_or(0, |(line, column)| self.lines.offset(line, column))
    }

    fn container(&self, open: char, after: usize, child: Option<usize>) -> Span {
        let range = self.lines.container(open, after, child);
        if child.is_none() {
            self.cursor.set(range.end);
        }
        Span { file: self.file, start: range.start, end: range.end }
    }

    fn report(&self, code: &'static str, span: Span, message: impl Into<String>, mend: &str) {
        self.findings.borrow_mut().error(code, span, message).mend(mend);
    }

    /// Reports a key that is no string.
    fn report_key(&self, span: Span, key: &Value) {
        let text = self.lines.text().get(span.start..span.end).unwrap_or_default();
        let mend = match text {
            "" => "write a string in front of the colon",
            _ if text.starts_with(['[', '{', '-']) => "write a string",
            _ => &format!("quote it: {text:?}"),
        };
        let message = format!("a key must be a string, and this is {}", key.describe());
        self.report(code::KEY, span, message, mend);
    }
}

impl<'de> DeserializeSeed<'de> for NodeSeed<'_, '_, '_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        let Self(reader) = self;
        reader.count(1, 0)?;
        let aside = Cell::new(None);
        deserializer.deserialize_any(NodeVisitor { reader, aside: &aside }).or_else(|error| {
            match aside.take() {
                Some(value) => reader.scalar(value, &error.to_string()),
                None => Err(error),
            }
        })
    }
}

impl NodeVisitor<'_, '_, '_> {
    /// Puts a scalar aside and fails, see the module.
    fn aside<E: Error>(self, value: Value) -> Result<Node, E> {
        self.aside.set(Some(value));
        Err(E::custom(ASIDE))
    }
}

impl<'de> Visitor<'de> for NodeVisitor<'_, '_, '_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
        self.aside(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
        self.aside(Value::Int(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
        self.aside(Value::Int(value.into()))
    }

    fn visit_i128<E: Error>(self, value: i128) -> Result<Node, E> {
        self.aside(Value::Int(value))
    }

    fn visit_u128<E: Error>(self, value: u128) -> Result<Node, E> {
        // Far beyond anything that a policy may say: only its size matters.
        self.aside(Value::Int(i128::try_from(value).unwrap_or(i128::MAX)))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
        self.aside(Value::Float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Node, E> {
        // Before it is copied: an alias may repeat a long text very often.
        self.reader.count(0, value.len())?;
        self.aside(Value::Str(value.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        self.aside(Value::Null)
    }

    /// A document without any content.
    fn visit_none<E: Error>(self) -> Result<Node, E> {
        self.visit_unit()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let Self { reader, .. } = self;
        let after = reader.cursor.get();
        let mut nodes = Vec::new();
        while let Some(node) = access.next_element_seed(NodeSeed(reader))? {
            nodes.push(node);
        }
        let span = reader.container('[', after, nodes.first().map(|node| node.span.start));
        Ok(Node { span, value: Value::Seq(nodes) })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let Self { reader, .. } = self;
        let after = reader.cursor.get();
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen = std::collections::HashMap::new();
        let mut first = None;
        while let Some(key) = access.next_key_seed(NodeSeed(reader))? {
            let node = access.next_value_seed(NodeSeed(reader))?;
            let span = key.span;
            first = first.or(Some(span.start));
            let text = match key.value {
                Value::Str(text) if text == "<<" => {
                    let message = "merge keys are not read: they are no part of YAML 1.2";
                    reader.report(code::MERGE_KEY, span, message, "write the fields out");
                    continue;
                }
                Value::Str(text) => text,
                Value::Map(_) | Value::Seq(_) => {
                    reader.report_key(span, &key.value);
                    continue;
                }
                // Kept as it is written, as if it were quoted: the rest is checked all the same.
                scalar => {
                    reader.report_key(span, &scalar);
                    reader.lines.text()[span.start..span.end].to_owned()
                }
            };
            if let Some(first) = seen.get(&text) {
                let place = reader.findings.borrow().place(*first);
                let message = format!("{text:?} stands twice in this map");
                let mend = format!("remove one of them; the first stands at {place}");
                reader.report(code::DUPLICATE_KEY, span, message, &mend);
                continue;
            }
            seen.insert(text.clone(), span);
            entries.push(Entry { key: text, span, node });
        }
        Ok(Node { span: reader.container('{', after, first), value: Value::Map(entries) })
    }

    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<Node, A::Error> {
        let Self { reader, .. } = self;
        let (tag, variant) = access.variant::<String>()?;
        let node = variant.newtype_variant_seed(NodeSeed(reader))?;
        let tag = format!("!{}", tag.trim_start_matches('!'));
        // The library tells the place of the value, and the tag stands right before it.
        let start = reader.lines.text()[..node.span.start].rfind(&tag).unwrap_or(node.span.start);
        let span = Span { start, end: start + tag.len(), ..node.span };
        let message = format!("YAML tags such as {tag:?} are not read");
        reader.report(code::TAG, span, message, "remove the tag");
        Ok(node)
    }
}

// === impl Value ===

impl Value {
    /// The value as a message names what was found.
    pub(in crate::policy) fn describe(&self) -> String {
        match self {
            Self::Bool(value) => format!("the boolean {value}"),
            Self::Float(value) => format!("the number {value}"),
            Self::Int(value) => format!("the number {value}"),
            Self::Map(_) => "a map".to_owned(),
            Self::Null => "nothing".to_owned(),
            Self::Seq(_) => "a list".to_owned(),
            Self::Str(text) if text.chars().count() > 40 => {
                let short: String = text.chars().take(40).collect();
                format!("the string {:?}", short + "…")
            }
            Self::Str(text) => format!("the string {text:?}"),
        }
    }
}

/// The text of the error with which a scalar is put aside.
const ASIDE: &str = "\u{1}aside\u{1}";

/// The text of the error with which an alias bomb ends.
const TOO_MANY: &str = "\u{1}too many parts\u{1}";

/// Far above the 128 levels at which the library gives up.
const MOST_OPEN: usize = 500;

/// So many parts a file may have beyond its bytes. Without aliases each takes a byte at least
/// (`{a,b}` has a key and an empty value in two), so only what aliases repeat needs it.
const SPARE_PARTS: usize = 10_000;

/// So many bytes the scalars of a file may have beyond twice its own, which is more than any escape
/// makes of them (`"\L"` is three). Only what aliases repeat needs it.
const SPARE_BYTES: usize = 1 << 21;

/// So many parts any file may have: more than 1 MiB of sensible rules hold.
const MOST_PARTS: usize = 1 << 18;
