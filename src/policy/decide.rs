//! One object, one policy, one answer.
//!
//! [`Policy::decide`] is the only judge: webhook, sweeper and command line all ask it. The order is
//! policy.md's: mode, what is never considered, exemptions, guards, then setting by setting the
//! author's value as it was before we came ([`author`]), what the policy supplies, and the bounds.
//! What follows is data; nothing is written here, and nothing depends on a clock but the text of
//! a warning.

mod author;
mod filled;
mod guard;
mod history;
mod hold;
mod nowhere;
pub mod resolve;
mod ttl;
mod warning;

use jiff::Timestamp;

use crate::batch::object::Metadata;
use crate::batch::{Finish, Kind, Map, Object, annotation};

pub use self::author::last_applied;
use self::author::{Known, Side};
pub use self::guard::{GuardHit, HOOKS, LONGEST_EVIDENCE};
use crate::policy::decide::resolve::{NamespaceUnknown, Resolved, Supplier};
use crate::policy::model::matching::{RuleTrace, namespace_holds};
use crate::policy::model::record::{self, Entry, Record};
use crate::policy::model::rule::{Guard, GuardKind, Mode, Policy, Rule};
use crate::policy::model::setting::{Setting, Value};
use crate::policy::model::subject::Subject;
use crate::policy::model::value::Seconds;

/// What a decision is about.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    pub operation: Operation,
    /// The object as it was sent, or as it is stored.
    pub object: &'a Object<'a>,
    /// The stored object that an update would replace.
    pub old: Option<&'a Object<'a>>,
    /// The `CronJob` that made the Job, where it is known: same namespace, name and uid.
    pub cronjob: Option<&'a Object<'a>>,
    /// The namespace of the request: the object's own may be empty.
    pub namespace: &'a str,
    /// `None` where nobody knows them, which is not the same as none.
    pub namespace_labels: Option<&'a Map<'a>>,
    /// Our own namespace, which is never considered.
    pub own_namespace: Option<&'a str>,
    /// Only the text of warnings depends on it.
    pub now: Timestamp,
}

/// How the object came before us.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Operation {
    Create,
    /// Nobody asks for anything: the object lies in the cluster.
    Stored,
    Update,
}

/// What to do with one object, and why.
#[derive(Debug)]
pub struct Decision<'p> {
    /// Under [`Mode::DryRun`] everything is computed and nothing may be written or warned.
    pub mode: Mode,
    pub verdict: Verdict,
    /// The guards that hit, whatever they are set to.
    pub guards: Vec<GuardHit>,
    /// Every setting that the object can have, unless the object is not judged at all.
    pub settings: Vec<Settled<'p>>,
    /// What becomes of `curfew.dev/applied` in the object's own annotations.
    pub own_record: RecordChange,
    /// The same in `spec.jobTemplate.metadata.annotations` of a `CronJob`.
    pub template_record: RecordChange,
    /// For the client: ASCII, at most 120 bytes each.
    pub warnings: Vec<String>,
    /// Everything that rules and defaults supply; empty where the object is not judged.
    pub resolved: Resolved<'p>,
    /// Until when a hold keeps a finished Job, whatever its TTL; `None` where there is no hold, and
    /// where nobody can say when the Job finished.
    pub held_until: Option<Timestamp>,
    /// The record would make the annotations longer than the API server takes: nothing may be
    /// written, since what is not written down could not be given back.
    pub no_room: bool,
    /// What rules with `enforce` would set, were it not for a guard.
    pub withheld: Vec<Withheld<'p>>,
}

/// A value that a rule enforces, and a guard keeps from the object.
#[derive(Clone, Debug)]
pub struct Withheld<'p> {
    pub setting: Setting,
    pub target: Value,
    pub rule: &'p Rule,
    /// The guard, with what gave the object away.
    pub by: String,
}

/// How far the decision came.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// The policy decides.
    Considered,
    /// As the author wrote it; the text says what exempts it.
    Exempt(String),
    /// As the author wrote it: a guard is on `Skip`.
    Guarded,
    /// Not judged; the text says why.
    NeverConsidered(&'static str),
    /// The mode is `Off`.
    Off,
    /// A family's Job whose `CronJob` is not known keeps what it inherited, value and record.
    UnknownCronJob,
    /// A rule asks for labels of a namespace that nobody knows. A new Job gets the entry that makes
    /// it ours, and nothing else.
    UnknownNamespace,
    /// The update changed nothing that the policy looks at.
    Untouched,
}

/// One setting of an object, decided.
#[derive(Clone, Debug)]
pub struct Settled<'p> {
    pub setting: Setting,
    /// As it was sent or is stored.
    pub present: Value,
    /// As the author wrote it, before we changed anything.
    pub author: Value,
    /// As it shall be.
    pub target: Value,
    pub source: Origin<'p>,
    /// The entry of ours that tells the present value, where nothing shows that the author wrote
    /// that value.
    pub entry: Option<Entry>,
}

/// Where a setting's value comes from.
#[derive(Clone, Copy, Debug)]
pub enum Origin<'p> {
    /// The author wrote it, or nobody says anything.
    Author,
    Defaults,
    /// `guards.floor` lifted it.
    Guards,
    Hold,
    /// It was clamped.
    Limits,
    Rule(&'p Rule),
}

/// What becomes of an annotation of ours.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum RecordChange {
    #[default]
    Keep,
    Remove,
    Set(String),
}

/// How the policy treats an object that it judges.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Treatment {
    /// As its author wrote it.
    Author,
    /// By the policy; TTLs not below `guards.floor` where a guard says so.
    Policy { floored: bool },
}

/// Everything that the settings are decided from.
struct Case<'p, 'a> {
    policy: &'p Policy,
    input: &'a Input<'a>,
    resolved: Resolved<'p>,
    treatment: Treatment,
    guards: Vec<GuardHit>,
    /// Whether a GitOps tool tracks this very `CronJob`: then nothing its author wrote changes.
    tracked: bool,
    /// As [`Input::finish`].
    finish: Option<Finish>,
    own: Side<'a>,
    template: Side<'a>,
    settled: Vec<Settled<'p>>,
    own_entries: Record,
    template_entries: Record,
    warnings: Vec<String>,
}

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
            let own_record = author::put_back(input, None);
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
            return self.decide_nowhere(input, &NamespaceUnknown::of_exemption(resolved));
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

// === impl Input ===

impl<'a> Input<'a> {
    /// How rules see the object.
    pub fn subject(&self) -> Subject<'a> {
        Subject::new(self.object, self.cronjob, self.namespace, self.namespace_labels)
    }

    /// The end of a Job, where it counts: nobody is born finished. The status of a Job that is being
    /// created is what the client sent, and the API server throws it away.
    fn finish(&self) -> Option<Finish> {
        let Self { operation, object, old, .. } = self;
        if object.kind != Kind::Job || *operation == Operation::Create {
            return None;
        }
        let old = old.filter(|_| *operation == Operation::Update);
        Finish::of(object).or_else(|| old.and_then(Finish::of))
    }
}

// === impl Decision ===

impl Decision<'_> {
    /// The object is left exactly as it is.
    fn none(mode: Mode, verdict: Verdict) -> Self {
        Self {
            mode,
            verdict,
            guards: Vec::new(),
            settings: Vec::new(),
            own_record: RecordChange::Keep,
            template_record: RecordChange::Keep,
            warnings: Vec::new(),
            resolved: Resolved::default(),
            held_until: None,
            no_room: false,
            withheld: Vec::new(),
        }
    }

    /// With another record, where there is room for it.
    fn with(self, own_record: RecordChange, object: &Object<'_>) -> Self {
        let no_room = !fits(&own_record, Some(&object.metadata), 0);
        Self { own_record, no_room, ..self }
    }

    /// Whether the object would differ; under [`Mode::DryRun`] it still must not be written.
    pub fn changes(&self) -> bool {
        !self.no_room
            && (self.own_record != RecordChange::Keep
                || self.template_record != RecordChange::Keep
                || self.settings.iter().any(Settled::changes))
    }

    /// The settled value of a setting.
    pub fn setting(&self, setting: Setting) -> Option<&Settled<'_>> {
        self.settings.iter().find(|settled| settled.setting == setting)
    }
}

// === impl Withheld ===

impl std::fmt::Display for Withheld<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { setting, target, rule, by } = self;
        let target = match (setting, target.number().and_then(Seconds::new)) {
            (Setting::Ttl, Some(seconds)) => seconds.to_string(),
            _ => target.to_string(),
        };
        let (setting, rule) = (setting.as_str(), &rule.name);
        write!(f, "{by} keeps rule {rule}, which enforces {setting} {target}, from it")
    }
}

// === impl Verdict ===

impl Verdict {
    /// One word, for metrics and audit logs.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Considered => "considered",
            Self::Exempt(_) => "exempt",
            Self::Guarded => "guarded",
            Self::NeverConsidered(_) => "never-considered",
            Self::Off => "off",
            Self::UnknownCronJob => "unknown-cronjob",
            Self::UnknownNamespace => "unknown-namespace",
            Self::Untouched => "untouched",
        }
    }
}

// === impl Settled ===

impl Settled<'_> {
    /// Whether the object would differ in this field.
    pub fn changes(&self) -> bool {
        self.present != self.target
    }

    /// Whether the present value, or its absence, is our doing; a removal by the author that we
    /// only remember is not.
    pub fn is_ours(&self) -> bool {
        self.entry.as_ref().is_some_and(|entry| !entry.is_declined())
    }
}

// === impl Origin ===

impl<'p> Origin<'p> {
    /// The rule's name, or the reserved word that stands in its place.
    pub fn as_str(self) -> &'p str {
        match self {
            Self::Author => record::AUTHOR,
            Self::Defaults => record::DEFAULTS,
            Self::Guards => record::GUARDS,
            Self::Hold => record::HOLD,
            Self::Limits => record::LIMITS,
            Self::Rule(rule) => &rule.name,
        }
    }
}

impl Origin<'_> {
    /// Why an author's value was changed, in a word of bounded number.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Author => "restored",
            Self::Defaults => record::DEFAULTS,
            Self::Guards => record::GUARDS,
            Self::Hold => record::HOLD,
            Self::Limits => record::LIMITS,
            Self::Rule(_) => "enforce",
        }
    }
}

impl<'p> From<Supplier<'p>> for Origin<'p> {
    fn from(supplier: Supplier<'p>) -> Self {
        supplier.rule().map_or(Self::Defaults, Self::Rule)
    }
}

// === impl Case ===

impl<'p, 'a> Case<'p, 'a> {
    fn new(
        policy: &'p Policy,
        input: &'a Input<'a>,
        resolved: Resolved<'p>,
        treatment: Treatment,
        guards: Vec<GuardHit>,
    ) -> Self {
        let object = input.object;
        let old = input.old.filter(|_| input.operation == Operation::Update);
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
            template: Side::new(
                object.template_metadata(),
                old.and_then(|old| old.template_metadata()),
            ),
            settled: Vec::with_capacity(Setting::ALL.len()),
            own_entries: Record::default(),
            template_entries: Record::default(),
            warnings: Vec::new(),
        }
    }

    fn settle(mut self, mode: Mode, verdict: Verdict) -> Decision<'p> {
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
            self.own.change(&self.own_entries)
        };
        let template_record = self.template.change(&self.template_entries);
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
    fn side(&self, setting: Setting) -> &Side<'a> {
        match (setting, self.input.object.kind) {
            (Setting::Ttl, Kind::CronJob) => &self.template,
            _ => &self.own,
        }
    }

    /// Writes an entry down where it belongs; one that the next call would not believe is left out,
    /// or that call would take it away again.
    fn record(&mut self, setting: Setting, entry: Entry) {
        if self.is_void(setting, &entry) {
            return;
        }
        let entries = match (setting, self.input.object.kind) {
            (Setting::Ttl, Kind::CronJob) => &mut self.template_entries,
            _ => &mut self.own_entries,
        };
        entries.insert(setting, entry);
    }

    /// Takes down what a setting shall be, with an entry where it is not what the author wrote.
    fn conclude(&mut self, setting: Setting, known: Known, target: Value, source: Origin<'p>) {
        let Known { value: author, entry, .. } = known;
        if target != author {
            self.record(
                setting,
                Entry {
                    written: target.clone(),
                    original: author.clone(),
                    rule: source.as_str().to_owned(),
                },
            );
        }
        let present = setting.of(self.input.object);
        self.settled.push(Settled { setting, present, author, target, source, entry });
    }
}

/// Whether the API server takes the annotations with this change of our record; `spare` bytes stay
/// free for what others will add.
pub fn fits(change: &RecordChange, metadata: Option<&Metadata<'_>>, spare: usize) -> bool {
    match change {
        RecordChange::Keep | RecordChange::Remove => true,
        RecordChange::Set(text) => crate::policy::model::record::fits(text, metadata, spare),
    }
}

/// Whether a namespace is a system namespace or our own.
pub fn protects(namespace: &str, own_namespace: Option<&str>) -> bool {
    SYSTEM_NAMESPACES.contains(&namespace) || own_namespace == Some(namespace)
}

/// Namespaces that are never considered, whatever the policy says.
pub const SYSTEM_NAMESPACES: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];
