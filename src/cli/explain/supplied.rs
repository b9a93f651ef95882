//! What rules and defaults supply, setting by setting, in words.

use serde::Serialize;

use crate::policy::resolve::{Resolved, Supplied, Supplier};
use crate::policy::rule::{Action, Guard, GuardKind, Mode, Ttl};

/// A setting that somebody supplies.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Given {
    pub(super) setting: &'static str,
    pub(super) value: String,
    /// The rule's name, or `defaults`.
    pub(super) by: String,
    /// Where the rule stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) origin: Option<String>,
}

/// Everything that is supplied, in the order of the policy's schema.
pub(super) fn all(resolved: &Resolved<'_>) -> Vec<Given> {
    let Resolved {
        ttl: supplied_ttl,
        history_successful,
        history_failed,
        ttl_min,
        ttl_max,
        history_max,
        hold,
        deadline_active,
        deadline_starting,
        time_zone,
        mode: supplied_mode,
        stored,
        guards,
    } = resolved;
    let mut given = Vec::new();
    let mut add = |setting, supplied: Option<(String, Supplier<'_>)>| {
        let Some((value, by)) = supplied else { return };
        let rule = by.rule();
        given.push(Given {
            setting,
            value,
            by: rule.map_or("defaults", |rule| &rule.name).to_owned(),
            origin: rule.map(|rule| rule.origin.to_string()),
        });
    };
    add("ttl", said(*supplied_ttl, ttl));
    add("history.successful", said(*history_successful, |n| n.to_string()));
    add("history.failed", said(*history_failed, |n| n.to_string()));
    add("limits.ttl.min", said(*ttl_min, |seconds| seconds.to_string()));
    add("limits.ttl.max", said(*ttl_max, |seconds| seconds.to_string()));
    add("limits.history.max", said(*history_max, |n| n.to_string()));
    add("limits.hold", said(*hold, |seconds| seconds.to_string()));
    add("deadlines.active", said(*deadline_active, |seconds| seconds.to_string()));
    add("deadlines.starting", said(*deadline_starting, |seconds| seconds.to_string()));
    add("timeZone", said(*time_zone, |zone| zone.as_str().to_owned()));
    add("mode", said(*supplied_mode, |m| mode(m).to_owned()));
    add("stored", said(*stored, |a| action(a).to_owned()));
    for kind in GuardKind::ALL {
        let name = match kind {
            GuardKind::OwnedByOther => "guards.ownedByOther",
            GuardKind::DeployHooks => "guards.deployHooks",
            GuardKind::GitOpsTracked => "guards.gitOpsTracked",
        };
        add(name, said(guards[kind as usize], |g| guard(g).to_owned()));
    }
    given
}

/// The settings that a rule was the first to mention.
pub(super) fn by_rule(resolved: &Resolved<'_>, rule: &str) -> Vec<&'static str> {
    let of_rule = |given: &Given| given.origin.is_some() && given.by == rule;
    all(resolved).into_iter().filter(of_rule).map(|given| given.setting).collect()
}

/// A TTL as a policy file writes it.
pub(super) fn ttl(ttl: Ttl) -> String {
    let side = |seconds: Option<crate::policy::value::Seconds>| {
        seconds.map_or_else(|| "unset".to_owned(), |seconds| seconds.to_string())
    };
    match ttl {
        Ttl::Fixed(seconds) => seconds.to_string(),
        Ttl::Pair { on_success, on_failure } => {
            format!("{} on success, {} on failure", side(on_success), side(on_failure))
        }
        Ttl::Unset => "unset".to_owned(),
    }
}

/// A mode as a policy file writes it.
pub(super) const fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::DryRun => "DryRun",
        Mode::Enforce => "Enforce",
        Mode::Off => "Off",
    }
}

/// A guard's setting as a policy file writes it.
pub(super) const fn guard(guard: Guard) -> &'static str {
    match guard {
        Guard::Apply => "Apply",
        Guard::Floor => "Floor",
        Guard::Skip => "Skip",
    }
}

/// What the sweeper does, as a policy file writes it.
pub(super) const fn action(action: Action) -> &'static str {
    match action {
        Action::Delete => "Delete",
        Action::Marked => "Marked",
        Action::Patch => "Patch",
        Action::Report => "Report",
    }
}

fn said<T>(
    supplied: Option<Supplied<'_, T>>,
    words: impl Fn(T) -> String,
) -> Option<(String, Supplier<'_>)> {
    supplied.map(|Supplied { value, by }| (words(value), by))
}
