//! Who supplies a setting, and what.

use crate::export::{cel, sheet::Sheet, tables::Table};
use crate::policy::record::DEFAULTS;
use crate::policy::settings::Stated;
use crate::policy::{Policy, Rule, Setting, Settings, Ttl, Value};

/// What a policy says of a setting.
#[derive(Clone, Debug)]
enum Mention {
    /// As an expression.
    Value(String),
    /// It depends on an outcome that nobody knows yet.
    Open,
    Unset,
}

/// What the variables of a setting are called.
pub(super) const fn name(setting: Setting) -> &'static str {
    match setting {
        Setting::Ttl => "ttl",
        Setting::HistorySuccessful => "history_successful",
        Setting::HistoryFailed => "history_failed",
        Setting::DeadlineActive => "deadline_active",
        Setting::DeadlineStarting => "deadline_starting",
        Setting::TimeZone => "time_zone",
    }
}

fn mention(settings: &Settings, setting: Setting) -> Option<Mention> {
    let stated = settings.get(setting.as_str())?;
    Some(match (stated, stated.to_value()) {
        (Stated::Ttl(Ttl::Unset), _) => Mention::Unset,
        (_, Value::Absent) => Mention::Open,
        (_, Value::Number(number)) => Mention::Value(number.to_string()),
        (_, Value::Text(text)) => Mention::Value(cel::text(&text)),
    })
}

/// Defines who supplies a setting, and what: `NAME_rule`, empty where nobody does,
/// `NAME_supplied`, and `NAME_enforced`. Says whether anybody may.
pub(super) fn supply(policy: &Policy, sheet: &mut Sheet, setting: Setting) -> bool {
    let name = name(setting);
    let mention = |settings: &Settings| mention(settings, setting);
    let suppliers = policy.rules.iter().map(|rule| (rule.name.as_str(), &rule.settings));
    let suppliers = suppliers.chain([(DEFAULTS, &policy.defaults)]);
    let mentions: Vec<_> =
        suppliers.filter_map(|(supplier, settings)| Some((supplier, mention(settings)?))).collect();
    let by = |supplier: &str, mention: Mention| match mention {
        Mention::Unset => cel::text(""),
        Mention::Open | Mention::Value(_) => cel::text(supplier),
    };
    let otherwise = mention(&policy.defaults).map_or_else(|| cel::text(""), |m| by(DEFAULTS, m));
    let say = |rule: &Rule| mention(&rule.settings).map(|m| by(&rule.name, m));
    let rule = format!("{name}_rule");
    Table::new(policy, say, otherwise).define(&rule, sheet);
    let values: Vec<_> = mentions
        .iter()
        .filter_map(|(supplier, mention)| match mention {
            Mention::Value(value) => Some(format!("{}: dyn({value})", cel::text(supplier))),
            Mention::Open | Mention::Unset => None,
        })
        .collect();
    let value = if values.is_empty() {
        NOTHING.to_owned()
    } else {
        format!("{{{}}}[?variables.{rule}].orValue({NOTHING})", values.join(", "))
    };
    sheet.define(format!("{name}_supplied"), value);
    let enforcing: Vec<_> = policy
        .rules
        .iter()
        .filter(|rule| rule.enforce && mention(&rule.settings).is_some())
        .map(|rule| rule.name.as_str())
        .collect();
    let enforced = if enforcing.is_empty() {
        "false".to_owned()
    } else {
        cel::is_one_of(&format!("variables.{rule}"), &enforcing)
    };
    sheet.define(format!("{name}_enforced"), enforced);
    !mentions.is_empty()
}

/// A value that may be null must not have a type of its own.
const NOTHING: &str = "dyn(null)";
