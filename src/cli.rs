//! The command line: what a user typed, which command that is, and what becomes of its result.
//!
//! [`Cli::run`] is the entry point. Each command has a file below [`commands`] with its arguments and a
//! `run` that answers with an [`Exit`]; whatever fails is turned into an exit code in one place, here. Only
//! [`Printer`] prints.

pub mod commands;
pub mod shared;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser};

use self::commands::Command;
use self::shared::exit::Exit;
use self::shared::invalid::Invalid;
use self::shared::kubectl::{self, Guise};
use self::shared::live::OutOfReach;
use self::shared::printer::Printer;

/// Gives every Kubernetes Job a TTL, by policy
#[derive(Debug, Parser)]
#[command(name = "curfew", version, about, arg_required_else_help = true, max_term_width = 100)]
pub struct Cli {
    /// Say nothing on stderr but errors
    #[arg(short, long, global = true)]
    quiet: bool,

    #[command(subcommand)]
    command: Command,
}

// === impl Cli ===

impl Cli {
    /// Parses the arguments of this process and runs the command.
    pub fn main() -> ExitCode {
        let arguments: Vec<OsString> = std::env::args_os().collect();
        if Guise::of(arguments.first()) == Guise::Completion {
            let told =
                kubectl::completions(Self::command(), arguments.get(1..).unwrap_or_default());
            // Whoever pressed the tab key has no use for an error.
            let _ = Printer::new(true).data(told);
            return Exit::Fine.into();
        }
        match Self::parse_from(&arguments) {
            Ok(cli) => cli.run().into(),
            Err(error) => {
                // Help and version are answers, and go to stdout. A closed pipe is no failure.
                let _ = error.print();
                if error.use_stderr() { Exit::Usage.into() } else { Exit::Fine.into() }
            }
        }
    }

    fn parse_from(arguments: &[OsString]) -> Result<Self, clap::Error> {
        let mut command = Self::command();
        if Guise::of(arguments.first()) == Guise::Plugin {
            command = command.bin_name("kubectl curfew");
        }
        Self::from_arg_matches(&command.try_get_matches_from_mut(arguments)?)
    }

    /// Runs the command; whatever goes wrong is said on stderr.
    pub fn run(self) -> Exit {
        let Self { quiet, command } = self;
        let mut printer = Printer::new(quiet);
        let result = command.run(Self::command, &mut printer);
        result.unwrap_or_else(|error| failed(&error, &mut printer))
    }
}

/// Says what went wrong, and finds the exit code for it.
fn failed(error: &anyhow::Error, printer: &mut Printer) -> Exit {
    let closed = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    };
    if error.chain().any(closed) {
        // Whoever reads has seen enough.
        return Exit::Fine;
    }
    let (lines, exit) = match error.downcast_ref::<Invalid>() {
        Some(Invalid::Policy(text)) => (vec![text.trim_end().to_owned()], Exit::Usage),
        Some(Invalid::Problems(problems)) => {
            (problems.iter().map(|problem| format!("error: {problem}")).collect(), Exit::Usage)
        }
        None => {
            let exit = if error.is::<OutOfReach>() { Exit::Cluster } else { Exit::Internal };
            (vec![format!("error: {error:#}")], exit)
        }
    };
    for line in lines {
        // Where stderr is gone, too, the exit code is all that is left.
        let _ = printer.error(line);
    }
    exit
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::{Cli, Exit, Invalid, OutOfReach, Printer, failed};

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_plugin_is_used_as_kubectl_spells_it() {
        let arguments = ["/usr/bin/kubectl-curfew", "mutate"].map(Into::into);
        let error = Cli::parse_from(&arguments).unwrap_err().to_string();
        assert!(error.contains("Usage: kubectl curfew mutate"), "{error}");
    }

    #[rstest::rstest]
    #[case::bad_input(Invalid::new("no").into(), Exit::Usage)]
    #[case::closed_pipe(
        anyhow::Error::new(std::io::Error::from(std::io::ErrorKind::BrokenPipe)).context("x"),
        Exit::Fine
    )]
    #[case::no_cluster(OutOfReach("cannot list jobs".to_owned()).into(), Exit::Cluster)]
    #[case::ours(anyhow::anyhow!("x"), Exit::Internal)]
    fn an_error_has_an_exit_code(#[case] error: anyhow::Error, #[case] expected: Exit) {
        assert_eq!(failed(&error, &mut Printer::new(true)), expected);
    }
}
