//! One term at work: the loop, the news, the timers, and whose turn it is.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Scheduler;
use super::line::Line;
use super::memory::{Known, Memory, News};
use super::name::Name;
use super::pass::{self, Ended, Errand, Hands, Help, Manner, Next};
use super::round::Round;
use super::views;
use crate::batch::zone::{self, Zone};
use crate::batch::{Kind, Map};
use crate::clock;
use crate::cluster::events::{About, Event};
use crate::cluster::pace::{Pace, Rate, Turn};
use crate::cluster::slim::{CronJob, Job, Keep, Uid};
use crate::cluster::starting::Starter;
use crate::controllers::rights::{self, Keeper, Rights};
use crate::controllers::sweeper::Subject;
use crate::controllers::watching::Watching;
use crate::leader::Term;
use crate::policy::Policy;
use crate::policy::decide::{Input, Operation};
use crate::policy::record::HOLD_UNTIL;
use crate::policy::rule::{SchedulerMode, Ttl};
use crate::policy::value::Seconds;
use crate::scheduler::missed::{self, AFTER_SLOT};
use crate::scheduler::observe::MissedStarts;
use crate::scheduler::status::Status;
use crate::scheduler::{Notice, Takeover, Timetable};
use crate::sweeper::Deadlines;

/// Everything that a term remembers.
pub(super) struct Duty<'s> {
    pub(super) scheduler: &'s Scheduler,
    term: Term,
    policies: watch::Receiver<Arc<Policy>>,
    pub(super) policy: Arc<Policy>,
    pub(super) hands: Hands,
    pub(super) takeover: Takeover,
    memory: Memory,
    line: Line,
    timers: Deadlines<Name>,
    /// Each with the moment at which it began.
    passes: JoinSet<(Duration, Ended)>,
    /// Over which a pass is being made.
    under_way: HashMap<Name, UnderWay>,
    start: Instant,
    pace: Pace,
    keeper: Keeper,
    pub(super) rights: Rights,
    watching: Watching,
    pub(super) round: Option<Round>,
    pub(super) next_round: Timestamp,
    /// Whether a round has ended in this term.
    pub(super) rounded: bool,
    pub(super) counts: BTreeMap<&'static str, u64>,
    pub(super) missed: HashMap<Name, MissedStarts>,
    pub(super) next_report: Timestamp,
    /// The report that is on its way.
    pub(super) reports: JoinSet<()>,
    began: Timestamp,
    /// When everything was last given a turn.
    healed: Timestamp,
    /// Ends the questions about rights with us.
    _asking: DropGuard,
}

/// A pass that has begun, and what was heard of its `CronJob` since.
#[derive(Debug)]
struct UnderWay {
    task: Id,
    news: bool,
    rescheduled: bool,
}

// === impl Duty ===

impl<'s> Duty<'s> {
    pub(super) fn new(scheduler: &'s Scheduler, term: Term) -> Self {
        let mut policies = scheduler.policies.clone();
        let policy = Arc::clone(&policies.borrow_and_update());
        let cluster = &scheduler.cluster;
        let now = cluster.clock.now();
        let asking = CancellationToken::new();
        let keeper = Keeper::start(
            cluster.client.clone(),
            scheduler.policies.clone(),
            rights::of_scheduler,
            asking.clone(),
        );
        let before = {
            let standing = scheduler.standing.borrow();
            Status::parse(standing.annotations.get(Status::ANNOTATION).map(String::as_str))
        };
        let owned_until = before.and_then(|before| before.owned_until());
        let hands = Hands {
            starter: Starter::new(cluster.client.clone()),
            clock: cluster.clock.clone(),
            recorder: scheduler.recorder.clone(),
            metrics: Arc::clone(&scheduler.metrics),
            keep: Arc::new(Keep::of(&policy)),
            zone: cluster_zone(&policy),
            term: term.clone(),
        };
        let mut duty = Self {
            scheduler,
            term,
            policies,
            hands,
            takeover: Takeover::begin(now, scheduler.force_own, owned_until),
            memory: Memory::default(),
            line: Line::default(),
            timers: Deadlines::new(),
            passes: JoinSet::new(),
            under_way: HashMap::new(),
            start: clock::ticks(),
            pace: Pace::wide(Rate::new(crate::cluster::pace::LIFTED)),
            rights: keeper.rights(),
            keeper,
            watching: Watching::default(),
            round: None,
            next_round: now,
            rounded: false,
            counts: BTreeMap::new(),
            missed: HashMap::new(),
            next_report: now,
            reports: JoinSet::new(),
            began: now,
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
            let starting = idle.is_none() && self.mode() != SchedulerMode::Off;
            if starting {
                self.take_due();
                self.take_turns();
                // A start does not wait for a table.
                if !self.line.has_starts() {
                    self.look_around();
                }
            }
            let busy = starting && self.round.is_some() && !self.line.has_starts();
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
                () = self.scheduler.watches.feeds.scheduler.arrived() => {}
                () = tokio::time::sleep(wake), if !busy => {}
            }
        }
        // What was started is to be written down, even if it is the last thing.
        while let Some(ended) = self.passes.join_next().await {
            self.ended(ended);
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.scheduler.cluster.clock.now()
    }

    /// The moment after a pause, by the API server's clock.
    pub(super) fn after(&self, pause: Duration) -> Timestamp {
        let pause = SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX);
        self.now().saturating_add(pause).unwrap_or(Timestamp::MAX)
    }

    fn mode(&self) -> SchedulerMode {
        self.policy.scheduler.mode
    }

    /// Why nothing can be decided; `None` where everything is known.
    fn why_idle(&mut self) -> Option<String> {
        let watches = &self.scheduler.watches;
        if let Some(why) = self.watching.broken(watches.health()) {
            return Some(why);
        }
        if !watches.store.covers(&self.hands.keep) {
            return Some("not everything is listed yet".to_owned());
        }
        // It may yet be renewed, and what is due is made then.
        if !self.term.holds() {
            return Some("the Lease was not renewed in time".to_owned());
        }
        // A clock that was put names starts that are not due, until the next answer corrects it.
        let jumped = self.hands.clock.has_jumped();
        jumped.then(|| "this clock was put a moment ago".to_owned())
    }

    /// Whether starts are made here.
    fn acts(&self) -> bool {
        let may = self.rights.missing.is_empty() && !self.rights.asked.is_empty();
        match self.mode() {
            SchedulerMode::Off | SchedulerMode::Observe => false,
            SchedulerMode::Backstop => may,
            SchedulerMode::Own => may && self.takeover.owns(),
        }
    }

    fn until_next(&self) -> Duration {
        let round = (!self.line.has_starts()).then_some(self.next_round);
        let next = [self.timers.next_deadline(), round].into_iter().flatten().min();
        let wait = next.map_or(LONGEST_SLEEP, |next| {
            Duration::try_from(next.duration_since(self.now())).unwrap_or(Duration::ZERO)
        });
        let turn = match self.turn_at() {
            Some(at) if !self.line.is_empty() => at,
            _ => LONGEST_SLEEP,
        };
        wait.min(turn).min(LONGEST_SLEEP)
    }

    // --- news

    fn take_news(&mut self) {
        let news = self.scheduler.watches.feeds.scheduler.take();
        let now = self.now();
        if news.relisted {
            self.see_all(now);
        }
        for job in &news.appeared {
            self.appeared(job);
        }
        for subject in news.changed {
            match subject {
                Subject::CronJob(cronjob) => self.cronjob_changed(&cronjob, now),
                Subject::Job(job) => self.job_changed(&job, now),
            }
        }
    }

    fn see_all(&mut self, now: Timestamp) {
        let all = self.scheduler.watches.store.cronjobs.all();
        let there: HashSet<Name> = all.iter().map(|cronjob| Name::of(&cronjob.meta)).collect();
        for name in self.memory.retain(|name| there.contains(name)) {
            self.timers.remove(&name);
            self.line.remove(&name);
        }
        for cronjob in all {
            self.see(&cronjob, now);
        }
    }

    fn cronjob_changed(&mut self, mentioned: &CronJob, now: Timestamp) {
        let meta = &mentioned.meta;
        match self.scheduler.watches.store.cronjobs.find(&meta.namespace, &meta.name) {
            Some(stored) => self.see(&stored, now),
            None => self.forget(&Name::of(meta)),
        }
    }

    fn see(&mut self, stored: &Arc<CronJob>, now: Timestamp) {
        let name = Name::of(&stored.meta);
        if let Some(at) = stored.scheduling.built_in_wrote() {
            self.foreign(at, || format!("kube-controller-manager wrote the status of {name}"));
        }
        match self.memory.see(&name, stored, now) {
            News::New | News::Changed => self.look_soon(name, now),
            // Upstream makes no pass for it: a start of the new schedule that is past is not made.
            News::Rescheduled => self.reschedule(&name, stored, now),
        }
    }

    fn reschedule(&mut self, name: &Name, stored: &CronJob, now: Timestamp) {
        // It knows the old schedule only, by which it will say when to look again.
        if let Some(under_way) = self.under_way.get_mut(name) {
            under_way.rescheduled = true;
        }
        let view = views::cronjob(stored, None);
        let timetable = Timetable::read(view.schedule, view.time_zone, &self.hands.zone);
        let wake = timetable.as_ref().ok().and_then(|t| missed::next_look(t, view.since(), now));
        // What waits for another reason, such as a try after a failure, goes on waiting.
        let before = self.memory.known(name).and_then(|known| known.wake);
        let waits = self.timers.deadline_of(name).filter(|at| Some(*at) != before);
        self.set_wake(name, wake);
        if let Some(at) = waits {
            self.set_timer(name, at);
        }
        match timetable {
            Err(_) if self.acts() && self.mode() == SchedulerMode::Own => {
                self.notify(stored, &Notice::edited_unparseable(view.schedule));
            }
            _ => {}
        }
    }

    fn job_changed(&mut self, job: &Job, now: Timestamp) {
        let Some(owner) = views::controller_of(job) else { return };
        let name = Name::new(&job.meta.namespace, &owner.name);
        self.look_soon(name, now);
    }

    /// A Job is there that was not: perhaps a start.
    fn appeared(&mut self, job: &Job) {
        let (Some(slot), Some(owner)) = (views::slot(job), views::controller_of(job)) else {
            return;
        };
        let created = job.meta.created.and_then(|at| Timestamp::from_second(at).ok());
        let Some(created) = created.filter(|created| *created >= self.began) else {
            return;
        };
        let lag = Duration::try_from(created.duration_since(slot)).unwrap_or_default();
        self.hands.metrics.scheduling.started_after(lag);
        // Whoever makes a Job again, such as `kubectl replace --force`, starts nothing: that start
        // is written down.
        let name = Name::new(&job.meta.namespace, &owner.name);
        let starts = self.memory.known(&name).is_some_and(|known| {
            let (cronjob, written) = (&known.seen, known.seen.scheduling.last_schedule());
            views::child(job, cronjob, false).unwritten(&cronjob.meta.name, written).is_some()
        });
        let ours = job.meta.managers.iter().any(|m| &*m.name == crate::cluster::write::MANAGER);
        if starts && !ours {
            let meta = &job.meta;
            self.foreign(created, || {
                format!("somebody else started {}/{}", meta.namespace, meta.name)
            });
        }
    }

    /// Somebody else starts `CronJob`s.
    fn foreign(&mut self, at: Timestamp, why: impl FnOnce() -> String) {
        if self.mode() != SchedulerMode::Own || !self.takeover.foreign(at, why) {
            return;
        }
        if let Takeover::Stopped { why } = &self.takeover {
            tracing::error!(
                why,
                "Own starts nothing, as another controller does: switch off its \
                 cronjob-controller (--controllers=*,-cronjob-controller), or set \
                 scheduler.mode: Observe; then restart curfew"
            );
        }
        self.line.clear();
        self.next_report = Timestamp::MIN;
        self.say_mode();
    }

    fn forget(&mut self, name: &Name) {
        self.memory.forget(name);
        self.timers.remove(name);
        self.line.remove(name);
    }

    // --- timers

    /// Gives a `CronJob` a turn, unless it had one a moment ago: its Jobs change by the hundred.
    fn look_soon(&mut self, name: Name, now: Timestamp) {
        if let Some(under_way) = self.under_way.get_mut(&name) {
            under_way.news = true;
            return;
        }
        if self.line.contains(&name) {
            return;
        }
        let Some(known) = self.memory.known(&name) else { return };
        let next = known.passed.map(|at| at.saturating_add(BETWEEN).unwrap_or(Timestamp::MAX));
        match next.filter(|next| *next > now) {
            None => self.line.chore(name, now),
            Some(next) => self.set_timer(&name, next),
        }
    }

    /// Has a look then, or sooner where that is to be anyway.
    fn set_timer(&mut self, name: &Name, at: Timestamp) {
        if self.timers.deadline_of(name).is_none_or(|other| other > at) {
            self.timers.set(name.clone(), at);
        }
    }

    /// Remembers when a start is due.
    fn set_wake(&mut self, name: &Name, wake: Option<Timestamp>) {
        let Some(known) = self.memory.known(name) else { return };
        known.wake = wake;
        match wake {
            Some(at) => self.timers.set(name.clone(), at),
            None => {
                self.timers.remove(name);
            }
        }
    }

    fn take_due(&mut self) {
        let now = self.now();
        if self.mode() == SchedulerMode::Own && self.takeover.pass(now) {
            tracing::info!("nobody else starts CronJobs: from now on this does");
            self.next_report = Timestamp::MIN;
            self.say_mode();
            self.everything();
        }
        while let Some((_, name)) = self.timers.pop_due(now) {
            let Some(known) = self.memory.known(&name) else { continue };
            let wake = known.wake.filter(|wake| *wake <= now);
            if let Some(wake) = wake {
                known.wake = None;
                let slot = wake.saturating_sub(AFTER_SLOT).unwrap_or(wake);
                if self.mode() == SchedulerMode::Own && !self.takeover.owns() {
                    self.takeover.due(slot, self.grace());
                }
                self.line.start(name, slot);
            } else {
                if let Some(wake) = known.wake {
                    self.timers.set(name.clone(), wake);
                }
                self.line.chore(name, now);
            }
        }
    }

    /// Gives every `CronJob` a turn.
    fn everything(&mut self) {
        let now = self.now();
        self.healed = now;
        let names: Vec<Name> = self.memory.names().cloned().collect();
        for name in names {
            self.line.chore(name, now);
        }
    }

    /// Gives every `CronJob` a turn now and then, whatever news there were.
    pub(super) fn heal(&mut self) {
        let now = self.now();
        if now.duration_since(self.healed) > BETWEEN_HEALINGS {
            self.see_all(now);
            self.everything();
        }
    }

    // --- turns

    /// Whether another pass may begin.
    fn may_turn(&self) -> bool {
        self.turn_at().is_some_and(|at| at.is_zero())
    }

    /// How long until another pass may begin; `None` where one has to end first.
    fn turn_at(&self) -> Option<Duration> {
        let now = self.start.elapsed();
        match self.pace.clone().turn(now) {
            Turn::Now => Some(Duration::ZERO),
            Turn::At(at) => Some(at.saturating_sub(now)),
            Turn::AfterAnother => None,
        }
    }

    fn take_turns(&mut self) {
        let now = self.now();
        while self.may_turn() {
            let Some((name, urgent)) = self.line.pop(now) else { return };
            if let Some(under_way) = self.under_way.get_mut(&name) {
                under_way.news = true;
            } else if self.acts() {
                self.begin(name, urgent, now);
            } else {
                self.retime(&name, now);
            }
        }
    }

    /// Where nothing is started, only the time of the next start is of interest.
    fn retime(&mut self, name: &Name, now: Timestamp) {
        let Some(known) = self.memory.known(name) else { return };
        known.passed = Some(now);
        let seen = Arc::clone(&known.seen);
        let view = views::cronjob(&seen, None);
        if view.suspended || view.terminating || self.mode() == SchedulerMode::Observe {
            self.set_wake(name, None);
            return;
        }
        let timetable = Timetable::read(view.schedule, view.time_zone, &self.hands.zone);
        let wake =
            timetable.ok().and_then(|timetable| missed::next_look(&timetable, view.since(), now));
        // What is past and not made here stays so.
        self.set_wake(name, wake.filter(|wake| *wake > now));
    }

    /// Begins a pass.
    fn begin(&mut self, name: Name, urgent: bool, now: Timestamp) {
        let Some(known) = self.memory.known(&name) else { return };
        known.passed = Some(now);
        let Known { unwritten, verified, doubt, since, .. } = known.clone();
        let cronjob = Arc::clone(known.newest());
        let Some(manner) = self.manner(&cronjob, since) else { return };
        let children = self.jobs_of(&cronjob);
        let held = self.held(&cronjob, &children);
        let errand = Errand {
            name: name.clone(),
            cronjob,
            unwritten,
            children,
            held,
            doubt,
            verified: verified && matches!(manner, Manner::Own),
            urgent: urgent && matches!(manner, Manner::Own),
            manner,
        };
        let began = self.start.elapsed();
        let _taken = self.pace.turn(began);
        let hands = self.hands.clone();
        let task = self.passes.spawn(async move { (began, pass::make(hands, errand).await) }).id();
        self.under_way.insert(name, UnderWay { task, news: false, rescheduled: false });
    }

    /// In which capacity a pass is made; `None` where there is nothing to do here.
    fn manner(&self, cronjob: &CronJob, since: Timestamp) -> Option<Manner> {
        if self.mode() == SchedulerMode::Own {
            return Some(Manner::Own);
        }
        let selector = self.policy.scheduler.selector.as_ref()?;
        selector.matches(|key| cronjob.meta.labels.get(key)).then(|| {
            Manner::Backstop(Help {
                watched: since,
                grace: self.grace(),
                zone_known: self.policy.scheduler.cluster_time_zone.is_some(),
                ttl: self.shortest_ttl(cronjob),
            })
        })
    }

    /// The shortest life after its end that a Job of this `CronJob` may have.
    fn shortest_ttl(&self, cronjob: &CronJob) -> Option<i64> {
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
        self.scheduler.watches.store.jobs.owned_by(&meta.namespace, &meta.name)
    }

    /// Those that somebody wants to keep, and may.
    fn held(&self, cronjob: &CronJob, jobs: &[Arc<Job>]) -> HashSet<Uid> {
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

    fn input<T>(
        &self,
        cronjob: &CronJob,
        object: &crate::batch::Object<'_>,
        family: Option<&crate::batch::Object<'_>>,
        ask: impl FnOnce(&Input<'_>) -> T,
    ) -> T {
        let namespace = &*cronjob.meta.namespace;
        let found = self.scheduler.watches.store.namespaces.find(namespace);
        let labels: Option<Map<'_>> = found.as_ref().and_then(|found| found.labels.view());
        ask(&Input {
            operation: Operation::Stored,
            object,
            old: None,
            cronjob: family,
            namespace,
            namespace_labels: labels.as_ref(),
            own_namespace: self.scheduler.own_namespace.as_deref(),
            now: self.now(),
        })
    }

    /// Draws the conclusions from a pass.
    fn ended(&mut self, ended: Result<(Duration, Ended), JoinError>) {
        let now = self.now();
        let (began, ended) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                tracing::error!(%error, "a pass broke off");
                let broken = self.under_way.iter().find(|(_, one)| one.task == error.id());
                let Some(name) = broken.map(|(name, _)| name.clone()) else { return };
                let unwritten = self.memory.known(&name).and_then(|k| k.unwritten.clone());
                (self.start.elapsed(), Ended::broken_off(name, unwritten))
            }
        };
        let Ended { name, next, wake, unwritten, newest, verified, signal } = ended;
        self.pace.ended(signal, began, self.start.elapsed());
        let under_way = self.under_way.remove(&name);
        let heard = |what: fn(&UnderWay) -> bool| under_way.as_ref().is_some_and(what);
        let (news, rescheduled) = (heard(|one| one.news), heard(|one| one.rescheduled));
        let Some(known) = self.memory.known(&name) else { return };
        known.unwritten = unwritten;
        known.verified |= verified;
        known.doubt = next == Next::Failed { doubt: true };
        if let Some(newest) = newest {
            known.written = Some(newest);
        }
        let failures = std::mem::take(&mut known.failures);
        match next {
            // Another one of the name may be there by now.
            Next::Gone if !news => return self.forget(&name),
            Next::Gone => {}
            Next::Failed { .. } => {
                known.failures = failures + 1;
                let expected = wake.or(known.wake);
                let pause = FIRST_PAUSE.saturating_mul(1 << failures.min(DOUBLINGS));
                // The next start does not wait for what failed, which is tried again before.
                self.set_wake(&name, expected);
                self.set_timer(&name, self.after(pause));
            }
            Next::At(at) => self.set_wake(&name, Some(at)),
            Next::Soon => {
                self.set_wake(&name, wake);
                self.line.chore(name.clone(), now);
            }
            Next::Sleep => self.set_wake(&name, None),
        }
        if rescheduled && let Some(known) = self.memory.known(&name) {
            let seen = Arc::clone(&known.seen);
            self.reschedule(&name, &seen, now);
        }
        if news {
            self.look_soon(name, now);
        }
    }

    // --- policy and rights

    fn load(&mut self) {
        let policy = Arc::clone(&self.policies.borrow_and_update());
        let before = self.mode();
        self.hands.keep = Arc::new(Keep::of(&policy));
        self.hands.zone = cluster_zone(&policy);
        self.policy = policy;
        if self.mode() != before {
            self.takeover = Takeover::begin(self.now(), self.scheduler.force_own, None);
            self.line.clear();
            self.say_mode();
        }
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

    fn say_mode(&mut self) {
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
            _ => {}
        }
    }

    fn notify(&self, cronjob: &CronJob, Notice { warning, reason, note }: &Notice) {
        self.hands.recorder.record(Event {
            about: About::new(Kind::CronJob, &cronjob.meta),
            warning: *warning,
            reason,
            action: "Schedule",
            note: note.clone(),
        });
    }
}

/// The zone of `CronJob`s that name none.
fn cluster_zone(policy: &Policy) -> Zone {
    let named = policy.scheduler.cluster_time_zone.as_ref();
    named.and_then(|name| zone::check(name.as_str()).ok()).unwrap_or(Zone::UTC)
}

/// A clock that is put shows after this time at the latest.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// Between two passes over one `CronJob` that only news ask for.
const BETWEEN: SignedDuration = SignedDuration::from_millis(200);

/// As often as the sweeper looks at everything at least.
const BETWEEN_HEALINGS: SignedDuration = SignedDuration::from_mins(10);

const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// Up to two minutes.
const DOUBLINGS: u32 = 9;
