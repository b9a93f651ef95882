//! `curfew status`: how the installation in a cluster is doing, as far as the API server knows.
//!
//! The leader says most of it on its Lease; the rest is what is registered. No Pod is asked. What
//! may not be read is said to be so, and is never passed over as if all were well.

mod tables;
mod webhook;

use jiff::Timestamp;
use serde::Serialize;

use self::webhook::Webhook;
use super::connection::Connection;
use super::live::lease::{Lease, NoLease, Which};
use super::live::{Live, OutOfReach, Unread, block_on};
use super::output::Format;
use super::printer::Printer;
use super::{Exit, Invalid, output};
use crate::scheduler::Takeover;
use crate::scheduler::status::Status as Scheduled;
use crate::sweeper::brake::{Approval, Cause, Hold};
use crate::sweeper::status::BuiltinTtl;
use crate::sweeper::{PlanId, Status as Said};

/// Show how webhook, sweeper and brake are doing in a cluster
///
/// Reads the Lease that the leader keeps, and the webhook's registration. Exits with 1 where
/// something needs looking at.
#[derive(Debug, clap::Args)]
pub struct Status {
    #[command(flatten)]
    connection: Connection,

    #[command(flatten)]
    which: Which,

    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Everything that is known.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    cluster: String,
    now: Timestamp,
    leader: Part<Leader>,
    /// What the leader said of itself last; `None` where it said nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    sweeper: Option<Said>,
    /// The same of the scheduler.
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduler: Option<Scheduled>,
    brake: Vec<Held>,
    webhooks: Part<Vec<Webhook>>,
    /// What needs looking at, a sentence each.
    attention: Vec<String>,
}

/// Something that may be hidden from us.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
enum Part<T> {
    Known(T),
    /// It is not there.
    Absent(String),
    NotPermitted(String),
}

/// Who leads.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Leader {
    namespace: String,
    lease: String,
    /// Empty where nobody leads.
    holder: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    renewed: Option<Timestamp>,
    /// Seconds since then.
    #[serde(skip_serializing_if = "Option::is_none")]
    age: Option<i64>,
    /// Whether that is recent enough.
    alive: bool,
}

/// Finished Jobs that wait for a person.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Held {
    /// What to give to `curfew approve`.
    plan: PlanId,
    cause: String,
    count: usize,
    /// They had finished by then.
    cutoff: Timestamp,
    /// Somebody has asked, and no leader has answered yet.
    requested: bool,
}

// === impl Status ===

impl Status {
    /// Prints it.
    ///
    /// # Errors
    /// [`OutOfReach`]; [`Invalid`] where it is not clear which installation is meant.
    pub fn run(self, printer: &mut Printer) -> Result<Exit, anyhow::Error> {
        let Self { connection, which, output: format } = self;
        let report = block_on(async {
            let live = Live::connect(&connection).await?;
            Report::read(&live, &which).await
        })?;
        printer.data(match format {
            Format::Json => output::json(&report)?,
            Format::Table => tables::render(&report),
            Format::Yaml => output::yaml(&report)?,
        })?;
        if let (Part::NotPermitted(why), Part::NotPermitted(_)) = (&report.leader, &report.webhooks)
        {
            return Err(OutOfReach(format!("nothing may be read here: {why}")).into());
        }
        Ok(if report.attention.is_empty() { Exit::Fine } else { Exit::Findings })
    }
}

// === impl Report ===

impl Report {
    async fn read(live: &Live, which: &Which) -> Result<Self, anyhow::Error> {
        let found = which.find(live).await;
        let webhooks = webhook::read(live).await;
        // By the API server's clock, which the answers have told.
        let now = live.now();
        let (leader, lease) = match found {
            Ok(lease) => (Part::Known(Leader::new(&lease, now)), Some(lease)),
            Err(NoLease::Unread(Unread::NotPermitted(why))) => (Part::NotPermitted(why), None),
            Err(absent @ NoLease::Absent { .. }) => (Part::Absent(absent.to_string()), None),
            Err(several @ NoLease::Several(_)) => {
                return Err(Invalid::new(several.to_string()).into());
            }
            Err(NoLease::Unread(error)) => return Err(error.about("cannot read the Lease").into()),
        };
        let webhooks = match webhooks {
            Ok(found) if found.is_empty() => {
                Part::Absent("no webhook of curfew is registered".to_owned())
            }
            Ok(found) => Part::Known(found),
            Err(Unread::NotPermitted(why)) => Part::NotPermitted(why),
            Err(error) => {
                return Err(error.about("cannot read the webhook's registration").into());
            }
        };
        let sweeper =
            lease.as_ref().and_then(|lease| Said::parse(lease.annotation(Said::ANNOTATION)));
        let scheduler = lease
            .as_ref()
            .and_then(|lease| Scheduled::parse(lease.annotation(Scheduled::ANNOTATION)));
        let brake = lease.as_ref().map(Held::all).unwrap_or_default();
        let cluster = live.cluster.url.clone();
        let attention = Vec::new();
        let mut report =
            Self { cluster, now, leader, sweeper, scheduler, brake, webhooks, attention };
        report.attention = report.attention();
        Ok(report)
    }

    fn attention(&self) -> Vec<String> {
        let mut found = Vec::new();
        match &self.leader {
            Part::Known(leader) if leader.holder.is_empty() => {
                found.push("nobody leads: no sweeper works".to_owned());
            }
            Part::Known(leader) if !leader.alive => {
                found.push("the leader does not renew its Lease: no sweeper works".to_owned());
            }
            Part::Known(_) => {}
            Part::Absent(why) => found.push(why.clone()),
            Part::NotPermitted(_) => found.push("the Lease may not be read".to_owned()),
        }
        let leads = matches!(&self.leader, Part::Known(leader) if leader.alive);
        let swept = self.sweeper.as_ref().and_then(|said| said.swept);
        let is_late = swept.is_none_or(|at| self.now.duration_since(at) > LONGEST_BETWEEN_SWEEPS);
        if leads && is_late {
            found.push("the leader does not look at what is stored".to_owned());
        }
        if let Some(said) = &self.sweeper {
            found.extend(said.stopped.iter().map(|why| format!("nothing is deleted: {why}")));
            let missing = said.missing_rights.iter();
            found.extend(missing.map(|right| format!("a right is missing: {right}")));
            if said.builtin_ttl == BuiltinTtl::Off {
                found.push("the built-in TTL controller does not work".to_owned());
            }
        }
        if let Some(scheduler) = &self.scheduler {
            found.extend(scheduling(scheduler));
        }
        for held in &self.brake {
            let Held { plan, cause, count, .. } = held;
            found.push(format!(
                "the brake holds {count} Jobs, as {cause}; look at `curfew plan`, then `curfew \
                 approve {plan}`"
            ));
        }
        match &self.webhooks {
            Part::Known(webhooks) => found.extend(webhook::attention(webhooks, self.now)),
            Part::Absent(why) => found.push(why.clone()),
            Part::NotPermitted(_) => {
                found.push("the webhook's registration may not be read".to_owned());
            }
        }
        found
    }
}

/// What needs looking at about the scheduler.
fn scheduling(said: &Scheduled) -> Vec<String> {
    let mut found = Vec::new();
    found.extend(said.stopped.iter().map(|why| format!("no CronJob is looked at: {why}")));
    if let Some(Takeover::Stopped { why }) = &said.takeover {
        found.push(format!("scheduler.mode Own starts nothing: {why}"));
    }
    let missing = said.missing_rights.iter();
    found.extend(missing.map(|right| format!("the scheduler lacks a right: {right}")));
    let bad = said.cron_jobs.iter().filter(|(state, _)| !AS_MEANT.contains(&state.as_str()));
    found.extend(bad.map(|(state, count)| {
        let noun = if *count == 1 { "CronJob is" } else { "CronJobs are" };
        format!("{count} {noun} {state}; look at `curfew cronjobs -A`")
    }));
    found
}

// === impl Leader ===

impl Leader {
    fn new(lease: &Lease, now: Timestamp) -> Self {
        let renewed = lease.renewed();
        let age = renewed.map(|renewed| now.duration_since(renewed).as_secs());
        Self {
            namespace: lease.namespace.clone(),
            lease: lease.name.clone(),
            holder: lease.holder().unwrap_or_default().to_owned(),
            renewed,
            age,
            alive: lease.holder().is_some() && age.is_some_and(|age| age <= lease.lasts() + SLACK),
        }
    }
}

// === impl Held ===

impl Held {
    fn all(lease: &Lease) -> Vec<Self> {
        let requested: Option<PlanId> =
            lease.annotation(Approval::REQUEST).and_then(|id| id.parse().ok());
        let held = |hold: &Hold| {
            let plan = PlanId {
                revision: hold.revision.clone(),
                cutoff: hold.cutoff.as_second(),
                count: hold.count,
            };
            Self {
                cause: match &hold.cause {
                    Cause::Namespace(name) => format!("the labels of namespace {name} changed"),
                    Cause::Policy => format!("policy revision {} is new", hold.revision),
                },
                count: hold.count,
                cutoff: hold.cutoff,
                requested: requested.as_ref() == Some(&plan),
                plan,
            }
        };
        lease.brake().holds.iter().map(held).collect()
    }
}

/// The stamps on a Lease are its holder's clock, and this one is the API server's.
const SLACK: i64 = 5;

/// A sweeper looks at everything every ten minutes at least.
const LONGEST_BETWEEN_SWEEPS: jiff::SignedDuration = jiff::SignedDuration::from_mins(12);

/// States of `CronJob`s that nobody needs to look at.
const AS_MEANT: [&str; 3] = ["fine", "suspended", "terminating"];
