//! One term at work: takes in what comes, asks the [`State`] what follows, and carries it out.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::acted::Write;
use super::braking::Braking;
use super::freshness::Answer;
use super::lease::Annotations;
use super::permits::Permits;
use super::state::{Beginning, State};
use crate::clock;
use crate::cluster::pace::Rate;
use crate::cluster::write::{Gate, WriteOutcome, WritePermit, Writer};
use crate::controllers::ControllerContext;
use crate::controllers::rights::{self, Keeper};
use crate::controllers::watch_health::WatchHealth;
use crate::leader::Term;
use crate::policy::Policy;

/// A term under way.
pub(super) struct ControlLoop<'s> {
    context: &'s ControllerContext,
    term: Term,
    state: State,
    annotations: Annotations<'s>,
    policies: watch::Receiver<Arc<Policy>>,
    keeper: Keeper,
    watch_health: WatchHealth,
    gate: Gate,
    writer: Writer,
    writes: JoinSet<(Write, WriteOutcome)>,
    questions: JoinSet<Answer>,
}

// === impl ControlLoop ===

impl<'s> ControlLoop<'s> {
    pub(super) fn new(
        context: &'s ControllerContext,
        lease_name: &(String, String),
        registration: &'s str,
        term: Term,
    ) -> Self {
        let mut policies = context.policies.clone();
        let policy = Arc::clone(&policies.borrow_and_update());
        let now = context.now();
        let (annotations, there) = Annotations::new(context, registration, term.clone(), now);
        let keeper = Keeper::start(context, rights::of_sweeper);
        let gate = Gate::new(Rate::new(policy.stored.rate));
        let reach = Arc::clone(&context.reach);
        let (rights, trust) = (keeper.rights(), context.cluster.clock.trust());
        let beginning = Beginning {
            watches: Arc::clone(&context.watches),
            own_namespace: context.own_namespace.clone(),
            braking: Braking::new(there, &reach, &policy, now),
            permits: Permits { reach, rights, trust },
            policy,
            lease_name: lease_name.clone(),
            metrics: Arc::clone(&context.metrics),
        };
        Self {
            context,
            writer: Writer::new(context.cluster.client.clone(), gate.clone(), term.over.clone()),
            term,
            state: State::new(beginning, context.moment()),
            annotations,
            policies,
            keeper,
            watch_health: WatchHealth::default(),
            gate,
            writes: JoinSet::new(),
            questions: JoinSet::new(),
        }
    }

    /// Works until the term is over; then waits for what is under way.
    pub(super) async fn run(mut self) {
        let over = self.term.over.clone();
        let mut turn: Option<WritePermit> = None;
        while !over.is_cancelled() {
            let now = self.context.now();
            self.state.take_news(self.context.watches.feeds.sweeper.take(), now);
            let idle = self.watch_health.why_idle(&self.context.watches, self.state.is_covered());
            let synced = idle.is_none();
            if synced {
                self.state.take_namespace_news(now);
                self.state.trust(self.context.cluster.clock.trust());
                self.state.judge_some(self.context.moment());
            }
            // Nothing is written while there are news that nobody has thought about.
            let judged = synced && self.state.queue.is_judged();
            if judged && let Some(taken) = turn.take() {
                self.write_next(taken);
            }
            self.carry_out();
            let busy = synced && !self.state.queue.is_judged();
            let wants = synced && turn.is_none() && !self.state.queue.is_empty();
            let wake = if synced { self.until_next() } else { LONGEST_SLEEP };
            tokio::select! {
                biased;
                () = over.cancelled() => break,
                // What stands on the Lease and what is told there takes calls; a term that is over
                // does not wait for them.
                () = self.annotations.survey(&mut self.state, idle) => {}
            }
            self.carry_out();
            tokio::select! {
                biased;
                () = over.cancelled() => break,
                Some(ended) = self.writes.join_next() => self.ended(ended),
                // Everything below is cancel-safe.
                Some(answer) = self.questions.join_next() => {
                    let answer = answer.inspect_err(|error| {
                        tracing::error!(%error, "a look at a namespace broke off");
                    });
                    self.state.answered(answer.ok(), clock::ticks());
                }
                taken = self.writer.turn(), if wants => turn = Some(taken),
                () = tokio::task::yield_now(), if busy => {}
                changed = self.policies.changed() => if changed.is_ok() { self.load() },
                () = self.annotations.changed() => {}
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
        self.carry_out();
    }

    fn write_next(&mut self, taken: WritePermit) {
        if !self.term.holds() {
            return;
        }
        // Asked anew for each write: a clock is put in a moment.
        self.state.trust(self.context.cluster.clock.trust());
        let Some(write) = self.state.next_write(self.context.moment()) else { return };
        let writer = self.writer.clone();
        self.writes.spawn(async move {
            let outcome = writer.write_now(taken, &write.step.target(), &write.step.change()).await;
            (write, outcome)
        });
    }

    /// Asks and records what the state wants to be asked and recorded.
    fn carry_out(&mut self) {
        for question in self.state.take_questions() {
            self.questions.spawn(question.ask(self.context.cluster.client.clone()));
        }
        for event in self.state.take_events() {
            self.context.recorder.record(event);
        }
    }

    fn ended(&mut self, ended: Result<(Write, WriteOutcome), tokio::task::JoinError>) {
        match ended {
            Ok((write, outcome)) => {
                if let WriteOutcome::Refused(_) = outcome {
                    self.keeper.doubt();
                }
                self.state.wrote(write, &outcome, self.context.moment());
            }
            Err(error) => tracing::error!(%error, "a write broke off"),
        }
    }

    fn load(&mut self) {
        let policy = Arc::clone(&self.policies.borrow_and_update());
        self.gate.set_rate(Rate::new(policy.stored.rate));
        self.state.load(policy, self.context.now());
    }

    fn rights_changed(&mut self) {
        let rights = self.keeper.rights();
        self.context.metrics.stored.missing_rights("sweeper", rights.missing.len());
        self.state.permit(rights, self.context.now());
    }

    /// Until there is something to do without news. Never long: a clock that is put forward makes
    /// things due at once.
    fn until_next(&self) -> Duration {
        let due = [self.state.queue.next_deadline(), self.annotations.next()];
        let next = due.into_iter().flatten().fold(self.state.next_pass, Timestamp::min);
        let wait = next.duration_since(self.context.now());
        Duration::try_from(wait).unwrap_or(Duration::ZERO).min(LONGEST_SLEEP)
    }
}

/// A clock that jumps is noticed after this time at the latest.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
