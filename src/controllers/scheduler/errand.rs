//! What a pass is given: the Jobs of a `CronJob`, which of them are held, and in which capacity it is
//! made.

use std::sync::Arc;

use jiff::Timestamp;

use super::control_loop::ControlLoop;
use super::reconcile::{Help, Manner};
use crate::batch::Map;
use crate::clock::HashSet;
use crate::cluster::slim::{CronJob, Job, Uid};
use crate::policy::decide::{Input, Operation};
use crate::policy::protects;
use crate::policy::record::HOLD_UNTIL;
use crate::policy::rule::SchedulerMode;
use crate::policy::settings::Ttl;
use crate::policy::value::Seconds;

// === impl ControlLoop ===

impl ControlLoop<'_> {
    /// In which capacity a pass is made; `None` where there is nothing to do here.
    pub(super) fn manner(&self, cronjob: &CronJob, since: Timestamp) -> Option<Manner> {
        if self.mode() == SchedulerMode::Own {
            return Some(Manner::Own);
        }
        let selector = self.policy.scheduler.selector.as_ref()?;
        let own_namespace = self.context.own_namespace.as_deref();
        selector.matches(|key| cronjob.meta.labels.get(key)).then(|| {
            Manner::Backstop(Help {
                protected: protects(&cronjob.meta.namespace, own_namespace),
                watched: since,
                grace: self.grace(),
                zone_known: self.policy.scheduler.cluster_time_zone.is_some(),
                ttl: self.shortest_ttl(cronjob),
            })
        })
    }

    /// The shortest life after its end that a Job of this `CronJob` may have.
    pub(super) fn shortest_ttl(&self, cronjob: &CronJob) -> Option<i64> {
        let object = cronjob.view();
        let template = object.template_spec().and_then(|spec| spec.ttl_seconds_after_finished);
        let supplied = self.input(cronjob, &object, None, |input| {
            let resolved = self.policy.decide(input).resolved;
            let sides = match resolved.ttl.map(|supplied| supplied.value) {
                None | Some(Ttl::Unset) => [None, None],
                Some(Ttl::Fixed(ttl)) => [Some(ttl), None],
                Some(Ttl::Pair { on_success, on_failure }) => [on_success, on_failure],
            };
            let longest = resolved.ttl_max.map(|supplied| supplied.value);
            sides.into_iter().chain([longest]).flatten().map(Seconds::get).min()
        });
        template.into_iter().chain(supplied).min()
    }

    /// The Jobs whose owner has the name of a `CronJob`.
    pub(super) fn jobs_of(&self, cronjob: &CronJob) -> Vec<Arc<Job>> {
        let meta = &cronjob.meta;
        self.context.watches.store.jobs.owned_by(&meta.namespace, &meta.name)
    }

    /// Those that somebody wants to keep, and may.
    pub(super) fn held(&self, cronjob: &CronJob, jobs: &[Arc<Job>]) -> HashSet<Uid> {
        let now = self.now();
        let is_held = |job: &Job| {
            let object = job.view();
            let family = cronjob.view();
            self.input(cronjob, &object, Some(&family), |input| {
                self.policy.decide(input).held_until.is_some_and(|until| until > now)
            })
        };
        let asks = |job: &&Arc<Job>| job.meta.annotations.get(HOLD_UNTIL).is_some();
        jobs.iter().filter(asks).filter(|job| is_held(job)).map(|j| j.meta.uid.clone()).collect()
    }

    pub(super) fn input<T>(
        &self,
        cronjob: &CronJob,
        object: &crate::batch::Object<'_>,
        family: Option<&crate::batch::Object<'_>>,
        ask: impl FnOnce(&Input<'_>) -> T,
    ) -> T {
        let namespace = &*cronjob.meta.namespace;
        let found = self.context.watches.store.namespaces.find(namespace);
        let labels: Option<Map<'_>> = found.as_ref().and_then(|found| found.labels.view());
        ask(&Input {
            operation: Operation::Stored,
            object,
            old: None,
            cronjob: family,
            namespace,
            namespace_labels: labels.as_ref(),
            own_namespace: self.context.own_namespace.as_deref(),
            now: self.now(),
        })
    }
}
