//! The status for people: a line for each fact, then what needs looking at.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::attention::Attention;
use super::replicas::Present;
use super::report::{Held, Leader, Part, Report};
use super::webhook::{Authority, Webhook};
use crate::cli::shared::Table;
use crate::cli::shared::output::{self, short};
use crate::scheduler::Takeover;
use crate::scheduler::status::Status as Scheduled;
use crate::sweeper::Status as Said;

/// Facts, the brake, the webhooks, and what needs looking at.
pub(super) fn render(report: &Report) -> String {
    let Report { cluster, now, leader, replicas, sweeper, scheduler, brake, webhooks, attention } =
        report;
    let mut facts = Table::new(["WHAT", "STATUS"]);
    let mut fact = |what: &str, status: String| facts.row([what.to_owned(), status]);
    fact("cluster", format!("{cluster} at {now}"));
    fact("leader", part(leader, told));
    if let Some(said) = sweeper {
        sweeps(said, &mut fact);
    }
    if let Some(said) = scheduler {
        schedules(said, &mut fact);
    }
    if matches!(leader, Part::Known(_)) {
        let state = match &**brake {
            [] => "off",
            all if all.iter().all(|held| held.undecided) => "undecided",
            _ => "on",
        };
        fact("brake", state.to_owned());
    }
    fact("webhook", part(webhooks, |all| format!("{} registered", all.len())));
    let mut text = facts.to_string();
    if !replicas.is_empty() {
        let _ = write!(text, "\n{}", present(replicas, *now));
    }
    if !brake.is_empty() {
        let mut table = Table::new(["HELD", "WHERE", "FINISHED BY", "BECAUSE", "APPROVE"]);
        for held in brake {
            let Held { plan, cause, count, cutoff, requested, .. } = held;
            let id = format!("{plan}{}", if *requested { " (requested)" } else { "" });
            let (count, cutoff) = (count.to_string(), cutoff.to_string());
            table.row([count, held.who(), cutoff, cause.clone(), id]);
        }
        let _ = write!(text, "\n{table}");
    }
    if let Part::Known(webhooks) = webhooks {
        let mut table = Table::new(["WEBHOOK", "CONFIGURATION", "CALLS", "ON FAILURE", "CA"]);
        for Webhook { configuration, name, failure_policy, calls, authority, .. } in webhooks {
            let authority = match authority {
                Authority::Absent => "none".to_owned(),
                Authority::Unreadable(_) => "broken".to_owned(),
                Authority::Until(until) => format!("until {until}"),
            };
            table.row([
                name.clone(),
                configuration.clone(),
                calls.clone(),
                failure_policy.clone(),
                authority,
            ]);
        }
        let _ = write!(text, "\n{table}");
    }
    if !attention.is_empty() {
        text.push('\n');
    }
    for Attention { what, .. } in attention {
        let _ = writeln!(text, "attention: {what}");
    }
    text
}

fn present(replicas: &[Present], now: Timestamp) -> Table {
    let headings = ["REPLICA", "VERSION", "POLICY", "SINCE", "CERTIFICATE", "BELIEVED", "HEARD"];
    let mut table = Table::new(headings);
    let ago = |time: &Timestamp| short(now.duration_since(*time).as_secs());
    for Present { name, leads, silent: _, trust, replica } in replicas {
        let certificate = replica.certificate.as_ref().map(|shown| {
            let left = shown.not_after.duration_since(now).as_secs();
            format!("began {} ago, {} left", ago(&shown.not_before), short(left))
        });
        let believed = match trust {
            all if all.is_empty() => "unknown",
            all if all.iter().all(|trust| trust.refused.is_none()) => "yes",
            _ => "no",
        };
        table.row([
            format!("{name}{}", if *leads { " (leads)" } else { "" }),
            replica.version.clone(),
            replica.revision.clone(),
            replica.since.as_ref().map(ago).unwrap_or_default(),
            certificate.unwrap_or_default(),
            believed.to_owned(),
            replica.said.as_ref().map(|said| format!("{} ago", ago(said))).unwrap_or_default(),
        ]);
    }
    table
}

fn part<T>(part: &Part<T>, told: impl Fn(&T) -> String) -> String {
    match part {
        Part::Known(known) => told(known),
        Part::Absent(_) => "none".to_owned(),
        Part::NotPermitted(why) => format!("not permitted: {why}"),
    }
}

fn told(leader: &Leader) -> String {
    let Leader { namespace, lease, holder, age, .. } = leader;
    let holder = if holder.is_empty() { "nobody" } else { holder };
    let renewed = age.map(|age| format!(", renewed {} ago", short(age))).unwrap_or_default();
    format!("{holder} (Lease {namespace}/{lease}{renewed})")
}

fn sweeps(said: &Said, fact: &mut impl FnMut(&str, String)) {
    let Said {
        version,
        revision,
        swept,
        jobs,
        builtin_ttl,
        builtin_ttl_lag,
        missing_rights,
        writes,
        brake: _,
        clock_offset,
        stopped,
    } = said;
    fact("version", version.clone());
    fact("policy", format!("revision {revision}"));
    let swept = swept.map_or_else(|| "not yet".to_owned(), |at| format!("last at {}", whole(at)));
    fact("sweep", stopped.as_ref().map_or(swept.clone(), |why| format!("{swept}; stopped: {why}")));
    fact("stored Jobs", output::counts(jobs));
    let lag = builtin_ttl_lag.map(|lag| format!(", {} late", short(lag))).unwrap_or_default();
    fact("built-in TTL controller", format!("{}{lag}", builtin_ttl.as_str()));
    fact(
        "missing rights",
        match missing_rights.len() {
            0 => "none".to_owned(),
            count => count.to_string(),
        },
    );
    if !writes.is_everywhere() {
        fact("writes", writes.to_string());
    }
    fact("clock", format!("{clock_offset:+.1}s to the API server's"));
}

fn schedules(said: &Scheduled, fact: &mut impl FnMut(&str, String)) {
    let Scheduled { mode, at: _, takeover, cron_jobs, missing_rights: _, stopped } = said;
    let state = match (stopped, takeover) {
        (Some(why), _) | (None, Some(Takeover::Stopped { why })) => format!("; stopped: {why}"),
        (None, None) => String::new(),
        (None, Some(Takeover::Watching { since, .. })) => {
            format!("; watches since {} whether anybody else starts CronJobs", whole(*since))
        }
        (None, Some(Takeover::Owning { since })) => {
            format!("; starts CronJobs, as nobody else has since {}", whole(*since))
        }
    };
    fact("scheduler", format!("{mode}{state}"));
    let states = output::counts(cron_jobs);
    fact("CronJobs", if states.is_empty() { "none".to_owned() } else { states });
}

fn whole(time: Timestamp) -> impl std::fmt::Display {
    time.strftime("%Y-%m-%dT%H:%M:%SZ")
}
