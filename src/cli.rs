//! The command line: what a user typed, which command that is, and what becomes of its result.

pub mod manifests;
pub mod output;
pub mod policies;
pub mod printer;
pub mod report;
pub mod serve;
pub mod yaml;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::printer::Printer;

/// Gives every Kubernetes Job a TTL, by policy
#[derive(Debug, Parser)]
#[command(name = "curfew", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(Box<serve::Serve>),
}

/// How a command ended, as scripts see it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Exit {
    /// Nothing to complain about.
    Fine = 0,
    /// The arguments, a policy or other input cannot be used.
    Usage = 2,
    /// Ours to mend.
    Internal = 4,
}

/// What the user gave us cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Invalid {
    /// Findings in a policy, already laid out for people.
    #[error("{}", .0.trim_end())]
    Policy(String),
    /// One line each.
    #[error("{}", .0.join("\n"))]
    Problems(Vec<String>),
}

// === impl Cli ===

impl Cli {
    /// Parses the arguments of this process and runs the command.
    pub fn main() -> ExitCode {
        let Self { command: Command::Serve(serve) } = Self::parse();
        let mut printer = Printer::new(false);
        let exit = serve.run(&mut printer).unwrap_or_else(|error| {
            let (line, exit) = match error.downcast_ref::<Invalid>() {
                Some(Invalid::Policy(text)) => (text.clone(), Exit::Usage),
                Some(Invalid::Problems(lines)) => {
                    (format!("error: {}", lines.join("\nerror: ")), Exit::Usage)
                }
                None => (format!("error: {error:#}"), Exit::Internal),
            };
            // Where stderr is gone, too, the exit code is all that is left.
            let _ = printer.error(line);
            exit
        });
        exit.into()
    }
}

// === impl Exit ===

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

// === impl Invalid ===

impl Invalid {
    /// A single complaint.
    pub fn new(problem: impl Into<String>) -> Self {
        Self::Problems(vec![problem.into()])
    }
}
