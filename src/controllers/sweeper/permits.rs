//! What may be written just now, and what is in the way of the rest.

use std::sync::Arc;

use super::braking::Braking;
use super::work_queue::{Step, What};
use crate::batch::Kind;
use crate::cluster::clock_offset::Trust;
use crate::controllers::rights::Rights;
use crate::named::named;
use crate::sweeper::Reach;

/// Where, by which rights and by which clock something is written.
#[derive(Debug)]
pub(super) struct Permits {
    pub(super) reach: Arc<Reach>,
    pub(super) rights: Rights,
    pub(super) trust: Trust,
}

named! {
    /// What keeps a judgement from being carried out for now.
    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    pub(super) enum Obstacle {
        /// The brake, or that nobody knows yet whether it holds.
        Brake = "braked",
        /// Our clock is too far off for anything to be ended by it.
        Clock = "clock",
        /// In its namespace we only look.
        ReadOnly = "read-only",
        /// The API server does not let us.
        Rights = "not-permitted",
    }
}

// === impl Permits ===

impl Permits {
    /// What keeps a step from being taken.
    pub(super) fn obstacle(&self, step: &Step, braking: &Braking) -> Option<Obstacle> {
        let identity = step.identity();
        let namespace = identity.namespace.as_str();
        let verb = match step.what {
            What::Delete(_) => "delete",
            What::Patch(_) => "patch",
        };
        let resource = match identity.kind {
            Kind::CronJob => "cronjobs",
            Kind::Job => "jobs",
        };
        if !self.reach.covers(namespace) {
            Some(Obstacle::ReadOnly)
        } else if braking.holds(namespace, &step.risks) {
            Some(Obstacle::Brake)
        } else if !step.risks.is_empty() && self.trust == Trust::Refused {
            Some(Obstacle::Clock)
        } else {
            (!self.rights.allow(verb, resource, namespace)).then_some(Obstacle::Rights)
        }
    }

    /// Whether an Event may be written in a namespace, as far as is known: hundreds would be
    /// refused.
    pub(super) fn allow_event(&self, namespace: &str) -> bool {
        self.reach.covers(namespace) && !self.rights.lack("create", "events", namespace)
    }
}
