//! From the events of a watch to the calls of an index: the part that needs no network.

use std::sync::Arc;

use k8s_openapi::Resource;
use kube::runtime::watcher::Event;
use tokio::sync::watch;

use super::health::{Health, State};
use super::index::Index;
use crate::clock::HashSet;
use crate::cluster::slim::{Decoder, Keep, Key, Slim, Wire};

/// Holds an index and what is between two events of its watch.
pub(super) struct Fold<K, I> {
    index: I,
    decoder: Decoder,
    /// The list that is coming in; `None` between lists.
    listed: Option<Listed<K>>,
    /// What is in the cluster and cannot be decoded.
    undecodable: Arc<HashSet<Key>>,
}

struct Listed<K> {
    objects: Vec<Arc<K>>,
    undecodable: HashSet<Key>,
}

// === impl Fold ===

impl<K: Slim, I: Index<K>> Fold<K, I> {
    pub(super) fn new(index: I, keep: Arc<Keep>) -> Self {
        let decoder = Decoder { keep, ..Decoder::default() };
        Self { index, decoder, listed: None, undecodable: Arc::default() }
    }

    /// Takes note of what is to be kept from now on; says whether that needs another list.
    pub(super) fn keep(&mut self, keep: &Arc<Keep>) -> bool {
        if self.decoder.keep.covers(keep) {
            return false;
        }
        self.decoder.keep = Arc::clone(keep);
        self.listed = None;
        true
    }

    pub(super) fn event(&mut self, event: Event<Wire<K>>, health: &watch::Sender<Health>) {
        match event {
            Event::Init => {
                self.listed = Some(Listed { objects: Vec::new(), undecodable: HashSet::default() });
            }
            Event::InitApply(wire) => {
                let decoded = self.decode(&wire);
                // Without a beginning this is no list that can be complete.
                let Some(listed) = &mut self.listed else { return };
                // A streamed list may bring an object again: it is as it came last.
                match decoded {
                    Some(object) => {
                        if !listed.undecodable.is_empty() {
                            listed.undecodable.remove(&wire.key());
                        }
                        listed.objects.push(object);
                    }
                    None => {
                        listed.undecodable.insert(wire.key());
                    }
                }
                return;
            }
            Event::InitDone => {
                let Some(Listed { mut objects, undecodable }) = self.listed.take() else { return };
                if !undecodable.is_empty() {
                    objects.retain(|object| !undecodable.contains(&object.key()));
                }
                objects.shrink_to_fit();
                if !undecodable.is_empty() {
                    // Before the index lacks them.
                    Arc::make_mut(&mut self.undecodable).extend(undecodable.iter().cloned());
                    health.send_modify(|health| health.undecodable = Arc::clone(&self.undecodable));
                }
                self.index.reset(&objects, &self.decoder.keep);
                self.undecodable = Arc::new(undecodable);
                drop(objects);
                self.decoder.prune();
                health.send_modify(|health| health.lists += 1);
            }
            Event::Apply(wire) => {
                let key = wire.key();
                if let Some(object) = self.decode(&wire) {
                    self.index.apply(&object);
                    self.is_no_longer_undecodable(&key);
                } else {
                    if !self.undecodable.contains(&key) {
                        Arc::make_mut(&mut self.undecodable).insert(key.clone());
                        self.tell(health);
                    }
                    // What was known of it no longer holds.
                    self.index.delete(&key);
                }
            }
            Event::Delete(wire) => {
                let key = wire.key();
                self.index.delete(&key);
                self.is_no_longer_undecodable(&key);
            }
        }
        self.tell(health);
    }

    fn decode(&mut self, wire: &Wire<K>) -> Option<Arc<K>> {
        match wire.decode(&mut self.decoder) {
            Ok(object) => Some(self.index.share(object)),
            Err(error) => {
                if !self.undecodable.contains(&wire.key()) {
                    let (kind, object) = (<K::Like as Resource>::KIND, wire.key());
                    tracing::warn!(kind, %object, error, "left alone: the object cannot be read");
                }
                None
            }
        }
    }

    fn is_no_longer_undecodable(&mut self, key: &Key) {
        if self.undecodable.contains(key) {
            Arc::make_mut(&mut self.undecodable).remove(key);
        }
    }

    fn tell(&self, health: &watch::Sender<Health>) {
        let state = if self.listed.is_some() { State::Listing } else { State::Following };
        health.send_if_modified(|health| {
            let changed = health.state != state || health.undecodable != self.undecodable;
            health.state.clone_from(&state);
            health.undecodable = Arc::clone(&self.undecodable);
            changed
        });
    }
}
