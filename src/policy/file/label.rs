//! Label and annotation keys and values, refused where the API server would refuse them
//! (`k8s.io/apimachinery/pkg/util/validation`), since a policy that can match nothing is a mistake.

use super::decode::{self, FromNode, Path, read_by};
use super::finding::{At, Findings, Span};
use super::node::{Entry, Node, Value};
use crate::batch::name::is_subdomain;
use crate::policy::code;
use crate::policy::model::selector::{Operator, Requirement, Selector};

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
pub(in crate::policy) struct Labels(pub(in crate::policy) Selector);

/// Annotation keys, each with the values that are accepted.
#[derive(Clone, Debug)]
pub(in crate::policy) struct Annotations(pub(in crate::policy) Selector);

/// What a text is, and why one is none.
type Sort = (&'static str, fn(&str) -> Option<&'static str>);

/// Why a text is no key of a label.
fn key_fault(key: &str) -> Option<&'static str> {
    let parts = key.split_once('/');
    let (prefix, name) = parts.map_or((None, key), |(prefix, name)| (Some(prefix), name));
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
fn is_sound((what, fault): Sort, text: &str, span: Span, findings: &mut Findings<'_>) -> bool {
    let Some(fault) = fault(text) else { return true };
    findings.error(code::LABEL, span, format!("{text:?} is no {what}: {fault}")).mend(
        "write it as it stands on the object: no object can carry what the API server refuses",
    );
    false
}

/// A string, where it is sound.
fn sound(sort: Sort, node: &Node, path: Path<'_>, findings: &mut Findings<'_>) -> Option<String> {
    let text = decode::text(node, path, "a string", findings)?;
    is_sound(sort, text, node.span, findings).then(|| text.to_owned())
}

/// A map from keys to one value or a list of them.
fn accepted(
    keys: Sort,
    values: Sort,
    node: &Node,
    path: Path<'_>,
    findings: &mut Findings<'_>,
) -> Option<Selector> {
    let entries = decode::map(node, &[], path, findings)?;
    if entries.is_empty() {
        decode::empty(node.span, path, findings);
    }
    let mut requirements = Vec::with_capacity(entries.len());
    for entry @ Entry { key, span, node } in entries {
        let is_key = is_sound(keys, key, *span, findings);
        let inner = Path::Field(&path, key);
        let Some(At { value: Values(mut found), .. }) = decode::field(entry, inner, findings)
        else {
            continue;
        };
        if found.is_empty() {
            decode::empty(node.span, inner, findings);
        }
        found.retain(|at| is_sound(values, &at.value, at.span, findings));
        if is_key {
            let values = found.into_iter().map(|at| at.value).collect();
            requirements.push(Requirement { key: key.clone(), operator: Operator::In, values });
        }
    }
    Some(Selector { requirements })
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

// === impl Labels, Annotations, LabelKey, AnnotationKey, LabelValue ===

read_by! {
    Labels: accepted[LABEL_KEY, LABEL_VALUE];
    Annotations: accepted[ANNOTATION_KEY, ANNOTATION_VALUE];
    LabelKey: sound[LABEL_KEY];
    AnnotationKey: sound[ANNOTATION_KEY];
    LabelValue: sound[LABEL_VALUE];
}

const LABEL_KEY: Sort = ("label key", key_fault);
const LABEL_VALUE: Sort = ("label value", value_fault);
/// The API server forgives upper case before the `/` of an annotation.
const ANNOTATION_KEY: Sort = ("annotation key", |key| key_fault(&key.to_lowercase()));
const ANNOTATION_VALUE: Sort = ("annotation value", |_| None);
