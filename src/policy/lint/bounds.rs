//! Limits that stand in different places and meet on one object.

use std::collections::HashSet;

use super::witness::Witness;
use super::{Linted, Written};
use crate::policy::code;
use crate::policy::decide::resolve::{Supplied, Supplier};
use crate::policy::file::finding::{At, Findings, Span};
use crate::policy::file::ttl;
use crate::policy::model::rule::Match;
use crate::policy::model::value::Seconds;

/// Which end of the limits of TTLs.
#[derive(Clone, Copy)]
enum End {
    Max,
    Min,
}

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
        (by.name == written.rule.name).then(|| {
            let place = |end, s: Supplied<'_, Seconds>| (s.value, limit_span(linted, end, s.by));
            (
                resolved.ttl_min.map(|min| place(End::Min, min)),
                resolved.ttl_max.map(|max| place(End::Max, max)),
            )
        })
    });
    let Some((min, max)) = bounds else { return };
    let title = written.title();
    for At { span, value, .. } in ttl::Ttl::durations(wire) {
        let change = match (min, max) {
            (Some((min, place)), _) if value < min => Some(("raised", "min", min, place)),
            (_, Some((max, place))) if value > max => Some(("lowered", "max", max, place)),
            _ => None,
        };
        if let Some((changed, end, bound, place)) = change {
            let place = place.map(|place| format!(" at {}", findings.place(place)));
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
                (limit_span(linted, End::Min, min.by)?, limit_span(linted, End::Max, max.by)?);
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

/// Where a limit stands.
fn limit_span(linted: &Linted<'_>, end: End, by: Supplier<'_>) -> Option<Span> {
    let limits = match by.rule() {
        Some(by) => linted.written(by)?.wire.value.limits.as_ref(),
        None => linted.spec.limits.as_ref(),
    };
    let ttl = &limits?.value.ttl.as_ref()?.value;
    let limit = match end {
        End::Max => ttl.max,
        End::Min => ttl.min,
    };
    limit.map(|at| at.span)
}
