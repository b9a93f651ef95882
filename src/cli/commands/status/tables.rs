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
    present(replicas, *now).below(&mut text);
    let held = brake.iter().map(|held| {
        let Held { plan, cause, count, cutoff, requested, .. } = held;
        let id = format!("{plan}{}", if *requested { " (requested)" } else { "" });
        [count.to_string(), held.who(), cutoff.to_string(), cause.clone(), id]
    });
    Table::with_rows(["HELD", "WHERE", "FINISHED BY", "BECAUSE", "APPROVE"], held).below(&mut text);
    if let Part::Known(webhooks) = webhooks {
        let headings = ["WEBHOOK", "CONFIGURATION", "CALLS", "ON FAILURE", "CA"];
        let table = Table::with_rows(headings, webhooks.iter().map(registered));
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

fn registered(webhook: &Webhook) -> [String; 5] {
    let Webhook { configuration, name, failure_policy, calls, authority, .. } = webhook;
    let authority = match authority {
        Authority::Absent => "none".to_owned(),
        Authority::Unreadable(_) => "broken".to_owned(),
        Authority::Until(until) => format!("until {until}"),
    };
    [name, configuration, calls, failure_policy, &authority].map(String::clone)
}

fn present(replicas: &[Present], now: Timestamp) -> Table {
    let headings = ["REPLICA", "VERSION", "POLICY", "SINCE", "CERTIFICATE", "BELIEVED", "HEARD"];
    let ago = |time: &Timestamp| short(now.duration_since(*time).as_secs());
    let row = |one: &Present| {
        let Present { name, leads, silent: _, trust, replica } = one;
        let certificate = replica.certificate.as_ref().map(|shown| {
            let left = shown.not_after.duration_since(now).as_secs();
            format!("began {} ago, {} left", ago(&shown.not_before), short(left))
        });
        let believed = match trust {
            all if all.is_empty() => "unknown",
            all if all.iter().all(|trust| trust.refused.is_none()) => "yes",
            _ => "no",
        };
        [
            format!("{name}{}", if *leads { " (leads)" } else { "" }),
            replica.version.clone(),
            replica.revision.clone(),
            replica.since.as_ref().map(ago).unwrap_or_default(),
            certificate.unwrap_or_default(),
            believed.to_owned(),
            replica.said.as_ref().map(|said| format!("{} ago", ago(said))).unwrap_or_default(),
        ]
    };
    Table::with_rows(headings, replicas.iter().map(row))
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
    fact("version", said.version.clone());
    fact("policy", format!("revision {}", said.revision));
    let swept = match said.swept {
        Some(at) => format!("last at {}", whole(at)),
        None => "not yet".to_owned(),
    };
    let stopped = said.stopped.as_ref().map(|why| format!("; stopped: {why}"));
    fact("sweep", swept + &stopped.unwrap_or_default());
    fact("stored Jobs", output::counts(&said.jobs));
    let lag = said.builtin_ttl_lag.map(|lag| format!(", {} late", short(lag))).unwrap_or_default();
    fact("built-in TTL controller", format!("{}{lag}", said.builtin_ttl.as_str()));
    let missing = said.missing_rights.len();
    fact("missing rights", if missing == 0 { "none".to_owned() } else { missing.to_string() });
    if !said.writes.is_everywhere() {
        fact("writes", said.writes.to_string());
    }
    fact("clock", format!("{:+.1}s to the API server's", said.clock_offset));
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
