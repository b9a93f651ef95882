//! Whether the brake is passed: of the Jobs that a new revision, or new labels of a namespace, make due
//! at once, no more than `atMost` end without a person.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Given, Meaning, Surroundings};
use crate::meaning::{Family, cronjob_of, finish};
use crate::server::store::{Key, Resource, Store};
use crate::time::{self, HOUR, MINUTE, Moment};

#[derive(Default)]
pub(super) struct Brakes {
    /// The revision that was accepted last, by the Lease.
    accepted: Option<String>,
    watched: Vec<Watched>,
}

/// The Jobs that a revision made due when it came, or new labels under a revision that was accepted,
/// where they were too many.
struct Watched {
    policy: usize,
    revision: String,
    since: Moment,
    /// Whether new labels did.
    by_labels: bool,
    at_most: usize,
    /// By uid, each with the version in which it was counted, and when it falls due.
    jobs: BTreeMap<String, String>,
    ended: usize,
    approved: bool,
}

// === impl Brakes ===

impl Brakes {
    pub(super) fn policy_is_new(
        &mut self,
        given: &[Given],
        policy: usize,
        store: &Store,
        now: Moment,
    ) {
        let Given { policy: compiled, meaning } = &given[policy];
        if self.accepted.as_ref() == Some(&compiled.revision) {
            return;
        }
        let accepted = self.accepted.as_ref().map(|revision| meaning_of(given, revision));
        let mut jobs = BTreeMap::new();
        for (key, job) in store.all(Resource::Jobs) {
            if is_due(meaning, store, key, job, now)
                && !accepted.is_some_and(|accepted| may_go_anyway(accepted, store, key, job, now))
                && is_settled(store, key, job, now)
            {
                jobs.insert(uid(job), version(job));
            }
        }
        if jobs.len() > meaning.at_most {
            self.watched.push(Watched {
                policy,
                revision: compiled.revision.clone(),
                since: now,
                by_labels: false,
                at_most: meaning.at_most,
                jobs,
                ended: 0,
                approved: false,
            });
        }
    }

    /// Somebody changed the labels of a namespace; `led` is the policy of the leader, if there is one.
    /// Where there is none, whoever leads next under the accepted policy has to find out.
    pub(super) fn relabelled(
        &mut self,
        given: &[Given],
        led: Option<usize>,
        store: &Store,
        namespace: &Key,
        now: Moment,
    ) {
        let is_accepted = |one: &Given| self.accepted.as_ref() == Some(&one.policy.revision);
        let Some(policy) = led.or_else(|| given.iter().position(is_accepted)) else { return };
        let Given { policy: compiled, meaning } = &given[policy];
        let changes = store.changes.get(&Resource::Namespaces).and_then(|all| all.last());
        let before = changes.and_then(|change| change.before.as_deref());
        if !is_accepted(&given[policy]) || before.is_none() {
            return;
        }
        let was_due = |key: &Key, job: &Value| {
            let surroundings = Surroundings::of(store, key, job, now, 0);
            let horizon = i64::try_from(now + HOUR).expect("small");
            surroundings.cronjobs.iter().any(|cronjob| {
                let family = Family { job, cronjob: cronjob.as_deref(), namespace: before };
                meaning.due(family).is_some_and(|due| due <= horizon)
            })
        };
        let within = store.all(Resource::Jobs).filter(|(key, _)| key.namespace == namespace.name);
        let made_due = within.filter(|(key, job)| {
            is_due(meaning, store, key, job, now)
                && !was_due(key, job)
                && is_settled(store, key, job, now)
        });
        let jobs: BTreeMap<_, _> = made_due.map(|(_, job)| (uid(job), version(job))).collect();
        if jobs.len() > meaning.at_most {
            self.watched.push(Watched {
                policy,
                revision: compiled.revision.clone(),
                since: now,
                by_labels: true,
                at_most: meaning.at_most,
                jobs,
                ended: 0,
                approved: false,
            });
        }
    }

    /// What another revision that was accepted in the meantime ends is no longer new.
    pub(super) fn lease_written(&mut self, given: &[Given], lease: &Value, store: &Store) {
        let memory = memory(lease);
        let accepted = memory["accepted"].as_str().map(str::to_owned);
        // Where somebody has deleted the Lease, what was accepted still is.
        if accepted.is_none() || accepted == self.accepted {
            return;
        }
        self.accepted = accepted;
        let Some(accepted) = &self.accepted else { return };
        let meaning = meaning_of(given, accepted);
        for watched in self.watched.iter_mut().filter(|watched| watched.revision != *accepted) {
            let since = watched.since;
            for (key, job) in store.all(Resource::Jobs) {
                if may_go_anyway(meaning, store, key, job, since) {
                    watched.jobs.remove(&uid(job));
                }
            }
        }
    }

    pub(super) fn approved(&mut self, revision: &str) {
        for watched in self.watched.iter_mut().filter(|watched| watched.revision == revision) {
            watched.approved = true;
        }
    }

    /// A finished Job is ended by a policy among these.
    pub(super) fn ended(
        &mut self,
        policies: &[usize],
        job: &Value,
        store: &Store,
        key: &Key,
    ) -> Result<(), String> {
        let [only] = policies else { return Ok(()) };
        let is_it = |watched: &&mut Watched| watched.policy == *only && !watched.approved;
        for watched in self.watched.iter_mut().filter(is_it) {
            let is_same = watched.jobs.get(&uid(job)) == Some(&version(job));
            if !is_same || surroundings_changed(store, key, job, watched.since, Moment::MAX) {
                continue;
            }
            watched.ended += 1;
            if watched.ended > watched.at_most {
                let by = if watched.by_labels { "new labels under policy" } else { "policy" };
                return Err(format!(
                    "{by} {} made {} Jobs due at once, and {} of them end without a person",
                    watched.policy,
                    watched.jobs.len(),
                    watched.ended
                ));
            }
        }
        Ok(())
    }
}

/// What the brake holds, as it stands on the Lease.
pub(super) struct Hold {
    namespace: Option<String>,
    cutoff: i64,
    horizon: i64,
}

// === impl Hold ===

impl Hold {
    pub(super) fn holds(&self, namespace: &str, finish: i64, due: i64) -> bool {
        self.namespace.as_ref().is_none_or(|own| own == namespace)
            && finish <= self.cutoff
            && due <= self.horizon
    }
}

/// The holds of a revision.
pub(super) fn held(store: &Store, revision: &str) -> Vec<Hold> {
    let leases = store.all(Resource::Leases).map(|(_, lease)| memory(lease));
    let holds = leases.flat_map(|memory| memory["holds"].as_array().cloned().unwrap_or_default());
    holds
        .filter(|hold| hold["revision"] == revision)
        .filter_map(|hold| {
            let cause = hold["cause"].as_object().and_then(|cause| cause.values().next()?.as_str());
            let namespace = cause.map(str::to_owned);
            let (cutoff, horizon) = (time::read(&hold["cutoff"])?, time::read(&hold["horizon"])?);
            Some(Hold { namespace, cutoff, horizon })
        })
        .collect()
}

fn memory(lease: &Value) -> Value {
    let text = lease["metadata"]["annotations"]["curfew.dev/brake"].as_str();
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

fn meaning_of<'g>(given: &'g [Given], revision: &str) -> &'g Meaning {
    let it = given.iter().find(|given| given.policy.revision == revision);
    &it.expect("only what was given can be accepted").meaning
}

fn is_due(meaning: &Meaning, store: &Store, key: &Key, job: &Value, now: Moment) -> bool {
    let surroundings = Surroundings::of(store, key, job, now, 0);
    let horizon = i64::try_from(now + HOUR).expect("small");
    surroundings.families(job).any(|family| meaning.due(family).is_some_and(|due| due <= horizon))
}

/// Whether another policy would end it within the hour as well, in whatever way.
fn may_go_anyway(meaning: &Meaning, store: &Store, key: &Key, job: &Value, now: Moment) -> bool {
    is_due(meaning, store, key, job, now)
        || meaning.history_max.is_some() && cronjob_of(job).is_some()
}

/// Whether it finished so long ago, and its surroundings are so old, that every replica knows.
fn is_settled(store: &Store, key: &Key, job: &Value, now: Moment) -> bool {
    let long_ago = i64::try_from(now).expect("small") - i64::try_from(4 * MINUTE).expect("small");
    let is_old = finish(job).is_some_and(|(finish, _)| finish < long_ago);
    let job_changes = store.changes.get(&Resource::Jobs).map_or(&[][..], Vec::as_slice);
    let mut recent = job_changes
        .iter()
        .rev()
        .take_while(|change| i64::try_from(change.at).expect("small") >= long_ago);
    let has_changed = recent.any(|change| change.key == *key);
    // What was there at the beginning was made then.
    let is_old = is_old && (now == 0 || !has_changed);
    is_old
        && (now == 0 || !surroundings_changed(store, key, job, now.saturating_sub(4 * MINUTE), now))
}

/// Whether they did after one moment and before another.
fn surroundings_changed(
    store: &Store,
    key: &Key,
    job: &Value,
    since: Moment,
    until: Moment,
) -> bool {
    let changed = |resource: Resource, namespace: &str, name: &str| {
        let key = Key::new(resource, namespace, name);
        let changes = store.changes.get(&resource).map_or(&[][..], Vec::as_slice);
        let mut since = changes.iter().rev().take_while(|change| change.at > since);
        since.any(|change| change.key == key && change.at < until)
    };
    let cronjob =
        cronjob_of(job).is_some_and(|(name, _)| changed(Resource::CronJobs, &key.namespace, name));
    cronjob || changed(Resource::Namespaces, "", &key.namespace)
}

fn uid(job: &Value) -> String {
    job["metadata"]["uid"].as_str().unwrap_or_default().to_owned()
}

fn version(job: &Value) -> String {
    job["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned()
}
