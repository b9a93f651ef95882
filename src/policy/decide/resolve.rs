//! For each setting, the first matching rule that mentions it, then the defaults
//! (policy.md, points 5 and 6).

use crate::policy::model::matching::Matched;
use crate::policy::model::policy::Policy;
use crate::policy::model::rule::{
    Action, Guard, GuardKind, GuardSettings, Limits, Mode, Rule, Settings, Ttl,
};
use crate::policy::model::subject::Subject;
use crate::policy::model::value::{Seconds, ZoneName};

/// Who supplied a value.
#[derive(Clone, Copy, Debug)]
pub enum Supplier<'p> {
    Rule(&'p Rule),
    /// `spec.defaults`, or the setting's place at the top of the policy.
    Defaults,
}

/// A value and who supplied it.
#[derive(Clone, Copy, Debug)]
pub struct Supplied<'p, T> {
    pub value: T,
    pub by: Supplier<'p>,
}

/// Every setting, resolved for one object; `None` where nobody mentions it.
#[derive(Debug, Default)]
pub struct Resolved<'p> {
    pub ttl: Option<Supplied<'p, Ttl>>,
    pub history_successful: Option<Supplied<'p, u32>>,
    pub history_failed: Option<Supplied<'p, u32>>,
    pub ttl_min: Option<Supplied<'p, Seconds>>,
    pub ttl_max: Option<Supplied<'p, Seconds>>,
    pub history_max: Option<Supplied<'p, u32>>,
    pub hold: Option<Supplied<'p, Seconds>>,
    pub deadline_active: Option<Supplied<'p, Seconds>>,
    pub deadline_starting: Option<Supplied<'p, Seconds>>,
    pub time_zone: Option<Supplied<'p, &'p ZoneName>>,
    pub mode: Option<Supplied<'p, Mode>>,
    pub stored: Option<Supplied<'p, Action>>,
    pub guards: [Option<Supplied<'p, Guard>>; GuardKind::ALL.len()],
}

/// The labels of the namespace decide, and nobody knows them (policy.md, point 14).
#[derive(Debug)]
pub struct NamespaceUnknown<'p> {
    /// What would be supplied if all rules matched that ask for those labels, and nothing else
    /// speaks against.
    pub resolved: Resolved<'p>,
    /// Those of these rules that supply something of it.
    open: Vec<&'p Rule>,
}

// === impl Policy ===

impl Policy {
    /// Resolves every setting for one object.
    ///
    /// # Errors
    /// Where a rule that would supply something asks for namespace labels that nobody knows.
    pub fn resolve(
        &self,
        subject: &Subject<'_>,
    ) -> Result<Resolved<'_>, Box<NamespaceUnknown<'_>>> {
        let mut resolved = Resolved::default();
        let mut open = Vec::new();
        for position in self.index.candidates(subject) {
            let rule = &self.rules[position];
            match rule.matcher.check(subject) {
                Matched::Hit => {
                    resolved.fill(&rule.settings, Supplier::Rule(rule));
                }
                Matched::Miss(_) => {}
                Matched::Unknown => {
                    // Harmless where earlier rules have settled all that this one mentions.
                    if resolved.fill(&rule.settings, Supplier::Rule(rule)) {
                        open.push(rule);
                    }
                }
            }
        }
        resolved.fill(&self.defaults, Supplier::Defaults);
        let top = Settings {
            limits: self.limits,
            mode: Some(self.mode),
            stored: Some(self.stored.action),
            guards: self.guards.settings,
            ..Settings::default()
        };
        resolved.fill_scalars(&top, Supplier::Defaults);
        if open.is_empty() {
            return Ok(resolved);
        }
        Err(Box::new(NamespaceUnknown { resolved, open }))
    }
}

// === impl NamespaceUnknown ===

impl<'p> NamespaceUnknown<'p> {
    /// Where not a rule asks for the labels, but an exemption.
    pub fn of_exemption(resolved: Resolved<'p>) -> Self {
        Self { resolved, open: Vec::new() }
    }

    /// A value that is supplied whatever the labels are.
    pub fn sure<T>(&self, supplied: Option<Supplied<'p, T>>) -> Option<T> {
        let Supplied { value, by } = supplied?;
        let is_open = |rule: &Rule| self.open.iter().any(|open| std::ptr::eq(*open, rule));
        (!by.rule().is_some_and(is_open)).then_some(value)
    }
}

// === impl Resolved ===

impl<'p> Resolved<'p> {
    /// What a guard does.
    pub fn guard(&self, kind: GuardKind) -> Guard {
        self.guards[kind as usize].map_or_else(Guard::default, |supplied| supplied.value)
    }

    /// Supplies what is still missing; says whether anything was.
    fn fill(&mut self, settings: &'p Settings, by: Supplier<'p>) -> bool {
        let zone = supply(&mut self.time_zone, settings.time_zone.as_ref(), by);
        self.fill_scalars(settings, by) | zone
    }

    /// As [`Resolved::fill`], for everything that is copied and not borrowed.
    fn fill_scalars(&mut self, settings: &Settings, by: Supplier<'p>) -> bool {
        let Settings {
            ttl,
            history_successful,
            history_failed,
            limits: Limits { ttl_min, ttl_max, history_max, hold },
            deadline_active,
            deadline_starting,
            time_zone: _,
            mode,
            stored,
            guards: GuardSettings { owned_by_other, deploy_hooks, gitops_tracked },
        } = *settings;
        let [own, hooks, tracked] = &mut self.guards;
        // Not `||`: each of them must be supplied.
        supply(&mut self.ttl, ttl, by)
            | supply(&mut self.history_successful, history_successful, by)
            | supply(&mut self.history_failed, history_failed, by)
            | supply(&mut self.ttl_min, ttl_min, by)
            | supply(&mut self.ttl_max, ttl_max, by)
            | supply(&mut self.history_max, history_max, by)
            | supply(&mut self.hold, hold, by)
            | supply(&mut self.deadline_active, deadline_active, by)
            | supply(&mut self.deadline_starting, deadline_starting, by)
            | supply(&mut self.mode, mode, by)
            | supply(&mut self.stored, stored, by)
            | supply(own, owned_by_other, by)
            | supply(hooks, deploy_hooks, by)
            | supply(tracked, gitops_tracked, by)
    }
}

fn supply<'p, T>(slot: &mut Option<Supplied<'p, T>>, value: Option<T>, by: Supplier<'p>) -> bool {
    let (None, Some(value)) = (&slot, value) else { return false };
    *slot = Some(Supplied { value, by });
    true
}

// === impl Supplier ===

impl<'p> Supplier<'p> {
    /// The rule, where one supplied the value.
    pub fn rule(self) -> Option<&'p Rule> {
        match self {
            Self::Rule(rule) => Some(rule),
            Self::Defaults => None,
        }
    }

    /// Whether the value replaces what an author wrote.
    pub fn enforces(self) -> bool {
        self.rule().is_some_and(|rule| rule.enforce)
    }
}
