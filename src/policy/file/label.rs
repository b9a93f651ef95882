//! Label and annotation keys and values, refused where the API server would refuse them
//! (`k8s.io/apimachinery/pkg/util/validation`), since a policy that can match nothing is a mistake.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::decode::{self, FromNode, Merge, Path};
use super::finding::{At, Findings, Span};
use super::node::{Entry, Node, Value};
use crate::batch::name::is_subdomain;
use crate::policy::code;

/// A key of a label.
#[derive(Clone, Debug)]
pub(in crate::policy) struct LabelKey(pub(in crate::policy) String);

/// A key of an annotation.
#[derive(Clone, Debug)]
pub(in crate::policy) struct AnnotationKey(pub(in crate::policy) String);

/// A value of a label.
#[derive(Clone, Debug)]
pub(in crate::policy) struct LabelValue(pub(in crate::policy) String);

/// Label keys, each with the values that are accepted.
#[derive(Clone, Debug)]
pub(in crate::policy) struct Labels(pub(in crate::policy) Vec<(String, Vec<String>)>);

/// Annotation keys, each with the values that are accepted.
#[derive(Clone, Debug)]
pub(in crate::policy) struct Annotations(pub(in crate::policy) Vec<(String, Vec<String>)>);

/// Why a text is no key of a label.
fn key_fault(key: &str) -> Option<&'static str> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    if name.contains('/') {
        Some("it has more than one `/`")
    } else if prefix.is_some_and(|prefix| !is_subdomain(prefix)) {
        Some(
            "what stands before the `/` must be a DNS name in lower case, of 253 characters at most",
        )
    } else if name.is_empty() {
        Some("its name is empty")
    } else if name.len() > 63 {
        Some("its name is longer than 63 characters")
    } else if !is_word(name) {
        Some("its name must be letters, digits, `-`, `_` and `.`, a letter or digit at each end")
    } else {
        None
    }
}

/// Why a text is no value of a label.
fn value_fault(value: &str) -> Option<&'static str> {
    if value.len() > 63 {
        Some("it is longer than 63 characters")
    } else if !value.is_empty() && !is_word(value) {
        Some("it must be letters, digits, `-`, `_` and `.`, a letter or digit at each end")
    } else {
        None
    }
}

/// Letters, digits, `-`, `_` and `.`, with a letter or digit at each end.
fn is_word(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    text.chars().all(inner)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
}

/// Reports a fault; says whether there was none.
fn is_sound(
    what: &str,
    text: &str,
    fault: Option<&str>,
    span: Span,
    findings: &mut Findings<'_>,
) -> bool {
    let Some(fault) = fault else { return true };
    findings.error(code::LABEL, span, format!("{text:?} is no {what}: {fault}")).mend(
        "write it as it stands on the object: no object can carry what the API server refuses",
    );
    false
}

/// A map from keys to one value or a list of them.
fn accepted(
    node: &Node,
    path: Path<'_>,
    key_is_sound: impl Fn(&str, Span, &mut Findings<'_>) -> bool,
    value_is_sound: impl Fn(&str, Span, &mut Findings<'_>) -> bool,
    findings: &mut Findings<'_>,
) -> Option<Vec<(String, Vec<String>)>> {
    let entries = decode::map(node, &[], path, findings)?;
    if entries.is_empty() {
        decode::empty(node.span, path, findings);
    }
    let mut all = Vec::with_capacity(entries.len());
    for entry @ Entry { key, node } in entries {
        let sound = key_is_sound(&key.text, key.span, findings);
        let inner = Path::Field(&path, &key.text);
        let values: Option<At<Values>> = decode::field(entry, inner, findings);
        let Some(At { value: Values(values), .. }) = values else { continue };
        if values.is_empty() {
            decode::empty(node.span, inner, findings);
        }
        let mut kept = Vec::with_capacity(values.len());
        for At { span, value, .. } in values {
            if value_is_sound(&value, span, findings) {
                kept.push(value);
            }
        }
        if sound {
            all.push((key.text.clone(), kept));
        }
    }
    Some(all)
}

/// One string or a list of them.
struct Values(Vec<At<String>>);

// === impl Values ===

impl FromNode for Values {
    fn from_node(node: &Node, path: Path<'_>, findings: &mut Findings<'_>) -> Option<Self> {
        let nodes = match &node.value {
            Value::Seq(nodes) => nodes.as_slice(),
            _ => std::slice::from_ref(node),
        };
        let mut values = Vec::with_capacity(nodes.len());
        for node in nodes {
            if let Some(text) = decode::text(node, path, "a string or a list of strings", findings)
            {
                values.push(At { key: node.span, span: node.span, value: text.to_owned() });
            }
        }
        // Where every value was refused, an empty list would be reported once more.
        (values.len() == nodes.len()).then_some(Self(values))
    }
}

// === impl Labels ===

impl FromNode for Labels {
    fn from_node(node: &Node, path: Path<'_>, findings: &mut Findings<'_>) -> Option<Self> {
        let key = |text: &str, span, findings: &mut Findings<'_>| {
            is_sound("label key", text, key_fault(text), span, findings)
        };
        let value = |text: &str, span, findings: &mut Findings<'_>| {
            is_sound("label value", text, value_fault(text), span, findings)
        };
        accepted(node, path, key, value, findings).map(Self)
    }
}

// === impl Annotations ===

impl FromNode for Annotations {
    fn from_node(node: &Node, path: Path<'_>, findings: &mut Findings<'_>) -> Option<Self> {
        let key = |text: &str, span, findings: &mut Findings<'_>| {
            // The API server forgives upper case before the `/` of an annotation.
            let fault = key_fault(&text.to_lowercase());
            is_sound("annotation key", text, fault, span, findings)
        };
        accepted(node, path, key, |_, _, _| true, findings).map(Self)
    }
}

// === impl LabelKey, AnnotationKey, LabelValue ===

impl FromNode for LabelKey {
    fn from_node(node: &Node, path: Path<'_>, findings: &mut Findings<'_>) -> Option<Self> {
        let text = decode::text(node, path, "a string", findings)?;
        is_sound("label key", text, key_fault(text), node.span, findings)
            .then(|| Self(text.to_owned()))
    }
}

impl FromNode for AnnotationKey {
    fn from_node(node: &Node, path: Path<'_>, findings: &mut Findings<'_>) -> Option<Self> {
        let text = decode::text(node, path, "a string", findings)?;
        let fault = key_fault(&text.to_lowercase());
        is_sound("annotation key", text, fault, node.span, findings).then(|| Self(text.to_owned()))
    }
}

impl FromNode for LabelValue {
    fn from_node(node: &Node, path: Path<'_>, findings: &mut Findings<'_>) -> Option<Self> {
        let text = decode::text(node, path, "a string", findings)?;
        is_sound("label value", text, value_fault(text), node.span, findings)
            .then(|| Self(text.to_owned()))
    }
}

/// The schema of keys with one value or a list of them.
fn map_schema(key: &str, value: &serde_json::Value) -> Schema {
    json_schema!({
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": key},
        "additionalProperties": {
            "anyOf": [value, {"type": "array", "minItems": 1, "items": value}]
        }
    })
}

macro_rules! schemas {
    ($($type:ty = $name:literal $schema:expr;)*) => { $(
        impl Merge for $type {}

        impl JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    )* };
}

schemas! {
    LabelKey = "LabelKey" json_schema!({"type": "string", "pattern": LABEL_KEY});
    AnnotationKey = "AnnotationKey" json_schema!({"type": "string", "pattern": ANNOTATION_KEY});
    LabelValue = "LabelValue" json_schema!({"type": "string", "pattern": LABEL_VALUE});
    Labels = "Labels"
        map_schema(LABEL_KEY, &serde_json::json!({"type": "string", "pattern": LABEL_VALUE}));
    Annotations = "Annotations" map_schema(ANNOTATION_KEY, &serde_json::json!({"type": "string"}));
}

const LABEL_KEY: &str = "^([a-z0-9][-a-z0-9.]*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$";
const ANNOTATION_KEY: &str =
    "^([A-Za-z0-9][-A-Za-z0-9.]*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$";
const LABEL_VALUE: &str = "^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$";
