//! Who owns an object.

use std::borrow::Cow;
use std::ptr;

use super::keep::{self, Keep};
use super::symbol::{Interner, Symbol};
use super::uid::Uid;
use crate::batch::Text;
use crate::batch::owner::OwnerReference;

/// An owner reference.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Owner {
    pub api_version: Symbol,
    pub kind: Symbol,
    pub name: Symbol,
    pub uid: Uid,
    pub controller: Option<bool>,
}

// === impl Owner ===

impl Owner {
    /// Of the owner references those that anything depends on: the `CronJob` whose
    /// family it is, and the first that is a guard's evidence. There can be thousands.
    pub(super) fn decisive(
        wire: &[OwnerReference<'_>],
        keep: &Keep,
        interner: &mut Interner<Symbol>,
    ) -> Vec<Self> {
        let family = OwnerReference::family(wire);
        let foreign = keep.reads.foreign_owner(wire);
        let foreign = foreign.and_then(|foreign| wire.iter().position(|own| ptr::eq(own, foreign)));
        let mut positions = [family, foreign];
        positions.sort_unstable();
        positions.into_iter().flatten().map(|at| Self::new(&wire[at], interner)).collect()
    }

    fn new(wire: &OwnerReference<'_>, interner: &mut Interner<Symbol>) -> Self {
        let OwnerReference { api_version, kind, name, uid, controller } = wire;
        let api_version: Cow<'_, str> = match api_version.split_once('/') {
            // Whatever is cut off, it stays a group with a version.
            Some((group, version)) => {
                format!("{}/{}", keep::name(group), keep::name(version)).into()
            }
            None => keep::name(api_version).into(),
        };
        Self {
            api_version: interner.symbol(&api_version),
            kind: interner.symbol(keep::name(kind)),
            name: interner.symbol(keep::name(name)),
            uid: Uid::from(keep::name(uid)),
            controller: *controller,
        }
    }

    pub(super) fn view(&self) -> OwnerReference<'_> {
        OwnerReference {
            api_version: (&*self.api_version).into(),
            kind: (&*self.kind).into(),
            name: (&*self.name).into(),
            uid: Text(Cow::Owned(self.uid.to_string())),
            controller: self.controller,
        }
    }
}
