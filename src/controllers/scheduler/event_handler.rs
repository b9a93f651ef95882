//! What news lead to: which `CronJob`s are looked at again, and when their next start is.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::control_loop::ControlLoop;
use super::expectations::News;
use super::name::Name;
use super::views;
use crate::clock::HashSet;
use crate::cluster::slim::{CronJob, Job, Second};
use crate::controllers::sweeper::ObjectRef;
use crate::policy::rule::SchedulerMode;
use crate::scheduler::{Notice, Takeover, Timetable, missed};

// === impl ControlLoop ===

impl ControlLoop<'_> {
    pub(super) fn take_news(&mut self) {
        let news = self.context.watches.feeds.scheduler.take();
        let now = self.now();
        if news.relisted {
            self.see_all(now);
        }
        for job in &news.appeared {
            self.appeared(job);
        }
        for subject in news.changed {
            match subject {
                ObjectRef::CronJob(cronjob) => self.cronjob_changed(&cronjob, now),
                ObjectRef::Job(job) => self.job_changed(&job, now),
            }
        }
    }

    pub(super) fn see_all(&mut self, now: Timestamp) {
        let all = self.context.watches.store.cronjobs.all();
        let there: HashSet<Name> = all.iter().map(|cronjob| Name::of(&cronjob.meta)).collect();
        for name in self.expectations.retain(|name| there.contains(name)) {
            self.timers.remove(&name);
            self.queue.remove(&name);
        }
        for cronjob in all {
            self.see(&cronjob, now);
        }
    }

    pub(super) fn cronjob_changed(&mut self, mentioned: &CronJob, now: Timestamp) {
        let meta = &mentioned.meta;
        match self.context.watches.store.cronjobs.find(&meta.namespace, &meta.name) {
            Some(stored) => self.see(&stored, now),
            None => self.forget(&Name::of(meta)),
        }
    }

    pub(super) fn see(&mut self, stored: &Arc<CronJob>, now: Timestamp) {
        let name = Name::of(&stored.meta);
        if let Some(at) = stored.scheduling.built_in_wrote() {
            self.foreign(name.parts().0, at, || {
                format!("kube-controller-manager wrote the status of {name}")
            });
        }
        match self.expectations.see(&name, stored, now) {
            News::New | News::Changed => self.look_soon(name, now),
            // Upstream makes no pass for it: a start of the new schedule that is past is not made.
            News::Rescheduled => self.reschedule(&name, stored, now),
        }
    }

    pub(super) fn reschedule(&mut self, name: &Name, stored: &CronJob, now: Timestamp) {
        // It knows the old schedule only, by which it will say when to look again.
        if let Some(under_way) = self.under_way.get_mut(name) {
            under_way.rescheduled = true;
        }
        let view = views::cronjob(stored, None);
        let timetable = Timetable::read(view.schedule, view.time_zone, &self.hands.zone);
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
        match timetable {
            Err(_) if self.acts(name.parts().0) && self.mode() == SchedulerMode::Own => {
                self.hands.notify(stored, &Notice::edited_unparseable(view.schedule));
            }
            _ => {}
        }
    }

    pub(super) fn job_changed(&mut self, job: &Job, now: Timestamp) {
        let Some(owner) = views::controller_of(job) else { return };
        let name = Name::new(&job.meta.namespace, &owner.name);
        self.look_soon(name, now);
    }

    /// A Job is there that was not: perhaps a start.
    pub(super) fn appeared(&mut self, job: &Job) {
        let (Some(slot), Some(owner)) = (views::slot(job), views::controller_of(job)) else {
            return;
        };
        let created = job.meta.created.map(Second::time);
        let Some(created) = created.filter(|created| *created >= self.began) else {
            return;
        };
        let lag = Duration::try_from(created.duration_since(slot)).unwrap_or_default();
        self.hands.metrics.scheduling.started_after(lag);
        // Whoever makes a Job again, such as `kubectl replace --force`, starts nothing: that start
        // is written down.
        let name = Name::new(&job.meta.namespace, &owner.name);
        let starts = self.expectations.known(&name).is_some_and(|known| {
            let (cronjob, written) = (&known.seen, known.seen.scheduling.last_schedule());
            views::child(job, cronjob, false).unwritten(&cronjob.meta.name, written).is_some()
        });
        if starts && !views::is_ours(job) {
            let meta = &job.meta;
            self.foreign(&meta.namespace, created, || {
                format!("somebody else started {}/{}", meta.namespace, meta.name)
            });
        }
    }

    /// Somebody else starts `CronJob`s of a namespace.
    fn foreign(&mut self, namespace: &str, at: Timestamp, why: impl FnOnce() -> String) {
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
        self.clear_queue();
        self.next_report = Timestamp::MIN;
        self.say_mode();
    }

    pub(super) fn forget(&mut self, name: &Name) {
        self.expectations.forget(name);
        self.timers.remove(name);
        self.queue.remove(name);
    }
}
