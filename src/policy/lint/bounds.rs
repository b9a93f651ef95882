//! Limits that stand in different places and meet on one object.

use std::collections::HashSet;

use super::witness::Witness;
use super::{Linted, Written};
use crate::policy::code;
use crate::policy::decide::resolve::Supplier;
use crate::policy::file::document::TtlLimits;
use crate::policy::file::finding::{At, Findings};
use crate::policy::file::ttl;
use crate::policy::model::rule::Match;
use crate::policy::model::value::Seconds;

/// A value of a rule that limits elsewhere change at once.
pub(super) fn clamped(
    linted: &Linted<'_>,
    written: &Written<'_>,
    witness: &Witness,
    findings: &mut Findings<'_>,
) {
    let Some(wire) = &written.wire.value.ttl else { return };
    let bounds = linted.judge(witness, |resolved| {
        let by = resolved.ttl?.by.rule()?;
        let min = resolved.ttl_min.map(|s| (s.value, limits_of(linted, s.by).and_then(|l| l.min)));
        let max = resolved.ttl_max.map(|s| (s.value, limits_of(linted, s.by).and_then(|l| l.max)));
        (by.name == written.rule.name).then_some((min, max))
    });
    let Some((min, max)) = bounds else { return };
    let title = written.title();
    for At { span, value, .. } in ttl::Ttl::durations(wire) {
        let change = match (min, max) {
            (Some((min, limit)), _) if value < min => Some(("raised", "min", min, limit)),
            (_, Some((max, limit))) if value > max => Some(("lowered", "max", max, limit)),
            _ => None,
        };
        if let Some((changed, end, bound, limit)) = change {
            let place = limit.map(|limit| format!(" at {}", findings.place(limit.span)));
            let message = format!(
                "ttl {value} of {title} is {changed} to {bound} by limits.ttl.{end}{}",
                place.unwrap_or_default()
            );
            findings
                .warning(code::CLAMPED, span, message)
                .mend("change the value, or give the rule limits of its own");
        }
    }
}

/// Lower bounds of one rule above upper bounds of another, where both hold for some object.
pub(super) fn crossed_limits(linted: &Linted<'_>, findings: &mut Findings<'_>) {
    let Linted { policy, rules, patience, .. } = linted;
    let nothing = Match::default();
    let top = [(&nothing, &policy.top)];
    let limits = || rules.iter().map(|w| (&w.rule.matcher, &w.rule.settings)).chain(top);
    let lower = limits().filter_map(|(matcher, limits)| Some((matcher, limits.ttl_min?)));
    let upper = limits().filter_map(|(matcher, limits)| Some((matcher, limits.ttl_max?)));
    // The lowest first: of each lower limit those that it crosses are the first ones.
    let mut upper: Vec<(&Match, Seconds)> = upper.collect();
    upper.sort_by_key(|(_, max)| *max);
    let upper = upper.as_slice();
    let crossing = lower.flat_map(|(first, min)| {
        let crossed = upper.partition_point(|(_, max)| *max < min);
        upper[..crossed].iter().map(move |(second, _)| [first, *second])
    });
    let mut reported: HashSet<(usize, usize)> = HashSet::new();
    for pair in crossing {
        if patience.is_out() {
            return;
        }
        let Some(witness) = Witness::of(&pair, patience) else { continue };
        let spans = linted.judge(&witness, |resolved| {
            let (min, max) = (resolved.ttl_min?, resolved.ttl_max?);
            let spans =
                (limits_of(linted, min.by)?.min?.span, limits_of(linted, max.by)?.max?.span);
            (min.value > max.value).then_some((spans, min.value, max.value))
        });
        let Some(((min_span, max_span), min, max)) = spans else { continue };
        if !reported.insert((min_span.start, max_span.start)) {
            continue;
        }
        let place = findings.place(max_span);
        let message = format!(
            "limits.ttl.min {min} crosses limits.ttl.max {max} at {place} where both hold: min wins"
        );
        findings
            .warning(code::CROSSED_LIMITS, min_span, message)
            .mend("give the rule both limits, so that they come from one place");
    }
}

/// Where the limits stand that somebody supplied.
fn limits_of<'p>(linted: &Linted<'p>, by: Supplier<'_>) -> Option<&'p TtlLimits> {
    let limits = match by.rule() {
        Some(by) => linted.written(by)?.wire.value.limits.as_ref(),
        None => linted.spec.limits.as_ref(),
    };
    Some(&limits?.value.ttl.as_ref()?.value)
}
