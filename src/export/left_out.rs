//! What a policy says and an export does not do.

use crate::policy::{Mode, Policy, Rule, Settings};

/// What no export does, whatever the policy says.
pub const ALWAYS: [&str; 5] = [
    "only what is created is looked at: a value that an update changes or removes stays so",
    "a Job of a CronJob keeps what the template gave it: rules cannot see its CronJob",
    "a record (curfew.dev/applied) that a new object brings is not read: its values count as the author's",
    "nobody is warned or told: no warnings, audit annotations, metrics or logs",
    "`stored` and `scheduler` are no part of admission: they need curfew itself",
];

/// What this policy says and its export does not do, a sentence each.
pub(super) fn of(policy: &Policy) -> Vec<String> {
    let mut sentences = Vec::new();
    let mut of_rules = |sentence: &str, says: fn(&Rule) -> bool| {
        let names: Vec<_> =
            policy.rules.iter().filter(|rule| says(rule)).map(|rule| &*rule.name).collect();
        if !names.is_empty() {
            let s = if names.len() == 1 { "" } else { "s" };
            sentences.push(format!("rule{s} {}: {sentence}", names.join(", ")));
        }
    };
    of_rules("`enforce` holds at creation only; an update can set another value", |rule| {
        rule.enforce
    });
    of_rules("`reason` goes into warnings, and there are none", |rule| rule.reason.is_some());
    of_rules("`mode: DryRun` writes nothing, and nobody counts what would be written", |rule| {
        rule.settings.mode == Some(Mode::DryRun)
    });
    of_rules("`limits` hold at creation only; an update can set a value beyond them", |rule| {
        has_limits(&rule.settings)
    });
    if has_limits(&policy.top) {
        sentences.push(
            "spec.limits: hold at creation only; an update can set a value beyond them".to_owned(),
        );
    }
    if policy.mode == Mode::DryRun {
        sentences.push(
            "spec.mode: `DryRun` writes nothing, and nobody counts what would be written"
                .to_owned(),
        );
    }
    sentences
}

fn has_limits(settings: &Settings) -> bool {
    // A hold is none of admission's business.
    settings.stated().any(|(name, _)| name.starts_with("limits.") && name != "limits.hold")
}
