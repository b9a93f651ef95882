//! From what is stored to a judgement: an object with its `CronJob`, its siblings and the labels
//! of its namespace.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::Subject;
use super::registration::Registration;
use crate::batch::{Kind, Object};
use crate::cluster::slim::{CronJob, Job, Namespace, Symbol};
use crate::cluster::store::Store;
use crate::policy::Policy;
use crate::policy::decide::{Input, Operation};
use crate::sweeper::change::Identity;
use crate::sweeper::{Judgement, View, decide};

/// What the sweeper knows of the cluster.
#[derive(Debug)]
pub(super) struct World {
    store: Arc<Store>,
    /// Namespaces as of the news that the sweeper has dealt with: the store may be ahead, and what
    /// new labels make due must not be judged before it was counted.
    namespaces: HashMap<Symbol, Arc<Namespace>>,
    own_namespace: Option<String>,
}

/// The labels by which a judgement is made.
#[derive(Clone, Copy, Debug)]
pub(super) enum Labels<'a> {
    /// Those that the namespace has.
    Present,
    /// Those that it had.
    Of(&'a Namespace),
}

// === impl World ===

impl World {
    pub(super) fn new(store: Arc<Store>, own_namespace: Option<String>) -> Self {
        Self { store, namespaces: HashMap::new(), own_namespace }
    }

    /// All that is stored, `CronJob`s first.
    pub(super) fn everything(&self) -> Vec<Subject> {
        let cronjobs = self.store.cronjobs.all().into_iter().map(Subject::CronJob);
        cronjobs.chain(self.store.jobs.all().into_iter().map(Subject::Job)).collect()
    }

    /// All that is stored in a namespace.
    pub(super) fn within(&self, namespace: &str) -> Vec<Subject> {
        let cronjobs = self.store.cronjobs.within(namespace).into_iter().map(Subject::CronJob);
        cronjobs.chain(self.store.jobs.within(namespace).into_iter().map(Subject::Job)).collect()
    }

    /// The object as it is now.
    pub(super) fn fresh(&self, subject: &Subject) -> Option<Subject> {
        let meta = subject.meta();
        self.find(subject.kind(), &meta.namespace, &meta.name)
    }

    /// The object that a write is about.
    pub(super) fn target(&self, identity: &Identity) -> Option<Subject> {
        self.find(identity.kind, &identity.namespace, &identity.name)
    }

    fn find(&self, kind: Kind, namespace: &str, name: &str) -> Option<Subject> {
        match kind {
            Kind::CronJob => self.store.cronjobs.find(namespace, name).map(Subject::CronJob),
            Kind::Job => self.store.jobs.find(namespace, name).map(Subject::Job),
        }
    }

    /// A namespace, as objects are judged by it.
    pub(super) fn namespace(&self, name: &str) -> Option<&Namespace> {
        self.namespaces.get(name).map(|one| &**one)
    }

    /// The `CronJob` of a Job's family.
    pub(super) fn cronjob_of(&self, job: &Job) -> Option<Arc<CronJob>> {
        let owner = job.meta.cronjob_owner()?;
        self.store.cronjobs.owner(&job.meta.namespace, &owner.name, &owner.uid.to_string())
    }

    /// The Jobs of a `CronJob`'s family.
    pub(super) fn children_of(&self, cronjob: &CronJob) -> Vec<Arc<Job>> {
        let meta = &cronjob.meta;
        let mut children = self.store.jobs.owned_by(&meta.namespace, &meta.name);
        children.retain(|job| {
            job.meta
                .cronjob_owner()
                .is_some_and(|owner| owner.uid == meta.uid && *owner.name == *meta.name)
        });
        children
    }

    /// Takes a namespace as it is from now on; gives it as it was.
    pub(super) fn set_namespace(&mut self, namespace: &Arc<Namespace>) -> Option<Arc<Namespace>> {
        self.namespaces.insert(namespace.name.clone(), Arc::clone(namespace))
    }

    /// Names of known namespaces that are not among these.
    pub(super) fn namespaces_beside(&self, listed: &[Arc<Namespace>]) -> Vec<String> {
        let listed: HashSet<&str> = listed.iter().map(|one| &*one.name).collect();
        let known = self.namespaces.keys().filter(|name| !listed.contains(&***name));
        known.map(ToString::to_string).collect()
    }

    pub(super) fn remove_namespace(&mut self, name: &str) {
        self.namespaces.remove(name);
    }

    /// Takes over from the store the namespaces of which there were no news yet.
    pub(super) fn copy_missing_namespaces(&mut self) {
        for namespace in self.store.namespaces.all() {
            self.namespaces.entry(namespace.name.clone()).or_insert(namespace);
        }
    }

    /// What the policy wants of an object.
    pub(super) fn judge<'p>(
        &self,
        policy: &'p Policy,
        subject: &Subject,
        labels: Labels<'_>,
        flapping: bool,
        now: Timestamp,
    ) -> Judgement<'p> {
        let meta = subject.meta();
        let namespace = match labels {
            Labels::Present => self.namespaces.get(&*meta.namespace).map(|one| &**one),
            Labels::Of(namespace) => Some(namespace),
        };
        let namespace_labels = namespace.and_then(|namespace| namespace.labels.view());
        let (cronjob, children) = match subject {
            Subject::CronJob(cronjob) => (None, self.children_of(cronjob)),
            Subject::Job(job) => (self.cronjob_of(job), Vec::new()),
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
                children: (subject.kind() == Kind::CronJob).then_some(&children),
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

fn view(subject: &Subject) -> Object<'_> {
    match subject {
        Subject::CronJob(cronjob) => cronjob.view(),
        Subject::Job(job) => job.view(),
    }
}
