//! What rules and defaults supply, setting by setting, in words.

use serde::Serialize;

use crate::policy::record::DEFAULTS;
use crate::policy::resolve::{Resolved, Supplied};

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
    let of_rule = |given: &Given| given.origin.is_some() && given.by == rule;
    all(resolved).into_iter().filter(of_rule).map(|given| given.setting).collect()
}
