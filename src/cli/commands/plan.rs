//! `curfew plan`: what the sweeper would do to a cluster, or to a dump of one.
//!
//! Nothing is changed. Of a dump (`kubectl get jobs,cronjobs,namespaces -A -o yaml`) nothing is
//! asked either, and `--now` makes the answer the same every time. What can be read only in part
//! is an error; a part is never planned for as if it were the whole.

mod cluster;
mod tables;

use anyhow::bail;
use jiff::Timestamp;

use crate::cli::shared::live::lease;
use crate::cli::shared::{
    AsOf, ClusterPolicies, Connection, Dump, Exit, InForce, Invalid, Live, Otherwise, Policies,
    Printer, Scope, block_on, in_force, output, tell_foreign,
};
use crate::policy::Policy;
use crate::policy::value::Seconds;
use crate::sweeper::Reach;
use crate::sweeper::plan::{self, Does, Options, Snapshot};

/// Show what the sweeper would do to what is stored in a cluster
///
/// Prints a line for each object that would be deleted or changed, and for each that differs from
/// the policy while the policy only counts. Exits with 1 where there are such objects. Reads the
/// cluster of the kubeconfig, or with -f a dump such as
/// `kubectl get jobs,cronjobs,namespaces -A -o yaml --show-managed-fields`.
#[derive(Debug, clap::Args)]
pub struct Plan {
    #[command(flatten)]
    dump: Dump,

    #[command(flatten)]
    connection: Connection,

    #[command(flatten)]
    policies: ClusterPolicies,

    #[command(flatten)]
    scope: Scope,

    #[command(flatten)]
    as_of: AsOf,

    /// Show only what differs from this other policy, file or directory; repeatable
    #[arg(long, value_name = "PATH", conflicts_with = "older_than")]
    against: Vec<std::path::PathBuf>,

    /// Without a policy: delete every finished Job this long after its end, such as 7d
    ///
    /// Guards and holds count, a TTL of its author's stays, and the Jobs of `CronJob`s are left to
    /// their history limits.
    #[arg(long, value_name = "AGE")]
    older_than: Option<Seconds>,

    /// With --older-than: the Jobs of `CronJob`s, too
    #[arg(long, requires = "older_than")]
    include_cronjobs: bool,

    /// Also list what nothing is done about, and why
    #[arg(long)]
    all: bool,

    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Everything that a plan is made of.
struct Read {
    policy: Policy,
    own_namespace: Option<String>,
    /// Where the sweeper of the installation writes.
    reach: Reach,
    snapshot: Snapshot,
    now: Timestamp,
    /// Whether the cluster itself was read.
    live: bool,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum)]
enum Format {
    #[default]
    Table,
    /// With outcome, finish, uid and what a deletion frees
    Wide,
    /// The plan as a document
    Json,
    /// As json, for people
    Yaml,
    /// The names of the objects that would be deleted or changed
    Name,
}

// === impl Plan ===

impl Plan {
    /// Prints the plan.
    ///
    /// # Errors
    /// [`Invalid`] where the policy or the dump cannot be used; [`crate::cli::shared::live::OutOfReach`].
    pub fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let by_age = self.by_age()?;
        let Read { policy, own_namespace, reach, snapshot, now, live } =
            if self.dump.inputs.filename.is_empty() {
                block_on(self.read_cluster(by_age, printer))?
            } else {
                self.read_dump(by_age, printer)?
            };
        let format = self.output;
        let options = Options {
            now,
            own_namespace: own_namespace.as_deref(),
            reach: &reach,
            older_than: self.older_than,
            everything: self.all || !self.against.is_empty(),
            dump: !live,
        };
        let planned = plan::Plan::new(&policy, &snapshot, &options);
        if !self.against.is_empty() {
            let old = Policies { policy: self.against }.load(printer)?;
            let before = plan::Plan::new(&old, &snapshot, &options);
            return differences(&before, &planned, format, printer);
        }
        printer.data(match format {
            Format::Json => output::json(&planned)?,
            Format::Name => names(&planned),
            Format::Table => tables::plan(&planned, false),
            Format::Wide => tables::plan(&planned, true),
            Format::Yaml => output::yaml(&planned)?,
        })?;
        tell_sums(&planned, &reach, live, printer)?;
        Ok(if planned.is_empty() { Exit::Fine } else { Exit::Findings })
    }

    /// The policy of `--older-than`, where that is given.
    fn by_age(&self) -> anyhow::Result<Option<Policy>> {
        let Some(age) = self.older_than else { return Ok(None) };
        if !self.policies.policies.policy.is_empty() {
            let problem = "--older-than cleans up without a policy; leave out --policy, and unset \
                           CURFEW_POLICY";
            bail!(Invalid::new(problem));
        }
        let policy = plan::older_than(age, self.include_cronjobs);
        policy.map(Some).map_err(|found| anyhow::anyhow!("{found:?}"))
    }

    async fn read_cluster(
        &self,
        by_age: Option<Policy>,
        printer: &mut Printer,
    ) -> anyhow::Result<Read> {
        let live = Live::connect(&self.connection).await?;
        let namespace = self.scope.namespace.as_deref();
        let InForce { policy, own_namespace } = match by_age {
            Some(policy) => InForce { policy, own_namespace: None },
            None => in_force(&live, &self.policies, namespace, Otherwise::Fail, printer).await?,
        };
        let reach = lease::reach(&live, own_namespace.as_deref()).await;
        let snapshot = cluster::read(&live, &self.scope, printer).await?;
        let now = self.as_of.there(&live);
        Ok(Read { policy, own_namespace, reach, snapshot, now, live: true })
    }

    fn read_dump(&self, by_age: Option<Policy>, printer: &mut Printer) -> anyhow::Result<Read> {
        let policy = if let Some(policy) = by_age {
            policy
        } else {
            let ClusterPolicies { policies } = &self.policies;
            if policies.policy.is_empty() {
                printer.talk("note: no --policy given; this is by the bundled policy")?;
            }
            policies.load(printer)?
        };
        let mut snapshot = Snapshot::new();
        let manifests = self.dump.inputs.whole(printer)?;
        if manifests.lacking {
            bail!(Invalid::new("a part is not planned for as if it were the whole"));
        }
        manifests.each(|document| {
            let added = snapshot.add(document.json(), self.scope.of_dump());
            added.map_err(|problem| format!("{}: {problem}", document.origin))
        })?;
        tell_foreign(snapshot.foreign(), printer)?;
        let (reach, now) = (Reach::EVERYWHERE, self.as_of.here());
        Ok(Read { policy, own_namespace: None, reach, snapshot, now, live: false })
    }
}

/// What a person should know beside the plan.
fn tell_sums(
    plan: &plan::Plan,
    reach: &Reach,
    live: bool,
    printer: &mut Printer,
) -> std::io::Result<()> {
    let totals = &plan.totals;
    let left: u64 = totals.left.values().sum();
    if left > 0 {
        let reasons = output::counts(&totals.left);
        printer.talk(format!("note: nothing to do about {left} more: {reasons}"))?;
    }
    if totals.due_within_an_hour > u64::from(totals.brake_at_most) && plan.older_than.is_none() {
        let place = if reach.is_everywhere() { String::new() } else { format!(" {reach}") };
        printer.talk(format!(
            "note: {} finished Jobs are due within the hour{place}, more than stored.brake.atMost ({}): \
             a sweeper that meets this policy for the first time waits for `curfew approve`",
            totals.due_within_an_hour, totals.brake_at_most
        ))?;
    }
    if plan.without_managers {
        printer.talk(
            "note: objects of the dump have no managedFields, by which alone guards know Terraform \
             and others: `curfew sweep` refuses this plan; `kubectl get --show-managed-fields` adds \
             them",
        )?;
    }
    let unknown = |why: &str| !live && plan.items.iter().any(|item| item.why == why);
    if unknown(&crate::sweeper::Reason::UnknownNamespace.to_string()) {
        printer.talk("note: a rule asks for labels of namespaces; add them to the dump")?;
    }
    if unknown(&crate::sweeper::Reason::UnknownCronJob.to_string()) {
        printer.talk("note: Jobs of CronJobs are judged with their CronJob; add it to the dump")?;
    }
    Ok(())
}

fn names(plan: &plan::Plan) -> String {
    let acting = plan.items.iter().filter(|i| matches!(i.action, Does::Delete | Does::Patch));
    acting.map(|item| tables::title(&item.kind, &item.namespace, &item.name) + "\n").collect()
}

fn differences(
    before: &plan::Plan,
    after: &plan::Plan,
    format: Format,
    printer: &mut Printer,
) -> anyhow::Result<Exit> {
    let changed = plan::difference(before, after);
    printer.data(match format {
        Format::Json => output::json(&changed)?,
        Format::Name => changed
            .iter()
            .map(|changed| tables::title(&changed.kind, &changed.namespace, &changed.name) + "\n")
            .collect(),
        Format::Table | Format::Wide => tables::difference(&changed, format == Format::Wide),
        Format::Yaml => output::yaml(&changed)?,
    })?;
    printer.talk(format!("note: the policies differ about {} objects", changed.len()))?;
    Ok(if changed.is_empty() { Exit::Fine } else { Exit::Findings })
}
