//! Label selectors as a file writes them.

#![expect(clippy::doc_markdown, reason = "the sentences are read in editors, as plain text")]

use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::decode::{FromNode, List, Path};
use super::fields::fields;
use super::finding::{At, Findings};
use super::label::{LabelKey, LabelValue, Labels};
use super::node::{Node, Value};
use crate::policy::code;
use crate::policy::model::selector::{Operator, Requirement, Selector};

fields! {
    /// A label selector as in Kubernetes. All of its requirements must hold.
    struct LabelSelector {
        /// Keys and the values they must have.
        optional match_labels: Labels = "matchLabels",
        /// Requirements with an operator.
        optional match_expressions: List<Expression> = "matchExpressions",
    }

    /// One requirement of a label selector.
    struct Expression {
        /// The label key.
        required key: LabelKey = "key",
        /// In, NotIn, Exists or DoesNotExist.
        required operator: Operator = "operator",
        /// Values; only and always with In and NotIn.
        optional values: List<LabelValue> = "values",
    }
}

// === impl Selector ===

impl FromNode for Selector {
    fn from_node(node: &Node, path: Path<'_>, findings: &mut Findings<'_>) -> Option<Self> {
        let wire = LabelSelector::from_node(node, path, findings)?;
        // What holds something and yet has no requirement has been reported already.
        if matches!(&node.value, Value::Map(entries) if entries.is_empty()) {
            let message = format!("{path} is empty, and an empty selector selects everything");
            findings.error(code::SELECTOR, node.span, message).mend("fill it, or delete it");
        }
        let LabelSelector { match_labels, match_expressions, written: _ } = wire;
        let mut selector = match_labels.map(|labels| labels.value.0).unwrap_or_default();
        for expression in List::items(match_expressions) {
            selector.requirements.extend(requirement(expression, findings));
        }
        Some(selector)
    }
}

impl JsonSchema for Selector {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Selector".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = LabelSelector::json_schema(generator);
        schema.insert("minProperties".to_owned(), 1.into());
        schema
    }
}

/// A requirement with the values that its operator needs, and no others.
fn requirement(expression: At<Expression>, findings: &mut Findings<'_>) -> Option<Requirement> {
    let At { span, value: Expression { key, operator, values, written: _ }, .. } = expression;
    let (LabelKey(key), operator) = (key?.value, operator?.value);
    let given = values.as_ref().map(|values| values.span);
    let values: Vec<String> =
        List::items(values).into_iter().map(|At { value: LabelValue(value), .. }| value).collect();
    let needs_values = matches!(operator, Operator::In | Operator::NotIn);
    let name = operator.as_str();
    match given {
        Some(given) if !needs_values && !values.is_empty() => {
            findings
                .error(code::SELECTOR, given, format!("{name} takes no values"))
                .mend(format!("delete the values, or write In or NotIn in place of {name}"));
        }
        None if needs_values => {
            findings
                .error(code::SELECTOR, span, format!("{name} needs values"))
                .mend("add `values: [...]`, or write Exists or DoesNotExist");
        }
        Some(given) if needs_values && values.is_empty() => {
            findings
                .error(code::SELECTOR, given, format!("{name} needs at least one value"))
                .mend("fill the list, or write Exists or DoesNotExist without values");
        }
        _ => {}
    }
    Some(Requirement { key, operator, values })
}
