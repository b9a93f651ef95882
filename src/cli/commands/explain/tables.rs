//! An explanation for people.

use std::fmt::Write as _;

use super::deadlines::Deadline;
use super::explanation::{Decided, Explanation, Step, Sweeps, Traced};
use crate::cli::shared::Table;
use crate::cli::shared::output::counted;
use crate::policy::decide::GuardHit;
use crate::policy::record::AUTHOR;
use crate::policy::value::Seconds;
use crate::policy::{Setting, Value};

/// A heading, and tables below it; the rules that miss are only counted unless it is `wide`.
pub(super) fn render(explanation: &Explanation, wide: bool) -> String {
    let Explanation { object, namespace, operation, now, policy, revision, mode, verdict, .. } =
        explanation;
    let Explanation { rules, supplied, deadlines, warnings, lint, .. } = explanation;
    let mut text = format!("{object} in namespace {namespace}, {operation}, as of {now}\n");
    let _ = writeln!(text, "policy {policy}, revision {revision}, mode {mode}: {verdict}");
    for line in explanation.why.iter().chain(&explanation.note).chain(&explanation.withheld) {
        let _ = writeln!(text, "{line}");
    }
    let hits = explanation.guards.iter().map(|GuardHit { guard, setting, evidence }| {
        [guard.as_str().into(), setting.as_str().into(), evidence.clone()]
    });
    Table::with_rows(["GUARD", "SETTING", "EVIDENCE"], hits).below(&mut text);
    let shown = rules.iter().filter(|traced| wide || traced.result != "miss");
    let shown: Vec<[String; 4]> = shown.map(traced).collect();
    let missed = rules.len() - shown.len();
    Table::with_rows(["RULE", "AT", "RESULT", "SUPPLIES"], shown).below(&mut text);
    if missed > 0 {
        let _ = writeln!(text, "\n{} missed; -o wide says why", counted(missed, "rule"));
    }
    let is_absent =
        |one: &Decided| [&one.author, &one.present, &one.target].iter().all(|v| v.is_absent());
    let settings = explanation.settings.iter().filter(|decided| wide || !is_absent(decided));
    Table::with_rows(["SETTING", "AUTHOR", "PRESENT", "BECOMES", "BY"], settings.map(decided))
        .below(&mut text);
    let given = supplied.iter().filter(|_| wide).map(|given| {
        let at = given.origin.as_ref().map(|origin| format!(" ({origin})")).unwrap_or_default();
        [given.setting.to_owned(), given.value.clone(), given.by.clone() + &at]
    });
    Table::with_rows(["SUPPLIED", "VALUE", "BY"], given).below(&mut text);
    if let Some(Sweeps { stored, does, held: _ }) = &explanation.sweeper {
        let steps = does.iter().map(|Step { action, why, at }| {
            [(*action).to_owned(), at.map(|at| at.to_string()).unwrap_or_default(), why.clone()]
        });
        let table = Table::with_rows(["SWEEPER", "AT", "WHY"], steps);
        let _ = write!(text, "\n{table}by stored.action {stored}\n");
    }
    let deadlines = deadlines.iter().map(|Deadline { what, at, ends, text }| {
        let first = *ends && at.is_some() && *at == explanation.earliest;
        let mark = if first { " (earliest)" } else { "" };
        let at = at.map(|at| at.to_string()).unwrap_or_default();
        [(*what).to_owned(), at + mark, text.clone()]
    });
    Table::with_rows(["DEADLINE", "AT", "WHAT"], deadlines).below(&mut text);
    if !warnings.is_empty() || !lint.is_empty() {
        text.push('\n');
    }
    for warning in warnings {
        let _ = writeln!(text, "Warning: {warning}");
    }
    for odd in lint {
        let _ = writeln!(text, "warning[{}]: {}; {}", odd.code, odd.message, odd.mend);
    }
    text + if explanation.changes { "\nthe object changes\n" } else { "\nno change\n" }
}

/// A line for a rule.
fn traced(traced: &Traced) -> [String; 4] {
    let result = match &traced.missed {
        Some(field) => format!("{}: {field}", traced.result),
        None => traced.result.to_owned(),
    };
    [traced.rule.clone(), traced.origin.clone(), result, traced.supplies.join(", ")]
}

/// A line for a setting.
fn decided(decided: &Decided) -> [String; 5] {
    let by = match (&decided.origin, decided.target.is_absent()) {
        (Some(origin), _) => format!("{} ({origin})", decided.by),
        // Nobody says anything, and that is no one's doing.
        (None, true) if decided.by == AUTHOR => String::new(),
        (None, _) => decided.by.clone(),
    };
    let shown = |value: &Value| self::shown(decided.setting, value);
    let (author, present) = (shown(&decided.author), shown(&decided.present));
    [decided.setting.to_owned(), author, present, shown(&decided.target), by]
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
