//! The finished Jobs of a `CronJob`, in the order in which the built-in controller removes them
//! (upstream-semantics.md, 2.7): by start time, those without one last, then by name; successes
//! and failures each by themselves.
//!
//! A Job that is terminating does not count, other than upstream: it would be deleted a second
//! time, or make another go in its place.

use std::collections::BinaryHeap;

use jiff::Timestamp;

use crate::batch::{Finish, Object, Outcome, Time};
use crate::policy::decide::{Decision, Verdict};
use crate::policy::{Action as Stored, Policy, Setting};

use super::change::Identity;
use super::decide::{Deletion, Risk, View, is_selected, stored};
use super::start;

/// A finished Job of a family.
#[derive(Clone, Copy, Debug)]
struct Member<'a> {
    job: &'a Object<'a>,
    finish: Timestamp,
    started: Option<Timestamp>,
}

/// The Jobs that are to be pruned. Those that are held, exempt, guarded, for which the policy says
/// less than `action`, or whose start is not written down, are not pruned and do not count.
pub(super) fn beyond_limit(
    policy: &Policy,
    view: &View<'_>,
    action: Stored,
    limit: u32,
    rule: &str,
) -> Vec<Deletion> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut deletions = Vec::new();
    for outcome in [Outcome::Success, Outcome::Failure] {
        let mut members = members(view, outcome);
        // The usual family is within its limit, and nobody need be asked about its Jobs.
        if members.len() <= limit {
            continue;
        }
        members.retain(|member| {
            let view = View { object: member.job, cronjob: Some(view.object), ..*view };
            let input = view.input();
            let kept = start::kept_until(policy, member.job, Some(view.object), member.finish);
            kept.is_none_or(|until| until <= view.now)
                && is_prunable(&policy.decide(&input), action, view.now)
                && is_selected(policy, &input)
        });
        for (member, due) in beyond(&members, limit) {
            deletions.extend(Identity::of(member.job, view.namespace).map(|identity| Deletion {
                identity,
                propagation: policy.stored.propagation,
                finish: member.finish,
                outcome,
                due,
                ttl: None,
                rule: rule.to_owned(),
            }));
        }
    }
    deletions
}

/// The finished Jobs that the built-in controller would remove if a history limit were lowered.
pub(super) fn ended_by(view: &View<'_>, setting: Setting, limit: Option<i64>) -> Vec<Risk> {
    let outcome = match setting {
        Setting::HistorySuccessful => Outcome::Success,
        Setting::HistoryFailed => Outcome::Failure,
        _ => return Vec::new(),
    };
    let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or_default());
    let members = members(view, outcome);
    beyond(&members, limit).map(|(member, due)| Risk { finish: member.finish, due }).collect()
}

fn is_prunable(decision: &Decision<'_>, action: Stored, now: Timestamp) -> bool {
    decision.verdict == Verdict::Considered
        && stored(decision) >= action
        && decision.held_until.is_none_or(|until| until <= now)
}

/// The finished Jobs of one outcome, the first to go first.
fn members<'a>(view: &View<'a>, outcome: Outcome) -> Vec<Member<'a>> {
    let mut members: Vec<Member<'a>> = view
        .children
        .iter()
        .filter(|job| !job.is_terminating())
        .filter_map(|job| {
            let finish = Finish::of(job).filter(|finish| finish.outcome == outcome)?;
            let started = job.status.start_time.as_ref().and_then(Time::at);
            // Of a Job whose end has no time nobody can say how old it is.
            Some(Member { job, finish: finish.at?, started })
        })
        .collect();
    members.sort_by(|a, b| {
        let key = |member: &Member<'a>| (member.started.is_none(), member.started);
        key(a).cmp(&key(b)).then_with(|| a.job.metadata.name.cmp(&b.job.metadata.name))
    });
    members
}

/// Those beyond a limit, each with the moment at which it came to be: when as many younger ones
/// had finished as the limit allows.
fn beyond<'m, 'a>(
    members: &'m [Member<'a>],
    limit: usize,
) -> impl Iterator<Item = (&'m Member<'a>, Timestamp)> + use<'m, 'a> {
    let mut earliest: BinaryHeap<Timestamp> = BinaryHeap::new();
    let mut found = Vec::new();
    for (younger, member) in members.iter().rev().enumerate() {
        if younger >= limit {
            let since = earliest.peek().copied().unwrap_or(member.finish);
            found.push((member, since.max(member.finish)));
        }
        earliest.push(member.finish);
        if earliest.len() > limit {
            earliest.pop();
        }
    }
    found.into_iter().rev()
}
