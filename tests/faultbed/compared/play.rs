//! What is asked, drawn from a seed: mostly of objects that are there and as they are, and now and
//! then of what is gone, was changed since, or never was.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::call::{Call, List, Patch, collection};
use super::same::Answer;
use super::sides::{Comparison, Watching};
use crate::seed::Chance;
use crate::server::lock;
use crate::server::store::{Key, Resource};
use crate::support::api::{self, Api};
use crate::support::control_plane::ControlPlane;
use crate::support::manifest::{self, Finish, finished};
use crate::support::wait::eventually;
use crate::time::{self, SECOND};

/// Draws requests, and knows what came of them.
pub struct Play {
    plane: &'static ControlPlane,
    pub comparison: Comparison,
    chance: Chance,
    /// A Job and a `CronJob` as the API server completes them.
    templates: [Value; 2],
    known: BTreeMap<Key, Known>,
    /// The last state of what is no more.
    gone: BTreeMap<Key, Value>,
    /// Versions of lists, the oldest first; those before this position are forgotten.
    moments: Vec<String>,
    forgotten: usize,
    /// Of pages that were not asked for, or may be asked for again.
    tokens: Vec<List>,
    /// One for each kind, open all the time.
    watches: Vec<Watching>,
    events: Vec<(String, String)>,
    withheld: Option<Right>,
    /// Makes every value another one.
    tick: u64,
}

/// An object that is there, by the real server's words.
struct Known {
    object: Value,
    /// Versions that it had before.
    past: Vec<String>,
}

/// A verb, the group and the resource.
type Right = (&'static str, &'static str, &'static str);

// === impl Play ===

impl Play {
    pub fn new(plane: &'static ControlPlane, seed: u64) -> Self {
        let namespaces = eventually("the namespaces of Kubernetes are there", PATIENCE, || {
            let list = plane.api.get(&collection(Resource::Namespaces, None)).ok();
            list["items"].as_array().filter(|items| items.len() == 4).cloned()
        });
        let curfew = Api::new(&plane.kubeconfig_for("compared", None)).client();
        let completed = |resource, object: Value| {
            let path = format!("{}?dryRun=All", collection(resource, Some("default")));
            let mut object = plane.api.post(&path, &object).ok();
            object["metadata"] = json!({});
            object
        };
        // Else the labels of its Pods and its selector would name its uid.
        let run = json!({"run": "one"});
        let job = json!({"spec": {
            "manualSelector": true, "selector": {"matchLabels": run},
            "template": {"metadata": {"labels": run}},
        }});
        let templates = [
            completed(Resource::Jobs, manifest::job("one", job)),
            completed(Resource::CronJobs, manifest::cron_job("one", json!({}))),
        ];
        let mut play = Self {
            plane,
            comparison: Comparison::new(seed, curfew),
            chance: Chance::new(seed),
            templates,
            known: BTreeMap::new(),
            gone: BTreeMap::new(),
            moments: Vec::new(),
            forgotten: 0,
            tokens: Vec::new(),
            watches: Vec::new(),
            events: Vec::new(),
            withheld: None,
            tick: 0,
        };
        let subject =
            json!([{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "compared"}]);
        let role = json!({"kind": "ClusterRole", "apiGroup": "rbac.authorization.k8s.io", "name": "compared"});
        let binding =
            json!({"metadata": {"name": "compared"}, "subjects": subject, "roleRef": role});
        plane.api.post(&format!("{RBAC}/clusterrolebindings"), &binding).ok();
        plane.api.post(&format!("{RBAC}/clusterroles"), &play.role()).ok();
        play.await_right(("watch", "batch", "jobs"), true);
        play.settle(namespaces);
        play
    }

    /// Makes the namespaces, and the objects whose changes end the reading of a watch.
    fn settle(&mut self, namespaces: Vec<Value>) {
        let path = collection(Resource::Namespaces, None);
        for namespace in namespaces {
            self.put_namespace(namespace);
        }
        for name in NAMESPACES.into_iter().chain(["sentinel"]) {
            let namespace = json!({"metadata": {"name": name, "labels": {"team": "blue"}}});
            let namespace = self.plane.api.post(&path, &namespace).ok();
            self.put_namespace(namespace);
        }
        for resource in [Resource::Jobs, Resource::CronJobs] {
            let key = sentinel(resource);
            let object = self.object(&key, json!({"labels": {"app": "web"}}));
            self.comparison.ask(&Call::Create(key, object));
        }
        self.open();
    }

    /// The model gets it as it is: what is done to namespaces is not curfew's.
    fn put_namespace(&mut self, mut namespace: Value) {
        let name = namespace["metadata"]["name"].as_str().unwrap_or_default();
        let key = Key::new(Resource::Namespaces, "", name);
        let mut server = lock(&self.comparison.model.server);
        let uid =
            server.store.get(&key).map_or(Value::Null, |known| known["metadata"]["uid"].clone());
        namespace["metadata"]["uid"] = uid;
        namespace["metadata"].as_object_mut().map(|metadata| metadata.remove("managedFields"));
        server.put(&key, namespace, "somebody writes");
    }

    /// One request, or some that belong together.
    pub fn step(&mut self) {
        self.tick += 1;
        match self.chance.between(0, 999) {
            0..=10 => self.list(),
            11..=18 => self.watch(),
            19..=23 => self.change_right(),
            24..=26 => self.look(),
            27..=37 => self.relabel_namespace(),
            38..=77 => self.review(),
            78..=127 => self.event(),
            128..=137 => drop(self.comparison.ask(&Call::Registration)),
            138..=177 => self.metadata(),
            178..=257 => self.get(),
            _ => self.write(),
        }
    }

    fn write(&mut self) {
        match self.chance.between(0, 99) {
            0..=17 => self.create(),
            18..=26 => self.finish(),
            27..=29 => self.cronjob_status(),
            30..=49 => self.merge_patch(),
            50..=56 => self.json_patch(),
            57..=64 => self.strip(),
            65..=84 => self.delete(),
            85..=90 => self.replace_lease(),
            91..=96 => self.annotate_lease(),
            _ => self.make_or_delete_lease(),
        }
    }

    // Reads.

    fn get(&mut self) {
        let key = self.any_key();
        self.look_at(&key);
    }

    /// What is stored under a key.
    fn look_at(&mut self, key: &Key) {
        let answer = self.comparison.ask(&Call::Get(key.clone()));
        self.learn(key, &answer);
    }

    /// All pages of a list, or some; others write in between.
    fn list(&mut self) {
        let resource =
            *self.chance.pick(&[Resource::Jobs, Resource::CronJobs, Resource::Namespaces]);
        let mut list = List::of(resource);
        list.limit = Some(*self.chance.pick(&[2, 16, 16, 64, 500]));
        if !self.tokens.is_empty() && self.chance.per_mille(300) {
            list = self.chance.pick(&self.tokens).clone();
        }
        loop {
            let answer = self.comparison.ask(&Call::List(list.clone()));
            let metadata = &answer.body["metadata"];
            let Some(token) = metadata["continue"].as_str() else {
                let version = metadata["resourceVersion"].as_str();
                self.moments.extend(version.map(str::to_owned));
                return;
            };
            list.token = Some(token.to_owned());
            list.limit = Some(*self.chance.pick(&[2, 16, 64]));
            if self.chance.per_mille(150) {
                self.tokens.push(list.clone());
            }
            if self.chance.per_mille(150) {
                return;
            }
            if self.chance.per_mille(400) {
                self.write();
            }
        }
    }

    /// What is asked before a Job is ended: the metadata of `CronJob`s and of a namespace.
    fn metadata(&mut self) {
        let namespace = (*self.chance.pick(&NAMESPACES)).to_owned();
        let mut list = if self.chance.per_mille(600) {
            List { namespace: Some(namespace), ..List::of(Resource::CronJobs) }
        } else {
            let name = if self.chance.per_mille(100) { "nowhere".to_owned() } else { namespace };
            List { name: Some(name), ..List::of(Resource::Namespaces) }
        };
        list.metadata_only = true;
        self.comparison.ask(&Call::List(list));
    }

    /// A watch from a moment of before, up to now.
    fn watch(&mut self) {
        if self.withheld.is_some() {
            return;
        }
        if self.forgotten > 0 && self.chance.per_mille(300) {
            let past = self.moments[..self.forgotten].to_vec();
            let resource = *self.chance.pick(&WATCHED);
            let from = self.chance.pick(&past).clone();
            let Some(mut watching) = self.comparison.watch(resource, Some(from)) else { return };
            self.comparison.read(&mut watching, |_| false);
            return;
        }
        // The API server keeps what was changed in about a minute.
        let recent = self.moments.len().saturating_sub(3).max(self.forgotten);
        let Some(from) = self.moments.get(recent..).filter(|all| !all.is_empty()) else { return };
        let from = self.chance.pick(from).clone();
        let resource = *self.chance.pick(&WATCHED);
        let Some(mut watching) = self.comparison.watch(resource, Some(from)) else { return };
        self.read(&mut watching);
    }

    /// Begins to watch each kind, with a list of what there is.
    fn open(&mut self) {
        self.watches.clear();
        for resource in WATCHED {
            let mut watching = self.comparison.watch(resource, None).expect("everybody may watch");
            self.comparison.read(&mut watching, |_| false);
            self.watches.push(watching);
        }
    }

    /// What the open watches have told since the last time, and what is stored now.
    pub fn look(&mut self) {
        if self.withheld.is_some() {
            self.change_right();
        }
        let mut watches = std::mem::take(&mut self.watches);
        for watching in &mut watches {
            self.read(watching);
        }
        self.watches = watches;
        for resource in WATCHED {
            let answer = self.comparison.ask(&Call::List(List::of(resource)));
            let version = answer.body["metadata"]["resourceVersion"].as_str();
            self.moments.extend(version.map(str::to_owned));
        }
    }

    /// Reads a watch up to a change that is made now.
    fn read(&mut self, watching: &mut Watching) {
        self.tick += 1;
        let tick = self.tick.to_string();
        let key = sentinel(watching.resource);
        if key.resource == Resource::Namespaces {
            self.label_namespace(&key.name, &json!({"tick": tick}));
        } else {
            let body = json!({"metadata": {"labels": {"tick": tick}}});
            self.comparison.ask(&Call::Patch(Patch::new(&key, body)));
        }
        self.comparison.read(watching, |object| {
            let metadata = &object["metadata"];
            metadata["name"] == "sentinel" && metadata["labels"]["tick"] == *tick
        });
    }

    /// A review of what curfew may do.
    fn review(&mut self) {
        let (verb, group, resource) = *self.chance.pick(&ASKED);
        let mut attributes = json!({"verb": verb, "group": group, "resource": resource});
        if self.chance.per_mille(500) {
            attributes["namespace"] = (*self.chance.pick(&NAMESPACES)).into();
        }
        self.comparison.ask(&Call::Access(review(&attributes)));
    }

    // Writes.

    fn create(&mut self) {
        let resource = if self.chance.per_mille(850) { Resource::Jobs } else { Resource::CronJobs };
        let key = self.new_key(resource);
        let mut metadata = json!({"labels": {"app": "web"}});
        if self.chance.per_mille(200) {
            metadata["annotations"] = json!({"curfew.dev/applied": r#"{"ttl":[60,null,"one"]}"#});
        }
        if self.chance.per_mille(150) {
            metadata["finalizers"] = json!(["example.com/wait"]);
        }
        if resource == Resource::Jobs && self.chance.per_mille(300) {
            metadata["ownerReferences"] = self.owners(&key.namespace);
        }
        let mut object = self.object(&key, metadata);
        if self.chance.per_mille(300) && resource == Resource::Jobs {
            object["spec"]["ttlSecondsAfterFinished"] = (*self.chance.pick(&[0, 60, 900])).into();
        }
        let answer = self.comparison.ask(&Call::Create(key.clone(), object));
        if answer.status == 201 {
            self.learn(&key, &answer);
        }
    }

    fn owners(&mut self, namespace: &str) -> Value {
        let key = Key::new(Resource::CronJobs, namespace, "cron-1");
        let Some(cronjob) = self.known.get(&key) else { return Value::Null };
        json!([{
            "apiVersion": "batch/v1", "kind": "CronJob", "controller": true,
            "blockOwnerDeletion": true, "name": key.name, "uid": cronjob.object["metadata"]["uid"],
        }])
    }

    /// A Job runs or has finished.
    fn finish(&mut self) {
        let jobs = self.known.iter().filter(|(key, known)| {
            key.resource == Resource::Jobs && known.object["status"]["conditions"].is_null()
        });
        let jobs: Vec<Key> = jobs.map(|(key, _)| key.clone()).collect();
        let key = if jobs.is_empty() || self.chance.per_mille(80) {
            self.new_key(Resource::Jobs)
        } else {
            self.chance.pick(&jobs).clone()
        };
        // One that has finished cannot finish in another way, which the model does not check.
        if self.known.contains_key(&key) && !jobs.contains(&key) {
            return;
        }
        let mut body = if self.chance.per_mille(200) {
            json!({"status": {"active": 1, "ready": self.chance.between(0, 1)}})
        } else {
            let how = *self.chance.pick(&[Finish::Complete, Finish::Failed]);
            let mut body = finished(how, time::wall(self.tick * SECOND));
            body["status"]["active"] = Value::Null;
            body
        };
        json_patch::merge(&mut body, &self.condition(&key));
        self.patch(Patch { of_status: true, ..Patch::new(&key, body) });
    }

    /// What the scheduler writes after a start.
    fn cronjob_status(&mut self) {
        let key = self.key_of(Resource::CronJobs);
        let job = self
            .known
            .iter()
            .find(|(job, _)| job.resource == Resource::Jobs && job.namespace == key.namespace);
        let active = job.map_or(Value::Null, |(job, known)| {
            let metadata = &known.object["metadata"];
            json!([{
                "apiVersion": "batch/v1", "kind": "Job", "namespace": job.namespace,
                "name": job.name, "uid": metadata["uid"],
                "resourceVersion": metadata["resourceVersion"],
            }])
        });
        let at = time::text(time::wall(self.tick * SECOND));
        let mut body = json!({"status": {"lastScheduleTime": at, "active": active}});
        json_patch::merge(&mut body, &self.condition(&key));
        self.patch(Patch { of_status: true, ..Patch::new(&key, body) });
    }

    fn merge_patch(&mut self) {
        let key = self.stored_key();
        let record = format!(r#"{{"ttl":[{},null,"one"]}}"#, self.tick);
        let annotation = |value: Value| json!({"annotations": {"curfew.dev/applied": value}});
        let ttl = *self.chance.pick(&[None, Some(0), Some(60), Some(900), Some(86_400)]);
        let template = |members: Value| json!({"spec": {"jobTemplate": members}});
        let mut body = match (key.resource, self.chance.between(0, 7)) {
            (Resource::Jobs, 0 | 1) => {
                let metadata = annotation(record.into());
                json!({"metadata": metadata, "spec": {"ttlSecondsAfterFinished": ttl}})
            }
            (Resource::Jobs, 2) => json!({
                "metadata": annotation(Value::Null), "spec": {"ttlSecondsAfterFinished": ttl},
            }),
            // Mostly it has that already.
            (Resource::Jobs, 3) => json!({"spec": {"ttlSecondsAfterFinished": 60}}),
            (_, 0) => json!({"spec": {"successfulJobsHistoryLimit": self.chance.between(0, 9)}}),
            (_, 1) => json!({"spec": {"failedJobsHistoryLimit": self.chance.between(0, 2)}}),
            (_, 2) => template(json!({
                "metadata": annotation(record.into()), "spec": {"ttlSecondsAfterFinished": ttl},
            })),
            (_, 3) => template(json!({
                "metadata": annotation(Value::Null), "spec": {"ttlSecondsAfterFinished": null},
            })),
            (_, 4) => json!({"metadata": {"labels": {"keep": "yes"}}}),
            (_, 5) => json!({"metadata": {"labels": {"keep": null}}}),
            (_, 6) => {
                json!({"metadata": {"annotations": {"curfew.dev/hold-until": self.tick.to_string()}}})
            }
            _ => json!({"metadata": {"annotations": {"curfew.dev/hold-until": null}}}),
        };
        json_patch::merge(&mut body, &self.condition(&key));
        self.patch(Patch::new(&key, body));
    }

    fn json_patch(&mut self) {
        let key = self.stored_key();
        let condition = self.condition(&key);
        let mut all = Vec::new();
        for (member, path) in
            [("uid", "/metadata/uid"), ("resourceVersion", "/metadata/resourceVersion")]
        {
            let value = &condition["metadata"][member];
            if !value.is_null() {
                all.push(json!({"op": "add", "path": path, "value": value}));
            }
        }
        let value = self.tick.to_string();
        let spec = if key.resource == Resource::Jobs { "/spec" } else { "/spec/jobTemplate/spec" };
        let ttl = format!("{spec}/ttlSecondsAfterFinished");
        // Nothing is replaced that is not there: the API server adds it then, against RFC 6902, and the
        // model does not.
        all.push(match self.chance.between(0, 6) {
            0 => json!({"op": "add", "path": "/metadata/annotations/one", "value": value}),
            1 | 4 => json!({"op": "replace", "path": "/metadata/labels/app", "value": value}),
            2 => json!({"op": "remove", "path": "/metadata/annotations/one"}),
            3 => json!({"op": "add", "path": "/metadata/annotations", "value": {"one": value}}),
            5 => json!({"op": "remove", "path": ttl}),
            _ => json!({"op": "add", "path": ttl, "value": 900}),
        });
        self.patch(Patch { is_json: true, ..Patch::new(&key, all.into()) });
    }

    /// Somebody takes the finalizers away, in the model as its tenants do.
    fn strip(&mut self) {
        let held = self.known.iter().filter(|(key, known)| {
            key.resource != Resource::Leases && !known.object["metadata"]["finalizers"].is_null()
        });
        let held: Vec<Key> = held.map(|(key, _)| key.clone()).collect();
        if held.is_empty() {
            return;
        }
        let key = self.chance.pick(&held).clone();
        let path = format!("{}/{}", collection(key.resource, Some(&key.namespace)), key.name);
        let body = json!({"metadata": {"finalizers": null}});
        self.plane.api.patch(api::Patch::Merge, &path, &body).ok();
        {
            let mut server = lock(&self.comparison.model.server);
            let object = server.store.get(&key).expect("both have it").clone();
            if object["metadata"]["deletionTimestamp"].is_null() {
                let mut object = Value::clone(&object);
                object["metadata"].as_object_mut().map(|metadata| metadata.remove("finalizers"));
                server.put(&key, object, "somebody takes the finalizers away");
            } else {
                server.remove(&key, "somebody takes the finalizers away");
            }
        }
        self.look_at(&key);
    }

    fn delete(&mut self) {
        let key = self.stored_key();
        let propagation = *self.chance.pick(&["Background", "Foreground"]);
        let condition = self.condition(&key);
        // Nobody deletes what he sees being deleted (the delete contract, 4).
        let seen = self.known.get(&key).map(|known| &known.object["metadata"]);
        let version = &condition["metadata"]["resourceVersion"];
        if seen.is_some_and(|seen| {
            !seen["deletionTimestamp"].is_null()
                && (version.is_null() || *version == seen["resourceVersion"])
        }) {
            return;
        }
        let body = json!({
            "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation,
            "preconditions": condition["metadata"],
        });
        let answer = self.comparison.ask(&Call::Delete(key.clone(), body));
        if answer.status < 300 {
            self.look_at(&key);
        }
    }

    fn patch(&mut self, patch: Patch) {
        let key = patch.key.clone();
        let answer = self.comparison.ask(&Call::Patch(patch));
        self.learn(&key, &answer);
    }

    // The Lease.

    fn make_or_delete_lease(&mut self) {
        let key = self.key_of(Resource::Leases);
        if self.chance.per_mille(400) {
            let body = json!({"propagationPolicy": "Background"});
            self.comparison.ask(&Call::Delete(key.clone(), body));
            self.look_at(&key);
            return;
        }
        let spec = self.lease_spec();
        let object = json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": key.name}, "spec": spec,
        });
        let answer = self.comparison.ask(&Call::Create(key.clone(), object));
        self.learn(&key, &answer);
    }

    /// As the election does: read, and write back.
    fn replace_lease(&mut self) {
        let key = self.key_of(Resource::Leases);
        if self.chance.per_mille(500) {
            self.look_at(&key);
        }
        let known = self.known.get(&key).map(|known| &known.object).or(self.gone.get(&key));
        let Some(mut lease) = known.cloned() else { return };
        lease["spec"] = self.lease_spec();
        if self.chance.per_mille(200) {
            let known = self.known.get(&key);
            if let Some(old) = known.and_then(|known| known.past.last()) {
                lease["metadata"]["resourceVersion"] = old.as_str().into();
            }
        }
        let answer = self.comparison.ask(&Call::Replace(key.clone(), lease));
        self.learn(&key, &answer);
    }

    fn lease_spec(&mut self) -> Value {
        let at = time::wall(self.tick * SECOND).strftime("%Y-%m-%dT%H:%M:%S.000000Z").to_string();
        json!({
            "holderIdentity": *self.chance.pick(&["one", "two", ""]), "leaseDurationSeconds": 15,
            "acquireTime": at, "renewTime": at, "leaseTransitions": self.chance.between(0, 3),
        })
    }

    fn annotate_lease(&mut self) {
        let key = self.key_of(Resource::Leases);
        let name = *self.chance.pick(&["curfew.dev/status", "replica.curfew.dev/one"]);
        let value =
            if self.chance.per_mille(300) { Value::Null } else { self.tick.to_string().into() };
        let mut metadata = json!({"annotations": {name: value}});
        // The leader names the version, whoever only says what it runs does not.
        if self.chance.per_mille(600) {
            let mut condition = self.condition(&key)["metadata"].take();
            condition.as_object_mut().map(|members| members.remove("uid"));
            json_patch::merge(&mut metadata, &condition);
        }
        let body = json!({"metadata": metadata});
        let patch = Patch { metadata_only: true, ..Patch::new(&key, body) };
        let answer = self.comparison.ask(&Call::Patch(patch));
        if answer.status == 200 && self.chance.per_mille(300) {
            self.look_at(&key);
        } else {
            self.learn(&key, &answer);
        }
    }

    // Events.

    fn event(&mut self) {
        if self.chance.per_mille(500) {
            let nowhere = ("apps".to_owned(), "never.was".to_owned());
            let known = if self.events.is_empty() || self.chance.per_mille(100) {
                nowhere
            } else {
                self.chance.pick(&self.events).clone()
            };
            let (namespace, name) = known;
            let at = time::wall(self.tick * SECOND).strftime("%Y-%m-%dT%H:%M:%S.000000Z");
            let series =
                json!({"count": self.chance.between(2, 9), "lastObservedTime": at.to_string()});
            let body = json!({"series": series});
            self.comparison.ask(&Call::CountEvent { namespace, name, body });
            return;
        }
        let namespace = (*self.chance.pick(&NAMESPACES)).to_owned();
        let name = format!("job-1.{}", self.chance.between(1, 400));
        let at = time::wall(self.tick * SECOND).strftime("%Y-%m-%dT%H:%M:%S.000000Z");
        let body = json!({
            "apiVersion": "events.k8s.io/v1", "kind": "Event",
            "metadata": {"name": name, "namespace": namespace},
            "eventTime": at.to_string(), "type": "Normal", "reason": "Deleted", "action": "Delete",
            "note": "a note", "reportingController": "curfew.dev/controller",
            "reportingInstance": "one",
            "regarding": {"apiVersion": "batch/v1", "kind": "Job", "namespace": namespace, "name": "job-1"},
        });
        let answer = self.comparison.ask(&Call::CreateEvent(namespace.clone(), body));
        if answer.status == 201 {
            self.events.push((namespace, name));
        }
    }

    // What others do.

    fn relabel_namespace(&mut self) {
        let name = *self.chance.pick(&NAMESPACES);
        let tier = if self.chance.per_mille(500) { json!("frozen") } else { Value::Null };
        self.label_namespace(name, &json!({"tier": tier}));
    }

    fn label_namespace(&mut self, name: &str, labels: &Value) {
        let path = format!("{}/{name}", collection(Resource::Namespaces, None));
        let body = json!({"metadata": {"labels": labels}});
        let before = self.plane.api.get(&path).ok();
        let after = self.plane.api.patch(api::Patch::Merge, &path, &body).ok();
        if before["metadata"]["resourceVersion"] != after["metadata"]["resourceVersion"] {
            self.put_namespace(after);
        }
    }

    /// A right is taken away, or given back.
    fn change_right(&mut self) {
        let before = self.withheld.take();
        if before.is_none() {
            self.withheld = Some(*self.chance.pick(&WITHHELD));
        }
        let role = self.role();
        self.plane.api.put(&format!("{RBAC}/clusterroles/compared"), &role).ok();
        let server = &self.comparison.model.server;
        lock(server).withheld = self.withheld.map(|(verb, _, resource)| (verb, resource));
        let right = before.or(self.withheld).expect("one of them is");
        self.await_right(right, before.is_some());
    }

    /// What is granted, without what is withheld.
    fn role(&self) -> Value {
        let all: Vec<Value> = GRANTED
            .iter()
            .flat_map(|(verbs, group, resource)| {
                verbs.split(' ').map(move |verb| (verb, *group, *resource))
            })
            .filter(|right| self.withheld != Some(*right))
            .map(|(verb, group, resource)| {
                json!({"verbs": [verb], "apiGroups": [group], "resources": [resource]})
            })
            .collect();
        json!({"metadata": {"name": "compared"}, "rules": all})
    }

    /// The API server learns of it by a watch of its own.
    fn await_right(&self, (verb, group, resource): Right, granted: bool) {
        let attributes = json!({"verb": verb, "group": group, "resource": resource});
        let mut review = review(&attributes);
        review["kind"] = "SubjectAccessReview".into();
        review["spec"]["user"] = "compared".into();
        let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
        eventually("the right is granted or withheld", PATIENCE, || {
            let answer = self.plane.api.post(path, &review).ok();
            (answer["status"]["allowed"] == granted).then_some(())
        });
    }

    /// Everything from before is forgotten: pages and watches cannot go on.
    pub fn forget(&mut self) {
        self.look();
        self.watches.clear();
        // One that nothing but this has seen, so that all moments from before are older.
        let body = json!({"metadata": {"labels": {"tick": "none"}}});
        let key = sentinel(Resource::Jobs);
        let answer = self.comparison.ask(&Call::Patch(Patch::new(&key, body)));
        let revision = &answer.body["metadata"]["resourceVersion"];
        self.plane.ask_etcd("kv/compaction", &json!({"revision": revision, "physical": true}));
        self.plane.restart_apiserver();
        lock(&self.comparison.model.server).compact();
        self.forgotten = self.moments.len();
        for page in std::mem::take(&mut self.tokens) {
            self.comparison.ask(&Call::List(page));
        }
        self.open();
    }

    // What is known.

    /// Takes down what an object is now.
    fn learn(&mut self, key: &Key, answer: &Answer) {
        if answer.status == 404 {
            if let Some(known) = self.known.remove(key) {
                self.gone.insert(key.clone(), known.object);
            }
            return;
        }
        if answer.status >= 300 {
            return;
        }
        let fresh = &answer.body;
        let Some(known) = self.known.get_mut(key) else {
            let object = fresh.clone();
            self.known.insert(key.clone(), Known { object, past: Vec::new() });
            return;
        };
        let version = |object: &Value| object["metadata"]["resourceVersion"].clone();
        if version(&known.object) != version(fresh) {
            known.past.extend(version(&known.object).as_str().map(str::to_owned));
        }
        if fresh["kind"] == "PartialObjectMetadata" {
            known.object["metadata"] = fresh["metadata"].clone();
        } else {
            known.object = fresh.clone();
        }
    }

    /// A uid and a version for a write to be done to: mostly those that are there.
    fn condition(&mut self, key: &Key) -> Value {
        let (now, before) = (self.known.get(key), self.gone.get(key));
        let of = |object: &Value| {
            let metadata = &object["metadata"];
            (metadata["uid"].clone(), metadata["resourceVersion"].clone())
        };
        let nobody = (json!("00000000-0000-4000-8000-00000000ffff"), json!("7"));
        let current = now.map(|known| of(&known.object));
        let past = before.map_or_else(|| nobody.clone(), of);
        let stale = now.and_then(|known| known.past.last()).map(|version| json!(version));
        let current = current.unwrap_or_else(|| past.clone());
        let (uid, version) = match self.chance.between(0, 19) {
            0..=2 => (current.0, stale.unwrap_or(current.1)),
            3 => past,
            4 => (past.0, current.1),
            5 => (current.0, past.1),
            6 => (Value::Null, current.1),
            7 => (current.0, Value::Null),
            8 => (Value::Null, Value::Null),
            _ => current,
        };
        let mut metadata = json!({});
        for (member, value) in [("uid", uid), ("resourceVersion", version)] {
            if !value.is_null() {
                metadata[member] = value;
            }
        }
        json!({"metadata": metadata})
    }

    /// Mostly of something that is there.
    fn any_key(&mut self) -> Key {
        let keys: Vec<Key> = self.known.keys().cloned().collect();
        if keys.is_empty() || self.chance.per_mille(150) {
            let resource =
                *self.chance.pick(&[Resource::Jobs, Resource::CronJobs, Resource::Leases]);
            return self.new_key(resource);
        }
        self.chance.pick(&keys).clone()
    }

    /// Of a Job or a `CronJob`, mostly of one that is there.
    fn stored_key(&mut self) -> Key {
        let resource = if self.chance.per_mille(750) { Resource::Jobs } else { Resource::CronJobs };
        self.key_of(resource)
    }

    fn key_of(&mut self, resource: Resource) -> Key {
        let known = self.known.keys().filter(|key| key.resource == resource).cloned();
        let known: Vec<Key> = known.collect();
        if known.is_empty() || self.chance.per_mille(80) {
            return self.new_key(resource);
        }
        self.chance.pick(&known).clone()
    }

    fn new_key(&mut self, resource: Resource) -> Key {
        let namespace = *self.chance.pick(&NAMESPACES);
        let (name, most) = match resource {
            Resource::Jobs => ("job", 25),
            Resource::CronJobs => ("cron", 3),
            Resource::Leases => return Key::new(resource, "apps", "curfew"),
            Resource::Namespaces => unreachable!("nobody writes namespaces in this way"),
        };
        Key::new(resource, namespace, &format!("{name}-{}", self.chance.between(1, most)))
    }

    fn object(&self, key: &Key, metadata: Value) -> Value {
        let position = usize::from(key.resource == Resource::CronJobs);
        let mut object = self.templates[position].clone();
        object["metadata"] = metadata;
        object["metadata"]["name"] = key.name.as_str().into();
        object
    }
}

/// The object that says how far a watch of a kind is.
fn sentinel(resource: Resource) -> Key {
    let namespace = if resource == Resource::Namespaces { "" } else { "sentinel" };
    Key::new(resource, namespace, "sentinel")
}

fn review(attributes: &Value) -> Value {
    json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    })
}

/// One is the beginning of another: a list has them in the order of their whole paths.
const NAMESPACES: [&str; 3] = ["apps", "apps-two", "data"];

const WATCHED: [Resource; 3] = [Resource::Jobs, Resource::CronJobs, Resource::Namespaces];

/// What the user of the comparison may do: verbs, group and resource.
const GRANTED: [(&str, &str, &str); 8] = [
    ("get list watch create patch delete", "batch", "jobs"),
    ("get list watch create patch delete", "batch", "cronjobs"),
    ("patch", "batch", "jobs/status"),
    ("patch", "batch", "cronjobs/status"),
    ("list watch", "", "namespaces"),
    ("get create update patch delete", "coordination.k8s.io", "leases"),
    ("create patch", "events.k8s.io", "events"),
    ("get", "admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
];

/// What curfew asks whether it may.
const ASKED: [Right; 10] = [
    ("list", "batch", "jobs"),
    ("watch", "batch", "jobs"),
    ("list", "batch", "cronjobs"),
    ("watch", "batch", "cronjobs"),
    ("list", "", "namespaces"),
    ("watch", "", "namespaces"),
    ("patch", "batch", "jobs"),
    ("patch", "batch", "cronjobs"),
    ("delete", "batch", "jobs"),
    ("create", "events.k8s.io", "events"),
];

/// Those that the bed takes away.
const WITHHELD: [Right; 4] = [
    ("delete", "batch", "jobs"),
    ("patch", "batch", "jobs"),
    ("list", "batch", "cronjobs"),
    ("create", "events.k8s.io", "events"),
];

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";

/// For what the API server learns by itself.
const PATIENCE: Duration = Duration::from_secs(30);
