//! One stored object, one policy, one list of actions.
//!
//! [`decide`] asks [`Policy::decide`] what the object should be, finds the row of the table that
//! tells how it differs ([`super::table`]), and answers with what the setting of `stored` does about
//! it. It holds the delete contract (controllers.md): only a finished Job, neither exempt nor
//! guarded nor held nor terminating, whose effective TTL is over, is ever deleted, and only with
//! the identity of the very object that was judged.

mod cronjob;
mod job;

use jiff::{SignedDuration, Timestamp};

use crate::batch::{Finish, Kind, Map, Object, Outcome};
use crate::policy::decide::{Decision, Input, Operation, Settled, Verdict};
use crate::policy::rule::Propagation;
use crate::policy::{Action as Stored, Guard, Mode, Policy, protects};

use super::change::{Change, Identity};
use super::reason::{MOST_FINALIZERS, Reason};
use super::table::Row;

/// A stored object, and what is known of its surroundings.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    pub object: &'a Object<'a>,
    /// The `CronJob` that made the Job, where it is known: same namespace, name and uid.
    pub cronjob: Option<&'a Object<'a>>,
    /// The known Jobs of a `CronJob`.
    pub children: &'a [&'a Object<'a>],
    /// Whether these are all of them. Where there may be others, no Job is pruned and no history limit
    /// lowered; what the known ones would lose by it is at risk all the same.
    pub is_whole: bool,
    pub namespace: &'a str,
    /// `None` where nobody knows them, which is not the same as none.
    pub namespace_labels: Option<&'a Map<'a>>,
    pub own_namespace: Option<&'a str>,
    /// Somebody keeps reverting what we write ([`super::flap`]): nothing is written.
    pub flapping: bool,
    pub now: Timestamp,
}

/// What is to be done about a stored object, and why.
#[derive(Debug)]
pub struct Judgement<'p> {
    pub decision: Decision<'p>,
    /// What the policy lets the sweeper do here; `Report` under `mode: DryRun`.
    pub stored: Stored,
    pub finish: Option<Finish>,
    /// The TTL that counts: the author's within the limits, or the policy's.
    pub ttl: Option<i64>,
    /// Who gave the effective TTL: a rule, or a reserved word.
    pub rule: String,
    /// When a finished Job expires by the effective TTL.
    pub expiry: Option<Timestamp>,
    /// When a finished Job expires by the TTL that stands in it, which is all that the built-in
    /// controller knows.
    pub own_expiry: Option<Timestamp>,
    /// What is done now, what is only told, and when to look again; empty where nothing is.
    pub actions: Vec<Action>,
    /// Finished Jobs that writes from here will end, now or later; what the brake looks at.
    pub risks: Vec<Risk>,
}

/// What the sweeper does about an object. Effects are data here, and happen elsewhere.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Action {
    /// Tell, and do nothing.
    Count {
        reason: Reason,
    },
    Delete {
        deletion: Deletion,
        reason: Reason,
    },
    Patch {
        change: Change,
        reason: Reason,
    },
    /// Look again then.
    Wait {
        until: Timestamp,
        reason: Reason,
    },
}

/// One deletion, with everything that its request and its log line need.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Deletion {
    pub identity: Identity,
    pub propagation: Propagation,
    pub finish: Timestamp,
    pub outcome: Outcome,
    /// Since when it is due.
    pub due: Timestamp,
    /// `None` where not a TTL but `limits.history.max` ends it.
    pub ttl: Option<i64>,
    pub rule: String,
}

/// A finished Job that a write may end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Risk {
    pub finish: Timestamp,
    pub due: Timestamp,
}

/// Decides about one stored object.
pub fn decide<'p>(policy: &'p Policy, view: &View<'_>) -> Judgement<'p> {
    let input = view.input();
    let mut judgement = Judgement::new(policy.decide(&input), view.object);
    if let Some(reason) = unjudged(&judgement.decision) {
        judgement.unjudged(policy, view, reason);
        return judgement;
    }
    if !is_selected(policy, &input) {
        judgement.count(Reason::NotSelected);
        return judgement;
    }
    match view.object.kind {
        Kind::CronJob => judgement.cronjob(policy, view),
        Kind::Job => judgement.job(policy, view),
    }
    judgement
}

/// Why the policy says nothing about an object.
pub(super) fn unjudged(decision: &Decision<'_>) -> Option<Reason> {
    Some(match &decision.verdict {
        Verdict::Considered | Verdict::Exempt(_) | Verdict::Guarded => return None,
        Verdict::NeverConsidered(why) => Reason::NeverConsidered(why),
        Verdict::Off | Verdict::Untouched => Reason::Off,
        Verdict::UnknownCronJob => Reason::UnknownCronJob,
        Verdict::UnknownNamespace => Reason::UnknownNamespace,
    })
}

/// Whether the sweeper may look at an object at all: `spec.stored.selector` is an opt-in.
pub(super) fn is_selected(policy: &Policy, input: &Input<'_>) -> bool {
    let subject = input.subject();
    policy.stored.selector.as_ref().is_none_or(|s| s.matches(|key| subject.label(key)))
}

/// What `stored` says for an object.
pub(super) fn stored(decision: &Decision<'_>) -> Stored {
    match decision.mode {
        Mode::DryRun | Mode::Off => Stored::Report,
        Mode::Enforce => decision.resolved.stored.map(|stored| stored.value).unwrap_or_default(),
    }
}

// === impl View ===

impl<'a> View<'a> {
    /// The question to the policy.
    pub fn input(&self) -> Input<'a> {
        Input {
            operation: Operation::Stored,
            object: self.object,
            old: None,
            cronjob: self.cronjob,
            namespace: self.namespace,
            namespace_labels: self.namespace_labels,
            own_namespace: self.own_namespace,
            now: self.now,
        }
    }
}

// === impl Judgement ===

impl<'p> Judgement<'p> {
    fn new(decision: Decision<'p>, object: &Object<'_>) -> Self {
        Self {
            stored: stored(&decision),
            decision,
            finish: if object.kind == Kind::Job { Finish::of(object) } else { None },
            ttl: None,
            rule: String::new(),
            expiry: None,
            own_expiry: None,
            actions: Vec::new(),
            risks: Vec::new(),
        }
    }

    /// Nothing is done to what the policy does not judge; only a deletion that hangs is told.
    fn unjudged(&mut self, policy: &Policy, view: &View<'_>, reason: Reason) {
        let ours = protects(view.namespace, view.own_namespace) || policy.mode == Mode::Off;
        match &view.object.metadata.deletion_timestamp {
            Some(since) if !ours => self.terminating(view, since.at()),
            _ => self.count(reason),
        }
    }

    /// A Job that is being deleted is never deleted again; for too long, it is stuck.
    fn terminating(&mut self, view: &View<'_>, since: Option<Timestamp>) {
        let Some(since) = since else {
            self.count(Reason::Terminating);
            return;
        };
        let late = since.saturating_add(STUCK_AFTER).unwrap_or(Timestamp::MAX);
        if view.now < late {
            self.wait(late, Reason::Terminating);
            return;
        }
        let finalizers = view.object.metadata.finalizers.as_deref().unwrap_or_default();
        let told = finalizers.iter().take(MOST_FINALIZERS).map(|name| (**name).to_owned());
        self.count(Reason::Stuck(told.collect()));
    }

    fn count(&mut self, reason: Reason) {
        self.actions.push(Action::Count { reason });
    }

    fn wait(&mut self, until: Timestamp, reason: Reason) {
        self.actions.push(Action::Wait { until, reason });
    }

    /// Writes what of the decision is about these settings, unless it must not or cannot; says whether
    /// it does.
    fn patch(
        &mut self,
        view: &View<'_>,
        settings: &[crate::policy::Setting],
        direction: super::Direction,
        row: Row,
    ) -> bool {
        if view.flapping {
            self.count(Reason::Flapping);
            return false;
        }
        let decision = &self.decision;
        // Where nothing else differs, only the record is written.
        let settled = settings.iter().filter_map(|setting| decision.setting(*setting));
        let settled: Vec<&Settled<'_>> = settled.filter(|settled| settled.changes()).collect();
        let change = Change::of(decision, view.object, view.namespace, &settled, direction);
        match change {
            Ok(change) => self.actions.push(Action::Patch { change, reason: Reason::Row(row) }),
            Err(reason) => {
                self.count(reason);
                return false;
            }
        }
        true
    }

    /// What keeps an object from being deleted for good: an exemption or a guard.
    fn protection(&self) -> Option<Reason> {
        match &self.decision.verdict {
            Verdict::Exempt(by) => Some(Reason::Exempt(by.clone())),
            Verdict::Guarded => self.withheld().or_else(|| {
                let hit = self.decision.guards.iter().find(|hit| hit.setting == Guard::Skip);
                Some(Reason::Guarded(hit.map(|hit| hit.evidence.clone()).unwrap_or_default()))
            }),
            _ => None,
        }
    }

    /// What rules enforce, and a guard keeps from the object.
    fn withheld(&self) -> Option<Reason> {
        let texts: Vec<String> = self.decision.withheld.iter().map(ToString::to_string).collect();
        (!texts.is_empty()).then(|| Reason::Withheld(texts.join("; ")))
    }

    /// The first thing to be said about the object.
    pub fn reason(&self) -> &Reason {
        self.actions.first().map_or(&Reason::Agreed, Action::reason)
    }

    /// Whether a finished Job cannot be judged yet, and may turn out to be due. Of a cluster of which
    /// everything is listed; `undecodable` says whether the `CronJob` that made the Job is there and
    /// cannot be decoded.
    pub fn is_unknown(&self, undecodable: bool) -> bool {
        self.finish.is_some() && self.reason().may_become_due(undecodable)
    }
}

// === impl Action ===

impl Action {
    /// Why.
    pub const fn reason(&self) -> &Reason {
        match self {
            Self::Count { reason }
            | Self::Delete { reason, .. }
            | Self::Patch { reason, .. }
            | Self::Wait { reason, .. } => reason,
        }
    }

    /// One word, for metrics and plans.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Count { .. } => "count",
            Self::Delete { .. } => "delete",
            Self::Patch { .. } => "patch",
            Self::Wait { .. } => "wait",
        }
    }
}

/// After this a deletion that hangs is told, with the finalizers (delete contract, point 4).
const STUCK_AFTER: SignedDuration = SignedDuration::from_mins(10);
