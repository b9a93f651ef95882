//! A policy file as it is written: its fields, each once, with what they mean.
//!
//! What most rules leave out is boxed, since there may be 10,000 of them.

#![expect(clippy::doc_markdown, reason = "the sentences are read in editors, as plain text")]

use super::decode::{Filled, List};
use super::fields::fields;
use super::label::{AnnotationKey, Annotations, LabelKey, Labels};
use super::ttl::Ttl;
use super::wire::{
    Amount, ApiVersion, Count, DocumentKind, Manager, Name, Rate, Reason, RuleName, Switch, Wait,
};
use crate::batch::Kind;
use crate::policy::model::glob::Glob;
use crate::policy::model::rule::{GroupKind, Propagation, SchedulerMode};
use crate::policy::model::selector::Selector;
use crate::policy::model::settings::{Action, Guard, Mode, Settings, guards};
use crate::policy::model::value::{Seconds, ZoneName};

fields! {
    /// A policy of curfew: which TTL, history and deadlines Jobs and CronJobs get.
    struct File {
        /// The version of this format.
        required api_version: ApiVersion = "apiVersion",
        /// What this file is.
        required kind: DocumentKind = "kind",
        /// What the policy is called.
        required metadata: Metadata = "metadata",
        /// What the policy says.
        required spec: Spec = "spec",
    }

    /// What the policy is called.
    struct Metadata {
        /// Used in messages; the same in every file of a policy.
        required name: Name = "name",
    }

    /// What the policy says.
    struct Spec {
        /// Whether admission and sweeper act: Off, DryRun or Enforce (the default).
        optional mode: Mode = "mode",
        /// What is never touched, beside the system namespaces and curfew's own.
        optional exempt: Exempt = "exempt",
        /// What happens to objects that other tools look after.
        optional guards: Guards = "guards",
        /// Bounds of every value, the author's and the policy's.
        optional limits: Box<Limits> = "limits",
        /// For each setting, the first rule that matches and mentions it supplies it.
        optional rules: List<Rule> = "rules",
        /// What no rule mentioned.
        optional defaults: Defaults = "defaults",
        /// What the sweeper does with objects that are already in the cluster.
        optional stored: Stored = "stored",
        /// What the scheduler does with CronJobs whose start was missed.
        optional scheduler: Scheduler = "scheduler",
    }

    /// What is never touched. Lists add to the system namespaces, and to those of other files.
    struct Exempt {
        /// Globs over namespaces.
        optional namespaces: List<Glob> = "namespaces",
        /// Labels of the namespace.
        optional namespace_selector: Selector = "namespaceSelector",
        /// Labels of the object or of its CronJob; any of these selectors exempts it.
        optional selectors: List<Selector> = "selectors",
    }

    /// What shows that a GitOps tool tracks an object; adds to the built-in list.
    struct GitOpsMarks {
        /// Label keys.
        optional labels: List<LabelKey> = "labels",
        /// Annotation keys.
        optional annotations: List<AnnotationKey> = "annotations",
        /// Field managers; each counts with any suffix after `-` or `/`, too.
        optional managers: List<Manager> = "managers",
    }

    /// Bounds of every value, the author's and the policy's.
    struct Limits {
        /// Bounds of the TTL.
        optional ttl: TtlLimits = "ttl",
        /// Bounds of the history limits of CronJobs.
        optional history: HistoryLimits = "history",
        /// How long a hold keeps a finished Job at most; 7d if not given.
        optional hold: Seconds = "hold",
    }

    /// Bounds of the TTL.
    struct TtlLimits {
        /// The shortest; 0s if not given.
        optional min: Seconds = "min",
        /// The longest; none if not given.
        optional max: Seconds = "max",
    }

    /// Bounds of the history limits of CronJobs.
    struct HistoryLimits {
        /// The most Jobs that successful and failed history may each keep.
        optional max: Count = "max",
    }

    /// One rule: what it matches and what it sets.
    struct Rule {
        /// Unique over all files; shown in messages and kept in records.
        required name: RuleName = "name",
        /// What the rule matches. Fields are AND, entries of a list OR.
        optional matcher: Box<Match> = "match",
        /// How long a finished Job is kept.
        optional ttl: Ttl = "ttl",
        /// How many finished Jobs a CronJob keeps.
        optional history: Box<History> = "history",
        /// Bounds for what this rule matches.
        optional limits: Box<Limits> = "limits",
        /// Deadlines, filled only when an object is created.
        optional deadlines: Box<Deadlines> = "deadlines",
        /// IANA time zone of the schedule, filled only when a CronJob is created.
        optional time_zone: ZoneName = "timeZone",
        /// Whether admission and sweeper act on what this rule matches.
        optional mode: Mode = "mode",
        /// What happens to objects that other tools look after.
        optional guards: Box<RuleGuards> = "guards",
        /// Whether ttl and history of this rule replace what an author wrote.
        optional enforce: Switch = "enforce",
        /// What the sweeper does with stored objects that this rule matches.
        optional stored: Action = "stored",
        /// Appended to warnings: a ticket or a link, at most 80 characters of ASCII.
        optional reason: Reason = "reason",
    }

    /// What a rule matches. Fields are AND, entries of a list OR.
    struct Match {
        /// CronJob matches the CronJob, its template and its Jobs; Job only Jobs that no CronJob
        /// made.
        optional kinds: Filled<Kind> = "kinds",
        /// Globs over namespaces.
        optional namespaces: Filled<Glob> = "namespaces",
        /// Labels of the namespace.
        optional namespace_selector: Selector = "namespaceSelector",
        /// Globs over names; the CronJob's name for all of its Jobs.
        optional names: Filled<Glob> = "names",
        /// Label keys, each with one value or a list of them.
        optional labels: Labels = "labels",
        /// Annotation keys, each with one value or a list of them.
        optional annotations: Annotations = "annotations",
        /// Labels of the object or of its CronJob.
        optional selector: Selector = "selector",
    }

    /// How many finished Jobs a CronJob keeps.
    struct History {
        /// successfulJobsHistoryLimit.
        optional successful: Count = "successful",
        /// failedJobsHistoryLimit.
        optional failed: Count = "failed",
    }

    /// Deadlines, filled only when an object is created.
    struct Deadlines {
        /// activeDeadlineSeconds: Jobs that never finish never expire.
        optional active: Wait = "active",
        /// startingDeadlineSeconds of CronJobs.
        optional starting: Wait = "starting",
    }

    /// What no rule mentioned.
    struct Defaults {
        /// How long a finished Job is kept.
        optional ttl: Ttl = "ttl",
        /// How many finished Jobs a CronJob keeps.
        optional history: Box<History> = "history",
        /// Deadlines, filled only when an object is created.
        optional deadlines: Box<Deadlines> = "deadlines",
        /// IANA time zone of schedules, filled only when a CronJob is created.
        optional time_zone: ZoneName = "timeZone",
    }

    /// What the sweeper does with objects that are already in the cluster.
    struct Stored {
        /// Report (the default), Marked, Patch or Delete; each does more than the one before.
        optional action: Action = "action",
        /// Only these objects; all if not given.
        optional selector: Selector = "selector",
        /// How Pods go with a deleted Job: Background (the default) or Foreground.
        optional propagation: Propagation = "propagation",
        /// At most so many writes a second; 50 if not given.
        optional rate: Rate = "rate",
        /// When the sweeper stops and asks.
        optional brake: Brake = "brake",
    }

    /// When the sweeper stops and asks.
    struct Brake {
        /// A changed policy may make so many stored objects due at once; more wait for approval.
        /// 200 if not given.
        optional at_most: Amount = "atMost",
    }

    /// What the scheduler does with CronJobs whose start was missed.
    struct Scheduler {
        /// Off, Observe (the default), Backstop or Own.
        optional mode: SchedulerMode = "mode",
        /// How late a start may be before it counts as missed; 30s if not given.
        optional grace: Seconds = "grace",
        /// Only these CronJobs; none if not given.
        optional selector: Selector = "selector",
        /// IANA time zone of kube-controller-manager, for CronJobs without one of their own.
        optional cluster_time_zone: ZoneName = "clusterTimeZone",
    }
}

macro_rules! guard_fields {
    ($($(#[doc = $meaning:literal])+ $kind:ident: $field:ident = $name:literal;)*) => {
        fields! {
            /// What happens to objects that other tools look after: Skip (the default), Floor or Apply.
            struct Guards {
                $($(#[doc = $meaning])+ optional $field: Guard = $name,)*
                /// The lower bound of TTLs under Floor; 10m if not given.
                optional floor: Seconds = "floor",
                /// Owners that do not count as other, written group/Kind; core/Kind for the group
                /// without a name.
                optional allow_owners: List<GroupKind> = "allowOwners",
                /// What shows that a tool tracks an object; adds to the built-in list.
                optional gitops_marks: GitOpsMarks = "gitOpsMarks",
            }

            /// What happens to objects that other tools look after: Skip, Floor or Apply.
            struct RuleGuards {
                $($(#[doc = $meaning])+ optional $field: Guard = $name,)*
            }
        }

        impl Guards {
            /// What the top of a policy says of its guards, as a rule says it.
            pub(super) fn as_rule(&self) -> RuleGuards {
                RuleGuards { $($field: self.$field,)* written: Vec::new() }
            }
        }

        impl RuleGuards {
            /// Puts what is mentioned among the settings.
            pub(super) fn state(self, settings: &mut Settings) {
                $(settings.$field = self.$field.map(|at| at.value);)*
            }
        }
    };
}

guards!(guard_fields!);
