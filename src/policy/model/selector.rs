//! Label selectors with the API server's semantics.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::policy::code;
use crate::policy::file::decode::{FromNode, List, Merge, Path};
use crate::policy::file::document::{Expression, LabelSelector};
use crate::policy::file::finding::{At, Findings};
use crate::policy::file::label::{LabelKey, LabelValue};
use crate::policy::file::node::{Node, Value};

/// A checked `LabelSelector`: all of its requirements hold.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Selector {
    requirements: Vec<Requirement>,
}

/// One requirement of a selector.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Requirement {
    pub key: String,
    pub operator: Operator,
}

/// What a requirement asks of its key; an entry of `matchLabels` is an `In` of one value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Operator {
    DoesNotExist,
    Exists,
    In(Vec<String>),
    /// Also matches where the key is missing.
    NotIn(Vec<String>),
}

/// The operator of a requirement, without its values.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::policy) enum Word {
    DoesNotExist,
    Exists,
    In,
    NotIn,
}

// === impl Selector ===

impl Selector {
    /// The requirements, in the order of the file.
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// Whether labels, given as a look-up, satisfy every requirement.
    pub fn matches<'l>(&self, label: impl Fn(&str) -> Option<&'l str>) -> bool {
        self.requirements.iter().all(|requirement| requirement.accepts(label(&requirement.key)))
    }
}

// === impl Requirement ===

impl Requirement {
    /// Whether a value of the key, or its absence, is what is asked for.
    pub(in crate::policy) fn accepts(&self, value: Option<&str>) -> bool {
        let among =
            |values: &[String]| value.is_some_and(|value| values.iter().any(|v| v == value));
        match &self.operator {
            Operator::DoesNotExist => value.is_none(),
            Operator::Exists => value.is_some(),
            Operator::In(values) => among(values),
            Operator::NotIn(values) => !among(values),
        }
    }
}

impl fmt::Display for Selector {
    /// As kubectl takes it: `a=b,c in (d,e),!f`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, requirement) in self.requirements.iter().enumerate() {
            f.write_str(if position == 0 { "" } else { "," })?;
            requirement.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, operator } = self;
        match operator {
            Operator::DoesNotExist => write!(f, "!{key}"),
            Operator::Exists => f.write_str(key),
            Operator::In(values) => match values.as_slice() {
                [value] => write!(f, "{key}={value}"),
                values => write!(f, "{key} in ({})", values.join(",")),
            },
            Operator::NotIn(values) => match values.as_slice() {
                [value] => write!(f, "{key}!={value}"),
                values => write!(f, "{key} notin ({})", values.join(",")),
            },
        }
    }
}

// === reading a selector ===

impl FromNode for Selector {
    fn from_node(node: &Node, path: Path<'_>, findings: &mut Findings<'_>) -> Option<Self> {
        let wire = LabelSelector::from_node(node, path, findings)?;
        // What holds something and yet has no requirement has been reported already.
        if matches!(&node.value, Value::Map(entries) if entries.is_empty()) {
            let message = format!("{path} is empty, and an empty selector selects everything");
            findings.error(code::SELECTOR, node.span, message).mend("fill it, or delete it");
        }
        let LabelSelector { match_labels, match_expressions, written: _ } = wire;
        let labels = match_labels.into_iter().flat_map(|labels| labels.value.0);
        let mut requirements: Vec<_> = labels
            .map(|(key, values)| Requirement { key, operator: Operator::In(values) })
            .collect();
        for expression in List::items(match_expressions) {
            requirements.extend(requirement(expression, findings));
        }
        Some(Self { requirements })
    }
}

impl Merge for Selector {}

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
    let (key, word) = (key?.value, operator?);
    let given = values.as_ref().map(|values| values.span);
    let values: Vec<String> =
        List::items(values).into_iter().map(|At { value: LabelValue(value), .. }| value).collect();
    let needs_values = matches!(word.value, Word::In | Word::NotIn);
    let name = word.value.as_str();
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
    let LabelKey(key) = key;
    let operator = match word.value {
        Word::DoesNotExist => Operator::DoesNotExist,
        Word::Exists => Operator::Exists,
        Word::In => Operator::In(values),
        Word::NotIn => Operator::NotIn(values),
    };
    Some(Requirement { key, operator })
}

// === impl Word ===

impl Word {
    pub(in crate::policy) const fn as_str(self) -> &'static str {
        match self {
            Self::DoesNotExist => "DoesNotExist",
            Self::Exists => "Exists",
            Self::In => "In",
            Self::NotIn => "NotIn",
        }
    }
}
