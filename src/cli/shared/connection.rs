//! Which cluster a command talks to, as kubectl takes it.

use std::path::PathBuf;

use crate::cluster::connect::{Choice, Cluster, ConnectError, Habit};

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
    /// Finds the cluster; calls nothing yet.
    ///
    /// # Errors
    /// Where there is none, or its configuration cannot be read.
    pub async fn connect(&self, habit: Habit) -> Result<Cluster, ConnectError> {
        Cluster::connect(&self.choice(), habit).await
    }

    /// Whether there is one to find, before anybody has tried to reach it.
    pub fn finds_one(&self, habit: Habit) -> bool {
        self.choice().finds_one(habit)
    }

    fn choice(&self) -> Choice {
        let Self { kubeconfig, context } = self;
        Choice { kubeconfig: kubeconfig.clone(), context: context.clone() }
    }
}
