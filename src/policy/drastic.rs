//! What an edited policy does to many objects at once: TTLs that become far shorter, protection
//! that goes, more power.
//!
//! [`Policy::drastic_changes`] compares two policies part by part and rule by rule, by name. It
//! asks no object: what is said of a rule is true of the rule, whatever stands before it. Nothing
//! is forbidden for it; the brake of the sweeper is what keeps finished Jobs (controllers.md).

mod exempt;
mod rules;

use std::collections::HashSet;
use std::fmt::Display;
use std::hash::Hash;

use crate::policy::model::policy::Policy;
use crate::policy::model::rule::{Guards, Scheduler, SchedulerMode, Stored};
use crate::policy::model::setting::Setting;
use crate::policy::model::settings::{Guard, GuardKind, Mode, Settings, Stated, Ttl};
use crate::policy::model::value::Seconds;

/// What is drastic about the way from one policy to another, as far as it was looked at.
struct Changes {
    lines: Vec<String>,
}

// === impl Policy ===

impl Policy {
    /// What is drastic about this policy where the old one was in use: a sentence each, which says
    /// from what to what.
    pub fn drastic_changes(&self, old: &Self) -> Vec<String> {
        let mut changes = Changes { lines: Vec::new() };
        if self.revision != old.revision {
            changes.look(old, self);
        }
        changes.lines
    }
}

// === impl Changes ===

impl Changes {
    fn look(&mut self, old: &Policy, new: &Policy) {
        self.mode("", old.mode, new.mode);
        exempt::look(&old.exempt, &new.exempt, self);
        for kind in GuardKind::ALL {
            self.guard("", kind, old.top.guard(kind), new.top.guard(kind));
        }
        self.guards(&old.guards, &new.guards);
        self.settings("", &old.top, &new.top);
        rules::look(old, new, self);
        self.settings("defaults: ", &old.defaults, &new.defaults);
        self.stored(&old.stored, &new.stored);
        self.scheduler(&old.scheduler, &new.scheduler);
    }

    fn becomes(&mut self, what: impl Display, from: impl Display, to: impl Display) {
        self.lines.push(format!("{what} {from} becomes {to}"));
    }

    /// It begins to write.
    fn mode(&mut self, owner: &str, from: Mode, to: Mode) {
        if from != Mode::Enforce && to == Mode::Enforce {
            self.becomes(format!("{owner}mode"), from.as_str(), to.as_str());
        }
    }

    fn guards(&mut self, from: &Guards, to: &Guards) {
        let Guards { floor, allow_owners, gitops_marks } = to;
        self.shorter("guards.floor", Some(from.floor), Some(*floor));
        self.list("guards.allowOwners", "new", &missing(allow_owners, &from.allow_owners));
        let marks = &from.gitops_marks;
        for (name, before, after) in [
            ("labels", &marks.labels, &gitops_marks.labels),
            ("annotations", &marks.annotations, &gitops_marks.annotations),
            ("managers", &marks.managers, &gitops_marks.managers),
        ] {
            self.list(&format!("guards.gitOpsMarks.{name}"), "gone", &missing(before, after));
        }
    }

    /// A guard that becomes less strict; one that nobody mentions is on its default.
    fn guard(&mut self, owner: &str, kind: GuardKind, from: Option<Guard>, to: Option<Guard>) {
        let (from, to) = (from.unwrap_or_default(), to.unwrap_or_default());
        if to < from {
            self.becomes(format!("{owner}{}", kind.setting()), from.as_str(), to.as_str());
        }
    }

    /// Values that cut the life of finished Jobs and are mentioned before and after; of any other
    /// nobody knows here what it was. Rules and defaults say what else they change by themselves.
    fn settings(&mut self, owner: &str, from: &Settings, to: &Settings) {
        for (name, to) in to.stated() {
            // What is filled at a creation ends no finished Job, and a lower `min` leads to none.
            let cuts = Setting::parse(name).is_none_or(|setting| !setting.is_filled())
                && name != "limits.ttl.min";
            match (from.get(name), to) {
                (Some(Stated::Ttl(from)), Stated::Ttl(to)) => self.ttl(owner, from, to),
                (Some(Stated::Seconds(from)), Stated::Seconds(to)) if cuts => {
                    self.shorter(&format!("{owner}{name}"), Some(from), Some(to));
                }
                _ => {}
            }
        }
    }

    fn ttl(&mut self, owner: &str, from: Ttl, to: Ttl) {
        let (from, to) = (from.sides(), to.sides());
        if from.0 == from.1 && to.0 == to.1 {
            self.shorter(&format!("{owner}ttl"), from.0, to.0);
            return;
        }
        self.shorter(&format!("{owner}ttl.onSuccess"), from.0, to.0);
        self.shorter(&format!("{owner}ttl.onFailure"), from.1, to.1);
    }

    /// `None` is for ever.
    fn shorter(&mut self, name: &str, from: Option<Seconds>, to: Option<Seconds>) {
        let Some(to) = to else { return };
        match from {
            None => self.becomes(name, "unset", to),
            Some(from) if to < from && to.get() * TENFOLD <= from.get() => {
                let times = match from.get().checked_div(to.get()) {
                    Some(times) => format!(", {times} times shorter"),
                    None => String::new(),
                };
                self.becomes(name, from, format!("{to}{times}"));
            }
            Some(_) => {}
        }
    }

    fn stored(&mut self, from: &Stored, to: &Stored) {
        let Stored { action, selector, propagation: _, rate: _, brake_at_most } = to;
        if *action > from.action {
            self.becomes("stored.action", from.action.as_str(), action.as_str());
        }
        if let (Some(selector), None) = (&from.selector, selector) {
            self.lines
                .push(format!("stored.selector {selector} is gone: everything stored counts"));
        }
        let (before, after) = (from.brake_at_most, *brake_at_most);
        if after > before && i64::from(before) * TENFOLD <= i64::from(after) {
            self.becomes("stored.brake.atMost", before, after);
        }
    }

    /// It begins to start `CronJob`s, or to start all of them.
    fn scheduler(&mut self, from: &Scheduler, to: &Scheduler) {
        let power = |mode: SchedulerMode| match mode {
            SchedulerMode::Off | SchedulerMode::Observe => 0,
            SchedulerMode::Backstop => 1,
            SchedulerMode::Own => 2,
        };
        if power(to.mode) > power(from.mode) {
            self.becomes("scheduler.mode", from.mode.as_str(), to.mode.as_str());
        }
    }

    /// Entries of a list that are new, or gone.
    fn list(&mut self, name: &str, what: &str, entries: &[String]) {
        let verb = if entries.len() == 1 { "is" } else { "are" };
        let shown = entries.get(..SHOWN).unwrap_or(entries).join(", ");
        match entries.len().saturating_sub(SHOWN) {
            _ if entries.is_empty() => {}
            0 => self.lines.push(format!("{name}: {shown} {verb} {what}")),
            rest => self.lines.push(format!("{name}: {shown} and {rest} more {verb} {what}")),
        }
    }
}

/// The entries of a list that another has not.
fn missing<T: Display + Eq + Hash>(list: &[T], other: &[T]) -> Vec<String> {
    let other: HashSet<&T> = other.iter().collect();
    list.iter().filter(|entry| !other.contains(entry)).map(ToString::to_string).collect()
}

/// From here on a change is more likely a slip of the hand: a unit, or a digit.
const TENFOLD: i64 = 10;

/// So many entries are told by name.
const SHOWN: usize = 3;
