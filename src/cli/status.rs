//! `curfew status`: how the installation in a cluster is doing, as far as the API server knows.
//!
//! The leader says most of it on its Lease, and each replica what it runs; the rest is what is
//! registered. No Pod is asked. What may not be read is said to be so, and is never passed over as
//! if all were well.

mod attention;
mod replicas;
mod tables;
mod webhook;

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use self::attention::{About, Attention};
use self::replicas::Present;
use self::webhook::Webhook;
use super::connection::Connection;
use super::live::lease::{Lease, NoLease, Which};
use super::live::{Live, OutOfReach, Unread, block_on};
use super::output::Format;
use super::printer::Printer;
use super::{Exit, Invalid, output};
use crate::clock;
use crate::scheduler::status::Status as Scheduled;
use crate::sweeper::brake::{Approval, Hold, Share, Waiting};
use crate::sweeper::{PlanId, Status as Said};

/// Show how webhook, replicas, sweeper, scheduler and brake are doing in a cluster
///
/// Reads the Lease that the replicas keep, and the registration of the webhooks. Exits with 1 where
/// something needs looking at.
#[derive(Debug, clap::Args)]
pub struct Status {
    #[command(flatten)]
    connection: Connection,

    #[command(flatten)]
    which: Which,

    /// Exit with 1 only for what is wrong with the installation itself: registration, certificates,
    /// replicas, leader, rights; not for what it found, such as a brake that waits for approval
    #[arg(long)]
    installation: bool,

    /// Look again until nothing needs looking at, for so many seconds
    #[arg(
        long, value_name = "SECONDS", default_value_t = 0,
        value_parser = clap::value_parser!(u64).range(..=86_400)
    )]
    wait: u64,

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
    replicas: Vec<Present>,
    /// What the leader said of itself last; `None` where it said nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    sweeper: Option<Said>,
    /// The same of the scheduler.
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduler: Option<Scheduled>,
    brake: Vec<Held>,
    webhooks: Part<Vec<Webhook>>,
    /// What needs looking at.
    attention: Vec<Attention>,
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
    /// The leader has not decided yet whether to hold them: too many cannot be judged.
    undecided: bool,
    /// The namespaces with the most of them, as the leader counted last.
    who: Vec<Share>,
    /// Further namespaces.
    others: usize,
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
        let Self { connection, which, installation, wait, output: format } = self;
        let counts =
            |attention: &Attention| !installation || attention.about == About::Installation;
        let report = block_on(async {
            let live = Live::connect(&connection).await?;
            let progress = printer.progress("waiting until all is well", Some(wait));
            let start = clock::instant();
            loop {
                let report = Report::read(&live, &which).await?;
                let is_over = start.elapsed() >= Duration::from_secs(wait);
                if is_over || !report.attention.iter().any(counts) {
                    return Ok(report);
                }
                tokio::time::sleep(BETWEEN).await;
                progress.advance(BETWEEN.as_secs());
            }
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
        Ok(if report.attention.iter().any(counts) { Exit::Findings } else { Exit::Fine })
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
        let waiting = sweeper.as_ref().map(|said| &*said.brake).unwrap_or_default();
        let brake = lease.as_ref().map(|lease| Held::all(lease, waiting)).unwrap_or_default();
        let cluster = live.cluster.url.clone();
        let known = webhooks.known().map(Vec::as_slice).unwrap_or_default();
        let replicas =
            lease.as_ref().map(|lease| Present::all(lease, known, now)).unwrap_or_default();
        let webhooks = match webhooks {
            Part::Known(all) => Part::Known(Present::webhooks_of(&replicas, all)),
            unknown => unknown,
        };
        let attention = Vec::new();
        let mut report =
            Self { cluster, now, leader, replicas, sweeper, scheduler, brake, webhooks, attention };
        report.attention = attention::of(&report);
        Ok(report)
    }
}

// === impl Part ===

impl<T> Part<T> {
    const fn known(&self) -> Option<&T> {
        match self {
            Self::Known(known) => Some(known),
            Self::Absent(_) | Self::NotPermitted(_) => None,
        }
    }
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
    /// The holds on the Lease, and what the leader says to be undecided, which no Lease keeps.
    fn all(lease: &Lease, waiting: &[Waiting]) -> Vec<Self> {
        let requested: Option<PlanId> =
            lease.annotation(Approval::REQUEST).and_then(|id| id.parse().ok());
        let held = |hold: &Hold| {
            let plan = PlanId::of(hold);
            let said = waiting.iter().find(|waiting| waiting.plan.is_same_plan(&plan));
            let cause = hold.cause.text(&hold.revision);
            Self::new(plan, cause, hold.cutoff, said)
        };
        let undecided = |waiting: &Waiting| {
            let unknown = waiting.unknown?;
            let plan = waiting.plan.clone();
            let revision = &plan.revision;
            let cause = format!(
                "policy revision {revision} is new, and {unknown} of them cannot be judged yet"
            );
            let cutoff = Timestamp::from_second(plan.cutoff).ok()?;
            Some(Self { undecided: true, ..Self::new(plan, cause, cutoff, Some(waiting)) })
        };
        let mut all: Vec<Self> = lease.brake().holds.iter().map(held).collect();
        all.extend(waiting.iter().filter_map(undecided));
        for held in &mut all {
            held.requested = requested.as_ref() == Some(&held.plan);
        }
        all
    }

    fn new(plan: PlanId, cause: String, cutoff: Timestamp, said: Option<&Waiting>) -> Self {
        Self {
            cause,
            count: plan.count,
            cutoff,
            undecided: false,
            who: said.map(|said| said.who.clone()).unwrap_or_default(),
            others: said.map_or(0, |said| said.others),
            requested: false,
            plan,
        }
    }

    /// The namespaces in a few words; nothing where the leader has not told.
    fn who(&self) -> String {
        Share::list(&self.who, self.others)
    }
}

/// The stamps on a Lease are its holder's clock, and this one is the API server's.
const SLACK: i64 = 5;

/// Between two looks.
const BETWEEN: Duration = Duration::from_secs(1);
