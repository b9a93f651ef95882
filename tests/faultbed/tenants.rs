//! Everybody else in the cluster: people, their tools, and the other controllers.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::meaning::{cronjob_of, finish, is_terminating, present_ttl};
use crate::replica::{LEASE, NAMESPACE};
use crate::seed::Chance;
use crate::server::Server;
use crate::server::store::{Key, Resource};
use crate::time::{self, MINUTE, Moment, SECOND};

/// How busy a cluster is.
#[derive(Clone, Copy, Debug)]
pub struct Business {
    /// Finished Jobs at the beginning.
    pub stored: u64,
    /// Of a thousand steps so many bring a Job.
    pub arrivals: u64,
    /// The same of other changes.
    pub changes: u64,
    /// Whether the built-in TTL controller runs.
    pub builtin: bool,
}

/// Does what tenants do.
#[derive(Debug)]
pub struct Tenants {
    chance: Chance,
    business: Business,
    /// What happens to an object later, by time and a number.
    later: BTreeMap<(Moment, u64), Later>,
    planned: u64,
    burst: u64,
}

#[derive(Clone, Debug)]
enum Later {
    Finish(Key, String),
    /// Its finalizers go, and so does it.
    Collect(Key, String),
    /// A tool puts the TTL back to what it knows.
    Revert(Key, String, Option<i64>),
}

// === impl Tenants ===

impl Tenants {
    pub fn new(chance: Chance, business: Business) -> Self {
        Self { chance, business, later: BTreeMap::new(), planned: 0, burst: 0 }
    }

    /// Before anybody else is there.
    pub fn settle(&mut self, server: &mut Server) {
        for name in NAMESPACES {
            server.put(&Key::new(Resource::Namespaces, "", name), json!({}), "there is");
        }
        for namespace in NAMESPACES {
            for name in CRONJOBS {
                let key = Key::new(Resource::CronJobs, namespace, name);
                put_cronjob(self.chance.of(&key.to_string(), 0), server, &key);
            }
        }
        for number in 0..self.business.stored {
            let mut chance = self.chance.of("stored", number);
            let age = i64::try_from(chance.between(5 * 60, 3 * 3_600)).expect("small");
            let name = format!("stored-{number}");
            server.happen(name.clone(), |server| self.arrive(chance, server, name, Some(age)));
        }
    }

    /// What happens up to now.
    pub fn step(&mut self, server: &mut Server) {
        let now = server.now;
        while let Some(entry) = self.later.first_entry().filter(|entry| entry.key().0 <= now) {
            let later = entry.remove();
            self.happen(server, later);
        }
        let mut chance = self.chance.of("arrivals", now);
        if self.business.arrivals > 0 && chance.per_mille(1) {
            self.burst = chance.between(5, 40);
        }
        if self.burst > 0 || chance.per_mille(self.business.arrivals) {
            self.burst = self.burst.saturating_sub(1);
            let name = format!("job-{now}");
            server.happen(name.clone(), |server| self.arrive(chance, server, name, None));
        }
        let mut chance = self.chance.of("changes", now);
        if chance.per_mille(self.business.changes) {
            server.happen(format!("change-{now}"), |server| self.change(chance, server));
        }
        if now.is_multiple_of(2 * SECOND) {
            self.collect(server);
        }
    }

    /// Nobody changes anything any more; what goes on by itself does.
    pub fn rest(&mut self) {
        self.business.arrivals = 0;
        self.business.changes = 0;
        self.burst = 0;
        self.later.retain(|_, later| !matches!(later, Later::Revert(..)));
    }

    fn plan(&mut self, at: Moment, later: Later) {
        self.planned += 1;
        self.later.insert((at, self.planned), later);
    }

    /// A new Job, or one that finished so many seconds ago.
    fn arrive(&mut self, mut chance: Chance, server: &mut Server, name: String, age: Option<i64>) {
        let namespace = *chance.pick(&NAMESPACES);
        // Now and then a name comes back.
        let name = if chance.per_mille(30) { "again".to_owned() } else { name };
        let key = Key::new(Resource::Jobs, namespace, &name);
        if server.store.get(&key).is_some() {
            return;
        }
        let mut metadata = json!({"labels": {}, "annotations": {}});
        if chance.per_mille(400) {
            let cronjob = Key::new(Resource::CronJobs, namespace, chance.pick::<&str>(&CRONJOBS));
            if let Some(cronjob) = server.store.get(&cronjob) {
                let labels = &cronjob["spec"]["jobTemplate"]["metadata"]["labels"];
                metadata["labels"] = if labels.is_null() { json!({}) } else { labels.clone() };
                metadata["ownerReferences"] = json!([{
                    "apiVersion": "batch/v1", "kind": "CronJob", "controller": true,
                    "name": cronjob["metadata"]["name"], "uid": cronjob["metadata"]["uid"],
                }]);
            }
        } else {
            metadata["labels"]["app"] = (*chance.pick(&["web", "etl", "misc"])).into();
            if chance.per_mille(40) {
                metadata["ownerReferences"] = other_owner();
            }
        }
        if chance.per_mille(60) {
            metadata["labels"]["keep"] = "yes".into();
        }
        let mut spec = json!({"template": {"spec": {}}});
        match chance.between(0, 9) {
            0 => spec["ttlSecondsAfterFinished"] = (*chance.pick(&[0, 20, 90, 900])).into(),
            // As the webhook writes it.
            1 | 2 => {
                let ttl = *chance.pick(&[30, 60, 600]);
                spec["ttlSecondsAfterFinished"] = ttl.into();
                let record = format!(r#"{{"ttl":[{ttl},null,"defaults"]}}"#);
                metadata["annotations"]["curfew.dev/applied"] = record.into();
            }
            _ => {}
        }
        if chance.per_mille(30) {
            metadata["finalizers"] = json!(["example.com/wait"]);
        }
        let now = server.now;
        let started =
            time::wall(now) - jiff::SignedDuration::from_secs(age.unwrap_or_default() + 60);
        let status = json!({"startTime": time::text(started), "active": 1});
        let mut object = json!({"metadata": metadata, "spec": spec, "status": status});
        if chance.per_mille(200) {
            // Of a Job that runs; only `"True"` says that it has ended.
            let (kind, status) = *chance.pick(&[
                ("Complete", "False"),
                ("Failed", "Unknown"),
                ("Suspended", "False"),
            ]);
            let at = time::text(time::wall(now));
            object["status"]["conditions"] =
                json!([{"type": kind, "status": status, "lastTransitionTime": at}]);
        }
        if let Some(age) = age {
            let at = time::wall(now) - jiff::SignedDuration::from_secs(age);
            object["status"]["conditions"] = ended(&mut chance, at);
        }
        server.put(&key, object, "a Job is made");
        let uid = server.store.get(&key).map(|job| uid(job)).unwrap_or_default();
        if age.is_none() {
            let slow = chance.per_mille(50);
            let takes = if slow { 15 * MINUTE } else { chance.between(SECOND, MINUTE) };
            self.plan(now + takes, Later::Finish(key.clone(), uid.clone()));
            if slow && chance.per_mille(500) {
                let known = server.store.get(&key).and_then(|job| present_ttl(job));
                self.plan(now + 20 * SECOND, Later::Revert(key, uid, known));
            }
        }
    }

    fn happen(&mut self, server: &mut Server, later: Later) {
        let now = server.now;
        let (Later::Finish(key, of) | Later::Collect(key, of) | Later::Revert(key, of, _)) = &later;
        let Some(job) = server.store.get(key).filter(|job| uid(job) == *of).cloned() else {
            return;
        };
        let mut chance = self.chance.of(&key.to_string(), now);
        match later {
            Later::Finish(key, _) => {
                let mut job = Value::clone(&job);
                job["status"]["conditions"] = ended(&mut chance, time::wall(now));
                server.put(&key, job, "a Job finishes");
            }
            Later::Collect(key, _) => server.remove(&key, "the garbage collector takes"),
            Later::Revert(key, of, ttl) => {
                if finish(&job).is_none() && present_ttl(&job) != ttl {
                    let mut job = Value::clone(&job);
                    set_ttl(&mut job, ttl);
                    server.happen(format!("revert-{}-{now}", key.name), |server| {
                        server.put(&key, job, "a tool puts the TTL back");
                        server.strike_quietly("value reverted");
                    });
                }
                let again = now + chance.between(10 * SECOND, 90 * SECOND);
                self.plan(again, Later::Revert(key, of, ttl));
            }
        }
    }

    /// The garbage collector, and the built-in TTL controller where there is one.
    fn collect(&mut self, server: &mut Server) {
        let now = server.now;
        let jobs: Vec<(Key, Arc<Value>)> = server
            .store
            .all(Resource::Jobs)
            .map(|(key, job)| (key.clone(), Arc::clone(job)))
            .collect();
        for (key, job) in jobs {
            let mut chance = self.chance.of(&key.to_string(), now);
            if is_terminating(&job) {
                let is_planned = |later: &Later| matches!(later, Later::Collect(other, of) if *other == key && *of == uid(&job));
                if !self.later.values().any(is_planned) {
                    let at = now + chance.between(SECOND, 20 * SECOND);
                    self.plan(at, Later::Collect(key, uid(&job)));
                }
                continue;
            }
            let is_orphan = cronjob_of(&job).is_some_and(|(name, owner)| {
                let cronjob = server.store.get(&Key::new(Resource::CronJobs, &key.namespace, name));
                cronjob.is_none_or(|cronjob| cronjob["metadata"]["uid"] != owner)
            });
            let is_expired = || {
                let Some(ttl) = present_ttl(&job) else { return false };
                let Some((finish, _)) = finish(&job) else { return false };
                finish + ttl * 1_000 <= i64::try_from(now).expect("small")
            };
            if is_orphan && chance.per_mille(30) {
                server.remove(&key, "the garbage collector takes");
            } else if self.business.builtin && is_expired() {
                server.tell(&format!("the built-in TTL controller deletes: {key}"));
                server.store.delete(&key, false, now);
                server.changed.notify_waiters();
            }
        }
    }

    /// Somebody changes something.
    fn change(&mut self, mut chance: Chance, server: &mut Server) {
        let namespace = *chance.pick(&NAMESPACES);
        let first = Key::new(Resource::Jobs, namespace, "");
        let jobs =
            server.store.objects.range(first..).take_while(|(key, _)| {
                key.resource == Resource::Jobs && key.namespace == namespace
            });
        // The same, whichever others there are.
        let job = jobs.min_by_key(|(key, _)| chance.of(&key.name, 0).seed());
        let job = job.map(|(key, job)| (key.clone(), Arc::clone(job)));
        let what = chance.between(0, 15);
        match what {
            0 => return relabel_namespace(server, namespace),
            1 | 2 => return change_cronjob(chance, server, namespace),
            _ => {}
        }
        let Some((key, job)) = job else { return };
        if is_terminating(&job) {
            return;
        }
        let mut job = Value::clone(&job);
        let now = server.now;
        let metadata = &mut job["metadata"];
        let words = match what {
            3..=5 => {
                metadata["labels"]["keep"] = "yes".into();
                "a Job is to be kept"
            }
            6 => {
                metadata["labels"].as_object_mut().map(|labels| labels.remove("keep"));
                "a Job need not be kept"
            }
            7 | 8 => {
                let until = time::wall(now + chance.between(10 * SECOND, 8 * MINUTE));
                metadata["annotations"]["curfew.dev/hold-until"] = time::text(until).into();
                "a hold is placed"
            }
            9 => {
                let annotations = metadata["annotations"].as_object_mut();
                annotations.map(|annotations| annotations.remove("curfew.dev/hold-until"));
                "a hold is released"
            }
            10 => {
                metadata["ownerReferences"] = other_owner();
                "another one owns a Job"
            }
            11 => {
                metadata["labels"]["app"] = (*chance.pick(&["web", "etl", "misc"])).into();
                "a Job is relabelled"
            }
            12 => {
                let ttl = *chance.pick(&[None, Some(10), Some(300), Some(3_000)]);
                set_ttl(&mut job, ttl);
                "the TTL of a Job is changed"
            }
            13 => return server.remove(&key, "somebody deletes"),
            14 => {
                server.remove(&key, "somebody deletes");
                let metadata = json!({"labels": job["metadata"]["labels"], "annotations": {}});
                job = json!({"metadata": metadata, "spec": job["spec"], "status": {"active": 1}});
                server.put(&key, job, "somebody makes anew");
                let made = server.store.get(&key).map(|job| uid(job)).unwrap_or_default();
                let at = now + chance.between(SECOND, MINUTE);
                return self.plan(at, Later::Finish(key, made));
            }
            _ => {
                job["status"]["ready"] = chance.between(0, 9).into();
                "the status of a Job changes"
            }
        };
        server.put(&key, job, words);
    }
}

/// Somebody looks at what is held, and agrees.
pub fn approve(mut chance: Chance, server: &mut Server) {
    let key = Key::new(Resource::Leases, NAMESPACE, LEASE);
    let Some(lease) = server.store.get(&key).cloned() else { return };
    let text = lease["metadata"]["annotations"]["curfew.dev/brake"].as_str();
    let memory: Value = text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let Some(hold) = memory["holds"].as_array().and_then(|holds| holds.first()) else { return };
    let revision = hold["revision"].as_str().unwrap_or_default();
    let cutoff = time::read(&hold["cutoff"]).unwrap_or_default() + time::start().as_millisecond();
    let namespace = hold["cause"].as_object().and_then(|cause| cause.values().next()?.as_str());
    let tail = namespace.map(|name| format!("-{name}")).unwrap_or_default();
    let count = hold["count"].as_u64().unwrap_or_default() + chance.between(0, 30);
    let mut lease = Value::clone(&lease);
    lease["metadata"]["annotations"]["curfew.dev/approve"] =
        format!("{revision}-{}-{count}{tail}", cutoff / 1_000).into();
    server.oracle.approved(revision);
    server.put(&key, lease, "somebody approves");
}
/// Somebody exempts namespaces and `CronJob`s, whatever is due there.
pub fn exempt(mut chance: Chance, server: &mut Server) {
    let now = server.now;
    for namespace in NAMESPACES {
        if chance.per_mille(250) {
            server.happen(format!("freeze-{namespace}-{now}"), |server| {
                if label_namespace(server, namespace, true) {
                    server.strike_quietly("exempt behind a silent watch");
                }
            });
        }
        for name in CRONJOBS {
            let key = Key::new(Resource::CronJobs, namespace, name);
            if chance.per_mille(250) {
                server.happen(format!("keep-{namespace}-{name}-{now}"), |server| {
                    let Some(cronjob) = server.store.get(&key) else { return };
                    let mut cronjob = Value::clone(cronjob);
                    cronjob["metadata"]["labels"]["keep"] = "yes".into();
                    server.put(&key, cronjob, "a CronJob is to be kept");
                    server.strike_quietly("exempt behind a silent watch");
                });
            }
        }
    }
}

fn put_cronjob(mut chance: Chance, server: &mut Server, key: &Key) {
    let labels = json!({"app": chance.pick(&["web", "etl", "misc"])});
    let template = if chance.per_mille(500) { json!({"labels": labels}) } else { json!({}) };
    let object = json!({
        "metadata": {"labels": labels},
        "spec": {
            "schedule": "0 3 * * *", "concurrencyPolicy": "Allow", "suspend": false,
            "successfulJobsHistoryLimit": chance.between(1, 8), "failedJobsHistoryLimit": 1,
            "jobTemplate": {"metadata": template, "spec": {"template": {"spec": {}}}},
        },
        "status": {},
    });
    server.put(key, object, "a CronJob is made");
}

fn change_cronjob(mut chance: Chance, server: &mut Server, namespace: &str) {
    let key = Key::new(Resource::CronJobs, namespace, chance.pick::<&str>(&CRONJOBS));
    let Some(cronjob) = server.store.get(&key).cloned() else {
        return put_cronjob(chance, server, &key);
    };
    let mut cronjob = Value::clone(&cronjob);
    match chance.between(0, 7) {
        0 => server.remove(&key, "somebody deletes"),
        1 | 6 | 7 => {
            server.remove(&key, "somebody deletes");
            put_cronjob(chance, server, &key);
        }
        2 | 3 => {
            cronjob["metadata"]["labels"]["keep"] = "yes".into();
            server.put(&key, cronjob, "a CronJob is to be kept");
        }
        4 => {
            cronjob["metadata"]["labels"].as_object_mut().map(|labels| labels.remove("keep"));
            server.put(&key, cronjob, "a CronJob need not be kept");
        }
        _ => {
            cronjob["spec"]["suspend"] = (cronjob["spec"]["suspend"] != true).into();
            server.put(&key, cronjob, "a CronJob is suspended or goes on");
        }
    }
}

fn ended(chance: &mut Chance, at: jiff::Timestamp) -> Value {
    let kind = if chance.per_mille(800) { "Complete" } else { "Failed" };
    json!([{"type": kind, "status": "True", "lastTransitionTime": time::text(at)}])
}

fn relabel_namespace(server: &mut Server, name: &str) {
    let is_frozen = is_frozen(server, name);
    label_namespace(server, name, !is_frozen);
}

fn is_frozen(server: &Server, namespace: &str) -> bool {
    let namespace = server.store.get(&Key::new(Resource::Namespaces, "", namespace));
    namespace.is_some_and(|namespace| namespace["metadata"]["labels"]["tier"] == "frozen")
}

pub fn any_namespace(chance: &mut Chance) -> &'static str {
    chance.pick::<&str>(&NAMESPACES)
}

/// Somebody exempts all namespaces, or none any more.
pub fn label_all(server: &mut Server, is_to_freeze: bool) {
    for namespace in NAMESPACES {
        label_namespace(server, namespace, is_to_freeze);
    }
}

/// Says whether it is another label.
fn label_namespace(server: &mut Server, name: &str, is_to_freeze: bool) -> bool {
    let key = Key::new(Resource::Namespaces, "", name);
    if is_frozen(server, name) == is_to_freeze {
        return false;
    }
    let Some(namespace) = server.store.get(&key) else { return false };
    let mut namespace = Value::clone(namespace);
    namespace["metadata"]["labels"] =
        if is_to_freeze { json!({"tier": "frozen"}) } else { json!({"team": "blue"}) };
    let words = if is_to_freeze { "frozen from now on" } else { "no longer frozen" };
    server.put(&key, namespace, words);
    true
}

fn set_ttl(job: &mut Value, ttl: Option<i64>) {
    match ttl {
        Some(ttl) => job["spec"]["ttlSecondsAfterFinished"] = ttl.into(),
        None => {
            job["spec"].as_object_mut().map(|spec| spec.remove("ttlSecondsAfterFinished"));
        }
    }
}

fn other_owner() -> Value {
    json!([{"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": "flow", "uid": "flow-1"}])
}

fn uid(object: &Value) -> String {
    object["metadata"]["uid"].as_str().unwrap_or_default().to_owned()
}

const NAMESPACES: [&str; 4] = ["apps", "batch", "data", "team"];
const CRONJOBS: [&str; 2] = ["nightly", "report"];
