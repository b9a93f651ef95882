//! What is known of the objects around the one that is reviewed: its `CronJob`, its namespace.
//!
//! Whoever watches a cluster implements [`Neighbours`]; here they are only asked, and only where
//! the answer depends on them. They are lent, not copied: a [`KnownCronJob`] is held for as long
//! as the review takes, and gives the view that the policy judges.

use std::fmt::Debug;
use std::sync::Arc;

use crate::batch::owner::OwnerReference;
use crate::batch::{Map, Object};
use crate::policy::Policy;

/// Knows objects of the cluster, or does not: it never waits to find out.
///
/// `None` is always a right answer. It leaves the reviewed object as it is (policy.md, points 12
/// and 14), so whoever is in doubt gives it.
pub trait Neighbours: Debug + Send + Sync {
    /// The `CronJob` that an owner reference in a namespace means: of that name, and that uid.
    ///
    /// `None` too where less of it is kept than `policy` reads.
    fn cronjob(
        &self,
        policy: &Policy,
        namespace: &str,
        owner: &OwnerReference<'_>,
    ) -> Option<Arc<dyn KnownCronJob>>;

    /// A namespace.
    fn namespace(&self, name: &str) -> Option<Arc<dyn KnownNamespace>>;
}

/// A `CronJob` that somebody keeps.
pub trait KnownCronJob {
    /// The `CronJob` as a policy judges it.
    fn view(&self) -> Object<'_>;
}

/// A namespace that somebody keeps.
pub trait KnownNamespace {
    /// All of its labels.
    fn labels(&self) -> Map<'_>;
}
