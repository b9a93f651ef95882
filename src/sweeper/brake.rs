//! The brake: a policy that would end many stored Jobs at once waits for a person
//! (delete contract, point 7).
//!
//! A revision of the policy that has not been accepted is first *undecided*: what it makes due is
//! held while it is counted ([`Brake::count`]). [`Brake::settle`] then accepts it, or holds exactly
//! those finished Jobs that were due at the moment it was loaded or within the hour, until
//! [`Brake::approve`] or until none is left. Jobs that finish later, or fall due later, are never
//! held. A [`Hold`] is told by two moments alone, so that another process that reads the
//! [`Memory`] from the Lease holds the very same Jobs: a restart neither trips the brake nor
//! forgets it. Where writing is confined to namespaces ([`Reach`]) only these are counted, and a
//! revision is accepted only there: whoever confines it less is asked again.

mod approval;
mod memory;
mod plan_id;

use jiff::{SignedDuration, Timestamp};

pub use self::approval::Approval;
pub use self::memory::{Cause, Hold, Memory};
pub use self::plan_id::{BadPlanId, PlanId};
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
pub enum Outcome {
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

/// A finished Job that the policy would end, as the count sees it.
#[derive(Clone, Copy, Debug)]
pub struct AtRisk<'a> {
    pub namespace: &'a str,
    pub risk: Risk,
    /// The same under the accepted policy, where that is known and would end the Job, too.
    pub before: Option<Risk>,
}

/// How many finished Jobs are at risk. Always of a complete reading of the cluster: what is
/// missing would look like gone. A Job that its TTL and its family's limit end counts twice: the
/// brake rather trips too early.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Census {
    /// Due at the load or within the hour, and not so under the accepted policy.
    made_due: usize,
    /// Due at the load or within the hour.
    due: usize,
    /// The latest end among these.
    latest: Option<Timestamp>,
    /// Finished Jobs that cannot be judged yet.
    unknown: usize,
    /// How many each hold of the memory holds, by its revision and its cut-off: holds come and go
    /// between a count and what is made of it.
    held: Vec<(String, Timestamp, usize)>,
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
            && is_due(loaded, risk)
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

    /// Counts what the policy would end; `unknown` are finished Jobs that cannot be judged yet.
    pub fn count<'r>(&self, risks: impl IntoIterator<Item = AtRisk<'r>>, unknown: usize) -> Census {
        let holds = &self.memory.holds;
        let none = |hold: &Hold| (hold.revision.clone(), hold.cutoff, 0);
        let held = holds.iter().map(none).collect();
        let mut census = Census { unknown, held, ..Census::default() };
        for AtRisk { namespace, risk, before } in risks {
            for (hold, (_, _, held)) in holds.iter().zip(&mut census.held) {
                *held += usize::from(hold.holds(namespace, &risk));
            }
            let Some(loaded) = self.undecided.filter(|loaded| is_due(*loaded, &risk)) else {
                continue;
            };
            census.due += 1;
            census.latest = census.latest.max(Some(risk.finish));
            // The policy may be the accepted one, and only the reach another.
            let before = if self.was_accepted(namespace) { Some(risk) } else { before };
            // What a change of labels made due was held under the accepted policy as well.
            let released = |before: &Risk| {
                holds.iter().all(|hold| hold.is_policy() || !hold.holds(namespace, before))
            };
            let as_before = before.filter(released).is_some_and(|before| is_due(loaded, &before));
            census.made_due += usize::from(!as_before);
        }
        census
    }

    /// Draws the conclusion from a count of everything that is stored.
    pub fn settle(&mut self, census: &Census) -> Outcome {
        if let Some(loaded) = self.undecided {
            return self.decide(loaded, census);
        }
        // Whoever cannot be judged for now may be what is held.
        if census.unknown > self.at_most {
            return Outcome::Unchanged;
        }
        let before = self.memory.holds.len();
        let mut moot_policy = false;
        self.memory.holds.retain(|hold| {
            let left = census.held(hold).is_none_or(|count| count > 0);
            let stays = left || hold.revision != self.revision;
            moot_policy |= !stays && hold.is_policy();
            stays
        });
        if moot_policy {
            self.accept();
        }
        if self.memory.holds.len() < before { Outcome::Moot } else { Outcome::Unchanged }
    }

    /// The labels of a namespace have changed; `risks` are those of its Jobs, with the ones under
    /// the labels before as `before`.
    pub fn relabelled<'r>(
        &mut self,
        namespace: &str,
        risks: impl IntoIterator<Item = AtRisk<'r>>,
        now: Timestamp,
    ) -> Outcome {
        if self.undecided.is_some() {
            // The count that is still to come sees the new labels.
            return Outcome::Undecided;
        }
        let now = whole_second(now);
        let mut latest = now;
        let mut made_due = 0;
        for AtRisk { namespace: _, risk, before } in risks {
            let as_before = before.is_some_and(|before| is_due(now, &before));
            if is_due(now, &risk) && !as_before && self.holds(namespace, &risk).is_none() {
                made_due += 1;
                latest = latest.max(risk.finish);
            }
        }
        self.relabelled.retain(|(at, _)| now.duration_since(*at) <= AHEAD);
        let lately: usize = self.relabelled.iter().map(|(_, count)| count).sum();
        if made_due == 0 || lately + made_due <= self.at_most {
            self.relabelled.push((now, made_due));
            return Outcome::Unchanged;
        }
        let hold = Hold {
            revision: self.revision.clone(),
            cutoff: latest,
            horizon: horizon(now),
            cause: Cause::Namespace(namespace.to_owned()),
            count: made_due,
        };
        self.memory.add(hold);
        Outcome::Tripped
    }

    /// A person agrees to a plan; `census` counts what is held now.
    ///
    /// # Errors
    /// Where the plan is not the one that is held, or more is held than the person was shown.
    pub fn approve(&mut self, id: &PlanId, census: &Census) -> Result<(), Refused> {
        let same =
            |hold: &Hold| hold.revision == id.revision && hold.cutoff.as_second() == id.cutoff;
        let found =
            self.memory.holds.iter().position(|hold| hold.revision == self.revision && same(hold));
        let Some(position) = found else {
            let other = self.in_force().next().map(|hold| self.plan_id(hold, census));
            return Err(other.map_or(Refused::NothingHeld, Refused::AnotherPlan));
        };
        let hold = &self.memory.holds[position];
        let now = self.plan_id(hold, census);
        if now.count > id.count {
            return Err(Refused::More { shown: id.count, counted: now.count, now });
        }
        if self.memory.holds.remove(position).is_policy() {
            self.accept();
        }
        Ok(())
    }

    /// What to approve for a hold to end, by a count of now.
    pub fn plan_id(&self, hold: &Hold, census: &Census) -> PlanId {
        PlanId {
            revision: hold.revision.clone(),
            cutoff: hold.cutoff.as_second(),
            count: census.held(hold).unwrap_or(hold.count),
        }
    }

    /// How many Jobs wait for a person, by a count of now; while the revision is undecided, for
    /// the count.
    pub fn held(&self, census: &Census) -> usize {
        if self.undecided.is_some() {
            return census.due;
        }
        self.in_force().map(|hold| census.held(hold).unwrap_or(hold.count)).sum()
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

    fn decide(&mut self, loaded: Timestamp, census: &Census) -> Outcome {
        let Census { made_due, due, latest, unknown, held: _ } = *census;
        if made_due > self.at_most {
            self.undecided = None;
            // Holds under the accepted policy are in force again when it comes back.
            let accepted = self.memory.accepted.as_deref();
            self.memory.holds.retain(|hold| accepted == Some(&hold.revision));
            if !self.memory.within.includes(&self.reach) {
                // Nobody has counted what the accepted policy would end in the rest of it.
                self.memory.accepted = None;
                self.memory.within.clone_from(&self.reach);
            }
            self.memory.add(Hold {
                revision: self.revision.clone(),
                cutoff: loaded.max(latest.unwrap_or(loaded)),
                horizon: horizon(loaded),
                cause: Cause::Policy,
                count: due,
            });
            return Outcome::Tripped;
        }
        if made_due + unknown > self.at_most {
            return Outcome::Undecided;
        }
        self.undecided = None;
        // All that they hold was counted, and is few enough.
        self.memory.holds.clear();
        self.memory.within.clone_from(&self.reach);
        self.accept();
        Outcome::Accepted
    }

    fn accept(&mut self) {
        self.memory.holds.retain(|hold| hold.revision == self.revision);
        self.memory.accepted = Some(self.revision.clone());
    }
}

// === impl Census ===

impl Census {
    /// How many a hold holds; `None` where it came after the count.
    fn held(&self, hold: &Hold) -> Option<usize> {
        let is_it = |(revision, cutoff, _): &&(String, Timestamp, usize)| {
            *revision == hold.revision && *cutoff == hold.cutoff
        };
        self.held.iter().find(is_it).map(|(_, _, count)| *count)
    }
}

/// What holds a write back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Held<'b> {
    By(&'b Hold),
    /// The revision has not been counted yet.
    Undecided,
}

/// Whether a Job had finished when something was loaded, and is due then or within the hour. The
/// stamps come from other clocks: a Job that ended a moment ago may bear one a little ahead.
fn is_due(loaded: Timestamp, risk: &Risk) -> bool {
    let skewed = loaded.saturating_add(SKEW).unwrap_or(Timestamp::MAX);
    risk.finish <= skewed && risk.due <= horizon(loaded)
}

fn horizon(loaded: Timestamp) -> Timestamp {
    loaded.saturating_add(AHEAD).unwrap_or(Timestamp::MAX)
}

/// The API knows whole seconds, and a plan's id names one.
fn whole_second(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// What falls due within this time of a load is held by it, too.
const AHEAD: SignedDuration = SignedDuration::from_hours(1);

/// Above this offset nothing is deleted at all (controllers.md, "Clock").
const SKEW: SignedDuration = SignedDuration::from_secs(30);
