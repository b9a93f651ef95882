//! What is read of a `ConfigMap`, and the policy files in it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::refusal::Problem;
use crate::policy::load::is_policy;
use crate::policy::{Source, code};

/// A `ConfigMap`. Maps that are ordered by name give files in the order in which a folder gives
/// them.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConfigMap {
    metadata: Option<Metadata>,
    data: Option<BTreeMap<String, String>>,
    binary_data: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    labels: Option<BTreeMap<String, String>>,
    deletion_timestamp: Option<IgnoredAny>,
}

// === impl ConfigMap ===

impl ConfigMap {
    /// The version of curfew that it is for.
    pub(super) fn version(&self) -> Option<&str> {
        self.metadata.as_ref()?.labels.as_ref()?.get(VERSION).map(String::as_str)
    }

    pub(super) fn is_being_deleted(&self) -> bool {
        self.metadata.as_ref().is_some_and(|metadata| metadata.deletion_timestamp.is_some())
    }

    /// Whether another map holds the same files.
    pub(super) fn same_files(&self, other: &Self) -> bool {
        let binary = |map: &Self| map.binary_data.iter().flatten().count();
        self.data == other.data && binary(self) == 0 && binary(other) == 0
    }

    /// The files of the policy, as a folder into which the map is mounted would hold them.
    pub(super) fn sources(&self) -> Result<Vec<Source>, Vec<Problem>> {
        let mut problems: Vec<Problem> =
            self.binary_data.iter().flatten().map(|(name, _)| binary(name)).collect();
        let files = || self.data.iter().flatten();
        let bytes: usize = files().map(|(name, text)| name.len() + text.len()).sum();
        if bytes > LARGEST {
            problems.push(too_large(bytes));
        }
        let sources: Vec<Source> = files()
            .filter(|(name, _)| is_policy(name))
            .map(|(name, text)| Source { name: name.clone(), text: text.clone() })
            .collect();
        if sources.is_empty() && problems.is_empty() {
            problems.push(empty(files().map(|(name, _)| name.as_str())));
        }
        if problems.is_empty() { Ok(sources) } else { Err(problems) }
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
