//! Label selectors with the API server's semantics.

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

// === impl Selector ===

impl Selector {
    /// A selector of requirements that were checked.
    pub(super) fn new(requirements: Vec<Requirement>) -> Self {
        Self { requirements }
    }

    /// The requirements, in the order of the file.
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// Whether labels, given as a look-up, satisfy every requirement.
    pub fn matches<'l>(&self, label: impl Fn(&str) -> Option<&'l str>) -> bool {
        self.requirements.iter().all(|requirement| requirement.holds(label(&requirement.key)))
    }
}

// === impl Requirement ===

impl Requirement {
    fn holds(&self, value: Option<&str>) -> bool {
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
