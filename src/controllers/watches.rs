//! The watches of a replica, and the store that they fill.
//!
//! Jobs and `CronJob`s are always watched, Namespaces from the first policy on that asks for their
//! labels. Every replica watches: the webhook's handler reads the store on each call, and whoever
//! becomes leader can start at once.

use std::sync::Arc;

use kube::{Api, Client};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::feed::{Fed, Feeds};
use crate::clock::HashSet;
use crate::cluster::slim::{Keep, Key};
use crate::cluster::store::Store;
use crate::cluster::watch::{Health, follow};
use crate::policy::Policy;

/// Holds the store and what the watches need to know.
#[derive(Debug)]
pub struct Watches {
    /// What is in the cluster.
    pub store: Arc<Store>,
    /// What has happened there, for whoever leads.
    pub feeds: Feeds,
    keep: watch::Sender<Arc<Keep>>,
    health: [(&'static str, watch::Receiver<Health>); 3],
}

// === impl Watches ===

impl Watches {
    /// Starts to watch, with what a policy needs, until `stop`.
    pub fn start(client: &Client, policy: &Policy, stop: &CancellationToken) -> Self {
        let store = Arc::new(Store::default());
        let feeds = Feeds::default();
        let (keep, wanted) = watch::channel(Arc::new(Keep::of(policy)));
        let (jobs, jobs_health) = watch::channel(Health::default());
        let (cronjobs, cronjobs_health) = watch::channel(Health::default());
        let (namespaces, namespaces_health) = watch::channel(Health::default());
        tokio::spawn(follow(
            Api::all(client.clone()),
            wanted.clone(),
            Fed { index: Arc::clone(&store.jobs), feeds: feeds.clone() },
            jobs,
            stop.clone(),
        ));
        tokio::spawn(follow(
            Api::all(client.clone()),
            wanted.clone(),
            Fed { index: Arc::clone(&store.cronjobs), feeds: feeds.clone() },
            cronjobs,
            stop.clone(),
        ));
        let index = Fed { index: Arc::clone(&store.namespaces), feeds: feeds.clone() };
        let (client, stop) = (client.clone(), stop.clone());
        tokio::spawn(async move {
            let mut asked = wanted.clone();
            let needed = asked.wait_for(|keep| keep.needs_namespaces());
            // Cancel-safe: nothing was taken.
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                found = needed => if found.is_err() { return },
            }
            follow(Api::all(client), wanted, index, namespaces, stop).await;
        });
        let health = [
            ("jobs", jobs_health),
            ("cronjobs", cronjobs_health),
            ("namespaces", namespaces_health),
        ];
        Self { store, feeds, keep, health }
    }

    /// Nothing is watched: a test fills the store.
    #[cfg(test)]
    pub(super) fn none() -> Self {
        let health = ["jobs", "cronjobs", "namespaces"];
        Self {
            store: Arc::default(),
            feeds: Feeds::default(),
            keep: watch::Sender::new(Arc::default()),
            health: health.map(|kind| (kind, watch::Sender::new(Health::default()).subscribe())),
        }
    }

    /// Another policy has come: what it reads and was not kept is listed again.
    pub fn keep_for(&self, policy: &Policy) {
        let keep = Arc::new(Keep::of(policy));
        self.keep.send_if_modified(|present| {
            let changed = **present != *keep;
            *present = keep;
            changed
        });
    }

    /// The Jobs that are stored and cannot be decoded.
    pub fn undecodable_jobs(&self) -> Arc<HashSet<Key>> {
        let [(_, jobs), _, _] = &self.health;
        Arc::clone(&jobs.borrow().undecodable)
    }

    /// The `CronJob`s that are stored and cannot be decoded.
    pub fn undecodable_cronjobs(&self) -> Arc<HashSet<Key>> {
        let [_, (_, cronjobs), _] = &self.health;
        Arc::clone(&cronjobs.borrow().undecodable)
    }

    /// Whether a `CronJob` is stored and cannot be decoded. To be asked after the store.
    pub fn is_undecodable_cronjob(&self, key: &Key) -> bool {
        let [_, (_, cronjobs), _] = &self.health;
        cronjobs.borrow().undecodable.contains(key)
    }

    /// Each kind that is watched, and how that goes.
    pub fn health(&self) -> impl Iterator<Item = (&'static str, Health)> {
        let needs_namespaces = self.keep.borrow().needs_namespaces();
        self.health
            .iter()
            .filter(move |(kind, _)| needs_namespaces || *kind != "namespaces")
            .map(|(kind, health)| (*kind, health.borrow().clone()))
    }
}
