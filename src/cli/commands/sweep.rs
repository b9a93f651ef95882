//! `curfew sweep`: carries out a saved plan once, with the caller's own rights.
//!
//! Exactly what the plan lists is deleted and changed. Nothing is judged again: every call names
//! the uid and the version of the object that was judged, so what has changed since is refused by
//! the API server, and left.

mod carry;
mod tally;

use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use self::carry::{Work, carry};
use self::tally::Tally;
use crate::cli::shared::manifests::{shown, text};
use crate::cli::shared::output::Format;
use crate::cli::shared::{
    Connection, Exit, Invalid, Live, NAMESPACES, OutOfReach, Output, Printer, Unread, block_on,
};
use crate::cluster::pace::Rate;
use crate::sweeper::plan::Plan;

/// Carry out a plan that `curfew plan -o yaml` or `-o json` has printed
///
/// Deletes and changes exactly what the plan lists, once, with your own rights; no installation is
/// needed. What has changed since the plan was made is left alone, and told: a hold, a longer TTL,
/// a Job made anew under the same name. Ctrl-C stops cleanly. Exits with 1 where anything was left.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  curfew plan --older-than 7d -o yaml > plan.yaml\n  \
                  curfew sweep plan.yaml")]
pub struct Sweep {
    /// The plan: a file, or - for stdin
    #[arg(value_name = "PLAN")]
    plan: PathBuf,

    #[command(flatten)]
    connection: Connection,

    /// At most so many writes a second; 10000 is as fast as the API server likes
    #[arg(
        long, value_name = "N", default_value_t = 50,
        value_parser = clap::value_parser!(u32).range(1..=10_000)
    )]
    rate: u32,

    /// Do not ask
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    output: Output,
}

// === impl Sweep ===

impl Sweep {
    /// Carries it out.
    ///
    /// # Errors
    /// [`Invalid`] where the plan cannot be used, or nobody could be asked; [`OutOfReach`].
    pub fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let Self { plan, connection, rate, yes, output: Output { format } } = self;
        let plan = read(&plan)?;
        plan.check().map_err(Invalid::new)?;
        let work = Work::of(&plan)?;
        block_on(async {
            let live = Live::connect(&connection).await?;
            check_cluster(&live, &plan, printer).await?;
            let age = live.now().duration_since(plan.created_at);
            if age > FRESH {
                printer.talk(format!(
                    "warning: the plan was made at {}; what has changed since is left alone",
                    plan.created_at
                ))?;
            }
            let question = match (work.deletions.len(), work.changes.len()) {
                (0, 0) => {
                    printer.talk("note: the plan has nothing to do")?;
                    return Ok(Exit::Fine);
                }
                (jobs, 0) => format!("delete {}", counted(jobs, "Job")),
                (0, objects) => format!("change {}", counted(objects, "object")),
                (jobs, objects) => {
                    let (jobs, objects) = (counted(jobs, "Job"), counted(objects, "object"));
                    format!("delete {jobs} and change {objects}")
                }
            };
            if !yes {
                match printer.ask(format!("{question} in {}?", live.cluster.url))? {
                    Some(true) => {}
                    Some(false) => {
                        printer.talk("note: nothing was done")?;
                        return Ok(Exit::Findings);
                    }
                    None => {
                        let problem = format!(
                            "this would {question} in {}, and nobody is there to ask; say --yes",
                            live.cluster.url
                        );
                        return Err(Invalid::new(problem).into());
                    }
                }
            }
            let over = CancellationToken::new();
            let interrupted = over.clone();
            tokio::spawn(async move {
                if tokio::signal::ctrl_c().await.is_ok() {
                    interrupted.cancel();
                }
            });
            let tally = carry(work, &live, Rate::new(rate), over, printer).await;
            tell(&tally, format, printer)
        })
    }
}

fn read(path: &Path) -> Result<Plan, Invalid> {
    let (name, text) = (shown(path).display(), text(path).map_err(Invalid::new)?);
    let bad = |error: String| {
        Invalid::new(format!("{name}: it is no plan: {error}; make one with `curfew plan -o yaml`"))
    };
    if text.trim_start().starts_with('{') {
        serde_json::from_str(&text).map_err(|error| bad(error.to_string()))
    } else {
        serde_yaml::from_str(&text).map_err(|error| bad(error.to_string()))
    }
}

/// Whether the plan is of this cluster, as far as we may know.
async fn check_cluster(live: &Live, plan: &Plan, printer: &mut Printer) -> anyhow::Result<()> {
    match live.get(NAMESPACES, "kube-system").await {
        Ok(namespace) => {
            let here = namespace["metadata"]["uid"].as_str().unwrap_or_default();
            Ok(plan.check_cluster(here).map_err(Invalid::new)?)
        }
        Err(Unread::Absent | Unread::NotPermitted(_)) => {
            printer.talk(
                "note: whether the plan is of this cluster cannot be told, as namespace \
                 kube-system may not be read; each write is bound to the uid of its object",
            )?;
            Ok(())
        }
        Err(error) => Err(error.about("cannot reach the cluster").into()),
    }
}

fn tell(tally: &Tally, format: Format, printer: &mut Printer) -> anyhow::Result<Exit> {
    printer.data(format.text(tally, Tally::table)?)?;
    if tally.untouched > 0 && tally.unanswered.is_none() {
        printer.talk("note: stopped; the same plan goes on where it was left")?;
    }
    if tally.forbidden > 0 {
        let why = tally.forbidden_why.as_deref().unwrap_or_default();
        printer.talk(format!("note: forbidden {} times, such as: {why}", tally.forbidden))?;
    }
    if tally.events_lost > 0 {
        let lost = tally.events_lost;
        printer
            .talk(format!("note: {lost} Events were not written, for want of rights or time"))?;
    }
    if let Some(why) = &tally.unanswered {
        return Err(OutOfReach(format!("stopped: the API server does not answer: {why}")).into());
    }
    let is_whole = tally.refused + tally.failed + tally.untouched == 0;
    Ok(if is_whole { Exit::Fine } else { Exit::Findings })
}

/// So many of something, for a person who is about to say yes.
fn counted(number: usize, one: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {one}{s}", indicatif::HumanCount(number as u64))
}

/// A plan that is older than this is told to be.
const FRESH: SignedDuration = SignedDuration::from_hours(1);

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn numbers_are_grouped() {
        let shown = [0, 1, 999, 1000, 15_234, 1_234_567].map(|number| counted(number, "Job"));
        let expected =
            ["0 Jobs", "1 Job", "999 Jobs", "1,000 Jobs", "15,234 Jobs", "1,234,567 Jobs"];
        assert_eq!(shown, expected);
    }
}
