//! A look at everything: heals what news have missed, counts for the brake, and tells how many
//! Jobs there are in which state.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use kube::Api;

use super::ObjectRef;
use super::cluster_view::Labels;
use super::control_loop::{ControlLoop, Obstacle};
use super::registration::Registration;
use crate::batch::Kind;
use crate::clock::{self, HashMap, HashSet};
use crate::cluster::clock_offset::Trust;
use crate::cluster::slim::{Job, Keep, Key, Symbol};
use crate::policy::Policy;
use crate::sweeper::brake::{AtRisk, BrakeOutcome, Waiting};
use crate::sweeper::decide::Risk;
use crate::sweeper::status::Status;
use crate::sweeper::{Action, Judgement, Reach, Reason};

/// What a look at everything adds up to.
#[derive(Debug, Default)]
struct Tally {
    states: BTreeMap<&'static str, u64>,
    risks: Vec<Counted>,
    /// Finished Jobs that cannot be judged, by namespace.
    unknown: BTreeMap<Symbol, usize>,
    /// The earliest expiry of the Jobs whose own TTL is over.
    oldest: Option<Timestamp>,
}

/// A finished Job that the policy ends, for the brake.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) namespace: Symbol,
    pub(super) risk: Risk,
    pub(super) before: Option<Risk>,
}

// === impl ControlLoop ===

impl ControlLoop<'_> {
    /// Looks at everything that is stored; says whether it was counted.
    pub(super) async fn pass(&mut self) -> bool {
        let began = clock::instant();
        let policy = Arc::clone(&self.policy);
        let accepted = self.accepted_before();
        let mut tally = Tally::default();
        let watches = Arc::clone(&self.context.watches);
        // Before the rest: what can be read from some moment of this pass on is not among that.
        let (jobs, cronjobs) = (watches.undecodable_jobs(), watches.undecodable_cronjobs());
        for (position, subject) in self.cluster_view.everything().into_iter().enumerate() {
            if position % CHUNK == CHUNK - 1 {
                tokio::task::yield_now().await;
                if self.term.over.is_cancelled() {
                    return false;
                }
            }
            self.look_at(&subject, &policy, accepted.as_deref(), &mut tally);
        }
        // The Jobs of a family that could not be judged while it was their turn are unknown; what its
        // limits end is counted with the `CronJob`.
        for key in cronjobs.iter() {
            if let Some(subject) = self.cluster_view.find(Kind::CronJob, &key.namespace, &key.name)
            {
                self.look_at(&subject, &policy, accepted.as_deref(), &mut tally);
            }
        }
        if !self.is_covered() || (accepted.is_some() && self.accepted_before().is_none()) {
            // Another policy needs more, and all is being listed anew: this count is of nothing.
            self.pass_now();
            return false;
        }
        tally.add_unread(&jobs, &watches.undecodable_jobs(), &self.context.reach);
        let risks = tally.risks.iter().map(Counted::at_risk);
        let unknown = tally.unknown.iter().map(|(namespace, count)| (&**namespace, *count));
        self.census = self.brake.count(risks, unknown);
        let outcome = self.brake.settle(&self.census);
        self.tell_brake(outcome);
        if outcome != BrakeOutcome::Unchanged {
            // Whoever asks for the status now wants to see it.
            self.next_status = self.now();
        }
        self.builtin.swept(tally.oldest);
        let took = clock::instant() - began;
        self.next_pass = self.now().saturating_add(pause(took)).unwrap_or(Timestamp::MAX);
        let saved = self.save().await;
        if saved
            || matches!(
                outcome,
                BrakeOutcome::Accepted | BrakeOutcome::Moot | BrakeOutcome::Tripped
            )
        {
            // What waited for that can be put on the work queue.
            self.pass_now();
        }
        self.tell(tally.states, took).await;
        true
    }

    /// Judges an object, counts it, and puts what is to be done about it on the work queue.
    fn look_at(
        &mut self,
        subject: &ObjectRef,
        policy: &Policy,
        accepted: Option<&Policy>,
        tally: &mut Tally,
    ) {
        let judgement = self.judge(policy, subject);
        self.count(tally, subject, &judgement, accepted);
        let state = state(&judgement, self.now());
        let obstacle = self.schedule(subject, judgement);
        if let ObjectRef::Job(_) = subject {
            *tally.states.entry(obstacle.map_or(state, Obstacle::as_str)).or_default() += 1;
        }
    }

    /// The policy of the accepted revision, where another one is in use, both are known, and what is
    /// kept of objects is enough to judge by it: without the label by which it spares a Job, the Job
    /// would seem to have been due before.
    pub(super) fn accepted_before(&self) -> Option<Arc<Policy>> {
        let accepted = self.accepted.as_ref()?;
        let is_that = self.brake.memory().accepted.as_deref() == Some(&accepted.revision);
        let differs = is_that && accepted.revision != self.policy.revision;
        let store = &self.context.watches.store;
        (differs && store.covers(&Keep::of(accepted))).then(|| Arc::clone(accepted))
    }

    /// Whether what the family of a Job is judged by is stored and cannot be decoded.
    fn has_undecodable_cronjob(&self, subject: &ObjectRef) -> bool {
        let meta = subject.meta();
        meta.cronjob_owner().is_some_and(|owner| {
            self.context.watches.is_undecodable_cronjob(&Key {
                namespace: meta.namespace.to_string(),
                name: owner.name.to_string(),
                uid: owner.uid.to_string(),
            })
        })
    }

    fn count(
        &self,
        tally: &mut Tally,
        subject: &ObjectRef,
        judgement: &Judgement<'_>,
        accepted: Option<&Policy>,
    ) {
        let now = self.now();
        if let ObjectRef::Job(job) = subject
            && !job.is_terminating()
            && let Some(expiry) = own_expiry(job).filter(|expiry| *expiry <= now)
        {
            tally.oldest = Some(tally.oldest.map_or(expiry, |oldest| oldest.min(expiry)));
        }
        // What we cannot write cannot be ended by us.
        if !self.context.reach.covers(&subject.meta().namespace) {
            return;
        }
        let undecodable =
            *judgement.reason() == Reason::UnknownCronJob && self.has_undecodable_cronjob(subject);
        if judgement.is_unknown(undecodable) {
            *tally.unknown.entry(subject.meta().namespace.clone()).or_default() += 1;
        }
        // What is due later than any hold reaches is nothing to the brake.
        let risks: Vec<Risk> =
            judgement.risks.iter().filter(|risk| self.brake.concerns(risk, now)).copied().collect();
        if risks.is_empty() {
            return;
        }
        let before = accepted
            .map(|policy| {
                self.cluster_view.judge(policy, subject, Labels::Accepted, false, now).risks
            })
            .unwrap_or_default();
        let namespace = &subject.meta().namespace;
        tally.risks.extend(counted(namespace, &risks, &before));
    }

    /// Tells metrics and the Lease how things stand.
    async fn tell(&mut self, states: BTreeMap<&'static str, u64>, took: Duration) {
        let now = self.now();
        let stored = &self.context.metrics.stored;
        let lag = self.builtin.lag(now).map(|lag| lag.as_secs());
        let offset = self.context.cluster.clock.correction().as_secs_f64();
        stored.jobs(states.iter().map(|(state, count)| (*state, *count)));
        let waiting = self.brake.waiting(&self.census);
        stored.braked(self.brake.held(&self.census), &waiting);
        stored.builtin_ttl_lag(lag.unwrap_or_default());
        stored.clock_offset(offset);
        for (kind, health) in self.context.watches.health() {
            stored.undecodable(kind, health.undecodable.len());
        }
        tracing::debug!(?took, ?states, "looked at everything");
        self.flaps.tidy(clock::ticks());
        self.cluster_view.tidy();
        // A deletion may take long, by Pods or a finalizer, and stays ours until the Job is gone.
        let world = &self.cluster_view;
        self.acted.retain(|subject, acted| {
            acted.until > now
                || acted.under_way
                || acted.has_deleted() && world.fresh(subject).is_some()
        });
        self.acted.shrink_to_fit();
        self.queue.shrink();
        self.timers.shrink();
        if self.swept.replace(now).is_none() {
            // That nothing was known yet is no news any more.
            self.next_status = now;
        }
        let jobs = states.into_iter().map(|(state, count)| (state.to_owned(), count)).collect();
        let stopped = (self.trust == Trust::Refused)
            .then(|| "this clock is too far from the API server's, or was put".to_owned());
        self.report(jobs, stopped, waiting).await;
    }

    /// Tells on the Lease why nothing is done.
    pub(super) async fn tell_idle(&mut self, why: String) {
        let waiting = self.brake.waiting(&self.census);
        self.report(BTreeMap::new(), Some(why), waiting).await;
    }

    /// Puts the status on the Lease, unless it was told a moment ago.
    async fn report(
        &mut self,
        jobs: BTreeMap<String, u64>,
        stopped: Option<String>,
        brake: Vec<Waiting>,
    ) {
        let now = self.now();
        if now < self.next_status {
            return;
        }
        self.next_status = self.after(BETWEEN_REPORTS);
        let report = Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            revision: self.policy.revision.clone(),
            swept: self.swept,
            jobs,
            builtin_ttl: self.builtin.state(now),
            builtin_ttl_lag: self.builtin.lag(now).map(|lag| lag.as_secs()),
            missing_rights: self.rights.complaints(),
            writes: (*self.context.reach).clone(),
            brake,
            clock_offset: self.context.cluster.clock.correction().as_secs_f64(),
            stopped,
        };
        let annotations = [(Status::ANNOTATION, Some(report.to_text()))].into();
        if let Err(error) = self.context.lease.annotate(&self.context.identity, &annotations).await
        {
            tracing::debug!(%error, "the status could not be written to the Lease");
        }
        self.look_for_registration().await;
    }

    /// Which Jobs the webhook is there for, and since when.
    async fn look_for_registration(&mut self) {
        let api: Api<MutatingWebhookConfiguration> = Api::all(self.context.cluster.client.clone());
        let call = api.get_opt(self.registration);
        // Without an answer, what was known is as good as before.
        if let Ok(Ok(found)) = tokio::time::timeout(LIMIT, call).await {
            self.registered = found.as_ref().and_then(Registration::of);
        }
    }
}

// === impl Tally ===

impl Tally {
    /// Counts the Jobs that could not be read when a pass began, or cannot be at its end: nobody
    /// knows whether they have finished. Whatever can be read in between was not looked at.
    fn add_unread(&mut self, before: &HashSet<Key>, after: &HashSet<Key>, reach: &Reach) {
        for key in before.union(after).filter(|key| reach.covers(&key.namespace)) {
            *self.unknown.entry(key.namespace.as_str().into()).or_default() += 1;
        }
    }
}

// === impl Counted ===

impl Counted {
    pub(super) fn at_risk(&self) -> AtRisk<'_> {
        AtRisk { namespace: &self.namespace, risk: self.risk, before: self.before }
    }
}

/// Risks, each with one of the same finish from before. Many Jobs of a family may end in one second,
/// so what was before is for one of them only.
pub(super) fn counted(namespace: &Symbol, risks: &[Risk], before: &[Risk]) -> Vec<Counted> {
    let mut by_finish: HashMap<Timestamp, VecDeque<Risk>> = HashMap::default();
    for risk in before {
        by_finish.entry(risk.finish).or_default().push_back(*risk);
    }
    let mut of_same = |risk: &Risk| by_finish.get_mut(&risk.finish)?.pop_front();
    let counted =
        |risk: &Risk| Counted { namespace: namespace.clone(), risk: *risk, before: of_same(risk) };
    risks.iter().map(counted).collect()
}

// === impl Obstacle ===

impl Obstacle {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Brake => "braked",
            Self::Clock => "clock",
            Self::ReadOnly => "read-only",
            Self::Rights => "not-permitted",
        }
    }
}

/// In one word, how it stands with a Job.
fn state(judgement: &Judgement<'_>, now: Timestamp) -> &'static str {
    let is_due = judgement.expiry.is_some_and(|expiry| expiry <= now);
    match judgement.actions.first() {
        Some(Action::Delete { .. }) => "due",
        Some(Action::Wait { reason: Reason::Terminating, .. }) => "terminating",
        Some(Action::Count { reason: Reason::Row(_) }) if is_due => "due",
        Some(Action::Count { reason: Reason::Row(_) } | Action::Patch { .. }) => "differs",
        _ if judgement.finish.is_none() => match judgement.reason() {
            Reason::Agreed => "unfinished",
            reason => reason.as_str(),
        },
        Some(Action::Wait { reason: Reason::Agreed, .. }) => "waiting",
        _ => judgement.reason().as_str(),
    }
}

fn own_expiry(job: &Job) -> Option<Timestamp> {
    job.finish()?.expiry(job.ttl()?)
}

/// Until the next pass: one costs at most a hundredth of the time, and a healed mistake is not ten
/// minutes old. With a spread, so that replicas and clusters do not beat together.
fn pause(took: Duration) -> SignedDuration {
    let wait = took.saturating_mul(SHARE).clamp(SHORTEST, LONGEST);
    SignedDuration::try_from(wait.mul_f64(0.9 + 0.2 * clock::fraction()))
        .unwrap_or(SignedDuration::MAX)
}

const SHARE: u32 = 100;
const SHORTEST: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(540);

/// Objects looked at before somebody else gets a turn.
const CHUNK: usize = 512;

/// The Lease is written by the election, too; nobody needs to know the number of Jobs every second.
const BETWEEN_REPORTS: Duration = Duration::from_secs(30);
const LIMIT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{HashSet, Key, Reach, Risk, Tally, counted};

    #[test]
    fn what_can_be_read_only_while_a_pass_goes_on_counts_as_unknown() {
        let keys = |keys: &[(&str, &str)]| -> HashSet<Key> {
            let key = |(namespace, name): &(&str, &str)| Key {
                namespace: (*namespace).to_owned(),
                name: (*name).to_owned(),
                uid: String::new(),
            };
            keys.iter().map(key).collect()
        };
        let before = keys(&[("apps", "read-meanwhile"), ("apps", "never-read")]);
        let after = keys(&[("apps", "never-read"), ("apps", "no-longer-read"), ("else", "where")]);
        let mut tally = Tally::default();
        tally.add_unread(&before, &after, &Reach::only(["apps".to_owned()]));
        assert_eq!(tally.unknown, [("apps".into(), 3)].into());
    }

    /// A family of which many ended in one second.
    #[test]
    fn what_was_before_is_for_one_job_only() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let risk = |finish, due| Risk { finish: at(finish), due: at(due) };
        let risks = [risk(1, 9), risk(1, 9), risk(1, 9), risk(2, 9)];
        let before = [risk(1, 50), risk(2, 60), risk(1, 70)];
        let counted = counted(&"apps".into(), &risks, &before);
        let before: Vec<_> = counted.iter().map(|one| one.before.map(|risk| risk.due)).collect();
        assert_eq!(before, [Some(at(50)), Some(at(70)), None, Some(at(60))]);
    }
}
