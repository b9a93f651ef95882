//! From what is stored to a judgement: an object with its `CronJob`, its siblings and the labels
//! of its namespace.

use std::mem;
use std::sync::Arc;

use jiff::Timestamp;

use super::ObjectRef;
use super::registration::Registration;
use crate::batch::{Kind, Object};
use crate::clock::{HashMap, HashSet};
use crate::cluster::slim::{CronJob, Job, Namespace, Second, Symbol};
use crate::controllers::feed::NamespaceNews;
use crate::controllers::watches::Watches;
use crate::policy::Policy;
use crate::policy::decide::{Input, Operation};
use crate::sweeper::brake::Labelled;
use crate::sweeper::change::Identity;
use crate::sweeper::{Judgement, View, decide};

/// What the sweeper knows of the cluster.
#[derive(Debug)]
pub(super) struct ClusterView {
    watches: Arc<Watches>,
    /// Namespaces as of the news that the sweeper has dealt with: the store may be ahead, and what
    /// new labels make due must not be judged before it was counted.
    namespaces: HashMap<Symbol, Arc<Namespace>>,
    /// Namespaces that are not seen any more while something is stored in them: they can have more
    /// labels than are read, and come back with other ones.
    lost: HashMap<Symbol, Arc<Namespace>>,
    /// Namespaces as they were under the accepted policy, where they have other labels since another
    /// one came: what these make due under the accepted one was counted by nobody.
    accepted: HashMap<Symbol, Arc<Namespace>>,
    own_namespace: Option<String>,
}

/// The labels by which a judgement is made.
#[derive(Clone, Copy, Debug)]
pub(super) enum Labels<'a> {
    /// Those that the namespace had when the accepted policy was last in use.
    Accepted,
    /// Those that the namespace has.
    Present,
    /// Those that it had.
    Of(&'a Namespace),
}

// === impl ClusterView ===

impl ClusterView {
    pub(super) fn new(watches: Arc<Watches>, own_namespace: Option<String>) -> Self {
        Self {
            watches,
            namespaces: HashMap::default(),
            lost: HashMap::default(),
            accepted: HashMap::default(),
            own_namespace,
        }
    }

    /// All that is stored, `CronJob`s first.
    pub(super) fn everything(&self) -> Vec<ObjectRef> {
        let cronjobs = self.watches.store.cronjobs.all().into_iter().map(ObjectRef::CronJob);
        cronjobs.chain(self.watches.store.jobs.all().into_iter().map(ObjectRef::Job)).collect()
    }

    /// All that is stored in a namespace.
    pub(super) fn within(&self, namespace: &str) -> Vec<ObjectRef> {
        let cronjobs =
            self.watches.store.cronjobs.within(namespace).into_iter().map(ObjectRef::CronJob);
        cronjobs
            .chain(self.watches.store.jobs.within(namespace).into_iter().map(ObjectRef::Job))
            .collect()
    }

    /// The object as it is now.
    pub(super) fn fresh(&self, subject: &ObjectRef) -> Option<ObjectRef> {
        let meta = subject.meta();
        self.find(subject.kind(), &meta.namespace, &meta.name)
    }

    /// The object that a write is about.
    pub(super) fn target(&self, identity: &Identity) -> Option<ObjectRef> {
        self.find(identity.kind, &identity.namespace, &identity.name)
    }

    pub(super) fn find(&self, kind: Kind, namespace: &str, name: &str) -> Option<ObjectRef> {
        match kind {
            Kind::CronJob => {
                self.watches.store.cronjobs.find(namespace, name).map(ObjectRef::CronJob)
            }
            Kind::Job => self.watches.store.jobs.find(namespace, name).map(ObjectRef::Job),
        }
    }

    /// A namespace, as objects are judged by it.
    pub(super) fn namespace(&self, name: &str) -> Option<&Arc<Namespace>> {
        self.namespaces.get(name)
    }

    /// All of them, as far as the policy asks for their labels.
    pub(super) fn labelled(&self, policy: &Policy) -> Vec<Labelled<'_>> {
        let keys = policy.namespace_label_keys();
        self.namespaces
            .values()
            .map(|one| {
                let labels = one.labels.view().map(|_| |key: &str| one.labels.get(key));
                Labelled::new(&one.name, one.created.map(Second::time), &keys, labels)
            })
            .collect()
    }

    /// The `CronJob` of a Job's family.
    pub(super) fn cronjob_of(&self, job: &Job) -> Option<Arc<CronJob>> {
        let owner = job.meta.cronjob_owner()?;
        self.watches.store.cronjobs.owner(&job.meta.namespace, &owner.name, &owner.uid.to_string())
    }

    /// Whether all Jobs of a namespace can be read. To be asked after the store: whatever it lacks is
    /// known here by then.
    fn reads_all_jobs(&self, namespace: &str) -> bool {
        self.watches.undecodable_jobs().iter().all(|key| key.namespace != namespace)
    }

    /// The known Jobs of a `CronJob`'s family.
    pub(super) fn children_of(&self, cronjob: &CronJob) -> Vec<Arc<Job>> {
        let meta = &cronjob.meta;
        let mut children = self.watches.store.jobs.owned_by(&meta.namespace, &meta.name);
        children.retain(|job| {
            job.meta
                .cronjob_owner()
                .is_some_and(|owner| owner.uid == meta.uid && *owner.name == *meta.name)
        });
        children
    }

    /// Takes a namespace as it is from now on; gives it as it was when it was last seen.
    pub(super) fn set_namespace(&mut self, namespace: &Arc<Namespace>) -> Option<Arc<Namespace>> {
        let lost = self.lost.remove(&namespace.name).filter(|lost| lost.uid == namespace.uid);
        self.namespaces.insert(namespace.name.clone(), Arc::clone(namespace)).or(lost)
    }

    /// Names of known namespaces that are not among these.
    pub(super) fn namespaces_beside(&self, listed: &[Arc<Namespace>]) -> Vec<String> {
        let listed: HashSet<&str> = listed.iter().map(|one| &*one.name).collect();
        let known = self.namespaces.keys().filter(|name| !listed.contains(&***name));
        known.map(ToString::to_string).collect()
    }

    /// A namespace is gone, or cannot be read any more.
    pub(super) fn remove_namespace(&mut self, name: &str) {
        if let Some((name, namespace)) = self.namespaces.remove_entry(name) {
            self.lost.insert(name, namespace);
        }
    }

    /// Takes over from the store the namespaces of which there were no news yet. Of those that were
    /// lost there will be some.
    pub(super) fn copy_missing_namespaces(&mut self) {
        for namespace in self.watches.store.namespaces.all() {
            if !self.lost.contains_key(&namespace.name) {
                self.namespaces.entry(namespace.name.clone()).or_insert(namespace);
            }
        }
    }

    /// Forgets the namespaces that were not lost but have gone, with all that was in them.
    pub(super) fn tidy(&mut self) {
        let Self { watches, namespaces, lost, accepted, own_namespace: _ } = self;
        let store = &watches.store;
        lost.retain(|name, _| {
            !store.jobs.within(name).is_empty() || !store.cronjobs.within(name).is_empty()
        });
        accepted.retain(|name, _| namespaces.contains_key(name) || lost.contains_key(name));
    }

    /// A namespace has other labels while a policy is in use that is not accepted.
    pub(super) fn relabelled_unaccepted(&mut self, before: &Arc<Namespace>) {
        self.accepted.entry(before.name.clone()).or_insert_with(|| Arc::clone(before));
    }

    /// The policy in use is accepted, with the labels that there are.
    pub(super) fn accept_labels(&mut self) {
        self.accepted.clear();
    }

    /// The accepted policy is in use again: namespaces are as they were then, and what they have
    /// become since is given as news.
    pub(super) fn back_to_accepted(&mut self) -> Vec<NamespaceNews> {
        let mut news = Vec::new();
        for (name, accepted) in self.accepted.drain() {
            if let Some(present) = self.namespaces.get_mut(&name) {
                news.push(NamespaceNews::Applied(mem::replace(present, accepted)));
            } else if let Some(lost) = self.lost.get_mut(&name) {
                *lost = accepted;
            }
        }
        news
    }

    /// What the policy wants of an object.
    pub(super) fn judge<'p>(
        &self,
        policy: &'p Policy,
        subject: &ObjectRef,
        labels: Labels<'_>,
        flapping: bool,
        now: Timestamp,
    ) -> Judgement<'p> {
        let meta = subject.meta();
        let present = || self.namespaces.get(&*meta.namespace).map(|one| &**one);
        let namespace = match labels {
            Labels::Accepted => {
                self.accepted.get(&*meta.namespace).map(|one| &**one).or_else(present)
            }
            Labels::Present => present(),
            Labels::Of(namespace) => Some(namespace),
        };
        let namespace_labels = namespace.and_then(|namespace| namespace.labels.view());
        let (cronjob, children, is_whole) = match subject {
            ObjectRef::CronJob(cronjob) => {
                let children = self.children_of(cronjob);
                (None, children, self.reads_all_jobs(&meta.namespace))
            }
            ObjectRef::Job(job) => (self.cronjob_of(job), Vec::new(), true),
        };
        let cronjob = cronjob.as_ref().map(|cronjob| cronjob.view());
        let children: Vec<Object<'_>> = children.iter().map(|job| job.view()).collect();
        let children: Vec<&Object<'_>> = children.iter().collect();
        let object = view(subject);
        decide(
            policy,
            &View {
                object: &object,
                cronjob: cronjob.as_ref(),
                children: &children,
                is_whole,
                namespace: &meta.namespace,
                namespace_labels: namespace_labels.as_ref(),
                own_namespace: self.own_namespace.as_deref(),
                flapping,
                now,
            },
        )
    }

    /// Whether the webhook would have written something when a Job was made, and has not.
    pub(super) fn was_missed(
        &self,
        policy: &Policy,
        job: &Job,
        registration: &Registration,
        now: Timestamp,
    ) -> bool {
        let cronjob = self.cronjob_of(job);
        let cronjob = cronjob.as_ref().map(|cronjob| cronjob.view());
        let namespace = self.namespaces.get(&*job.meta.namespace);
        let labels = namespace.map(|namespace| namespace.labels.view().unwrap_or_default());
        if !registration.covers(&job.meta.namespace, labels.as_ref()) {
            return false;
        }
        let object = job.view();
        let decision = policy.decide(&Input {
            operation: Operation::Create,
            object: &object,
            old: None,
            cronjob: cronjob.as_ref(),
            namespace: &job.meta.namespace,
            namespace_labels: labels.as_ref(),
            own_namespace: self.own_namespace.as_deref(),
            now,
        });
        decision.mode == crate::policy::Mode::Enforce
            && decision.changes()
            && object.metadata.annotation(crate::policy::record::ANNOTATION).is_none()
    }
}

fn view(subject: &ObjectRef) -> Object<'_> {
    match subject {
        ObjectRef::CronJob(cronjob) => cronjob.view(),
        ObjectRef::Job(job) => job.view(),
    }
}
