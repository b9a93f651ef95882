//! A TTL as a file writes it: one duration, or one for each outcome.

use super::decode::{self, FromNode, Path};
use super::fields::fields;
use super::finding::{At, Findings};
use super::node::{Node, Value};
use crate::policy::code;
use crate::policy::model::settings;
use crate::policy::model::value::Seconds;

/// One side of a TTL by outcome; `None` for `unset`.
#[derive(Clone, Copy, Debug)]
pub(in crate::policy) struct Side(pub(in crate::policy) Option<Seconds>);

/// A TTL as it is written.
#[derive(Clone, Debug)]
pub(in crate::policy) enum Ttl {
    Pair(Pair),
    Whole(Side),
}

fields! {
    /// TTL by outcome. Admission writes the longer one, the sweeper sets the right one.
    struct Pair {
        /// For a Job that completed.
        required on_success: Side = "onSuccess",
        /// For a Job that failed.
        required on_failure: Side = "onFailure",
    }
}

// === impl Side ===

impl FromNode for Side {
    fn from_node(node: &Node, path: Path<'_>, findings: &mut Findings<'_>) -> Option<Self> {
        if let Value::Str(text) = &node.value {
            if text == UNSET {
                return Some(Self(None));
            }
            if NEVER.contains(&text.to_lowercase().as_str()) {
                let message = format!("{path}: {text:?} is no duration");
                return findings
                    .error(code::DURATION, node.span, message)
                    .refuse("write unset to leave Jobs without a TTL");
            }
        }
        Seconds::from_node(node, path, findings).map(|seconds| Self(Some(seconds)))
    }
}

// === impl Ttl ===

impl FromNode for Ttl {
    fn from_node(node: &Node, path: Path<'_>, findings: &mut Findings<'_>) -> Option<Self> {
        match &node.value {
            Value::Map(_) => Pair::from_node(node, path, findings).map(Self::Pair),
            Value::Seq(_) | Value::Bool(_) => {
                let expected = "a duration, unset, or {onSuccess, onFailure}";
                decode::wrong_type(node, path, expected, findings)
                    .refuse("write 1h, or {onSuccess: 1h, onFailure: 3d}")
            }
            _ => Side::from_node(node, path, findings).map(Self::Whole),
        }
    }
}

impl Ttl {
    /// The sides of it, with where they stand; one where they are the same.
    pub(in crate::policy) fn sides(this: &At<Self>) -> Vec<At<Side>> {
        match &this.value {
            Self::Whole(whole) => vec![At { key: this.key, span: this.span, value: *whole }],
            Self::Pair(Pair { on_success, on_failure, written: _ }) => {
                on_success.iter().chain(on_failure).copied().collect()
            }
        }
    }

    /// The durations in it, with where they stand.
    pub(in crate::policy) fn durations(this: &At<Self>) -> Vec<At<Seconds>> {
        let duration =
            |At { key, span, value: Side(side) }| side.map(|value| At { key, span, value });
        Self::sides(this).into_iter().filter_map(duration).collect()
    }

    /// The TTL, compiled; `None` where a side was refused.
    pub(in crate::policy) fn compile(&self) -> Option<settings::Ttl> {
        Some(match self {
            Self::Whole(Side(None)) => settings::Ttl::Unset,
            Self::Whole(Side(Some(seconds))) => settings::Ttl::Fixed(*seconds),
            Self::Pair(Pair { on_success, on_failure, written: _ }) => settings::Ttl::Pair {
                on_success: on_success.as_ref()?.value.0,
                on_failure: on_failure.as_ref()?.value.0,
            },
        })
    }
}

/// The word for no TTL on purpose.
pub(in crate::policy) const UNSET: &str = "unset";

/// What people write when they mean it.
const NEVER: [&str; 8] =
    ["unset", "never", "none", "forever", "infinite", "infinity", "off", "disabled"];
