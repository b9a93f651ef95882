//! What needs looking at: of the installation itself, or of what it watches.

use serde::Serialize;

use super::{Held, Part, Report, replicas, webhook};
use crate::scheduler::Takeover;
use crate::scheduler::observe::AS_MEANT;
use crate::scheduler::status::Status as Scheduled;
use crate::sweeper::Status as Said;
use crate::sweeper::status::BuiltinTtl;

/// Something for a person, in a sentence.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Attention {
    pub(super) about: About,
    pub(super) what: String,
}

/// Whom it is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum About {
    /// Curfew does not work as it was installed to.
    Installation,
    /// It works, and has something to tell.
    Cluster,
}

// === impl Attention ===

impl Attention {
    pub(super) fn installation(what: impl Into<String>) -> Self {
        Self { about: About::Installation, what: what.into() }
    }

    pub(super) fn cluster(what: impl Into<String>) -> Self {
        Self { about: About::Cluster, what: what.into() }
    }
}

/// Everything that a report has to tell.
pub(super) fn of(report: &Report) -> Vec<Attention> {
    let mut found = Vec::new();
    let mut installation = |what: String| found.push(Attention::installation(what));
    match &report.leader {
        Part::Known(leader) if leader.holder.is_empty() => {
            installation("nobody leads: no sweeper works".to_owned());
        }
        Part::Known(leader) if !leader.alive => {
            installation("the leader does not renew its Lease: no sweeper works".to_owned());
        }
        Part::Known(_) => {}
        Part::Absent(why) => installation(why.clone()),
        Part::NotPermitted(_) => installation("the Lease may not be read".to_owned()),
    }
    let leads = matches!(&report.leader, Part::Known(leader) if leader.alive);
    let swept = report.sweeper.as_ref().and_then(|said| said.swept);
    let is_late = swept.is_none_or(|at| report.now.duration_since(at) > LONGEST_BETWEEN_SWEEPS);
    if leads && is_late {
        installation("the leader does not look at what is stored".to_owned());
    }
    if matches!(&report.leader, Part::Known(_)) {
        found.extend(replicas::attention(&report.replicas, report.now));
    }
    match &report.webhooks {
        Part::Known(webhooks) => found.extend(webhook::attention(webhooks, report.now)),
        Part::Absent(why) => found.push(Attention::installation(why.clone())),
        Part::NotPermitted(_) => {
            found.push(Attention::installation("the webhook's registration may not be read"));
        }
    }
    found.extend(report.sweeper.iter().flat_map(sweeping));
    found.extend(report.scheduler.iter().flat_map(scheduling));
    found.extend(report.brake.iter().map(|held| {
        let Held { plan, cause, count, .. } = held;
        let who = held.who();
        let who = if who.is_empty() { who } else { format!(" ({who})") };
        Attention::cluster(format!(
            "the brake holds {count} Jobs{who}, as {cause}; look at `curfew plan`, then `curfew approve \
             {plan}`"
        ))
    }));
    found
}

fn sweeping(said: &Said) -> Vec<Attention> {
    let mut found = Vec::new();
    let stopped = said.stopped.iter().map(|why| format!("nothing is deleted: {why}"));
    found.extend(stopped.map(Attention::installation));
    let missing = said.missing_rights.iter().map(|right| format!("a right is missing: {right}"));
    found.extend(missing.map(Attention::installation));
    if said.builtin_ttl == BuiltinTtl::Off {
        found.push(Attention::cluster("the built-in TTL controller does not work"));
    }
    found
}

fn scheduling(said: &Scheduled) -> Vec<Attention> {
    let mut found = Vec::new();
    let stopped = said.stopped.iter().map(|why| format!("no CronJob is looked at: {why}"));
    found.extend(stopped.map(Attention::installation));
    if let Some(Takeover::Stopped { why }) = &said.takeover {
        found.push(Attention::cluster(format!("scheduler.mode Own starts nothing: {why}")));
    }
    let missing = said.missing_rights.iter();
    let missing = missing.map(|right| format!("the scheduler lacks a right: {right}"));
    found.extend(missing.map(Attention::installation));
    let bad = said.cron_jobs.iter().filter(|(state, _)| !AS_MEANT.contains(&state.as_str()));
    found.extend(bad.map(|(state, count)| {
        let noun = if *count == 1 { "CronJob is" } else { "CronJobs are" };
        Attention::cluster(format!("{count} {noun} {state}; look at `curfew cronjobs -A`"))
    }));
    found
}

/// A sweeper looks at everything every ten minutes at least.
const LONGEST_BETWEEN_SWEEPS: jiff::SignedDuration = jiff::SignedDuration::from_mins(12);
