//! The policy that a command judges by: what `--policy` names, or the bundled one.

use std::path::PathBuf;

use crate::cli::shared::{Invalid, Printer, report};
use crate::policy::{Loaded, Policy, Source};
use crate::reload::{self, Accept};

/// Which policy, as the user said it.
#[derive(Clone, Debug, Default, Eq, PartialEq, clap::Args)]
pub struct Policies {
    /// Policy file or directory; repeatable [default: the bundled policy]
    #[arg(long, value_name = "PATH", env = "CURFEW_POLICY")]
    pub policy: Vec<PathBuf>,
}

/// The same for a command at a cluster, where a policy is in force.
#[derive(Clone, Debug, clap::Args)]
#[command(mut_arg("policy", |arg| arg.help(
    "Policy file or directory; repeatable [default: the policy in force in the cluster, else the \
     bundled one]"
)))]
pub struct ClusterPolicies {
    #[command(flatten)]
    pub policies: Policies,
}

// === impl Policies ===

impl Policies {
    /// Reads and loads the policy. Its lint warnings are for `check` to tell.
    ///
    /// # Errors
    /// [`Invalid`] where a path cannot be read, or the policy has errors.
    pub fn load(&self, printer: &Printer) -> Result<Policy, Invalid> {
        Ok(self.read(printer.colors_talk())?.policy)
    }

    /// As [`Policies::load`], with the warnings.
    ///
    /// # Errors
    /// As [`Policies::load`].
    pub fn read(&self, color: bool) -> Result<Loaded, Invalid> {
        load(&self.sources()?, color)
    }

    /// The files of the policy, unread by any loader.
    ///
    /// # Errors
    /// [`Invalid`] where a path cannot be read.
    pub fn sources(&self) -> Result<Vec<Source>, Invalid> {
        if self.policy.is_empty() {
            return Ok(reload::policy::bundled());
        }
        reload::policy::read(&self.policy, Accept::Pipes).map_err(Invalid::new)
    }
}

/// Makes a policy of its files.
///
/// # Errors
/// [`Invalid`] where it has errors.
pub fn load(sources: &[Source], color: bool) -> Result<Loaded, Invalid> {
    let bad = |found: Vec<_>| Invalid::Policy(report::diagnostics(&found, sources, color));
    Policy::load(sources).map_err(bad)
}
