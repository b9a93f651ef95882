//! What rules and defaults supply, setting by setting, in words.

use serde::Serialize;

use crate::policy::Setting;
use crate::policy::record::DEFAULTS;
use crate::policy::resolve::{Resolved, Supplied, Supplier};
use crate::policy::rule::{GuardKind, Ttl};

/// A setting that somebody supplies.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Given {
    pub(super) setting: String,
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
        mode,
        stored,
        guards,
    } = resolved;
    let mut given = Vec::new();
    let mut add = |setting: &str, supplied: Option<(String, Supplier<'_>)>| {
        let Some((value, by)) = supplied else { return };
        let rule = by.rule();
        given.push(Given {
            setting: setting.to_owned(),
            value,
            by: rule.map_or(DEFAULTS, |rule| &rule.name).to_owned(),
            origin: rule.map(|rule| rule.origin.to_string()),
        });
    };
    add(Setting::Ttl.as_str(), said(*supplied_ttl, ttl));
    add(Setting::HistorySuccessful.as_str(), said(*history_successful, |n| n.to_string()));
    add(Setting::HistoryFailed.as_str(), said(*history_failed, |n| n.to_string()));
    add("limits.ttl.min", said(*ttl_min, |seconds| seconds.to_string()));
    add("limits.ttl.max", said(*ttl_max, |seconds| seconds.to_string()));
    add("limits.history.max", said(*history_max, |n| n.to_string()));
    add("limits.hold", said(*hold, |seconds| seconds.to_string()));
    add(Setting::DeadlineActive.as_str(), said(*deadline_active, |seconds| seconds.to_string()));
    add(
        Setting::DeadlineStarting.as_str(),
        said(*deadline_starting, |seconds| seconds.to_string()),
    );
    add(Setting::TimeZone.as_str(), said(*time_zone, |zone| zone.as_str().to_owned()));
    add("mode", said(*mode, |mode| mode.as_str().to_owned()));
    add("stored", said(*stored, |action| action.as_str().to_owned()));
    for kind in GuardKind::ALL {
        let name = format!("guards.{}", kind.as_str());
        add(&name, said(guards[kind as usize], |guard| guard.as_str().to_owned()));
    }
    given
}

/// The settings that a rule was the first to mention.
pub(super) fn by_rule(resolved: &Resolved<'_>, rule: &str) -> Vec<String> {
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

fn said<T>(
    supplied: Option<Supplied<'_, T>>,
    words: impl Fn(T) -> String,
) -> Option<(String, Supplier<'_>)> {
    supplied.map(|Supplied { value, by }| (words(value), by))
}
