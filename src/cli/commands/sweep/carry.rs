//! One conditional call for each object of a plan, many at once, at the pace that is asked for.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use super::tally::{Left, Tally};
use crate::batch::Kind;
use crate::cli::shared::{Invalid, Live, Printer};
use crate::cluster::events::{About, Event, Recorder};
use crate::cluster::pace::Rate;
use crate::cluster::write::{Change, Gate, Target, WriteOutcome, Writer};
use crate::policy::rule::Propagation;
use crate::sweeper::plan::{Does, Family, Item, Plan};

/// What there is to do: what saves Jobs comes before what ends them.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub(super) changes: Vec<Task>,
    pub(super) deletions: Vec<Task>,
}

/// One call.
#[derive(Clone, Debug)]
pub(super) struct Task {
    target: Target,
    change: Change,
    /// Whom else to tell.
    cronjob: Option<Family>,
    /// For the Events.
    note: String,
}

/// Makes the calls.
struct Carrier {
    writer: Writer,
    over: CancellationToken,
    /// Calls in a row that nobody answered, however often they were made.
    unanswered: AtomicUsize,
}

// === impl Work ===

impl Work {
    /// What a plan wants done.
    ///
    /// # Errors
    /// [`Invalid`] where it wants what no plan of ours would.
    pub(super) fn of(plan: &Plan) -> Result<Self, Invalid> {
        let ways = [Propagation::Background, Propagation::Foreground];
        let way = ways.into_iter().find(|way| way.as_str() == plan.propagation_policy);
        let way = way.ok_or_else(|| {
            let other = &plan.propagation_policy;
            Invalid::new(format!("the plan has an unknown propagationPolicy: {other}"))
        })?;
        let mut work = Self::default();
        for item in &plan.items {
            match (item.action, Kind::parse(&item.kind), &item.patch) {
                (Does::Count | Does::Wait, _, _) => {}
                (Does::Delete, Some(Kind::Job), _) => {
                    work.deletions.push(Task::new(item, Kind::Job, Change::Delete(way)));
                }
                (Does::Patch, Some(kind), Some(members)) => {
                    work.changes.push(Task::new(item, kind, Change::Merge(members.clone())));
                }
                (action, _, _) => {
                    let (action, kind) = (action.as_str(), &item.kind);
                    let problem =
                        format!("the plan wants to {action} a {kind}, which no plan does");
                    return Err(Invalid::new(problem));
                }
            }
        }
        Ok(work)
    }
}

// === impl Task ===

impl Task {
    fn new(item: &Item, kind: Kind, change: Change) -> Self {
        let Item { namespace, name, uid, resource_version, rule, why, .. } = item;
        let note = match &change {
            Change::Delete(_) => {
                let Item { outcome, finish, ttl, due, .. } = item;
                let ended = outcome.as_ref().zip(*finish);
                let ended = ended.map(|(outcome, at)| format!("{outcome} at {at}, "));
                let ttl = ttl.map(|ttl| format!("TTL {ttl} s ")).unwrap_or_default();
                let due = due.map(|due| format!(", due at {due}")).unwrap_or_default();
                let ended = ended.unwrap_or_default();
                format!("Deleted Job {name}: {ended}{ttl}by {rule}{due} ({why}); curfew sweep")
            }
            Change::Json(_) | Change::Merge(_) | Change::Status(_) => {
                format!("Changed {kind} {name} by {rule} ({why}); curfew sweep")
            }
        };
        Self {
            target: Target {
                kind,
                namespace: namespace.clone(),
                name: name.clone(),
                uid: uid.clone(),
                version: resource_version.clone(),
            },
            change,
            cronjob: item.cronjob.clone(),
            note,
        }
    }

    const fn deletes(&self) -> bool {
        matches!(self.change, Change::Delete(_))
    }

    /// For the object, and in a family for the `CronJob`.
    fn events(&self) -> impl Iterator<Item = Event> + '_ {
        let Target { kind, namespace, name, uid, version: _ } = &self.target;
        let (reason, action) =
            if self.deletes() { ("Deleted", "Delete") } else { ("Patched", "Patch") };
        let own = (*kind, name, uid);
        let head = self.cronjob.as_ref().map(|family| (Kind::CronJob, &family.name, &family.uid));
        std::iter::once(own).chain(head).map(move |(kind, name, uid)| Event {
            about: About {
                api_version: "batch/v1",
                kind: kind.as_str(),
                namespace: namespace.clone(),
                name: name.clone(),
                uid: uid.clone(),
            },
            warning: false,
            reason,
            action,
            note: self.note.clone(),
        })
    }

    fn title(&self) -> String {
        let Target { kind, namespace, name, uid: _, version: _ } = &self.target;
        format!("{}/{namespace}/{name}", kind.as_str().to_ascii_lowercase())
    }
}

/// Does all of it at this rate, or as much as it may until `over` is cancelled.
pub(super) async fn carry(
    work: Work,
    live: &Live,
    rate: Rate,
    over: CancellationToken,
    printer: &Printer,
) -> Tally {
    let client = &live.cluster.client;
    let stop_recording = CancellationToken::new();
    let (events, recording) =
        Recorder::start(client.clone(), "curfew-sweep", stop_recording.clone());
    let writer = Writer::new(client.clone(), Gate::new(rate), over.clone());
    let carrier = Carrier { writer, over, unanswered: AtomicUsize::new(0) };
    let gives_up = || carrier.unanswered.load(Ordering::Relaxed) >= GIVE_UP;
    let mut tally = Tally::default();
    let Work { changes, deletions } = work;
    let progress = printer.progress("sweeping", Some((changes.len() + deletions.len()) as u64));
    for tasks in [changes, deletions] {
        let calls = stream::iter(tasks).map(|task| carrier.finish(task));
        let mut calls = calls.buffer_unordered(AT_ONCE);
        while let Some((task, outcome)) = calls.next().await {
            progress.advance(1);
            if outcome == WriteOutcome::Done {
                task.events().for_each(|event| events.record(event));
            }
            tally.take(&task, outcome);
            if gives_up() {
                carrier.over.cancel();
            }
        }
    }
    drop(progress);
    if gives_up() {
        let mut failed = tally.left.iter().rev().filter(|left| left.outcome == FAILED);
        tally.unanswered = failed.next().map(|left| left.why.clone());
    }
    stop_recording.cancel();
    // It ends by itself soon after; if it panicked, only Events are lost.
    let _ = recording.await;
    tally.events_lost = events.dropped();
    tally
}

// === impl Carrier ===

impl Carrier {
    /// Calls until there is an answer, or it is no use.
    async fn finish(&self, task: Task) -> (Task, WriteOutcome) {
        let mut pause = FIRST_PAUSE;
        for last in (0..TRIES).map(|attempt| attempt + 1 == TRIES) {
            let outcome = self.writer.write(&task.target, &task.change).await;
            let WriteOutcome::Retry { after, why } = &outcome else {
                if outcome != WriteOutcome::Stopped {
                    self.unanswered.store(0, Ordering::Relaxed);
                }
                return (task, outcome);
            };
            if last {
                self.unanswered.fetch_add(1, Ordering::Relaxed);
                let why = why.clone();
                return (task, WriteOutcome::Retry { after: None, why });
            }
            tokio::select! {
                biased;
                () = self.over.cancelled() => return (task, outcome),
                () = tokio::time::sleep(after.unwrap_or(pause)) => {}
            }
            pause *= 2;
        }
        (task, WriteOutcome::Stopped)
    }
}

// === impl Tally ===

impl Tally {
    fn take(&mut self, task: &Task, outcome: WriteOutcome) {
        let mut left = |outcome, why| {
            self.left.push(Left { object: task.title(), outcome, why });
        };
        match outcome {
            WriteOutcome::Done if task.deletes() => self.deleted += 1,
            WriteOutcome::Done => self.changed += 1,
            WriteOutcome::Gone => self.gone += 1,
            WriteOutcome::Changed => {
                left("refused", "changed since the plan was made".to_owned());
                self.refused += 1;
            }
            WriteOutcome::Refused(why) => {
                self.refused += 1;
                self.forbidden += 1;
                self.forbidden_why.get_or_insert(why);
            }
            WriteOutcome::Retry { after: _, why } | WriteOutcome::Failed(why) => {
                left(FAILED, why);
                self.failed += 1;
            }
            WriteOutcome::Stopped => self.untouched += 1,
        }
    }
}

/// How it is called where something that is left has failed.
const FAILED: &str = "failed";

/// Calls that wait for their turn together; the gate lets fewer through.
const AT_ONCE: usize = 64;

/// For one object.
const TRIES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// So many objects in a row without an answer, and the API server is taken to be away.
const GIVE_UP: usize = 5;
