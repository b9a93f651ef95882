//! The values that can stand in a policy file, each with how it is read and what the JSON Schema
//! says of it. The structs around them are in [`super::document`];
//! selectors and TTLs have files of their own.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::decode::{self, FromNode, Path, read_by};
use super::fields::schemas;
use super::finding::Findings;
use super::node::{Node, Value};
use super::{API_VERSION, KIND, words};
use crate::batch::Kind;
use crate::batch::name::is_subdomain;
use crate::batch::zone::{self, ZoneError};
use crate::policy::code;
use crate::policy::model::glob::Glob;
use crate::policy::model::marks::{LONGEST_MANAGER, SUFFIXES};
use crate::policy::model::record::RESERVED;
use crate::policy::model::rule::{self, GroupKind, Propagation, SchedulerMode};
use crate::policy::model::selector::Operator;
use crate::policy::model::settings::{Action, Guard, Mode};
use crate::policy::model::value::{DurationError, Seconds, ZoneName};

/// The version of the format.
#[derive(Clone, Copy, Debug)]
pub(in crate::policy) struct ApiVersion;

/// That a file is a policy.
#[derive(Clone, Copy, Debug)]
pub(in crate::policy) struct DocumentKind;

/// A name that is shown to people.
#[derive(Clone, Debug)]
pub(in crate::policy) struct Name(pub(in crate::policy) String);

/// A field manager that marks what a tool holds.
#[derive(Clone, Debug)]
pub(in crate::policy) struct Manager(pub(in crate::policy) String);

/// The name of a rule.
#[derive(Clone, Debug)]
pub(in crate::policy) struct RuleName(pub(in crate::policy) String);

/// A text for warnings.
#[derive(Clone, Debug)]
pub(in crate::policy) struct Reason(pub(in crate::policy) String);

/// A history limit, as wide as the API has it.
#[derive(Clone, Copy, Debug)]
pub(in crate::policy) struct Count(pub(in crate::policy) u32);

/// Writes a second.
#[derive(Clone, Copy, Debug)]
pub(in crate::policy) struct Rate(pub(in crate::policy) u32);

/// How many of something.
#[derive(Clone, Copy, Debug)]
pub(in crate::policy) struct Amount(pub(in crate::policy) u32);

/// A duration that cannot be nothing.
#[derive(Clone, Copy, Debug)]
pub(in crate::policy) struct Wait(pub(in crate::policy) Seconds);

/// `true` or `false`.
#[derive(Clone, Copy, Debug)]
pub(in crate::policy) struct Switch(pub(in crate::policy) bool);

// === impl ApiVersion ===

impl FromNode for ApiVersion {
    fn from_node(node: &Node, path: Path<'_>, findings: &mut Findings<'_>) -> Option<Self> {
        let text = decode::text(node, path, "a string", findings)?;
        if text == API_VERSION {
            return Some(Self);
        }
        let message = format!("this build reads no policy of version {text:?}");
        findings.error(code::VERSION, node.span, message).refuse(format!("it reads {API_VERSION}"))
    }
}

// === impl DocumentKind ===

impl FromNode for DocumentKind {
    fn from_node(node: &Node, path: Path<'_>, findings: &mut Findings<'_>) -> Option<Self> {
        let text = decode::text(node, path, "a string", findings)?;
        if text == KIND {
            return Some(Self);
        }
        let message = format!("this is a {text}, and a policy is a {KIND}");
        findings.error(code::VERSION, node.span, message).refuse(match text {
            "ConfigMap" => "give what the ConfigMap holds, each key as a file".to_owned(),
            "JobPolicyTest" => "tests belong into files whose names end in -test.yaml".to_owned(),
            _ => format!("write {KIND}, or take the file out of the policy"),
        })
    }
}

// === impl Name ===

impl FromNode for Name {
    fn from_node(node: &Node, path: Path<'_>, findings: &mut Findings<'_>) -> Option<Self> {
        let text = decode::text(node, path, "a string", findings)?;
        let printable = !text.is_empty() && text.len() <= 253 && !text.contains(char::is_control);
        if !printable || text.trim() != text {
            let message = format!("{path} must be 1 to 253 characters that can be printed");
            return findings
                .error(code::NAME, node.span, message)
                .refuse("write a short text in one line");
        }
        Some(Self(text.to_owned()))
    }
}

// === impl Manager ===

impl FromNode for Manager {
    fn from_node(node: &Node, path: Path<'_>, findings: &mut Findings<'_>) -> Option<Self> {
        let text = decode::text(node, path, "a field manager", findings)?;
        let stem = text.split(['*', '?']).next().unwrap_or_default().trim_end_matches(SUFFIXES);
        let fault = if text.contains(['*', '?']) {
            "it is no glob"
        } else if stem != text {
            "no manager has another suffix behind that"
        } else if text.is_empty() || text.trim() != text || text.contains(char::is_control) {
            "it must be characters that can be printed, without blanks at its ends"
        } else if text.len() > LONGEST_MANAGER {
            "the API server takes no more than 128 bytes"
        } else {
            return Some(Self(text.to_owned()));
        };
        // `kube*` may mean more than what has a separator behind `kube`.
        let whole = text.split(['*', '?']).next().is_some_and(|start| start == stem);
        let mend = if stem.is_empty() || whole {
            "write each as it stands in metadata.managedFields[].manager".to_owned()
        } else {
            format!("write {stem}, which counts with any suffix after `-` or `/` too")
        };
        let message = format!("{text:?} is no mark of a field manager: {fault}");
        findings.error(code::MANAGER, node.span, message).refuse(mend)
    }
}

// === impl RuleName ===

impl FromNode for RuleName {
    fn from_node(node: &Node, path: Path<'_>, findings: &mut Findings<'_>) -> Option<Self> {
        let text = decode::text(node, path, "a string", findings)?;
        if !is_subdomain(text) || text.contains('.') || text.len() > 63 {
            let message = format!("{text:?} is no name of a rule");
            return findings.error(code::NAME, node.span, message).refuse(
                "use lower case letters, digits and `-`, 63 at most, a letter or digit at each end",
            );
        }
        if RESERVED.contains(&text) {
            let message = format!("a rule cannot be called {text:?}: records use that word");
            return findings
                .error(code::RESERVED_NAME, node.span, message)
                .refuse(format!("name it after what it is for, such as \"{text}-rule\""));
        }
        Some(Self(text.to_owned()))
    }
}

// === impl Reason ===

impl FromNode for Reason {
    fn from_node(node: &Node, path: Path<'_>, findings: &mut Findings<'_>) -> Option<Self> {
        let text = decode::text(node, path, "a string", findings)?;
        if text.is_empty() || text.len() > 80 || !text.chars().all(|c| matches!(c, ' '..='~')) {
            let message = format!("{path} must be 1 to 80 printable characters of ASCII");
            return findings
                .error(code::REASON, node.span, message)
                .refuse("give a short link or a ticket: it is appended to warnings of kubectl");
        }
        Some(Self(text.to_owned()))
    }
}

// === impl Count, Rate, Amount, Switch ===

read_by! {
    Count: decode::number[0..=i32::MAX.unsigned_abs()];
    Rate: decode::number[1..=10_000];
    Amount: decode::number[0..=i32::MAX.unsigned_abs()];
}

impl FromNode for Switch {
    fn from_node(node: &Node, path: Path<'_>, findings: &mut Findings<'_>) -> Option<Self> {
        if let Value::Bool(value) = node.value {
            return Some(Self(value));
        }
        let text = match &node.value {
            Value::Str(text) => text.to_lowercase(),
            _ => String::new(),
        };
        decode::wrong_type(node, path, "true or false", findings).refuse(match text.as_str() {
            "yes" | "on" | "true" => "write true",
            "no" | "off" | "false" => "write false",
            _ => "write true or false",
        })
    }
}

// === impl Seconds ===

impl FromNode for Seconds {
    fn from_node(node: &Node, path: Path<'_>, findings: &mut Findings<'_>) -> Option<Self> {
        let read = match &node.value {
            Value::Int(number) => Self::from_number(*number),
            Value::Str(text) => text.parse(),
            Value::Float(_) => findings.text(node.span).parse(),
            _ => {
                return decode::wrong_type(node, path, "a duration", findings)
                    .refuse("write seconds as a number, or 90s, 15m, 1h30m, 7d, 2w");
            }
        };
        let report = |error: DurationError| {
            let text = findings.text(node.span);
            let message = format!("{path}: {text} is no duration: {error}");
            findings.error(code::DURATION, node.span, message).mend(error.mend());
        };
        read.map_err(report).ok()
    }
}

impl FromNode for Wait {
    fn from_node(node: &Node, path: Path<'_>, findings: &mut Findings<'_>) -> Option<Self> {
        let seconds = Seconds::from_node(node, path, findings)?;
        if seconds == Seconds::ZERO {
            let message = format!("{path} must be 1s at least");
            return findings
                .error(code::DURATION, node.span, message)
                .refuse("leave it out where there is to be no deadline");
        }
        Some(Self(seconds))
    }
}

// === impl GroupKind, Glob, ZoneName ===

impl FromNode for GroupKind {
    fn from_node(node: &Node, path: Path<'_>, findings: &mut Findings<'_>) -> Option<Self> {
        let text = decode::text(node, path, "an owner, written group/Kind", findings)?;
        let kind_like = |kind: &str| {
            kind.starts_with(|c: char| c.is_ascii_uppercase())
                && kind.chars().all(|c| c.is_ascii_alphanumeric())
        };
        if let Some((group, kind)) = text.split_once('/')
            && is_subdomain(group)
            && kind_like(kind)
        {
            let group = if group == rule::CORE { "" } else { group };
            return Some(Self { group: group.to_owned(), kind: kind.to_owned() });
        }
        let message = format!("{text:?} is no owner");
        findings.error(code::OWNER, node.span, message).refuse(
            "write group/Kind without a version, such as argoproj.io/Workflow, or \
                 core/ConfigMap for the group without a name",
        )
    }
}

impl FromNode for Glob {
    fn from_node(node: &Node, path: Path<'_>, findings: &mut Findings<'_>) -> Option<Self> {
        let text = decode::text(node, path, "a string", findings)?;
        let report = |error| {
            let message = format!("{path}: {text:?} is no glob: {error}");
            findings
                .error(code::GLOB, node.span, message)
                .mend("give alternatives as a list, and match the rest with `*` or `?`");
        };
        Self::new(text).map_err(report).ok()
    }
}

impl FromNode for ZoneName {
    fn from_node(node: &Node, path: Path<'_>, findings: &mut Findings<'_>) -> Option<Self> {
        let text = decode::text(node, path, "an IANA time zone", findings)?;
        let error = match Self::new(text) {
            Ok(zone) => return Some(zone),
            Err(error) => error,
        };
        if let Some(twin) = zone::twin(text).filter(|twin| Self::new(twin).is_ok()) {
            let message = format!("not every API server has the time zone {text:?}");
            return findings.error(code::ZONE, node.span, message).refuse(format!("write {twin}"));
        }
        // There are hundreds of zones to compare with, so only for findings that are shown.
        let nearest = findings.may_suggest().then(|| nearest_zone(text)).flatten();
        let message = format!("there is no time zone {text:?}");
        let finding = findings.error(code::ZONE, node.span, message);
        finding.refuse(match (error, nearest) {
            (ZoneError::WrongCase { right, .. }, _) => format!("letter case counts; write {right}"),
            (ZoneError::Unknown { .. }, Some(zone)) => format!("did you mean {zone}?"),
            _ => "write a name of the IANA database, such as Europe/Berlin or UTC".to_owned(),
        })
    }
}

/// The zone whose name is most like the given one.
fn nearest_zone(name: &str) -> Option<String> {
    let names: Vec<String> =
        jiff::tz::db().available().map(|zone| zone.as_str().to_owned()).collect();
    // Files that lie beside the zones, such as `localtime`, are none.
    let is_zone = |name: &&str| name.starts_with(|c: char| c.is_ascii_uppercase());
    let names: Vec<&str> = names.iter().map(String::as_str).filter(is_zone).collect();
    words::nearest(name, &names).map(str::to_owned)
}

/// Types that are one of a few words.
macro_rules! words {
    ($($type:ty = $name:literal $all:expr;)*) => { $(
        impl FromNode for $type {
            fn from_node(node: &Node, path: Path<'_>, findings: &mut Findings<'_>) -> Option<Self> {
                decode::word($all, Self::as_str, node, path, findings)
            }
        }

        schemas! {
            $type = $name {"enum": $all.iter().map(|word| word.as_str()).collect::<Vec<_>>()}
        }
    )* };
}

words! {
    Mode = "Mode" Mode::ALL;
    Guard = "Guard" Guard::ALL;
    Kind = "Kind" &[Kind::Job, Kind::CronJob];
    Action = "Action" Action::ALL;
    Propagation = "Propagation" Propagation::ALL;
    SchedulerMode = "SchedulerMode" SchedulerMode::ALL;
    Operator = "Operator" Operator::ALL;
}
