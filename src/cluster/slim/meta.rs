//! What is kept of an object's metadata.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::{Decoder, Key, Manager, Owner, Second, Symbol, Uid};
use crate::batch::object::Metadata;
use crate::batch::{Kind, Map, Text, Time};
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

/// A resource version. Opaque: only ever compared for equality, and sent back.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
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
        let ending = wire.deletion_timestamp.as_ref().map(|since| {
            let finalizers = wire.finalizers.iter().flatten().take(MOST_FINALIZERS);
            let finalizers = finalizers.map(|text| decoder.interner.symbol(text)).collect();
            Box::new(Ending { since: Second::of(Some(since)), finalizers })
        });
        let owners = Owner::decisive(wire.owners(), &decoder.keep, &mut decoder.interner);
        let managers =
            Manager::decisive(kind, wire.managers(), &decoder.keep, &mut decoder.interner);
        let annotations = Pairs::annotations(wire.annotations.as_ref(), decoder);
        Ok(Self {
            namespace: decoder.interner.symbol(wire.namespace.as_deref().unwrap_or_default()),
            name: name.into(),
            generate_name: wire.generate_name.as_deref().map(|text| decoder.interner.symbol(text)),
            uid: Uid::from(uid),
            version: Version::from(version),
            created: Second::of(wire.creation_timestamp.as_ref()),
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
        let time = |at: Second| Time::At(at.time());
        let ending = self.ending.as_ref();
        Metadata {
            name: Some((&*self.name).into()),
            generate_name: self.generate_name.as_deref().map(Text::from),
            namespace: Some((&*self.namespace).into()),
            uid: Some(Text(Cow::Owned(self.uid.to_string()))),
            resource_version: Some(Text(Cow::Owned(self.version.to_string()))),
            creation_timestamp: self.created.map(time),
            // Kept where they matter: on what is being deleted.
            finalizers: ending.map(|it| it.finalizers.iter().map(|one| (&**one).into()).collect()),
            // That it is there counts, even if it is no time.
            deletion_timestamp: ending
                .map(|it| it.since.map_or_else(|| Time::Unreadable(Text::default()), time)),
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
            kept.map(|(key, value)| (interner.symbol(key), interner.symbol(value))).collect()
        }))
    }

    /// All entries; a map that is missing is an empty one.
    pub(super) fn every(map: Option<&Map<'_>>, decoder: &mut Decoder) -> Self {
        let Decoder { interner, .. } = decoder;
        let entries = map.into_iter().flat_map(Map::iter);
        let entries = entries.map(|(key, value)| (interner.symbol(key), interner.symbol(value)));
        Self(Some(entries.collect()))
    }

    /// Annotations, those that somebody reads.
    pub(super) fn annotations(map: Option<&Map<'_>>, decoder: &mut Decoder) -> Self {
        let Decoder { keep, interner, .. } = decoder;
        Self(map.map(|map| {
            let kept = map.iter().filter_map(|(key, value)| {
                let value = keep.annotation(key, value)?;
                Some((interner.symbol(key), interner.symbol(&value)))
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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::Version;

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
