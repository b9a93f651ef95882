//! Writes, one call for one object, and what follows from the answer.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::ObjectRef;
use super::acted::{Acted, Ended, Purpose};
use super::control_loop::ControlLoop;
use super::freshness::{AGAIN, Freshness, Needed};
use super::work_queue::{Step, What};
use crate::clock;
use crate::cluster::events::{About, Event};
use crate::cluster::slim::Version;
use crate::cluster::write::{Change, Target, WriteOutcome, WritePermit};
use crate::controllers::ControllerContext;
use crate::sweeper::change::Identity;
use crate::sweeper::{Deletion, Judgement};

// === impl ControlLoop ===

impl ControlLoop<'_> {
    /// Starts the next write of the work queue that may still be made.
    pub(super) fn write_next(&mut self, taken: WritePermit) {
        while let Some((subject, step)) = self.queue.pop() {
            if !self.term.holds() {
                return;
            }
            let Some(step) = step.or_else(|| self.next_step(&subject)) else { continue };
            let Some(target) = self.cluster_view.target(step.identity()) else { continue };
            if self.obstacle(&step).is_some() {
                continue;
            }
            if self.is_stale(&target) {
                self.wait_for(&target, subject);
                continue;
            }
            if !is_same(&target, step.identity()) {
                self.dirty.insert(subject);
                continue;
            }
            if step.shortens() && !self.knows_surroundings(&subject, &target) {
                continue;
            }
            if !self.is_covered() {
                // It may have been judged without the label that spares it.
                self.dirty.insert(subject);
                return;
            }
            let version = target.meta().version.clone();
            let before = self.acted.get(&target).filter(|acted| acted.version == version);
            let acted = Acted {
                failures: before.map_or(0, |acted| acted.failures),
                version,
                until: self.after(UNSEEN),
                purpose: match step.what {
                    What::Delete(_) if subject != target => Purpose::Prune,
                    What::Delete(_) => Purpose::Expire,
                    What::Patch(_) => Purpose::Change,
                },
                refused: false,
                under_way: true,
            };
            self.acted.insert(target.clone(), acted);
            let (writer, to, change) = (self.writer.clone(), step.target(), step.change());
            self.writes.spawn(async move {
                let outcome = writer.write_now(taken, &to, &change).await;
                Ended { subject, target, step, outcome }
            });
            return;
        }
    }

    /// Whether what an object is judged by, beside itself, is known to be as it was a moment ago. If not,
    /// `subject` is looked at again when that is known.
    fn knows_surroundings(&mut self, subject: &ObjectRef, target: &ObjectRef) -> bool {
        let cronjob = match (subject, target) {
            (ObjectRef::CronJob(cronjob), ObjectRef::Job(_)) => Some(Arc::clone(cronjob)),
            (_, ObjectRef::Job(job)) => self.cluster_view.cronjob_of(job),
            // Its version is named in the write.
            (_, ObjectRef::CronJob(_)) => None,
        };
        let namespace = self.cluster_view.namespace(&target.meta().namespace);
        let needed = Needed {
            cronjob: cronjob.as_deref(),
            namespace: namespace.filter(|_| self.policy.needs_namespace_labels()),
        };
        let client = &self.context.cluster.client;
        match self.freshness.look(client, subject, needed) {
            Freshness::Known => true,
            Freshness::Asking => false,
            Freshness::Behind => {
                let again = self.now().saturating_add(AGAIN).unwrap_or(Timestamp::MAX);
                self.timers.set(subject.clone(), again);
                false
            }
        }
    }

    /// Looks at a family again when one of its Jobs may be written to again; a Job has a timer of
    /// its own for that.
    fn wait_for(&mut self, target: &ObjectRef, subject: ObjectRef) {
        let until = self.acted.get(target).map(|acted| acted.until);
        if let Some(until) = until.filter(|_| subject != *target)
            && self.timers.deadline_of(&subject).is_none_or(|at| at > until)
        {
            self.timers.set(subject, until);
        }
    }

    /// What a Job's judgement asks for at this moment.
    fn next_step(&mut self, subject: &ObjectRef) -> Option<Step> {
        let subject = self.cluster_view.fresh(subject)?;
        let policy = Arc::clone(&self.policy);
        let Judgement { actions, risks, .. } = self.judge(&policy, &subject);
        actions.into_iter().find_map(|action| Step::of(action, &risks))
    }

    /// Draws the conclusions from a write.
    pub(super) fn ended(&mut self, ended: Result<Ended, tokio::task::JoinError>) {
        let Ended { subject, target, step, outcome } = match ended {
            Ok(ended) => ended,
            Err(error) => {
                tracing::error!(%error, "a write broke off");
                return;
            }
        };
        let (action, end) = match &step.what {
            What::Delete(deletion) => ("delete", deletion.outcome.condition()),
            What::Patch(_) => ("patch", ""),
        };
        self.context.metrics.stored.acted(action, end, outcome.as_str());
        if let Some(acted) = self.acted.get_mut(&target) {
            acted.under_way = false;
        }
        match outcome {
            WriteOutcome::Done => self.done(&target, &step),
            // The watch will tell, or has already.
            WriteOutcome::Gone => {}
            WriteOutcome::Changed => self.again(&target, AFTER_CHANGE),
            WriteOutcome::Stopped => {
                self.acted.remove(&target);
            }
            WriteOutcome::Retry { after, why } => {
                tracing::debug!(%target, why, "to be tried again");
                let pause = self.failed(&target).max(after.unwrap_or_default());
                self.again(&target, pause);
            }
            WriteOutcome::Refused(why) => {
                self.keeper.doubt();
                self.refused(action, &why);
                self.again(&target, AFTER_REFUSAL);
                if let Some(acted) = self.acted.get_mut(&target) {
                    acted.refused = true;
                }
            }
            WriteOutcome::Failed(why) => {
                tracing::warn!(%target, action, why, "the API server does not take it");
                self.again(&target, AFTER_REFUSAL);
            }
        }
        // A family's next step may depend on it; its Jobs go by the hundred.
        if subject != target {
            self.history_soon(subject);
        }
    }

    fn done(&mut self, target: &ObjectRef, step: &Step) {
        let now = self.now();
        match &step.what {
            What::Delete(deletion) => self.deleted(target, deletion, &step.reason, now),
            What::Patch(change) => {
                let meta = target.meta();
                let (kind, ns, name) = (target.kind().as_str(), &*meta.namespace, &*meta.name);
                if change.fields.is_empty() {
                    tracing::info!(kind, ns, name, reason = %step.reason, "changed the record only");
                }
                for field in &change.fields {
                    let ticks = clock::ticks();
                    self.flaps.wrote(meta.uid.clone(), field.setting, field.to.clone(), ticks);
                    let setting = field.setting.as_str();
                    let (from, to, rule) =
                        (field.from.to_string(), field.to.to_string(), &field.rule);
                    tracing::info!(kind, ns, name, setting, from, to, rule, "changed");
                }
                // What the watch has shown since could not be told from a revert until now.
                self.dirty.insert(target.clone());
            }
        }
    }

    /// Tells about a deletion: one log line, and an Event for the Job and its `CronJob`.
    fn deleted(
        &self,
        target: &ObjectRef,
        deletion: &Deletion,
        reason: &crate::sweeper::Reason,
        now: Timestamp,
    ) {
        let Deletion { identity, finish, outcome, due, ttl, rule, propagation: _ } = deletion;
        let lag = now.duration_since(*due);
        let age = now.duration_since(*finish).as_secs();
        self.context.metrics.stored.deleted_after(Duration::try_from(lag).unwrap_or_default());
        let Identity { namespace: ns, name, uid, .. } = identity;
        let outcome = outcome.condition();
        let lag_seconds = lag.as_secs_f64();
        tracing::info!(
            ns, name, uid, rule, outcome, age, ttl, expiry = %due, lag_seconds, "deleted"
        );
        let after = ttl.map(|ttl| format!(", TTL {ttl} s")).unwrap_or_default();
        let note = format!(
            "Deleted Job {name}: {outcome} at {finish}{after} by {rule}, due at {due} ({reason})"
        );
        let event = |about| Event {
            about,
            warning: false,
            reason: "Deleted",
            action: "Delete",
            note: note.clone(),
        };
        self.record(event(About::new(target.kind(), target.meta())));
        if let ObjectRef::Job(job) = target
            && let Some(cronjob) = self.cluster_view.cronjob_of(job)
        {
            self.record(event(About::new(crate::batch::Kind::CronJob, &cronjob.meta)));
        }
    }

    /// Records an Event, unless it is known that none may be written there: hundreds would be
    /// refused.
    fn record(&self, event: Event) {
        let ControllerContext { recorder, reach, .. } = &self.context;
        let namespace = &event.about.namespace;
        if reach.covers(namespace) && !self.rights.lack("create", "events", namespace) {
            recorder.record(event);
        }
    }

    /// Says once of an object that something is wrong with it.
    pub(super) fn warn(&mut self, subject: &ObjectRef, reason: &'static str, note: &str) {
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
    fn refused(&mut self, action: &'static str, why: &str) {
        let now = self.now();
        let quiet = self.refusals.get(action).is_some_and(|until| *until > now);
        if !quiet {
            self.refusals.insert(action, self.after(QUIET));
            tracing::error!(action, why, "refused by the API server; it is tried again later");
        }
    }

    /// Counts a failure, and says how long to wait for it.
    fn failed(&mut self, target: &ObjectRef) -> Duration {
        let Some(acted) = self.acted.get_mut(target) else { return FIRST_PAUSE };
        let pause = FIRST_PAUSE.saturating_mul(1 << acted.failures.min(DOUBLINGS));
        acted.failures += 1;
        pause
    }

    /// Looks at an object again after a while, or as soon as it changes.
    fn again(&mut self, target: &ObjectRef, pause: Duration) {
        let until = self.after(pause);
        if let Some(acted) = self.acted.get_mut(target) {
            acted.until = until;
            acted.purpose = Purpose::Vain;
        }
        self.dirty.insert(target.clone());
    }

    /// The moment after a pause, by the API server's clock.
    pub(super) fn after(&self, pause: Duration) -> Timestamp {
        self.context.after(pause)
    }
}

// === impl Step ===

impl Step {
    fn target(&self) -> Target {
        let Identity { kind, namespace, name, uid, resource_version } = self.identity().clone();
        Target { kind, namespace, name, uid, version: resource_version }
    }

    fn change(&self) -> Change {
        match &self.what {
            What::Delete(deletion) => Change::Delete(deletion.propagation),
            What::Patch(change) => Change::Merge(change.merge_patch()),
        }
    }
}

/// Whether an object is still as it was judged.
fn is_same(target: &ObjectRef, identity: &Identity) -> bool {
    let meta = target.meta();
    meta.version == Version::from(identity.resource_version.as_str())
        && meta.uid.to_string() == identity.uid
}

/// For the watch to show what a write has done, before it is done once more.
const UNSEEN: Duration = Duration::from_secs(30);

/// The watch is behind; it will not be for long.
const AFTER_CHANGE: Duration = Duration::from_secs(2);

const AFTER_REFUSAL: Duration = Duration::from_secs(300);
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Up to four minutes.
const DOUBLINGS: u32 = 8;

/// Between two lines about the same refusal.
const QUIET: Duration = Duration::from_secs(600);
