//! An object as it came over the wire, and how it becomes a small one.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::de::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{Interner, Keep, Manager, Owner, Symbol};
use crate::batch::{Kind, Object};

/// A kind of which we keep a small form.
pub trait Slim: Clone + fmt::Debug + PartialEq + Send + Sync + Sized + 'static {
    /// The type of `k8s_openapi` that has the kind's name and paths.
    type Like: k8s_openapi::Resource;

    /// Reads an object from its JSON.
    ///
    /// # Errors
    /// Says what has the wrong type, or is missing.
    fn decode(json: &str, decoder: &mut Decoder) -> Result<Self, String>;

    /// Which object it is.
    fn key(&self) -> Key;
}

/// What decoding needs to know, and what it shares between objects.
#[derive(Debug, Default)]
pub struct Decoder {
    pub keep: Arc<Keep>,
    pub interner: Interner<Symbol>,
    pub owners: Interner<Arc<[Owner]>>,
    pub managers: Interner<Arc<[Manager]>>,
}

/// An object of the kind `K`, as `Api<Wire<K>>` gets, lists and watches it.
///
/// Not decoded yet: that needs a [`Decoder`], and a failure must cost one object and not the list
/// that it stands in.
#[derive(Clone)]
pub struct Wire<K> {
    /// Nothing but what the watcher itself reads, and [`Wire::key`].
    metadata: ObjectMeta,
    json: Box<RawValue>,
    kind: PhantomData<fn() -> K>,
}

/// Which object: enough to find it, and to tell it from another of the same name.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Key {
    /// Empty for what has none.
    pub namespace: String,
    pub name: String,
    pub uid: String,
}

/// What is read of an object even if the rest cannot be.
#[derive(Default, serde::Deserialize)]
struct Envelope {
    #[serde(default)]
    metadata: EnvelopeMetadata,
}

#[derive(Default, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct EnvelopeMetadata {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
}

/// Reads a Job or a `CronJob`, of which a small form is made.
pub(super) fn object(kind: Kind, json: &str) -> Result<Object<'_>, String> {
    let wire = serde_json::from_str(json).map_err(|error| error.to_string())?;
    Object::new(kind, wire).map_err(|error| error.to_string())
}

// === impl Decoder ===

impl Decoder {
    /// Forgets what no object uses any more.
    pub fn prune(&mut self) {
        let Self { keep: _, interner, owners, managers } = self;
        // The lists hold symbols.
        owners.prune();
        managers.prune();
        interner.prune();
    }
}

// === impl Wire ===

impl<K: Slim> Wire<K> {
    /// The small form.
    ///
    /// # Errors
    /// See [`Slim::decode`].
    pub fn decode(&self, decoder: &mut Decoder) -> Result<K, String> {
        K::decode(self.json.get(), decoder)
    }
}

impl<K> Wire<K> {
    /// Which object it is, as far as that can be read.
    pub fn key(&self) -> Key {
        let ObjectMeta { name, namespace, uid, .. } = &self.metadata;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        Key { namespace: text(namespace), name: text(name), uid: text(uid) }
    }
}

impl<'de, K> Deserialize<'de> for Wire<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Works in a watch because the API server writes an event's type before its object:
        // otherwise serde would have taken the object apart before it knows what to make of it.
        let json = Box::<RawValue>::deserialize(deserializer)?;
        // An object whose very name cannot be read is nobody's; decoding it will say so.
        let Envelope { metadata } = serde_json::from_str(json.get()).unwrap_or_default();
        let EnvelopeMetadata { name, namespace, uid, resource_version } = metadata;
        let metadata = ObjectMeta { name, namespace, uid, resource_version, ..Default::default() };
        Ok(Self { metadata, json, kind: PhantomData })
    }
}

impl<K> fmt::Debug for Wire<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Wire").field(&self.key()).finish()
    }
}

impl<K: Slim> k8s_openapi::Resource for Wire<K> {
    const API_VERSION: &'static str = <K::Like as k8s_openapi::Resource>::API_VERSION;
    const GROUP: &'static str = <K::Like as k8s_openapi::Resource>::GROUP;
    const KIND: &'static str = <K::Like as k8s_openapi::Resource>::KIND;
    const VERSION: &'static str = <K::Like as k8s_openapi::Resource>::VERSION;
    const URL_PATH_SEGMENT: &'static str = <K::Like as k8s_openapi::Resource>::URL_PATH_SEGMENT;
    type Scope = <K::Like as k8s_openapi::Resource>::Scope;
}

impl<K: Slim> k8s_openapi::Metadata for Wire<K> {
    type Ty = ObjectMeta;

    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn metadata_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

// === impl Key ===

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { namespace, name, uid: _ } = self;
        if namespace.is_empty() { f.write_str(name) } else { write!(f, "{namespace}/{name}") }
    }
}
