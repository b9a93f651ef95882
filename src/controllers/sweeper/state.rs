//! What a term knows, and what follows from it.
//!
//! News, answers and the time come in; the next write, questions about surroundings and Events come
//! out. Nothing here waits, calls or looks at a clock, so that what is done at which moment can be
//! tested in tables. Only the store is read as it is.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::acted::{Acts, Purpose, Write};
use super::braking::{Braking, Counted};
use super::cluster_view::{ClusterView, Labels};
use super::freshness::{AGAIN, Answer, Freshness, FreshnessChecks, Needed, Question};
use super::permits::{Obstacle, Permits};
use super::registration::Registration;
use super::subject::ObjectRef;
use super::work_queue::{Step, What, WorkQueue};
use crate::batch::Kind;
use crate::clock::HashMap;
use crate::cluster::clock_offset::Trust;
use crate::cluster::events::{About, Event};
use crate::cluster::slim::{Job, Keep, Namespace, Second, Uid, Version};
use crate::cluster::write::WriteOutcome;
use crate::controllers::context::{Moment, after};
use crate::controllers::feed::{NamespaceNews, News};
use crate::controllers::rights::Rights;
use crate::controllers::watches::Watches;
use crate::metrics::Metrics;
use crate::policy::Policy;
use crate::sweeper::brake::BrakeOutcome;
use crate::sweeper::change::Identity;
use crate::sweeper::decide::Risk;
use crate::sweeper::{Action, Builtin, Deletion, Flaps, Judgement, Reason};

/// Everything that a term remembers of objects.
pub(super) struct State {
    pub(super) watches: Arc<Watches>,
    pub(super) view: ClusterView,
    pub(super) policy: Arc<Policy>,
    /// What the policy needs of objects.
    keep: Arc<Keep>,
    /// When the policy in use came, by the API server's clock.
    loaded: Timestamp,
    began: Instant,
    pub(super) braking: Braking,
    pub(super) permits: Permits,
    pub(super) queue: WorkQueue,
    pub(super) acts: Acts,
    freshness: FreshnessChecks,
    pub(super) flaps: Flaps<Uid>,
    pub(super) builtin: Builtin,
    /// How the webhook is registered; `None` where it is not, or nobody knows.
    pub(super) registered: Option<Registration>,
    /// What happened to namespaces, until everything is known that they are judged with.
    namespace_news: Vec<NamespaceNews>,
    /// Whether labels of namespaces may have changed while nobody counted under the policy in use.
    compare_labels: bool,
    /// When everything is looked at again.
    pub(super) next_pass: Timestamp,
    /// When the status is told again.
    pub(super) next_status: Timestamp,
    /// Told about already: stuck deletions and the like, each by its reason.
    told: HashMap<Uid, Vec<&'static str>>,
    /// Until when a refusal of this kind of write is not told again.
    refusals: HashMap<&'static str, Timestamp>,
    /// To be recorded.
    events: Vec<Event>,
    /// Namespace and name of the Lease, for Events about it.
    lease_name: (String, String),
    metrics: Arc<Metrics>,
}

/// What a term begins with.
pub(super) struct Beginning {
    pub(super) watches: Arc<Watches>,
    pub(super) own_namespace: Option<String>,
    pub(super) policy: Arc<Policy>,
    pub(super) braking: Braking,
    pub(super) permits: Permits,
    pub(super) lease_name: (String, String),
    pub(super) metrics: Arc<Metrics>,
}

// === impl State ===

impl State {
    /// Nothing is known but what stands on the Lease.
    pub(super) fn new(beginning: Beginning, Moment { now, ticks }: Moment) -> Self {
        let Beginning { watches, own_namespace, policy, braking, permits, lease_name, metrics } =
            beginning;
        Self {
            view: ClusterView::new(Arc::clone(&watches), own_namespace),
            watches,
            keep: Arc::new(Keep::of(&policy)),
            policy,
            loaded: now,
            began: ticks,
            braking,
            permits,
            queue: WorkQueue::default(),
            acts: Acts::default(),
            freshness: FreshnessChecks::default(),
            flaps: Flaps::new(),
            builtin: Builtin::default(),
            registered: None,
            namespace_news: Vec::new(),
            compare_labels: true,
            next_pass: now,
            next_status: now,
            told: HashMap::default(),
            refusals: HashMap::default(),
            events: Vec::new(),
            lease_name,
            metrics,
        }
    }

    /// Whether everything is listed, with what the policy in use needs. A list for another one may
    /// begin at any time: who judges asks afterwards as well.
    pub(super) fn is_covered(&self) -> bool {
        self.watches.store.covers(&self.keep)
    }

    /// Everything is looked at as soon as possible.
    pub(super) fn pass_now(&mut self) {
        self.next_pass = Timestamp::MIN;
    }

    /// What is to be recorded.
    pub(super) fn take_events(&mut self) -> Vec<Event> {
        mem::take(&mut self.events)
    }

    /// What is to be asked of the API server.
    pub(super) fn take_questions(&mut self) -> Vec<Question> {
        self.freshness.take_questions()
    }

    /// The policy of the accepted revision, see [`Braking::accepted_before`].
    pub(super) fn accepted_before(&self) -> Option<Arc<Policy>> {
        self.braking.accepted_before(&self.policy, &self.watches.store)
    }

    // --- What comes in.

    /// Another policy is in use.
    pub(super) fn load(&mut self, policy: Arc<Policy>, now: Timestamp) {
        if policy.revision == self.policy.revision {
            return;
        }
        self.note_labels(now);
        self.compare_labels = true;
        if self.braking.is_accepted() {
            self.view.accept_labels();
        }
        self.loaded = now;
        self.braking.load(&self.policy, &policy, now);
        if self.braking.is_accepted() {
            // What its rules make of labels that have changed in the meantime is still to be counted.
            let news = self.view.back_to_accepted();
            self.namespace_news.splice(..0, news);
        }
        self.keep = Arc::new(Keep::of(&policy));
        self.flaps.clear();
        self.told.values_mut().for_each(|told| told.retain(|reason| *reason != REVERTED));
        self.queue.clear_steps();
        self.policy = policy;
        self.pass_now();
    }

    /// Other rights are known.
    pub(super) fn permit(&mut self, rights: Rights, now: Timestamp) {
        self.permits.rights = rights;
        self.acts.forget_refusals();
        // Whoever asks for the status now wants to see it.
        self.next_status = now;
        self.pass_now();
    }

    /// Our clock can be relied on, or cannot any more.
    pub(super) fn trust(&mut self, trust: Trust) {
        if trust != self.permits.trust {
            self.permits.trust = trust;
            self.pass_now();
        }
    }

    /// The API server has answered; or a question broke off.
    pub(super) fn answered(&mut self, answer: Option<Answer>, now: Instant) {
        for subject in self.freshness.take(answer, now) {
            self.queue.judge(subject);
        }
    }

    /// Looks at what has happened since.
    pub(super) fn take_news(&mut self, news: News, now: Timestamp) {
        if news.relisted {
            // Also where no rule asks for them: of what does not change there will be no news.
            self.view.copy_missing_namespaces();
            self.pass_now();
        }
        self.namespace_news.extend(news.namespaces);
        for job in news.gone {
            self.gone(&job, now);
        }
        for job in news.appeared {
            self.appeared(&job, now);
        }
        for subject in news.changed {
            self.judge_relatives(&subject, now);
            self.queue.judge(subject);
        }
    }

    /// Whoever is judged by what changed.
    fn judge_relatives(&mut self, subject: &ObjectRef, now: Timestamp) {
        match subject {
            ObjectRef::CronJob(cronjob) => {
                for job in self.view.children_of(cronjob) {
                    self.queue.judge(ObjectRef::Job(job));
                }
            }
            ObjectRef::Job(job) => {
                if let Some(cronjob) = self.view.cronjob_of(job) {
                    let cronjob = ObjectRef::CronJob(cronjob);
                    // Which of its Jobs are too many is another question now, unless the change is
                    // our own answer to it.
                    if !self.acts.has_pruned(subject) {
                        self.queue.remove(&cronjob);
                    }
                    self.judge_history(cronjob, now);
                }
            }
        }
    }

    /// A family's history is looked at a moment later: its Jobs come and go by the hundred.
    fn judge_history(&mut self, cronjob: ObjectRef, now: Timestamp) {
        self.queue.judge_by(cronjob, after(now, HISTORY_DELAY));
    }

    fn gone(&mut self, job: &Arc<Job>, now: Timestamp) {
        let purpose = self.acts.forget(&ObjectRef::Job(Arc::clone(job)));
        self.flaps.forget(&job.meta.uid);
        self.told.remove(&job.meta.uid);
        if purpose != Some(Purpose::Prune)
            && let Some(cronjob) = self.view.cronjob_of(job)
        {
            self.queue.remove(&ObjectRef::CronJob(cronjob));
        }
        if purpose.is_some_and(Purpose::deletes) {
            return;
        }
        let expiry = job.finish().zip(job.ttl()).and_then(|(finish, ttl)| finish.expiry(ttl));
        if let Some(expiry) = expiry.filter(|expiry| *expiry <= now) {
            self.builtin.gone(expiry, now);
        }
    }

    /// Counts a Job that the webhook should have seen.
    fn appeared(&mut self, job: &Job, now: Timestamp) {
        let Some(registered) = &self.registered else { return };
        let since = registered.since.max(self.loaded).saturating_add(SETTLED);
        let created = job.meta.created.map(Second::time);
        let late = since.is_ok_and(|since| created.is_some_and(|created| created > since));
        if late && self.view.was_missed(&self.policy, job, registered, now) {
            self.metrics.stored.admission_gap();
            let (ns, name) = (&*job.meta.namespace, &*job.meta.name);
            tracing::warn!(ns, name, "created while the webhook was away");
        }
    }

    /// New labels are looked at only with everything that they are about.
    pub(super) fn take_namespace_news(&mut self, now: Timestamp) {
        if mem::take(&mut self.compare_labels) && self.keep.needs_namespaces() {
            let labelled = self.view.labelled(&self.policy);
            for name in self.braking.changed_unseen(&self.policy, &labelled) {
                if let Some(namespace) = self.view.namespace(&name).cloned() {
                    self.relabelled(&namespace, None, now);
                }
            }
        }
        for news in mem::take(&mut self.namespace_news) {
            self.namespace(news, now);
        }
    }

    fn namespace(&mut self, news: NamespaceNews, now: Timestamp) {
        match news {
            NamespaceNews::Applied(namespace) => {
                let was_known = self.view.namespace(&namespace.name).is_some();
                match self.view.set_namespace(&namespace) {
                    Some(before) if before.labels != namespace.labels => {
                        self.relabelled(&namespace, Some(&before), now);
                    }
                    Some(_) if was_known => {}
                    // A leader before us may have judged by other ones.
                    None if self.braking.has_counted(&self.policy, &namespace) => {
                        self.relabelled(&namespace, None, now);
                    }
                    // Nothing was decided by labels that nobody knew.
                    _ => self.judge_anew(&namespace.name),
                }
            }
            NamespaceNews::Deleted(name) => {
                self.view.remove_namespace(&name);
                self.judge_anew(&name);
            }
            NamespaceNews::Listed(all) => {
                for gone in self.view.namespaces_beside(&all) {
                    self.namespace(NamespaceNews::Deleted(gone), now);
                }
                for namespace in all {
                    self.namespace(NamespaceNews::Applied(namespace), now);
                }
            }
        }
    }

    /// Nothing that was decided about the objects of a namespace holds any more.
    fn judge_anew(&mut self, namespace: &str) {
        for subject in self.view.within(namespace) {
            self.queue.judge_anew(subject);
        }
    }

    /// What is known of the labels of namespaces is counted, and goes on the Lease as such.
    pub(super) fn note_labels(&mut self, now: Timestamp) {
        let is_counted = !self.compare_labels && self.namespace_news.is_empty();
        if is_counted && self.keep.needs_namespaces() {
            self.braking.note_labels(&self.policy, &self.view.labelled(&self.policy), now);
        }
    }

    /// The labels of a namespace have changed, or may have where nobody knows those `before`.
    fn relabelled(
        &mut self,
        namespace: &Namespace,
        before: Option<&Arc<Namespace>>,
        now: Timestamp,
    ) {
        if let Some(before) = before
            && !self.braking.is_accepted()
        {
            self.view.relabelled_unaccepted(before);
        }
        // Soon enough that the next leader knows, and not for each of a thousand namespaces.
        self.next_status = self.next_status.min(after(now, UNTIL_TOLD));
        if !self.keep.needs_namespaces() {
            return;
        }
        if self.permits.reach.covers(&namespace.name) {
            let mut risks = Vec::new();
            for subject in self.view.within(&namespace.name) {
                let present = self.risks(&subject, Labels::Present, now);
                let present: Vec<Risk> =
                    present.into_iter().filter(|risk| self.braking.concerns(risk, now)).collect();
                if !present.is_empty() {
                    let former = before.map(|it| self.risks(&subject, Labels::Of(it), now));
                    let former = former.unwrap_or_default();
                    risks.extend(Counted::all(&namespace.name, &present, &former));
                }
            }
            let outcome = self.braking.relabelled(&namespace.name, &risks, now);
            self.tell_brake(outcome);
            if outcome == BrakeOutcome::Tripped {
                // Counts what is held, and saves the hold.
                self.pass_now();
            }
        }
        self.judge_anew(&namespace.name);
    }

    fn risks(&self, subject: &ObjectRef, labels: Labels<'_>, now: Timestamp) -> Vec<Risk> {
        self.view.judge(&self.policy, subject, labels, false, now).risks
    }

    // --- What is thought about it.

    /// Judges some of what is to be judged.
    pub(super) fn judge_some(&mut self, at: Moment) {
        self.queue.take_due(at.now);
        for _ in 0..AT_ONCE {
            let Some(subject) = self.queue.next_unjudged() else { return };
            match self.view.fresh(&subject) {
                Some(subject) => {
                    let policy = Arc::clone(&self.policy);
                    let judgement = self.judge(&policy, &subject, at);
                    self.schedule(&subject, judgement, at);
                }
                None => self.forget(&subject),
            }
        }
    }

    fn forget(&mut self, subject: &ObjectRef) {
        self.queue.forget(subject);
        self.acts.forget(subject);
        self.flaps.forget(&subject.meta().uid);
        self.told.remove(&subject.meta().uid);
    }

    /// What the policy wants of an object.
    pub(super) fn judge<'p>(
        &mut self,
        policy: &'p Policy,
        subject: &ObjectRef,
        at: Moment,
    ) -> Judgement<'p> {
        let now = at.now;
        let uid = &subject.meta().uid;
        let flapping = self.flaps.is_stopped(uid);
        let judgement = self.view.judge(policy, subject, Labels::Present, flapping, now);
        // A state from before our last write would look like a revert, and so would that write
        // before it is known to be done.
        if flapping || self.acts.predates(subject, at) {
            return judgement;
        }
        let present = |setting| {
            let settled = judgement.decision.setting(setting)?;
            (!settled.is_ours()).then(|| settled.present.clone())
        };
        if self.flaps.seen(uid, present, at.ticks.duration_since(self.began)) {
            self.warn(subject, REVERTED, "somebody keeps reverting what is written here");
            return self.view.judge(policy, subject, Labels::Present, true, now);
        }
        judgement
    }

    /// Puts what a judgement asks for on the work queue. Says what is in the way.
    pub(super) fn schedule(
        &mut self,
        subject: &ObjectRef,
        judgement: Judgement<'_>,
        at: Moment,
    ) -> Option<Obstacle> {
        if let Some(until) = self.acts.stale_until(subject, at) {
            self.queue.replace(subject, Vec::new(), Some(until));
            return None;
        }
        let mut next: Option<Timestamp> = None;
        let mut steps = Vec::new();
        let mut obstacle = None;
        for action in judgement.actions {
            match action {
                Action::Wait { until, .. } => next = Some(next.map_or(until, |at| at.min(until))),
                Action::Count { reason: reason @ Reason::Stuck(_) } => {
                    self.warn(subject, "Stuck", &reason.to_string());
                }
                action => {
                    let Some(step) = Step::of(action, &judgement.risks) else { continue };
                    match self.permits.obstacle(&step, &self.braking) {
                        None => steps.push(step),
                        found => obstacle = found,
                    }
                }
            }
        }
        // What is due later than the pass after next is found by it, and need not be remembered.
        let horizon = after(at.now, HORIZON);
        self.queue.replace(subject, steps, next.filter(|at| *at <= horizon));
        obstacle
    }

    // --- What comes out.

    /// The next write of the work queue that may still be made; it counts as begun.
    pub(super) fn next_write(&mut self, at: Moment) -> Option<Write> {
        while let Some((subject, step)) = self.queue.pop() {
            let Some(step) = step.or_else(|| self.next_step(&subject, at)) else { continue };
            let Some(target) = self.view.target(step.identity()) else { continue };
            if self.permits.obstacle(&step, &self.braking).is_some() {
                continue;
            }
            if let Some(until) = self.acts.stale_until(&target, at) {
                // A Job has a timer of its own for that.
                if subject != target {
                    self.queue.judge_by(subject, until);
                }
                continue;
            }
            if !is_same(&target, step.identity()) {
                self.queue.judge(subject);
                continue;
            }
            if step.shortens() && !self.knows_surroundings(&subject, &target, at) {
                continue;
            }
            if !self.is_covered() {
                // It may have been judged without the label that spares it.
                self.queue.judge(subject);
                return None;
            }
            let write = Write { subject, target, step };
            self.acts.begin(&write, at);
            return Some(write);
        }
        None
    }

    /// Whether what an object is judged by, beside itself, is known to be as it was a moment ago. If not,
    /// `subject` is looked at again when that is known.
    fn knows_surroundings(&mut self, subject: &ObjectRef, target: &ObjectRef, at: Moment) -> bool {
        let cronjob = match (subject, target) {
            (ObjectRef::CronJob(cronjob), ObjectRef::Job(_)) => Some(Arc::clone(cronjob)),
            (_, ObjectRef::Job(job)) => self.view.cronjob_of(job),
            // Its version is named in the write.
            (_, ObjectRef::CronJob(_)) => None,
        };
        let namespace = self.view.namespace(&target.meta().namespace);
        let needed = Needed {
            cronjob: cronjob.as_deref(),
            namespace: namespace.filter(|_| self.policy.needs_namespace_labels()).map(|one| &**one),
        };
        match self.freshness.look(subject, needed, at.ticks) {
            Freshness::Known => true,
            Freshness::Asking => false,
            Freshness::Behind => {
                self.queue.judge_at(subject.clone(), after(at.now, AGAIN));
                false
            }
        }
    }

    /// What a Job's judgement asks for at this moment.
    fn next_step(&mut self, subject: &ObjectRef, at: Moment) -> Option<Step> {
        let subject = self.view.fresh(subject)?;
        let policy = Arc::clone(&self.policy);
        let Judgement { actions, risks, .. } = self.judge(&policy, &subject, at);
        actions.into_iter().find_map(|action| Step::of(action, &risks))
    }

    /// Draws the conclusions from a write that has ended.
    pub(super) fn wrote(&mut self, write: Write, outcome: &WriteOutcome, at: Moment) {
        let now = at.now;
        let Write { subject, target, step } = write;
        let (action, end) = match &step.what {
            What::Delete(deletion) => ("delete", deletion.outcome.condition()),
            What::Patch(_) => ("patch", ""),
        };
        self.metrics.stored.acted(action, end, outcome.as_str());
        match outcome {
            WriteOutcome::Done => self.done(&target, &step, at),
            WriteOutcome::Gone | WriteOutcome::Changed | WriteOutcome::Stopped => {}
            WriteOutcome::Retry { why, .. } => {
                tracing::debug!(%target, why, "to be tried again");
            }
            WriteOutcome::Refused(why) => self.refused(action, why, now),
            WriteOutcome::Failed(why) => {
                tracing::warn!(%target, action, why, "the API server does not take it");
            }
        }
        if self.acts.end(&target, outcome, at) {
            self.queue.judge(target.clone());
        }
        // A family's next step may depend on it; its Jobs go by the hundred.
        if subject != target {
            self.judge_history(subject, now);
        }
    }

    fn done(&mut self, target: &ObjectRef, step: &Step, at: Moment) {
        match &step.what {
            What::Delete(deletion) => self.deleted(target, deletion, &step.reason, at.now),
            What::Patch(change) => {
                let meta = target.meta();
                let (kind, ns, name) = (target.kind().as_str(), &*meta.namespace, &*meta.name);
                if change.fields.is_empty() {
                    tracing::info!(kind, ns, name, reason = %step.reason, "changed the record only");
                }
                let since = at.ticks.duration_since(self.began);
                for field in &change.fields {
                    self.flaps.wrote(meta.uid.clone(), field.setting, field.to.clone(), since);
                    let setting = field.setting.as_str();
                    let (from, to, rule) =
                        (field.from.to_string(), field.to.to_string(), &field.rule);
                    tracing::info!(kind, ns, name, setting, from, to, rule, "changed");
                }
                // What the watch has shown since could not be told from a revert until now.
                self.queue.judge(target.clone());
            }
        }
    }

    /// Tells about a deletion: one log line, and an Event for the Job and its `CronJob`.
    fn deleted(
        &mut self,
        target: &ObjectRef,
        deletion: &Deletion,
        reason: &Reason,
        now: Timestamp,
    ) {
        let Deletion { identity, finish, outcome, due, ttl, rule, propagation: _ } = deletion;
        let lag = now.duration_since(*due);
        let age = now.duration_since(*finish).as_secs();
        self.metrics.stored.deleted_after(Duration::try_from(lag).unwrap_or_default());
        let Identity { namespace: ns, name, uid, .. } = identity;
        let outcome = outcome.condition();
        let lag_seconds = lag.as_secs_f64();
        tracing::info!(
            ns, name, uid, rule, outcome, age, ttl, expiry = %due, lag_seconds, "deleted"
        );
        let ttl = ttl.map(|ttl| format!(", TTL {ttl} s")).unwrap_or_default();
        let note = format!(
            "Deleted Job {name}: {outcome} at {finish}{ttl} by {rule}, due at {due} ({reason})"
        );
        let mut told = vec![About::new(target.kind(), target.meta())];
        if let ObjectRef::Job(job) = target {
            let cronjob = self.view.cronjob_of(job);
            told.extend(cronjob.map(|cronjob| About::new(Kind::CronJob, &cronjob.meta)));
        }
        for about in told {
            let note = note.clone();
            self.record(Event { about, warning: false, reason: "Deleted", action: "Delete", note });
        }
    }

    /// Forgets what is over, and gives back the memory of a large backlog that is done.
    pub(super) fn tidy(&mut self, at: Moment) {
        self.flaps.tidy(at.ticks.duration_since(self.began));
        self.view.tidy();
        let view = &self.view;
        self.acts.tidy(|subject| view.fresh(subject), at);
        self.queue.shrink();
    }

    /// Records an Event about an object.
    fn record(&mut self, event: Event) {
        if self.permits.allow_event(&event.about.namespace) {
            self.events.push(event);
        }
    }

    /// Says once of an object that something is wrong with it.
    fn warn(&mut self, subject: &ObjectRef, reason: &'static str, note: &str) {
        let meta = subject.meta();
        let told = self.told.entry(meta.uid.clone()).or_default();
        if told.contains(&reason) {
            return;
        }
        told.push(reason);
        let (kind, ns, name) = (subject.kind().as_str(), &*meta.namespace, &*meta.name);
        tracing::warn!(kind, ns, name, "{note}");
        self.record(Event {
            about: About::new(subject.kind(), meta),
            warning: true,
            reason,
            action: "Leave",
            note: note.to_owned(),
        });
    }

    /// Says that a kind of write is refused: once, and again only when a while has passed.
    fn refused(&mut self, action: &'static str, why: &str, now: Timestamp) {
        let quiet = self.refusals.get(action).is_some_and(|until| *until > now);
        if !quiet {
            self.refusals.insert(action, after(now, QUIET));
            tracing::error!(action, why, "refused by the API server; it is tried again later");
        }
    }

    /// Says what the brake has decided.
    pub(super) fn tell_brake(&mut self, outcome: BrakeOutcome) {
        let (namespace, name) = &self.lease_name;
        let event = |note| Event {
            about: About::lease(namespace, name),
            warning: true,
            reason: "BrakeOn",
            action: "Hold",
            note,
        };
        self.events
            .extend(self.braking.tell(outcome, &self.policy.revision).into_iter().map(event));
    }
}

/// Whether an object is still as it was judged.
fn is_same(target: &ObjectRef, identity: &Identity) -> bool {
    let meta = target.meta();
    meta.version == Version::from(identity.resource_version.as_str())
        && meta.uid.to_string() == identity.uid
}

/// The reason of the Event that somebody keeps reverting us; another policy starts anew.
const REVERTED: &str = "Reverted";

/// How long a family may change before its history is counted again.
const HISTORY_DELAY: Duration = Duration::from_secs(1);

/// By then a policy has reached every replica, which a kubelet takes two minutes for, and a
/// registration every API server.
const SETTLED: SignedDuration = SignedDuration::from_mins(3);

/// Twice the longest time between two passes.
const HORIZON: Duration = Duration::from_secs(1_200);

/// Until labels that have changed are told on the Lease.
const UNTIL_TOLD: Duration = Duration::from_secs(2);

/// Objects judged before somebody else gets a turn.
const AT_ONCE: usize = 256;

/// Between two lines about the same refusal.
const QUIET: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests;
