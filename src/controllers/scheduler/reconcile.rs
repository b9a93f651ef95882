//! One pass over one `CronJob`: decides, and carries out what was decided, call by call.
//!
//! Wherever it ends, the next pass finds its way from what is stored. The dangerous place is
//! between the creation of a Job and the writing of the status. Who dies there leaves a Job that
//! bears the name of the start, and the owner reference with the uid, and an annotation with the
//! time of it; the next pass takes it up from those (`scheduler::decide`), even where the Job has
//! ended by then, and the sweeper leaves it alone until that is written down. So the start is made
//! once.
//!
//! What ends a Job of somebody, a history that is too long or a start that replaces, hangs on what the
//! `CronJob` says. A watch that has fallen silent shows it as it was, so it is read in the same pass
//! before.

mod start;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::name::Name;
use super::views;
use crate::batch::Kind;
use crate::batch::cronjob::{Active, Status};
use crate::batch::zone::Zone;
use crate::batch::{self, Child};
use crate::clock::{self, HashSet};
use crate::cluster::clock_offset::ServerClock;
use crate::cluster::events::{About, Event, Recorder};
use crate::cluster::pace::Signal;
use crate::cluster::slim::{CronJob, Job, Keep, Uid};
use crate::cluster::starting::Starter;
use crate::cluster::write::{Target, WriteOutcome};
use crate::controllers::staleness::TRUSTED;
use crate::leader::Term;
use crate::metrics::Metrics;
use crate::scheduler::backstop::{Conditions, Refusal};
use crate::scheduler::decide::{self, Answers};
use crate::scheduler::history::beyond_limits;
use crate::scheduler::{Notice, Pass, Question, Situation, Step};

/// What every pass needs.
#[derive(Clone)]
pub(super) struct ReconcileDeps {
    pub(super) starter: Starter,
    pub(super) clock: ServerClock,
    pub(super) recorder: Recorder,
    pub(super) metrics: Arc<Metrics>,
    /// What is kept of a `CronJob` that is read.
    pub(super) keep: Arc<Keep>,
    /// The zone of `CronJob`s that name none.
    pub(super) zone: Zone,
    /// To be asked before everything but the writing down of what was done.
    pub(super) term: Term,
    /// Held by starts that are made of large templates, in parts (see [`start`]).
    pub(super) large: Arc<Semaphore>,
}

/// An Event about a `CronJob`.
pub(super) fn event(cronjob: &CronJob, notice: Notice) -> Event {
    let Notice { warning, reason, note } = notice;
    let about = About::new(Kind::CronJob, &cronjob.meta);
    Event { about, warning, reason, action: "Schedule", note }
}

/// A pass to make.
#[derive(Debug)]
pub(super) struct ReconcileRequest {
    pub(super) name: Name,
    pub(super) cronjob: Arc<CronJob>,
    /// What was started before and is to be written down.
    pub(super) unwritten: Option<Status<'static>>,
    pub(super) children: Vec<Arc<Job>>,
    /// Of the children, those that somebody wants to keep.
    pub(super) held: HashSet<Uid>,
    /// The `CronJob` is to be read first.
    pub(super) doubt: bool,
    /// How many passes in a row have failed: what goes wrong is told once.
    pub(super) failures: u32,
    /// A start needs no look at what is stored, but for one that replaces a Job, or has a large
    /// template.
    pub(super) verified: bool,
    /// A start is due: writing it down can wait until nothing is.
    pub(super) urgent: bool,
    pub(super) manner: Manner,
}

/// In which capacity.
#[derive(Clone, Copy, Debug)]
pub(super) enum Manner {
    /// As the controller.
    Own,
    /// Beside the built-in controller.
    Backstop(Conditions),
    /// As whoever no longer starts anything, and has something to write down.
    Finish,
}

/// What became of a pass.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) name: Name,
    pub(super) next: Next,
    /// When a start is due, as far as that was found out.
    pub(super) wake: Option<Timestamp>,
    pub(super) unwritten: Option<Status<'static>>,
    /// What a write of the status, or a read, has left.
    pub(super) newest: Option<Arc<CronJob>>,
    /// The stored object was read, or a start made by name.
    pub(super) verified: bool,
    pub(super) signal: Signal,
    /// The API server did not let us.
    pub(super) refused: bool,
}

/// When the next pass is to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Next {
    /// A start is due then.
    At(Timestamp),
    /// Something is to be written down, or there is more to delete, as soon as nothing is due.
    Soon,
    /// Only news can change anything.
    Sleep,
    /// Something went wrong: a while later, or with the next start. Where the stored object is in
    /// doubt it is read first.
    Failed { doubt: bool },
    /// It is not there any more.
    Gone,
}

/// A pass under way.
struct Run {
    deps: ReconcileDeps,
    request: ReconcileRequest,
    stored: Arc<CronJob>,
    removed: BTreeSet<String>,
    wake: Option<Timestamp>,
    /// When the stored object was asked for in this pass.
    read: Option<Instant>,
    signal: Signal,
    refused: bool,
    rest: Rest,
}

/// What is left of a history to be deleted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Rest {
    Nothing,
    /// More than a start waits for.
    More,
    /// Something went wrong; nothing else hangs on it.
    Failed,
}

/// Why a pass ends before its end.
struct Stop(Next);

/// Makes a pass.
pub(super) async fn make(deps: ReconcileDeps, request: ReconcileRequest) -> Ended {
    let stored = Arc::clone(&request.cronjob);
    let mut run = Run {
        deps,
        request,
        stored,
        removed: BTreeSet::new(),
        wake: None,
        read: None,
        signal: Signal::Answered,
        refused: false,
        rest: Rest::Nothing,
    };
    run.forget_written();
    let made = run.make().await;
    let next = made.unwrap_or_else(|Stop(next)| next);
    let Run { request, stored, wake, signal, refused, .. } = run;
    let newest = (!Arc::ptr_eq(&stored, &request.cronjob)).then(|| {
        let mut newest = Arc::unwrap_or_clone(stored);
        newest.scheduling.drop_large_template();
        Arc::new(newest)
    });
    let ReconcileRequest { name, unwritten, verified, .. } = request;
    Ended { name, next, wake, unwritten, newest, verified, signal, refused }
}

// === impl Ended ===

impl Ended {
    /// A pass that panicked; `unwritten` is what was to be written down before.
    pub(super) fn broken_off(name: Name, unwritten: Option<Status<'static>>) -> Self {
        Self {
            name,
            next: Next::Failed { doubt: true },
            wake: None,
            unwritten,
            newest: None,
            verified: false,
            signal: Signal::Answered,
            refused: false,
        }
    }
}

// === impl Run ===

impl Run {
    async fn make(&mut self) -> Result<Next, Stop> {
        if self.request.doubt {
            self.read().await?;
        }
        if let Manner::Own = self.request.manner {
            self.clean_up().await?;
        }
        let mut pass = self.decide().await?;
        let mut refused = self.refusal(&pass);
        let starts = pass.start.is_some() && !matches!(self.request.manner, Manner::Finish);
        let replaces = pass.start.as_ref().is_some_and(|start| !start.replaces.is_empty());
        let needs_fresh = replaces || self.stored.scheduling.template.is_none();
        if starts
            && refused.is_none()
            && (!self.request.verified || needs_fresh && !self.is_fresh())
        {
            self.read().await?;
            pass = self.decide().await?;
            refused = self.refusal(&pass);
        }
        let finishes = matches!(self.request.manner, Manner::Finish);
        let start = pass.start.take().filter(|_| refused.is_none() && !finishes);
        self.wake = pass.wake;
        self.tell(&pass);
        match (start, refused) {
            (Some(start), _) => self.start(&start, &mut pass).await,
            (None, Some(Refusal::Early(until))) => Ok(Next::At(until)),
            (None, _) => self.settle(&pass).await,
        }
    }

    /// The end of a pass that starts nothing.
    async fn settle(&mut self, pass: &Pass<'static>) -> Result<Next, Stop> {
        if self.writes(pass) {
            self.write(&pass.status).await?;
        }
        Ok(match self.rest {
            Rest::Nothing => pass.wake.map_or(Next::Sleep, Next::At),
            Rest::More => Next::Soon,
            Rest::Failed => Next::Failed { doubt: false },
        })
    }

    /// Whether anything may be created or deleted.
    fn check_term(&self) -> Result<(), Stop> {
        let holds = self.deps.term.holds();
        if holds { Ok(()) } else { Err(Stop(Next::Failed { doubt: true })) }
    }

    /// Reads the `CronJob` as it is stored.
    async fn read(&mut self) -> Result<(), Stop> {
        let (namespace, name) = self.request.name.parts();
        let asked = clock::ticks();
        match self.deps.starter.cronjob(namespace, name, &self.deps.keep).await {
            Ok(Some(found)) => {
                // Whatever was to be written was of another one.
                if found.meta.uid != self.stored.meta.uid {
                    self.request.unwritten = None;
                }
                self.stored = Arc::new(found);
                (self.request.doubt, self.request.verified) = (false, true);
                self.read = Some(asked);
                self.forget_written();
                Ok(())
            }
            Ok(None) => Err(Stop(Next::Gone)),
            Err(outcome) => Err(self.failed("CronJob cannot be read", &outcome)),
        }
    }

    /// Whether the stored object was read a moment ago, which is asked for where a Job is ended.
    fn is_fresh(&self) -> bool {
        self.read.is_some_and(|read| clock::ticks().duration_since(read) <= TRUSTED)
    }

    /// Forgets what was to be written and is: the answer to the write may have been lost.
    fn forget_written(&mut self) {
        let written = self.stored.scheduling.last_schedule();
        let is_ahead = |status: &Status<'_>| status.last_schedule > written;
        if !self.request.unwritten.as_ref().is_some_and(is_ahead) {
            self.request.unwritten = None;
        }
    }

    /// Deletes what is beyond the history limits; by the status as it is stored, since a start that
    /// is not written down there must not go.
    async fn clean_up(&mut self) -> Result<(), Stop> {
        let jobs = self.request.children.clone();
        let mut stored = Arc::clone(&self.stored);
        let mut children = self.views(&stored, &jobs).1;
        if !self.is_fresh() && !beyond_limits(&views::cronjob(&stored, None), &children).is_empty()
        {
            match self.read().await {
                Ok(()) => {}
                Err(gone @ Stop(Next::Gone)) => return Err(gone),
                Err(_) => {
                    self.rest = Rest::Failed;
                    return Ok(());
                }
            }
            stored = Arc::clone(&self.stored);
            children = self.views(&stored, &jobs).1;
        }
        let view = views::cronjob(&stored, None);
        let mut surplus = beyond_limits(&view, &children);
        if self.request.urgent && surplus.len() > BEFORE_START {
            // A start does not wait for thousands; the next pass does the rest.
            surplus.truncate(BEFORE_START);
            self.rest = Rest::More;
        }
        for child in surplus {
            // There may be thousands, and a limit may be raised meanwhile.
            if !self.is_fresh() {
                self.rest = Rest::More;
                break;
            }
            // And the Lease may go to another one.
            if self.check_term().is_err() {
                self.rest = Rest::Failed;
                break;
            }
            match self.delete(child).await {
                WriteOutcome::Done => {
                    self.removed.insert(child.uid.to_string());
                    self.notify(Notice::deleted(child.name));
                }
                WriteOutcome::Gone => {
                    self.removed.insert(child.uid.to_string());
                }
                // The watch tells what it is now.
                WriteOutcome::Changed => {}
                outcome => {
                    self.notify(Notice::delete_failed(&text(&outcome)));
                    self.refused |= matches!(outcome, WriteOutcome::Refused(_));
                    self.signal = outcome.signal();
                    self.rest = Rest::Failed;
                }
            }
        }
        Ok(())
    }

    /// What the pass comes to, with everything that has to be asked for.
    async fn decide(&mut self) -> Result<Pass<'static>, Stop> {
        let mut read = false;
        // A Job that was created a moment ago may not have come through the watch.
        let unwritten = self.request.unwritten.iter().flat_map(|status| &status.active);
        let mut known: BTreeMap<String, bool> =
            unwritten.map(|entry| (entry.name.to_string(), true)).collect();
        let jobs = self.request.children.clone();
        loop {
            let stored = Arc::clone(&self.stored);
            let (view, children) = self.views(&stored, &jobs);
            let answers = Answers { cronjob: read.then(|| view.clone()), jobs: known.clone() };
            let situation = Situation {
                cronjob: &view,
                children: &children,
                removed: &self.removed,
                answers: &answers,
                zone: &self.deps.zone,
                now: self.deps.clock.now(),
            };
            match decide::decide(&situation) {
                Step::Done(pass) => return Ok(pass.into_owned()),
                Step::Ask(Question::CronJob) => {
                    self.read().await?;
                    read = true;
                }
                Step::Ask(Question::Job(name)) => {
                    let (namespace, _) = self.request.name.parts();
                    match self.deps.starter.job(namespace, &name).await {
                        Ok(found) => known.insert(name, found.is_some()),
                        Err(outcome) => return Err(self.failed("Job cannot be read", &outcome)),
                    };
                }
            }
        }
    }

    /// Whether the status is to be written: as the controller, whenever it is another one; beside
    /// the built-in controller only where a start of ours is missing from it.
    fn writes(&self, pass: &Pass<'_>) -> bool {
        let stored = views::status(&self.stored.scheduling);
        match self.request.manner {
            Manner::Own => pass.status != stored,
            Manner::Backstop(_) | Manner::Finish => {
                let ours = self.request.unwritten.is_some() || self.has_unwritten();
                ours && pass.status.last_schedule != stored.last_schedule
            }
        }
    }

    /// Whether a Job is there that was created here, and its start not written down.
    fn has_unwritten(&self) -> bool {
        let (name, written) = (&*self.stored.meta.name, self.stored.scheduling.last_schedule());
        self.request
            .children
            .iter()
            .filter(|job| views::is_ours(job))
            .any(|job| views::child(job, &self.stored, false).unwritten(name, written).is_some())
    }

    /// Writes the status down.
    async fn write(&mut self, status: &Status<'static>) -> Result<(), Stop> {
        let members = members(&self.stored, status);
        match self.deps.starter.write_status(&self.stored, members, &self.deps.keep).await {
            Ok(written) => {
                self.stored = Arc::new(written);
                self.request.unwritten = None;
                Ok(())
            }
            Err(WriteOutcome::Gone) => Err(Stop(Next::Gone)),
            Err(WriteOutcome::Changed) => Err(Stop(Next::Failed { doubt: true })),
            Err(outcome) => Err(self.failed("status cannot be written", &outcome)),
        }
    }

    async fn delete(&self, child: &Child<'_>) -> WriteOutcome {
        let (namespace, _) = self.request.name.parts();
        let target = Target {
            kind: Kind::Job,
            namespace: namespace.to_owned(),
            name: child.name.to_owned(),
            uid: child.uid.to_string(),
            version: child.version.to_string(),
        };
        self.deps.starter.delete(&target).await
    }

    fn views<'a>(
        &self,
        stored: &'a CronJob,
        jobs: &'a [Arc<Job>],
    ) -> (batch::CronJob<'a>, Vec<Child<'a>>) {
        let held = |job: &Job| self.request.held.contains(&job.meta.uid);
        let children = views::children(jobs.iter().map(|job| &**job), stored, held);
        (views::cronjob(stored, self.request.unwritten.clone().as_ref()), children)
    }

    /// Tells what a pass has to tell.
    fn tell(&self, pass: &Pass<'_>) {
        if let Manner::Own = self.request.manner {
            for notice in &pass.notices {
                self.notify(notice.clone());
            }
        }
    }

    /// Tells of something that happens to the `CronJob`.
    fn notify(&self, notice: Notice) {
        self.deps.recorder.record(event(&self.stored, notice));
    }

    fn failed(&mut self, what: &'static str, outcome: &WriteOutcome) -> Stop {
        let (cronjob, why) = (&self.request.name, text(outcome));
        // It is tried again soon, and of thousands at once where the API server is away.
        if self.request.failures == 0 {
            tracing::warn!(%cronjob, why, "{what}");
        } else {
            tracing::debug!(%cronjob, why, "{what}");
        }
        self.refused |= matches!(outcome, WriteOutcome::Refused(_));
        self.signal = outcome.signal();
        Stop(Next::Failed { doubt: true })
    }
}

/// The members of the status that a write replaces.
fn members(stored: &CronJob, status: &Status<'_>) -> Json {
    let Status { active, last_schedule, last_successful } = status;
    let namespace = &*stored.meta.namespace;
    let entries: Vec<Json> = active
        .iter()
        .map(|Active { name, uid, version }| {
            json!({
                "apiVersion": "batch/v1",
                "kind": "Job",
                "namespace": namespace,
                "name": name,
                "uid": uid,
                "resourceVersion": version,
            })
        })
        .collect();
    let mut members = json!({"active": (!entries.is_empty()).then_some(entries)});
    let times = [("lastScheduleTime", last_schedule), ("lastSuccessfulTime", last_successful)];
    for (key, time) in times {
        if let Some(time) = time {
            members[key] = json!(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        }
    }
    json!({"status": members})
}

fn text(outcome: &WriteOutcome) -> String {
    match outcome {
        WriteOutcome::Refused(why)
        | WriteOutcome::Failed(why)
        | WriteOutcome::Retry { why, .. } => why.clone(),
        WriteOutcome::Changed => "it was changed meanwhile".to_owned(),
        other => other.as_str().to_owned(),
    }
}

/// So many deletions do not put a start off for long.
const BEFORE_START: usize = 20;

/// Of all large templates that are read as JSON at once.
pub(super) const PARTS: u32 = 64;
