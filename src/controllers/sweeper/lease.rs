//! What a term writes on the Lease, beside the election: what the brake remembers, answers to those
//! who ask for approval, and the status. And the look at everything, of which these tell.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use kube::Api;
use tokio::sync::watch;

use super::braking::Remembered;
use super::registration::Registration;
use super::resync::Resync;
use super::state::State;
use crate::clock;
use crate::cluster::clock_offset::Trust;
use crate::controllers::ControllerContext;
use crate::leader::{LeaderStatus, Term};
use crate::sweeper::PlanId;
use crate::sweeper::brake::{Approval, BadPlanId, BrakeOutcome, CountedLabels, Memory};
use crate::sweeper::status::Status;

/// What is known of the Lease's annotations.
pub(super) struct Annotations<'s> {
    context: &'s ControllerContext,
    /// The `MutatingWebhookConfiguration` that registers us.
    registration: &'s str,
    term: Term,
    standing: watch::Receiver<LeaderStatus>,
    /// The request for approval that was answered last, until the Lease no longer has it.
    answered: Option<String>,
    /// When to look at the Lease again; `None` until something there changes.
    due: Option<Timestamp>,
    /// When everything was last looked at.
    swept: Option<Timestamp>,
}

// === impl Annotations ===

impl<'s> Annotations<'s> {
    /// Nothing was looked at yet. Gives what the brake remembers there as well.
    pub(super) fn new(
        context: &'s ControllerContext,
        registration: &'s str,
        term: Term,
        now: Timestamp,
    ) -> (Self, Remembered) {
        let mut standing = context.standing.clone();
        let there = {
            let annotations = &standing.borrow_and_update().annotations;
            let labels = annotations.get(CountedLabels::ANNOTATION).map(String::as_str);
            Remembered { memory: memory(annotations), labels: CountedLabels::parse(labels) }
        };
        let due = Some(now);
        let this = Self { context, registration, term, standing, answered: None, due, swept: None };
        (this, there)
    }

    /// Waits until something there changes, which is looked at next. Cancel-safe.
    pub(super) async fn changed(&mut self) {
        if self.standing.changed().await.is_err() {
            // Nobody stands for election any more: the term is over, and that is told elsewhere.
            std::future::pending::<()>().await;
        }
        self.due = Some(self.context.now());
    }

    /// When there is something to do here without news.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.due
    }

    /// Does what is due now and then; `idle` is why nothing can be judged.
    pub(super) async fn survey(&mut self, state: &mut State, idle: Option<String>) {
        if idle.is_some() {
            return self.report(state, BTreeMap::new(), idle).await;
        }
        let now = self.context.now();
        if self.due.is_some_and(|due| due <= now) {
            self.due = None;
            self.look(state).await;
        }
        if now >= state.next_pass {
            self.resync(state).await;
        }
    }

    /// Looks at everything that is stored; says whether it was counted.
    async fn resync(&mut self, state: &mut State) -> bool {
        let began = clock::instant();
        let mut resync = Resync::new(state);
        while resync.look_at_some(state, self.context.moment()) {
            tokio::task::yield_now().await;
            if self.term.over.is_cancelled() {
                return false;
            }
        }
        let Some((outcome, states)) = resync.end(state, self.context.moment()) else {
            return false;
        };
        let took = clock::instant() - began;
        state.next_pass = self.context.after(pause(took));
        let saved = self.save(state).await;
        if saved || !matches!(outcome, BrakeOutcome::Unchanged | BrakeOutcome::Undecided) {
            // What waited for that can be put on the work queue.
            state.pass_now();
        }
        tracing::debug!(?took, ?states, "looked at everything");
        self.tell(state, states).await;
        true
    }

    /// Puts the brake's memory on the Lease, if it is not there yet. Says whether it was written.
    /// Until it is, nothing is done that the brake is about.
    async fn save(&mut self, state: &mut State) -> bool {
        let Some(memory) = state.braking.unsaved().filter(|_| self.term.holds()).cloned() else {
            return false;
        };
        match self.annotate(self.remember(state)).await {
            Ok(()) => {
                state.braking.saved(memory);
                true
            }
            Err(error) => {
                tracing::warn!(error, "the brake could not be written to the Lease");
                // What needs it waits; each attempt looks at everything first.
                state.next_pass = self.context.after(UNTIL_SAVED);
                false
            }
        }
    }

    /// What the brake has to remember, in one write: labels never without the hold that they cause.
    fn remember(&self, state: &mut State) -> BTreeMap<&'static str, Option<String>> {
        state.note_labels(self.context.now());
        let (memory, labels) = (state.braking.memory().to_text(), state.braking.labels().to_text());
        [(Memory::ANNOTATION, Some(memory)), (CountedLabels::ANNOTATION, Some(labels))].into()
    }

    /// Looks at what stands on the Lease: whether our memory still does, and whether there is a
    /// request, which it answers.
    async fn look(&mut self, state: &mut State) {
        let annotations = self.standing.borrow_and_update().annotations.clone();
        if state.braking.saved(memory(&annotations)) {
            // Somebody deleted the Lease and we have made it anew, or somebody wrote on it. What
            // was accepted still is, and what is held as well.
            state.pass_now();
        }
        let request = annotations.get(Approval::REQUEST).filter(|request| !request.is_empty());
        let Some(request) = request else {
            self.answered = None;
            return;
        };
        if self.answered.as_ref() == Some(request) {
            return;
        }
        // Agreed is to what there is now, not to what there was at the last pass. Where the Lease is not
        // surely ours nothing can be answered: it may be again in a moment, or the term ends.
        if !self.term.holds() || !self.resync(state).await || !self.term.holds() {
            self.due = Some(self.context.after(UNTIL_SAVED));
            return;
        }
        self.answer(state, request).await;
        state.next_status = self.context.now();
        state.pass_now();
    }

    async fn answer(&mut self, state: &mut State, request: &str) {
        let parsed: Result<PlanId, BadPlanId> = request.parse();
        let mut annotations = BTreeMap::from([(Approval::REQUEST, None)]);
        match parsed {
            Ok(plan) => {
                let refused = state.braking.approve(&plan).err();
                match &refused {
                    None => tracing::info!(%plan, "approved: what was held goes on"),
                    Some(why) => tracing::warn!(%plan, %why, "approval refused"),
                }
                let refused = refused.map(|why| why.to_string());
                let approval = Approval { plan, refused, at: self.context.now() };
                annotations.insert(Approval::ANSWER, Some(approval.to_text()));
            }
            Err(error) => {
                tracing::warn!(%error, "what stands on the Lease for approval is no plan");
            }
        }
        let memory = state.braking.memory().clone();
        annotations.extend(self.remember(state));
        match self.annotate(annotations).await {
            Ok(()) => {
                state.braking.saved(memory);
                self.answered = Some(request.to_owned());
            }
            Err(error) => {
                tracing::warn!(error, "an approval could not be written to the Lease");
                // Whoever asked still waits. What was approved is so, and the answer will be that
                // nothing is held.
                self.due = Some(self.context.after(UNTIL_SAVED));
            }
        }
    }

    /// Tells metrics and the Lease how things stand.
    async fn tell(&mut self, state: &mut State, states: BTreeMap<&'static str, u64>) {
        let now = self.context.now();
        let stored = &self.context.metrics.stored;
        stored.jobs(states.iter().map(|(state, count)| (*state, *count)));
        stored.braked(state.braking.held(), &state.braking.waiting());
        let lag = state.builtin.lag(now).map(|lag| lag.as_secs());
        stored.builtin_ttl_lag(lag.unwrap_or_default());
        stored.clock_offset(self.context.cluster.clock.correction().as_secs_f64());
        for (kind, health) in self.context.watches.health() {
            stored.undecodable(kind, health.undecodable.len());
        }
        state.tidy(self.context.moment());
        if self.swept.replace(now).is_none() {
            // That nothing was known yet is no news any more.
            state.next_status = now;
        }
        let jobs = states.into_iter().map(|(state, count)| (state.to_owned(), count)).collect();
        let stopped = (state.permits.trust == Trust::Refused)
            .then(|| "this clock is too far from the API server's, or was put".to_owned());
        self.report(state, jobs, stopped).await;
    }

    /// Puts the status on the Lease, unless it was told a moment ago.
    async fn report(
        &mut self,
        state: &mut State,
        jobs: BTreeMap<String, u64>,
        stopped: Option<String>,
    ) {
        let now = self.context.now();
        if now < state.next_status {
            return;
        }
        state.next_status = self.context.after(BETWEEN_REPORTS);
        let report = Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            revision: state.policy.revision.clone(),
            swept: self.swept,
            jobs,
            builtin_ttl: state.builtin.state(now),
            builtin_ttl_lag: state.builtin.lag(now).map(|lag| lag.as_secs()),
            missing_rights: state.permits.rights.complaints(),
            writes: (*state.permits.reach).clone(),
            brake: state.braking.waiting(),
            clock_offset: self.context.cluster.clock.correction().as_secs_f64(),
            stopped,
        };
        let mut annotations = BTreeMap::from([(Status::ANNOTATION, Some(report.to_text()))]);
        if state.braking.unsaved().is_none() {
            annotations.extend(self.remember(state));
        }
        if let Err(error) = self.annotate(annotations).await {
            tracing::debug!(error, "the status could not be written to the Lease");
        }
        // Which Jobs the webhook is there for, and since when.
        let api: Api<MutatingWebhookConfiguration> = Api::all(self.context.cluster.client.clone());
        let call = api.get_opt(self.registration);
        // Without an answer, what was known is as good as before.
        if let Ok(Ok(found)) = tokio::time::timeout(LIMIT, call).await {
            state.registered = found.as_ref().and_then(Registration::of);
        }
    }

    async fn annotate(
        &self,
        annotations: BTreeMap<&'static str, Option<String>>,
    ) -> Result<(), String> {
        let ControllerContext { lease, identity, .. } = self.context;
        lease.annotate(identity, &annotations).await.map_err(|error| error.to_string())
    }
}

/// What the brake remembers there.
fn memory(annotations: &BTreeMap<String, String>) -> Memory {
    Memory::parse(annotations.get(Memory::ANNOTATION).map(String::as_str))
}

/// Until the next pass: one costs at most a hundredth of the time, and a healed mistake is not ten
/// minutes old. With a spread, so that replicas and clusters do not beat together.
fn pause(took: Duration) -> Duration {
    let wait = took.saturating_mul(SHARE).clamp(SHORTEST, LONGEST);
    wait.mul_f64(0.9 + 0.2 * clock::fraction())
}

const SHARE: u32 = 100;
const SHORTEST: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(540);

/// Between two attempts to write to the Lease.
const UNTIL_SAVED: Duration = Duration::from_secs(2);

/// The Lease is written by the election, too; nobody needs to know the number of Jobs every second.
const BETWEEN_REPORTS: Duration = Duration::from_secs(30);
const LIMIT: Duration = Duration::from_secs(2);
