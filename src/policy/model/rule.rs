//! The parts of a compiled policy, and its rules. The types mirror policy.md's schema.

use std::fmt;

use super::glob::Glob;
use super::marks::Marks;
use super::selector::{Operator, Selector};
use super::settings::{Action, Settings};
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
    /// Key and accepted values.
    pub labels: Vec<(String, Vec<String>)>,
    pub annotations: Vec<(String, Vec<String>)>,
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
