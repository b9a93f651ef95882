//! A write to a stored object as data: the fields, the record that goes with them in the same
//! request, and the identity that lets the API server refuse it if anything changed since.

use serde_json::{Map, Value as Json, json};

use super::reason::Reason;
use crate::batch::{Kind, Object, Text, annotation};
use crate::policy::decide::{Decision, RecordChange, Settled, fits};
use crate::policy::record::{ANNOTATION, Record};
use crate::policy::{Setting, Value};

/// Which object, beyond a doubt.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    pub kind: Kind,
    pub namespace: String,
    pub name: String,
    pub uid: String,
    /// Of the object that was judged.
    pub resource_version: String,
}

/// Fields to write, with the record of them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    pub identity: Identity,
    pub direction: Direction,
    pub fields: Vec<Field>,
    /// What becomes of our annotation on the object.
    pub own_record: RecordChange,
    /// The same in the template of a `CronJob`.
    pub template_record: RecordChange,
}

/// Whether a write lets Jobs live longer or shorter. The order is that of writing: what saves a
/// Job comes first.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Direction {
    /// The author's value again, which lives longer.
    TakeBack,
    Raise,
    /// A value where there was none.
    Set,
    Lower,
}

/// One field of a change.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Field {
    pub setting: Setting,
    pub from: Value,
    pub to: Value,
    /// The rule, or the reserved word that stands in its place.
    pub rule: String,
}

// === impl Identity ===

impl Identity {
    /// The identity of an object; `None` where it lacks what a precondition needs.
    pub fn of(object: &Object<'_>, namespace: &str) -> Option<Self> {
        let metadata = &object.metadata;
        let told = |text: &Option<Text<'_>>| {
            text.as_deref().filter(|text| !text.is_empty()).map(str::to_owned)
        };
        Some(Self {
            kind: object.kind,
            namespace: namespace.to_owned(),
            name: metadata.name.as_deref()?.to_owned(),
            uid: told(&metadata.uid)?,
            resource_version: told(&metadata.resource_version)?,
        })
    }
}

// === impl Change ===

impl Change {
    /// The part of a decision that is about the given settings. The record says what the object will
    /// hold: entries of settings that are left alone stay as they are.
    ///
    /// # Errors
    /// Where the object cannot be told from another, or has no room for the record.
    pub(super) fn of(
        decision: &Decision<'_>,
        object: &Object<'_>,
        namespace: &str,
        settings: &[&Settled<'_>],
        direction: Direction,
    ) -> Result<Self, Reason> {
        let left: Vec<Setting> = decision
            .settings
            .iter()
            .filter(|settled| settled.changes())
            .map(|settled| settled.setting)
            .filter(|setting| settings.iter().all(|chosen| chosen.setting != *setting))
            .collect();
        let own = object.metadata.annotation(ANNOTATION);
        let template = object.template_metadata().and_then(|m| m.annotation(ANNOTATION));
        let change = Self {
            identity: Identity::of(object, namespace).ok_or(Reason::NoIdentity)?,
            direction,
            fields: settings.iter().map(|settled| Field::of(settled)).collect(),
            own_record: without(&decision.own_record, own, &left),
            template_record: without(&decision.template_record, template, &left),
        };
        let fits = fits(&change.own_record, Some(&object.metadata), 0)
            && fits(&change.template_record, object.template_metadata(), annotation::OF_A_START);
        if fits { Ok(change) } else { Err(Reason::NoRoom) }
    }

    /// The change as a JSON merge patch (RFC 7386) that fails with 409 unless it meets the very
    /// object that was judged. Maps that are missing need no thought, other than in a JSON patch.
    pub fn merge_patch(&self) -> Json {
        let Self { identity, direction: _, fields, own_record, template_record } = self;
        let mut patch = json!({
            "metadata": {"uid": identity.uid, "resourceVersion": identity.resource_version},
        });
        for field in fields {
            if let Some(path) = field.setting.path(identity.kind) {
                set(&mut patch, path, field.to.to_json());
            }
        }
        let records = [
            (own_record, &["metadata", "annotations", ANNOTATION][..]),
            (template_record, &["spec", "jobTemplate", "metadata", "annotations", ANNOTATION][..]),
        ];
        for (record, path) in records {
            match record {
                RecordChange::Keep => {}
                RecordChange::Remove => set(&mut patch, path, Json::Null),
                RecordChange::Set(text) => set(&mut patch, path, text.as_str().into()),
            }
        }
        patch
    }

    /// Whether a Job lives shorter for it, or fewer are kept.
    pub fn shortens(&self) -> bool {
        self.fields.iter().any(Field::shortens)
    }
}

// === impl Direction ===

impl Direction {
    /// Whether a finished Job may be gone the sooner for it.
    pub const fn may_end_in_deletion(self) -> bool {
        matches!(self, Self::Set | Self::Lower)
    }
}

// === impl Field ===

impl Field {
    fn of(settled: &Settled<'_>) -> Self {
        Self {
            setting: settled.setting,
            from: settled.present.clone(),
            to: settled.target.clone(),
            rule: settled.source.as_str().to_owned(),
        }
    }

    fn shortens(&self) -> bool {
        let default = self.setting.api_default();
        let limit = |value: &Value| value.number().or(default);
        !lives_longer(limit(&self.to), limit(&self.from))
    }
}

/// Whether nothing lives shorter for it: `None` is for ever.
pub(super) fn lives_longer(target: Option<i64>, present: Option<i64>) -> bool {
    match (target, present) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(target), Some(present)) => target > present,
    }
}

/// What a record becomes where some settings are left as they are.
fn without(change: &RecordChange, present: Option<&str>, left: &[Setting]) -> RecordChange {
    if left.is_empty() {
        return change.clone();
    }
    let before = present.and_then(Record::parse).unwrap_or_default();
    let mut after = match change {
        RecordChange::Keep => return RecordChange::Keep,
        RecordChange::Remove => Record::default(),
        // What a decision writes is always a record.
        RecordChange::Set(text) => Record::parse(text).unwrap_or_default(),
    };
    for setting in left {
        match before.entry(*setting) {
            Some(entry) => after.insert(*setting, entry.clone()),
            None => after.remove(*setting),
        }
    }
    if after.is_empty() {
        return if present.is_some() { RecordChange::Remove } else { RecordChange::Keep };
    }
    let text = after.to_text();
    if present == Some(text.as_str()) { RecordChange::Keep } else { RecordChange::Set(text) }
}

fn set(document: &mut Json, path: &[&str], value: Json) {
    let mut place = document;
    for member in path {
        if !place.is_object() {
            *place = Json::Object(Map::new());
        }
        place = &mut place[*member];
    }
    *place = value;
}
