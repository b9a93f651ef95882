//! `curfew diff`: what the webhook would change in manifests.

use std::fmt::Write as _;

use serde_yaml::Value;
use similar::{ChangeTag, TextDiff};

use crate::cli::commands::mutate::{Outcome, Outcomes};
use crate::cli::shared::judge::Context;
use crate::cli::shared::{Exit, Inputs, Printer, yaml};

/// Show what the policy would change in manifests
///
/// Exits with 1 where something would change, and with 2 where a Job or a `CronJob` could not be
/// judged. Both sides are written in one style, so that a difference is never one of layout.
#[derive(Debug, clap::Args)]
pub struct Diff {
    #[command(flatten)]
    inputs: Inputs,

    #[command(flatten)]
    context: Context,

    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Format {
    /// A unified diff for each object
    #[default]
    Diff,
    /// The names of the objects that would change
    Name,
}

// === impl Diff ===

impl Diff {
    /// Prints the differences.
    ///
    /// # Errors
    /// [`crate::cli::shared::invalid::Invalid`] where the policy or a manifest cannot be used.
    pub fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let Self { inputs, context, output: format } = self;
        let policy = context.policies.load(printer)?;
        let mut outcomes = Outcomes::read(&inputs, &context, &policy, printer)?;
        let mut exit = Exit::Fine;
        let written = |outcome: &Outcome| {
            let changed = outcome.changed.as_ref().filter(|_| !outcome.patch.0.is_empty());
            Ok(changed.map_or_else(String::new, |changed| match format {
                Format::Diff => unified(outcome, changed),
                Format::Name => outcome.document.title() + "\n",
            }))
        };
        outcomes.each(printer, written, |text, printer| {
            if !text.is_empty() {
                exit = Exit::Findings;
                printer.data(text)?;
            }
            Ok(())
        })?;
        Ok(if outcomes.exit == Exit::Fine { exit } else { outcomes.exit })
    }
}

fn unified(outcome: &Outcome, changed: &Value) -> String {
    let document = &outcome.document;
    let (before, after) = (yaml::emit(&document.value), yaml::emit(changed));
    let (origin, title) = (&document.origin, document.title());
    let diff = TextDiff::from_lines(&before, &after);
    let mut text = format!("--- {origin}: {title}\n+++ {origin}: {title}, by the policy\n");
    for hunk in diff.unified_diff().iter_hunks() {
        let _ = writeln!(text, "{CYAN}{}{CYAN:#}", hunk.header());
        for change in hunk.iter_changes() {
            let line = change.value().trim_end_matches('\n');
            let _ = match change.tag() {
                ChangeTag::Delete => writeln!(text, "{RED}-{line}{RED:#}"),
                ChangeTag::Equal => writeln!(text, " {line}"),
                ChangeTag::Insert => writeln!(text, "{GREEN}+{line}{GREEN:#}"),
            };
        }
    }
    text
}

const CYAN: anstyle::Style = anstyle::AnsiColor::Cyan.on_default();
const GREEN: anstyle::Style = anstyle::AnsiColor::Green.on_default();
const RED: anstyle::Style = anstyle::AnsiColor::Red.on_default();
