//! One term at work: the loop, the news, and what a judgement leads to.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::acted::{Acted, Ended};
use super::cluster_view::{ClusterView, Labels};
use super::freshness::FreshnessChecks;
use super::registration::Registration;
use super::subject::ObjectRef;
use super::work_queue::{Step, What, WorkQueue};
use crate::batch::Kind;
use crate::clock::{self, HashMap};
use crate::cluster::clock_offset::Trust;
use crate::cluster::pace::Rate;
use crate::cluster::slim::{Keep, Uid};
use crate::cluster::write::{Gate, WritePermit, Writer};
use crate::controllers::ControllerContext;
use crate::controllers::feed::NamespaceNews;
use crate::controllers::rights::{self, Keeper, Rights};
use crate::controllers::watch_health::WatchHealth;
use crate::leader::{LeaderStatus, Term};
use crate::policy::Policy;
use crate::sweeper::brake::{Census, Memory};
use crate::sweeper::{Action, Brake, Builtin, Deadlines, Flaps, Judgement, Reason};

/// Everything that a term remembers.
pub(super) struct ControlLoop<'s> {
    pub(super) context: &'s ControllerContext,
    /// Namespace and name of the Lease.
    pub(super) lease_name: &'s (String, String),
    pub(super) registration: &'s str,
    pub(super) term: Term,
    pub(super) cluster_view: ClusterView,
    pub(super) policies: watch::Receiver<Arc<Policy>>,
    pub(super) policy: Arc<Policy>,
    pub(super) keep: Arc<Keep>,
    /// When the policy in use came, by the API server's clock.
    pub(super) loaded: Timestamp,
    /// The policy of the last accepted revision, where this process has seen it.
    pub(super) accepted: Option<Arc<Policy>>,
    pub(super) brake: Brake,
    pub(super) census: Census,
    /// What of the brake's memory is surely on the Lease.
    pub(super) saved: Memory,
    pub(super) standing: watch::Receiver<LeaderStatus>,
    /// The request for approval that was answered last, until the Lease no longer has it.
    pub(super) answered: Option<String>,
    pub(super) queue: WorkQueue,
    pub(super) timers: Deadlines<ObjectRef>,
    /// To be judged again.
    pub(super) dirty: BTreeSet<ObjectRef>,
    pub(super) acted: HashMap<ObjectRef, Acted>,
    pub(super) freshness: FreshnessChecks,
    pub(super) flaps: Flaps<Uid>,
    pub(super) builtin: Builtin,
    pub(super) keeper: Keeper,
    pub(super) rights: Rights,
    pub(super) trust: Trust,
    pub(super) gate: Gate,
    pub(super) writer: Writer,
    pub(super) writes: JoinSet<Ended>,
    /// Told about already: stuck deletions and the like, each by its reason.
    pub(super) told: HashMap<Uid, Vec<&'static str>>,
    /// Until when a refusal of this kind of write is not told again.
    pub(super) refusals: HashMap<&'static str, Timestamp>,
    /// When everything is looked at again.
    pub(super) next_pass: Timestamp,
    /// When everything was last looked at.
    pub(super) swept: Option<Timestamp>,
    pub(super) next_status: Timestamp,
    /// When to look at the Lease again; `None` until something there changes.
    pub(super) lease_due: Option<Timestamp>,
    pub(super) watch_health: WatchHealth,
    /// What happened to namespaces, until everything is known that they are judged with.
    pub(super) namespace_news: Vec<NamespaceNews>,
    /// How the webhook is registered; `None` where it is not, or nobody knows.
    pub(super) registered: Option<Registration>,
    /// Ends the questions about rights with us.
    _asking: DropGuard,
}

/// What keeps a judgement from being carried out for now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Obstacle {
    /// The brake, or that nobody knows yet whether it holds.
    Brake,
    /// Our clock is too far off for anything to be ended by it.
    Clock,
    /// In its namespace we only look.
    ReadOnly,
    /// The API server does not let us.
    Rights,
}

// === impl ControlLoop ===

impl<'s> ControlLoop<'s> {
    pub(super) fn new(
        context: &'s ControllerContext,
        lease_name: &'s (String, String),
        registration: &'s str,
        term: Term,
    ) -> Self {
        let mut policies = context.policies.clone();
        let mut standing = context.standing.clone();
        let policy = Arc::clone(&policies.borrow_and_update());
        let now = context.cluster.clock.now();
        let memory = {
            let standing = standing.borrow_and_update();
            Memory::parse(standing.annotations.get(Memory::ANNOTATION).map(String::as_str))
        };
        let gate = Gate::new(Rate::new(policy.stored.rate));
        let writer = Writer::new(context.cluster.client.clone(), gate.clone(), term.over.clone());
        let asking = CancellationToken::new();
        let keeper = Keeper::start(context, rights::of_sweeper, asking.clone());
        let watches = Arc::clone(&context.watches);
        Self {
            context,
            lease_name,
            registration,
            term,
            cluster_view: ClusterView::new(watches, context.own_namespace.clone()),
            policies,
            keep: Arc::new(Keep::of(&policy)),
            loaded: now,
            accepted: None,
            brake: Brake::new(
                memory.clone(),
                (*context.reach).clone(),
                &policy.revision,
                usize::try_from(policy.stored.brake_at_most).unwrap_or(usize::MAX),
                now,
            ),
            policy,
            census: Census::default(),
            saved: memory,
            standing,
            answered: None,
            queue: WorkQueue::default(),
            timers: Deadlines::new(),
            dirty: BTreeSet::new(),
            acted: HashMap::default(),
            freshness: FreshnessChecks::default(),
            flaps: Flaps::new(),
            builtin: Builtin::default(),
            rights: keeper.rights(),
            keeper,
            trust: context.cluster.clock.trust(),
            gate,
            writer,
            writes: JoinSet::new(),
            told: HashMap::default(),
            refusals: HashMap::default(),
            next_pass: now,
            swept: None,
            next_status: now,
            lease_due: Some(now),
            watch_health: WatchHealth::default(),
            namespace_news: Vec::new(),
            registered: None,
            _asking: asking.drop_guard(),
        }
    }

    /// Works until the term is over; then waits for what is under way.
    pub(super) async fn run(mut self) {
        let over = self.term.over.clone();
        let mut turn: Option<WritePermit> = None;
        while !over.is_cancelled() {
            self.take_news();
            let idle = self.why_idle();
            let synced = idle.is_none();
            if synced {
                self.take_namespace_news();
                self.look_at_clock();
                self.take_due();
                self.judge_dirty();
            }
            // Nothing is written while there are news that nobody has thought about.
            if synced
                && self.dirty.is_empty()
                && let Some(taken) = turn.take()
            {
                self.write_next(taken);
            }
            let busy = synced && !self.dirty.is_empty();
            let wants = synced && turn.is_none() && !self.queue.is_empty();
            let wake = if synced { self.until_next() } else { LONGEST_SLEEP };
            tokio::select! {
                biased;
                () = over.cancelled() => break,
                // What stands on the Lease and what is told there takes calls; a term that is over
                // does not wait for them.
                () = self.survey(idle) => {}
            }
            tokio::select! {
                biased;
                () = over.cancelled() => break,
                Some(ended) = self.writes.join_next() => self.ended(ended),
                // Everything below is cancel-safe.
                Some(answer) = self.freshness.answered() => {
                    self.dirty.extend(self.freshness.take(answer));
                }
                taken = self.writer.turn(), if wants => turn = Some(taken),
                () = tokio::task::yield_now(), if busy => {}
                changed = self.policies.changed() => if changed.is_ok() { self.load() },
                changed = self.standing.changed() => if changed.is_ok() {
                    self.lease_due = Some(self.now());
                },
                () = self.keeper.changed() => self.rights_changed(),
                () = self.context.watches.feeds.sweeper.arrived() => {}
                () = tokio::time::sleep(wake), if !busy => {}
            }
        }
        drop(turn);
        // Whatever was done is told, even if it is the last thing.
        while let Some(ended) = self.writes.join_next().await {
            self.ended(ended);
        }
    }

    /// Does what is due now and then.
    async fn survey(&mut self, idle: Option<String>) {
        let now = self.now();
        if let Some(why) = idle {
            self.tell_idle(why).await;
            return;
        }
        if self.lease_due.is_some_and(|due| due <= now) {
            self.lease_due = None;
            self.lease_changed().await;
        }
        if now >= self.next_pass {
            self.pass().await;
        }
    }

    /// Why nothing can be judged; `None` where everything is known.
    fn why_idle(&mut self) -> Option<String> {
        let watches = &self.context.watches;
        let broken = self.watch_health.broken(watches.health());
        if let Some(why) = broken {
            return Some(why);
        }
        (!self.is_covered()).then(|| "not everything is listed yet".to_owned())
    }

    /// Whether everything is listed, with what the policy of this shift needs. A list for another one
    /// may begin at any time: who judges asks afterwards as well.
    pub(super) fn is_covered(&self) -> bool {
        self.context.watches.store.covers(&self.keep)
    }

    /// The API server's time.
    pub(super) fn now(&self) -> Timestamp {
        self.context.now()
    }

    /// Until there is something to do without news. Never long: a clock that is put forward makes
    /// things due at once.
    fn until_next(&self) -> Duration {
        let due = [self.timers.next_deadline(), self.lease_due];
        let next = due.into_iter().flatten().fold(self.next_pass, Timestamp::min);
        let wait = next.duration_since(self.now());
        Duration::try_from(wait).unwrap_or(Duration::ZERO).min(LONGEST_SLEEP)
    }

    /// Takes what is due from the timers.
    fn take_due(&mut self) {
        let now = self.now();
        while let Some((_, subject)) = self.timers.pop_due(now) {
            self.dirty.insert(subject);
        }
    }

    /// Judges some of what is to be judged.
    fn judge_dirty(&mut self) {
        for _ in 0..AT_ONCE {
            let Some(subject) = self.dirty.pop_first() else { return };
            match self.cluster_view.fresh(&subject) {
                Some(subject) => {
                    let policy = Arc::clone(&self.policy);
                    let judgement = self.judge(&policy, &subject);
                    self.schedule(&subject, judgement);
                }
                None => self.forget(&subject),
            }
        }
    }

    fn forget(&mut self, subject: &ObjectRef) {
        self.queue.remove(subject);
        self.timers.remove(subject);
        self.acted.remove(subject);
        self.flaps.forget(&subject.meta().uid);
        self.told.remove(&subject.meta().uid);
    }

    pub(super) fn judge<'p>(&mut self, policy: &'p Policy, subject: &ObjectRef) -> Judgement<'p> {
        let uid = &subject.meta().uid;
        let flapping = self.flaps.is_stopped(uid);
        let now = self.now();
        let judgement = self.cluster_view.judge(policy, subject, Labels::Present, flapping, now);
        // A state from before our last write would look like a revert, and so would that write
        // before it is known to be done.
        let under_way = self.acted.get(subject).is_some_and(|acted| acted.under_way);
        if flapping || under_way || self.is_stale(subject) {
            return judgement;
        }
        let present = |setting| {
            let settled = judgement.decision.setting(setting)?;
            (!settled.is_ours()).then(|| settled.present.clone())
        };
        if self.flaps.seen(uid, present, clock::ticks()) {
            self.warn(subject, REVERTED, "somebody keeps reverting what is written here");
            return self.cluster_view.judge(policy, subject, Labels::Present, true, now);
        }
        judgement
    }

    /// Whether what is known of an object is older than our last write to it.
    pub(super) fn is_stale(&self, subject: &ObjectRef) -> bool {
        self.acted.get(subject).is_some_and(|acted| {
            acted.version == subject.meta().version && acted.until > self.now()
        })
    }

    /// Puts what a judgement asks for on the work queue or on a timer. Says what is in the way.
    pub(super) fn schedule(
        &mut self,
        subject: &ObjectRef,
        judgement: Judgement<'_>,
    ) -> Option<Obstacle> {
        let now = self.now();
        self.timers.remove(subject);
        if let Some(acted) = self.acted.get(subject)
            && acted.until > now
            && acted.version == subject.meta().version
        {
            self.queue.remove(subject);
            self.timers.set(subject.clone(), acted.until);
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
                    match self.obstacle(&step) {
                        None => steps.push(step),
                        found => obstacle = found,
                    }
                }
            }
        }
        self.queue.set(subject, steps);
        // What is due later than the pass after next is found by it, and need not be remembered.
        let horizon = now.saturating_add(HORIZON).unwrap_or(Timestamp::MAX);
        if let Some(at) = next.filter(|at| *at <= horizon) {
            self.timers.set(subject.clone(), at);
        }
        obstacle
    }

    /// What keeps a step from being taken just now.
    pub(super) fn obstacle(&self, step: &Step) -> Option<Obstacle> {
        let identity = step.identity();
        let namespace = identity.namespace.as_str();
        if !self.context.reach.covers(namespace) {
            return Some(Obstacle::ReadOnly);
        }
        let verb = match step.what {
            What::Delete(_) => "delete",
            What::Patch(_) => "patch",
        };
        let resource = match identity.kind {
            Kind::CronJob => "cronjobs",
            Kind::Job => "jobs",
        };
        if !step.risks.is_empty() {
            let held = |risk| self.brake.holds(namespace, risk).is_some();
            if *self.brake.memory() != self.saved || step.risks.iter().any(held) {
                return Some(Obstacle::Brake);
            }
            // Asked anew for each write: a clock is put in a moment.
            if self.context.cluster.clock.trust() == Trust::Refused {
                return Some(Obstacle::Clock);
            }
        }
        (!self.rights.allow(verb, resource, namespace)).then_some(Obstacle::Rights)
    }

    /// Everything is looked at as soon as possible.
    pub(super) fn pass_now(&mut self) {
        self.next_pass = Timestamp::MIN;
    }

    fn look_at_clock(&mut self) {
        let clock = &self.context.cluster.clock;
        let trust = clock.trust();
        if trust != self.trust {
            self.trust = trust;
            self.pass_now();
        }
    }

    fn rights_changed(&mut self) {
        self.rights = self.keeper.rights();
        // What was refused may be let through now, or is known to be hopeless.
        self.acted.retain(|_, acted| !acted.refused);
        self.context.metrics.stored.missing_rights("sweeper", self.rights.missing.len());
        // Whoever asks for the status now wants to see it.
        self.next_status = self.now();
        self.pass_now();
    }

    /// Another policy is in use.
    fn load(&mut self) {
        let policy = Arc::clone(&self.policies.borrow_and_update());
        if policy.revision == self.policy.revision {
            return;
        }
        if self.brake.is_accepted() {
            self.accepted = Some(Arc::clone(&self.policy));
            self.cluster_view.accept_labels();
        }
        self.loaded = self.now();
        let at_most = usize::try_from(policy.stored.brake_at_most).unwrap_or(usize::MAX);
        self.brake.load(&policy.revision, at_most, self.loaded);
        if self.brake.is_accepted() {
            // What its rules make of labels that have changed in the meantime is still to be counted.
            let news = self.cluster_view.back_to_accepted();
            self.namespace_news.splice(..0, news);
        }
        self.gate.set_rate(Rate::new(policy.stored.rate));
        self.keep = Arc::new(Keep::of(&policy));
        self.flaps.clear();
        self.told.values_mut().for_each(|told| told.retain(|reason| *reason != REVERTED));
        self.queue.clear();
        self.policy = policy;
        self.pass_now();
    }
}

/// The reason of the Event that somebody keeps reverting us; another policy starts anew.
const REVERTED: &str = "Reverted";

/// A clock that jumps is noticed after this time at the latest.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// Twice the longest time between two passes.
const HORIZON: SignedDuration = SignedDuration::from_mins(20);

/// Objects judged before somebody else gets a turn.
const AT_ONCE: usize = 256;
