//! What the controllers may do, asked of the API server for as long as somebody leads.
//!
//! Asked at the start, whenever the policy changes, whenever a write is refused, and again after a
//! while: a right that is missing is said once, with the chart's value that grants it, and what
//! needs it waits until it is there.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::cluster::access::{Right, missing};
use crate::policy::rule::SchedulerMode;
use crate::policy::{Action, Mode, Policy};

/// What is known of our rights.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Rights {
    /// What the API server has answered about; what was never asked for is not ours.
    pub asked: BTreeSet<Right>,
    pub missing: BTreeSet<Right>,
}

/// Asks again and again.
#[derive(Clone, Debug)]
pub struct Keeper {
    rights: watch::Receiver<Rights>,
    doubt: Arc<Notify>,
}

// === impl Rights ===

impl Rights {
    /// Whether something may be done everywhere, as far as is known.
    pub fn allow(&self, verb: &str, resource: &str) -> bool {
        let is_it = |right: &Right| right.verb == verb && right.resource == resource;
        self.asked.iter().any(is_it) && !self.missing.iter().any(is_it)
    }
}

// === impl Keeper ===

impl Keeper {
    /// Asks until `stop`, about what is `needed` by each policy that comes along.
    pub fn start(
        client: Client,
        policies: watch::Receiver<Arc<Policy>>,
        needed: fn(&Policy) -> Vec<Right>,
        stop: CancellationToken,
    ) -> Self {
        let (known, rights) = watch::channel(Rights::default());
        let doubt = Arc::new(Notify::new());
        tokio::spawn(ask(client, policies, needed, known, Arc::clone(&doubt), stop));
        Self { rights, doubt }
    }

    /// What is known just now.
    pub fn rights(&self) -> Rights {
        self.rights.borrow().clone()
    }

    /// Waits until something else is known. Cancel-safe.
    pub async fn changed(&mut self) {
        if self.rights.changed().await.is_err() {
            // Nobody asks any more: the term is over, and whoever waits is told so elsewhere.
            std::future::pending::<()>().await;
        }
    }

    /// A write was refused: what is known may no longer hold.
    pub fn doubt(&self) {
        self.doubt.notify_one();
    }
}

async fn ask(
    client: Client,
    mut policies: watch::Receiver<Arc<Policy>>,
    needed: fn(&Policy) -> Vec<Right>,
    known: watch::Sender<Rights>,
    doubt: Arc<Notify>,
    stop: CancellationToken,
) {
    loop {
        let needed = needed(&policies.borrow_and_update());
        let pause = match missing(&client, &needed).await {
            Ok(found) => {
                let missing: BTreeSet<Right> = found.into_iter().collect();
                let before = known.borrow().clone();
                tell(&before, &missing);
                let complete = missing.is_empty();
                known.send_if_modified(|rights| {
                    let fresh = Rights { asked: needed.into_iter().collect(), missing };
                    let changed = *rights != fresh;
                    *rights = fresh;
                    changed
                });
                if complete { WHEN_COMPLETE } else { WHEN_MISSING }
            }
            Err(error) => {
                tracing::warn!(%error, "nobody knows what we may do");
                WHEN_UNKNOWN
            }
        };
        // All cancel-safe: a change or a doubt that is not taken stays.
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            changed = policies.changed() => if changed.is_err() { return },
            () = doubt.notified() => {
                // Many writes are refused at once; one question is enough for all of them.
                tokio::time::sleep(AFTER_DOUBT).await;
            }
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Says what is missing now and was not before, and what is there again.
fn tell(before: &Rights, missing: &BTreeSet<Right>) {
    for right in missing.difference(&before.missing) {
        tracing::error!(%right, mend = %right.grant(), "not permitted; what needs it waits");
    }
    for right in before.missing.difference(missing) {
        tracing::info!(%right, "permitted now");
    }
}

/// The rights that a policy needs for the sweeper, beside those by which a replica leads.
pub fn of_sweeper(policy: &Policy) -> Vec<Right> {
    let acts = policy.mode != Mode::Off;
    let rules = policy.rules.iter().filter_map(|rule| rule.settings.stored);
    let strongest = rules.chain([policy.stored.action]).max().filter(|_| acts).unwrap_or_default();
    let mut rights = Vec::new();
    let mut reads = vec![("batch", "jobs"), ("batch", "cronjobs")];
    if policy.needs_namespace_labels() {
        reads.push(("", "namespaces"));
    }
    for (group, resource) in reads {
        rights.extend(["list", "watch"].map(|verb| Right::everywhere(verb, group, resource)));
    }
    if strongest >= Action::Marked {
        rights.push(Right::everywhere("patch", "batch", "jobs"));
        rights.push(Right::everywhere("patch", "batch", "cronjobs"));
    }
    if strongest >= Action::Delete {
        rights.push(Right::everywhere("delete", "batch", "jobs"));
        // Contract, point 6: whoever deletes says so.
        rights.push(Right::everywhere("create", "events.k8s.io", "events"));
    }
    rights
}

/// The rights that a policy needs for the scheduler, beside the reads that the sweeper needs, too.
pub fn of_scheduler(policy: &Policy) -> Vec<Right> {
    let jobs = |verb| Right::everywhere(verb, "batch", "jobs");
    let cronjobs = |verb| Right::everywhere(verb, "batch", "cronjobs");
    let mut rights = match policy.scheduler.mode {
        SchedulerMode::Off | SchedulerMode::Observe => return Vec::new(),
        SchedulerMode::Backstop => Vec::new(),
        // History limits, and `concurrencyPolicy: Replace`.
        SchedulerMode::Own => vec![jobs("delete")],
    };
    rights.extend([
        jobs("create"),
        jobs("get"),
        cronjobs("get"),
        cronjobs("patch").of("status"),
        // For `blockOwnerDeletion`, where the API server asks for it (upstream-semantics.md, 6.3).
        cronjobs("update").of("finalizers"),
        Right::everywhere("create", "events.k8s.io", "events"),
    ]);
    rights
}

/// Rights are taken away, too, and a write that is refused tells it sooner.
const WHEN_COMPLETE: Duration = Duration::from_secs(600);

/// Somebody who mends it should see the effect soon.
const WHEN_MISSING: Duration = Duration::from_secs(15);
const WHEN_UNKNOWN: Duration = Duration::from_secs(5);
const AFTER_DOUBT: Duration = Duration::from_secs(1);
