//! What curfew can be asked to do: a file for each command, and the list of them.

pub mod approve;
pub mod certs;
pub mod check;
pub mod completion;
pub mod cronjobs;
pub mod diff;
pub mod explain;
pub mod export;
pub mod hold;
pub mod mutate;
pub mod next;
pub mod plan;
pub mod policy_test;
pub mod schema;
pub mod serve;
pub mod status;
pub mod sweep;
pub mod version;

use clap::Subcommand;

use crate::cli::shared::{Exit, Printer};

/// What curfew can be asked to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    Serve(Box<serve::Serve>),
    Check(check::Check),
    Mutate(mutate::Mutate),
    Diff(diff::Diff),
    Explain(explain::Explain),
    Plan(plan::Plan),
    Sweep(sweep::Sweep),
    Hold(hold::Hold),
    Approve(approve::Approve),
    Next(next::Next),
    Cronjobs(cronjobs::Cronjobs),
    Status(status::Status),
    Test(policy_test::Test),
    Export(export::Export),
    Schema(schema::Schema),
    Certs(certs::Certs),
    Completion(completion::Completion),
    Version(version::Version),
}

// === impl Command ===

impl Command {
    /// Runs the command; `whole` describes all of them.
    ///
    /// # Errors
    /// Those of the command.
    pub fn run(self, whole: fn() -> clap::Command, printer: &mut Printer) -> anyhow::Result<Exit> {
        match self {
            Self::Approve(command) => command.run(printer),
            Self::Certs(command) => command.run(printer),
            Self::Check(command) => command.run(printer),
            Self::Completion(command) => command.run(whole(), printer),
            Self::Cronjobs(command) => command.run(printer),
            Self::Diff(command) => command.run(printer),
            Self::Explain(command) => command.run(printer),
            Self::Export(command) => command.run(printer),
            Self::Hold(command) => command.run(printer),
            Self::Mutate(command) => command.run(printer),
            Self::Next(command) => command.run(printer),
            Self::Plan(command) => command.run(printer),
            Self::Schema(command) => command.run(printer),
            Self::Serve(command) => command.run(printer),
            Self::Status(command) => command.run(printer),
            Self::Sweep(command) => command.run(printer),
            Self::Test(command) => command.run(printer),
            Self::Version(command) => command.run(printer),
        }
    }
}
