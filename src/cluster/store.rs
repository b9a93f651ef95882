//! What is in the cluster just now: Jobs, `CronJob`s and the labels of Namespaces.
//!
//! Three watches write it, everybody reads it. The webhook's handler does so on every call and must
//! never wait, so a lock is held for one operation on a map and for nothing else: what is built or
//! dropped is built before and dropped after.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use std::mem;
use std::sync::Arc;

use parking_lot::RwLock;

use super::slim::{CronJob, Job, Keep, Key, Meta, Namespace, Slim, Symbol, Uid};
use super::watch::Index;

use crate::clock::{HashMap, HashSet};

/// The three together.
#[derive(Debug, Default)]
pub struct Store {
    pub jobs: Arc<Jobs>,
    pub cronjobs: Arc<CronJobs>,
    pub namespaces: Arc<Namespaces>,
}

/// The Jobs of a cluster.
pub type Jobs = Objects<Job>;

/// The `CronJob`s of a cluster.
pub type CronJobs = Objects<CronJob>;

/// Objects of one kind by namespace and name, and by the names of their owners.
#[derive(Debug)]
pub struct Objects<T>(RwLock<Known<T>>);

/// Namespaces by name.
#[derive(Debug, Default)]
pub struct Namespaces(RwLock<KnownNamespaces>);

/// An object that has its name in a namespace.
pub trait Stored: Slim {
    /// What it is called, and whose it is.
    fn meta(&self) -> &Meta;
}

#[derive(Debug)]
struct Known<T> {
    by_name: HashMap<Symbol, HashSet<Named<T>>>,
    by_owner: HashMap<Owned, HashSet<Named<T>>>,
    count: usize,
    /// What the objects were decoded with; `None` before the first list.
    keep: Option<Arc<Keep>>,
}

#[derive(Debug, Default)]
struct KnownNamespaces {
    by_name: HashMap<Symbol, Arc<Namespace>>,
    keep: Option<Arc<Keep>>,
}

/// The objects of one namespace that name an owner: an owner has no children elsewhere, and who
/// says so in another namespace must not get in their way. By its name and not its uid, as the
/// `CronJob` controller looks for Jobs; who wants the uid to be right looks at it.
#[derive(Debug, Eq, Hash, PartialEq)]
struct Owned {
    namespace: Symbol,
    owner: Symbol,
}

/// An object that is found by its name; all that stand in one set are of one namespace.
#[derive(Debug)]
struct Named<T>(Arc<T>);

// === impl Store ===

impl Store {
    /// Whether everything has been listed, with what a policy needs.
    pub fn covers(&self, keep: &Keep) -> bool {
        self.jobs.covers(keep)
            && self.cronjobs.covers(keep)
            && (!keep.needs_namespaces() || self.namespaces.is_listed())
    }
}

// === impl Objects ===

impl<T: Stored> Objects<T> {
    /// Whether all have been listed, with what a policy needs.
    pub fn covers(&self, keep: &Keep) -> bool {
        self.0.read().covers(keep)
    }

    /// An object by its name.
    pub fn find(&self, namespace: &str, name: &str) -> Option<Arc<T>> {
        self.0.read().find(namespace, name)
    }

    /// The objects of a namespace that name an owner of this name, of whatever kind and uid.
    pub fn owned_by(&self, namespace: &str, owner: &str) -> Vec<Arc<T>> {
        let key = Owned { namespace: namespace.into(), owner: owner.into() };
        let known = self.0.read();
        known.by_owner.get(&key).into_iter().flatten().map(|one| Arc::clone(&one.0)).collect()
    }

    /// The objects of a namespace, in no order.
    pub fn within(&self, namespace: &str) -> Vec<Arc<T>> {
        let known = self.0.read();
        let within = known.by_name.get(namespace).into_iter().flatten();
        within.map(|object| Arc::clone(&object.0)).collect()
    }

    /// All of them, in no order.
    pub fn all(&self) -> Vec<Arc<T>> {
        let known = self.0.read();
        let mut all = Vec::with_capacity(known.count);
        all.extend(known.by_name.values().flatten().map(|object| Arc::clone(&object.0)));
        all
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.read().count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Objects<CronJob> {
    /// As [`Objects::owner`], and only where the `CronJob`s were listed with what a policy needs:
    /// both are asked under one lock, lest a list come in between.
    pub fn covered_owner(
        &self,
        keep: &Keep,
        namespace: &str,
        name: &str,
        uid: &str,
    ) -> Option<Arc<CronJob>> {
        let known = self.0.read();
        let found = if known.covers(keep) { known.find(namespace, name) } else { None };
        drop(known);
        found.filter(|cronjob| cronjob.meta.uid == Uid::from(uid))
    }

    /// The `CronJob` that an owner reference means: not another one of the same name.
    pub fn owner(&self, namespace: &str, name: &str, uid: &str) -> Option<Arc<CronJob>> {
        self.find(namespace, name).filter(|cronjob| cronjob.meta.uid == Uid::from(uid))
    }
}

impl<T: Stored> Index<T> for Arc<Objects<T>> {
    fn apply(&mut self, object: &Arc<T>) {
        let _old = self.0.write().insert(object);
    }

    fn delete(&mut self, key: &Key) {
        let _old = self.0.write().remove(key);
    }

    fn reset(&mut self, objects: &[Arc<T>], keep: &Arc<Keep>) {
        let fresh = Known::new(objects, keep);
        let _old = mem::replace(&mut *self.0.write(), fresh);
    }

    fn share(&self, fresh: T) -> Arc<T> {
        let meta = fresh.meta();
        match self.find(&meta.namespace, &meta.name) {
            Some(stored) if *stored == fresh => stored,
            _ => Arc::new(fresh),
        }
    }
}

impl<T> Default for Objects<T> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

// === impl Namespaces ===

impl Namespaces {
    /// Whether all have been listed. Their labels are kept whatever the policy.
    pub fn is_listed(&self) -> bool {
        self.0.read().keep.is_some()
    }

    /// All namespaces, in no order.
    pub fn all(&self) -> Vec<Arc<Namespace>> {
        self.0.read().by_name.values().map(Arc::clone).collect()
    }

    /// A namespace by its name; `None` where nobody knows it, or knows it yet.
    pub fn find(&self, name: &str) -> Option<Arc<Namespace>> {
        self.0.read().by_name.get(name).map(Arc::clone)
    }
}

impl Index<Namespace> for Arc<Namespaces> {
    fn apply(&mut self, object: &Arc<Namespace>) {
        let _old = self.0.write().by_name.insert(object.name.clone(), Arc::clone(object));
    }

    fn delete(&mut self, key: &Key) {
        let _old = self.0.write().by_name.remove(key.name.as_str());
    }

    fn reset(&mut self, objects: &[Arc<Namespace>], keep: &Arc<Keep>) {
        let by_name = objects.iter().map(|one| (one.name.clone(), Arc::clone(one))).collect();
        let fresh = KnownNamespaces { by_name, keep: Some(Arc::clone(keep)) };
        let _old = mem::replace(&mut *self.0.write(), fresh);
    }
}

// === impl Known ===

impl<T: Stored> Known<T> {
    fn new(objects: &[Arc<T>], keep: &Arc<Keep>) -> Self {
        let mut known = Self { keep: Some(Arc::clone(keep)), ..Self::default() };
        for object in objects {
            known.insert(object);
        }
        known.by_name.values_mut().for_each(HashSet::shrink_to_fit);
        known.by_owner.values_mut().for_each(HashSet::shrink_to_fit);
        known
    }

    fn covers(&self, keep: &Keep) -> bool {
        self.keep.as_ref().is_some_and(|own| own.covers(keep))
    }

    fn find(&self, namespace: &str, name: &str) -> Option<Arc<T>> {
        self.by_name.get(namespace)?.get(name).map(|object| Arc::clone(&object.0))
    }

    /// Files an object in the place of the one of its name, which is given back.
    fn insert(&mut self, object: &Arc<T>) -> Option<Arc<T>> {
        let meta = object.meta();
        let old = self.take(&meta.namespace, &meta.name);
        let of_namespace = self.by_name.entry(meta.namespace.clone()).or_default();
        of_namespace.insert(Named(Arc::clone(object)));
        for owned in owned(meta) {
            let children = self.by_owner.entry(owned).or_default();
            children.insert(Named(Arc::clone(object)));
        }
        self.count += 1;
        old
    }

    /// Takes an object out, unless another one of its name has come in the meantime.
    fn remove(&mut self, key: &Key) -> Option<Arc<T>> {
        let stored = self.find(&key.namespace, &key.name)?;
        if stored.meta().uid != Uid::from(key.uid.as_str()) {
            return None;
        }
        self.take(&key.namespace, &key.name)
    }

    fn take(&mut self, namespace: &str, name: &str) -> Option<Arc<T>> {
        let Named(old) = take(&mut self.by_name, namespace, name)?;
        for owned in owned(old.meta()) {
            take(&mut self.by_owner, &owned, name);
        }
        self.count -= 1;
        Some(old)
    }
}

fn owned(meta: &Meta) -> impl Iterator<Item = Owned> {
    let namespace = &meta.namespace;
    let owners = meta.owners.iter().map(|owner| owner.name.clone());
    owners.map(|owner| Owned { namespace: namespace.clone(), owner })
}

/// Takes an object out of the set of a key, and the set with its last object.
fn take<T: Stored, K, Q>(
    sets: &mut HashMap<K, HashSet<Named<T>>>,
    key: &Q,
    name: &str,
) -> Option<Named<T>>
where
    K: Borrow<Q> + Eq + Hash,
    Q: Eq + Hash + ?Sized,
{
    let set = sets.get_mut(key)?;
    let taken = set.take(name);
    if set.is_empty() {
        sets.remove(key);
    } else if set.len() < set.capacity() / SPARSE {
        set.shrink_to_fit();
    }
    taken
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self { by_name: HashMap::default(), by_owner: HashMap::default(), count: 0, keep: None }
    }
}

impl Stored for Job {
    fn meta(&self) -> &Meta {
        &self.meta
    }
}

impl Stored for CronJob {
    fn meta(&self) -> &Meta {
        &self.meta
    }
}

// === impl Named ===

impl<T: Stored> Borrow<str> for Named<T> {
    fn borrow(&self) -> &str {
        &self.0.meta().name
    }
}

impl<T: Stored> Hash for Named<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.meta().name.hash(state);
    }
}

impl<T: Stored> PartialEq for Named<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0.meta().name == other.0.meta().name
    }
}

impl<T: Stored> Eq for Named<T> {}

/// A set that is emptier than one in so many gives its memory back: a drain ends near idle.
const SPARSE: usize = 8;

#[cfg(test)]
mod tests;
