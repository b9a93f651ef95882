//! YAML and JSON into trees, as kubectl reads them.
//!
//! The entry points are [`yaml`] and [`json`]. kubectl makes JSON of YAML (`sigs.k8s.io/yaml` on
//! go-yaml 2) and hands that on; these give the tree of that JSON, in the author's order. What
//! kubectl takes without a word although it loses something is taken as well, and remarked on.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::Range;

use granit_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput, StructureStyle};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_yaml::mapping::Entry;
use serde_yaml::{Mapping, Value};

use super::bad_text::{BadText, newlines};
use super::scalar::{self, Scalar, TAGS};

/// A document.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tree {
    /// Keys are strings, numbers are finite, anchors and `<<` are resolved, there are no tags.
    pub value: Value,
    /// The entries of a list at the top's `items`, in whose place there is an empty list: a list
    /// may hold a hundred thousand objects, whose trees together would fill the memory.
    pub items: Vec<String>,
    /// What is odd about the text.
    pub remarks: Vec<BadText>,
}

/// Reads the first document of a YAML text, which is all that kubectl reads of it.
///
/// # Errors
/// Where kubectl would refuse it.
pub fn yaml(text: &str) -> Result<Tree, BadText> {
    refuse_controls(text)?;
    refuse_marks(text)?;
    // A line end to kubectl's parser, and to ours a letter.
    let replaced = text.contains('\u{85}').then(|| text.replace('\u{85}', "\n"));
    let text = replaced.as_deref().unwrap_or(text);
    let mut options = granit_parser::options! {};
    options.set_emit_comments(false);
    let mut reader = Reader {
        parser: Parser::new_from_str_with_options(text, options),
        text,
        end: 0,
        anchors: HashMap::new(),
        flows: 0,
        depth: 0,
        covered: Vec::new(),
        decoded: 0,
        aliased: 0,
        items: Vec::new(),
        remarks: Vec::new(),
    };
    let mark = text.find('\u{feff}').map(|at| at_offset(text, at, BYTE_ORDER_MARK.to_owned()));
    let value = match (reader.document(), mark) {
        (Err(_), Some(mark)) => return Err(mark),
        (value, mark) => {
            reader.remarks.extend(mark);
            value?
        }
    };
    reader.refuse_tabs()?;
    let Reader { items, remarks, .. } = reader;
    Ok(Tree { value, items, remarks })
}

/// Reads one JSON value.
///
/// # Errors
/// Where it is broken.
pub fn json(text: &str) -> Result<Tree, serde_json::Error> {
    let mut items = Vec::new();
    let keys = RefCell::default();
    let mut source = serde_json::Deserializer::from_str(text);
    let top = Json { place: Place::Top(&mut items), twice: &keys };
    let value = top.deserialize(&mut source)?;
    source.end()?;
    let remark = |key: &String| BadText { line: 1, column: 1, message: twice(key) };
    let remarks = keys.borrow().iter().map(remark).collect();
    Ok(Tree { value, items, remarks })
}

/// The number that kubectl makes of another: it sends what is whole as an integer.
fn number(number: f64) -> Value {
    // Go and Rust write the digits alike, and it is the digits that count: above 2^53 they say
    // another number than the bits.
    match number.to_string().parse::<i64>() {
        Ok(whole) => Value::from(whole),
        Err(_) => Value::from(number),
    }
}

struct Reader<'t> {
    parser: Parser<'t, StrInput<'t>>,
    text: &'t str,
    /// Where the last event ended.
    end: usize,
    /// By the parser's number; `None` while its own node is being read.
    anchors: HashMap<usize, Option<Anchored>>,
    /// How many lists and maps in brackets are open.
    flows: usize,
    /// How many lists and maps are open.
    depth: usize,
    /// Where tabs are no indentation: strings of several lines, and what is in brackets.
    covered: Vec<Range<usize>>,
    /// How many nodes there are, aliases counted as what they stand for.
    decoded: usize,
    /// How many of them stand behind aliases.
    aliased: usize,
    items: Vec<String>,
    remarks: Vec<BadText>,
}

#[derive(Clone)]
struct Anchored {
    node: Node,
    /// The nodes in it.
    size: usize,
}

#[derive(Clone)]
enum Node {
    Leaf(Scalar, String),
    List(Vec<Value>),
    Map(Mapping),
}

// === impl Tree ===

impl Tree {
    /// The value with its items where they stood.
    pub fn whole(self) -> Value {
        let Self { mut value, items, remarks: _ } = self;
        if let Some(list) = value.get_mut(ITEMS).and_then(Value::as_sequence_mut) {
            let item = |json: &String| serde_json::from_str(json).expect("it was written by us");
            list.extend(items.iter().map(item));
        }
        value
    }
}

// === impl Reader ===

impl<'t> Reader<'t> {
    fn document(&mut self) -> Result<Value, BadText> {
        let node = loop {
            match self.next()? {
                (Event::StreamStart | Event::DocumentStart(..), _) => {}
                (Event::StreamEnd, _) => return Ok(Value::Null),
                (event, span) => break self.node(event, span, true)?,
            }
        };
        let value = node.value(Marker::new(0, 1, 0))?;
        // kubectl stops here, whatever follows.
        let rest = loop {
            match self.next() {
                Ok((Event::DocumentEnd, _)) => {}
                Ok((Event::StreamEnd, _)) => return Ok(value),
                Ok((_, span)) => break bad(span.start, REST),
                Err(rest) => break BadText { message: REST.to_owned(), ..rest },
            }
        };
        self.remarks.push(rest);
        Ok(value)
    }

    fn next(&mut self) -> Result<(Event<'t>, Span), BadText> {
        match self.parser.next_event() {
            None => Ok((Event::StreamEnd, Span::default())),
            Some(result) => {
                if let Ok((_, span)) = &result {
                    self.end = span.byte_range().map_or(self.end, |range| range.end);
                }
                result.map_err(|error| bad(*error.marker(), error.info()))
            }
        }
    }

    /// The node that begins with an event; `top` is that of a document.
    fn node(&mut self, event: Event<'t>, span: Span, top: bool) -> Result<Node, BadText> {
        self.count(1, 0, span.start)?;
        if self.depth > DEEPEST {
            return Err(bad(span.start, "it is nested too deeply"));
        }
        self.depth += 1;
        let node = self.open_node(event, span, top);
        self.depth -= 1;
        node
    }

    fn open_node(&mut self, event: Event<'t>, span: Span, top: bool) -> Result<Node, BadText> {
        let before = self.decoded;
        let (anchor, node) = match event {
            Event::Alias(anchor) => {
                let name = span.slice(self.text).unwrap_or_default().trim_start_matches('*');
                if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)) {
                    return Err(bad(span.start, ANCHOR));
                }
                return self.alias(anchor, span.start);
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_scalar(&text, style, &span)?;
                if span.start.line() < span.end.line() && self.flows == 0 {
                    self.covered.extend(span.byte_range());
                }
                let tag = tag.map(|tag| format!("{}{}", tag.handle(), tag.suffix()));
                let odd = tag.as_deref().is_some_and(|tag| !tag.starts_with(TAGS));
                if odd && self.flows > 0 && text.is_empty() {
                    return Err(bad(span.start, "a tag alone between brackets; leave it out"));
                }
                let scalar = match &tag {
                    None if style != ScalarStyle::Plain => Scalar::Text(None),
                    tag => scalar::resolve(tag.as_deref().unwrap_or_default(), &text)
                        .map_err(|message| bad(span.start, message))?,
                };
                (anchor, Node::Leaf(scalar, text.into_owned()))
            }
            ref open @ (Event::SequenceStart(style, anchor, _)
            | Event::MappingStart(style, anchor, _)) => {
                if anchor > 0 {
                    self.anchors.insert(anchor, None);
                }
                let flows = usize::from(style == StructureStyle::Flow);
                self.flows += flows;
                let node = match open {
                    Event::SequenceStart(..) => Node::List(self.list()?),
                    _ => Node::Map(self.map(top)?),
                };
                self.close(flows, &span);
                (anchor, node)
            }
            other => return Err(bad(span.start, format!("this is no place for {other:?}"))),
        };
        if anchor > 0 {
            let size = 1 + self.decoded - before;
            self.anchors.insert(anchor, Some(Anchored { node: node.clone(), size }));
        }
        Ok(node)
    }

    /// Refuses what is a scalar in YAML 1.2, and none to kubectl's parser.
    fn refuse_scalar(&self, text: &str, style: ScalarStyle, span: &Span) -> Result<(), BadText> {
        let in_brackets = style == ScalarStyle::Plain && self.flows > 0;
        if style == ScalarStyle::Plain && text.contains(['\u{2028}', '\u{2029}']) {
            return Err(bad(span.start, "kubectl ends a line at U+2028 and U+2029; quote it"));
        }
        if in_brackets && text.contains('?') {
            return Err(bad(span.start, "kubectl ends a string at `?` between brackets; quote it"));
        }
        if style != ScalarStyle::DoubleQuoted {
            return Ok(());
        }
        let mut parts = span.slice(self.text).unwrap_or_default().split('\\').skip(1);
        while let Some(escape) = parts.next() {
            if escape.is_empty() {
                // A backslash that is escaped: what follows it is text.
                parts.next();
            } else if escape.starts_with('/') || is_half(escape) {
                let escape: String = escape.chars().take(5).collect();
                let problem = format!("kubectl does not know the escape \\{escape}; write it out");
                return Err(bad(span.start, problem));
            }
        }
        Ok(())
    }

    /// Takes note that a list or a map has ended, which may be one in brackets.
    fn close(&mut self, flows: usize, start: &Span) {
        self.flows -= flows;
        if let (1, 0, Some(start)) = (flows, self.flows, start.byte_range()) {
            self.covered.push(start.start..self.end);
        }
    }

    /// Refuses tabs in front of what begins a node: kubectl's parser knows them for blanks only
    /// behind one.
    fn refuse_tabs(&mut self) -> Result<(), BadText> {
        if !self.text.contains('\t') {
            return Ok(());
        }
        // None of them overlap.
        self.covered.sort_unstable_by_key(|range| range.start);
        let is_covered = |at: usize| {
            let behind = self.covered.partition_point(|range| range.start <= at);
            self.covered[..behind].last().is_some_and(|range| range.contains(&at))
        };
        let mut offset = 0;
        for line in self.text.split_inclusive('\n') {
            let front = line.trim_start_matches([' ', '-', '?']);
            let at = offset + line.len() - front.len();
            offset += line.len();
            // A dash is a mark before a blank only.
            let marks = self.text[offset - line.len()..at].trim_start();
            let begins = front.starts_with('\t') && marks.split(' ').all(|mark| mark.len() < 2);
            if begins && !is_covered(at) {
                let message = "indent with spaces: kubectl takes no tab here";
                return Err(at_offset(self.text, at, message.to_owned()));
            }
        }
        Ok(())
    }

    fn alias(&mut self, anchor: usize, at: Marker) -> Result<Node, BadText> {
        let anchored = self.anchors.get(&anchor).cloned().flatten();
        let anchored =
            anchored.ok_or_else(|| bad(at, "the alias stands for what it is a part of"))?;
        self.count(anchored.size, anchored.size, at)?;
        Ok(anchored.node)
    }

    /// Counts nodes, so that a few aliases cannot stand for millions; the bounds are kubectl's.
    #[expect(clippy::cast_precision_loss, reason = "a ratio")]
    fn count(&mut self, nodes: usize, aliased: usize, at: Marker) -> Result<(), BadText> {
        self.decoded += nodes;
        self.aliased += aliased;
        let share = match self.decoded {
            ..=FEW => 0.99,
            MANY.. => 0.1,
            some => 0.99 - 0.89 * ((some - FEW) as f64 / (MANY - FEW) as f64),
        };
        let excessive = self.aliased > 100
            && self.decoded > 1_000
            && self.aliased as f64 / self.decoded as f64 > share;
        if excessive {
            return Err(bad(at, "aliases stand for too many values; write them out"));
        }
        Ok(())
    }

    fn list(&mut self) -> Result<Vec<Value>, BadText> {
        let mut list = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(list),
                (event, span) => list.push(self.value(event, span)?),
            }
        }
    }

    fn value(&mut self, event: Event<'t>, span: Span) -> Result<Value, BadText> {
        self.node(event, span, false)?.value(span.start)
    }

    fn map(&mut self, top: bool) -> Result<Mapping, BadText> {
        let mut map = Mapping::new();
        // Keys that are there by `<<` alone.
        let mut merged = HashSet::new();
        loop {
            let (event, span) = self.next()?;
            let at = span.start;
            if matches!(event, Event::MappingEnd) {
                return Ok(map);
            }
            if is_merge(&event) {
                let (event, span) = self.next()?;
                self.merge(event, span, &mut map, &mut merged, top)?;
                continue;
            }
            let key = match self.node(event, span, false)? {
                Node::Leaf(scalar, text) => scalar::key(scalar, &text),
                Node::List(_) | Node::Map(_) => None,
            };
            let key = key.ok_or_else(|| bad(at, "a key must be a string"))?;
            let (event, span) = self.next()?;
            let is_items = top && key == ITEMS;
            if is_items {
                // Of a key that stands twice the last one counts.
                self.items.clear();
            }
            let value = if is_items && matches!(event, Event::SequenceStart(_, 0, _)) {
                self.count(1, 0, span.start)?;
                self.items()?;
                Value::Sequence(Vec::new())
            } else {
                self.value(event, span)?
            };
            let entry = map.entry(Value::String(key));
            if let Entry::Occupied(before) = &entry {
                let key = before.key().as_str().unwrap_or_default();
                if !merged.remove(key) {
                    self.remarks.push(bad(at, twice(key)));
                }
            }
            *entry.or_insert(Value::Null) = value;
        }
    }

    /// The entries of a long list, each of which is put away when it is whole.
    fn items(&mut self) -> Result<(), BadText> {
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(()),
                (event, span) => {
                    let value = self.value(event, span)?;
                    let text = serde_json::to_string(&value);
                    self.items.push(text.map_err(|error| bad(span.start, error))?);
                }
            }
        }
    }

    /// `<<`: what it brings takes the place of what stands before it, and not of what follows.
    fn merge(
        &mut self,
        event: Event<'t>,
        span: Span,
        map: &mut Mapping,
        merged: &mut HashSet<String>,
        top: bool,
    ) -> Result<(), BadText> {
        let is_list = matches!(event, Event::SequenceStart(..));
        let maps = match self.node(event, span, false)? {
            Node::Map(map) => vec![map],
            Node::List(list) if is_list => {
                let map = |value| match value {
                    Value::Mapping(map) => Some(map),
                    _ => None,
                };
                let maps: Option<Vec<Mapping>> = list.into_iter().map(map).collect();
                maps.ok_or_else(|| bad(span.start, WANTS_A_MAP))?
            }
            _ => return Err(bad(span.start, WANTS_A_MAP)),
        };
        for (key, value) in maps.into_iter().rev().flatten() {
            if let Some(key) = key.as_str() {
                merged.insert(key.to_owned());
                if top && key == ITEMS {
                    self.items.clear();
                }
            }
            map.insert(key, value);
        }
        Ok(())
    }
}

// === impl Node ===

impl Node {
    fn value(self, at: Marker) -> Result<Value, BadText> {
        Ok(match self {
            Self::Leaf(Scalar::Bool(flag), _) => Value::Bool(flag),
            Self::Leaf(Scalar::Float(float), text) if !float.is_finite() => {
                return Err(bad(at, format!("{text} is no number that an API object can hold")));
            }
            Self::Leaf(Scalar::Float(float), _) => number(float),
            Self::Leaf(Scalar::Int(int), _) => Value::from(int),
            Self::Leaf(Scalar::Null, _) => Value::Null,
            Self::Leaf(Scalar::Text(decoded), text) => Value::String(decoded.unwrap_or(text)),
            #[expect(clippy::cast_precision_loss, reason = "as kubectl does")]
            Self::Leaf(Scalar::Unsigned(int), _) => number(int as f64),
            Self::List(list) => Value::Sequence(list),
            Self::Map(map) => Value::Mapping(map),
        })
    }
}

/// Whether an event is the key `<<`, not in quotes.
fn is_merge(event: &Event<'_>) -> bool {
    let Event::Scalar(text, style, _, tag) = event else { return false };
    let plain = |handle: &str| matches!(handle, "!" | TAGS);
    text == "<<"
        && match tag {
            None => *style == ScalarStyle::Plain,
            Some(tag) => match format!("{}{}", tag.handle(), tag.suffix()).strip_prefix(TAGS) {
                Some(kind) => kind == "merge",
                None => tag.suffix().is_empty() && plain(tag.handle()),
            },
        }
}

/// Refuses the characters that kubectl's parser does not read.
fn refuse_controls(text: &str) -> Result<(), BadText> {
    let odd = |c: char| match c {
        '\t' | '\n' | '\r' | '\u{85}' => false,
        '\u{fffe}' | '\u{ffff}' => true,
        c => c.is_control(),
    };
    let Some(at) = text.find(odd) else { return Ok(()) };
    let code = text[at..].chars().next().map_or(0, u32::from);
    let message = format!("the character U+{code:04X} is not allowed; write \"\\u{code:04x}\"");
    Err(at_offset(text, at, message))
}

/// Refuses marks of YAML that kubectl does not expect: it cuts documents by itself, and what it
/// hands to its parser has neither directives nor an end in front.
fn refuse_marks(text: &str) -> Result<(), BadText> {
    let blank = |line: &str| line.trim().is_empty() || line.starts_with('#');
    let mut begun = false;
    for (index, line) in text.lines().enumerate() {
        let message = if line.starts_with('%') {
            "kubectl reads no directives, such as %YAML; leave the line out"
        } else if line.starts_with("...") {
            if begun {
                return Ok(());
            }
            "a document must not begin with its end; remove the line ..."
        } else {
            begun |= !blank(line);
            continue;
        };
        return Err(BadText { line: index + 1, column: 1, message: message.to_owned() });
    }
    Ok(())
}

/// Whether an escape is one half of a surrogate pair.
fn is_half(escape: &str) -> bool {
    let code = escape.strip_prefix('u').and_then(|rest| rest.get(..4));
    let code = code.and_then(|digits| u32::from_str_radix(digits, 16).ok());
    code.is_some_and(|code| (0xd800..0xe000).contains(&code))
}

fn at_offset(text: &str, at: usize, message: String) -> BadText {
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let column = 1 + text[start..at].chars().count();
    BadText { line: 1 + newlines(&text[..at]), column, message }
}

fn bad(at: Marker, message: impl fmt::Display) -> BadText {
    BadText { line: at.line().max(1), column: at.col() + 1, message: message.to_string() }
}

/// A JSON value, of which the last of two like keys counts, as it does for kubectl.
struct Json<'i> {
    place: Place<'i>,
    /// The keys that stand twice.
    twice: &'i RefCell<Vec<String>>,
}

enum Place<'i> {
    Inner,
    /// The list whose entries are put away, here.
    Items(&'i mut Vec<String>),
    Top(&'i mut Vec<String>),
}

// === impl Json ===

impl<'de> DeserializeSeed<'de> for Json<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Json<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E>(self, int: i64) -> Result<Value, E> {
        Ok(Value::from(int))
    }

    #[expect(clippy::cast_precision_loss, reason = "as kubectl does")]
    fn visit_u64<E>(self, int: u64) -> Result<Value, E> {
        Ok(i64::try_from(int).map_or_else(|_| number(int as f64), Value::from))
    }

    fn visit_f64<E>(self, float: f64) -> Result<Value, E> {
        Ok(number(float))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let Self { place, twice } = self;
        let mut list = Vec::new();
        let mut items = match place {
            Place::Items(items) => Some(items),
            Place::Inner | Place::Top(_) => None,
        };
        while let Some(value) = access.next_element_seed(Json { place: Place::Inner, twice })? {
            match &mut items {
                None => list.push(value),
                Some(items) => items.push(serde_json::to_string(&value).map_err(A::Error::custom)?),
            }
        }
        Ok(Value::Sequence(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let Self { mut place, twice } = self;
        let mut map = Mapping::new();
        while let Some(key) = access.next_key::<String>()? {
            let place = match &mut place {
                Place::Top(items) if key == ITEMS => {
                    items.clear();
                    Place::Items(items)
                }
                _ => Place::Inner,
            };
            let value = access.next_value_seed(Json { place, twice })?;
            let entry = map.entry(Value::String(key));
            if let Entry::Occupied(before) = &entry {
                twice.borrow_mut().extend(before.key().as_str().map(str::to_owned));
            }
            *entry.or_insert(Value::Null) = value;
        }
        Ok(Value::Mapping(map))
    }
}

fn twice(key: &str) -> String {
    format!("the key {key:?} stands twice in a map; the last one counts")
}

const ANCHOR: &str = "kubectl takes only letters, digits, - and _ in the name of an anchor";
const BYTE_ORDER_MARK: &str = "a byte order mark in the middle; remove the invisible character, which \
                               joining files leaves behind";
const ITEMS: &str = "items";

/// As deep as JSON is read that we keep of it.
const DEEPEST: usize = 126;
const REST: &str =
    "what follows is not read, as kubectl does not: begin documents with a line of ---";
const WANTS_A_MAP: &str = "`<<` takes a map, or a list of maps";

/// The bounds of kubectl's parser between which the share that aliases may have shrinks.
const FEW: usize = 400_000;
const MANY: usize = 4_000_000;
