//! The wire model of `kind: JobPolicyTest`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_yaml::Value;

use crate::policy::value::Seconds;
use crate::policy::{Operation, Setting, setting};

/// A file of cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Fixture {
    pub api_version: String,
    pub kind: String,
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    pub spec: Spec,
}

/// What the cases have in common.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Spec {
    /// Files and directories of the policy, relative to the fixture.
    pub policy: Vec<PathBuf>,
    /// The time to judge by; fixed where it is not said, so that a fixture does not grow old.
    #[serde(default = "default_now")]
    pub now: Timestamp,
    /// Files of further objects, relative to the fixture.
    #[serde(default)]
    pub resources: Vec<PathBuf>,
    /// Further objects: what cases refer to, the families of Jobs, Namespaces with their labels.
    #[serde(default)]
    pub objects: Vec<Value>,
    /// The codes of the policy's own lint warnings, if they are to be compared.
    pub lint: Option<Vec<String>>,
    pub cases: Vec<Case>,
}

/// An object, what happens to it, and what must come of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Case {
    pub name: String,
    #[serde(default)]
    pub operation: Operation,
    /// A manifest, or `kind/name` of one of the objects; `apiVersion` and an empty `spec` may be
    /// left out.
    pub object: Value,
    /// The stored object that an update replaces, likewise.
    pub old: Option<Value>,
    /// The namespace of a manifest that names none.
    #[serde(default = "default_namespace")]
    pub namespace: String,
    /// The labels of that namespace.
    pub namespace_labels: Option<BTreeMap<String, String>>,
    pub expect: Expect,
}

/// What must come of it; what is not mentioned is not compared.
#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Expect {
    #[serde(deserialize_with = "mentioned")]
    pub ttl: Wanted<Span>,
    /// The TTL that the sweeper sets when the Job succeeds.
    #[serde(deserialize_with = "mentioned")]
    pub on_success: Wanted<Span>,
    /// The same when it fails.
    #[serde(deserialize_with = "mentioned")]
    pub on_failure: Wanted<Span>,
    pub history: History,
    pub deadlines: Deadlines,
    #[serde(deserialize_with = "mentioned")]
    pub time_zone: Wanted<String>,
    /// By setting: the rule, or the reserved word in its place. A text alone is about `ttl`.
    pub decided_by: DecidedBy,
    /// Each is part of one warning, in their order; an empty list wants none.
    pub warnings: Option<Vec<String>>,
    /// The codes of the lint warnings about this object.
    pub lint: Option<Vec<String>>,
    /// Whether admission sends no patch.
    pub unchanged: Option<bool>,
    /// Whether the policy, or being a system namespace, exempts it.
    pub exempt: Option<bool>,
    /// The guard that hits.
    pub guard: Option<String>,
    /// Whether its TTL, as the policy wants it, is over.
    pub due: Option<bool>,
}

/// `null` wants a field to be absent, which is not the same as not being mentioned.
pub type Wanted<T> = Option<Option<T>>;

/// History limits of a `CronJob`.
#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct History {
    pub successful: Option<i64>,
    pub failed: Option<i64>,
}

/// Deadlines of a Job or a `CronJob`.
#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Deadlines {
    #[serde(deserialize_with = "mentioned")]
    pub active: Wanted<Span>,
    #[serde(deserialize_with = "mentioned")]
    pub starting: Wanted<Span>,
}

/// Who decided, by setting.
#[derive(Debug, Default, PartialEq)]
pub struct DecidedBy(pub BTreeMap<String, String>);

/// A number of seconds, or a duration as a policy writes it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Span(pub i64);

// === impl Expect ===

impl Expect {
    /// What is wanted of each setting that an object may have, in the order in which it is told;
    /// absent where the field is to be absent.
    pub fn settings(&self) -> [(Setting, Option<setting::Value>); Setting::ALL.len()] {
        let Self { ttl, history, deadlines, time_zone, .. } = self;
        let History { successful, failed } = history;
        let Deadlines { active, starting } = deadlines;
        let seconds = |wanted: &Wanted<Span>| wanted.map(|span| span.map(|span| span.0).into());
        let count = |wanted: &Option<i64>| wanted.map(setting::Value::Number);
        let text =
            |wanted: &Option<String>| wanted.clone().map(setting::Value::Text).unwrap_or_default();
        [
            (Setting::Ttl, seconds(ttl)),
            (Setting::DeadlineActive, seconds(active)),
            (Setting::DeadlineStarting, seconds(starting)),
            (Setting::HistorySuccessful, count(successful)),
            (Setting::HistoryFailed, count(failed)),
            (Setting::TimeZone, time_zone.as_ref().map(text)),
        ]
    }
}

// === impl DecidedBy ===

impl<'de> Deserialize<'de> for DecidedBy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = DecidedBy;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a rule, or a map from settings to such names")
            }

            fn visit_str<E>(self, text: &str) -> Result<DecidedBy, E> {
                Ok(DecidedBy(BTreeMap::from([("ttl".to_owned(), text.to_owned())])))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                map: A,
            ) -> Result<DecidedBy, A::Error> {
                let map = serde::de::value::MapAccessDeserializer::new(map);
                BTreeMap::deserialize(map).map(DecidedBy)
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

// === impl Span ===

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of seconds, or a duration such as 1h30m")
            }

            fn visit_i64<E>(self, seconds: i64) -> Result<Span, E> {
                Ok(Span(seconds))
            }

            fn visit_u64<E: serde::de::Error>(self, seconds: u64) -> Result<Span, E> {
                i64::try_from(seconds).map(Span).map_err(E::custom)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Span, E> {
                let seconds = text.parse::<Seconds>().map_err(E::custom)?;
                Ok(Span(seconds.get()))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

/// Tells a `null` from a field that is not there.
fn mentioned<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Wanted<T>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

fn default_namespace() -> String {
    "default".to_owned()
}

/// Any time would do.
fn default_now() -> Timestamp {
    Timestamp::from_second(1_767_225_600).expect("2026-01-01T00:00:00Z is a time")
}
