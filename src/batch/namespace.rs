//! The labels of a namespace, by which policies select.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value as Json;

use super::decoding::decode;
use super::object::Metadata;
use super::text::Map;

/// Labels by key.
pub type Labels = BTreeMap<String, String>;

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct Namespace<'a> {
    #[serde(default)]
    metadata: Metadata<'a>,
}

/// Whether a Namespace is being deleted: nothing can be created in it.
pub fn is_terminating(namespace: &Json) -> bool {
    !namespace["metadata"]["deletionTimestamp"].is_null()
        || namespace["status"]["phase"] == "Terminating"
}

/// The labels that a cluster would have of this Namespace: with that of its name, which the API
/// server adds and manifests lack.
///
/// # Errors
/// Which field the API server refuses. Without labels nobody knows which rules are meant.
pub fn labels(namespace: &Json) -> Result<Labels, String> {
    let Namespace { metadata } = decode(namespace).map_err(|refused| refused.to_string())?;
    let own = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    let labels = metadata.labels.iter().flat_map(Map::iter).map(own);
    let name = metadata.name.as_deref().unwrap_or_default();
    Ok(labels.chain([(NAME.to_owned(), name.to_owned())]).collect())
}

/// Labels as a decision takes them.
pub fn view(labels: &Labels) -> Map<'_> {
    labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
}

/// The label with the name.
const NAME: &str = "kubernetes.io/metadata.name";

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value as Json, json};

    use super::{is_terminating, labels};

    #[rstest]
    #[case::none(json!(null), &[])]
    #[case::some(json!({"keep": "1"}), &[("keep", "1")])]
    #[case::null(json!({"keep": null}), &[("keep", "")])]
    #[case::forged_name(json!({"kubernetes.io/metadata.name": "b"}), &[])]
    fn as_a_cluster_has_them(#[case] given: Json, #[case] expected: &[(&str, &str)]) {
        let found = labels(&json!({"metadata": {"name": "a", "labels": given}})).unwrap();
        let mut all = expected.to_vec();
        all.push(("kubernetes.io/metadata.name", "a"));
        let found: Vec<_> = found.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(found, all);
    }

    #[rstest]
    #[case::number(json!({"keep": 1}), "metadata.labels.keep must be a string, and is the number 1; put it in quotes")]
    #[case::boolean(json!({"keep": true}), "metadata.labels.keep must be a string, and is the boolean true; put it in quotes")]
    #[case::list(json!(["a"]), "metadata.labels must be a map, and is a list")]
    fn what_the_api_server_refuses(#[case] given: Json, #[case] expected: &str) {
        let found = labels(&json!({"metadata": {"name": "a", "labels": given}}));
        assert_eq!(found.unwrap_err(), expected);
    }

    #[rstest]
    #[case::lives(json!({"status": {"phase": "Active"}}), false)]
    #[case::without_a_status(json!({}), false)]
    #[case::phase(json!({"status": {"phase": "Terminating"}}), true)]
    #[case::timestamp(json!({"metadata": {"deletionTimestamp": "2026-11-02T00:00:00Z"}}), true)]
    fn whether_a_namespace_goes_away(#[case] namespace: Json, #[case] expected: bool) {
        assert_eq!(is_terminating(&namespace), expected);
    }
}
