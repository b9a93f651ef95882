//! Manifests against the originals: a corpus that kubectl's and the API server's own decoders made
//! (`tests/yaml-corpus`).

use curfew::cli::shared::judge::Judgeable;
use curfew::cli::shared::manifests::{Document, parse};
use serde_json::Value;

/// What kubectl sends, and whether an API server decodes it; or that kubectl refuses the text.
#[test]
fn manifests_are_read_as_kubectl_reads_them() {
    let mut cases = 0;
    let mut wrong = Vec::new();
    for line in CORPUS.lines().filter(|line| !line.starts_with('#')) {
        let case: Vec<Value> = serde_json::from_str(line).unwrap();
        let [text, sent, decoded @ ..] = &case[..] else { panic!("{line}") };
        let text = text.as_str().unwrap();
        let found = parse("a.yaml", text);
        let same = match (&found, sent) {
            (Err(_), Value::Null) => true,
            (Ok(documents), Value::Array(sent)) => {
                documents.len() == sent.len()
                    && documents.iter().zip(sent).all(|(document, sent)| alike(document, sent))
                    && decoded.iter().all(|decoded| *decoded == accepted(documents))
            }
            _ => false,
        };
        cases += 1;
        let same = if KNOWN.contains(&text) { found.is_err() && !same } else { same };
        if !same {
            let found = found.map(|documents| {
                let accepted = accepted(&documents);
                let values: Vec<Value> = documents.iter().map(json).collect();
                format!("{values:?} {accepted}")
            });
            wrong.push(format!("{line}\n     but found: {found:?}"));
        }
    }
    assert!(cases > 1_000, "the corpus has only {cases} cases");
    let (count, shown) = (wrong.len(), wrong[..wrong.len().min(100)].join("\n"));
    assert!(wrong.is_empty(), "{count} of {cases} differ from Go:\n{shown}");
}

fn json(document: &Document) -> Value {
    serde_json::to_value(&document.value).unwrap()
}

/// Go's numbers are compared as what they are worth: it writes 2^63 without an exponent.
fn alike(document: &Document, sent: &Value) -> bool {
    fn same(found: &Value, sent: &Value) -> bool {
        match (found, sent) {
            (Value::Array(found), Value::Array(sent)) => {
                found.len() == sent.len() && found.iter().zip(sent).all(|(f, s)| same(f, s))
            }
            (Value::Number(found), Value::Number(sent)) => {
                found == sent || (!sent.is_i64() && found.as_f64() == sent.as_f64())
            }
            (Value::Object(found), Value::Object(sent)) => {
                let other = |key| sent.get(key).unwrap_or(&Value::Null);
                found.len() == sent.len()
                    && found
                        .iter()
                        .all(|(key, value)| sent.contains_key(key) && same(value, other(key)))
            }
            _ => found == sent,
        }
    }

    same(&json(document), sent)
}

/// By object, whether an API server decodes it; null where it is no Job or `CronJob`.
fn accepted(documents: &[Document]) -> Value {
    let accepted = |document| {
        Judgeable::new(document, "default").map(|object: Judgeable| object.refuse().is_ok())
    };
    documents.iter().map(accepted).collect()
}

/// What kubectl takes and we refuse: oddities of its parser that YAML forbids, and the byte order mark
/// in the middle of a document, which it would make a part of a field's name.
const KNOWN: [&str; 7] = [
    "kind: A\nv: {a: -}\n",
    "kind: A\nv: [!a, a]\n",
    "kind: A\nv: [?a, a]\n",
    "kind: A\nv: |#a\n  b\n",
    // A quoted string that goes on at the start of a line, and one that does so behind U+0085.
    "kind: A\nv: \"a\nb\"\n",
    "kind: A\nv: \"a\u{85}b\"\n",
    "kind: A\n\u{feff}v: 1\n",
];

const CORPUS: &str = include_str!("../fixtures/yaml.txt");
