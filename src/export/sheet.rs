//! Variables of an exported policy, in the order in which they build on each other.

/// Holds named expressions; each may use those before it.
#[derive(Debug, Default)]
pub(super) struct Sheet(Vec<Variable>);

/// A name and what it stands for.
#[derive(Clone, Debug, Eq, PartialEq, serde::Serialize)]
pub(super) struct Variable {
    pub name: String,
    pub expression: String,
}

// === impl Sheet ===

impl Sheet {
    /// Adds a variable, and gives the expression that refers to it.
    pub(super) fn define(
        &mut self,
        name: impl Into<String>,
        expression: impl Into<String>,
    ) -> String {
        let (name, expression) = (name.into(), expression.into());
        let reference = format!("variables.{name}");
        self.0.push(Variable { name, expression });
        reference
    }

    /// These variables and then others.
    #[must_use]
    pub(super) fn followed_by(mut self, Self(others): Self) -> Self {
        self.0.extend(others);
        self
    }

    /// The variables that an expression needs, directly or not: the rest would only be read.
    pub(super) fn used_by(self, expression: &str) -> Vec<Variable> {
        let mut wanted: std::collections::HashSet<String> = names(expression).collect();
        let mut kept = Vec::new();
        for variable in self.0.into_iter().rev() {
            if wanted.contains(&variable.name) {
                wanted.extend(names(&variable.expression));
                kept.push(variable);
            }
        }
        kept.reverse();
        kept
    }
}

/// The names that stand behind `variables.`.
fn names(expression: &str) -> impl Iterator<Item = String> {
    expression.split("variables.").skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        rest[..end.unwrap_or(rest.len())].to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::Sheet;

    #[test]
    fn what_nobody_uses_is_dropped() {
        let mut sheet = Sheet::default();
        for (name, expression) in [
            ("a", "1"),
            ("ab", "2"),
            ("b", "variables.a + 1"),
            ("c", "variables.ab"),
            ("d", "variables.b"),
        ] {
            sheet.define(name, expression);
        }
        let names: Vec<_> =
            sheet.used_by("variables.d > 0").into_iter().map(|variable| variable.name).collect();
        assert_eq!(names, ["a", "b", "d"]);
    }
}
