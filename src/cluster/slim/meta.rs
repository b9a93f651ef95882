//! What is kept of an object's metadata.

use std::borrow::Cow;
use std::fmt;
use std::ptr;
use std::sync::Arc;

use serde::de::IgnoredAny;
use uuid::Uuid;

use super::{Decoder, Key, Second, Symbol, keep};
use crate::batch::object::{
    ManagedFields, Metadata, OwnedFields, OwnedSpec, OwnedTemplate, OwnedTemplateSpec,
};
use crate::batch::owner::OwnerReference;
use crate::batch::{Kind, Map, Text};
use crate::cluster::write::MANAGER;
use crate::sweeper::reason::MOST_FINALIZERS;

/// Identity, version, and what rules and guards read.
#[derive(Clone, Debug, PartialEq)]
pub struct Meta {
    pub namespace: Symbol,
    pub name: Box<str>,
    pub generate_name: Option<Symbol>,
    pub uid: Uid,
    /// What a conditional write names.
    pub version: Version,
    /// `None` where it is missing or no time.
    pub created: Option<Second>,
    /// Where somebody has asked for the object to be deleted. Boxed: hardly any object has it.
    pub ending: Option<Box<Ending>>,
    pub labels: Pairs,
    pub annotations: Pairs,
    /// The bytes of annotations that are not kept.
    pub omitted: u32,
    /// Those that anything depends on.
    pub owners: Arc<[Owner]>,
    /// As `owners`.
    pub managers: Arc<[Manager]>,
}

/// An object that is being deleted.
#[derive(Clone, Debug, PartialEq)]
pub struct Ending {
    /// `None` where it is no time.
    pub since: Option<Second>,
    /// What keeps it, as much as is told.
    pub finalizers: Box<[Symbol]>,
}

/// A map of strings; `None` where the object has no such map, which is not the same as none of
/// its keys being kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pairs(Option<Box<[(Symbol, Symbol)]>>);

/// An owner reference.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Owner {
    pub api_version: Symbol,
    pub kind: Symbol,
    pub name: Symbol,
    pub uid: Uid,
    pub controller: Option<bool>,
}

/// An entry of `managedFields`, reduced to who, how, and which of the fields that we read it
/// applies.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Manager {
    pub name: Symbol,
    /// `operation` is `Apply` and not `Update`.
    pub applies: bool,
    fields: u8,
}

/// A uid, in 16 bytes where it is a UUID in the form in which the API server writes them.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Uid {
    Uuid(Uuid),
    Other(Box<str>),
}

/// A resource version. Opaque: only ever compared for equality, and sent back.
#[derive(Clone, Eq, Hash, PartialEq)]
pub enum Version {
    Number(u64),
    Other(Box<str>),
}

// === impl Meta ===

impl Meta {
    pub(super) fn new(
        kind: Kind,
        wire: &Metadata<'_>,
        decoder: &mut Decoder,
    ) -> Result<Self, String> {
        let name = wire.name.as_deref().ok_or("it has no metadata.name")?;
        let uid = wire.uid.as_deref().ok_or("it has no metadata.uid")?;
        let version =
            wire.resource_version.as_deref().ok_or("it has no metadata.resourceVersion")?;
        let ending = wire.deletion_timestamp.as_deref().map(|since| {
            let finalizers = wire.finalizers.iter().flatten().take(MOST_FINALIZERS);
            let finalizers = finalizers.map(|text| decoder.interner.intern(text)).collect();
            Box::new(Ending { since: Second::parse(since), finalizers })
        });
        let owners = Owner::decisive(wire.owners(), decoder);
        let managers = Manager::decisive(kind, wire.managers(), decoder);
        let annotations = Pairs::annotations(wire.annotations.as_ref(), decoder);
        Ok(Self {
            namespace: decoder.interner.intern(wire.namespace.as_deref().unwrap_or_default()),
            name: name.into(),
            generate_name: wire.generate_name.as_deref().map(|text| decoder.interner.intern(text)),
            uid: Uid::from(uid),
            version: Version::from(version),
            created: wire.creation_timestamp.as_deref().and_then(Second::parse),
            ending,
            labels: Pairs::labels(wire.labels.as_ref(), decoder),
            omitted: annotations.omitted(wire),
            annotations,
            owners: decoder.owners.intern(owners),
            managers: decoder.managers.intern(managers),
        })
    }

    /// Which object it is.
    pub fn key(&self) -> Key {
        Key {
            namespace: self.namespace.to_string(),
            name: self.name.to_string(),
            uid: self.uid.to_string(),
        }
    }

    /// The owner that makes the object a member of a `CronJob`'s family.
    pub fn cronjob_owner(&self) -> Option<&Owner> {
        self.owners.iter().find(|owner| owner.view().is_cronjob())
    }

    pub(super) fn view(&self, kind: Kind) -> Metadata<'_> {
        let text = |at: Second| Text(Cow::Owned(at.time().to_string()));
        Metadata {
            name: Some((&*self.name).into()),
            generate_name: self.generate_name.as_deref().map(Text::from),
            namespace: Some((&*self.namespace).into()),
            uid: Some(Text(Cow::Owned(self.uid.to_string()))),
            resource_version: Some(Text(Cow::Owned(self.version.to_string()))),
            creation_timestamp: self.created.map(text),
            // Kept where they matter: on what is being deleted.
            finalizers: self
                .ending
                .as_ref()
                .map(|ending| ending.finalizers.iter().map(|one| (&**one).into()).collect()),
            // That it is there counts, even if it is no time.
            deletion_timestamp: self
                .ending
                .as_ref()
                .map(|ending| ending.since.map_or_else(Text::default, text)),
            labels: self.labels.view(),
            annotations: self.annotations.view(),
            omitted: self.omitted as usize,
            owner_references: Some(self.owners.iter().map(Owner::view).collect()),
            managed_fields: Some(self.managers.iter().map(|one| one.view(kind)).collect()),
        }
    }
}

// === impl Pairs ===

impl Pairs {
    /// Labels, those that somebody reads.
    pub(super) fn labels(map: Option<&Map<'_>>, decoder: &mut Decoder) -> Self {
        let Decoder { keep, interner, .. } = decoder;
        Self(map.map(|map| {
            let kept = map.iter().filter(|(key, _)| keep.reads.label(key));
            kept.map(|(key, value)| (interner.intern(key), interner.intern(value))).collect()
        }))
    }

    /// All entries; a map that is missing is an empty one.
    pub(super) fn every(map: Option<&Map<'_>>, decoder: &mut Decoder) -> Self {
        let Decoder { interner, .. } = decoder;
        let entries = map.into_iter().flat_map(Map::iter);
        let entries = entries.map(|(key, value)| (interner.intern(key), interner.intern(value)));
        Self(Some(entries.collect()))
    }

    /// Annotations, those that somebody reads.
    pub(super) fn annotations(map: Option<&Map<'_>>, decoder: &mut Decoder) -> Self {
        let Decoder { keep, interner, .. } = decoder;
        Self(map.map(|map| {
            let kept = map.iter().filter_map(|(key, value)| {
                let value = keep.annotation(key, value)?;
                Some((interner.intern(key), interner.intern(&value)))
            });
            kept.collect()
        }))
    }

    /// The bytes of annotations that these do not hold.
    pub(super) fn omitted(&self, wire: &Metadata<'_>) -> u32 {
        let kept: usize = self.iter().map(|(key, value)| key.len() + value.len()).sum();
        u32::try_from(wire.annotation_bytes().saturating_sub(kept)).unwrap_or(u32::MAX)
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.iter().rev().find(|(own, _)| *own == key).map(|(_, value)| value)
    }

    /// The entries that were kept.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &str)> {
        self.0.iter().flatten().map(|(key, value)| (&**key, &**value))
    }

    /// As a policy reads them.
    pub fn view(&self) -> Option<Map<'_>> {
        self.0.as_ref().map(|_| self.iter().collect())
    }
}

// === impl Owner ===

impl Owner {
    /// Of the owner references those that anything depends on: the `CronJob` whose family it is, and the first that is a guard's evidence. There can be thousands.
    fn decisive(wire: &[OwnerReference<'_>], decoder: &mut Decoder) -> Vec<Self> {
        let family = OwnerReference::family(wire);
        let foreign = decoder.keep.reads.foreign_owner(wire);
        let foreign = foreign.and_then(|foreign| wire.iter().position(|own| ptr::eq(own, foreign)));
        let mut positions = [family, foreign];
        positions.sort_unstable();
        positions.into_iter().flatten().map(|at| Self::new(&wire[at], decoder)).collect()
    }

    fn new(wire: &OwnerReference<'_>, decoder: &mut Decoder) -> Self {
        let OwnerReference { api_version, kind, name, uid, controller } = wire;
        let api_version: Cow<'_, str> = match api_version.split_once('/') {
            // Whatever is cut off, it stays a group with a version.
            Some((group, version)) => {
                format!("{}/{}", keep::name(group), keep::name(version)).into()
            }
            None => keep::name(api_version).into(),
        };
        Self {
            api_version: decoder.interner.intern(&api_version),
            kind: decoder.interner.intern(keep::name(kind)),
            name: decoder.interner.intern(keep::name(name)),
            uid: Uid::from(keep::name(uid)),
            controller: *controller,
        }
    }

    fn view(&self) -> OwnerReference<'_> {
        OwnerReference {
            api_version: (&*self.api_version).into(),
            kind: (&*self.kind).into(),
            name: (&*self.name).into(),
            uid: Text(Cow::Owned(self.uid.to_string())),
            controller: self.controller,
        }
    }
}

// === impl Manager ===

impl Manager {
    /// Of the entries those that anything depends on: the first that is the mark of a tool, our
    /// own, and those whose applier owns what none before owns. There can be thousands.
    fn decisive(kind: Kind, wire: &[ManagedFields<'_>], decoder: &mut Decoder) -> Vec<Self> {
        let (mut tool, mut ours, mut applied) = (false, false, 0);
        let mut kept = Vec::new();
        for entry in wire {
            let is_tool = !tool && decoder.keep.reads.is_tool(entry);
            let is_ours = !ours && &*entry.manager == MANAGER;
            let fields = if &*entry.operation == "Apply" { owned(kind, entry) } else { 0 };
            if is_tool || is_ours || fields & !applied != 0 {
                kept.push(Self::new(fields, entry, decoder));
            }
            (tool, ours, applied) = (tool || is_tool, ours || is_ours, applied | fields);
        }
        kept
    }

    fn new(fields: u8, wire: &ManagedFields<'_>, decoder: &mut Decoder) -> Self {
        let name = decoder.interner.intern(keep::name(&wire.manager));
        Self { name, applies: &*wire.operation == "Apply", fields }
    }

    fn view(&self, kind: Kind) -> ManagedFields<'_> {
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

// === impl Uid ===

impl From<&str> for Uid {
    fn from(text: &str) -> Self {
        match Uuid::try_parse(text) {
            // Only what is written again in the same letters.
            Ok(uuid) if uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text => {
                Self::Uuid(uuid)
            }
            _ => Self::Other(text.into()),
        }
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(text) => f.write_str(text),
            Self::Uuid(uuid) => uuid.hyphenated().fmt(f),
        }
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

// === impl Version ===

impl From<&str> for Version {
    fn from(text: &str) -> Self {
        match text.parse::<u64>() {
            Ok(number) if number.to_string() == text => Self::Number(number),
            _ => Self::Other(text.into()),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

const OWNS_TTL: u8 = 1;
const OWNS_SUCCESSFUL: u8 = 2;
const OWNS_FAILED: u8 = 4;

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{Uid, Version};

    #[rstest]
    #[case::uuid("1b4e28ba-2fa1-11d2-883f-0016d3cca427", true)]
    #[case::upper_case("1B4E28BA-2fa1-11d2-883f-0016d3cca427", false)]
    #[case::hyphens_elsewhere("1b4e28b-a2fa1-11d2-883f-0016d3cca427", false)]
    #[case::too_short("1b4e28ba-2fa1-11d2-883f-0016d3cca42", false)]
    #[case::a_digit_for_a_hyphen("1b4e28ba02fa1-11d2-883f-0016d3cca427", false)]
    #[case::a_name("job-7", false)]
    #[case::empty("", false)]
    fn a_uid_is_written_as_it_was_read(#[case] text: &str, #[case] short: bool) {
        let uid = Uid::from(text);
        assert_eq!(matches!(uid, Uid::Uuid(_)), short);
        assert_eq!(uid.to_string(), text);
    }

    #[rstest]
    #[case::number("1234567")]
    #[case::leading_zero("007")]
    #[case::signed("+7")]
    #[case::large("99999999999999999999999")]
    #[case::text("v7")]
    #[case::empty("")]
    fn a_version_is_written_as_it_was_read(#[case] text: &str) {
        assert_eq!(Version::from(text).to_string(), text);
        assert_eq!(size_of::<Version>(), 16);
    }
}
