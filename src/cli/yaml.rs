//! YAML in and out, so that what was read as a string is a string for every later reader.
//!
//! **In**: YAML 1.2 as the policy loader reads it. kubectl's parser follows 1.1, where a bare `yes`
//! or `on` is a boolean; here it is a string. An object in which that matters (a label
//! `debug: on`) is one that the API server refuses from kubectl.
//!
//! **Out**: an emitter of our own, because the library's leaves bare what only 1.1 reads as a
//! boolean, an octal or a sexagesimal number, and kubectl would then not read back the string that
//! the author had quoted. It quotes whatever either version could take for something else. Keys
//! stay in the author's order; comments and anchors are lost.

use std::fmt::Write as _;

use serde_yaml::{Mapping, Value};

/// What is wrong with a YAML or JSON text, and where; lines and columns count from 1.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct BadText {
    pub line: usize,
    pub column: usize,
    pub message: String,
}

/// Reads one YAML document into a tree that JSON can hold: keys are strings, numbers are finite,
/// anchors and `<<` are resolved, and there are no tags.
///
/// # Errors
/// Where the text is no such document.
pub fn parse(text: &str) -> Result<Value, BadText> {
    let at_start = |message: String| BadText { line: 1, column: 1, message };
    let mut value: Value = serde_yaml::from_str(text).map_err(|error| located(&error))?;
    value.apply_merge().map_err(|error| at_start(error.to_string()))?;
    plain(value).map_err(at_start)
}

/// Reads JSON documents that follow one another.
///
/// # Errors
/// Where one of them is broken; those before it are lost, as they are for kubectl.
pub fn parse_json(text: &str) -> Result<Vec<(usize, Value)>, BadText> {
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let mut documents = Vec::new();
    loop {
        let rest = &text[stream.byte_offset()..];
        let start = stream.byte_offset() + (rest.len() - rest.trim_start().len());
        match stream.next() {
            None => return Ok(documents),
            Some(Ok(value)) => documents.push((1 + newlines(&text[..start]), value)),
            Some(Err(error)) => {
                let (line, column) = (error.line(), error.column());
                let whole = error.to_string();
                let message = whole.split(" at line ").next().unwrap_or_default().to_owned();
                return Err(BadText { line, column, message });
            }
        }
    }
}

/// Writes a document in block style, with a line end after the last line.
pub fn emit(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Mapping(map) if !map.is_empty() => emit_map(&mut text, map, 0),
        Value::Sequence(items) if !items.is_empty() => emit_list(&mut text, items, 0),
        leaf => {
            emit_leaf(&mut text, leaf, 2);
            text.push('\n');
        }
    }
    text
}

fn located(error: &serde_yaml::Error) -> BadText {
    let (line, column) = error.location().map_or((1, 1), |at| (at.line(), at.column()));
    let whole = error.to_string();
    // The place is in the fields; said twice it would even contradict itself, once the line has
    // been moved to where the document starts.
    let message = whole.split(" at line ").next().unwrap_or_default().to_owned();
    BadText { line: line.max(1), column: column.max(1), message }
}

/// The number of line ends in a text.
pub(super) fn newlines(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

fn plain(value: Value) -> Result<Value, String> {
    Ok(match value {
        Value::Mapping(map) => {
            let mut entries = Mapping::with_capacity(map.len());
            for (key, value) in map {
                entries.insert(Value::String(plain_key(key)?), plain(value)?);
            }
            Value::Mapping(entries)
        }
        Value::Sequence(items) => {
            Value::Sequence(items.into_iter().map(plain).collect::<Result<_, _>>()?)
        }
        Value::Tagged(tagged) => {
            return Err(format!(
                "the tag {} has no meaning in a manifest; leave it out",
                tagged.tag
            ));
        }
        Value::Number(number) if number.as_f64().is_some_and(|n| !n.is_finite()) => {
            return Err(format!("{number} is no number that an API object can hold"));
        }
        leaf => leaf,
    })
}

/// Keys such as `8080:` or `true:` become strings, as they do for kubectl.
fn plain_key(key: Value) -> Result<String, String> {
    match key {
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Number(number) => Ok(number.to_string()),
        Value::String(text) => Ok(text),
        _ => Err("a key must be a string".to_owned()),
    }
}

fn emit_map(text: &mut String, map: &Mapping, indent: usize) {
    for (index, (key, value)) in map.iter().enumerate() {
        // The first entry of a map in a list stands behind its dash.
        if index > 0 || text.is_empty() || text.ends_with('\n') {
            pad(text, indent);
        }
        emit_inline(text, key.as_str().unwrap_or_default());
        text.push(':');
        match value {
            Value::Mapping(inner) if !inner.is_empty() => {
                text.push('\n');
                emit_map(text, inner, indent + 2);
            }
            // As kubectl: the dashes stand under the key.
            Value::Sequence(items) if !items.is_empty() => {
                text.push('\n');
                emit_list(text, items, indent);
            }
            leaf => {
                text.push(' ');
                emit_leaf(text, leaf, indent + 2);
                text.push('\n');
            }
        }
    }
}

fn emit_list(text: &mut String, items: &[Value], indent: usize) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 || text.is_empty() || text.ends_with('\n') {
            pad(text, indent);
        }
        text.push_str("- ");
        match item {
            Value::Mapping(inner) if !inner.is_empty() => emit_map(text, inner, indent + 2),
            Value::Sequence(inner) if !inner.is_empty() => emit_list(text, inner, indent + 2),
            leaf => {
                emit_leaf(text, leaf, indent + 2);
                text.push('\n');
            }
        }
    }
}

fn emit_leaf(text: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Bool(flag) => text.push_str(if *flag { "true" } else { "false" }),
        Value::Mapping(_) => text.push_str("{}"),
        Value::Null | Value::Tagged(_) => text.push_str("null"),
        Value::Number(number) => {
            let _ = write!(text, "{number}");
        }
        Value::Sequence(_) => text.push_str("[]"),
        Value::String(string) if is_block(string) => emit_block(text, string, indent),
        Value::String(string) => emit_inline(text, string),
    }
}

fn emit_inline(text: &mut String, string: &str) {
    if is_bare(string) {
        text.push_str(string);
    } else {
        // A JSON string is a double-quoted YAML scalar.
        text.push_str(&serde_json::Value::from(string).to_string());
    }
}

fn emit_block(text: &mut String, string: &str, indent: usize) {
    text.push('|');
    if !string.ends_with('\n') {
        text.push('-');
    } else if string.ends_with("\n\n") {
        text.push('+');
    }
    let lines = string.strip_suffix('\n').unwrap_or(string);
    for line in lines.split('\n') {
        text.push('\n');
        if !line.is_empty() {
            pad(text, indent);
            text.push_str(line);
        }
    }
}

fn pad(text: &mut String, indent: usize) {
    text.extend(std::iter::repeat_n(' ', indent));
}

/// Whether a string may stand as a literal block: it has lines, the first of which fixes the
/// indentation, and nothing that a block would lose.
fn is_block(string: &str) -> bool {
    let odd = |c: char| (c.is_control() && c != '\n' && c != '\t') || is_break(c);
    string.trim_end_matches('\n').contains('\n')
        && !string.starts_with([' ', '\t', '\n'])
        && !string.contains(odd)
}

/// What some YAML readers take for a line end, and the byte order mark.
fn is_break(c: char) -> bool {
    matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// Whether a string needs no quotes in any version of YAML; where in doubt it does.
fn is_bare(string: &str) -> bool {
    let Some(first) = string.chars().next() else { return false };
    let inner = |c: char| c.is_ascii_alphanumeric() || " _./@%+=~()$-,;:".contains(c);
    (first.is_ascii_alphanumeric() || "/_.-".contains(first))
        && string.chars().all(inner)
        && !string.ends_with([' ', ':'])
        && !string.contains(": ")
        && !string.starts_with("- ")
        && !string.starts_with("--")
        && string != "-"
        && !looks_like_a_number(string)
        && !WORDS.contains(&string.to_ascii_lowercase().as_str())
}

/// Generous: octal, binary, hexadecimal, sexagesimal, underscores, exponents and dates.
fn looks_like_a_number(string: &str) -> bool {
    string.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
        && string.contains(|c: char| c.is_ascii_digit())
        && string.chars().all(|c| c.is_ascii_hexdigit() || "xXoO_+-.: tTzZ".contains(c))
}

/// What YAML 1.1 or 1.2 reads as a boolean, as null or as a number.
const WORDS: [&str; 15] = [
    "y", "n", "yes", "no", "on", "off", "true", "false", "null", ".inf", "-.inf", ".nan", "inf",
    "nan", "=",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_yaml::Value;

    use super::{emit, parse, parse_json};

    #[test]
    fn a_document_keeps_its_order_and_its_strings() {
        let text = "\
kind: Job
apiVersion: batch/v1
metadata:
  name: a
  labels:
    debug: \"on\"
    version: \"1.10\"
    mode: \"0644\"
    at: \"12:30:45\"
    empty: \"\"
spec:
  schedule: \"*/5 * * * *\"
  args:
  - -c
  - |
    set -e

    exec true
  - - nested
    - {}
  - key: value
    other:
    - 1
    - null
  quota: 1.5
";
        assert_eq!(emit(&parse(text).unwrap()), text);
    }

    #[rstest::rstest]
    #[case::merge_key("a: &a {x: 1}\nb: {<<: *a, z: 2}\n", "a:\n  x: 1\nb:\n  z: 2\n  x: 1\n")]
    #[case::number_as_a_key("data: {8080: web}\n", "data:\n  \"8080\": web\n")]
    #[case::bare_yes_is_a_string("a: yes\n", "a: \"yes\"\n")]
    #[case::no_line_end("a: |-\n  x\n  y\n", "a: |-\n  x\n  y\n")]
    #[case::two_line_ends("a: |+\n  x\n  y\n\nb: 1\n", "a: |+\n  x\n  y\n\nb: 1\n")]
    fn reads(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(emit(&parse(text).unwrap()), expected);
    }

    #[rstest::rstest]
    #[case::tag("a: !secret x\n", "the tag !secret has no meaning")]
    #[case::infinity("a: .inf\n", "is no number that an API object can hold")]
    #[case::map_as_a_key("{a: 1}: x\n", "a key must be a string")]
    #[case::key_twice("a: 1\na: 2\n", "duplicate entry")]
    fn refuses(#[case] text: &str, #[case] expected: &str) {
        let message = parse(text).unwrap_err().message;
        assert!(message.contains(expected), "{message}");
    }

    #[test]
    fn json_documents_know_their_lines() {
        let documents = parse_json("{\"a\": 1}\n\n{\n\"b\": 2}").unwrap();
        assert_eq!(documents.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 3]);
        let error = parse_json("{\"a\": 1}\n{\"b\" 2}").unwrap_err();
        assert_eq!((error.line, error.column), (2, 6));
    }

    fn tree() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[ -~\n\t]{0,12}".prop_map(Value::from),
            "[-+.0-9a-fxo:_ ]{1,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Sequence),
                prop::collection::vec(("[ -~]{0,8}", inner), 0..4).prop_map(|entries| {
                    let keep = |(key, value): (String, Value)| {
                        (key != "<<").then(|| (Value::from(key), value))
                    };
                    Value::Mapping(entries.into_iter().filter_map(keep).collect())
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(value in tree()) {
            let text = emit(&value);
            prop_assert_eq!(parse(&text).map_err(|e| format!("{e}\n{text}")), Ok(value));
        }
    }
}
