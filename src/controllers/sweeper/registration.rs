//! How the webhook is registered, for whoever wants to know which Jobs it should have seen.
//!
//! What cannot be told from here, such as a condition in CEL that somebody has added, makes every
//! answer a "perhaps": an alarm that rings for what was meant is one that nobody looks at.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhook, MutatingWebhookConfiguration, RuleWithOperations,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{Selector, SelectorExt};

use crate::batch::Map;

/// The webhook for Jobs, as the API server knows it.
#[derive(Clone, Debug)]
pub(super) struct Registration {
    /// When its object was made.
    pub(super) since: Timestamp,
    /// Which namespaces, and by which of their labels; `None` where more is asked than these.
    namespaces: Option<(Selector, Vec<String>)>,
}

// === impl Registration ===

impl Registration {
    /// Reads the object; `None` where it does not ask for new Jobs.
    pub(super) fn of(object: &MutatingWebhookConfiguration) -> Option<Self> {
        let since = object.metadata.creation_timestamp.as_ref()?.0;
        let webhooks = object.webhooks.as_deref().unwrap_or_default();
        let webhook = webhooks.iter().find(|webhook| webhook.name == JOBS)?;
        let rules = webhook.rules.as_deref().unwrap_or_default();
        rules.iter().any(takes_new_jobs).then(|| Self { since, namespaces: namespaces(webhook) })
    }

    /// Whether a new Job in a namespace is surely shown to us, if anybody is there to look.
    pub(super) fn covers(&self, namespace: &str, labels: Option<&Map<'_>>) -> bool {
        let Some((selector, keys)) = &self.namespaces else { return false };
        let mut known: BTreeMap<String, String> = labels
            .into_iter()
            .flat_map(Map::iter)
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect();
        known.insert(NAME.to_owned(), namespace.to_owned());
        // What labels a namespace has is known only where a policy asks for them.
        let all_known = labels.is_some() || keys.iter().all(|key| key == NAME);
        all_known && selector.matches(&known)
    }
}

fn takes_new_jobs(rule: &RuleWithOperations) -> bool {
    let has = |list: &Option<Vec<String>>, word: &str| {
        list.as_deref().unwrap_or_default().iter().any(|entry| entry == word || entry == "*")
    };
    has(&rule.operations, "CREATE")
        && has(&rule.resources, "jobs")
        && has(&rule.api_groups, "batch")
}

fn namespaces(webhook: &MutatingWebhook) -> Option<(Selector, Vec<String>)> {
    let conditions = webhook.match_conditions.as_deref().unwrap_or_default();
    let ours = conditions.iter().all(|condition| CONDITIONS.contains(&condition.name.as_str()));
    let objects = webhook.object_selector.clone().unwrap_or_default();
    // Only those labels of a Job are kept that a policy reads.
    if !ours || objects != LabelSelector::default() {
        return None;
    }
    let selector = webhook.namespace_selector.clone().unwrap_or_default();
    let labels = selector.match_labels.iter().flat_map(BTreeMap::keys);
    let expressions = selector.match_expressions.iter().flatten().map(|one| &one.key);
    let keys = labels.chain(expressions).cloned().collect();
    Some((Selector::try_from(selector).ok()?, keys))
}

/// As the chart names it.
const JOBS: &str = "jobs.curfew.dev";

/// The chart's own conditions: every new Job of others meets them.
const CONDITIONS: [&str; 3] = ["not-being-deleted", "not-our-own-update", "changed"];

/// The label that every namespace has.
const NAME: &str = "kubernetes.io/metadata.name";

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::Registration;
    use crate::batch::Map;

    fn registration(webhook: &Value) -> Option<Registration> {
        let mut all = json!({
            "name": "jobs.curfew.dev",
            "admissionReviewVersions": ["v1"],
            "clientConfig": {},
            "sideEffects": "None",
            "rules": [{"apiGroups": ["batch"], "apiVersions": ["v1"], "resources": ["jobs"],
                       "operations": ["CREATE", "UPDATE"]}],
        });
        for (key, value) in webhook.as_object().unwrap() {
            all[key] = value.clone();
        }
        let object = json!({
            "metadata": {"name": "curfew", "creationTimestamp": "2026-11-21T12:00:00Z"},
            "webhooks": [all],
        });
        Registration::of(&serde_json::from_value(object).unwrap())
    }

    fn by_name(operator: &str) -> Value {
        json!({"namespaceSelector": {"matchExpressions": [
            {"key": "kubernetes.io/metadata.name", "operator": operator, "values": ["team-a"]},
        ]}})
    }

    #[rstest]
    #[case::all(json!({}), true)]
    #[case::among(by_name("In"), true)]
    #[case::not_among(by_name("NotIn"), false)]
    #[case::by_a_label(json!({"namespaceSelector": {"matchLabels": {"stage": "dev"}}}), true)]
    #[case::by_another(json!({"namespaceSelector": {"matchLabels": {"stage": "prod"}}}), false)]
    #[case::without_a_label(
        json!({"namespaceSelector": {"matchExpressions": [
            {"key": "audited", "operator": "DoesNotExist"},
        ]}}),
        true
    )]
    #[case::by_labels_of_jobs(json!({"objectSelector": {"matchLabels": {"a": "b"}}}), false)]
    #[case::a_selector_of_nothing(json!({"objectSelector": {}}), true)]
    #[case::our_condition(
        json!({"matchConditions": [{"name": "changed", "expression": "true"}]}),
        true
    )]
    #[case::a_condition_of_others(
        json!({"matchConditions": [{"name": "team-only", "expression": "true"}]}),
        false
    )]
    fn what_is_covered(#[case] webhook: Value, #[case] expected: bool) {
        let labels: Map<'_> = [("stage", "dev")].into_iter().collect();
        let found = registration(&webhook).unwrap();
        assert_eq!(found.covers("team-a", Some(&labels)), expected);
    }

    /// Labels that nobody knows may say anything.
    #[test]
    fn unknown_labels_cover_nothing() {
        let labels = json!({"namespaceSelector": {"matchExpressions": [
            {"key": "audited", "operator": "DoesNotExist"},
        ]}});
        assert!(!registration(&labels).unwrap().covers("team-a", None));
        assert!(registration(&by_name("In")).unwrap().covers("team-a", None));
        assert!(!registration(&by_name("In")).unwrap().covers("team-b", None));
    }

    #[rstest]
    #[case::another_name(json!({"name": "cronjobs.curfew.dev"}))]
    #[case::no_rule(json!({"rules": []}))]
    #[case::only_updates(json!({"rules": [{
        "apiGroups": ["batch"], "apiVersions": ["v1"], "resources": ["jobs"],
        "operations": ["UPDATE"],
    }]}))]
    fn what_is_no_registration(#[case] webhook: Value) {
        assert!(registration(&webhook).is_none());
    }
}
