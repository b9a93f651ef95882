//! One term at work: what it remembers, and the loop.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::task::{Id, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::expectations::Expectations;
use super::name::Name;
use super::reconcile::{Ended, ReconcileDeps};
use super::round::Round;
use super::work_queue::WorkQueue;
use crate::batch::zone::{self, Zone};
use crate::clock::{self, HashMap};
use crate::cluster::pace::{Pace, Rate};
use crate::cluster::slim::{Keep, Uid};
use crate::cluster::starting::Starter;
use crate::controllers::ControllerContext;
use crate::controllers::rights::{self, Keeper, Rights};
use crate::controllers::watch_health::WatchHealth;
use crate::leader::Term;
use crate::policy::Policy;
use crate::policy::rule::SchedulerMode;
use crate::scheduler::Takeover;
use crate::scheduler::observe::MissedStarts;
use crate::scheduler::status::Status;
use crate::sweeper::Deadlines;

/// Everything that a term remembers.
pub(super) struct ControlLoop<'s> {
    pub(super) context: &'s ControllerContext,
    force_own: bool,
    pub(super) term: Term,
    pub(super) policies: watch::Receiver<Arc<Policy>>,
    pub(super) policy: Arc<Policy>,
    pub(super) hands: ReconcileDeps,
    pub(super) takeover: Takeover,
    /// Namespaces that are left to whoever else starts `CronJob`s there.
    pub(super) rivals: BTreeSet<String>,
    pub(super) expectations: Expectations,
    pub(super) queue: WorkQueue,
    pub(super) timers: Deadlines<Name>,
    /// Each with the moment at which it began.
    pub(super) passes: JoinSet<(Duration, Ended)>,
    /// Over which a pass is being made.
    pub(super) under_way: HashMap<Name, UnderWay>,
    pub(super) start: Instant,
    pub(super) pace: Pace,
    pub(super) keeper: Keeper,
    pub(super) rights: Rights,
    pub(super) watch_health: WatchHealth,
    pub(super) round: Option<Round>,
    pub(super) next_round: Timestamp,
    /// Whether a round has ended in this term.
    pub(super) rounded: bool,
    pub(super) counts: BTreeMap<&'static str, u64>,
    pub(super) missed: HashMap<Name, MissedStarts>,
    pub(super) next_report: Timestamp,
    /// The report that is on its way.
    pub(super) reports: JoinSet<()>,
    pub(super) began: Timestamp,
    /// The latest moment that our clock has shown.
    latest: Timestamp,
    /// When everything was last given a turn.
    pub(super) healed: Timestamp,
    /// Ends the questions about rights with us.
    _asking: DropGuard,
}

/// A pass that has begun, and what was heard of its `CronJob` since.
#[derive(Debug)]
pub(super) struct UnderWay {
    /// Of the `CronJob`: another one may have come under its name.
    pub(super) uid: Uid,
    pub(super) task: Id,
    pub(super) news: bool,
    pub(super) rescheduled: bool,
}

// === impl ControlLoop ===

impl<'s> ControlLoop<'s> {
    pub(super) fn new(context: &'s ControllerContext, force_own: bool, term: Term) -> Self {
        let mut policies = context.policies.clone();
        let policy = Arc::clone(&policies.borrow_and_update());
        let cluster = &context.cluster;
        let now = cluster.clock.now();
        let asking = CancellationToken::new();
        let keeper = Keeper::start(context, rights::of_scheduler, asking.clone());
        let before = {
            let standing = context.standing.borrow();
            Status::parse(standing.annotations.get(Status::ANNOTATION).map(String::as_str))
        };
        let owned_until = before.and_then(|before| before.owned_until());
        let hands = ReconcileDeps {
            starter: Starter::new(cluster.client.clone()),
            clock: cluster.clock.clone(),
            recorder: context.recorder.clone(),
            metrics: Arc::clone(&context.metrics),
            keep: Arc::new(Keep::of(&policy)),
            zone: cluster_zone(&policy),
            term: term.clone(),
            large: ReconcileDeps::room(),
        };
        let mut duty = Self {
            context,
            force_own,
            term,
            policies,
            hands,
            takeover: takeover(context, force_own, now, owned_until),
            rivals: BTreeSet::new(),
            expectations: Expectations::default(),
            queue: WorkQueue::default(),
            timers: Deadlines::new(),
            passes: JoinSet::new(),
            under_way: HashMap::default(),
            start: clock::ticks(),
            pace: Pace::wide(Rate::new(crate::cluster::pace::LIFTED)),
            rights: keeper.rights(),
            keeper,
            watch_health: WatchHealth::default(),
            round: None,
            next_round: now,
            rounded: false,
            counts: BTreeMap::new(),
            missed: HashMap::default(),
            next_report: now,
            reports: JoinSet::new(),
            began: now,
            latest: now,
            healed: now,
            policy,
            _asking: asking.drop_guard(),
        };
        duty.say_mode();
        duty
    }

    /// Works until the term is over; then waits for what is under way.
    pub(super) async fn run(mut self) {
        let over = self.term.over.clone();
        while !over.is_cancelled() {
            self.take_news();
            let idle = self.why_idle();
            // Whoever was switched off still has to write down what it started.
            let is_on = self.mode() != SchedulerMode::Off;
            let starting = idle.is_none() && (is_on || !self.queue.is_empty());
            self.look_at_clock();
            if starting {
                self.take_due();
                self.take_turns();
                // A start does not wait for a table, unless there is one to make all the time.
                if is_on && (!self.queue.has_starts() || self.is_overdue()) {
                    self.survey();
                }
            }
            let waits = self.queue.has_starts() && !self.is_overdue();
            let busy = starting && self.round.is_some() && !waits;
            // While nothing is done, what is due stays due.
            let wake = if starting { self.until_next() } else { LONGEST_SLEEP };
            self.report(idle);
            tokio::select! {
                biased;
                () = over.cancelled() => break,
                Some(ended) = self.passes.join_next() => self.ended(ended),
                // Everything below is cancel-safe.
                () = tokio::task::yield_now(), if busy => {}
                changed = self.policies.changed() => if changed.is_ok() { self.load() },
                () = self.keeper.changed() => self.rights_changed(),
                () = self.context.watches.feeds.scheduler.arrived() => {}
                () = tokio::time::sleep(wake), if !busy => {}
            }
        }
        // What was started is to be written down, even if it is the last thing.
        while let Some(ended) = self.passes.join_next().await {
            self.ended(ended);
        }
        for name in self.expectations.unwritten() {
            while !self.may_turn()
                && let Some(ended) = self.passes.join_next().await
            {
                self.ended(ended);
            }
            if !self.term.lasts() {
                break;
            }
            self.begin(name, false, self.now());
        }
        while let Some(ended) = self.passes.join_next().await {
            self.ended(ended);
        }
    }

    /// Nobody is given a turn for what brought it here; what was started is written down all the
    /// same.
    pub(super) fn clear_queue(&mut self) {
        self.queue.clear();
        let now = self.now();
        for name in self.expectations.unwritten() {
            self.queue.chore(name, now);
        }
    }

    /// A clock that was put back by hand would make everything wait that was to be soon.
    fn look_at_clock(&mut self) {
        let now = self.now();
        if now < self.latest.saturating_sub(TOLERANCE).unwrap_or(now) {
            (self.next_round, self.next_report, self.healed) = (now, now, now);
            self.expectations.clock_put_back(now);
            self.everything();
            self.latest = now;
        }
        self.latest = self.latest.max(now);
    }

    pub(super) fn now(&self) -> Timestamp {
        self.context.now()
    }

    /// The moment after a pause, by the API server's clock.
    pub(super) fn after(&self, pause: Duration) -> Timestamp {
        self.context.after(pause)
    }

    pub(super) fn mode(&self) -> SchedulerMode {
        self.policy.scheduler.mode
    }

    /// Why nothing can be decided; `None` where everything is known.
    fn why_idle(&mut self) -> Option<String> {
        let watches = &self.context.watches;
        let is_covered = watches.store.covers(&self.hands.keep);
        if let Some(why) = self.watch_health.why_idle(watches, is_covered) {
            return Some(why);
        }
        // It may yet be renewed, and what is due is made then.
        if !self.term.holds() {
            return Some("the Lease was not renewed in time".to_owned());
        }
        // A clock that was put names starts that are not due, until the next answer corrects it.
        let jumped = self.hands.clock.has_jumped();
        jumped.then(|| "this clock was put a moment ago".to_owned())
    }

    /// Whether starts are made in a namespace.
    pub(super) fn acts(&self, namespace: &str) -> bool {
        let may = self.context.reach.covers(namespace) && self.rights.are_complete(namespace);
        match self.mode() {
            SchedulerMode::Off | SchedulerMode::Observe => false,
            SchedulerMode::Backstop => may,
            SchedulerMode::Own => may && self.takeover.owns() && !self.rivals.contains(namespace),
        }
    }

    /// Whether the look at everything was put off for long.
    fn is_overdue(&self) -> bool {
        self.now().duration_since(self.next_round) > PATIENCE
    }

    fn until_next(&self) -> Duration {
        let round = (!self.queue.has_starts()).then_some(self.next_round);
        let next = [self.timers.next_deadline(), round].into_iter().flatten().min();
        let wait = next.map_or(LONGEST_SLEEP, |next| {
            Duration::try_from(next.duration_since(self.now())).unwrap_or(Duration::ZERO)
        });
        let turn = match self.turn_at() {
            Some(at) if !self.queue.is_empty() => at,
            _ => LONGEST_SLEEP,
        };
        wait.min(turn).min(LONGEST_SLEEP)
    }

    fn load(&mut self) {
        let policy = Arc::clone(&self.policies.borrow_and_update());
        let before = self.mode();
        self.hands.keep = Arc::new(Keep::of(&policy));
        let before_zone = std::mem::replace(&mut self.hands.zone, cluster_zone(&policy));
        self.policy = policy;
        if self.mode() != before {
            self.takeover = takeover(self.context, self.force_own, self.now(), None);
            self.rivals.clear();
            self.clear_queue();
            self.say_mode();
        }
        self.expectations.begin_anew(self.now(), before_zone != self.hands.zone);
        self.next_report = Timestamp::MIN;
        self.everything();
    }

    fn rights_changed(&mut self) {
        self.rights = self.keeper.rights();
        let missing = self.rights.missing.len();
        self.hands.metrics.stored.missing_rights("scheduler", missing);
        self.next_report = Timestamp::MIN;
        self.everything();
    }

    pub(super) fn say_mode(&mut self) {
        let mode = self.mode();
        let owns = mode == SchedulerMode::Own && self.takeover.owns();
        self.hands.metrics.scheduling.owning(owns);
        match (mode, &self.takeover) {
            (SchedulerMode::Own, Takeover::Watching { .. }) => tracing::info!(
                "before any CronJob is started here, starts have to pass that nobody else makes"
            ),
            (SchedulerMode::Own, Takeover::Owning { .. }) => {
                tracing::info!("CronJobs are started here");
            }
            (SchedulerMode::Own, Takeover::Stopped { why })
                if !self.context.reach.is_everywhere() =>
            {
                tracing::error!(
                    why,
                    "Own starts nothing: do without --write-namespaces (rbac.namespaces in the \
                     chart), or set scheduler.mode: Backstop"
                );
            }
            _ => {}
        }
    }
}

/// How far `Own` is when it begins; `owned_until` is when the leader before us surely owned.
fn takeover(
    context: &ControllerContext,
    force_own: bool,
    now: Timestamp,
    owned_until: Option<Timestamp>,
) -> Takeover {
    let reach = &context.reach;
    if reach.is_everywhere() {
        return Takeover::begin(now, force_own, owned_until);
    }
    let why = format!("it writes {reach}, and Own starts the CronJobs of all namespaces");
    Takeover::Stopped { why }
}

/// The zone of `CronJob`s that name none.
fn cluster_zone(policy: &Policy) -> Zone {
    let named = policy.scheduler.cluster_time_zone.as_ref();
    named.and_then(|name| zone::check(name.as_str()).ok()).unwrap_or(Zone::UTC)
}

/// A clock that is put shows after this time at the latest.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// Less than what a correction of our clock by the API server's answers comes to.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(2);

/// How long a look at everything waits for starts.
const PATIENCE: SignedDuration = SignedDuration::from_mins(5);
