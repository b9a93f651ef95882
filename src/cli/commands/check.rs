//! `curfew check`: whether a policy loads, and what is odd about it.

use std::path::PathBuf;

use serde::Serialize;

use crate::cli::shared::{Exit, Policies, Printer, output, report};
use crate::policy::{Diagnostic, Policy, Severity, Source};

/// Load a policy and tell everything that is wrong or odd about it
#[derive(Debug, clap::Args)]
pub struct Check {
    /// Policy files and directories, which make up one policy [default: the bundled policy]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Exit with 1 where there are warnings
    #[arg(long)]
    strict: bool,

    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
}

/// The answer for machines.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rules: Option<usize>,
    errors: usize,
    warnings: usize,
    findings: &'a [Diagnostic],
}

// === impl Check ===

impl Check {
    /// Checks the policy; errors end with 2, warnings with 1 under `--strict`.
    ///
    /// # Errors
    /// [`crate::cli::shared::invalid::Invalid`] where a path cannot be read.
    pub fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let Self { paths, strict, output: format } = self;
        let sources = Policies { policy: paths }.sources()?;
        let (policy, findings) = match Policy::load(&sources) {
            Ok(loaded) => (Some(loaded.policy), loaded.warnings),
            Err(found) => (None, found),
        };
        match format {
            Format::Json => printer.data(output::json(&answer(policy.as_ref(), &findings))?)?,
            Format::Text => text(policy.as_ref(), &findings, &sources, printer)?,
        }
        Ok(match policy {
            None => Exit::Usage,
            Some(_) if strict && !findings.is_empty() => Exit::Findings,
            Some(_) => Exit::Fine,
        })
    }
}

fn answer<'a>(policy: Option<&'a Policy>, findings: &'a [Diagnostic]) -> Answer<'a> {
    Answer {
        name: policy.map(|policy| policy.name.as_str()),
        revision: policy.map(|policy| policy.revision.as_str()),
        rules: policy.map(|policy| policy.rules.len()),
        errors: count(findings, Severity::Error),
        warnings: count(findings, Severity::Warning),
        findings,
    }
}

fn text(
    policy: Option<&Policy>,
    findings: &[Diagnostic],
    sources: &[Source],
    printer: &mut Printer,
) -> std::io::Result<()> {
    let report = report::diagnostics(findings, sources, printer.colors_data());
    if !report.is_empty() {
        printer.data(format_args!("{}\n", report.trim_end()))?;
    }
    let counted = |severity| output::counted(count(findings, severity), severity.as_str());
    let (errors, warnings) = (counted(Severity::Error), counted(Severity::Warning));
    printer.talk(match policy {
        None => format!("{errors}, {warnings}"),
        Some(Policy { name, revision, rules, .. }) => {
            let rules = output::counted(rules.len(), "rule");
            format!("policy {name}, {rules}, revision {revision}: {errors}, {warnings}")
        }
    })
}

fn count(findings: &[Diagnostic], severity: Severity) -> usize {
    findings.iter().filter(|finding| finding.severity == severity).count()
}
