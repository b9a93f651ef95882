//! What a policy can say of an object, each setting once.
//!
//! [`settings!`] is the one list of them. What a rule says is made of it, what is resolved for an
//! object, the revision, and what lint and `explain` tell: none of them can know a setting that the
//! others do not. Those of them that are guards have a second list, [`guards!`], of which the
//! fields of the file are made.

use std::fmt;

use serde::Serialize;
use serde_json::{Value as Json, json};

use super::setting::Value;
use super::spelled::spelled;
use super::value::{Seconds, ZoneName};
use crate::batch::Outcome;
use crate::named::named;

/// Gives a macro the list of settings: field, type, and name as in policy.md, point 5, in the order
/// of reports.
macro_rules! settings {
    ($($then:tt)*) => {
        $($then)* {
            /// How long a finished Job is kept.
            ttl: Ttl = "ttl";
            /// `successfulJobsHistoryLimit`.
            history_successful: u32 = "history.successful";
            /// `failedJobsHistoryLimit`.
            history_failed: u32 = "history.failed";
            /// The lower bound of TTLs.
            ttl_min: Seconds = "limits.ttl.min";
            /// The upper bound of TTLs.
            ttl_max: Seconds = "limits.ttl.max";
            /// The upper bound of both history limits.
            history_max: u32 = "limits.history.max";
            /// How long a hold keeps a finished Job at most.
            hold: Seconds = "limits.hold";
            /// `activeDeadlineSeconds`.
            deadline_active: Seconds = "deadlines.active";
            /// `startingDeadlineSeconds`.
            deadline_starting: Seconds = "deadlines.starting";
            /// The time zone of a schedule.
            time_zone: ZoneName = "timeZone";
            /// Whether admission and sweeper act.
            mode: Mode = "mode";
            /// What the sweeper does with stored objects.
            stored: Action = "stored";
            /// See [`GuardKind::OwnedByOther`].
            owned_by_other: Guard = "guards.ownedByOther";
            /// See [`GuardKind::DeployHooks`].
            deploy_hooks: Guard = "guards.deployHooks";
            /// See [`GuardKind::GitOpsTracked`].
            gitops_tracked: Guard = "guards.gitOpsTracked";
        }
    };
}

pub(in crate::policy) use settings;

/// Gives a macro the list of guards: kind, setting, and its name below `guards`, in the order of
/// reports.
macro_rules! guards {
    ($($then:tt)*) => {
        $($then)* {
            /// Objects with an owner other than a CronJob, controller or not: JobSet, Workflow, ScaledJob.
            OwnedByOther: owned_by_other = "ownedByOther";
            /// Jobs that are hooks of Helm or Argo CD.
            DeployHooks: deploy_hooks = "deployHooks";
            /// Jobs that Argo CD, Flux, Helm, Terraform or the like track directly.
            GitOpsTracked: gitops_tracked = "gitOpsTracked";
        }
    };
}

pub(in crate::policy) use guards;

macro_rules! define {
    ($($(#[doc = $meaning:literal])+ $field:ident: $type:ty = $name:literal;)*) => {
        /// What a rule says, or `defaults`, or the top of the policy; `None` where it does not
        /// mention a setting.
        #[derive(Clone, Debug, Default, Eq, PartialEq)]
        pub struct Settings {
            $($(#[doc = $meaning])+ pub $field: Option<$type>,)*
        }

        impl Settings {
            /// The name of each.
            pub const NAMES: &[&str] = &[$($name),*];

            /// Everything that is mentioned, by name.
            pub fn stated(&self) -> impl Iterator<Item = (&'static str, Stated<'_>)> {
                let all = [$(($name, self.$field.as_ref().map(Stated::from)),)*];
                all.into_iter().filter_map(|(name, stated)| Some((name, stated?)))
            }

            /// What is stated of the setting of a name.
            pub fn get(&self, name: &str) -> Option<Stated<'_>> {
                self.stated().find(|(known, _)| *known == name).map(|(_, stated)| stated)
            }
        }
    };
}

settings!(define!);

/// What is stated of a setting, whatever its type.
#[derive(Clone, Copy, Debug)]
pub enum Stated<'s> {
    Count(u32),
    Seconds(Seconds),
    Ttl(Ttl),
    Word(&'static str),
    Zone(&'s ZoneName),
}

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

macro_rules! define_guards {
    ($($(#[doc = $meaning:literal])+ $kind:ident: $field:ident = $name:literal;)*) => {
        named! {
            /// What shows that an object is somebody else's business, in the order in which it is
            /// reported.
            #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
            #[expect(clippy::doc_markdown, reason = "editors show the sentences as plain text")]
            pub enum GuardKind [ALL] {
                $($(#[doc = $meaning])+ #[serde(rename = $name)] $kind = $name,)*
            }
        }

        impl GuardKind {
            /// The name of its setting.
            pub const fn setting(self) -> &'static str {
                match self {
                    $(Self::$kind => concat!("guards.", $name),)*
                }
            }
        }

        impl Settings {
            /// The setting of one guard.
            pub fn guard(&self, kind: GuardKind) -> Option<Guard> {
                match kind {
                    $(GuardKind::$kind => self.$field,)*
                }
            }
        }
    };
}

guards!(define_guards!);

/// What a guard does where it hits; a later variant is stricter.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Guard {
    /// Ignore the guard.
    Apply,
    /// Go on, with `guards.floor` as a lower bound for TTLs.
    Floor,
    /// Leave the object as its author wrote it.
    #[default]
    Skip,
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

spelled! {
    Mode [Off, DryRun, Enforce];
    Guard [Skip, Floor, Apply];
    Action [Report, Marked, Patch, Delete]
}

// === impl Stated ===

impl Stated<'_> {
    /// As a revision has it.
    pub(in crate::policy) fn to_json(self) -> Json {
        match self {
            Self::Ttl(Ttl::Pair { on_success, on_failure }) => {
                json!([on_success.map(Seconds::get), on_failure.map(Seconds::get)])
            }
            Self::Ttl(Ttl::Unset) => json!("unset"),
            _ => self.to_value().to_json(),
        }
    }

    /// As the field of an object has it; absent where it hangs on an outcome.
    pub fn to_value(self) -> Value {
        match self {
            Self::Count(count) => Value::Number(count.into()),
            Self::Seconds(seconds) => Value::Number(seconds.get()),
            Self::Ttl(ttl) => ttl.before_outcome().map(Seconds::get).into(),
            Self::Word(word) => Value::Text(word.to_owned()),
            Self::Zone(zone) => Value::Text(zone.as_str().to_owned()),
        }
    }
}

impl fmt::Display for Stated<'_> {
    /// As people read it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => count.fmt(f),
            Self::Seconds(seconds) => seconds.fmt(f),
            Self::Ttl(ttl) => ttl.fmt(f),
            Self::Word(word) => f.write_str(word),
            Self::Zone(zone) => f.write_str(zone.as_str()),
        }
    }
}

macro_rules! stated {
    ($($type:ty: |$value:ident| $stated:expr;)*) => { $(
        impl<'s> From<&'s $type> for Stated<'s> {
            fn from($value: &'s $type) -> Self {
                $stated
            }
        }
    )* };
}

stated! {
    u32: |count| Self::Count(*count);
    Seconds: |seconds| Self::Seconds(*seconds);
    Ttl: |ttl| Self::Ttl(*ttl);
    ZoneName: |zone| Self::Zone(zone);
    Mode: |mode| Self::Word(mode.as_str());
    Action: |action| Self::Word(action.as_str());
    Guard: |guard| Self::Word(guard.as_str());
}

// === impl Ttl ===

impl Ttl {
    /// What a Job gets on success and on failure.
    pub(in crate::policy) const fn sides(self) -> (Option<Seconds>, Option<Seconds>) {
        match self {
            Self::Fixed(seconds) => (Some(seconds), Some(seconds)),
            Self::Pair { on_success, on_failure } => (on_success, on_failure),
            Self::Unset => (None, None),
        }
    }

    /// What admission writes: the larger side of a pair, and nothing where a side is `unset`,
    /// since nobody knows the outcome yet.
    pub fn before_outcome(self) -> Option<Seconds> {
        let (on_success, on_failure) = self.sides();
        Some(on_success?.max(on_failure?))
    }

    /// What a Job gets that ended in this way.
    pub fn after(self, outcome: Outcome) -> Option<Seconds> {
        let (on_success, on_failure) = self.sides();
        match outcome {
            Outcome::Success => on_success,
            Outcome::Failure => on_failure,
        }
    }
}

impl fmt::Display for Ttl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |seconds: &Option<Seconds>| {
            seconds.map_or_else(|| "unset".to_owned(), |seconds| seconds.to_string())
        };
        match self {
            Self::Fixed(seconds) => seconds.fmt(f),
            Self::Pair { on_success, on_failure } => {
                write!(f, "{} on success, {} on failure", side(on_success), side(on_failure))
            }
            Self::Unset => f.write_str("unset"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;

    use super::{GuardKind, Settings};
    use crate::policy::schema;
    use crate::policy::setting::Setting;
    use crate::policy::{Policy, Source};

    /// What the JSON Schema, which is made of what the decoder reads, has at a path of fields.
    fn can_be_written(within: &str, path: &str) -> bool {
        fn follow<'s>(schema: &'s Json, at: &'s Json) -> &'s Json {
            let target =
                at["$ref"].as_str().and_then(|to| schema.pointer(to.trim_start_matches('#')));
            target.map_or(at, |target| follow(schema, target))
        }

        let schema = schema::json();
        let start = &schema["$defs"][within];
        let found = path
            .split('.')
            .try_fold(start, |at, field| follow(&schema, at).get("properties")?.get(field));
        found.is_some()
    }

    #[test]
    fn every_setting_can_be_written_where_it_belongs() {
        assert!(!can_be_written("Rule", "deadlines.none"), "the test sees what is not there");
        for name in Settings::NAMES {
            assert!(can_be_written("Rule", name), "a rule reads no {name}: file/document.rs");
        }
        for setting in Setting::ALL {
            let name = setting.as_str();
            assert!(can_be_written("Defaults", name), "defaults read no {name}: file/document.rs");
        }
    }

    #[test]
    fn every_setting_that_a_rule_writes_is_compiled() {
        let path = "tests/fixtures/revision/everything.yaml";
        let text = include_str!("../../../tests/fixtures/revision/everything.yaml");
        let source = Source { name: path.to_owned(), text: text.to_owned() };
        let loaded = Policy::load(&[source]).expect("it is right");
        let stated: Vec<&str> =
            loaded.policy.rules[0].settings.stated().map(|(name, _)| name).collect();
        assert_eq!(stated, Settings::NAMES, "left out by {path} or by file/compile.rs");
    }

    #[test]
    fn every_setting_of_an_object_and_every_guard_is_in_the_list() {
        let guards = GuardKind::ALL.map(|kind| kind.setting().to_owned());
        let settings = Setting::ALL.map(|setting| setting.as_str().to_owned());
        for name in guards.iter().chain(&settings) {
            assert!(Settings::NAMES.contains(&&**name), "{name} is not in the list of settings");
        }
        let others = ["limits.", "mode", "stored"];
        for name in Settings::NAMES {
            let known = guards.iter().chain(&settings).any(|known| known == name);
            let other = others.iter().any(|other| name.starts_with(other));
            assert!(known || other, "{name} is in neither Setting::ALL nor GuardKind::ALL");
        }
    }
}
