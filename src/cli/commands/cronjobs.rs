//! `curfew cronjobs`: how the starts of all `CronJob`s are going, of a cluster or of a dump.
//!
//! What is read is gathered as [`Families`], each `CronJob` becomes a [`Row`], which is the answer
//! as data, and the tables are made from that. A `CronJob` that cannot be read has a row that says
//! why; anything else that cannot be read in full is an error, and nothing is shown.

mod cluster;
mod families;
mod row;
mod tables;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use self::families::Families;
use self::row::Row;
use crate::cli::shared::live::policy;
use crate::cli::shared::{
    AsOf, Clocks, Connection, Dump, Exit, Live, Printer, Scope, ZoneFrom, block_on, clocks, output,
    tell_foreign,
};
use crate::policy::rule::Scheduler;
use crate::policy::value::Seconds;
use crate::scheduler::observe::NOT_KNOWN;

/// Show how the starts of all `CronJobs` are going: next, last, how late, how many missed
///
/// Prints a line for each, with what needs looking at: starts that nobody made or that another Job
/// holds back, no success for too long, Jobs whose Pods are never ready or never end, a last start
/// that lies ahead, schedules and time zones that cannot be read. Exits with 1 where there is any of
/// that. Reads the cluster of the kubeconfig, or with -f a dump such as `kubectl get
/// cronjobs,jobs,namespaces -A -o yaml --show-managed-fields`.
#[derive(Debug, clap::Args)]
pub struct Cronjobs {
    #[command(flatten)]
    dump: Dump,

    #[command(flatten)]
    connection: Connection,

    #[command(flatten)]
    scope: Scope,

    /// Time zone of schedules that bring none, in which kube-controller-manager runs, such as
    /// Europe/Berlin [default: that of the policy in force, else UTC]
    #[arg(long, value_name = "IANA")]
    time_zone: Option<String>,

    /// How late a start may be [default: that of the policy in force, else 30s]
    #[arg(long, value_name = "DURATION")]
    grace: Option<Seconds>,

    #[command(flatten)]
    as_of: AsOf,

    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum)]
enum Format {
    #[default]
    Table,
    /// With times in full, what changes of the clocks do, and whole sentences
    Wide,
    /// Everything, for scripts
    Json,
    /// As json, for people
    Yaml,
    /// The names of the `CronJobs`
    Name,
}

/// The answer as a document.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    now: Timestamp,
    /// The zone of `CronJob`s that name none, and who says so.
    cluster_time_zone: String,
    cluster_time_zone_from: ZoneFrom,
    grace_seconds: i64,
    items: Vec<Row>,
    /// How many there are in each state; one may be in several.
    states: BTreeMap<&'static str, usize>,
}

/// Everything that an answer is made of.
struct Read {
    families: Families,
    assumed: Clocks,
    grace: Seconds,
    now: Timestamp,
    /// Whether something is not among them that was to be.
    lacking: bool,
}

// === impl Cronjobs ===

impl Cronjobs {
    /// Prints the table.
    ///
    /// # Errors
    /// [`crate::cli::shared::invalid::Invalid`] where the dump or an argument cannot be used; [`crate::cli::shared::live::OutOfReach`].
    pub fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let assumed = Clocks::assumed(self.time_zone.as_deref())?;
        let read = if self.dump.inputs.filename.is_empty() {
            block_on(self.read_cluster(assumed, printer))?
        } else {
            self.read_dump(assumed, printer)?
        };
        let report = Report::new(&read);
        printer.data(match self.output {
            Format::Json => output::json(&report)?,
            Format::Name => report.items.iter().map(|row| row.title() + "\n").collect(),
            Format::Table => tables::render(&report.items, report.now, false),
            Format::Wide => tables::render(&report.items, report.now, true),
            Format::Yaml => output::yaml(&report)?,
        })?;
        report.tell(&read.families, printer)?;
        Ok(Exit::of(read.lacking, report.items.iter().any(Row::needs_attention)))
    }

    async fn read_cluster(&self, assumed: Clocks, printer: &mut Printer) -> anyhow::Result<Read> {
        let live = Live::connect(&self.connection).await?;
        let families = cluster::read(&live, &self.scope, printer).await?;
        let is_assumed = assumed.from == ZoneFrom::Assumed;
        let asks = self.grace.is_none() || is_assumed && families.need_a_zone();
        let namespace = self.scope.namespace.as_deref();
        let said = if asks { policy::starts(&live, namespace).await } else { None };
        let (zone, says) = said.map_or((None, None), |(zone, grace)| (zone, Some(grace)));
        let assumed = match zone.filter(|_| is_assumed) {
            Some(zone) => Clocks { zone, from: ZoneFrom::Policy },
            None => assumed,
        };
        let grace = self.grace.or(says).unwrap_or(Scheduler::DEFAULT_GRACE);
        Ok(Read { families, assumed, grace, now: self.as_of.there(&live), lacking: false })
    }

    /// Reads everything, or says all that is wrong.
    fn read_dump(&self, assumed: Clocks, printer: &mut Printer) -> anyhow::Result<Read> {
        let mut families = Families::default();
        let manifests = self.dump.inputs.whole(printer)?;
        manifests.each(|document| {
            let added = families.add(document.json(), self.scope.of_dump());
            added.map_err(|problem| format!("{}: {}: {problem}", document.origin, document.title()))
        })?;
        if families.lack_jobs() {
            printer.talk(
                "note: the dump has no Jobs of these CronJobs, from which lags, Jobs that wait \
                 for their Pods and what a status is behind with are known; add them to it",
            )?;
        }
        let grace = self.grace.unwrap_or(Scheduler::DEFAULT_GRACE);
        let (now, lacking) = (self.as_of.here(), manifests.lacking);
        Ok(Read { families, assumed, grace, now, lacking })
    }
}

// === impl Report ===

impl Report {
    fn new(read: &Read) -> Self {
        let Read { families, assumed, grace, now, lacking: _ } = read;
        let tolerated = SignedDuration::from_secs(grace.get());
        let row = |family| {
            let read = Row::read(family, assumed, tolerated, *now);
            read.unwrap_or_else(|why| Row::unreadable(family, why))
        };
        let items: Vec<Row> = families.iter().map(row).collect();
        let mut states = BTreeMap::new();
        for state in items.iter().flat_map(|row| &row.states) {
            *states.entry(*state).or_default() += 1;
        }
        Self {
            now: *now,
            cluster_time_zone: assumed.zone.name().to_owned(),
            cluster_time_zone_from: assumed.from,
            grace_seconds: grace.get(),
            items,
            states,
        }
    }

    /// What a person should know beside the table.
    fn tell(&self, families: &Families, printer: &mut Printer) -> std::io::Result<()> {
        tell_foreign(&families.foreign, printer)?;
        if self.items.is_empty() {
            return printer.talk("note: there is no CronJob");
        }
        if self.items.iter().any(Row::assumes_a_zone) {
            printer.talk(clocks::ASSUMED)?;
        }
        if let Some(count) = self.states.get(NOT_KNOWN) {
            // Where the entries are there, they do not tell more.
            let lacks = |row: &Row| row.states.contains(&NOT_KNOWN) && row.tells_of_no_edit();
            let mend = if families.complete || !self.items.iter().any(lacks) {
                String::new()
            } else {
                format!("; a dump by {DUMP} tells more")
            };
            printer.talk(format!(
                "note: nobody can tell since when {count} of {all} CronJobs have their schedule, \
                 and so not what they have missed{mend}",
                all = self.items.len()
            ))?;
        }
        let attention = self.items.iter().filter(|row| row.needs_attention()).count();
        if attention > 0 {
            let count = self.items.len();
            let mut codes = BTreeMap::<&str, usize>::new();
            for note in self.items.iter().flat_map(|row| &row.attention) {
                *codes.entry(note.code).or_default() += 1;
            }
            let codes = output::counts(codes);
            printer
                .talk(format!("note: {attention} of {count} CronJobs need attention: {codes}"))?;
        }
        Ok(())
    }
}

/// By which everything is known that the API tells.
const DUMP: &str = "`kubectl get cronjobs,jobs,namespaces -A -o yaml --show-managed-fields`";
