//! The election itself: reads and writes the Lease, starts the work and stops it.
//!
//! [`run`] is the whole of it. Work is one future, started with a [`Term`] each time the Lease is
//! won. When the Lease may soon be another's the term ends, and the work has until the Lease runs
//! out to finish what it is in the middle of; then it is dropped.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::decide::{
    JITTER, LeaderElectionRecord, ObservedRecord, Situation, Step, Timing, decide,
};
use super::lease::{Lease, LeaseError, ResourceLock, within};
use crate::clock;

/// Who stands for election.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// See [`identity`].
    pub identity: String,
    pub timing: Timing,
}

/// The right to write, held by every writer.
#[derive(Clone, Debug)]
pub struct Term {
    /// Cancelled when the work has to stop.
    pub over: CancellationToken,
    /// When the Lease is no longer surely ours.
    until: Arc<Mutex<Instant>>,
}

/// How the election stands, for whoever watches.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LeaderStatus {
    /// Whether we lead.
    pub leading: bool,
    /// Who does, by the Lease; empty where nobody does or nobody knows.
    pub holder: String,
    /// The annotations of the Lease: what a leader leaves to the next one.
    pub annotations: BTreeMap<String, String>,
    /// Why the last call failed, if it did.
    pub trouble: Option<String>,
}

/// Holds an election under way.
struct Election<L> {
    leases: L,
    candidate: Candidate,
    standing: watch::Sender<LeaderStatus>,
    start: Instant,
    /// `None` until the Lease has been read once.
    observed: Option<ObservedRecord>,
    lease: Option<Lease>,
    /// While we lead: when the last write that worked was sent.
    renewed: Option<Duration>,
}

/// A name that no other process bears: the host's, and something random.
pub fn identity(host: &str) -> String {
    format!("{host}_{:016x}", clock::noise())
}

/// Stands for election until `stop`, and does `work` whenever it is won.
///
/// Returns when no work is running any more and the Lease, if it was ours, has been given back.
///
/// # Panics
/// If the timing is not sound: two leaders could be at work for long.
pub async fn run<L, F, W>(
    leases: L,
    candidate: Candidate,
    standing: watch::Sender<LeaderStatus>,
    stop: CancellationToken,
    mut work: F,
) where
    L: ResourceLock,
    F: FnMut(Term) -> W,
    W: Future<Output = ()> + Send + 'static,
{
    let timing = candidate.timing;
    assert!(timing.is_sound(), "{timing:?}: a leader must stop before another may start");
    let mut election = Election {
        leases,
        candidate,
        standing,
        start: clock::ticks(),
        observed: None,
        lease: None,
        renewed: None,
    };
    while !stop.is_cancelled() {
        if election.stand().await {
            let term = election.term();
            let job = tokio::spawn(work(term.clone()));
            election.lead(&term, job, &stop).await;
        }
        let pause = election.candidate.timing.retry.mul_f64(1.0 + clock::fraction() * JITTER);
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = sleep(pause) => {}
        }
    }
}

// === impl Election ===

impl<L: ResourceLock> Election<L> {
    /// One attempt to win the Lease.
    async fn stand(&mut self) -> bool {
        if !self.read().await {
            return false;
        }
        let step = self.decide(false);
        if !matches!(step, Step::Create | Step::Renew | Step::TakeOver) {
            return false;
        }
        let won = self.write(step).await;
        if !won {
            // Somebody was quicker: who, is to be known should the Lease vanish next.
            self.read().await;
        }
        won
    }

    /// Leads until the Lease is lost or given back, and all work has ended.
    async fn lead(&mut self, term: &Term, mut job: JoinHandle<()>, stop: &CancellationToken) {
        let identity = &self.candidate.identity;
        tracing::info!(identity, "leading");
        self.tell(|standing| standing.leading = true);
        let retry = self.candidate.timing.retry;
        let mut finished = false;
        let mut leaving = false;
        let mut patience = std::pin::pin!(sleep(GRACE));
        loop {
            tokio::select! {
                biased;
                // The token remembers; nothing is lost by not having looked.
                () = stop.cancelled(), if !leaving => {
                    leaving = true;
                    term.over.cancel();
                    patience.as_mut().reset(clock::ticks() + GRACE);
                }
                // Cancel-safe: a handle can be awaited again.
                ended = &mut job, if !finished => {
                    finished = true;
                    leaving = true;
                    if let Err(error) = ended && error.is_panic() {
                        tracing::error!(%error, "the work of the leader broke off");
                    }
                }
                // The handle then ends, and the Lease is given back.
                () = &mut patience, if leaving && !finished => {
                    tracing::warn!("dropped what the leader was in the middle of");
                    job.abort();
                }
                () = sleep(retry) => {}
            }
            match self.decide(leaving) {
                Step::Release if finished => {
                    self.renew(Step::Release, leaving, term).await;
                    break;
                }
                // The work is being finished, and the Lease is ours until it is.
                Step::Release => self.renew(Step::Renew, false, term).await,
                next @ (Step::Create | Step::Renew) => self.renew(next, leaving, term).await,
                Step::StepDown => break,
                Step::TakeOver | Step::Wait => {}
            }
            if self.decide(leaving) == Step::StepDown {
                break;
            }
        }
        term.over.cancel();
        if !finished {
            tracing::warn!(identity = self.candidate.identity, "no longer leading");
            self.wind_up(job).await;
        }
        self.renewed = None;
        self.tell(|standing| standing.leading = false);
    }

    /// Waits for the work to end, as long as the Lease is surely nobody else's.
    async fn wind_up(&self, mut job: JoinHandle<()>) {
        let Timing { lease, .. } = self.candidate.timing;
        let since = self.renewed.map_or(Duration::ZERO, |at| self.now().saturating_sub(at));
        let rest = lease.saturating_sub(since).saturating_sub(MARGIN);
        if timeout(rest, &mut job).await.is_err() {
            tracing::warn!("dropped what the leader was in the middle of");
            job.abort();
            let _aborted = job.await;
        }
    }

    /// Writes as the leader, and once more where somebody has written beside us.
    async fn renew(&mut self, step: Step, leaving: bool, term: &Term) {
        if !self.write(step).await && self.read().await {
            let step = self.decide(leaving);
            if step != Step::StepDown {
                self.write(step).await;
            }
        }
        *term.until.lock() = self.until();
    }

    /// Reads the Lease; says whether that worked.
    async fn read(&mut self) -> bool {
        let answer = within(self.patience(), self.leases.read()).await;
        self.answered(answer)
    }

    /// Carries out a step that writes; says whether that worked.
    async fn write(&mut self, step: Step) -> bool {
        let Candidate { identity, timing } = &self.candidate;
        let before = self.observed.as_ref().and_then(|observed| observed.record.as_ref());
        let record = LeaderElectionRecord::after(step, before, identity, *timing, clock::now());
        let Some(record) = record else { return false };
        let sent = self.now();
        let answer = match &self.lease {
            Some(lease) if step != Step::Create => {
                within(self.patience(), self.leases.replace(lease, &record)).await
            }
            _ => within(self.patience(), self.leases.create(&record)).await,
        };
        let done = self.answered(answer.map(Some));
        if done {
            self.renewed = Some(sent);
        }
        done
    }

    /// Takes note of what came of a call; says whether it worked.
    fn answered(&mut self, answer: Result<Option<Lease>, LeaseError>) -> bool {
        match answer {
            Ok(lease) => {
                self.see(lease);
                true
            }
            Err(error) => {
                if error != LeaseError::Conflict {
                    tracing::warn!(%error, "the lease cannot be reached");
                }
                self.tell(|standing| standing.trouble = Some(error.to_string()));
                false
            }
        }
    }

    fn see(&mut self, lease: Option<Lease>) {
        let record = lease.as_ref().map(Lease::record);
        let now = self.now();
        let holder = record.as_ref().map(|record| record.holder.clone()).unwrap_or_default();
        let annotations = lease.as_ref().map(Lease::annotations).cloned().unwrap_or_default();
        match &mut self.observed {
            Some(observed) => observed.see(record, now, self.candidate.timing),
            None => self.observed = Some(ObservedRecord { record, changed: now, vacated: None }),
        }
        self.lease = lease;
        self.tell(|standing| {
            (standing.holder, standing.annotations) = (holder, annotations);
            standing.trouble = None;
        });
    }

    fn decide(&self, leaving: bool) -> Step {
        let Candidate { identity, timing } = &self.candidate;
        let situation = Situation {
            identity,
            timing: *timing,
            observed: self.observed.as_ref(),
            renewed: self.renewed,
            leaving,
        };
        decide(situation, self.now())
    }

    fn term(&self) -> Term {
        let until = Arc::new(Mutex::new(self.until()));
        Term { over: CancellationToken::new(), until }
    }

    /// When the Lease is no longer surely ours.
    fn until(&self) -> Instant {
        self.start + self.renewed.map_or(Duration::ZERO, |at| at + self.candidate.timing.deadline)
    }

    /// How long a call may take: a leader must be back before its deadline.
    fn patience(&self) -> Duration {
        let Timing { deadline, .. } = self.candidate.timing;
        let until_deadline =
            self.renewed.map_or(deadline, |at| (at + deadline).saturating_sub(self.now()));
        until_deadline.min(LONGEST_CALL)
    }

    fn now(&self) -> Duration {
        clock::ticks().duration_since(self.start)
    }

    fn tell(&self, change: impl FnOnce(&mut LeaderStatus)) {
        self.standing.send_if_modified(|standing| {
            let before = standing.clone();
            change(standing);
            *standing != before
        });
    }
}

// === impl Term ===

impl Term {
    /// Whether the Lease is surely ours at this moment.
    ///
    /// To be asked right before a write: a process that was stopped and goes on has not yet come
    /// to cancelling anything.
    pub fn holds(&self) -> bool {
        !self.over.is_cancelled() && self.lasts()
    }

    /// Whether the Lease is surely ours, if only to finish what was begun: a term that is over in
    /// good order is renewed until its work has ended.
    pub fn lasts(&self) -> bool {
        clock::ticks() < *self.until.lock()
    }
}

/// Of one call: several fit before the deadline.
const LONGEST_CALL: Duration = Duration::from_secs(5);

/// For the work to end when we are asked to stop: longer than any call may take.
const GRACE: Duration = Duration::from_secs(30);

/// Before the Lease runs out, by when everything has been dropped.
const MARGIN: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
