//! One replica at a cluster: everything that runs there, put together.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::certificates::Certificates;
use super::{ControllerContext, Scheduler, Sweeper, Watches, heartbeat};
use crate::admission::neighbours::Neighbours;
use crate::cluster::connect::Cluster;
use crate::cluster::events::{About, Event, Recorder};
use crate::cluster::neighbours::StoredNeighbours;
use crate::leader::lease::LeaseLock;
use crate::leader::replica::ServedCertificate;
use crate::leader::{Candidate, LeaderStatus, Replica, Timing, task};
use crate::metrics::Metrics;
use crate::pki::Pair;
use crate::policy::Policy;
use crate::sweeper::Reach;

/// As what a replica is installed.
#[derive(Clone, Debug, Default)]
pub struct Installation {
    /// What this machine is called, which is the readable part of the replica's identity.
    pub host: String,
    pub own_namespace: Option<String>,
    /// Of the Lease in our own namespace by which one replica leads.
    pub lease_name: String,
    /// The `MutatingWebhookConfiguration` that registers us.
    pub webhook_name: String,
    /// The `ValidatingWebhookConfiguration` that guards the policy, where there is one.
    pub policy_webhook_name: Option<String>,
    /// `Own` begins without looking first whether somebody else starts `CronJob`s.
    pub force_own: bool,
    /// Where anything is written; everywhere where it is empty.
    pub write_namespaces: Vec<String>,
}

/// What runs on a cluster.
pub struct Running {
    context: ControllerContext,
    policies: watch::Sender<Arc<Policy>>,
    /// Why the policy on disk is not in use; `None` where it is.
    refused: Arc<ArcSwapOption<String>>,
    /// Namespace and name.
    lease: (String, String),
    /// The election, and with it all work; what we say of ourselves; then the Events.
    tasks: Mutex<Vec<JoinHandle<()>>>,
    stop: CancellationToken,
    /// Events are written until the rest has ended.
    stop_events: CancellationToken,
}

// === impl Running ===

impl Running {
    /// Keeps the pair in the Secret good, and shows each through `show`.
    pub fn keep_certificates(
        &self,
        certificates: Certificates,
        show: impl Fn(Pair) + Send + Sync + 'static,
    ) {
        tokio::spawn(certificates.run(self.context.standing.clone(), show, self.stop.clone()));
    }

    /// Starts everything. Before this replica leads, nothing is written but what it says of itself,
    /// and which certificate it shows, by `shown`.
    pub fn start(
        cluster: Cluster,
        installation: Installation,
        policy: &Arc<Policy>,
        metrics: &Arc<Metrics>,
        shown: impl Fn() -> Option<ServedCertificate> + Send + Sync + 'static,
    ) -> Self {
        let reach = Arc::new(Reach::only(installation.write_namespaces));
        let own_namespace = installation.own_namespace;
        let namespace = own_namespace.as_ref().unwrap_or(&cluster.namespace).clone();
        let lease_name = installation.lease_name;
        let proxy = cluster.proxy.as_ref().map(tracing::field::display);
        tracing::info!(
            cluster.url, proxy, namespace, lease = lease_name, writes = %reach,
            "looking after a cluster"
        );
        let (stop, stop_events) = (CancellationToken::new(), CancellationToken::new());
        let client = cluster.client.clone();
        let watches = Arc::new(Watches::start(&client, policy, &stop));
        let (policies, in_use) = watch::channel(Arc::clone(policy));
        let candidate =
            Candidate { identity: task::identity(&installation.host), timing: Timing::default() };
        let identity = candidate.identity.clone();
        let (recorder, events) = Recorder::start(client.clone(), &identity, stop_events.clone());
        let (told, standing) = watch::channel(LeaderStatus::default());
        let lease = LeaseLock::new(client, &namespace, &lease_name);
        let context = ControllerContext {
            cluster,
            watches,
            policies: in_use,
            standing,
            lease: lease.clone(),
            identity,
            recorder,
            metrics: Arc::clone(metrics),
            own_namespace,
            reach,
        };
        let refused = Arc::new(ArcSwapOption::empty());
        let look = {
            let (policies, refused) = (context.policies.clone(), Arc::clone(&refused));
            let webhook = installation.webhook_name.clone();
            move || Replica {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                revision: policies.borrow().revision.clone(),
                refused: refused.load().as_deref().cloned(),
                webhook: webhook.clone(),
                policy_webhook: installation.policy_webhook_name.clone(),
                certificate: shown(),
                ..Replica::default()
            }
        };
        let heartbeat = tokio::spawn(heartbeat::run(context.clone(), look, stop.clone()));
        let scheduler =
            Arc::new(Scheduler { context: context.clone(), force_own: installation.force_own });
        let sweeper = Arc::new(Sweeper {
            context: context.clone(),
            lease_name: (namespace.clone(), lease_name.clone()),
            registration: installation.webhook_name,
        });
        let election = tokio::spawn(task::run(lease, candidate, told, stop.clone(), move |term| {
            let sweeping = Arc::clone(&sweeper).work(term.clone());
            let scheduling = Arc::clone(&scheduler).work(term);
            async {
                tokio::join!(sweeping, scheduling);
            }
        }));
        Self {
            context,
            policies,
            refused,
            lease: (namespace, lease_name),
            tasks: Mutex::new(vec![election, heartbeat, events]),
            stop,
            stop_events,
        }
    }

    /// By which name this replica stands for election.
    pub fn identity(&self) -> &str {
        &self.context.identity
    }

    /// What is in the cluster, for the webhook.
    pub fn neighbours(&self) -> Arc<dyn Neighbours> {
        Arc::new(StoredNeighbours::new(Arc::clone(&self.context.watches.store)))
    }

    /// The cluster's address.
    pub fn url(&self) -> &str {
        &self.context.cluster.url
    }

    /// Tells everybody which policy is in use, and in the cluster why what lies on disk is not.
    pub fn policy(&self, policy: &Arc<Policy>, refused: Option<String>) {
        if let Some(why) = &refused {
            let (namespace, name) = &self.lease;
            self.context.recorder.record(Event {
                about: About::lease(namespace, name),
                warning: true,
                reason: "PolicyRefused",
                action: "Load",
                note: format!("the last good policy stays: {why}"),
            });
        }
        self.refused.store(refused.map(Arc::new));
        self.context.watches.keep_for(policy);
        self.policies.send_if_modified(|present| {
            let changed = present.revision != policy.revision;
            *present = Arc::clone(policy);
            changed
        });
    }

    /// Stops working, gives the Lease back, and writes the last Events.
    pub async fn stop(&self) {
        let tasks = mem::take(&mut *self.tasks.lock());
        for (task, token) in tasks.into_iter().zip([&self.stop, &self.stop, &self.stop_events]) {
            token.cancel();
            if tokio::time::timeout(PATIENCE, task).await.is_err() {
                tracing::warn!("something did not end in time");
            }
        }
    }
}

/// Several calls in a row may take so long, and a pod is given more to end.
const PATIENCE: Duration = Duration::from_secs(15);
