//! `curfew completion`: a script that makes a shell complete our commands and flags.

use clap_complete::Shell;

use crate::cli::shared::{Exit, Printer};

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "To try it: source <(curfew completion bash)")]
pub struct Completion {
    shell: Shell,
}

// === impl Completion ===

impl Completion {
    /// Prints the script for `command`, which is all of ours.
    ///
    /// # Errors
    /// Where stdout cannot be written to.
    pub fn run(self, mut command: clap::Command, printer: &mut Printer) -> anyhow::Result<Exit> {
        let Self { shell } = self;
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut command, "curfew", &mut script);
        printer.data(String::from_utf8(script)?)?;
        Ok(Exit::Fine)
    }
}
