//! A model of the API server: what curfew asks of one, and nothing else.
//!
//! All replicas share one [`Server`]; what they write goes through [`Server::answer`], what
//! tenants and the other controllers write goes past it. It shows every write to the
//! [`Oracle`](crate::oracle::Oracle) before it is done.

pub mod request;
pub mod service;
pub mod store;
pub mod watch;
pub mod weather;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::Notify;

use self::request::{Asked, Request};
use self::service::Caller;
use self::store::{Key, Resource, Store};
use self::watch::Watch;
use self::weather::{Fate, Weather};
use crate::events::{Event, Events};
use crate::oracle::{Oracle, Write};
use crate::time::{self, Moment, SECOND};

pub type Shared = Arc<Mutex<Server>>;

pub struct Server {
    /// The largest time that anybody has seen.
    pub now: Moment,
    pub store: Store,
    pub weather: Weather,
    pub oracle: Oracle,
    pub events: Events,
    /// What happened, a line each.
    pub history: Vec<String>,
    /// Since when the watches of a replica for a kind are silent, those that had begun before.
    pub hushed: BTreeMap<(usize, Resource), Moment>,
    /// A namespace in which Jobs cannot be written, and until when.
    pub hanging: Option<(&'static str, Moment)>,
    /// A verb and a resource that nobody is granted for now.
    pub withheld: Option<(&'static str, &'static str)>,
    /// Told whenever something is stored.
    pub changed: Arc<Notify>,
    /// The rest of lists of which not all pages were read.
    pages: BTreeMap<u64, Page>,
    tokens: u64,
    /// The Events that were made, which are no events of the bed.
    recorded: BTreeSet<(String, String)>,
    stragglers: Vec<Straggler>,
}

#[derive(Clone)]
struct Page {
    revision: u64,
    rest: VecDeque<Arc<Value>>,
}

/// A write that arrives when nobody waits for the answer any more.
pub struct Straggler {
    pub caller: Caller,
    pub request: Request,
    /// Whether whoever sent it led then.
    pub leads: bool,
    pub sent: Moment,
    pub arrives: Moment,
}

/// An answer of the server.
pub enum Reply {
    /// With its HTTP code.
    Plain(u16, Value),
    Watch(Box<Watch>),
}

/// Everybody is on one thread, and none waits with the lock in hand.
pub fn lock(shared: &Shared) -> MutexGuard<'_, Server> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A `Status`.
pub fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code,
    })
}

// === impl Server ===

impl Server {
    pub fn new(weather: Weather, oracle: Oracle, events: Events) -> Self {
        Self {
            now: 0,
            store: Store::default(),
            weather,
            oracle,
            events,
            history: Vec::new(),
            hushed: BTreeMap::new(),
            hanging: None,
            withheld: None,
            changed: Arc::new(Notify::new()),
            pages: BTreeMap::new(),
            tokens: 0,
            recorded: BTreeSet::new(),
            stragglers: Vec::new(),
        }
    }

    /// Somebody's clock says so.
    pub fn sees(&mut self, now: Moment) {
        self.now = self.now.max(now);
    }

    pub fn tell(&mut self, words: &str) {
        self.history.push(format!("{} {words}", time::clock(self.now)));
    }

    pub fn tell_of(&mut self, caller: Caller, words: &str) {
        self.tell(&format!("replica {}: {words}", caller.replica));
    }

    pub fn strike(&mut self, fault: &'static str) {
        self.strike_quietly(fault);
        self.tell(fault);
    }

    /// Where something else tells of it.
    pub fn strike_quietly(&mut self, fault: &'static str) {
        let now = self.now;
        self.weather.strike(fault, now);
    }

    /// Carries out an event that was drawn, unless this run leaves it out. Where it changes nothing it
    /// is none.
    pub fn happen(&mut self, name: String, carry_out: impl FnOnce(&mut Self)) {
        if !self.events.may(&name) {
            return;
        }
        let told = self.history.len();
        carry_out(self);
        if let Some(words) = self.history.get(told).cloned() {
            self.events.happened.push(Event { name, words });
        }
    }

    /// As [`Self::happen`], of a fault; says whether it happens.
    fn goes_wrong(&mut self, name: String, words: &str) -> bool {
        let happens = self.events.may(&name);
        if happens {
            let words = format!("{} {words}", time::clock(self.now));
            self.events.happened.push(Event { name, words });
        }
        happens
    }

    /// What becomes of a request.
    pub fn fate(&mut self, caller: Caller, request: &Request) -> Fate {
        let place = format!("replica {}: {}", caller.replica, request.place());
        let mut chance = self.weather.of(&place);
        let name = format!("fault-{:x}", chance.seed() >> 24);
        let (well, wrong) = self.weather.request(chance, request);
        let hangs = self.hanging.is_some_and(|(namespace, until)| {
            let (Asked::Patch(key) | Asked::Delete(key)) = &request.asked else { return false };
            key.resource == Resource::Jobs && key.namespace == namespace && self.now < until
        });
        match wrong {
            _ if hangs => {
                self.strike_quietly("write that hangs");
                Fate::Hangs
            }
            Some((fault, fate)) if self.goes_wrong(name, &format!("{place} → {fault}")) => {
                self.strike_quietly(fault);
                fate
            }
            _ => well,
        }
    }

    /// Somebody else than curfew writes an object.
    pub fn put(&mut self, key: &Key, object: Value, words: &str) {
        self.tell(&format!("{words}: {key}"));
        let now = self.now;
        self.store.put(key, object, now);
        if key.resource == Resource::Namespaces {
            self.oracle.relabelled(&self.store, key, now);
        }
        self.changed.notify_waiters();
    }

    /// Somebody else than curfew deletes an object.
    pub fn remove(&mut self, key: &Key, words: &str) {
        self.tell(&format!("{words}: {key}"));
        let now = self.now;
        self.store.remove(key, now);
        self.changed.notify_waiters();
    }

    /// Forgets old revisions: watches and pages from before must begin anew.
    pub fn compact(&mut self) {
        self.store.floor = self.store.revision;
        self.pages.clear();
        self.strike("compaction");
    }

    /// Somebody no longer waits for a write of his that is on its way.
    pub fn abandoned(&mut self, mut straggler: Straggler) {
        let place = straggler.request.place();
        let late = self.weather.of(&format!("straggler: {place}")).between(0, 5 * SECOND);
        straggler.arrives = straggler.arrives.max(self.now) + late;
        self.stragglers.push(straggler);
    }

    /// Carries out what nobody waits for any more.
    pub fn let_stragglers_in(&mut self) {
        let now = self.now;
        let is_there = |straggler: &mut Straggler| straggler.arrives <= now;
        let arrived: Vec<Straggler> = self.stragglers.extract_if(.., is_there).collect();
        for Straggler { caller, request, leads, sent, .. } in arrived {
            let (place, replica) = (request.place(), caller.replica);
            let name = format!("straggler-{replica}-{sent}-{}", place.replace([' ', '/'], "-"));
            self.happen(name, |server| {
                server.strike("abandoned request arrives");
                server.oracle.late = if leads { now - sent } else { 0 };
                let reply = server.answer(caller, &request);
                server.oracle.late = 0;
                let Reply::Plain(code, _) = reply else { return };
                if let Asked::Patch(key) | Asked::Replace(key) = &request.asked {
                    server.oracle.unsure(key);
                }
                let words = request.words();
                server.tell_of(caller, &format!("{words} → {code} for nobody"));
            });
        }
    }

    /// Carries out a request of a replica.
    pub fn answer(&mut self, caller: Caller, request: &Request) -> Reply {
        let body = match &request.asked {
            asked if self.withheld.is_some() && asked.right() == self.withheld => {
                status(403, "Forbidden", "that is not granted")
            }
            Asked::Watch { resource } => return self.watch(caller, *resource, request),
            Asked::List { resource, namespace } => {
                self.list(*resource, namespace.as_deref(), request)
            }
            Asked::Get(key) => self.get(key),
            Asked::Create(key) => self.create(key, request),
            Asked::Replace(key) | Asked::Patch(key) | Asked::PatchStatus(key) => {
                self.update(caller, key, request)
            }
            Asked::Delete(key) => self.delete(caller, key, request),
            Asked::Access => self.access(request),
            Asked::Event { namespace, name } => self.event(namespace, name.as_deref(), request),
            Asked::Registration => status(404, "NotFound", "there is no such registration"),
        };
        let code = match body["kind"].as_str() {
            Some("Status") => body["code"].as_u64().and_then(|code| code.try_into().ok()),
            _ => None,
        };
        Reply::Plain(code.unwrap_or_else(|| request.success()), body)
    }

    fn watch(&mut self, caller: Caller, resource: Resource, request: &Request) -> Reply {
        let streams_list =
            request.query.get("sendInitialEvents").is_some_and(|value| value == "true");
        let from = if streams_list {
            None
        } else {
            let version = request.query.get("resourceVersion");
            Some(version.and_then(|version| version.parse().ok()).unwrap_or_default())
        };
        let now = self.now;
        let place = format!("replica {}: the watch of {resource:?}", caller.replica);
        let mut chance = self.weather.of(&place);
        let name = format!("watch-{:x}", chance.seed() >> 24);
        let (mut fate, wrong) = self.weather.watch(chance, streams_list, now);
        if let Some(wrong) = wrong
            && self.goes_wrong(name, &format!("{place} {}", wrong.words()))
        {
            fate = wrong;
        }
        if fate.lag > 100 {
            self.strike_quietly("lagging watch");
        }
        if from.is_some_and(|from| from < self.store.floor) {
            fate.gone_at = Some(now);
        }
        Reply::Watch(Box::new(Watch::new(&self.store, caller.replica, resource, from, fate, now)))
    }

    fn list(&mut self, resource: Resource, namespace: Option<&str>, request: &Request) -> Value {
        let limit =
            request.query.get("limit").and_then(|limit| limit.parse().ok()).unwrap_or(usize::MAX);
        let name = request
            .query
            .get("fieldSelector")
            .and_then(|field| field.strip_prefix("metadata.name="));
        let token = request.query.get("continue").filter(|token| !token.is_empty());
        let page = match token {
            Some(token) => token.parse().ok().and_then(|token| self.pages.get(&token)).cloned(),
            None => Some(self.first_page(resource, namespace, name)),
        };
        let Some(mut page) = page else {
            return status(410, "Expired", "the provided continue parameter is too old");
        };
        let (api_version, kind) = resource.names();
        let mut items = Vec::new();
        while items.len() < limit {
            let Some(object) = page.rest.pop_front() else { break };
            let mut item =
                if request.metadata_only { metadata_of(&object) } else { Value::clone(&object) };
            // The list says it for all of them.
            if let Some(members) = item.as_object_mut().filter(|_| !request.metadata_only) {
                members.retain(|member, _| member != "apiVersion" && member != "kind");
            }
            items.push(item);
        }
        let mut metadata = json!({"resourceVersion": page.revision.to_string()});
        if !page.rest.is_empty() {
            self.tokens += 1;
            metadata["continue"] = self.tokens.to_string().into();
            metadata["remainingItemCount"] = page.rest.len().into();
            self.pages.insert(self.tokens, page);
        }
        let (api_version, kind) = if request.metadata_only {
            ("meta.k8s.io/v1", "PartialObjectMetadata")
        } else {
            (api_version, kind)
        };
        json!({"kind": format!("{kind}List"), "apiVersion": api_version, "metadata": metadata, "items": items})
    }

    fn first_page(&self, resource: Resource, namespace: Option<&str>, name: Option<&str>) -> Page {
        let fits = |key: &Key| {
            namespace.is_none_or(|own| own == key.namespace)
                && name.is_none_or(|own| own == key.name)
        };
        let all = self.store.all(resource).filter(|(key, _)| fits(key));
        let rest = all.map(|(_, object)| Arc::clone(object)).collect();
        Page { revision: self.store.revision, rest }
    }

    fn get(&self, key: &Key) -> Value {
        self.store.get(key).map_or_else(|| not_found(key), |object| Value::clone(object))
    }

    fn create(&mut self, key: &Key, request: &Request) -> Value {
        if self.store.get(key).is_some() {
            return status(409, "AlreadyExists", &format!("{key} already exists"));
        }
        self.store_for(key, request.body.clone())
    }

    fn update(&mut self, caller: Caller, key: &Key, request: &Request) -> Value {
        let Some(before) = self.store.get(key).cloned() else {
            // What is replaced would be made, if it had no uid: the Lease that was read is gone.
            let has_uid = !request.body["metadata"]["uid"].is_null();
            let replaces = matches!(request.asked, Asked::Replace(_));
            return if replaces && has_uid { conflict(key) } else { not_found(key) };
        };
        let mut after = match &request.asked {
            Asked::Replace(_) => request.body.clone(),
            _ if request.is_json_patch => {
                let mut after = Value::clone(&before);
                let Ok(patch) = serde_json::from_value::<json_patch::Patch>(request.body.clone())
                else {
                    return status(400, "BadRequest", "this is no JSON patch");
                };
                if let Err(error) = json_patch::patch(&mut after, &patch) {
                    return status(422, "Invalid", &error.to_string());
                }
                after
            }
            _ => {
                let mut after = Value::clone(&before);
                json_patch::merge(&mut after, &request.body);
                after
            }
        };
        let differs = |field: &str| {
            let (wanted, present) = (&after["metadata"][field], &before["metadata"][field]);
            !wanted.is_null() && wanted != present
        };
        let replaces = matches!(request.asked, Asked::Replace(_));
        if differs("resourceVersion") || replaces && differs("uid") {
            self.conflict();
            return conflict(key);
        }
        // In a patch it is a change like another, of what cannot be changed.
        if differs("uid") {
            return status(422, "Invalid", "metadata.uid: Invalid value: field is immutable");
        }
        after["metadata"]["uid"] = before["metadata"]["uid"].clone();
        store::leave_out_empty(&mut after);
        let write = Write { key, before: &before, after: Some(&after), request: &request.body };
        let now = self.now;
        self.oracle.judge(&self.store, caller.replica, &write, now);
        let same = |object: &Value| {
            let mut object = object.clone();
            object["metadata"]["resourceVersion"] = Value::Null;
            object
        };
        let after = if same(&after) == same(&before) {
            Value::clone(&before)
        } else {
            self.store_for(key, after)
        };
        if request.metadata_only { metadata_of(&after) } else { after }
    }

    fn store_for(&mut self, key: &Key, object: Value) -> Value {
        let now = self.now;
        let stored = self.store.put(key, object, now);
        if key.resource == Resource::Leases {
            self.oracle.lease_written(&self.store, &stored, now);
        }
        self.changed.notify_waiters();
        Value::clone(&stored)
    }

    fn delete(&mut self, caller: Caller, key: &Key, request: &Request) -> Value {
        let Some(before) = self.store.get(key).cloned() else { return not_found(key) };
        let wanted = &request.body["preconditions"];
        for field in ["uid", "resourceVersion"] {
            if !wanted[field].is_null() && wanted[field] != before["metadata"][field] {
                self.conflict();
                return conflict(key);
            }
        }
        let now = self.now;
        let write = Write { key, before: &before, after: None, request: &request.body };
        self.oracle.judge(&self.store, caller.replica, &write, now);
        let near = self.weather.last.is_some_and(|last| now - last <= time::MINUTE);
        self.oracle.deleted(near);
        self.store.delete(key, request.body["propagationPolicy"] == "Foreground", now);
        self.changed.notify_waiters();
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 200})
    }

    /// A conflict is no fault of the weather: it comes of a real change.
    fn conflict(&mut self) {
        self.strike_quietly("409");
    }

    fn access(&mut self, request: &Request) -> Value {
        let wanted = &request.body["spec"]["resourceAttributes"];
        let is_withheld = self.withheld.is_some_and(|(verb, resource)| {
            wanted["verb"] == verb && wanted["resource"] == resource
        });
        let mut review = request.body.clone();
        review["status"] = json!({"allowed": !is_withheld});
        review
    }

    fn event(&mut self, namespace: &str, name: Option<&str>, request: &Request) -> Value {
        let key = |name: &str| (namespace.to_owned(), name.to_owned());
        match name {
            Some(name) if self.recorded.contains(&key(name)) => {
                json!({"apiVersion": "events.k8s.io/v1", "kind": "Event",
                       "metadata": {"name": name, "namespace": namespace}, "eventTime": null})
            }
            Some(_) => status(404, "NotFound", "there is no such event"),
            None => {
                let name = request.body["metadata"]["name"].as_str().unwrap_or_default();
                if !self.recorded.insert(key(name)) {
                    return status(409, "AlreadyExists", "there is such an event");
                }
                request.body.clone()
            }
        }
    }
}

/// The metadata of an object alone.
fn metadata_of(object: &Value) -> Value {
    json!({
        "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
        "metadata": object["metadata"].clone(),
    })
}

fn not_found(key: &Key) -> Value {
    status(404, "NotFound", &format!("{key} not found"))
}

fn conflict(key: &Key) -> Value {
    let message = format!(
        "Operation cannot be fulfilled on {key}: the object has been modified; please apply your \
         changes to the latest version and try again"
    );
    status(409, "Conflict", &message)
}
