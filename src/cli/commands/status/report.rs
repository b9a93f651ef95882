//! Everything that is known of an installation, and what of it needs looking at.

use jiff::Timestamp;
use serde::Serialize;

use super::attention::Attention;
use super::replicas::{self, Present};
use super::webhook::{self, Webhook};
use crate::cli::shared::{Lease, Live, NoLease, Unread, Which};
use crate::scheduler::Takeover;
use crate::scheduler::observe::AS_MEANT;
use crate::scheduler::status::Status as Scheduled;
use crate::sweeper::brake::{Approval, Hold, Share, Waiting};
use crate::sweeper::status::BuiltinTtl;
use crate::sweeper::{PlanId, Status as Said};

/// Everything that is known.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    pub(super) cluster: String,
    pub(super) now: Timestamp,
    pub(super) leader: Part<Leader>,
    pub(super) replicas: Vec<Present>,
    /// What the leader said of itself last; `None` where it said nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sweeper: Option<Said>,
    /// The same of the scheduler.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) scheduler: Option<Scheduled>,
    pub(super) brake: Vec<Held>,
    pub(super) webhooks: Part<Vec<Webhook>>,
    /// What needs looking at.
    pub(super) attention: Vec<Attention>,
}

/// Something that may be hidden from us.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Part<T> {
    Known(T),
    /// It is not there.
    Absent(String),
    NotPermitted(String),
}

/// Who leads.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Leader {
    pub(super) namespace: String,
    pub(super) lease: String,
    /// Empty where nobody leads.
    pub(super) holder: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) renewed: Option<Timestamp>,
    /// Seconds since then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) age: Option<i64>,
    /// Whether that is recent enough.
    pub(super) alive: bool,
}

/// Finished Jobs that wait for a person.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Held {
    /// What to give to `curfew approve`.
    pub(super) plan: PlanId,
    pub(super) cause: String,
    pub(super) count: usize,
    /// They had finished by then.
    pub(super) cutoff: Timestamp,
    /// The leader has not decided yet whether to hold them: too many cannot be judged.
    pub(super) undecided: bool,
    /// The namespaces with the most of them, as the leader counted last.
    pub(super) who: Vec<Share>,
    /// Further namespaces.
    pub(super) others: usize,
    /// Somebody has asked, and no leader has answered yet.
    pub(super) requested: bool,
}

// === impl Report ===

impl Report {
    pub(super) async fn read(live: &Live, which: &Which) -> anyhow::Result<Self> {
        let found = which.find(live).await;
        let webhooks = webhook::read(live).await;
        // By the API server's clock, which the answers have told.
        let now = live.now();
        let (leader, lease) = match found {
            Ok(lease) => (Part::Known(Leader::new(&lease, now)), Some(lease)),
            Err(NoLease::Unread(Unread::NotPermitted(why))) => (Part::NotPermitted(why), None),
            Err(absent @ NoLease::Absent { .. }) => (Part::Absent(absent.to_string()), None),
            Err(other) => return Err(other.into_error()),
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
        let lease = lease.as_ref();
        let annotation = |key| lease.and_then(|lease| lease.annotation(key));
        let sweeper = Said::parse(annotation(Said::ANNOTATION));
        let scheduler = Scheduled::parse(annotation(Scheduled::ANNOTATION));
        let waiting = sweeper.as_ref().map(|said| &*said.brake).unwrap_or_default();
        let brake = lease.map(|lease| Held::all(lease, waiting)).unwrap_or_default();
        let cluster = live.cluster.url.clone();
        let present = |known: &[Webhook]| {
            lease.map(|lease| Present::all(lease, known, now)).unwrap_or_default()
        };
        let (replicas, webhooks) = match webhooks {
            Part::Known(all) => {
                let replicas = present(&all);
                let webhooks = Part::Known(Present::webhooks_of(&replicas, all));
                (replicas, webhooks)
            }
            unknown => (present(&[]), unknown),
        };
        let attention = Vec::new();
        let mut report =
            Self { cluster, now, leader, replicas, sweeper, scheduler, brake, webhooks, attention };
        report.attention = needs_looking_at(&report);
        Ok(report)
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
    pub(super) fn who(&self) -> String {
        Share::list(&self.who, self.others)
    }
}

/// Everything that a report has to tell.
fn needs_looking_at(report: &Report) -> Vec<Attention> {
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
    let stopped = said.stopped.iter().map(|why| format!("nothing is deleted: {why}"));
    let missing = said.missing_rights.iter().map(|right| format!("a right is missing: {right}"));
    let mut found: Vec<_> = stopped.chain(missing).map(Attention::installation).collect();
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

/// The stamps on a Lease are its holder's clock, and this one is the API server's.
const SLACK: i64 = 5;

/// A sweeper looks at everything every ten minutes at least.
const LONGEST_BETWEEN_SWEEPS: jiff::SignedDuration = jiff::SignedDuration::from_mins(12);
