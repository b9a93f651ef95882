//! The brake: a policy that would end many stored Jobs at once waits for a person
//! (delete contract, point 7).
//!
//! A revision of the policy that has not been accepted is first *undecided*: what it makes due is
//! held while it is counted ([`Brake::count`]). [`Brake::settle`] then accepts it, or holds exactly
//! those finished Jobs that were due at the moment it was loaded or within the hour, until
//! [`Brake::approve`] or until none is left. Jobs that finish later, or fall due later, are never
//! held. Where single namespaces make the number, and all others together do not, only these are
//! held: who creates Jobs in one namespace keeps nobody else's waiting. No more than `atMost` Jobs
//! go without a person either way. A [`Hold`] is told by two moments alone, so that another process
//! that reads the [`Memory`] from the Lease holds the very same Jobs: a restart neither trips the
//! brake nor forgets it. Where writing is confined to namespaces ([`Reach`]) only these are counted,
//! and a revision is accepted only there: whoever confines it less is asked again.

mod approval;
mod census;
mod labels;
mod memory;
mod plan_id;
mod waiting;
mod window;

use jiff::Timestamp;

pub use self::approval::Approval;
pub use self::census::Census;
use self::census::Count;
pub use self::labels::{CountedLabels, Labelled};
pub use self::memory::{Cause, Hold, Memory};
pub use self::plan_id::{BadPlanId, PlanId};
pub use self::waiting::{Share, Waiting};
use self::window::{AHEAD, Due, Window, horizon, whole_second};
pub use self::window::{AtRisk, due};
use super::decide::Risk;
use super::reach::Reach;

/// Holds what nobody has agreed to.
#[derive(Clone, Debug)]
pub struct Brake {
    revision: String,
    /// Where anything is at risk.
    reach: Reach,
    at_most: usize,
    memory: Memory,
    /// When the revision was loaded, until it is decided about.
    undecided: Option<Timestamp>,
    /// What new labels have made due lately without being held: many namespaces are relabelled at
    /// once as easily as one.
    relabelled: Vec<(Timestamp, usize)>,
}

/// What came of counting.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BrakeOutcome {
    /// The revision was accepted by itself: few enough are due.
    Accepted,
    /// A hold ended by itself: nothing is left of what it held.
    Moot,
    /// As before.
    Unchanged,
    /// Too many are due: they are held from now on.
    Tripped,
    /// Too many might be due among those that cannot be judged yet; held until they can.
    Undecided,
}

/// Why an approval does not count.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refused {
    #[error("nothing is held; there is nothing to approve")]
    NothingHeld,
    #[error("it is not the plan that is held: approve {0} after you have looked at it")]
    AnotherPlan(PlanId),
    #[error("{counted} Jobs are held by now, {shown} were shown: look again and approve {now}")]
    More { shown: usize, counted: usize, now: PlanId },
}

// === impl Brake ===

impl Brake {
    /// A brake with what the Lease remembers.
    pub fn new(
        memory: Memory,
        reach: Reach,
        revision: &str,
        at_most: usize,
        now: Timestamp,
    ) -> Self {
        let mut brake = Self {
            revision: String::new(),
            reach,
            at_most,
            memory,
            undecided: None,
            relabelled: Vec::new(),
        };
        brake.load(revision, at_most, now);
        brake
    }

    /// Another policy is in force, or the first one of this process.
    pub fn load(&mut self, revision: &str, at_most: usize, now: Timestamp) {
        self.at_most = at_most;
        if self.revision == revision {
            return;
        }
        revision.clone_into(&mut self.revision);
        self.relabelled.clear();
        let memory = &mut self.memory;
        let is_held = |hold: &Hold| hold.is_policy() && hold.revision == revision;
        if !memory.within.includes(&self.reach) {
            self.undecided = Some(whole_second(now));
            return;
        }
        // What comes due elsewhere from now on would be counted by nobody.
        memory.within.clone_from(&self.reach);
        if memory.accepted.as_deref() == Some(revision) {
            // The accepted policy is back: what another one would have ended is safe.
            memory.holds.retain(|hold| hold.revision == revision);
            self.undecided = None;
        } else if memory.holds.iter().any(is_held) {
            self.undecided = None;
        } else {
            self.undecided = Some(whole_second(now));
        }
    }

    /// The hold that keeps a write from ending a Job; `None` where it may go on.
    pub fn holds(&self, namespace: &str, risk: &Risk) -> Option<Held<'_>> {
        if let Some(loaded) = self.undecided
            && Window::at(loaded).holds(risk)
        {
            return Some(Held::Undecided);
        }
        self.in_force().find(|hold| hold.holds(namespace, risk)).map(Held::By)
    }

    /// The holds that are in force.
    pub fn in_force(&self) -> impl Iterator<Item = &Hold> {
        self.memory.holds.iter().filter(|hold| hold.revision == self.revision)
    }

    /// Whether a risk can be of any interest to a count made now: what is due later than any hold
    /// reaches cannot.
    pub fn concerns(&self, risk: &Risk, now: Timestamp) -> bool {
        let holds = self.memory.holds.iter().map(|hold| hold.horizon);
        let furthest = holds.chain(self.undecided.map(horizon)).max().unwrap_or(now);
        risk.due <= furthest.max(horizon(now))
    }

    /// Counts what the policy would end. `unknown` says of a namespace how many of its finished Jobs
    /// cannot be judged yet.
    pub fn count<'r>(
        &self,
        risks: impl IntoIterator<Item = AtRisk<'r>>,
        unknown: impl IntoIterator<Item = (&'r str, usize)>,
    ) -> Census {
        let holds = &self.memory.holds;
        let mut census = Census::new(holds);
        for (namespace, count) in unknown {
            census.namespace(namespace).unknown += count;
        }
        for AtRisk { namespace, risk, before } in risks {
            census.add_held(namespace, &risk);
            let window = self.undecided.map(Window::at).filter(|window| window.holds(&risk));
            let Some(window) = window else { continue };
            // The policy may be the accepted one, and only the reach another.
            let before = if self.was_accepted(namespace) { Some(risk) } else { before };
            // What a change of labels made due was held under the accepted policy as well.
            let released = |before: &Risk| {
                holds.iter().all(|hold| hold.is_policy() || !hold.holds(namespace, before))
            };
            let before = before.filter(released);
            let due = &mut census.namespace(namespace).due;
            due.add(&window, &risk, before.as_ref());
        }
        census
    }

    /// Draws the conclusion from a count of everything that is stored.
    pub fn settle(&mut self, census: &Census) -> BrakeOutcome {
        if let Some(loaded) = self.undecided {
            return self.decide(loaded, census);
        }
        let before = self.memory.holds.len();
        let mut moot_policy = false;
        self.memory.holds.retain(|hold| {
            // Whoever cannot be judged for now may be what is held; few in each namespace may be too
            // many in all.
            let may_be_left =
                census.unknown(hold.namespace()) > 0 && census.unknown(None) > self.at_most;
            let left = census.held(hold).is_none_or(|count| count > 0) || may_be_left;
            let stays = left || hold.revision != self.revision;
            moot_policy |= !stays && hold.is_policy();
            stays
        });
        if moot_policy {
            self.accept_unless_held();
        }
        if self.memory.holds.len() < before { BrakeOutcome::Moot } else { BrakeOutcome::Unchanged }
    }

    /// The labels of a namespace have changed; `risks` are those of its Jobs, with the ones under
    /// the labels before as `before`.
    pub fn relabelled<'r>(
        &mut self,
        namespace: &str,
        risks: impl IntoIterator<Item = AtRisk<'r>>,
        now: Timestamp,
    ) -> BrakeOutcome {
        if self.undecided.is_some() {
            // The count that is still to come sees the new labels.
            return BrakeOutcome::Undecided;
        }
        let now = whole_second(now);
        let window = Window::at(now);
        let mut due = Due::default();
        for AtRisk { namespace: _, risk, before } in risks {
            let as_before = before.is_some_and(|before| window.holds(&before));
            if !as_before && self.holds(namespace, &risk).is_none() {
                due.add(&window, &risk, None);
            }
        }
        self.relabelled.retain(|(at, _)| now.duration_since(*at) <= AHEAD);
        let lately: usize = self.relabelled.iter().map(|(_, count)| count).sum();
        if due.made == 0 || lately + due.made <= self.at_most {
            self.relabelled.push((now, due.made));
            return BrakeOutcome::Unchanged;
        }
        let hold = Hold {
            revision: self.revision.clone(),
            cutoff: now.max(due.latest.unwrap_or(now)),
            horizon: horizon(now),
            cause: Cause::Namespace(namespace.to_owned()),
            count: due.made,
        };
        self.memory.add(hold);
        BrakeOutcome::Tripped
    }

    /// A person agrees to a plan; `census` counts what is held now.
    ///
    /// # Errors
    /// Where the plan is not the one that is held, or more is held than the person was shown.
    pub fn approve(&mut self, id: &PlanId, census: &Census) -> Result<(), Refused> {
        let few_enough = |now: PlanId| {
            let (shown, counted) = (id.count, now.count);
            if counted > shown { Err(Refused::More { shown, counted, now }) } else { Ok(()) }
        };
        let same = |hold: &Hold| hold.revision == self.revision && id.is_of(hold);
        if let Some(position) = self.memory.holds.iter().position(same) {
            few_enough(self.plan_id(&self.memory.holds[position], census))?;
            if self.memory.holds.remove(position).is_policy() {
                self.accept_unless_held();
            }
            return Ok(());
        }
        if let Some(now) = self.undecided_id(census).filter(|now| now.is_same_plan(id)) {
            few_enough(now)?;
            self.accept_counted();
            return Ok(());
        }
        // The one that is most like it.
        let plans = || {
            let held = self.in_force().map(|hold| self.plan_id(hold, census));
            held.chain(self.undecided_id(census))
        };
        let other = plans().find(|plan| plan.namespace == id.namespace).or_else(|| plans().next());
        Err(other.map_or(Refused::NothingHeld, Refused::AnotherPlan))
    }

    /// What to approve for a hold to end, by a count of now.
    pub fn plan_id(&self, hold: &Hold, census: &Census) -> PlanId {
        let counted = |held: usize| held.saturating_add(census.unknown(hold.namespace()));
        PlanId { count: census.held(hold).map_or(hold.count, counted), ..PlanId::of(hold) }
    }

    /// What to approve for the revision to be accepted without waiting for the count; `None` where
    /// it is decided.
    fn undecided_id(&self, census: &Census) -> Option<PlanId> {
        Some(PlanId {
            revision: self.revision.clone(),
            cutoff: self.undecided?.as_second(),
            count: census.due().saturating_add(census.unknown(None)),
            namespace: None,
        })
    }

    /// What waits for a person, and who that is; while the revision is undecided, for the count as
    /// well.
    pub fn waiting(&self, census: &Census) -> Vec<Waiting> {
        let held = |hold: &Hold| {
            let plan = self.plan_id(hold, census);
            let who = match (hold.namespace(), census.held_by(hold)) {
                (Some(namespace), _) => vec![Share::new(namespace, plan.count)],
                (None, Some(counts)) => {
                    Share::all(counts.iter().map(|(name, count)| (name, *count)))
                }
                (None, None) => Share::all(census.due_by_namespace()),
            };
            Waiting::new(plan, None, who)
        };
        let undecided = self.undecided_id(census).filter(|plan| plan.count > 0).map(|plan| {
            let who = Share::all(census.open_by_namespace());
            Waiting::new(plan, Some(census.unknown(None)), who)
        });
        undecided.into_iter().chain(self.in_force().map(held)).collect()
    }

    /// How many Jobs wait for a person, by a count of now; while the revision is undecided, for
    /// the count.
    pub fn held(&self, census: &Census) -> usize {
        match self.undecided_id(census) {
            Some(plan) => plan.count,
            None => self.in_force().map(|hold| self.plan_id(hold, census).count).sum(),
        }
    }

    /// Whether everything was counted under the revision.
    pub const fn is_decided(&self) -> bool {
        self.undecided.is_none()
    }

    /// Whether the revision is accepted.
    pub fn is_accepted(&self) -> bool {
        self.undecided.is_none() && self.memory.accepted.as_deref() == Some(&self.revision)
    }

    /// What has to be on the Lease.
    pub const fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Whether the revision was accepted where this namespace was counted.
    fn was_accepted(&self, namespace: &str) -> bool {
        self.memory.accepted.as_deref() == Some(&self.revision)
            && self.memory.within.covers(namespace)
    }

    fn decide(&mut self, loaded: Timestamp, census: &Census) -> BrakeOutcome {
        let total = census.made_due().saturating_add(census.unknown(None));
        if total <= self.at_most {
            self.accept_counted();
            return BrakeOutcome::Accepted;
        }
        let is_alone = |count: &Count| count.open() > self.at_most;
        let alone: Vec<(&str, &Count)> =
            census.namespaces().filter(|(_, count)| is_alone(count)).collect();
        let rest = total - alone.iter().map(|(_, count)| count.open()).sum::<usize>();
        let hold = |cause: Cause, due: usize, unknown: usize, latest: Option<Timestamp>| Hold {
            revision: self.revision.clone(),
            cutoff: loaded.max(latest.unwrap_or(loaded)),
            horizon: horizon(loaded),
            cause,
            count: due.saturating_add(unknown),
        };
        let holds: Vec<Hold> = if rest <= self.at_most && alone.len() <= HELD_BY_NAME {
            let in_namespace = |(namespace, count): &(&str, &Count)| {
                let cause = Cause::PolicyIn((*namespace).to_owned());
                hold(cause, count.due.count, count.unknown, count.due.latest)
            };
            alone.iter().map(in_namespace).collect()
        } else if census.made_due() > self.at_most {
            vec![hold(Cause::Policy, census.due(), census.unknown(None), census.latest())]
        } else {
            return BrakeOutcome::Undecided;
        };
        self.undecided = None;
        // Holds under the accepted policy are in force again when it comes back.
        let accepted = self.memory.accepted.as_deref();
        self.memory.holds.retain(|hold| accepted == Some(&hold.revision));
        if !self.memory.within.includes(&self.reach) {
            // Nobody has counted what the accepted policy would end in the rest of it.
            self.memory.accepted = None;
            self.memory.within.clone_from(&self.reach);
        }
        for hold in holds {
            self.memory.add(hold);
        }
        BrakeOutcome::Tripped
    }

    /// The revision is accepted, with everything that was counted.
    fn accept_counted(&mut self) {
        self.undecided = None;
        // All that they hold was counted: it is few enough, or was shown to whoever approved.
        self.memory.holds.clear();
        self.memory.within.clone_from(&self.reach);
        self.memory.accepted = Some(self.revision.clone());
    }

    /// The revision is accepted once it is held nowhere: its holds by namespace end one by one.
    fn accept_unless_held(&mut self) {
        if !self.in_force().any(Hold::is_policy) {
            self.memory.holds.retain(|hold| hold.revision == self.revision);
            self.memory.accepted = Some(self.revision.clone());
        }
    }
}

/// What holds a write back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Held<'b> {
    By(&'b Hold),
    /// The revision has not been counted yet.
    Undecided,
}

/// Above so many namespaces one hold is for all: each has its line on the Lease, whose annotations
/// are limited to 256 KiB together.
const HELD_BY_NAME: usize = 64;
