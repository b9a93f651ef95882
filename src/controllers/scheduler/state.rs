//! What a term knows of `CronJob`s, and what follows from it.
//!
//! News, what became of passes, and the time come in; the next pass, the status and Events come out.
//! Nothing here waits, calls or looks at a clock, so that what is done at which moment can be tested
//! in tables. Only the store is read as it is.

use std::collections::BTreeSet;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::expectations::{self, Expectations, Known};
use super::name::Name;
use super::reconcile::{Ended, Manner, Next, ReconcileRequest, event};
use super::survey::Survey;
use super::views;
use super::work_queue::WorkQueue;
use crate::batch::zone::{self, Zone};
use crate::batch::{Map, Object};
use crate::clock::{HashMap, HashSet};
use crate::cluster::events::Event;
use crate::cluster::slim::{CronJob, Job, Keep, Second, Uid};
use crate::controllers::context::after;
use crate::controllers::feed::News;
use crate::controllers::rights::Rights;
use crate::controllers::sweeper::ObjectRef;
use crate::controllers::watches::Watches;
use crate::metrics::Metrics;
use crate::policy::decide::{Input, Operation};
use crate::policy::record::HOLD_UNTIL;
use crate::policy::rule::SchedulerMode;
use crate::policy::settings::Ttl;
use crate::policy::value::Seconds;
use crate::policy::{Policy, protects};
use crate::scheduler::backstop::Conditions;
use crate::scheduler::missed::{self, AFTER_SLOT};
use crate::scheduler::observe::observe;
use crate::scheduler::status::Status;
use crate::scheduler::{Notice, Observation, Takeover, Timetable};
use crate::sweeper::{Deadlines, Reach};

/// Everything that a term remembers of `CronJob`s.
pub(super) struct State {
    given: Given,
    rights: Rights,
    policy: Arc<Policy>,
    /// What the policy needs of objects.
    keep: Arc<Keep>,
    /// The zone of `CronJob`s that name none.
    zone: Zone,
    takeover: Takeover,
    /// Namespaces that are left to whoever else starts `CronJob`s there.
    rivals: BTreeSet<String>,
    expectations: Expectations,
    queue: WorkQueue,
    timers: Deadlines<Name>,
    /// Over which a pass is being made.
    under_way: HashMap<Name, UnderWay>,
    survey: Survey,
    next_report: Timestamp,
    began: Timestamp,
    /// The latest moment that our clock has shown.
    latest: Timestamp,
    /// When everything was last given a turn.
    healed: Timestamp,
    /// To be recorded.
    events: Vec<Event>,
}

/// What stays the same for a whole term.
pub(super) struct Given {
    pub(super) watches: Arc<Watches>,
    pub(super) own_namespace: Option<String>,
    pub(super) reach: Arc<Reach>,
    /// `Own` begins without looking first whether somebody else starts `CronJob`s.
    pub(super) force_own: bool,
    pub(super) metrics: Arc<Metrics>,
}

/// A pass that has begun, and what was heard of its `CronJob` since.
#[derive(Debug)]
struct UnderWay {
    /// Of the `CronJob`: another one may have come under its name.
    uid: Uid,
    news: bool,
    rescheduled: bool,
}

// === impl State ===

impl State {
    /// Nothing is known yet. `owned_until` is when the leader before us surely owned.
    pub(super) fn new(
        given: Given,
        rights: Rights,
        policy: Arc<Policy>,
        owned_until: Option<Timestamp>,
        now: Timestamp,
    ) -> Self {
        let state = Self {
            takeover: given.takeover(now, owned_until),
            given,
            rights,
            keep: Arc::new(Keep::of(&policy)),
            zone: cluster_zone(&policy),
            policy,
            rivals: BTreeSet::new(),
            expectations: Expectations::default(),
            queue: WorkQueue::default(),
            timers: Deadlines::default(),
            under_way: HashMap::default(),
            survey: Survey::new(now),
            next_report: now,
            began: now,
            latest: now,
            healed: now,
            events: Vec::new(),
        };
        state.say_mode();
        state
    }

    /// What is kept of a `CronJob` that is read, and the zone of those that name none.
    pub(super) fn ways(&self) -> (Arc<Keep>, Zone) {
        (Arc::clone(&self.keep), self.zone.clone())
    }

    /// Whether everything is listed, with what the policy in use needs.
    pub(super) fn is_covered(&self) -> bool {
        self.given.watches.store.covers(&self.keep)
    }

    /// Whether there is something to do: whoever was switched off still has to write down what it
    /// started.
    pub(super) fn has_work(&self) -> bool {
        self.is_on() || !self.queue.is_empty()
    }

    /// Whether somebody waits for a turn.
    pub(super) fn has_turns(&self) -> bool {
        !self.queue.is_empty()
    }

    /// What is to be recorded.
    pub(super) fn take_events(&mut self) -> Vec<Event> {
        mem::take(&mut self.events)
    }

    /// Those whose last start is to be written down.
    pub(super) fn unwritten(&self) -> Vec<Name> {
        self.expectations.names(|known| known.unwritten.is_some())
    }

    /// When there is something to do without news.
    pub(super) fn next(&self) -> Option<Timestamp> {
        let round = (!self.queue.has_starts()).then_some(self.survey.next);
        [self.timers.next_deadline(), round].into_iter().flatten().min()
    }

    fn mode(&self) -> SchedulerMode {
        self.policy.scheduler.mode
    }

    fn is_on(&self) -> bool {
        self.mode() != SchedulerMode::Off
    }

    /// How late a start may be before it counts as missed.
    fn grace(&self) -> SignedDuration {
        SignedDuration::from_secs(self.policy.scheduler.grace.get())
    }

    /// Whether starts are made in a namespace.
    fn acts(&self, namespace: &str) -> bool {
        let may = self.given.reach.covers(namespace) && self.rights.are_complete(namespace);
        match self.mode() {
            SchedulerMode::Off | SchedulerMode::Observe => false,
            SchedulerMode::Backstop => may,
            SchedulerMode::Own => may && self.takeover.owns() && !self.rivals.contains(namespace),
        }
    }

    // --- What comes in.

    /// Another policy is in use.
    pub(super) fn load(&mut self, policy: Arc<Policy>, now: Timestamp) {
        let before = self.mode();
        self.keep = Arc::new(Keep::of(&policy));
        let before_zone = mem::replace(&mut self.zone, cluster_zone(&policy));
        self.policy = policy;
        if self.mode() != before {
            self.takeover = self.given.takeover(now, None);
            self.rivals.clear();
            self.clear_queue(now);
            self.say_mode();
        }
        self.expectations.begin_anew(now, before_zone != self.zone);
        self.next_report = Timestamp::MIN;
        self.everything(now);
    }

    /// Other rights are known.
    pub(super) fn permit(&mut self, rights: Rights, now: Timestamp) {
        self.rights = rights;
        self.next_report = Timestamp::MIN;
        self.everything(now);
    }

    /// A clock that was put back by hand would make everything wait that was to be soon.
    pub(super) fn look_at_clock(&mut self, now: Timestamp) {
        if now < self.latest.saturating_sub(TOLERANCE).unwrap_or(now) {
            self.survey.next = now;
            (self.next_report, self.healed) = (now, now);
            self.expectations.clock_put_back(now);
            self.everything(now);
            self.latest = now;
        }
        self.latest = self.latest.max(now);
    }

    /// Looks at what has happened since.
    pub(super) fn take_news(&mut self, news: News, now: Timestamp) {
        if news.relisted {
            self.see_all(now);
        }
        for job in &news.appeared {
            self.appeared(job, now);
        }
        for subject in news.changed {
            match subject {
                ObjectRef::CronJob(cronjob) => self.cronjob_changed(&cronjob, now),
                ObjectRef::Job(job) => {
                    if let Some(owner) = views::controller_of(&job) {
                        self.look_soon(Name::new(&job.meta.namespace, &owner.name), now);
                    }
                }
            }
        }
    }

    fn see_all(&mut self, now: Timestamp) {
        let all = self.given.watches.store.cronjobs.all();
        let there: HashSet<Name> = all.iter().map(|cronjob| Name::of(&cronjob.meta)).collect();
        for name in self.expectations.retain(|name| there.contains(name)) {
            self.timers.remove(&name);
            self.queue.remove(&name);
        }
        for cronjob in all {
            self.see(&cronjob, now);
        }
    }

    fn cronjob_changed(&mut self, mentioned: &CronJob, now: Timestamp) {
        let meta = &mentioned.meta;
        match self.given.watches.store.cronjobs.find(&meta.namespace, &meta.name) {
            Some(stored) => self.see(&stored, now),
            None => self.forget(&Name::of(meta)),
        }
    }

    fn see(&mut self, stored: &Arc<CronJob>, now: Timestamp) {
        let name = Name::of(&stored.meta);
        if let Some(at) = stored.scheduling.built_in_wrote() {
            let why = || format!("kube-controller-manager wrote the status of {name}");
            self.foreign(name.parts().0, at, now, why);
        }
        match self.expectations.see(&name, stored, now) {
            expectations::News::New | expectations::News::Changed => self.look_soon(name, now),
            // Upstream makes no pass for it: a start of the new schedule that is past is not made.
            expectations::News::Rescheduled => self.reschedule(&name, stored, now),
        }
    }

    fn reschedule(&mut self, name: &Name, stored: &CronJob, now: Timestamp) {
        // It knows the old schedule only, by which it will say when to look again.
        if let Some(under_way) = self.under_way.get_mut(name) {
            under_way.rescheduled = true;
        }
        let view = views::cronjob(stored, None);
        let timetable = Timetable::read(view.schedule, view.time_zone, &self.zone);
        let wake = timetable
            .as_ref()
            .ok()
            .and_then(|t| missed::next_look(t, missed::Since::of(&view), now));
        // What waits for another reason, such as a try after a failure, goes on waiting.
        let before = self.expectations.known(name).and_then(|known| known.wake);
        let waits = self.timers.deadline_of(name).filter(|at| Some(*at) != before);
        self.set_wake(name, wake);
        if let Some(at) = waits {
            self.set_timer(name, at);
        }
        if timetable.is_err() && self.acts(name.parts().0) && self.mode() == SchedulerMode::Own {
            self.events.push(event(stored, Notice::edited_unparseable(view.schedule)));
        }
    }

    /// A Job is there that was not: perhaps a start.
    fn appeared(&mut self, job: &Job, now: Timestamp) {
        let (Some(slot), Some(owner)) = (views::slot(job), views::controller_of(job)) else {
            return;
        };
        let created = job.meta.created.map(Second::time);
        let Some(created) = created.filter(|created| *created >= self.began) else {
            return;
        };
        let lag = Duration::try_from(created.duration_since(slot)).unwrap_or_default();
        self.given.metrics.scheduling.started_after(lag);
        // Whoever makes a Job again, such as `kubectl replace --force`, starts nothing: that start
        // is written down.
        let name = Name::new(&job.meta.namespace, &owner.name);
        let starts = self.expectations.known(&name).is_some_and(|known| {
            let (cronjob, written) = (&known.seen, known.seen.scheduling.last_schedule());
            views::child(job, cronjob, false).unwritten(&cronjob.meta.name, written).is_some()
        });
        if starts && !views::is_ours(job) {
            let meta = &job.meta;
            let why = || format!("somebody else started {}/{}", meta.namespace, meta.name);
            self.foreign(&meta.namespace, created, now, why);
        }
    }

    /// Somebody else starts `CronJob`s of a namespace.
    fn foreign(
        &mut self,
        namespace: &str,
        at: Timestamp,
        now: Timestamp,
        why: impl FnOnce() -> String,
    ) {
        if self.mode() != SchedulerMode::Own || !self.takeover.counts(at) {
            return;
        }
        // Both a Job and what `managedFields` tell can be made up by whoever may write in the
        // namespace, with any time.
        let elsewhere = self.rivals.iter().any(|known| known != namespace);
        if self.takeover.owns() && !elsewhere && self.expectations.has_others(namespace) {
            if self.rivals.insert(namespace.to_owned()) {
                let (ns, why) = (namespace, why());
                tracing::warn!(
                    ns,
                    why,
                    "Own starts nothing more in this namespace, as somebody else does: see who that \
                     is, then restart curfew"
                );
            }
            return;
        }
        self.takeover.foreign(at, why);
        if let Takeover::Stopped { why } = &self.takeover {
            tracing::error!(
                why,
                "Own starts nothing, as another controller does: switch off its \
                 cronjob-controller (--controllers=*,-cronjob-controller), or set \
                 scheduler.mode: Observe; then restart curfew"
            );
        }
        self.clear_queue(now);
        self.next_report = Timestamp::MIN;
        self.say_mode();
    }

    fn forget(&mut self, name: &Name) {
        self.expectations.forget(name);
        self.timers.remove(name);
        self.queue.remove(name);
    }

    // --- What is thought about it.

    /// Gives a `CronJob` a turn, unless it had one a moment ago: its Jobs change by the hundred.
    fn look_soon(&mut self, name: Name, now: Timestamp) {
        if let Some(under_way) = self.under_way.get_mut(&name) {
            under_way.news = true;
            return;
        }
        if self.queue.contains(&name) {
            return;
        }
        let Some(known) = self.expectations.known(&name) else { return };
        let next = known.passed.map(|at| after(at, BETWEEN));
        match next.filter(|next| *next > now) {
            None => self.queue.chore(name, now),
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
        let Some(known) = self.expectations.known(name) else { return };
        known.wake = wake;
        match wake {
            Some(at) => self.timers.set(name.clone(), at),
            None => {
                self.timers.remove(name);
            }
        }
    }

    /// Gives a turn to whose moment has come.
    pub(super) fn take_due(&mut self, now: Timestamp) {
        if self.mode() == SchedulerMode::Own && self.takeover.pass(now) {
            tracing::info!("nobody else starts CronJobs: from now on this does");
            self.next_report = Timestamp::MIN;
            self.say_mode();
            self.expectations.begin_anew(now, false);
            self.everything(now);
        }
        while let Some((_, name)) = self.timers.pop_due(now) {
            let Some(known) = self.expectations.known(&name) else { continue };
            let wake = known.wake.filter(|wake| *wake <= now);
            if let Some(wake) = wake {
                known.wake = None;
                let slot = wake.saturating_sub(AFTER_SLOT).unwrap_or(wake);
                let seen = Arc::clone(&known.seen);
                if self.mode() == SchedulerMode::Own
                    && !self.takeover.owns()
                    && views::cronjob(&seen, None).would_start()
                {
                    self.takeover.due(slot, self.grace().max(SLOWEST));
                }
                self.queue.start(name, slot);
            } else {
                if let Some(wake) = known.wake {
                    self.timers.set(name.clone(), wake);
                }
                self.queue.chore(name, now);
            }
        }
    }

    /// Gives every `CronJob` a turn.
    fn everything(&mut self, now: Timestamp) {
        self.healed = now;
        for name in self.expectations.names(|known| !known.edited) {
            self.queue.chore(name, now);
        }
    }

    /// Nobody is given a turn for what brought it here; what was started is written down all the
    /// same.
    fn clear_queue(&mut self, now: Timestamp) {
        self.queue.clear();
        for name in self.unwritten() {
            self.queue.chore(name, now);
        }
    }

    /// Where nothing is started, only the time of the next start is of interest.
    fn retime(&mut self, name: &Name, now: Timestamp) {
        let Some(known) = self.expectations.known(name) else { return };
        known.passed = Some(now);
        let seen = Arc::clone(&known.seen);
        let view = views::cronjob(&seen, None);
        if view.suspended || view.terminating || self.mode() == SchedulerMode::Observe {
            self.set_wake(name, None);
            return;
        }
        let timetable = Timetable::read(view.schedule, view.time_zone, &self.zone);
        let wake = timetable
            .ok()
            .and_then(|timetable| missed::next_look(&timetable, missed::Since::of(&view), now));
        // What is past and not made here stays so.
        self.set_wake(name, wake.filter(|wake| *wake > now));
    }

    /// Whether some more `CronJob`s may be looked at: a start does not wait for a table, unless there
    /// is one to make all the time.
    pub(super) fn may_survey(&self, now: Timestamp) -> bool {
        let waits = self.queue.has_starts() && !self.survey.is_overdue(now);
        self.is_on() && !waits && self.survey.is_due(now)
    }

    /// Whether a look at all is under way that may go on at once.
    pub(super) fn surveys_on(&self, now: Timestamp) -> bool {
        self.survey.is_under_way() && self.may_survey(now)
    }

    /// Looks at some more, or begins.
    pub(super) fn survey(&mut self, now: Timestamp) {
        let store = &self.given.watches.store;
        let some = self.survey.some(|| store.cronjobs.all());
        for cronjob in some.iter().rev() {
            let observation = self.observe(cronjob, now);
            self.survey.add(Name::of(&cronjob.meta), &observation, &self.given.metrics);
        }
        if !self.survey.is_done() {
            return;
        }
        if self.survey.end(&self.given.metrics, now) {
            // Whoever asks for the status now wants to see it.
            self.next_report = Timestamp::MIN;
        }
        // Every CronJob is given a turn now and then, whatever news there were.
        if now.duration_since(self.healed) > BETWEEN_HEALINGS {
            self.see_all(now);
            self.everything(now);
        }
    }

    /// So long the last look took.
    pub(super) fn survey_took(&mut self, time: Duration) {
        self.survey.took(time);
    }

    fn observe(&mut self, cronjob: &CronJob, now: Timestamp) -> Observation {
        let name = Name::of(&cronjob.meta);
        let jobs = self.jobs_of(cronjob);
        let children = views::children(jobs.iter().map(|job| &**job), cronjob, |_| false);
        let written = views::cronjob(cronjob, None);
        let known = self.expectations.known(&name).map(|known| known.in_force(cronjob, now));
        let store = &self.given.watches.store;
        let namespace = store.namespaces.find(&cronjob.meta.namespace);
        let view = crate::batch::CronJob {
            in_force: known.or(written.in_force),
            // Only where the policy asks for namespaces. Elsewhere its deletion shows a moment
            // later, as that of the CronJob.
            namespace_terminating: namespace.is_some_and(|namespace| namespace.terminating),
            ..written
        };
        let is_there = |job: &str| Some(store.jobs.find(&cronjob.meta.namespace, job).is_some());
        observe(&view, &children, is_there, &self.zone, self.grace(), now)
    }

    // --- What comes out.

    /// The next pass to make, which counts as begun; `holds` says whether we surely lead.
    pub(super) fn next_pass(&mut self, holds: bool, now: Timestamp) -> Option<ReconcileRequest> {
        while let Some((name, urgent)) = self.queue.pop(now) {
            if let Some(under_way) = self.under_way.get_mut(&name) {
                under_way.news = true;
                continue;
            }
            if self.acts(name.parts().0) {
                let pass = self.pass(name, urgent, holds, now);
                if pass.is_some() {
                    return pass;
                }
                continue;
            }
            // What was started when we might is still to be written down.
            let known = self.expectations.known(&name);
            let pass = known
                .is_some_and(|known| known.unwritten.is_some())
                .then(|| self.pass(name.clone(), false, holds, now));
            self.retime(&name, now);
            if let Some(Some(pass)) = pass {
                return Some(pass);
            }
        }
        None
    }

    /// A pass over one `CronJob`, which counts as begun; `None` where there is nothing to do.
    pub(super) fn pass(
        &mut self,
        name: Name,
        urgent: bool,
        holds: bool,
        now: Timestamp,
    ) -> Option<ReconcileRequest> {
        let known = self.expectations.known(&name)?;
        known.passed = Some(now);
        known.edited = false;
        let Known { unwritten, verified, doubt, since, failures, .. } = known.clone();
        let cronjob = Arc::clone(known.newest());
        let manner = if self.acts(name.parts().0) && holds {
            self.manner(&cronjob, since, now)?
        } else {
            Manner::Finish
        };
        let uid = cronjob.meta.uid.clone();
        let children = self.jobs_of(&cronjob);
        let held = self.held(&cronjob, &children, now);
        let owns = matches!(manner, Manner::Own);
        self.under_way.insert(name.clone(), UnderWay { uid, news: false, rescheduled: false });
        Some(ReconcileRequest {
            name,
            cronjob,
            unwritten,
            children,
            held,
            doubt,
            failures,
            verified: verified && owns,
            urgent: urgent && owns,
            manner,
        })
    }

    /// In which capacity a pass is made; `None` where there is nothing to do here.
    fn manner(&self, cronjob: &CronJob, since: Timestamp, now: Timestamp) -> Option<Manner> {
        if self.mode() == SchedulerMode::Own {
            return Some(Manner::Own);
        }
        let selector = self.policy.scheduler.selector.as_ref()?;
        selector.matches(|key| cronjob.meta.labels.get(key)).then(|| {
            Manner::Backstop(Conditions {
                protected: protects(&cronjob.meta.namespace, self.given.own_namespace.as_deref()),
                watched: since,
                grace: self.grace(),
                zone_known: self.policy.scheduler.cluster_time_zone.is_some(),
                ttl: self.shortest_ttl(cronjob, now),
                now,
            })
        })
    }

    /// The shortest life after its end that a Job of this `CronJob` may have.
    fn shortest_ttl(&self, cronjob: &CronJob, now: Timestamp) -> Option<i64> {
        let object = cronjob.view();
        let template = object.template_spec().and_then(|spec| spec.ttl_seconds_after_finished);
        let supplied = self.input(&object, None, now, |input| {
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
    fn jobs_of(&self, cronjob: &CronJob) -> Vec<Arc<Job>> {
        let meta = &cronjob.meta;
        self.given.watches.store.jobs.owned_by(&meta.namespace, &meta.name)
    }

    /// Those that somebody wants to keep, and may.
    fn held(&self, cronjob: &CronJob, jobs: &[Arc<Job>], now: Timestamp) -> HashSet<Uid> {
        let family = cronjob.view();
        let is_held = |job: &Job| {
            self.input(&job.view(), Some(&family), now, |input| {
                self.policy.decide(input).held_until.is_some_and(|until| until > now)
            })
        };
        let asks = |job: &&Arc<Job>| job.meta.annotations.get(HOLD_UNTIL).is_some();
        jobs.iter().filter(asks).filter(|job| is_held(job)).map(|j| j.meta.uid.clone()).collect()
    }

    fn input<T>(
        &self,
        object: &Object<'_>,
        cronjob: Option<&Object<'_>>,
        now: Timestamp,
        ask: impl FnOnce(&Input<'_>) -> T,
    ) -> T {
        let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
        let found = self.given.watches.store.namespaces.find(namespace);
        let labels: Option<Map<'_>> = found.as_ref().and_then(|found| found.labels.view());
        ask(&Input {
            operation: Operation::Stored,
            object,
            old: None,
            cronjob,
            namespace,
            namespace_labels: labels.as_ref(),
            own_namespace: self.given.own_namespace.as_deref(),
            now,
        })
    }

    /// Draws the conclusions from a pass that has ended.
    pub(super) fn passed(&mut self, ended: Ended, now: Timestamp) {
        let Ended { name, next, wake, unwritten, newest, verified, signal: _, refused: _ } = ended;
        let under_way = self.under_way.remove(&name);
        let heard = |what: fn(&UnderWay) -> bool| under_way.as_ref().is_some_and(what);
        let (news, rescheduled) = (heard(|one| one.news), heard(|one| one.rescheduled));
        let Some(known) = self.expectations.known(&name) else { return };
        if under_way.is_some_and(|one| one.uid != known.seen.meta.uid) {
            // Nothing of it is about the one that is there now.
            self.look_soon(name, now);
            return;
        }
        known.unwritten = unwritten;
        known.verified |= verified;
        known.doubt = next == Next::Failed { doubt: true };
        if let Some(newest) = newest {
            known.written = Some(newest);
        }
        let failures = mem::take(&mut known.failures);
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
                self.set_timer(&name, after(now, pause));
            }
            Next::At(at) => self.set_wake(&name, Some(at)),
            Next::Soon => {
                self.set_wake(&name, wake);
                self.queue.chore(name.clone(), now);
            }
            Next::Sleep => self.set_wake(&name, None),
        }
        if rescheduled && let Some(known) = self.expectations.known(&name) {
            let seen = Arc::clone(&known.seen);
            self.reschedule(&name, &seen, now);
        }
        if news {
            self.look_soon(name, now);
        }
    }

    /// A pass broke off: nothing is known of what it did.
    pub(super) fn broke_off(&mut self, name: Name, now: Timestamp) {
        let unwritten = self.expectations.known(&name).and_then(|known| known.unwritten.clone());
        self.passed(Ended::broken_off(name, unwritten), now);
    }

    /// The status, unless it was told a moment ago; `stopped` is why nothing is decided.
    pub(super) fn status(&mut self, stopped: Option<String>, now: Timestamp) -> Option<Status> {
        if now < self.next_report {
            return None;
        }
        self.next_report = after(now, BETWEEN_REPORTS);
        Some(Status {
            mode: self.mode().as_str().to_owned(),
            at: Some(now),
            takeover: (self.mode() == SchedulerMode::Own).then(|| self.takeover.clone()),
            cron_jobs: self.survey.counts(),
            missing_rights: self.rights.complaints(),
            stopped,
        })
    }

    fn say_mode(&self) {
        let mode = self.mode();
        let owns = mode == SchedulerMode::Own && self.takeover.owns();
        self.given.metrics.scheduling.owning(owns);
        match (mode, &self.takeover) {
            (SchedulerMode::Own, Takeover::Watching { .. }) => tracing::info!(
                "before any CronJob is started here, starts have to pass that nobody else makes"
            ),
            (SchedulerMode::Own, Takeover::Owning { .. }) => {
                tracing::info!("CronJobs are started here");
            }
            (SchedulerMode::Own, Takeover::Stopped { why })
                if !self.given.reach.is_everywhere() =>
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

// === impl Given ===

impl Given {
    /// How far `Own` is when it begins; `owned_until` is when the leader before us surely owned.
    fn takeover(&self, now: Timestamp, owned_until: Option<Timestamp>) -> Takeover {
        if self.reach.is_everywhere() {
            return Takeover::begin(now, self.force_own, owned_until);
        }
        let why =
            format!("it writes {}, and Own starts the CronJobs of all namespaces", self.reach);
        Takeover::Stopped { why }
    }
}

/// The zone of `CronJob`s that name none.
fn cluster_zone(policy: &Policy) -> Zone {
    let named = policy.scheduler.cluster_time_zone.as_ref();
    named.and_then(|name| zone::check(name.as_str()).ok()).unwrap_or(Zone::UTC)
}

/// Less than what a correction of our clock by the API server's answers comes to.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(2);

/// Between two passes over one `CronJob` that only news ask for.
const BETWEEN: Duration = Duration::from_millis(200);

/// As often as the sweeper looks at everything at least.
const BETWEEN_HEALINGS: SignedDuration = SignedDuration::from_mins(10);

/// How late the built-in controller may be with a start, and be at work all the same.
const SLOWEST: SignedDuration = SignedDuration::from_secs(60);

const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// Up to two minutes.
const DOUBLINGS: u32 = 9;

/// A leader after us has to know within two minutes that we owned ([`crate::scheduler::takeover`]).
const BETWEEN_REPORTS: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;
