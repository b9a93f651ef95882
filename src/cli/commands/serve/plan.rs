//! What is to run.

use std::net::SocketAddr;
use std::time::Duration;

use jiff::Timestamp;
use rustls::RootCertStore;

use super::cluster::ClusterArgs;
use super::reloading::{self, PolicyFiles, PolicyRefusal};
use crate::cli::shared::{Invalid, Policies, Printer, report};
use crate::pki::laptop::Laptop;
use crate::pki::{Pair, PairError};
use crate::policy::Loaded;
use crate::reload::certificate::{Bundle, PairFiles};
use crate::reload::{Refusal, Started};
use crate::server::tls::TlsVersion;
use crate::telemetry::LogFormat;

/// What is to run: read, checked, and ready to begin.
pub(super) struct Plan {
    pub(super) listen: SocketAddr,
    pub(super) admin_listen: SocketAddr,
    pub(super) policy: PolicyPlan,
    pub(super) pair: PairPlan,
    pub(super) oldest: TlsVersion,
    pub(super) authorities: Option<Started<Bundle, RootCertStore, PairError>>,
    /// The self-signed pair, where nobody gave one.
    pub(super) laptop: Option<Laptop>,
    pub(super) cluster: ClusterArgs,
    pub(super) own_namespace: Option<String>,
    pub(super) drain_delay: Duration,
    pub(super) log_format: LogFormat,
}

/// Where the pair comes from.
pub(super) enum PairPlan {
    Files(Started<PairFiles, Pair, PairError>),
    /// The names of a Secret and of the Service.
    Secret {
        secret: String,
        service: String,
    },
}

pub(super) enum PolicyPlan {
    /// Cannot change.
    Bundled(Loaded),
    Files(Started<PolicyFiles, Loaded, PolicyRefusal>),
}

// === impl PolicyPlan ===

impl PolicyPlan {
    pub(super) fn load(
        policies: Policies,
        has_cluster: bool,
        now: Timestamp,
        printer: &Printer,
    ) -> Result<Self, Invalid> {
        let Policies { policy: paths } = policies;
        let color = printer.colors_talk();
        if paths.is_empty() {
            let sources = crate::reload::policy::bundled();
            return reloading::load(&sources, has_cluster)
                .map(Self::Bundled)
                .map_err(|refusal| refusal.explain(color));
        }
        reloading::watch_policy(paths, has_cluster, now).map(Self::Files).map_err(|refusal| {
            match refusal {
                Refusal::Content(refusal) => refusal.explain(color),
                Refusal::Read(error) => Invalid::new(error),
            }
        })
    }
}

// === impl PolicyRefusal ===

impl PolicyRefusal {
    /// As a person at a terminal wants to see it.
    fn explain(self, color: bool) -> Invalid {
        match self {
            Self::Errors { found, sources } => {
                Invalid::Policy(report::diagnostics(&found, &sources, color))
            }
            Self::NeedsCluster => Invalid::new(self.to_string()),
        }
    }
}
