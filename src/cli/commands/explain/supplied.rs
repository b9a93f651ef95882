//! What rules and defaults supply, setting by setting, in words.

use serde::Serialize;

use crate::policy::record::DEFAULTS;
use crate::policy::resolve::{Resolved, Supplied, Supplier};

/// A setting that somebody supplies.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Given {
    pub(super) setting: &'static str,
    pub(super) value: String,
    /// The rule's name, or `defaults`.
    pub(super) by: String,
    /// Where the rule stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) origin: Option<String>,
}

/// Everything that is supplied, in the order of the policy's schema.
pub(super) fn all(resolved: &Resolved<'_>) -> Vec<Given> {
    let given = resolved.stated().map(|(setting, Supplied { value, by })| {
        let rule = by.rule();
        Given {
            setting,
            value: value.to_string(),
            by: rule.map_or(DEFAULTS, |rule| &rule.name).to_owned(),
            origin: rule.map(|rule| rule.origin.to_string()),
        }
    });
    given.collect()
}

/// The settings that a rule was the first to mention.
pub(super) fn by_rule(resolved: &Resolved<'_>, rule: &str) -> Vec<&'static str> {
    let by_it = |by: Supplier<'_>| by.rule().is_some_and(|supplier| supplier.name == rule);
    resolved.stated().filter(|(_, given)| by_it(given.by)).map(|(setting, _)| setting).collect()
}
