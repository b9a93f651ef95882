//! Label selectors with the API server's semantics.

use std::fmt;

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
    /// A selector with these requirements.
    pub(in crate::policy) const fn new(requirements: Vec<Requirement>) -> Self {
        Self { requirements }
    }

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
