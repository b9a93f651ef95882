//! A compiled policy: checked values only, ready to be asked.
//!
//! The types mirror policy.md's schema. Whoever holds a [`Policy`] holds one that loaded without
//! an error: the loader alone builds it, and nothing downstream checks it again.

use std::fmt;

use super::glob::Glob;
use super::marks::Marks;
use super::selector::{Operator, Selector};
use super::value::{Seconds, ZoneName};

/// Whether a policy acts.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Mode {
    /// Compute, count, log and audit; write and warn nothing.
    DryRun,
    #[default]
    Enforce,
    /// Do nothing.
    Off,
}

/// What is never touched, beside the system namespaces (policy.md, point 3).
#[derive(Debug, Default)]
pub struct Exempt {
    pub namespaces: Vec<Glob>,
    pub namespace_selector: Option<Selector>,
    pub selectors: Vec<Selector>,
}

/// The guards' settings at the top of the policy (policy.md, point 4).
#[derive(Debug)]
pub struct Guards {
    pub settings: GuardSettings,
    /// The lower bound of TTLs under [`Guard::Floor`].
    pub floor: Seconds,
    pub allow_owners: Vec<GroupKind>,
    /// The built-in marks and the policy's own.
    pub gitops_marks: Marks,
}

/// An owner by group and kind, written `group/Kind`.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct GroupKind {
    /// Empty for the core group.
    pub group: String,
    pub kind: String,
}

/// The three guards, in the order in which they are reported.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum GuardKind {
    OwnedByOther,
    DeployHooks,
    GitOpsTracked,
}

/// What a guard does where it hits; a later variant is stricter.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Guard {
    /// Ignore the guard.
    Apply,
    /// Go on, with `guards.floor` as a lower bound for TTLs.
    Floor,
    /// Leave the object as its author wrote it.
    #[default]
    Skip,
}

/// A setting for each guard; `None` where it is not mentioned.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct GuardSettings {
    pub owned_by_other: Option<Guard>,
    pub deploy_hooks: Option<Guard>,
    pub gitops_tracked: Option<Guard>,
}

/// Bounds; `None` where they are not mentioned.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Limits {
    pub ttl_min: Option<Seconds>,
    pub ttl_max: Option<Seconds>,
    pub history_max: Option<u32>,
    /// How long a hold keeps a finished Job at most.
    pub hold: Option<Seconds>,
}

/// One rule.
#[derive(Debug)]
pub struct Rule {
    pub name: String,
    /// Where the rule stands, as `20-etl.yaml:9`.
    pub origin: Place,
    pub matcher: Match,
    /// Whether `ttl` and `history` of this rule replace what an author wrote.
    pub enforce: bool,
    /// Appended to warnings: a ticket, a link.
    pub reason: Option<String>,
    pub settings: Settings,
}

/// A line of a policy file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    pub file: String,
    /// Counted from 1.
    pub line: usize,
}

/// What a rule matches: all of the fields, any entry of each list; empty matches everything.
#[derive(Debug, Default)]
pub struct Match {
    pub kinds: Vec<crate::batch::Kind>,
    pub namespaces: Vec<Glob>,
    pub namespace_selector: Option<Selector>,
    pub names: Vec<Glob>,
    /// Key and accepted values.
    pub labels: Vec<(String, Vec<String>)>,
    pub annotations: Vec<(String, Vec<String>)>,
    pub selector: Option<Selector>,
}

/// What a rule, or `defaults`, says; `None` where it does not mention a setting.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Settings {
    pub ttl: Option<Ttl>,
    pub history_successful: Option<u32>,
    pub history_failed: Option<u32>,
    pub limits: Limits,
    /// `deadlines.active`: `activeDeadlineSeconds`.
    pub deadline_active: Option<Seconds>,
    /// `deadlines.starting`: `startingDeadlineSeconds`.
    pub deadline_starting: Option<Seconds>,
    pub time_zone: Option<ZoneName>,
    pub mode: Option<Mode>,
    pub stored: Option<Action>,
    pub guards: GuardSettings,
}

/// A TTL as a policy gives it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ttl {
    /// The same whatever the outcome.
    Fixed(Seconds),
    /// By outcome; `None` on a side means `unset`, and never on both.
    Pair { on_success: Option<Seconds>, on_failure: Option<Seconds> },
    /// Leave without one, on purpose.
    Unset,
}

/// What the sweeper does with stored objects (controllers.md); a later variant does more.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Action {
    #[default]
    Report,
    Marked,
    Patch,
    Delete,
}

/// `spec.stored`.
#[derive(Debug)]
pub struct Stored {
    pub action: Action,
    pub selector: Option<Selector>,
    pub propagation: Propagation,
    /// Writes a second.
    pub rate: u32,
    pub brake_at_most: u32,
}

/// How Pods go with a deleted Job.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Propagation {
    #[default]
    Background,
    Foreground,
}

/// `spec.scheduler`.
#[derive(Debug)]
pub struct Scheduler {
    pub mode: SchedulerMode,
    pub grace: Seconds,
    pub selector: Option<Selector>,
    /// The zone of kube-controller-manager, for `CronJob`s without `timeZone`.
    pub cluster_time_zone: Option<ZoneName>,
}

/// What the scheduler does (controllers.md).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum SchedulerMode {
    Backstop,
    #[default]
    Observe,
    Off,
    Own,
}

// === impl Mode ===

impl Mode {
    /// As a policy spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DryRun => "DryRun",
            Self::Enforce => "Enforce",
            Self::Off => "Off",
        }
    }
}

// === impl Guard ===

impl Guard {
    /// As a policy spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Apply => "Apply",
            Self::Floor => "Floor",
            Self::Skip => "Skip",
        }
    }
}

// === impl Action ===

impl Action {
    /// As a policy spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Report => "Report",
            Self::Marked => "Marked",
            Self::Patch => "Patch",
            Self::Delete => "Delete",
        }
    }
}

// === impl Propagation ===

impl Propagation {
    /// As a policy spells it, and a request to delete.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Background => "Background",
            Self::Foreground => "Foreground",
        }
    }
}

// === impl Scheduler ===

impl Scheduler {
    /// `scheduler.grace` where it is not given.
    pub const DEFAULT_GRACE: Seconds = Seconds::of(30);
}

// === impl SchedulerMode ===

impl SchedulerMode {
    /// As a policy spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Backstop => "Backstop",
            Self::Observe => "Observe",
            Self::Off => "Off",
            Self::Own => "Own",
        }
    }
}

// === impl GuardKind ===

impl GuardKind {
    /// Every guard, in the order in which they are reported.
    pub const ALL: [Self; 3] = [Self::OwnedByOther, Self::DeployHooks, Self::GitOpsTracked];

    /// The guard as the policy file names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OwnedByOther => "ownedByOther",
            Self::DeployHooks => "deployHooks",
            Self::GitOpsTracked => "gitOpsTracked",
        }
    }
}

// === impl GuardSettings ===

impl GuardSettings {
    /// The setting of one guard.
    pub const fn of(&self, kind: GuardKind) -> Option<Guard> {
        match kind {
            GuardKind::OwnedByOther => self.owned_by_other,
            GuardKind::DeployHooks => self.deploy_hooks,
            GuardKind::GitOpsTracked => self.gitops_tracked,
        }
    }
}

// === impl Match ===

impl Match {
    /// How much there is to ask: entries of lists and maps, the long ones by their length.
    pub(in crate::policy) fn size(&self) -> usize {
        let Self { kinds: _, namespaces, namespace_selector, names, labels, annotations, selector } =
            self;
        let list = |values: &[String]| values.iter().map(|v| 1 + v.len() / 64).sum::<usize>();
        let requirements =
            namespace_selector.iter().chain(selector).flat_map(Selector::requirements);
        let maps = labels.iter().chain(annotations).map(|(_, values)| 1 + list(values));
        let selectors = requirements.map(|requirement| match &requirement.operator {
            Operator::DoesNotExist | Operator::Exists => 1,
            Operator::In(values) | Operator::NotIn(values) => 1 + list(values),
        });
        1 + namespaces.len() + names.len() + maps.sum::<usize>() + selectors.sum::<usize>()
    }
}

// === impl Ttl ===

impl Ttl {
    /// What admission writes: the larger side of a pair, and nothing where a side is `unset`,
    /// since nobody knows the outcome yet.
    pub fn before_outcome(self) -> Option<Seconds> {
        match self {
            Self::Fixed(seconds) => Some(seconds),
            Self::Pair { on_success, on_failure } => Some(on_success?.max(on_failure?)),
            Self::Unset => None,
        }
    }

    /// What a Job gets that ended in this way.
    pub fn after(self, outcome: crate::batch::Outcome) -> Option<Seconds> {
        match (self, outcome) {
            (Self::Fixed(seconds), _) => Some(seconds),
            (Self::Pair { on_success, .. }, crate::batch::Outcome::Success) => on_success,
            (Self::Pair { on_failure, .. }, crate::batch::Outcome::Failure) => on_failure,
            (Self::Unset, _) => None,
        }
    }
}

// === impl Place ===

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

// === impl GroupKind ===

impl fmt::Display for GroupKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = if self.group.is_empty() { CORE } else { &self.group };
        write!(f, "{group}/{}", self.kind)
    }
}

/// How the API group that has no name is written.
pub(in crate::policy) const CORE: &str = "core";
