//! `curfew test`: what a policy must do, written down and tried.
//!
//! A fixture is a file of `kind: JobPolicyTest` ([`fixture`]); each of its cases is judged like any
//! manifest ([`run`]), and what differs from the expectation is shown ([`report`]). The format is
//! described in `policies/examples/README.md`.

pub mod fixture;
mod report;
pub mod run;

use std::path::{Path, PathBuf};

use anyhow::ensure;

use crate::cli::shared::manifests::{below, unreadable};
use crate::cli::shared::{Exit, Invalid, Printer, output};

/// Try a policy on the cases of `JobPolicyTest` fixtures
///
/// Exits with 1 where a case fails.
#[derive(Debug, clap::Args)]
pub struct Test {
    /// Fixture file, or directory: its *-test.yaml and those of all directories below it
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Format {
    #[default]
    Table,
    /// With a line for each case
    Wide,
    Json,
    Junit,
}

// === impl Test ===

impl Test {
    /// Runs the fixtures and prints what came of them.
    ///
    /// # Errors
    /// [`Invalid`] where a fixture, or a policy that it names, cannot be used; then nothing counts
    /// as tested.
    pub fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let Self { paths, output: format } = self;
        let mut problems = Vec::new();
        let mut suites = Vec::new();
        for path in &paths {
            let files = find(path).unwrap_or_else(|problem| {
                problems.push(problem);
                Vec::new()
            });
            for file in files {
                match run::run(&file, printer.colors_talk()) {
                    Ok(suite) => suites.push(suite),
                    Err(Invalid::Problems(mut found)) => problems.append(&mut found),
                    Err(Invalid::Policy(text)) => {
                        let (file, text) = (file.display(), text.trim_end());
                        problems.push(format!("{file}: its policy has errors\n{text}"));
                    }
                }
            }
        }
        ensure!(problems.is_empty(), Invalid::Problems(problems));
        printer.data(match format {
            Format::Json => output::json(&suites)?,
            Format::Junit => report::junit(&suites),
            Format::Table => report::table(&suites, false),
            Format::Wide => report::table(&suites, true),
        })?;
        let failed = suites.iter().map(run::Suite::failed).sum::<usize>();
        let passed = suites.iter().map(|suite| suite.cases.len()).sum::<usize>() - failed;
        printer.talk(format_args!("{passed} passed, {failed} failed"))?;
        Ok(if failed == 0 { Exit::Fine } else { Exit::Findings })
    }
}

/// The fixtures of one argument, in byte order of their paths.
fn find(path: &Path) -> Result<Vec<PathBuf>, String> {
    if !std::fs::metadata(path).map_err(|error| unreadable(path, &error))?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let found = below(path, |path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_fixture = name.ends_with("-test.yaml") || name.ends_with("-test.yml");
        !name.starts_with('.') && (is_fixture || path.is_dir())
    })?;
    if found.is_empty() {
        return Err(format!("{}: the folder holds no *-test.yaml", path.display()));
    }
    Ok(found)
}
