//! What a decision says.

use jiff::Timestamp;

use super::guard::GuardHit;
use super::resolve::{Resolved, Supplier};
use crate::batch::object::Metadata;
use crate::batch::{Object, annotation};
use crate::policy::model::record::{self, Entry};
use crate::policy::model::rule::Rule;
use crate::policy::model::setting::{Setting, Value};
use crate::policy::model::settings::Mode;
use crate::policy::model::value::Seconds;

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

// === impl Decision ===

impl Decision<'_> {
    /// The object is left exactly as it is.
    pub(super) fn none(mode: Mode, verdict: Verdict) -> Self {
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
    pub(super) fn with(self, own_record: RecordChange, object: &Object<'_>) -> Self {
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
            Self::Rule(rule) => &rule.name,
            Self::Defaults | Self::Guards | Self::Hold | Self::Limits => self.reason(),
        }
    }

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

/// Whether the API server takes the annotations with this change of our record; `spare` bytes stay
/// free for what others will add.
pub fn fits(change: &RecordChange, metadata: Option<&Metadata<'_>>, spare: usize) -> bool {
    let RecordChange::Set(text) = change else { return true };
    let total = metadata.map_or(0, Metadata::annotation_bytes);
    let present = metadata.and_then(|metadata| metadata.annotation(record::ANNOTATION));
    if present.is_some_and(|present| text.len() <= present.len()) {
        return true;
    }
    let replaced = present.map_or(0, |present| record::ANNOTATION.len() + present.len());
    total - replaced + record::ANNOTATION.len() + text.len() + spare <= annotation::MOST_BYTES
}
