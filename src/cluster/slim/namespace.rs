//! What is kept of a Namespace: its labels, which selectors ask for, and whether it goes away.

use serde::Deserialize;

use super::{Decoder, Key, Pairs, Slim, Symbol, Uid};
use crate::batch::Text;
use crate::batch::object::Metadata;

/// A Namespace.
#[derive(Clone, Debug, PartialEq)]
pub struct Namespace {
    pub name: Symbol,
    pub uid: Uid,
    /// All of them.
    pub labels: Pairs,
    /// It is being deleted: nothing can be created in it.
    pub terminating: bool,
}

#[derive(Deserialize)]
struct NamespaceWire<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
    #[serde(borrow)]
    status: Option<NamespaceStatus<'a>>,
}

#[derive(Deserialize)]
struct NamespaceStatus<'a> {
    #[serde(borrow)]
    phase: Option<Text<'a>>,
}

// === impl Namespace ===

impl Slim for Namespace {
    type Like = k8s_openapi::api::core::v1::Namespace;

    fn decode(json: &str, decoder: &mut Decoder) -> Result<Self, String> {
        let NamespaceWire { metadata, status } =
            serde_json::from_str(json).map_err(|error| error.to_string())?;
        let name = metadata.name.as_deref().ok_or("it has no metadata.name")?;
        Ok(Self {
            name: decoder.interner.intern(name),
            uid: Uid::from(metadata.uid.as_deref().unwrap_or_default()),
            terminating: metadata.deletion_timestamp.is_some()
                || status.is_some_and(|status| status.phase.as_deref() == Some("Terminating")),
            labels: Pairs::every(metadata.labels.as_ref(), decoder),
        })
    }

    fn key(&self) -> Key {
        Key { namespace: String::new(), name: self.name.to_string(), uid: self.uid.to_string() }
    }
}
