//! `curfew approve`: lets go on what the brake holds.
//!
//! The request is an annotation on the Lease. The leader counts again, and refuses where it finds
//! more than the person was shown; its answer is another annotation there.

use std::time::Duration;

use crate::cli::shared::live::lease;
use crate::cli::shared::{
    Connection, Exit, Invalid, Lease, Live, NoLease, Printer, Which, block_on,
};
use crate::clock;
use crate::sweeper::PlanId;
use crate::sweeper::brake::Approval;

/// Let the sweeper go on with what its brake holds
///
/// PLAN-ID is what `curfew status` shows beside the hold. The leader counts again, and refuses if
/// more is held by now than the id says. Exits with 1 where it is refused, or no leader answers.
#[derive(Debug, clap::Args)]
pub struct Approve {
    /// As `curfew status` shows it
    #[arg(value_name = "PLAN-ID")]
    plan: PlanId,

    #[command(flatten)]
    connection: Connection,

    #[command(flatten)]
    which: Which,

    /// How long to wait for the leader's answer, in seconds
    #[arg(
        long, value_name = "SECONDS", default_value_t = 30,
        value_parser = clap::value_parser!(u64).range(..=86_400)
    )]
    wait: u64,
}

// === impl Approve ===

impl Approve {
    /// Asks the leader, and waits for its answer.
    ///
    /// # Errors
    /// [`Invalid`] where nothing of this id is held; [`crate::cli::shared::live::OutOfReach`].
    pub fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let Self { plan, connection, which, wait } = self;
        block_on(async {
            let live = Live::connect(&connection).await?;
            let lease = which.find(&live).await.map_err(NoLease::into_error)?;
            check(&plan, &shown(&lease))?;
            let before = Approval::parse(lease.annotation(Approval::ANSWER));
            let written = lease.annotate(&live, Approval::REQUEST, &plan.to_string()).await;
            written.map_err(|error| error.about("cannot write to the Lease"))?;
            let progress = printer.progress("waiting for the leader", Some(2 * wait));
            let start = clock::instant();
            while start.elapsed() < Duration::from_secs(wait) {
                let now = lease::read(&live, &lease.namespace, &lease.name).await;
                let now = now.map_err(NoLease::into_error)?;
                let answer = Approval::parse(now.annotation(Approval::ANSWER))
                    .filter(|answer| answer.plan == plan && before.as_ref() != Some(answer));
                if let Some(Approval { plan, refused, at }) = answer {
                    drop(progress);
                    let (text, exit) = match refused {
                        None => {
                            let at = at.strftime("%Y-%m-%dT%H:%M:%SZ");
                            (format!("{plan} was approved at {at}\n"), Exit::Fine)
                        }
                        Some(why) => (format!("{plan} was refused: {why}\n"), Exit::Findings),
                    };
                    printer.data(text)?;
                    return Ok(exit);
                }
                tokio::time::sleep(BETWEEN).await;
                progress.advance(1);
            }
            drop(progress);
            printer.data(format!(
                "{plan} is requested; no leader has answered within {wait}s, and the next one will \
                 take it up\n"
            ))?;
            Ok(Exit::Findings)
        })
    }
}

/// What can be approved: the holds, and a revision that the leader has not decided about.
fn shown(lease: &Lease) -> Vec<PlanId> {
    let said = lease.status();
    let undecided = said.brake.into_iter().filter(|waiting| waiting.unknown.is_some());
    let holds = lease.brake().holds;
    holds.iter().map(PlanId::of).chain(undecided.map(|waiting| waiting.plan)).collect()
}

/// Whether anything of this id waits. How many Jobs that is by now only the leader can say.
fn check(plan: &PlanId, ids: &[PlanId]) -> Result<(), Invalid> {
    if ids.iter().any(|other| other.is_same_plan(plan)) {
        return Ok(());
    }
    let held: Vec<String> = ids.iter().map(ToString::to_string).collect();
    Err(Invalid::new(if held.is_empty() {
        "nothing is held; there is nothing to approve".to_owned()
    } else {
        format!("{plan} is not held; what is: {}", held.join(", "))
    }))
}

const BETWEEN: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::check;
    use crate::sweeper::PlanId;
    use crate::sweeper::brake::Memory;

    #[rstest::rstest]
    #[case::it("r1-1795213200-1300", None)]
    #[case::counted_anew("r1-1795213200-1299", None)]
    #[case::of_one_namespace("r1-1795213200-1300-team-a", Some("what is: r1-1795213200-1300"))]
    #[case::another_revision("r2-1795213200-1300", Some("what is: r1-1795213200-1300"))]
    #[case::another_cutoff("r1-1795213201-1300", Some("what is: r1-1795213200-1300"))]
    fn what_is_held(#[case] id: &str, #[case] expected: Option<&str>) {
        let memory = Memory::parse(Some(
            r#"{"holds": [{"revision": "r1", "cutoff": "2026-11-20T22:20:00Z",
                "horizon": "2026-11-20T23:20:00Z", "cause": "policy", "count": 1300}]}"#,
        ));
        assert_eq!(memory.holds[0].cutoff.as_second(), 1_795_213_200);
        let ids: Vec<PlanId> = memory.holds.iter().map(PlanId::of).collect();
        let id = id.parse().unwrap();
        let error = check(&id, &ids).err().map(|error| error.to_string());
        match (error, expected) {
            (None, None) => {}
            (Some(error), Some(expected)) => {
                assert!(error.contains(expected), "{error}");
            }
            (error, expected) => panic!("{error:?}, not {expected:?}"),
        }
        assert!(check(&id, &[]).unwrap_err().to_string().contains("nothing is held"));
    }
}
