//! For each setting, the first matching rule that mentions it, then the defaults
//! (policy.md, points 5 and 6).

use crate::policy::model::matching::Matched;
use crate::policy::model::policy::Policy;
use crate::policy::model::rule::Rule;
use crate::policy::model::settings::{
    Action, Guard, GuardKind, Mode, Settings, Stated, Ttl, guards, settings,
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

macro_rules! define {
    ($($(#[doc = $meaning:literal])+ $field:ident: $type:ty = $name:literal;)*) => {
        /// Every setting, resolved for one object; `None` where nobody mentions it.
        #[derive(Debug, Default)]
        pub struct Resolved<'p> {
            $($(#[doc = $meaning])+ pub $field: Option<Supplied<'p, $type>>,)*
        }

        impl<'p> Resolved<'p> {
            /// Everything that is supplied, by name.
            pub fn stated(&self) -> impl Iterator<Item = (&'static str, Supplied<'p, Stated<'_>>)> {
                let all = [$(($name, self.$field.as_ref().map(Supplied::stated)),)*];
                all.into_iter().filter_map(|(name, stated)| Some((name, stated?)))
            }

            /// What is supplied for the setting of a name.
            pub fn get(&self, name: &str) -> Option<Supplied<'p, Stated<'_>>> {
                match name {
                    $($name => self.$field.as_ref().map(Supplied::stated),)*
                    _ => None,
                }
            }

            /// Supplies what is still missing; says whether anything was.
            fn fill(&mut self, settings: &Settings, by: Supplier<'p>) -> bool {
                // Not `||`: each of them must be supplied.
                false $(| supply(&mut self.$field, settings.$field.as_ref(), by))*
            }
        }
    };
}

settings!(define!);

/// The labels of the namespace decide, and nobody knows them (policy.md, point 14).
#[derive(Debug)]
pub struct NamespaceUnknown<'p> {
    /// What would be supplied if all rules matched that ask for those labels, and nothing else
    /// speaks against.
    pub resolved: Resolved<'p>,
    /// Those of these rules that supply something of it.
    pub(super) open: Vec<&'p Rule>,
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
            let matched = rule.matcher.check(subject);
            if matches!(matched, Matched::Miss(_)) {
                continue;
            }
            let supplies = resolved.fill(&rule.settings, Supplier::Rule(rule));
            // Harmless where earlier rules have settled all that this one mentions.
            if matched == Matched::Unknown && supplies {
                open.push(rule);
            }
        }
        resolved.fill(&self.defaults, Supplier::Defaults);
        resolved.fill(&self.top, Supplier::Defaults);
        if open.is_empty() {
            return Ok(resolved);
        }
        Err(Box::new(NamespaceUnknown { resolved, open }))
    }
}

// === impl NamespaceUnknown ===

impl<'p> NamespaceUnknown<'p> {
    /// A value that is supplied whatever the labels are.
    pub fn sure<T>(&self, supplied: Option<Supplied<'p, T>>) -> Option<T> {
        let Supplied { value, by } = supplied?;
        let is_open = |rule: &Rule| self.open.iter().any(|open| std::ptr::eq(*open, rule));
        (!by.rule().is_some_and(is_open)).then_some(value)
    }
}

// === impl Resolved ===

impl Resolved<'_> {
    /// What a guard does.
    pub fn guard(&self, kind: GuardKind) -> Guard {
        self.of_guard(kind).map_or_else(Guard::default, |supplied| supplied.value)
    }
}

macro_rules! of_guard {
    ($($(#[doc = $meaning:literal])+ $kind:ident: $field:ident = $name:literal;)*) => {
        impl<'p> Resolved<'p> {
            /// What a guard does, and who says so.
            pub fn of_guard(&self, kind: GuardKind) -> Option<Supplied<'p, Guard>> {
                match kind {
                    $(GuardKind::$kind => self.$field,)*
                }
            }
        }
    };
}

guards!(of_guard!);

fn supply<'p, T: Clone>(
    slot: &mut Option<Supplied<'p, T>>,
    value: Option<&T>,
    by: Supplier<'p>,
) -> bool {
    let (None, Some(value)) = (&slot, value) else { return false };
    *slot = Some(Supplied { value: value.clone(), by });
    true
}

// === impl Supplied ===

impl<'p, T> Supplied<'p, T> {
    /// The same, whatever the type.
    fn stated<'s>(&'s self) -> Supplied<'p, Stated<'s>>
    where
        Stated<'s>: From<&'s T>,
    {
        Supplied { value: Stated::from(&self.value), by: self.by }
    }
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
