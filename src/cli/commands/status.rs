//! `curfew status`: how the installation in a cluster is doing, as far as the API server knows.
//!
//! The leader says most of it on its Lease, and each replica what it runs; the rest is what is
//! registered. No Pod is asked. What may not be read is said to be so, and is never passed over as
//! if all were well.

mod attention;
mod replicas;
mod report;
mod tables;
mod webhook;

use std::time::Duration;

use self::attention::{About, Attention};
use self::report::{Part, Report};
use crate::cli::shared::{Connection, Exit, Live, OutOfReach, Output, Printer, Which, block_on};
use crate::clock;

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

    #[command(flatten)]
    output: Output,
}

// === impl Status ===

impl Status {
    /// Prints it.
    ///
    /// # Errors
    /// [`OutOfReach`]; [`crate::cli::shared::invalid::Invalid`] where it is not clear which installation is meant.
    pub fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let Self { connection, which, installation, wait, output: Output { format } } = self;
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
        printer.data(format.text(&report, tables::render)?)?;
        if let (Part::NotPermitted(why), Part::NotPermitted(_)) = (&report.leader, &report.webhooks)
        {
            return Err(OutOfReach(format!("nothing may be read here: {why}")).into());
        }
        Ok(if report.attention.iter().any(counts) { Exit::Findings } else { Exit::Fine })
    }
}

/// Between two looks.
const BETWEEN: Duration = Duration::from_secs(1);
