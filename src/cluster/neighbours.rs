//! The [`Store`] as an admission review asks it: at once, and only for what it knows for certain.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::slim::{CronJob, Keep, Namespace};
use super::store::Store;
use crate::admission::neighbours::{KnownCronJob, KnownNamespace, Neighbours};
use crate::batch::owner::OwnerReference;
use crate::batch::{Map, Object};
use crate::policy::Policy;

/// Answers from what the watches have brought so far. Before the first list that is nothing.
#[derive(Debug)]
pub struct StoredNeighbours {
    store: Arc<Store>,
    /// Found by a walk over all rules, so it is remembered for the policy that asked last.
    needed: ArcSwapOption<Needed>,
}

/// What a policy reads.
#[derive(Debug)]
struct Needed {
    revision: String,
    keep: Keep,
}

// === impl StoredNeighbours ===

impl StoredNeighbours {
    /// Answers from a store.
    pub fn new(store: Arc<Store>) -> Self {
        Self { store, needed: ArcSwapOption::empty() }
    }

    fn needed(&self, policy: &Policy) -> Arc<Needed> {
        let known = self.needed.load();
        if let Some(needed) = known.as_ref().filter(|needed| needed.revision == policy.revision) {
            return Arc::clone(needed);
        }
        let needed = Arc::new(Needed { revision: policy.revision.clone(), keep: Keep::of(policy) });
        self.needed.store(Some(Arc::clone(&needed)));
        needed
    }
}

impl Neighbours for StoredNeighbours {
    fn cronjob(
        &self,
        policy: &Policy,
        namespace: &str,
        owner: &OwnerReference<'_>,
    ) -> Option<Arc<dyn KnownCronJob>> {
        let keep = &self.needed(policy).keep;
        let found = self.store.cronjobs.covered_owner(keep, namespace, &owner.name, &owner.uid)?;
        Some(found)
    }

    fn namespace(&self, name: &str) -> Option<Arc<dyn KnownNamespace>> {
        // All labels are kept whatever the policy, so whatever is there may be told.
        let found = self.store.namespaces.find(name)?;
        Some(found)
    }
}

impl KnownCronJob for CronJob {
    fn view(&self) -> Object<'_> {
        Self::view(self)
    }
}

impl KnownNamespace for Namespace {
    fn labels(&self) -> Map<'_> {
        self.labels.view().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
