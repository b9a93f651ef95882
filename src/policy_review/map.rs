//! What is read of a `ConfigMap`, and the policy files in it.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::problem::Problem;
use crate::batch::Map;
use crate::policy::{Source, code, is_policy};

/// A `ConfigMap`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
pub(super) struct ConfigMap<'a> {
    metadata: Option<Metadata<'a>>,
    data: Option<Map<'a>>,
    binary_data: Option<Map<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
struct Metadata<'a> {
    labels: Option<Map<'a>>,
    deletion_timestamp: Option<IgnoredAny>,
}

// === impl ConfigMap ===

impl ConfigMap<'_> {
    /// The version of curfew that it is for.
    pub(super) fn version(&self) -> Option<&str> {
        self.metadata.as_ref()?.labels.as_ref()?.get(VERSION)
    }

    pub(super) fn is_being_deleted(&self) -> bool {
        self.metadata.as_ref().is_some_and(|metadata| metadata.deletion_timestamp.is_some())
    }

    /// Whether another map holds the same files.
    pub(super) fn same_files(&self, other: &ConfigMap<'_>) -> bool {
        let binary = |map: &ConfigMap<'_>| map.binary_data.iter().any(|files| !files.is_empty());
        let same = match (&self.data, &other.data) {
            (Some(ours), Some(theirs)) => ours.same_as(theirs),
            (None, None) => true,
            _ => false,
        };
        same && !binary(self) && !binary(other)
    }

    /// The files of the policy, as a folder into which the map is mounted would hold them, and in
    /// the order in which a folder gives them.
    pub(super) fn sources(&self) -> Result<Vec<Source>, Vec<Problem>> {
        let files = || self.data.iter().flat_map(Map::by_key);
        let binaries = self.binary_data.iter().flat_map(Map::by_key);
        let mut problems: Vec<Problem> =
            binaries.take(SHOWN).map(|(name, _)| binary(name)).collect();
        let bytes: usize = files().map(|(name, text)| name.len() + text.len()).sum();
        if bytes > LARGEST {
            problems.push(too_large(bytes));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let policies = files().filter(|(name, _)| is_policy(name));
        let sources: Vec<Source> = policies
            .map(|(name, text)| Source { name: name.to_owned(), text: text.to_owned() })
            .collect();
        if sources.is_empty() {
            return Err(vec![empty(files().map(|(name, _)| name))]);
        }
        Ok(sources)
    }
}

fn binary(name: &str) -> Problem {
    let message = "the file is in binaryData, and a policy is text";
    Problem::error(name, code::SYNTAX, message).mend("save it as UTF-8, and put it into data")
}

fn too_large(bytes: usize) -> Problem {
    let message = format!("the files have {bytes} bytes together, and may have {LARGEST}");
    Problem::error("data", code::TOO_LARGE, message)
        .mend("match lists and globs of namespaces, names and labels in one rule")
}

fn empty<'a>(names: impl Iterator<Item = &'a str>) -> Problem {
    let names: Vec<&str> = names.take(SHOWN).collect();
    let message = match names.as_slice() {
        [] => "there is no policy file: the map is empty".to_owned(),
        names => format!("there is no policy file, only {}", names.join(", ")),
    };
    Problem::error("data", code::EMPTY, message).mend(
        "name a file *.yaml or *.yml; names that begin with a dot and *-test.yaml do not count",
    )
}

pub(super) const KIND: &str = "ConfigMap";

/// The label that says which version a map is for.
pub(super) const VERSION: &str = "app.kubernetes.io/version";

/// What the API server takes, in bytes.
const LARGEST: usize = 1 << 20;

/// So many names are enough to see what was meant.
const SHOWN: usize = 5;
