//! YAML in and out, so that what was read as a string is a string for every later reader.
//!
//! **In**: as kubectl reads it ([`read`]), which is YAML 1.1 as its parser has it: a bare `yes` or
//! `on` is a boolean, `0400` is 256, and of a key that stands twice the last one counts. Policies
//! are read elsewhere, as YAML 1.2.
//!
//! **Out**: by an emitter that quotes whatever either version of YAML could take for something else
//! (`on`, `0644`, `12:30`), and escapes what some readers take for a line end. Keys stay in the
//! author's order; comments and anchors are lost.

mod bad_text;
pub mod read;
mod scalar;

use serde_yaml::{Mapping, Value};

pub use self::bad_text::BadText;
pub(in crate::cli) use self::bad_text::newlines;

/// Reads one YAML document into a tree that JSON can hold: keys are strings, numbers are finite,
/// anchors and `<<` are resolved, and there are no tags.
///
/// # Errors
/// Where the text is no such document.
pub fn parse(text: &str) -> Result<Value, BadText> {
    Ok(read::yaml(text)?.whole())
}

/// Writes a document in block style, with a line end after the last line.
pub fn emit(value: &Value) -> String {
    // A long string stays on its line: folded at blanks it would still be the same, and nobody
    // could search for it.
    let style = serde_saphyr::ser_options! { folded_wrap_chars: usize::MAX };
    let write = |style| {
        serde_saphyr::to_string_with_options(value, style)
            .expect("a tree of maps, lists and scalars can be written")
    };
    let mut text = write(style);
    if begins_with_a_tab(&text) {
        text = write(serde_saphyr::ser_options! { prefer_block_scalars: false });
    }
    // kubectl cuts files there, be it the name of a field.
    let marks = value.as_mapping().into_iter().flat_map(Mapping::keys).filter_map(Value::as_str);
    for key in marks.filter(|key| key.starts_with("---")) {
        let quoted = format!("\n{}:", serde_json::Value::from(key));
        text = format!("\n{text}").replacen(&format!("\n{key}:"), &quoted, 1).split_off(1);
    }
    text
}

/// Whether the lines of a string in a block begin with a tab, which kubectl does not read.
fn begins_with_a_tab(text: &str) -> bool {
    if !text.contains('\t') {
        return false;
    }
    let mut below = false;
    for line in text.lines() {
        let content = line.trim_start_matches(' ');
        if below && content.starts_with('\t') {
            return true;
        }
        let is_header = [" |", " |-", " |+"].iter().any(|header| line.ends_with(header));
        // Blank lines are a part of the string that do not settle how far it is indented.
        below = is_header || (below && content.is_empty());
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_yaml::Value;

    use super::{emit, parse};

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
    #[case::merge_key("a: &a {x: 1}\nb: {<<: *a, z: 2}\n", "a:\n  x: 1\nb:\n  x: 1\n  z: 2\n")]
    #[case::number_as_a_key("data: {8080: web}\n", "data:\n  \"8080\": web\n")]
    #[case::bare_yes_is_a_boolean("a: yes\n", "a: true\n")]
    #[case::quoted_yes_is_a_string("a: 'yes'\n", "a: \"yes\"\n")]
    #[case::octal("a: 0400\n", "a: 256\n")]
    #[case::underscores("a: 3_600\n", "a: 3600\n")]
    #[case::whole_float("a: 2.592e+06\n", "a: 2592000\n")]
    #[case::the_last_of_two("a: 1\nb: 2\na: 3\n", "a: 3\nb: 2\n")]
    #[case::local_tag("a: !secret x\n", "a: x\n")]
    #[case::next_line("a: \"x\\u0085y\"\n", "a: \"x\\Ny\"\n")]
    #[case::delete("a: \"x\\u007fy\"\n", "a: \"x\\x7Fy\"\n")]
    #[case::other_controls("\"\\x80\": \"\\u009f\"\n", "\"\\x80\": \"\\x9F\"\n")]
    #[case::separators("a: \"\\L\\P\"\n", "a: \"\\L\\P\"\n")]
    #[case::byte_order_mark("\"\\ufeff\": \"\\uffff\"\n", "\"\\uFEFF\": \"\\uFFFF\"\n")]
    #[case::a_mark(
        "\"---\\\"k\": 1\n\"---\": {\"---\": 1}\n",
        "\"---\\\"k\": 1\n\"---\":\n  \"---\": 1\n"
    )]
    #[case::a_tab_in_front("a: \"\\tx\\ny\"\n", "a: \"\\tx\\ny\"\n")]
    #[case::odd_in_lines("a: \"x\\u0085\\ny\\n\"\n", "a: \"x\\N\\ny\\n\"\n")]
    #[case::no_line_end("a: |-\n  x\n  y\n", "a: |-\n  x\n  y\n")]
    #[case::two_line_ends("a: |+\n  x\n  y\n\nb: 1\n", "a: |+\n  x\n  y\n\nb: 1\n")]
    fn reads(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(emit(&parse(text).unwrap()), expected);
    }

    #[rstest::rstest]
    #[case::tag("a: !!int x\n", "`x` is no value for the tag !!int")]
    #[case::infinity("a: .inf\n", "is no number that an API object can hold")]
    #[case::map_as_a_key("{a: 1}: x\n", "a key must be a string")]
    #[case::control("a: \"x\u{7f}\"\n", "the character U+007F is not allowed")]
    #[case::directive("%YAML 1.1\n---\na: 1\n", "kubectl reads no directives")]
    #[case::tab("a:\n-\tb\n", "indent with spaces")]
    #[case::aliases(BOMB, "aliases stand for too many values")]
    fn refuses(#[case] text: &str, #[case] expected: &str) {
        let message = parse(text).unwrap_err().message;
        assert!(message.contains(expected), "{message}");
    }

    const BOMB: &str = "\
a: &a [x, x, x, x, x, x, x, x, x, x]
b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]
c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]
d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]
e: [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]
";

    fn tree() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[ -~\n\t]{0,12}".prop_map(Value::from),
            "[-+.0-9a-fxo:_ ]{1,8}".prop_map(Value::from),
            "[\u{7f}-\u{a0}\u{2028}\u{2029}\u{feff}\u{fffe}\n a]{1,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Sequence),
                prop::collection::vec(
                    (prop_oneof!["[ -~]{0,8}", "---[ -~]{0,4}", any::<String>()], inner),
                    0..4
                )
                .prop_map(|entries| {
                    let keep = |(key, value): (String, Value)| Some((Value::from(key), value));
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
            // What kubectl's parser does not take.
            prop_assert!(!text.lines().any(|line| line.starts_with("---")), "{}", text);
            prop_assert!(!super::begins_with_a_tab(&text), "{}", text);
        }
    }
}
