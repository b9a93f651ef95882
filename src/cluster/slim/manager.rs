//! Who manages the fields of an object.

use serde::de::IgnoredAny;

use super::keep::{self, Keep};
use super::symbol::{Interner, Symbol};
use crate::batch::Kind;
use crate::batch::object::{
    ManagedFields, OwnedFields, OwnedSpec, OwnedTemplate, OwnedTemplateSpec,
};

/// An entry of `managedFields`, reduced to who, how, and which of the fields that we read it
/// applies.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Manager {
    pub name: Symbol,
    /// `operation` is `Apply` and not `Update`.
    pub applies: bool,
    fields: u8,
}

// === impl Manager ===

impl Manager {
    /// Of the entries those that anything depends on: the first that is the mark of a tool, our
    /// own, and those whose applier owns what none before owns. There can be thousands.
    pub(super) fn decisive(
        kind: Kind,
        wire: &[ManagedFields<'_>],
        keep: &Keep,
        interner: &mut Interner<Symbol>,
    ) -> Vec<Self> {
        let (mut tool, mut ours, mut applied) = (false, false, 0);
        let mut kept = Vec::new();
        for entry in wire {
            let is_tool = !tool && keep.reads.is_tool(entry);
            let is_ours = !ours && &*entry.manager == MANAGER;
            let fields = if &*entry.operation == "Apply" { owned(kind, entry) } else { 0 };
            if is_tool || is_ours || fields & !applied != 0 {
                kept.push(Self::new(fields, entry, interner));
            }
            (tool, ours, applied) = (tool || is_tool, ours || is_ours, applied | fields);
        }
        kept
    }

    fn new(fields: u8, wire: &ManagedFields<'_>, interner: &mut Interner<Symbol>) -> Self {
        let name = interner.symbol(keep::name(&wire.manager));
        Self { name, applies: &*wire.operation == "Apply", fields }
    }

    pub(super) fn view(&self, kind: Kind) -> ManagedFields<'_> {
        let owns = |bit: u8| (self.fields & bit != 0).then_some(IgnoredAny);
        let ttl = owns(OWNS_TTL);
        let (own_ttl, template) = match kind {
            Kind::CronJob => (None, Some(OwnedTemplate { spec: Some(OwnedTemplateSpec { ttl }) })),
            Kind::Job => (ttl, None),
        };
        let spec = OwnedSpec {
            ttl: own_ttl,
            successful: owns(OWNS_SUCCESSFUL),
            failed: owns(OWNS_FAILED),
            job_template: template,
        };
        ManagedFields {
            manager: (&*self.name).into(),
            operation: if self.applies { "Apply" } else { "Update" }.into(),
            fields: OwnedFields { spec: (self.fields != 0).then_some(spec) },
        }
    }
}

/// Which of the fields that we read an entry owns.
fn owned(kind: Kind, wire: &ManagedFields<'_>) -> u8 {
    let Some(OwnedSpec { ttl, successful, failed, job_template }) = &wire.fields.spec else {
        return 0;
    };
    let template = job_template.as_ref().and_then(|template| template.spec.as_ref());
    let ttl = match kind {
        Kind::CronJob => template.is_some_and(|spec| spec.ttl.is_some()),
        Kind::Job => ttl.is_some(),
    };
    let bits =
        [(ttl, OWNS_TTL), (successful.is_some(), OWNS_SUCCESSFUL), (failed.is_some(), OWNS_FAILED)];
    bits.into_iter().filter(|(owned, _)| *owned).fold(0, |fields, (_, bit)| fields | bit)
}

/// As whom our patches stand in `managedFields`.
pub const MANAGER: &str = "curfew";

const OWNS_TTL: u8 = 1;
const OWNS_SUCCESSFUL: u8 = 2;
const OWNS_FAILED: u8 = 4;
