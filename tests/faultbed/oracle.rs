//! Judges every write of curfew when it arrives, from what the server has stored and had stored.
//!
//! It is written from the delete contract and the policy's documentation, and calls none of the
//! code that it judges. Where nobody can know how a question should be answered (a change that is on
//! its way), both answers count as right.

mod brake;
mod flap;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use self::brake::Brakes;
use self::flap::Flaps;
use crate::meaning::{
    Action, Family, Given, Meaning, author_ttl, cronjob_of, finish, held_until, is_terminating,
    present_ttl, record,
};
use crate::server::store::{Key, Resource, Store};
use crate::time::{MINUTE, Moment, SECOND};

/// A write that would be done.
#[derive(Clone, Copy, Debug)]
pub struct Write<'a> {
    pub key: &'a Key,
    pub before: &'a Value,
    /// `None` for a deletion.
    pub after: Option<&'a Value>,
    pub request: &'a Value,
}

/// What the bed did to a replica.
#[derive(Clone, Debug, Default)]
pub struct Known {
    pub identity: String,
    /// Which policy it was given when.
    pub policies: Vec<(Moment, usize)>,
    /// From when until when it stood still.
    pub pauses: Vec<(Moment, Moment)>,
    /// Its wall clock was wrong until then.
    pub clock_wrong_until: Option<Moment>,
}

#[derive(Default)]
pub struct Oracle {
    /// All policies, in the order in which they came.
    pub given: Vec<Given>,
    pub replicas: Vec<Known>,
    /// What is wrong, if anything.
    pub violation: Option<String>,
    pub counts: Counts,
    leader: Option<Leader>,
    /// Who led when somebody deleted the Lease, and may not have noticed yet.
    deposed: Option<Leader>,
    /// How long ago the request was sent that arrives just now, where nobody waits for it any more.
    pub late: Moment,
    brakes: Brakes,
    flaps: Flaps,
}

/// Who leads, by the Lease.
#[derive(Clone, Debug)]
struct Leader {
    identity: String,
    renewed: Moment,
    /// Counts up with each new leader, and where one may have stopped in between.
    term: u64,
    /// Nobody was told that it renewed: it may have stopped.
    unsure: bool,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub deletions: u64,
    /// Of them, so many within a minute of a fault.
    pub near_faults: u64,
    pub patches: u64,
    /// Writes right after a pause, which were begun before it.
    pub after_pause: u64,
    /// Deletions by `limits.history.max`.
    pub pruned: u64,
    /// How long after the last fault all was gone that had been due before it.
    pub settled_after: Moment,
}

// === impl Known ===

impl Known {
    /// Whether it went on a moment ago: what arrives now was begun before.
    fn stood_still(&self, now: Moment) -> bool {
        self.pauses.iter().any(|(_, until)| *until <= now && now - until <= 300)
    }
}

// === impl Oracle ===

impl Oracle {
    /// Looks at a write that would be done.
    pub fn judge(&mut self, store: &Store, replica: usize, write: &Write<'_>, now: Moment) {
        if !matches!(write.key.resource, Resource::Jobs | Resource::CronJobs) {
            return;
        }
        // Of what arrives late it was asked when it was sent.
        let lease = if self.late > 0 { Ok(()) } else { self.lease(replica, now) };
        let verdict = lease.and_then(|()| match (write.after, write.key.resource) {
            (None, Resource::Jobs) => self.deletion(store, replica, write, now),
            (None, _) => Err("nothing but Jobs is ever deleted".to_owned()),
            (Some(after), Resource::Jobs) => self.job_patch(store, replica, write, after, now),
            (Some(after), _) => self.cronjob_patch(store, replica, write, after, now),
        });
        if write.after.is_some() {
            self.counts.patches += 1;
        }
        if let Err(why) = verdict {
            let what = if write.after.is_some() { "patch of" } else { "deletion of" };
            self.violation.get_or_insert(format!(
                "{what} {} by replica {replica}: {why}\n  it was {}\n  the request {}",
                write.key, write.before, write.request
            ));
        }
    }

    /// One more Job was deleted by curfew.
    pub fn deleted(&mut self, near_fault: bool) {
        self.counts.deletions += 1;
        self.counts.near_faults += u64::from(near_fault);
    }

    /// A policy is given to a replica.
    pub fn policy_given(&mut self, store: &Store, replica: usize, policy: usize, now: Moment) {
        let is_new =
            self.replicas.iter().all(|known| known.policies.iter().all(|(_, one)| *one != policy));
        self.replicas[replica].policies.push((now, policy));
        if is_new {
            self.brakes.policy_is_new(&self.given, policy, store, now);
        }
    }

    /// Somebody changed the labels of a namespace. A leader counts what they make due by its policy, if it
    /// has had one for a while.
    pub fn relabelled(&mut self, store: &Store, namespace: &Key, now: Moment) {
        let leader = self.leader.as_ref().filter(|one| now - one.renewed <= 10 * SECOND);
        let is_leader =
            |known: &Known| leader.is_some_and(|leader| known.identity == leader.identity);
        let led = match self.replicas.iter().position(is_leader) {
            Some(replica) => match self.policies(replica, now)[..] {
                [policy] => Some(policy),
                _ => return,
            },
            None => None,
        };
        self.brakes.relabelled(&self.given, led, store, namespace, now);
    }

    /// The Lease was written.
    pub fn lease_written(&mut self, store: &Store, lease: &Value, now: Moment) {
        let holder = lease["spec"]["holderIdentity"].as_str().unwrap_or_default();
        let renewed = lease["spec"]["renewTime"].as_str().unwrap_or_default().to_owned();
        let is_renewal = self.leader.is_none() || self.flaps.last_renewal != renewed;
        self.flaps.last_renewal = renewed;
        if is_renewal {
            let before = self.leader.take();
            let same = before.as_ref().is_some_and(|before| {
                before.identity == holder && !before.unsure && now - before.renewed < 8 * SECOND
            });
            let term = before.map_or(0, |before| before.term) + u64::from(!same);
            let identity = holder.to_owned();
            self.leader = Some(Leader { identity, renewed: now, term, unsure: false });
        }
        self.brakes.lease_written(&self.given, lease, store);
    }

    /// Somebody deletes the Lease. Whoever sees that there is none may make it anew, while the holder
    /// goes on until it reads another name in it, or until its own time is over. No code can help that;
    /// what a write names of its object keeps the two from doing harm.
    pub fn lease_deleted(&mut self) {
        self.deposed.clone_from(&self.leader);
    }

    /// Somebody asks the leader to go on.
    pub fn approved(&mut self, revision: &str) {
        self.brakes.approved(revision);
    }

    /// A write was done, and its caller may not know.
    pub fn unsure(&mut self, key: &Key) {
        match &mut self.leader {
            Some(leader) if key.resource == Resource::Leases => leader.unsure = true,
            _ => self.flaps.unsure(key),
        }
    }

    /// Whether a replica leads, or may still believe so.
    pub fn leads(&self, replica: usize, now: Moment) -> bool {
        let identity = &self.replicas[replica].identity;
        let mut leaders = self.leader.iter().chain(&self.deposed);
        leaders.any(|one| one.identity == *identity && now - one.renewed <= 15 * SECOND)
    }

    /// Only the leader writes, and no longer than its Lease lasts.
    fn lease(&mut self, replica: usize, now: Moment) -> Result<(), String> {
        let known = &self.replicas[replica];
        let Some(leader) = &self.leader else { return Err("nobody leads".to_owned()) };
        if self.leads(replica, now) {
            return Ok(());
        }
        // What it had begun before it was stopped.
        if known.stood_still(now) {
            self.counts.after_pause += 1;
            return Ok(());
        }
        let age = now - leader.renewed;
        Err(format!(
            "{} leads, who renewed {age} ms ago, and this is {}",
            leader.identity, known.identity
        ))
    }

    /// How long ago what it knew may have been so: the ten seconds of the contract, a call, and pauses.
    fn staleness(&self, replica: usize, now: Moment) -> Moment {
        let pauses = self.replicas[replica].pauses.iter();
        let stood: Moment = pauses
            .filter(|(_, until)| *until + MINUTE >= now)
            .map(|(from, until)| until - from)
            .sum();
        10 * SECOND + 4 * SECOND + 500 + stood + self.late
    }

    /// The policies by which it may have judged.
    fn policies(&self, replica: usize, now: Moment) -> Vec<usize> {
        let mut since = (now + 8 * SECOND).saturating_sub(self.staleness(replica, now));
        let mut policies = Vec::new();
        for (from, policy) in self.replicas[replica].policies.iter().rev() {
            policies.push(*policy);
            if *from <= since {
                break;
            }
            since = since.min(*from);
        }
        policies
    }

    /// How much too early something may be, since the clocks can be known no better.
    fn tolerance(&self, replica: usize, now: Moment) -> i64 {
        let wrong = self.replicas[replica].clock_wrong_until;
        if wrong.is_some_and(|until| until + 5 * MINUTE > now) { 9_000 } else { 1_100 }
    }

    fn deletion(
        &mut self,
        store: &Store,
        replica: usize,
        write: &Write<'_>,
        now: Moment,
    ) -> Result<(), String> {
        let Write { key, before: job, request, .. } = *write;
        for field in ["uid", "resourceVersion"] {
            if request["preconditions"][field] != job["metadata"][field] {
                return Err(format!("the precondition {field} is missing"));
            }
        }
        if !matches!(request["propagationPolicy"].as_str(), Some("Background" | "Foreground")) {
            return Err("it says nothing of its Pods".to_owned());
        }
        if finish(job).is_none() {
            return Err("it has not finished".to_owned());
        }
        if is_terminating(job) {
            return Err("it is being deleted already".to_owned());
        }
        let latest = i64::try_from(now).expect("small") + self.tolerance(replica, now);
        let surroundings = Surroundings::of(store, key, job, now, self.staleness(replica, now));
        let policies = self.policies(replica, now);
        let meanings = || policies.iter().map(|policy| &self.given[*policy].meaning);
        let may_delete = |meaning: &&Meaning| meaning.action == Action::Delete;
        let mut dues = Vec::new();
        for meaning in meanings().filter(may_delete) {
            for family in surroundings.families(job) {
                dues.push(meaning.due(family));
            }
        }
        if dues.iter().flatten().any(|due| *due <= latest) {
            return self.brakes.ended(&policies, job, store, key);
        }
        let is_pruned = meanings().filter(may_delete).any(|meaning| {
            surroundings
                .families(job)
                .any(|family| is_beyond_limit(meaning, family, store, key, latest, now))
        });
        if is_pruned {
            self.counts.pruned += 1;
            return Ok(());
        }
        let dues: Vec<String> =
            dues.iter().map(|due| due.map_or("never".to_owned(), |due| due.to_string())).collect();
        Err(format!("it is due at {} ms, and it is {now} ms", dues.join(" or ")))
    }

    fn job_patch(
        &mut self,
        store: &Store,
        replica: usize,
        write: &Write<'_>,
        after: &Value,
        now: Moment,
    ) -> Result<(), String> {
        let Write { key, before, request, .. } = *write;
        has_conditions(request, before)?;
        changes_only(
            before,
            after,
            &["/spec/ttlSecondsAfterFinished", "/metadata/annotations/curfew.dev~1applied"],
        )?;
        let (present, wanted) = (present_ttl(before), present_ttl(after));
        if let Some(leader) = &self.leader
            && present != wanted
        {
            let known = &self.replicas[replica];
            let memory = (replica, leader.term, known.policies.len());
            self.flaps.wrote(store, (key, before), wanted, memory, now)?;
            let is_new = known.policies.last().is_some_and(|(at, _)| at + 10 * SECOND > now);
            if is_new || known.stood_still(now) {
                self.flaps.unsure(key);
            }
        }
        let policies = self.policies(replica, now);
        let meanings = || policies.iter().map(|policy| &self.given[*policy].meaning);
        let action = meanings().map(|meaning| meaning.action).max().unwrap_or(Action::Report);
        if action == Action::Report {
            return Err("the policy only wants a report".to_owned());
        }
        let shortens = match (present, wanted) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(present), Some(wanted)) => wanted < present,
        };
        if !shortens {
            return Ok(());
        }
        let surroundings = Surroundings::of(store, key, before, now, self.staleness(replica, now));
        let mut targets = Vec::new();
        for meaning in meanings() {
            for family in surroundings.families(before) {
                if family_is_known(family) {
                    targets.push(meaning.ttl(family));
                }
            }
        }
        if !targets.contains(&wanted) {
            return Err(format!(
                "it shortens a life to {wanted:?}, and the policy gives {targets:?}"
            ));
        }
        let ours = record(before).is_some_and(|(written, _)| written == present)
            || author_ttl(before) == wanted;
        if action == Action::Marked && !ours {
            return Err("it is not ours to shorten".to_owned());
        }
        if finish(before).is_some() {
            self.brakes.ended(&policies, before, store, key)
        } else {
            Ok(())
        }
    }

    fn cronjob_patch(
        &mut self,
        store: &Store,
        replica: usize,
        write: &Write<'_>,
        after: &Value,
        now: Moment,
    ) -> Result<(), String> {
        let Write { key, before, request, .. } = *write;
        has_conditions(request, before)?;
        changes_only(
            before,
            after,
            &[
                "/metadata/annotations/curfew.dev~1applied",
                "/spec/failedJobsHistoryLimit",
                "/spec/jobTemplate/metadata/annotations/curfew.dev~1applied",
                "/spec/jobTemplate/spec/ttlSecondsAfterFinished",
                "/spec/successfulJobsHistoryLimit",
            ],
        )?;
        let policies = self.policies(replica, now);
        let meanings = || policies.iter().map(|policy| &self.given[*policy].meaning);
        let namespace = Key::new(Resource::Namespaces, "", &key.namespace);
        let since = now.saturating_sub(self.staleness(replica, now));
        let namespaces = store.states_since(&namespace, i64::try_from(since).expect("small"));
        for (field, default) in [("successfulJobsHistoryLimit", 3), ("failedJobsHistoryLimit", 1)] {
            let limit = |object: &Value| object["spec"][field].as_u64().unwrap_or(default);
            if limit(after) >= limit(before) {
                continue;
            }
            let lowest = meanings().filter_map(|meaning| meaning.history_max).min();
            if lowest.is_none_or(|lowest| limit(after) < lowest as u64) {
                return Err(format!("{field} is lowered, and the policy bounds it at {lowest:?}"));
            }
            let is_spared = |meaning: &Meaning, namespace: &Option<Arc<Value>>| {
                let family =
                    Family { job: before, cronjob: Some(before), namespace: namespace.as_deref() };
                meaning.spares(family)
            };
            if meanings().all(|meaning| namespaces.iter().all(|one| is_spared(meaning, one))) {
                return Err(format!("{field} is lowered, and the family is exempt"));
            }
        }
        Ok(())
    }

    /// Finished Jobs that should be gone: nothing stands in their way, and they were due by then.
    pub fn left_over(&self, store: &Store, by: Moment, now: Moment) -> Vec<String> {
        let Some((_, policy)) = self.replicas[0].policies.last() else { return Vec::new() };
        let given = &self.given[*policy];
        if given.meaning.action != Action::Delete {
            return Vec::new();
        }
        let held = brake::held(store, &given.policy.revision);
        let by = i64::try_from(by).expect("small");
        let mut left = Vec::new();
        for (key, job) in store.all(Resource::Jobs) {
            let surroundings = Surroundings::of(store, key, job, now, 0);
            let Some(family) = surroundings.families(job).next() else { continue };
            let Some(due) = given.meaning.due(family).filter(|due| *due < by) else {
                continue;
            };
            let Some((finish, _)) = finish(job) else { continue };
            if !held.iter().any(|hold| hold.holds(&key.namespace, finish, due)) {
                left.push(format!("{key}, due at {due} ms: {job}"));
            }
        }
        left
    }
}

/// Whatever a Job is judged by beside itself, in all states that may count.
struct Surroundings {
    cronjobs: Vec<Option<Arc<Value>>>,
    namespaces: Vec<Option<Arc<Value>>>,
}

// === impl Surroundings ===

impl Surroundings {
    fn of(store: &Store, key: &Key, job: &Value, now: Moment, staleness: Moment) -> Self {
        let since = i64::try_from(now).expect("small") - i64::try_from(staleness).expect("small");
        let namespace = Key::new(Resource::Namespaces, "", &key.namespace);
        let cronjobs = match cronjob_of(job) {
            Some((name, uid)) => {
                let cronjob = Key::new(Resource::CronJobs, &key.namespace, name);
                let is_it =
                    |one: Option<Arc<Value>>| one.filter(|one| one["metadata"]["uid"] == uid);
                store.states_since(&cronjob, since).into_iter().map(is_it).collect()
            }
            None => vec![None],
        };
        Self { cronjobs, namespaces: store.states_since(&namespace, since) }
    }

    fn families<'a>(&'a self, job: &'a Value) -> impl Iterator<Item = Family<'a>> {
        self.cronjobs.iter().flat_map(move |cronjob| {
            let families = self.namespaces.iter();
            families.map(move |namespace| Family {
                job,
                cronjob: cronjob.as_deref(),
                namespace: namespace.as_deref(),
            })
        })
    }
}

/// A Job of a `CronJob` that is not there is left alone.
fn family_is_known(family: Family<'_>) -> bool {
    cronjob_of(family.job).is_none() || family.cronjob.is_some()
}

/// Whether as many younger Jobs of the family have finished in the same way as are to be kept. Other
/// Jobs are known by a watch alone, which may be minutes behind.
fn is_beyond_limit(
    meaning: &Meaning,
    family: Family<'_>,
    store: &Store,
    key: &Key,
    latest: i64,
    now: Moment,
) -> bool {
    let (Some(max), Some(cronjob)) = (meaning.history_max, family.cronjob) else { return false };
    let is_held = |job: &Value| held_until(job).is_some_and(|until| until > latest);
    if meaning.spares(family) || is_held(family.job) {
        return false;
    }
    let Some((_, succeeded)) = finish(family.job) else { return false };
    let place = |name: &str, job: &Value| {
        (crate::time::read(&job["status"]["startTime"]).unwrap_or(i64::MAX), name.to_owned())
    };
    let own_place = place(&key.name, family.job);
    let owner = cronjob_of(family.job);
    let counts = |other: &Key, job: &Value| {
        other.namespace == key.namespace
            && cronjob_of(job) == owner
            && finish(job).is_some_and(|(_, one)| one == succeeded)
            && place(&other.name, job) > own_place
            && !meaning.spares(Family { job, cronjob: Some(cronjob), namespace: family.namespace })
            && !is_held(job)
    };
    let mut younger: BTreeSet<String> = BTreeSet::new();
    let uid = |job: &Value| job["metadata"]["uid"].to_string();
    let stored = store.all(Resource::Jobs).filter(|(other, job)| counts(other, job));
    younger.extend(stored.map(|(_, job)| uid(job)));
    let changes = store.changes.get(&Resource::Jobs).map_or(&[][..], Vec::as_slice);
    for change in changes.iter().rev().take_while(|change| change.at + 4 * MINUTE > now) {
        if let Some(job) = change.before.as_deref().filter(|job| counts(&change.key, job)) {
            younger.insert(uid(job));
        }
    }
    younger.len() >= max
}

fn has_conditions(request: &Value, before: &Value) -> Result<(), String> {
    for field in ["uid", "resourceVersion"] {
        if request["metadata"][field] != before["metadata"][field] {
            return Err(format!("it does not name the {field} of what it changes"));
        }
    }
    Ok(())
}

/// Whether nothing but these members differ.
fn changes_only(before: &Value, after: &Value, members: &[&str]) -> Result<(), String> {
    let operations = json_patch::diff(before, after).0;
    let path = |operation: &json_patch::PatchOperation| operation.path().to_string();
    let is_allowed = |path: &str| {
        // The map that holds our annotation may come and go with it.
        members.iter().any(|member| {
            *member == path
                || member.starts_with(&format!("{path}/")) && path.ends_with("/annotations")
        }) || path == "/spec/jobTemplate/metadata"
    };
    match operations.iter().map(path).find(|path| !is_allowed(path)) {
        None => Ok(()),
        Some(path) => Err(format!("it changes {path}")),
    }
}
