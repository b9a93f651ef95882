//! `curfew completion`: a script that makes a shell complete our commands and flags.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::printer::Printer;
use super::{Cli, Exit};

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "To try it: source <(curfew completion bash)")]
pub struct Completion {
    shell: Shell,
}

// === impl Completion ===

impl Completion {
    /// Prints the script.
    ///
    /// # Errors
    /// Where stdout cannot be written to.
    pub fn run(self, printer: &mut Printer) -> Result<Exit, anyhow::Error> {
        let Self { shell } = self;
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "curfew", &mut script);
        printer.data(String::from_utf8(script)?)?;
        Ok(Exit::Fine)
    }
}
