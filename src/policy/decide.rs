//! One object, one policy, one answer.
//!
//! [`Policy::decide`] is the only judge: webhook, sweeper and command line all ask it. The order is
//! policy.md's: mode, what is never considered, exemptions, guards, then setting by setting the
//! author's value as it was before we came ([`author`], [`side`]), what the policy supplies, and the bounds.
//! What follows is data; nothing is written here, and nothing depends on a clock but the text of
//! a warning.

mod author;
mod case;
mod decision;
mod filled;
mod guard;
mod history;
mod hold;
mod input;
mod last_applied;
mod nowhere;
pub mod resolve;
mod side;
mod ttl;
mod warning;

pub use self::decision::{Decision, Origin, RecordChange, Settled, Verdict, Withheld, fits};
pub use self::guard::{GuardHit, LONGEST_EVIDENCE};
pub use self::input::{Input, Operation};
pub use self::last_applied::last_applied;

use self::case::{Case, Treatment};
use self::resolve::{NamespaceUnknown, Resolved, Supplier};
use crate::batch::Kind;
use crate::policy::model::matching::{RuleTrace, namespace_holds};
use crate::policy::model::policy::{Policy, SYSTEM_NAMESPACES};
use crate::policy::model::rule::Rule;
use crate::policy::model::settings::{Guard, GuardKind, Mode};
use crate::policy::model::subject::Subject;

// === impl Policy ===

impl Policy {
    /// Decides about one object.
    pub fn decide<'p>(&'p self, input: &Input<'_>) -> Decision<'p> {
        let object = input.object;
        if self.mode == Mode::Off {
            return Decision::none(Mode::Off, Verdict::Off);
        }
        if let Some(why) = never_considered(input) {
            return Decision::none(self.mode, Verdict::NeverConsidered(why));
        }
        if input.operation == Operation::Update && !author::touched(input) {
            return Decision::none(self.mode, Verdict::Untouched);
        }
        if object.cronjob_owner().is_some() && input.cronjob.is_none() {
            let own_record = side::put_back(input, |_| ());
            return Decision::none(self.mode, Verdict::UnknownCronJob).with(own_record, object);
        }
        let subject = input.subject();
        let resolved = match self.resolve(&subject) {
            Ok(resolved) => resolved,
            Err(unknown) => return self.decide_nowhere(input, &unknown),
        };
        let mode = resolved.mode.map_or(self.mode, |mode| mode.value);
        if mode == Mode::Off {
            return Decision::none(mode, Verdict::Off);
        }
        let Ok(exemption) = self.exemption(&subject) else {
            // Not a rule asks for the labels.
            return self.decide_nowhere(input, &NamespaceUnknown { resolved, open: Vec::new() });
        };
        let guards = guard::hits(self, &resolved, input);
        let strictest = guards.iter().map(|hit| hit.setting).max().unwrap_or(Guard::Apply);
        let (verdict, treatment) = match (exemption, strictest) {
            (Some(by), _) => (Verdict::Exempt(by), Treatment::Author),
            (None, Guard::Skip) => (Verdict::Guarded, Treatment::Author),
            (None, Guard::Floor) => (Verdict::Considered, Treatment::Policy { floored: true }),
            (None, Guard::Apply) => (Verdict::Considered, Treatment::Policy { floored: false }),
        };
        let mut decision =
            Case::new(self, input, resolved, treatment, guards).settle(mode, verdict);
        decision.withheld = self.withheld(&decision, input);
        decision
    }

    /// What rules with `enforce` would set if nothing kept them from it: neither a guard nor, on a
    /// `CronJob`, that a tool tracks it.
    fn withheld<'p>(&'p self, decision: &Decision<'p>, input: &Input<'_>) -> Vec<Withheld<'p>> {
        let Resolved { ttl, history_successful, history_failed, .. } = &decision.resolved;
        let suppliers = [
            ttl.map(|supplied| supplied.by),
            history_successful.map(|supplied| supplied.by),
            history_failed.map(|supplied| supplied.by),
        ];
        // Hardly any object needs the second look.
        if !suppliers.into_iter().flatten().any(Supplier::enforces) {
            return Vec::new();
        }
        let skips = |hit: &&GuardHit| hit.setting == Guard::Skip;
        let by = match (&decision.verdict, input.object.kind) {
            (Verdict::Guarded, _) => decision.guards.iter().find(skips).map(ToString::to_string),
            (Verdict::Considered, Kind::CronJob) => {
                let mark = self.guards.gitops_marks.evidence(&input.object.metadata);
                mark.map(|mark| format!("{}: {mark}", GuardKind::GitOpsTracked.as_str()))
            }
            _ => None,
        };
        let (Some(by), Ok(resolved)) = (by, self.resolve(&input.subject())) else {
            return Vec::new();
        };
        let treatment = Treatment::Policy { floored: false };
        let case = Case::new(self, input, resolved, treatment, Vec::new());
        let free = Case { tracked: false, ..case }.settle(decision.mode, Verdict::Considered);
        let kept = free.settings.into_iter().filter_map(|settled| {
            let Settled { setting, target, source: Origin::Rule(rule), .. } = settled else {
                return None;
            };
            let stays = decision.setting(setting).is_some_and(|own| own.target != target);
            (rule.enforce && stays).then(|| Withheld { setting, target, rule, by: by.clone() })
        });
        kept.collect()
    }

    /// What became of every rule, for people who ask why.
    pub fn trace<'p>(&'p self, input: &Input<'_>) -> Vec<RuleTrace<'p>> {
        let subject = input.subject();
        let trace = |rule: &'p Rule| RuleTrace { rule, matched: rule.matcher.check(&subject) };
        self.rules.iter().map(trace).collect()
    }

    /// What exempts an object, if anything; an error where the namespace's labels decide and
    /// nobody knows them.
    fn exemption(&self, subject: &Subject<'_>) -> Result<Option<String>, ()> {
        let exempt = &self.exempt;
        if let Some(glob) = exempt.namespaces.iter().find(|g| g.matches(subject.namespace)) {
            return Ok(Some(format!("exempt.namespaces \"{glob}\"")));
        }
        let labelled = exempt.selectors.iter().position(|s| s.matches(|key| subject.label(key)));
        if let Some(position) = labelled {
            return Ok(Some(format!("exempt.selectors[{position}]")));
        }
        match exempt.namespace_selector.as_ref().map(|s| namespace_holds(s, subject)) {
            None | Some(Some(false)) => Ok(None),
            Some(Some(true)) => Ok(Some("exempt.namespaceSelector".to_owned())),
            Some(None) => Err(()),
        }
    }
}

/// Why an object is never considered (policy.md, point 2).
fn never_considered(input: &Input<'_>) -> Option<&'static str> {
    if input.object.is_terminating() {
        Some("it is being deleted")
    } else if SYSTEM_NAMESPACES.contains(&input.namespace) {
        Some("system namespace")
    } else if input.own_namespace == Some(input.namespace) {
        Some("curfew's own namespace")
    } else {
        None
    }
}
