//! What is told on the Lease, for `curfew status` and for the leader after us.

use std::time::Duration;

use super::control_loop::ControlLoop;
use crate::policy::rule::SchedulerMode;
use crate::scheduler::status::Status;

// === impl ControlLoop ===

impl ControlLoop<'_> {
    /// Puts the status on the Lease, unless it was told a moment ago.
    ///
    /// It is on its way beside everything else: a start does not wait for it.
    pub(super) fn report(&mut self, stopped: Option<String>) {
        let now = self.now();
        while self.reports.try_join_next().is_some() {}
        if now < self.next_report || !self.reports.is_empty() {
            return;
        }
        self.next_report = self.after(BETWEEN_REPORTS);
        let mode = self.policy.scheduler.mode;
        let status = Status {
            mode: mode.as_str().to_owned(),
            at: Some(now),
            takeover: (mode == SchedulerMode::Own).then(|| self.takeover.clone()),
            cron_jobs: self.counts.iter().map(|(state, n)| ((*state).to_owned(), *n)).collect(),
            missing_rights: self.rights.complaints(),
            stopped,
        };
        let annotations = [(Status::ANNOTATION, Some(status.to_text()))].into();
        let (lease, identity) = (self.context.lease.clone(), self.context.identity.clone());
        self.reports.spawn(async move {
            if let Err(error) = lease.annotate(&identity, &annotations).await {
                tracing::debug!(%error, "the scheduler's status could not be written to the Lease");
            }
        });
    }
}

/// A leader after us has to know within two minutes that we owned ([`crate::scheduler::takeover`]).
const BETWEEN_REPORTS: Duration = Duration::from_secs(30);
