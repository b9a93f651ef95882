//! What news lead to: who is judged again, and what of the work queue no longer holds.

use std::mem;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::ObjectRef;
use super::acted::Acted;
use super::control_loop::ControlLoop;
use crate::cluster::slim::{Job, Second};
use crate::controllers::feed::NamespaceNews;

// === impl ControlLoop ===

impl ControlLoop<'_> {
    /// Looks at what has happened since.
    pub(super) fn take_news(&mut self) {
        let news = self.context.watches.feeds.sweeper.take();
        if news.relisted {
            self.world_relisted();
        }
        self.namespace_news.extend(news.namespaces);
        for job in news.gone {
            self.gone(&job);
        }
        for job in news.appeared {
            self.appeared(&job);
        }
        for subject in news.changed {
            self.relatives(&subject);
            self.dirty.insert(subject);
        }
    }

    /// New labels are looked at only with everything that they are about.
    pub(super) fn take_namespace_news(&mut self) {
        for news in mem::take(&mut self.namespace_news) {
            self.namespace(news);
        }
    }

    fn world_relisted(&mut self) {
        // Also where no rule asks for them: of what does not change there will be no news.
        self.cluster_view.copy_missing_namespaces();
        self.pass_now();
    }

    /// Whoever is judged by what changed.
    fn relatives(&mut self, subject: &ObjectRef) {
        match subject {
            ObjectRef::CronJob(cronjob) => {
                let children = self.cluster_view.children_of(cronjob);
                self.dirty.extend(children.into_iter().map(ObjectRef::Job));
            }
            ObjectRef::Job(job) => {
                if let Some(cronjob) = self.cluster_view.cronjob_of(job) {
                    let cronjob = ObjectRef::CronJob(cronjob);
                    // Which of its Jobs are too many is another question now, unless the change is
                    // our own answer to it.
                    if !self.acted.get(subject).is_some_and(Acted::has_pruned) {
                        self.queue.remove(&cronjob);
                    }
                    self.history_soon(cronjob);
                }
            }
        }
    }

    /// A family's history is looked at a moment later: its Jobs come and go by the hundred.
    pub(super) fn history_soon(&mut self, cronjob: ObjectRef) {
        let soon = self.now().saturating_add(HISTORY_DELAY).unwrap_or(Timestamp::MAX);
        if self.timers.deadline_of(&cronjob).is_none_or(|at| at > soon) {
            self.timers.set(cronjob, soon);
        }
    }

    fn gone(&mut self, job: &Arc<Job>) {
        let acted = self.acted.remove(&ObjectRef::Job(Arc::clone(job)));
        self.flaps.forget(&job.meta.uid);
        self.told.remove(&job.meta.uid);
        if !acted.as_ref().is_some_and(Acted::has_pruned)
            && let Some(cronjob) = self.cluster_view.cronjob_of(job)
        {
            self.queue.remove(&ObjectRef::CronJob(cronjob));
        }
        if acted.is_some_and(|acted| acted.has_deleted()) {
            return;
        }
        let expiry = job.finish().zip(job.ttl()).and_then(|(finish, ttl)| finish.expiry(ttl));
        let now = self.now();
        if let Some(expiry) = expiry.filter(|expiry| *expiry <= now) {
            self.builtin.gone(expiry, now);
        }
    }

    /// Counts a Job that the webhook should have seen.
    fn appeared(&mut self, job: &Job) {
        let Some(registered) = &self.registered else { return };
        let since = registered.since.max(self.loaded).saturating_add(SETTLED);
        let created = job.meta.created.map(Second::time);
        let late = since.is_ok_and(|since| created.is_some_and(|created| created > since));
        if late && self.cluster_view.was_missed(&self.policy, job, registered, self.now()) {
            self.context.metrics.stored.admission_gap();
            let (ns, name) = (&*job.meta.namespace, &*job.meta.name);
            tracing::warn!(ns, name, "created while the webhook was away");
        }
    }

    fn namespace(&mut self, news: NamespaceNews) {
        match news {
            NamespaceNews::Applied(namespace) => {
                let was_known = self.cluster_view.namespace(&namespace.name).is_some();
                match self.cluster_view.set_namespace(&namespace) {
                    Some(before) if before.labels != namespace.labels => {
                        self.relabelled(&namespace, &before);
                    }
                    Some(_) if was_known => {}
                    // Nothing was decided by labels that nobody knew.
                    _ => self.judge_again(&namespace.name),
                }
            }
            NamespaceNews::Deleted(name) => {
                self.cluster_view.remove_namespace(&name);
                self.judge_again(&name);
            }
            NamespaceNews::Listed(all) => {
                for gone in self.cluster_view.namespaces_beside(&all) {
                    self.namespace(NamespaceNews::Deleted(gone));
                }
                for namespace in all {
                    self.namespace(NamespaceNews::Applied(namespace));
                }
            }
        }
    }

    /// Nothing that was decided about the objects of a namespace holds any more.
    pub(super) fn judge_again(&mut self, namespace: &str) {
        for subject in self.cluster_view.within(namespace) {
            self.queue.remove(&subject);
            self.dirty.insert(subject);
        }
    }
}

/// How long a family may change before its history is counted again.
const HISTORY_DELAY: SignedDuration = SignedDuration::from_secs(1);

/// By then a policy has reached every replica, which a kubelet takes two minutes for, and a
/// registration every API server.
const SETTLED: SignedDuration = SignedDuration::from_mins(3);
