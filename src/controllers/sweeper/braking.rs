//! The brake and the Lease: what is remembered there, what a person asks for there, and what is
//! said when the brake changes its mind.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::cluster_view::Labels;
use super::control_loop::ControlLoop;
use super::resync::{Counted, counted};
use crate::cluster::events::{About, Event};
use crate::cluster::slim::Namespace;
use crate::sweeper::brake::{Approval, BrakeOutcome, Memory};
use crate::sweeper::decide::Risk;
use crate::sweeper::{PlanId, brake::BadPlanId};

// === impl ControlLoop ===

impl ControlLoop<'_> {
    /// Puts the brake's memory on the Lease, if it is not there yet. Says whether it was written.
    /// Until it is, nothing is done that the brake is about.
    pub(super) async fn save(&mut self) -> bool {
        let memory = self.brake.memory().clone();
        if memory == self.saved || !self.term.holds() {
            return false;
        }
        let annotations = [(Memory::ANNOTATION, Some(memory.to_text()))].into();
        match self.context.lease.annotate(&self.context.identity, &annotations).await {
            Ok(()) => {
                self.saved = memory;
                true
            }
            Err(error) => {
                tracing::warn!(%error, "the brake could not be written to the Lease");
                // What needs it waits; each attempt looks at everything first.
                self.next_pass = self.after(UNTIL_SAVED);
                false
            }
        }
    }

    /// The labels of a namespace have changed.
    pub(super) fn relabelled(&mut self, namespace: &Namespace, before: &Arc<Namespace>) {
        if !self.brake.is_accepted() {
            self.cluster_view.relabelled_unaccepted(before);
        }
        if !self.keep.needs_namespaces() {
            return;
        }
        if !self.context.reach.covers(&namespace.name) {
            return self.judge_again(&namespace.name);
        }
        let subjects = self.cluster_view.within(&namespace.name);
        let now = self.now();
        let mut risks: Vec<Counted> = Vec::new();
        for subject in &subjects {
            let judge =
                |labels| self.cluster_view.judge(&self.policy, subject, labels, false, now).risks;
            let concerned = |risks: Vec<Risk>| -> Vec<Risk> {
                risks.into_iter().filter(|risk| self.brake.concerns(risk, now)).collect()
            };
            let present = concerned(judge(Labels::Present));
            if !present.is_empty() {
                let former = judge(Labels::Of(before));
                risks.extend(counted(&namespace.name, &present, &former));
            }
        }
        let at_risk = risks.iter().map(Counted::at_risk);
        let outcome = self.brake.relabelled(&namespace.name, at_risk, now);
        self.tell_brake(outcome);
        if outcome == BrakeOutcome::Tripped {
            // Counts what is held, and saves the hold.
            self.pass_now();
        }
        self.judge_again(&namespace.name);
    }

    /// Looks at what stands on the Lease: whether our memory still does, and whether there is a
    /// request, which it answers.
    pub(super) async fn lease_changed(&mut self) {
        let annotations = self.standing.borrow_and_update().annotations.clone();
        let there = Memory::parse(annotations.get(Memory::ANNOTATION).map(String::as_str));
        if there != self.saved {
            // Somebody deleted the Lease and we have made it anew, or somebody wrote on it. What
            // was accepted still is, and what is held as well.
            self.saved = there;
            self.pass_now();
        }
        let request = annotations.get(Approval::REQUEST).cloned();
        let Some(request) = request.filter(|request| !request.is_empty()) else {
            self.answered = None;
            return;
        };
        if self.answered.as_ref() == Some(&request) {
            return;
        }
        // Agreed is to what there is now, not to what there was at the last pass. Where the Lease is not
        // surely ours nothing can be answered: it may be again in a moment, or the term ends.
        if !self.term.holds() || !self.pass().await || !self.term.holds() {
            self.lease_due = Some(self.after(UNTIL_SAVED));
            return;
        }
        let parsed: Result<PlanId, BadPlanId> = request.parse();
        let mut annotations: BTreeMap<&'static str, Option<String>> =
            [(Approval::REQUEST, None)].into();
        match parsed {
            Ok(plan) => {
                let refused = self.brake.approve(&plan, &self.census).err();
                match &refused {
                    None => tracing::info!(%plan, "approved: what was held goes on"),
                    Some(why) => tracing::warn!(%plan, %why, "approval refused"),
                }
                let refused = refused.map(|why| why.to_string());
                let approval = Approval { plan, refused, at: self.now() };
                annotations.insert(Approval::ANSWER, Some(approval.to_text()));
            }
            Err(error) => {
                tracing::warn!(%error, "what stands on the Lease for approval is no plan");
            }
        }
        let memory = self.brake.memory().clone();
        annotations.insert(Memory::ANNOTATION, Some(memory.to_text()));
        match self.context.lease.annotate(&self.context.identity, &annotations).await {
            Ok(()) => {
                self.saved = memory;
                self.answered = Some(request);
            }
            Err(error) => {
                tracing::warn!(%error, "an approval could not be written to the Lease");
                // Whoever asked still waits. What was approved is so, and the answer will be that
                // nothing is held.
                self.lease_due = Some(self.after(UNTIL_SAVED));
            }
        }
        self.next_status = self.now();
        self.pass_now();
    }

    /// Says what the brake has decided.
    pub(super) fn tell_brake(&self, outcome: BrakeOutcome) {
        let revision = &self.policy.revision;
        match outcome {
            BrakeOutcome::Accepted => {
                tracing::info!(revision, "the policy is accepted: few are due");
            }
            BrakeOutcome::Moot => {
                tracing::info!(revision, "the brake is off: nothing is left to hold");
            }
            BrakeOutcome::Undecided => {
                for waiting in self.brake.waiting(&self.census) {
                    let (plan, who) = (&waiting.plan, waiting.who());
                    tracing::warn!(
                        revision,
                        %plan,
                        %who,
                        count = plan.count,
                        "too many finished Jobs cannot be judged yet for the policy to be accepted"
                    );
                }
            }
            BrakeOutcome::Unchanged => {}
            BrakeOutcome::Tripped => {
                for (hold, waiting) in self.brake.in_force().zip(self.brake.waiting(&self.census)) {
                    let (plan, who) = (&waiting.plan, waiting.who());
                    let cause = hold.cause.text(&hold.revision);
                    let note = format!(
                        "{count} finished Jobs would end at once, more than stored.brake.atMost, as \
                         {cause} ({who}); they are held until `curfew approve {plan}`",
                        count = plan.count
                    );
                    tracing::error!(revision, %plan, %who, count = plan.count, "{note}");
                    let (namespace, name) = self.lease_name;
                    self.context.recorder.record(Event {
                        about: About::lease(namespace, name),
                        warning: true,
                        reason: "BrakeOn",
                        action: "Hold",
                        note,
                    });
                }
            }
        }
    }
}

/// Between two attempts to write to the Lease.
const UNTIL_SAVED: Duration = Duration::from_secs(2);
