//! The brake as a term has it: with what the Lease surely remembers of it, the latest count, and the
//! policy that was accepted before.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;

use crate::clock::HashMap;
use crate::cluster::slim::{Keep, Namespace, Second, Symbol};
use crate::cluster::store::Store;
use crate::policy::Policy;
use crate::sweeper::brake::{
    AtRisk, BrakeOutcome, Census, CountedLabels, Labelled, Memory, Refused, Waiting,
};
use crate::sweeper::decide::Risk;
use crate::sweeper::{Brake, PlanId, Reach};

/// The brake and what it stands on.
#[derive(Debug)]
pub(super) struct Braking {
    brake: Brake,
    census: Census,
    /// What of its memory is surely on the Lease.
    saved: Memory,
    /// The policy of the last accepted revision, where this process has seen it.
    accepted: Option<Arc<Policy>>,
    labels: CountedLabels,
}

/// What the brake remembers from one leader to the next, on the Lease.
#[derive(Clone, Debug, Default)]
pub(super) struct Remembered {
    pub(super) memory: Memory,
    pub(super) labels: CountedLabels,
}

/// A finished Job that the policy ends.
#[derive(Debug)]
pub(super) struct Counted {
    namespace: Symbol,
    risk: Risk,
    before: Option<Risk>,
}

// === impl Braking ===

impl Braking {
    /// The brake with what stands on the Lease.
    pub(super) fn new(there: Remembered, reach: &Reach, policy: &Policy, now: Timestamp) -> Self {
        let Remembered { memory: saved, labels } = there;
        let at_most = at_most(policy);
        let brake = Brake::new(saved.clone(), reach.clone(), &policy.revision, at_most, now);
        Self { brake, census: Census::default(), saved, accepted: None, labels }
    }

    /// Whether something that ends these finished Jobs has to wait: the brake holds it, or nobody
    /// knows yet whether it does.
    pub(super) fn holds(&self, namespace: &str, risks: &[Risk]) -> bool {
        let held = |risk| self.brake.holds(namespace, risk).is_some();
        !risks.is_empty() && (self.unsaved().is_some() || risks.iter().any(held))
    }

    /// Whether a Job is due so soon that the brake is about it.
    pub(super) fn concerns(&self, risk: &Risk, now: Timestamp) -> bool {
        self.brake.concerns(risk, now)
    }

    /// Whether the policy in use is accepted.
    pub(super) fn is_accepted(&self) -> bool {
        self.brake.is_accepted()
    }

    /// Another policy is in use in place of `before`.
    pub(super) fn load(&mut self, before: &Arc<Policy>, policy: &Policy, now: Timestamp) {
        if self.brake.is_accepted() {
            self.accepted = Some(Arc::clone(before));
        }
        self.brake.load(&policy.revision, at_most(policy), now);
    }

    /// The policy of the accepted revision, where another one is in use, both are known, and what is
    /// kept of objects is enough to judge by it: without the label by which it spares a Job, the Job
    /// would seem to have been due before.
    pub(super) fn accepted_before(&self, in_use: &Policy, store: &Store) -> Option<Arc<Policy>> {
        let accepted = self.accepted.as_ref()?;
        let is_that = self.brake.memory().accepted.as_deref() == Some(&accepted.revision);
        let differs = is_that && accepted.revision != in_use.revision;
        (differs && store.covers(&Keep::of(accepted))).then(|| Arc::clone(accepted))
    }

    /// Counts all that is at risk, and those of whom nobody knows, by namespace; and decides.
    pub(super) fn count<'r>(
        &mut self,
        risks: &'r [Counted],
        unknown: impl IntoIterator<Item = (&'r str, usize)>,
    ) -> BrakeOutcome {
        self.census = self.brake.count(risks.iter().map(Counted::at_risk), unknown);
        self.brake.settle(&self.census)
    }

    /// The labels of a namespace have changed, and end these.
    pub(super) fn relabelled(
        &mut self,
        namespace: &str,
        risks: &[Counted],
        now: Timestamp,
    ) -> BrakeOutcome {
        self.brake.relabelled(namespace, risks.iter().map(Counted::at_risk), now)
    }

    /// What these namespaces make due under the policy is counted, if it is.
    pub(super) fn note_labels(
        &mut self,
        policy: &Policy,
        namespaces: &[Labelled<'_>],
        now: Timestamp,
    ) {
        if self.brake.is_decided() {
            self.labels.note(&policy.revision, self.brake.memory(), namespaces, now);
        }
    }

    /// Which of these namespaces may have got other labels while nobody counted under the policy.
    pub(super) fn changed_unseen(
        &self,
        policy: &Policy,
        namespaces: &[Labelled<'_>],
    ) -> Vec<String> {
        self.labels.changed(&policy.revision, namespaces).map(str::to_owned).collect()
    }

    /// Whether a namespace that nobody knew until now was there when labels were counted.
    pub(super) fn has_counted(&self, policy: &Policy, namespace: &Namespace) -> bool {
        self.labels.has_counted(&policy.revision, namespace.created.map(Second::time))
    }

    /// Lets go what a person has agreed to.
    pub(super) fn approve(&mut self, plan: &PlanId) -> Result<(), Refused> {
        self.brake.approve(plan, &self.census)
    }

    /// The memory, as it is to be on the Lease.
    pub(super) fn memory(&self) -> &Memory {
        self.brake.memory()
    }

    /// What is to be on the Lease of the labels of namespaces.
    pub(super) const fn labels(&self) -> &CountedLabels {
        &self.labels
    }

    /// The memory, where it is not surely on the Lease.
    pub(super) fn unsaved(&self) -> Option<&Memory> {
        let memory = self.brake.memory();
        (*memory != self.saved).then_some(memory)
    }

    /// This is what the Lease has; says whether it is something else than before.
    pub(super) fn saved(&mut self, there: Memory) -> bool {
        let differs = there != self.saved;
        self.saved = there;
        differs
    }

    /// What waits for a person.
    pub(super) fn waiting(&self) -> Vec<Waiting> {
        self.brake.waiting(&self.census)
    }

    /// How many Jobs wait.
    pub(super) fn held(&self) -> usize {
        self.brake.held(&self.census)
    }

    /// Logs what was decided; gives for each hold that is new the sentence of its Event.
    pub(super) fn tell(&self, outcome: BrakeOutcome, revision: &str) -> Vec<String> {
        match outcome {
            BrakeOutcome::Accepted => {
                tracing::info!(revision, "the policy is accepted: few are due");
            }
            BrakeOutcome::Moot => {
                tracing::info!(revision, "the brake is off: nothing is left to hold");
            }
            BrakeOutcome::Undecided => {
                for waiting in self.waiting() {
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
                let notes = self.brake.in_force().zip(self.waiting()).map(|(hold, waiting)| {
                    let (plan, who) = (&waiting.plan, waiting.who());
                    let cause = hold.cause.text(&hold.revision);
                    let note = format!(
                        "{count} finished Jobs would end at once, more than stored.brake.atMost, as \
                         {cause} ({who}); they are held until `curfew approve {plan}`",
                        count = plan.count
                    );
                    tracing::error!(revision, %plan, %who, count = plan.count, "{note}");
                    note
                });
                return notes.collect();
            }
        }
        Vec::new()
    }
}

// === impl Counted ===

impl Counted {
    /// Risks, each with one of the same finish from before. Many Jobs of a family may end in one
    /// second, so what was before is for one of them only.
    pub(super) fn all(namespace: &Symbol, risks: &[Risk], before: &[Risk]) -> Vec<Self> {
        let mut by_finish: HashMap<Timestamp, VecDeque<Risk>> = HashMap::default();
        for risk in before {
            by_finish.entry(risk.finish).or_default().push_back(*risk);
        }
        let mut of_same = |risk: &Risk| by_finish.get_mut(&risk.finish)?.pop_front();
        let counted =
            |risk: &Risk| Self { namespace: namespace.clone(), risk: *risk, before: of_same(risk) };
        risks.iter().map(counted).collect()
    }

    fn at_risk(&self) -> AtRisk<'_> {
        AtRisk { namespace: &self.namespace, risk: self.risk, before: self.before }
    }
}

fn at_most(policy: &Policy) -> usize {
    usize::try_from(policy.stored.brake_at_most).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{Counted, Risk};

    /// A family of which many ended in one second.
    #[test]
    fn what_was_before_is_for_one_job_only() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let risk = |finish, due| Risk { finish: at(finish), due: at(due) };
        let risks = [risk(1, 9), risk(1, 9), risk(1, 9), risk(2, 9)];
        let before = [risk(1, 50), risk(2, 60), risk(1, 70)];
        let counted = Counted::all(&"apps".into(), &risks, &before);
        let before: Vec<_> = counted.iter().map(|one| one.before.map(|risk| risk.due)).collect();
        assert_eq!(before, [Some(at(50)), Some(at(70)), None, Some(at(60))]);
    }
}
