//! The part of a pass that starts: what is replaced, the Job, and what to make of one that is there.

use std::sync::Arc;

use serde_json::Value as Json;
use tokio::sync::OwnedSemaphorePermit;

use super::super::views;
use super::{Manner, Next, PARTS, Run, Stop, text};
use crate::batch::cronjob::Active;
use crate::cluster::slim::is_large_template;
use crate::cluster::starting::NotCreated;
use crate::cluster::write::WriteOutcome;
use crate::scheduler::backstop::{self, Conditions, Refusal};
use crate::scheduler::decide::{Existing, Start};
use crate::scheduler::{Notice, Pass, job};

// === impl Run ===

impl Run {
    pub(super) async fn start(
        &mut self,
        start: &Start<'static>,
        pass: &mut Pass<'static>,
    ) -> Result<Next, Stop> {
        let launched = self.launch(start, pass).await;
        // What ended meanwhile is written down all the same.
        if !matches!(launched, Ok(Some(_))) && self.writes(pass) {
            self.write(&pass.status).await?;
        }
        let Some(entry) = launched? else { return Ok(Next::Sleep) };
        self.request.verified = true;
        pass.started(start, entry);
        self.wake = pass.wake;
        self.request.unwritten = Some(pass.status.clone());
        if self.request.urgent {
            return Ok(Next::Soon);
        }
        self.write(&pass.status).await?;
        Ok(pass.wake.map_or(Next::Sleep, Next::At))
    }

    /// What a start does before it is written down.
    async fn launch(
        &mut self,
        start: &Start<'_>,
        pass: &mut Pass<'_>,
    ) -> Result<Option<Active<'static>>, Stop> {
        let _room = self.room_for_template().await;
        // It may have waited.
        if !start.replaces.is_empty() && !self.is_fresh() {
            return Err(Stop(Next::Failed { doubt: true }));
        }
        self.replace(start, pass).await?;
        self.check_term()?;
        self.create(start, pass).await
    }

    /// Room to read a large template as JSON, which takes twenty times its bytes; many may start in
    /// the same minute.
    async fn room_for_template(&self) -> Option<OwnedSemaphorePermit> {
        let template = self.stored.scheduling.template.as_ref();
        let text = template.filter(|text| is_large_template(text))?;
        let parts = u32::try_from(text.len() / PART).unwrap_or(u32::MAX).clamp(1, PARTS);
        // Nobody closes the semaphore.
        Arc::clone(&self.deps.large).acquire_many_owned(parts).await.ok()
    }

    /// Deletes what a start replaces.
    async fn replace(&mut self, start: &Start<'_>, pass: &mut Pass<'_>) -> Result<(), Stop> {
        for entry in &start.replaces {
            self.check_term()?;
            let (namespace, _) = self.request.name.parts();
            let found = match self.deps.starter.job(namespace, &entry.name).await {
                Ok(Some(found)) => found,
                Ok(None) => {
                    let why = format!("job {:?} not found", entry.name);
                    self.notify(Notice::get_failed(&why));
                    return Err(Stop(Next::Failed { doubt: true }));
                }
                Err(outcome) => {
                    self.notify(Notice::get_failed(&text(&outcome)));
                    return Err(self.failed("Job cannot be read", &outcome));
                }
            };
            let child = views::child(&found, &self.stored, false);
            // Another Job of the name is somebody else's, whatever upstream does here; and no
            // second deletion of what is being deleted.
            if child.uid != entry.uid || child.terminating {
                pass.status.drop_active(&entry.uid);
                continue;
            }
            // Whoever may write a status must not be able to end any Job of the namespace.
            if !child.ours {
                self.notify(Notice::not_replaced(&entry.name));
                pass.status.drop_active(&entry.uid);
                continue;
            }
            match self.delete(&child).await {
                WriteOutcome::Done => {
                    pass.status.drop_active(&entry.uid);
                    self.notify(Notice::deleted(&entry.name));
                }
                WriteOutcome::Gone => {
                    pass.status.drop_active(&entry.uid);
                }
                WriteOutcome::Changed => return Err(Stop(Next::Failed { doubt: false })),
                outcome => {
                    self.notify(Notice::delete_failed(&text(&outcome)));
                    return Err(self.failed("Job cannot be replaced", &outcome));
                }
            }
        }
        Ok(())
    }

    /// Creates the Job of a start, or finds it; `None` where there can be none.
    async fn create(
        &mut self,
        start: &Start<'_>,
        pass: &Pass<'_>,
    ) -> Result<Option<Active<'static>>, Stop> {
        let Some(template) = self.template() else {
            let why = "its template cannot be read";
            tracing::warn!(cronjob = %self.request.name, why, "not started");
            return Err(Stop(Next::Failed { doubt: true }));
        };
        let view = views::cronjob(&self.stored, None);
        let body = job::build(&view, template, start.slot);
        let (namespace, _) = self.request.name.parts();
        let result = self.deps.starter.create(namespace, &body).await;
        let count = |result| self.deps.metrics.scheduling.start(result);
        match result {
            Ok(created) => {
                count("created");
                let lag = self.deps.clock.now().duration_since(start.slot).as_secs_f64();
                let (cronjob, job, slot) = (&self.request.name, &start.name, start.slot);
                tracing::info!(%cronjob, job, %slot, lag, "started");
                self.notify(Notice::created(&start.name));
                Ok(Some(views::child(&created, &self.stored, false).reference().into_owned()))
            }
            Err(NotCreated::Exists) => self.existing(start, pass).await,
            Err(NotCreated::Terminating(why)) => {
                count("namespace-terminating");
                tracing::debug!(cronjob = %self.request.name, why, "not started");
                Err(Stop(Next::Failed { doubt: false }))
            }
            Err(NotCreated::Failed(outcome)) => {
                count(outcome.as_str());
                self.notify(Notice::create_failed(&text(&outcome)));
                Err(self.failed("Job cannot be created", &outcome))
            }
        }
    }

    /// There is a Job of the name already.
    async fn existing(
        &mut self,
        start: &Start<'_>,
        pass: &Pass<'_>,
    ) -> Result<Option<Active<'static>>, Stop> {
        let (namespace, _) = self.request.name.parts();
        let found = match self.deps.starter.job(namespace, &start.name).await {
            Ok(Some(found)) => found,
            // It went in this moment.
            Ok(None) => return Err(Stop(Next::Failed { doubt: true })),
            Err(outcome) => return Err(self.failed("Job cannot be read", &outcome)),
        };
        let child = views::child(&found, &self.stored, false);
        let count = |result| self.deps.metrics.scheduling.start(result);
        match (start.existing(&child, &pass.status), self.request.manner) {
            (Existing::Adopt, Manner::Own) => {
                count("adopted");
                Ok(Some(child.reference().into_owned()))
            }
            (Existing::Foreign, _) => {
                count("foreign-job");
                let (cronjob, job) = (&self.request.name, &start.name);
                tracing::warn!(%cronjob, job, "not started: a Job of that name is somebody else's");
                Ok(None)
            }
            // The built-in controller was quicker, and writes it down.
            (Existing::Adopt | Existing::Listed, _) => {
                count("exists");
                Ok(None)
            }
        }
    }

    fn template(&self) -> Option<Json> {
        let text = self.stored.scheduling.template.as_deref()?;
        serde_json::from_str(text).ok().filter(Json::is_object)
    }

    /// Why a start is left to the built-in controller.
    pub(super) fn refusal(&self, pass: &Pass<'_>) -> Option<Refusal> {
        let (Manner::Backstop(conditions), Some(start)) = (self.request.manner, &pass.start) else {
            return None;
        };
        // What was read may be an edit that no news have told of: then it was not watched.
        if self.stored.scheduling.generation != self.request.cronjob.scheduling.generation {
            return Some(Refusal::BeforeWatch);
        }
        let conditions = Conditions { now: self.deps.clock.now(), ..conditions };
        let refusal = backstop::permit(&views::cronjob(&self.stored, None), start, conditions);
        refusal
            .inspect_err(|why| {
                let (name, slot) = (&self.request.name, start.slot);
                tracing::debug!(cronjob = %name, %slot, %why, "not made up for");
            })
            .err()
    }
}

/// In bytes of a large template; one of 1.4 MB, which is as large as may be, takes all parts.
const PART: usize = 20 << 10;
