//! One term at work: takes in what comes, asks the [`State`] what follows, and carries it out.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;

use super::name::Name;
use super::reconcile::{self, Ended, PARTS, ReconcileDeps, ReconcileRequest};
use super::state::{Given, State};
use crate::clock::{self, HashMap};
use crate::cluster::pace::{LIFTED, NextWrite, Pace, Rate, Signal};
use crate::cluster::starting::Starter;
use crate::controllers::ControllerContext;
use crate::controllers::rights::{self, Keeper};
use crate::controllers::watch_health::WatchHealth;
use crate::leader::Term;
use crate::policy::Policy;
use crate::scheduler::status::Status;

/// A term under way.
pub(super) struct ControlLoop<'s> {
    context: &'s ControllerContext,
    term: Term,
    state: State,
    policies: watch::Receiver<Arc<Policy>>,
    keeper: Keeper,
    watch_health: WatchHealth,
    deps: ReconcileDeps,
    /// Each with the moment at which it began.
    passes: JoinSet<(Duration, Ended)>,
    /// Whose pass a task makes.
    names: HashMap<Id, Name>,
    start: Instant,
    pace: Pace,
    /// The status that is on its way.
    reports: JoinSet<()>,
}

// === impl ControlLoop ===

impl<'s> ControlLoop<'s> {
    pub(super) fn new(context: &'s ControllerContext, force_own: bool, term: Term) -> Self {
        let mut policies = context.policies.clone();
        let policy = Arc::clone(&policies.borrow_and_update());
        let keeper = Keeper::start(context, rights::of_scheduler);
        let before = {
            let standing = context.standing.borrow();
            Status::parse(standing.annotations.get(Status::ANNOTATION).map(String::as_str))
        };
        let given = Given {
            watches: Arc::clone(&context.watches),
            own_namespace: context.own_namespace.clone(),
            reach: Arc::clone(&context.reach),
            force_own,
            metrics: Arc::clone(&context.metrics),
        };
        let owned_until = before.and_then(|before| before.owned_until());
        let state = State::new(given, keeper.rights(), policy, owned_until, context.now());
        let (keep, zone) = state.ways();
        let deps = ReconcileDeps {
            starter: Starter(context.cluster.client.clone()),
            clock: context.cluster.clock.clone(),
            recorder: context.recorder.clone(),
            metrics: Arc::clone(&context.metrics),
            keep,
            zone,
            term: term.clone(),
            large: Arc::new(Semaphore::new(PARTS as usize)),
        };
        Self {
            context,
            term,
            state,
            policies,
            keeper,
            watch_health: WatchHealth::default(),
            deps,
            passes: JoinSet::new(),
            names: HashMap::default(),
            start: clock::ticks(),
            pace: Pace::wide(Rate::new(LIFTED)),
            reports: JoinSet::new(),
        }
    }

    /// Works until the term is over; then waits for what is under way.
    pub(super) async fn run(mut self) {
        let over = self.term.over.clone();
        while !over.is_cancelled() {
            let now = self.context.now();
            self.state.take_news(self.context.watches.feeds.scheduler.take(), now);
            let idle = self.why_idle();
            let starting = idle.is_none() && self.state.has_work();
            self.state.look_at_clock(now);
            if starting {
                self.state.take_due(now);
                while self.may_turn()
                    && let Some(pass) = self.state.next_pass(self.term.holds(), now)
                {
                    self.begin(pass);
                }
                if self.state.may_survey(now) {
                    let began = clock::ticks();
                    self.state.survey(now);
                    self.state.survey_took(began.elapsed());
                }
            }
            let busy = starting && self.state.surveys_on(now);
            // While nothing is done, what is due stays due.
            let wake = if starting { self.until_next() } else { LONGEST_SLEEP };
            self.report(idle);
            self.record();
            tokio::select! {
                biased;
                () = over.cancelled() => break,
                Some(ended) = self.passes.join_next_with_id() => self.ended(ended),
                // Everything below is cancel-safe.
                () = tokio::task::yield_now(), if busy => {}
                changed = self.policies.changed() => if changed.is_ok() { self.load() },
                () = self.keeper.changed() => self.rights_changed(),
                () = self.context.watches.feeds.scheduler.arrived() => {}
                () = tokio::time::sleep(wake), if !busy => {}
            }
        }
        self.finish().await;
    }

    /// What was started is to be written down, even if it is the last thing.
    async fn finish(mut self) {
        while let Some(ended) = self.passes.join_next_with_id().await {
            self.ended(ended);
        }
        for name in self.state.unwritten() {
            while !self.may_turn()
                && let Some(ended) = self.passes.join_next_with_id().await
            {
                self.ended(ended);
            }
            if !self.term.lasts() {
                break;
            }
            if let Some(pass) = self.state.pass(name, false, self.term.holds(), self.context.now())
            {
                self.begin(pass);
            }
        }
        while let Some(ended) = self.passes.join_next_with_id().await {
            self.ended(ended);
        }
        self.record();
    }

    /// Why nothing can be decided; `None` where everything is known.
    fn why_idle(&mut self) -> Option<String> {
        let why = self.watch_health.why_idle(&self.context.watches, self.state.is_covered());
        // The Lease may yet be renewed, and what is due is made then.
        let unsure =
            || (!self.term.holds()).then(|| "the Lease was not renewed in time".to_owned());
        // A clock that was put names starts that are not due, until the next answer corrects it.
        let clock = &self.context.cluster.clock;
        let jumped = || clock.has_jumped().then(|| "this clock was put a moment ago".to_owned());
        why.or_else(unsure).or_else(jumped)
    }

    /// Whether another pass may begin.
    fn may_turn(&self) -> bool {
        self.turn_at().is_some_and(|at| at.is_zero())
    }

    /// How long until another pass may begin; `None` where one has to end first.
    fn turn_at(&self) -> Option<Duration> {
        let now = self.start.elapsed();
        match self.pace.clone().turn(now) {
            NextWrite::Now => Some(Duration::ZERO),
            NextWrite::At(at) => Some(at.saturating_sub(now)),
            NextWrite::AfterAnother => None,
        }
    }

    fn until_next(&self) -> Duration {
        let wait = self.state.next().map_or(LONGEST_SLEEP, |next| {
            Duration::try_from(next.duration_since(self.context.now())).unwrap_or(Duration::ZERO)
        });
        let turn = self.turn_at().filter(|_| self.state.has_turns()).unwrap_or(LONGEST_SLEEP);
        wait.min(turn).min(LONGEST_SLEEP)
    }

    fn begin(&mut self, pass: ReconcileRequest) {
        let began = self.start.elapsed();
        let _taken = self.pace.turn(began);
        let (deps, name) = (self.deps.clone(), pass.name.clone());
        let making = async move { (began, reconcile::make(deps, pass).await) };
        self.names.insert(self.passes.spawn(making).id(), name);
    }

    fn ended(&mut self, ended: Result<(Id, (Duration, Ended)), JoinError>) {
        let now = self.context.now();
        match ended {
            Ok((task, (began, ended))) => {
                self.names.remove(&task);
                self.pace.ended(ended.signal, began, self.start.elapsed());
                if ended.refused {
                    self.keeper.doubt();
                }
                self.state.passed(ended, now);
            }
            Err(error) => {
                tracing::error!(%error, "a pass broke off");
                let elapsed = self.start.elapsed();
                self.pace.ended(Signal::Answered, elapsed, elapsed);
                if let Some(name) = self.names.remove(&error.id()) {
                    self.state.broke_off(name, now);
                }
            }
        }
    }

    /// Puts the status on the Lease. It is on its way beside everything else: a start does not wait
    /// for it.
    fn report(&mut self, stopped: Option<String>) {
        while self.reports.try_join_next().is_some() {}
        if !self.reports.is_empty() {
            return;
        }
        let Some(status) = self.state.status(stopped, self.context.now()) else { return };
        let annotations = [(Status::ANNOTATION, Some(status.to_text()))].into();
        let (lease, identity) = (self.context.lease.clone(), self.context.identity.clone());
        self.reports.spawn(async move {
            if let Err(error) = lease.annotate(&identity, &annotations).await {
                tracing::debug!(%error, "the scheduler's status could not be written to the Lease");
            }
        });
    }

    fn record(&mut self) {
        for event in self.state.take_events() {
            self.context.recorder.record(event);
        }
    }

    fn load(&mut self) {
        let policy = Arc::clone(&self.policies.borrow_and_update());
        self.state.load(policy, self.context.now());
        (self.deps.keep, self.deps.zone) = self.state.ways();
    }

    fn rights_changed(&mut self) {
        let rights = self.keeper.rights();
        self.context.metrics.stored.missing_rights("scheduler", rights.missing.len());
        self.state.permit(rights, self.context.now());
    }
}

/// A clock that is put shows after this time at the latest.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
