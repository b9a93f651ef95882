//! Label selectors with the API server's semantics.

use std::fmt;

use super::spelled::spelled;

/// A checked `LabelSelector`: all of its requirements hold.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Selector {
    /// In the order of the file.
    pub requirements: Vec<Requirement>,
}

/// One requirement of a selector; an entry of `matchLabels` is an `In` of one value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Requirement {
    pub key: String,
    pub operator: Operator,
    /// None where the operator takes none.
    pub values: Vec<String>,
}

/// What a requirement asks of its key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Operator {
    DoesNotExist,
    Exists,
    In,
    /// Also matches where the key is missing.
    NotIn,
}

spelled!(Operator [In, NotIn, Exists, DoesNotExist]);

// === impl Selector ===

impl Selector {
    /// The keys that it asks about.
    pub(in crate::policy) fn keys(&self) -> impl Iterator<Item = &str> {
        self.requirements.iter().map(|requirement| requirement.key.as_str())
    }

    /// Whether labels, given as a look-up, satisfy every requirement.
    pub fn matches<'l>(&self, label: impl Fn(&str) -> Option<&'l str>) -> bool {
        self.first_missing(label).is_none()
    }

    /// The first requirement that labels do not satisfy.
    pub(in crate::policy) fn first_missing<'l>(
        &self,
        label: impl Fn(&str) -> Option<&'l str>,
    ) -> Option<&Requirement> {
        self.requirements.iter().find(|requirement| !requirement.accepts(label(&requirement.key)))
    }
}

// === impl Requirement ===

impl Requirement {
    /// Whether a value of the key, or its absence, is what is asked for.
    fn accepts(&self, value: Option<&str>) -> bool {
        let among = || value.is_some_and(|value| self.values.iter().any(|v| v == value));
        match self.operator {
            Operator::DoesNotExist => value.is_none(),
            Operator::Exists => value.is_some(),
            Operator::In => among(),
            Operator::NotIn => !among(),
        }
    }

    /// How much there is to compare: values, the long ones by their length.
    pub(in crate::policy) fn size(&self) -> usize {
        // Values of annotations may be of any length.
        self.values.iter().map(|value| 1 + value.len() / 64).sum()
    }
}

impl fmt::Display for Selector {
    /// As kubectl takes it: `a=b,c in (d,e),!f`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let requirements: Vec<String> = self.requirements.iter().map(ToString::to_string).collect();
        f.write_str(&requirements.join(","))
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, operator, values } = self;
        match (operator, values.as_slice()) {
            (Operator::DoesNotExist, _) => write!(f, "!{key}"),
            (Operator::Exists, _) => f.write_str(key),
            (Operator::In, [value]) => write!(f, "{key}={value}"),
            (Operator::In, values) => write!(f, "{key} in ({})", values.join(",")),
            (Operator::NotIn, [value]) => write!(f, "{key}!={value}"),
            (Operator::NotIn, values) => write!(f, "{key} notin ({})", values.join(",")),
        }
    }
}
