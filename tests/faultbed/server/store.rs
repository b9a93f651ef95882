//! What is stored, with all that it ever was.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::time::{self, Moment};

/// The kinds that curfew knows.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Resource {
    CronJobs,
    Jobs,
    Leases,
    Namespaces,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Key {
    pub resource: Resource,
    /// Empty for a namespace.
    pub namespace: String,
    pub name: String,
}

/// One write.
#[derive(Clone, Debug)]
pub struct Change {
    pub revision: u64,
    pub at: Moment,
    pub key: Key,
    pub before: Option<Arc<Value>>,
    /// `None` where it was removed.
    pub after: Option<Arc<Value>>,
}

/// All objects, and every change in its order.
#[derive(Debug, Default)]
pub struct Store {
    pub objects: BTreeMap<Key, Arc<Value>>,
    /// By resource.
    pub changes: BTreeMap<Resource, Vec<Change>>,
    pub revision: u64,
    /// Revisions up to this one are no longer known to watches.
    pub floor: u64,
    uids: u64,
}

// === impl Key ===

impl Key {
    pub fn new(resource: Resource, namespace: &str, name: &str) -> Self {
        Self { resource, namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

/// By kind, and then by the whole path, as etcd has them: `apps-two/a` comes before `apps/a`.
impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        fn path(key: &Key) -> impl Iterator<Item = &u8> {
            let Key { resource: _, namespace, name } = key;
            namespace.as_bytes().iter().chain(b"/").chain(name.as_bytes())
        }
        self.resource.cmp(&other.resource).then_with(|| path(self).cmp(path(other)))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self.resource {
            Resource::CronJobs => "cronjob",
            Resource::Jobs => "job",
            Resource::Leases => "lease",
            Resource::Namespaces => return write!(f, "namespace {}", self.name),
        };
        write!(f, "{kind} {}/{}", self.namespace, self.name)
    }
}

// === impl Resource ===

impl Resource {
    /// `apiVersion` and `kind`.
    pub fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::CronJobs => ("batch/v1", "CronJob"),
            Self::Jobs => ("batch/v1", "Job"),
            Self::Leases => ("coordination.k8s.io/v1", "Lease"),
            Self::Namespaces => ("v1", "Namespace"),
        }
    }
}

// === impl Store ===

impl Store {
    pub fn get(&self, key: &Key) -> Option<&Arc<Value>> {
        self.objects.get(key)
    }

    /// All objects of a kind, in the order of their names.
    pub fn all(&self, resource: Resource) -> impl Iterator<Item = (&Key, &Arc<Value>)> {
        self.objects
            .range(Key::new(resource, "", "")..)
            .take_while(move |(key, _)| key.resource == resource)
    }

    /// Stores an object; it gets a version, and what else a new one needs.
    pub fn put(&mut self, key: &Key, mut object: Value, now: Moment) -> Arc<Value> {
        self.revision += 1;
        let before = self.objects.get(key).cloned();
        let (api_version, kind) = key.resource.names();
        object["apiVersion"] = api_version.into();
        object["kind"] = kind.into();
        if key.resource != Resource::Namespaces {
            object["metadata"]["namespace"] = key.namespace.as_str().into();
        }
        object["metadata"]["name"] = key.name.as_str().into();
        object["metadata"]["resourceVersion"] = self.revision.to_string().into();
        if object["metadata"]["uid"].is_null() {
            self.uids += 1;
            object["metadata"]["uid"] =
                format!("{:08x}-0000-4000-8000-{:012x}", self.uids, self.uids).into();
        }
        if object["metadata"]["creationTimestamp"].is_null() {
            object["metadata"]["creationTimestamp"] = time::text(time::wall(now)).into();
        }
        leave_out_empty(&mut object);
        if matches!(key.resource, Resource::CronJobs | Resource::Jobs) {
            let is_marked = |object: &Value| !object["metadata"]["deletionTimestamp"].is_null();
            let last = before.as_ref().and_then(|b| b["metadata"]["generation"].as_u64());
            let is_another = before.as_ref().is_none_or(|before| {
                before["spec"] != object["spec"] || is_marked(before) != is_marked(&object)
            });
            let generation = last.unwrap_or_default() + u64::from(is_another);
            object["metadata"]["generation"] = generation.into();
        }
        let object = Arc::new(object);
        self.objects.insert(key.clone(), Arc::clone(&object));
        self.log(now, key, before, Some(Arc::clone(&object)));
        object
    }

    /// Deletes as the API server does: what has a finalizer, or is deleted in the foreground, only
    /// gets a mark.
    pub fn delete(&mut self, key: &Key, foreground: bool, now: Moment) {
        let Some(object) = self.objects.get(key).cloned() else { return };
        let metadata = &object["metadata"];
        let has_finalizers = metadata["finalizers"].as_array().is_some_and(|all| !all.is_empty());
        if !foreground && !has_finalizers {
            self.remove(key, now);
            return;
        }
        let mut marked = Value::clone(&object);
        if marked["metadata"]["deletionTimestamp"].is_null() {
            marked["metadata"]["deletionTimestamp"] = time::text(time::wall(now)).into();
            marked["metadata"]["deletionGracePeriodSeconds"] = 0.into();
        }
        if foreground {
            let mut finalizers =
                marked["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
            finalizers.push(json!("foregroundDeletion"));
            marked["metadata"]["finalizers"] = finalizers.into();
        }
        self.put(key, marked, now);
    }

    /// Takes an object away, whatever its finalizers.
    pub fn remove(&mut self, key: &Key, now: Moment) {
        let Some(before) = self.objects.remove(key) else { return };
        self.revision += 1;
        self.log(now, key, Some(before), None);
    }

    /// Every state of an object since a moment, the present one included; `None` where it was not
    /// there.
    pub fn states_since(&self, key: &Key, since: i64) -> Vec<Option<Arc<Value>>> {
        let mut states = vec![self.objects.get(key).cloned()];
        let changes = self.changes.get(&key.resource).map_or(&[][..], Vec::as_slice);
        for change in changes.iter().rev() {
            if i64::try_from(change.at).expect("small") < since {
                break;
            }
            if change.key == *key {
                states.push(change.before.clone());
            }
        }
        states
    }

    fn log(
        &mut self,
        at: Moment,
        key: &Key,
        before: Option<Arc<Value>>,
        after: Option<Arc<Value>>,
    ) {
        let change = Change { revision: self.revision, at, key: key.clone(), before, after };
        self.changes.entry(key.resource).or_default().push(change);
    }
}

/// The API server stores no empty maps and lists in metadata.
pub fn leave_out_empty(object: &mut Value) {
    let is_empty = |member: &Value| match member {
        Value::Null => true,
        Value::Array(all) => all.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    };
    for place in ["/metadata", "/spec/jobTemplate/metadata"] {
        if let Some(metadata) = object.pointer_mut(place).and_then(Value::as_object_mut) {
            metadata.retain(|_, member| !is_empty(member));
        }
    }
}
