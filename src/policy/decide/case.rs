//! One object that the policy judges, while its settings are decided one after the other.

use super::decision::{Decision, Origin, Settled, Verdict, fits};
use super::guard::GuardHit;
use super::input::{Input, Operation};
use super::resolve::Resolved;
use super::side::{Known, Side};
use crate::batch::{Finish, Kind, annotation};
use crate::policy::model::policy::Policy;
use crate::policy::model::record::Entry;
use crate::policy::model::setting::{Setting, Value};
use crate::policy::model::settings::Mode;

/// How the policy treats an object that it judges.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Treatment {
    /// As its author wrote it.
    Author,
    /// By the policy; TTLs not below `guards.floor` where a guard says so.
    Policy { floored: bool },
}

/// Everything that the settings are decided from.
pub(super) struct Case<'p, 'a> {
    pub(super) policy: &'p Policy,
    pub(super) input: &'a Input<'a>,
    pub(super) resolved: Resolved<'p>,
    pub(super) treatment: Treatment,
    pub(super) guards: Vec<GuardHit>,
    /// Whether a GitOps tool tracks this very `CronJob`: then nothing its author wrote changes.
    pub(super) tracked: bool,
    /// As [`Input::finish`].
    pub(super) finish: Option<Finish>,
    pub(super) own: Side<'a>,
    pub(super) template: Side<'a>,
    pub(super) settled: Vec<Settled<'p>>,
    pub(super) warnings: Vec<String>,
}

// === impl Case ===

impl<'p, 'a> Case<'p, 'a> {
    pub(super) fn new(
        policy: &'p Policy,
        input: &'a Input<'a>,
        resolved: Resolved<'p>,
        treatment: Treatment,
        guards: Vec<GuardHit>,
    ) -> Self {
        let object = input.object;
        let old = input.old.filter(|_| input.operation == Operation::Update);
        let old_template = old.and_then(|old| old.template_metadata());
        let tracked = object.kind == Kind::CronJob
            && policy.guards.gitops_marks.evidence(&object.metadata).is_some();
        Self {
            policy,
            input,
            resolved,
            treatment,
            guards,
            tracked,
            finish: input.finish(),
            own: Side::new(Some(&object.metadata), old.map(|old| &old.metadata)),
            template: Side::new(object.template_metadata(), old_template),
            settled: Vec::with_capacity(Setting::ALL.len()),
            warnings: Vec::new(),
        }
    }

    pub(super) fn settle(mut self, mode: Mode, verdict: Verdict) -> Decision<'p> {
        // A finished Job is the sweeper's; an update of it must not end in its deletion.
        let only_lengthen = self.input.operation == Operation::Update && self.finish.is_some();
        let own_record = if only_lengthen {
            self.lengthen_finished()
        } else {
            self.settle_ttl();
            if self.input.object.kind == Kind::CronJob {
                self.settle_history();
            }
            self.settle_filled();
            self.own.change()
        };
        let template_record = self.template.change();
        let object = self.input.object;
        let no_room = !fits(&own_record, Some(&object.metadata), 0)
            || !fits(&template_record, object.template_metadata(), annotation::OF_A_START);
        if no_room {
            self.leave_as_it_is();
        }
        self.warn_of_hook();
        self.warn_of_hold();
        let held_until = self.held_until();
        Decision {
            mode,
            verdict,
            guards: self.guards,
            settings: self.settled,
            own_record,
            template_record,
            warnings: self.warnings,
            resolved: self.resolved,
            held_until,
            no_room,
            withheld: Vec::new(),
        }
    }

    /// Takes back what was settled where nothing can be written. What the sweeper deletes it need
    /// not write to, so a stored object keeps the TTL that counts for it.
    fn leave_as_it_is(&mut self) {
        self.warnings.clear();
        if self.input.operation == Operation::Stored {
            return;
        }
        let matters = self.settled.iter().any(Settled::changes);
        for settled in &mut self.settled {
            settled.target = settled.present.clone();
            settled.source = Origin::Author;
        }
        if matters && self.brought_annotations() {
            self.warn_of_no_room();
        }
    }

    /// The annotation in which a setting is recorded: a TTL of a `CronJob` beside the field that
    /// its children inherit, everything else with the object.
    pub(super) fn side(&self, setting: Setting) -> &Side<'a> {
        match (setting, self.input.object.kind) {
            (Setting::Ttl, Kind::CronJob) => &self.template,
            _ => &self.own,
        }
    }

    /// Writes an entry down where it belongs; one that the next call would not believe is left out,
    /// or that call would take it away again.
    pub(super) fn record(&mut self, setting: Setting, entry: Entry) {
        if self.is_void(setting, &entry) {
            return;
        }
        let side = match (setting, self.input.object.kind) {
            (Setting::Ttl, Kind::CronJob) => &mut self.template,
            _ => &mut self.own,
        };
        side.entries.insert(setting, entry);
    }

    /// Takes down what a setting shall be, with an entry where it is not what the author wrote.
    pub(super) fn conclude(
        &mut self,
        setting: Setting,
        known: Known,
        target: Value,
        source: Origin<'p>,
    ) {
        let Known { value: author, entry, .. } = known;
        if target != author {
            let (written, original) = (target.clone(), author.clone());
            self.record(setting, Entry { written, original, rule: source.as_str().to_owned() });
        }
        let present = setting.of(self.input.object);
        self.settled.push(Settled { setting, present, author, target, source, entry });
    }
}
