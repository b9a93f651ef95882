//! What is kept of a Namespace: its labels, which selectors ask for, and whether it goes away.

use serde::Deserialize;

use super::{Decoder, Key, Pairs, Second, Slim, Symbol, Uid};
use crate::batch::Text;
use crate::batch::object::Metadata;

/// A Namespace.
#[derive(Clone, Debug, PartialEq)]
pub struct Namespace {
    pub name: Symbol,
    pub uid: Uid,
    pub created: Option<Second>,
    /// All of them: selectors of the API server's webhook registration are asked of them, too.
    pub labels: Pairs,
    /// It is being deleted: nothing can be created in it.
    pub terminating: bool,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct NamespaceWire<'a> {
    metadata: Metadata<'a>,
    status: Option<NamespaceStatus<'a>>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct NamespaceStatus<'a> {
    phase: Option<Text<'a>>,
}

// === impl Namespace ===

impl Slim for Namespace {
    type Like = k8s_openapi::api::core::v1::Namespace;

    fn decode(json: &str, decoder: &mut Decoder) -> Result<Self, String> {
        let NamespaceWire { metadata, status } =
            serde_json::from_str(json).map_err(|error| error.to_string())?;
        let name = metadata.name.as_deref().ok_or("it has no metadata.name")?;
        let labels = metadata.labels.as_ref();
        if labels.is_some_and(|labels| labels.iter().nth(MOST_LABELS).is_some()) {
            return Err(format!("it has more than {MOST_LABELS} labels"));
        }
        Ok(Self {
            name: decoder.interner.symbol(name),
            uid: Uid::from(metadata.uid.as_deref().unwrap_or_default()),
            created: Second::of(metadata.creation_timestamp.as_ref()),
            terminating: metadata.deletion_timestamp.is_some()
                || status.is_some_and(|status| status.phase.as_deref() == Some("Terminating")),
            labels: Pairs::every(labels, decoder),
        })
    }

    fn key(&self) -> Key {
        Key { namespace: String::new(), name: self.name.to_string(), uid: self.uid.to_string() }
    }
}

/// More than anybody has ever seen. Beyond it they count as not known, and what a rule says by them
/// is not done.
const MOST_LABELS: usize = 1000;
