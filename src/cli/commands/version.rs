//! `curfew version`: which build this is, and what it reads.

use std::env::consts;

use serde::Serialize;

use crate::cli::shared::{Exit, Output, Printer};

/// Print the version and what this build reads
#[derive(Debug, clap::Args)]
pub struct Version {
    #[command(flatten)]
    output: Output,
}

/// What there is to say about a build.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Build {
    version: &'static str,
    /// Set by whoever builds a release; a build from a working copy has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<&'static str>,
    profile: &'static str,
    platform: String,
    policy_versions: [&'static str; 1],
}

// === impl Version ===

impl Version {
    /// Prints it.
    ///
    /// # Errors
    /// Where stdout cannot be written to.
    pub fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let Self { output: Output { format } } = self;
        let build = Build {
            version: env!("CARGO_PKG_VERSION"),
            commit: option_env!("CURFEW_COMMIT"),
            profile: if cfg!(debug_assertions) { "debug" } else { "release" },
            platform: format!("{}/{}", consts::OS, consts::ARCH),
            policy_versions: ["curfew.dev/v1alpha1"],
        };
        let line = |build: &Build| {
            let Build { version, commit, profile, platform, policy_versions: [reads] } = build;
            let commit = commit.map_or_else(String::new, |commit| format!(" ({commit})"));
            format!("curfew {version}{commit}, {profile}, {platform}, reads {reads}\n")
        };
        printer.data(format.text(&build, line)?)?;
        Ok(Exit::Fine)
    }
}
