//! The parts of a compiled policy, and its rules. The types mirror policy.md's schema.

use std::fmt;

use super::glob::Glob;
use super::marks::Marks;
use super::selector::{Requirement, Selector};
use super::settings::{Action, Settings};
use super::spelled::spelled;
use super::value::{Seconds, ZoneName};

/// What is never touched, beside the system namespaces (policy.md, point 3).
#[derive(Debug, Default)]
pub struct Exempt {
    pub namespaces: Vec<Glob>,
    pub namespace_selector: Option<Selector>,
    pub selectors: Vec<Selector>,
}

/// What the guards go by, whatever each of them is set to (policy.md, point 4).
#[derive(Debug)]
pub struct Guards {
    /// The lower bound of TTLs under [`super::settings::Guard::Floor`].
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
    /// Each key with the values that are accepted.
    pub labels: Selector,
    /// As `labels`.
    pub annotations: Selector,
    pub selector: Option<Selector>,
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

spelled! {
    Propagation [Background, Foreground];
    SchedulerMode [Off, Observe, Backstop, Own]
}

// === impl Scheduler ===

impl Scheduler {
    /// `scheduler.grace` where it is not given.
    pub const DEFAULT_GRACE: Seconds = Seconds::of(30);
}

// === impl Match ===

impl Match {
    /// What is asked of labels of the object.
    pub(in crate::policy) fn label_requirements(&self) -> impl Iterator<Item = &Requirement> {
        let selected = self.selector.iter().flat_map(|selector| &selector.requirements);
        self.labels.requirements.iter().chain(selected)
    }

    /// How much there is to ask: entries of lists and maps, the long ones by their length.
    pub(in crate::policy) fn size(&self) -> usize {
        let Self { kinds: _, namespaces, namespace_selector, names, annotations, .. } = self;
        let of_namespaces = namespace_selector.iter().flat_map(|s| &s.requirements);
        let labels = self.label_requirements();
        let requirements = labels.chain(&annotations.requirements).chain(of_namespaces);
        let asked = requirements.map(|requirement| 1 + requirement.size()).sum::<usize>();
        1 + namespaces.len() + names.len() + asked
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
