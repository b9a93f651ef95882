//! Which cluster a command talks to, as kubectl takes it.

use std::path::PathBuf;

use crate::cluster::connect::Choice;

/// The flags of kubectl for it.
#[derive(Clone, Debug, Default, Eq, PartialEq, clap::Args)]
pub struct Connection {
    /// Kubeconfig file of the cluster
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,

    /// Context of the kubeconfig
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
}

// === impl Connection ===

impl Connection {
    /// What was chosen.
    pub fn choice(&self) -> Choice {
        let Self { kubeconfig, context } = self;
        Choice { kubeconfig: kubeconfig.clone(), context: context.clone() }
    }
}
