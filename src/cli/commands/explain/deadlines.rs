//! Every moment at which something happens to an object by itself, and the earliest of them.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::batch::{Finish, Kind, Object, Outcome, Time};
use crate::cli::shared::output::span;
use crate::policy::decide::{Origin, Settled};
use crate::policy::record::HOLD_UNTIL;
use crate::policy::value::Seconds;
use crate::policy::{Action, Decision, Mode, Operation, Setting, Ttl};

/// Something that will happen.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(super) struct Deadline {
    pub(super) what: &'static str,
    /// `None` where it hangs on something that has not happened yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<Timestamp>,
    /// Whether the object is stopped or removed then; a hold ends without anything happening.
    pub(super) ends: bool,
    pub(super) text: String,
}

/// The deadlines of an object, once the decision is carried out.
pub(super) fn of(
    object: &Object<'_>,
    operation: Operation,
    decision: &Decision<'_>,
) -> Vec<Deadline> {
    if object.kind == Kind::CronJob {
        return cronjob(object, decision);
    }
    let stored = operation != Operation::Create;
    let finish = stored.then(|| Finish::of(object)).flatten();
    let mut deadlines = match finish {
        Some(finish) => finished(object, decision, finish),
        None => vec![unfinished(object, decision)],
    };
    if finish.is_none() {
        let started = object.status.start_time.as_ref().filter(|_| stored).and_then(Time::at);
        deadlines.extend(active(object, decision, started));
    }
    deadlines.extend(hold(object));
    deadlines.extend(object.cronjob_owner().map(|owner| {
        let name = &*owner.name;
        relative(
            "history",
            format!("when CronJob {name} has as many newer Jobs of its outcome as its limits keep"),
        )
    }));
    deadlines
}

/// The earliest moment at which the object is stopped or removed.
pub(super) fn earliest(deadlines: &[Deadline]) -> Option<Timestamp> {
    deadlines.iter().filter(|deadline| deadline.ends).filter_map(|deadline| deadline.at).min()
}

/// When a TTL ends that has not begun.
fn unfinished(object: &Object<'_>, decision: &Decision<'_>) -> Deadline {
    let target = target(object, decision, Setting::Ttl);
    // A pair whose larger side a limit has moved is no longer what the policy says.
    let is_whole = |ttl: Ttl| ttl.before_outcome().map(Seconds::get) == target;
    let by_policy = settled(decision, Setting::Ttl)
        .is_some_and(|settled| matches!(settled.source, Origin::Defaults | Origin::Rule(_)));
    let pair = decision.resolved.ttl.map(|supplied| supplied.value);
    let pair = pair.filter(|ttl| matches!(ttl, Ttl::Pair { .. }) && by_policy && is_whole(*ttl));
    let text = match (pair, target) {
        (Some(pair), _) => format!("{pair}, once it has finished"),
        (None, Some(seconds)) => format!("{} after it finishes", span(seconds)),
        (None, None) => "never: it has no TTL".to_owned(),
    };
    relative("ttl", text)
}

/// When a TTL ends that has begun: as it is, and as the policy would have it.
fn finished(object: &Object<'_>, decision: &Decision<'_>, finish: Finish) -> Vec<Deadline> {
    let present = Setting::Ttl.of(object).number();
    let target = target(object, decision, Setting::Ttl);
    let how = match finish.outcome {
        Outcome::Failure => "it failed",
        Outcome::Success => "it succeeded",
    };
    let expires = |what, ttl: Option<i64>, ends, aside: &str| {
        let Some(ttl) = ttl else { return relative(what, format!("never: it has no TTL{aside}")) };
        let text = match finish.at {
            Some(at) => format!("{} after {how} at {at}{aside}", span(ttl)),
            None => format!("nobody can say: {how}, and its condition has no time"),
        };
        Deadline { what, at: finish.expiry(ttl), ends, text }
    };
    if target == present {
        return vec![expires("ttl", present, true, "")];
    }
    // What the policy wants of a stored object happens only as far as the sweeper may act.
    let action = decision.resolved.stored.map_or_else(Action::default, |stored| stored.value);
    let acts = action > Action::Report;
    let aside = format!(", by the policy; stored.action is {}", action.as_str());
    vec![expires("ttl as it is", present, true, ""), expires("ttl by policy", target, acts, &aside)]
}

fn active(
    object: &Object<'_>,
    decision: &Decision<'_>,
    started: Option<Timestamp>,
) -> Option<Deadline> {
    let seconds = target(object, decision, Setting::DeadlineActive)?;
    let text = match started {
        Some(at) => format!("{} after it started at {at}: it fails", span(seconds)),
        None => format!("{} after it starts: it fails", span(seconds)),
    };
    let at = started.and_then(|at| at.saturating_add(SignedDuration::from_secs(seconds)).ok());
    Some(Deadline { what: "activeDeadline", at, ends: true, text })
}

fn hold(object: &Object<'_>) -> Option<Deadline> {
    let until = object.metadata.annotation(HOLD_UNTIL)?;
    let at = until.parse().ok();
    let text = match at {
        Some(_) => "its hold ends".to_owned(),
        None => format!("its hold, {until:?}, is no RFC 3339 time: limits.hold counts"),
    };
    Some(Deadline { what: "hold", at, ends: false, text })
}

fn cronjob(object: &Object<'_>, decision: &Decision<'_>) -> Vec<Deadline> {
    let target = |setting| target(object, decision, setting);
    let ttl = match target(Setting::Ttl) {
        Some(seconds) => format!("{} after each of its Jobs finishes", span(seconds)),
        None => "never: its Jobs have no TTL".to_owned(),
    };
    let kept = |setting| target(setting).map_or_else(|| "?".to_owned(), |n| n.to_string());
    let history = format!(
        "when more than {} of its Jobs have succeeded, or more than {} failed",
        kept(Setting::HistorySuccessful),
        kept(Setting::HistoryFailed)
    );
    let active = target(Setting::DeadlineActive)
        .map(|seconds| format!("{} after each of its Jobs starts: it fails", span(seconds)));
    let starting = target(Setting::DeadlineStarting)
        .map(|seconds| format!("a start that is more than {} late is skipped", span(seconds)));
    let mut deadlines = vec![relative("ttl", ttl), relative("history", history)];
    deadlines.extend(active.map(|text| relative("activeDeadline", text)));
    deadlines.extend(starting.map(|text| relative("startingDeadline", text)));
    deadlines
}

/// What a number shall be, or is where nothing is carried out.
fn target(object: &Object<'_>, decision: &Decision<'_>, setting: Setting) -> Option<i64> {
    let settled = settled(decision, setting);
    settled.map_or_else(|| setting.of(object).number(), |settled| settled.target.number())
}

/// What a setting shall be, where that is carried out at all.
fn settled<'d>(decision: &'d Decision<'_>, setting: Setting) -> Option<&'d Settled<'d>> {
    decision.setting(setting).filter(|_| decision.mode == Mode::Enforce)
}

pub(super) fn relative(what: &'static str, text: String) -> Deadline {
    Deadline { what, at: None, ends: false, text }
}
