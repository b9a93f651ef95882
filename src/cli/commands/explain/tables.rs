//! An explanation for people.

use std::fmt::Write as _;

use super::explanation::Explanation;
use super::sweeps::{Step, Sweeps};
use crate::cli::shared::Table;
use crate::policy::decide::GuardHit;
use crate::policy::record::AUTHOR;
use crate::policy::setting::{Setting, Value};
use crate::policy::value::Seconds;

/// A heading, and tables below it; the rules that miss are only counted unless it is `wide`.
pub(super) fn render(explanation: &Explanation, wide: bool) -> String {
    let Explanation {
        object,
        namespace,
        operation,
        now,
        policy,
        revision,
        mode,
        verdict,
        why,
        guards,
        withheld,
        rules,
        settings,
        supplied,
        sweeper,
        deadlines,
        earliest,
        warnings,
        lint,
        changes,
        note,
    } = explanation;
    let mut text = format!("{object} in namespace {namespace}, {operation}, as of {now}\n");
    let _ = writeln!(text, "policy {policy}, revision {revision}, mode {mode}: {verdict}");
    for line in why.iter().chain(note).chain(withheld) {
        let _ = writeln!(text, "{line}");
    }
    if !guards.is_empty() {
        let mut table = Table::new(["GUARD", "SETTING", "EVIDENCE"]);
        for GuardHit { guard, setting, evidence } in guards {
            table.row([guard.as_str().into(), setting.as_str().into(), evidence.clone()]);
        }
        let _ = write!(text, "\n{table}");
    }
    let mut table = Table::new(["RULE", "AT", "RESULT", "SUPPLIES"]);
    let mut missed = 0;
    for traced in rules {
        if traced.result == "miss" && !wide {
            missed += 1;
            continue;
        }
        let result = match &traced.missed {
            Some(field) => format!("{}: {field}", traced.result),
            None => traced.result.to_owned(),
        };
        let supplies = traced.supplies.join(", ");
        table.row([traced.rule.clone(), traced.origin.clone(), result, supplies]);
    }
    if !table.is_empty() {
        let _ = write!(text, "\n{table}");
    }
    if missed > 0 {
        let s = if missed == 1 { "" } else { "s" };
        let _ = writeln!(text, "\n{missed} rule{s} missed; -o wide says why");
    }
    if !settings.is_empty() {
        let mut table = Table::new(["SETTING", "AUTHOR", "PRESENT", "BECOMES", "BY"]);
        for decided in settings {
            let values = [&decided.author, &decided.present, &decided.target];
            if !wide && values.iter().all(|value| value.is_absent()) {
                continue;
            }
            let by = match (&decided.origin, decided.target.is_absent()) {
                (Some(origin), _) => format!("{} ({origin})", decided.by),
                // Nobody says anything, and that is no one's doing.
                (None, true) if decided.by == AUTHOR => String::new(),
                (None, _) => decided.by.clone(),
            };
            let shown = |value: &Value| self::shown(decided.setting, value);
            let (author, present) = (shown(&decided.author), shown(&decided.present));
            table.row([decided.setting.to_owned(), author, present, shown(&decided.target), by]);
        }
        if !table.is_empty() {
            let _ = write!(text, "\n{table}");
        }
    }
    if wide && !supplied.is_empty() {
        let mut table = Table::new(["SUPPLIED", "VALUE", "BY"]);
        for given in supplied {
            let at = given.origin.as_ref().map(|origin| format!(" ({origin})"));
            let by = given.by.clone() + &at.unwrap_or_default();
            table.row([given.setting.to_owned(), given.value.clone(), by]);
        }
        let _ = write!(text, "\n{table}");
    }
    if let Some(Sweeps { stored, does, held: _ }) = sweeper {
        let mut table = Table::new(["SWEEPER", "AT", "WHY"]);
        for Step { action, why, at } in does {
            let at = at.map(|at| at.to_string()).unwrap_or_default();
            table.row([(*action).to_owned(), at, why.clone()]);
        }
        let _ = write!(text, "\n{table}by stored.action {stored}\n");
    }
    let mut table = Table::new(["DEADLINE", "AT", "WHAT"]);
    for deadline in deadlines {
        let first = deadline.ends && deadline.at.is_some() && deadline.at == *earliest;
        let at = deadline.at.map_or_else(String::new, |at| at.to_string());
        let mark = if first { " (earliest)" } else { "" };
        table.row([deadline.what.to_owned(), at + mark, deadline.text.clone()]);
    }
    let _ = write!(text, "\n{table}");
    if !warnings.is_empty() || !lint.is_empty() {
        text.push('\n');
    }
    for warning in warnings {
        let _ = writeln!(text, "Warning: {warning}");
    }
    for odd in lint {
        let _ = writeln!(text, "warning[{}]: {}; {}", odd.code, odd.message, odd.mend);
    }
    let _ = writeln!(text, "\n{}", if *changes { "the object changes" } else { "no change" });
    text
}

/// Seconds with their meaning beside them.
fn shown(setting: &str, value: &Value) -> String {
    let is_duration = Setting::parse(setting).is_some_and(Setting::is_duration);
    match value.number().filter(|_| is_duration).and_then(Seconds::new) {
        Some(seconds) => format!("{} ({seconds})", seconds.get()),
        None if value.is_absent() => String::new(),
        None => value.to_string(),
    }
}
