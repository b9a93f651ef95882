//! One annotation of ours on an object: whether the present value of a setting is the one that we
//! wrote, and what the author's was.

use std::cell::OnceCell;

use super::decision::RecordChange;
use super::input::Input;
use super::last_applied::LastSpec;
use crate::batch::object::Metadata;
use crate::policy::model::record::{ANNOTATION, Entry, Record};
use crate::policy::model::setting::{Setting, Value};

/// One of the annotations of ours that an object may carry.
pub(super) struct Side<'a> {
    /// The annotation as it was sent.
    text: Option<&'a str>,
    /// What it says; `None` where it is missing or unreadable.
    current: Option<Record>,
    /// What the stored object's says, where the one sent is missing or unreadable: clients that
    /// set annotations wholesale lose ours.
    lost: Option<Record>,
    /// What it shall say.
    pub(super) entries: Record,
    pub(super) last_applied: OnceCell<LastSpec>,
}

/// The author's value of a setting.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) value: Value,
    /// The entry whose `written` is the present value.
    pub(super) entry: Option<Entry>,
    /// Whether there is an entry at all, one that no longer fits included.
    pub(super) had_entry: bool,
    /// Whether last-applied or an `Apply` manager shows that the author wrote the value.
    pub(super) proved: bool,
}

// === impl Side ===

impl<'a> Side<'a> {
    /// Reads the annotation of an object that was sent, and of the stored one that it replaces.
    pub(super) fn new(sent: Option<&'a Metadata<'a>>, stored: Option<&Metadata<'_>>) -> Self {
        let text = sent.and_then(|metadata| metadata.annotation(ANNOTATION));
        let current = text.and_then(Record::parse);
        let lost = stored
            .filter(|_| current.is_none())
            .and_then(|metadata| metadata.annotation(ANNOTATION))
            .and_then(Record::parse)
            .and_then(missed);
        Self { text, current, lost, entries: Record::default(), last_applied: OnceCell::new() }
    }

    /// The entry of a setting in the record that was sent, whether it still fits or not.
    pub(super) fn sent(&self, setting: Setting) -> Option<&Entry> {
        self.current.as_ref()?.entry(setting)
    }

    /// The entry of a setting whose `written` is the present value.
    pub(super) fn fitting(&self, setting: Setting, present: &Value) -> Option<&Entry> {
        let record = self.current.as_ref().or(self.lost.as_ref())?;
        record.entry(setting).filter(|entry| fits(setting, entry, present))
    }

    /// Whether the record was lost in this update and may have to be put back.
    pub(super) fn is_lost(&self) -> bool {
        self.lost.is_some()
    }

    /// What to do so that the annotation says exactly the entries.
    pub(super) fn change(&self) -> RecordChange {
        if self.entries.is_empty() {
            return if self.text.is_some() { RecordChange::Remove } else { RecordChange::Keep };
        }
        let text = self.entries.to_text();
        if self.text == Some(text.as_str()) { RecordChange::Keep } else { RecordChange::Set(text) }
    }
}

/// Whether an entry stands for the present value.
pub(super) fn fits(setting: Setting, entry: &Entry, present: &Value) -> bool {
    entry.written == *present && plausible(setting, entry)
}

/// Whether we could have written an entry: a forged `original` must not make us write what the
/// API server refuses, and fields that are only ever filled had nothing before.
fn plausible(setting: Setting, entry: &Entry) -> bool {
    match &entry.original {
        Value::Absent => true,
        Value::Number(number) if !setting.is_filled() => (0..=i64::from(i32::MAX)).contains(number),
        Value::Number(_) | Value::Text(_) => false,
    }
}

/// The record of an object that is not judged otherwise. What an update lost of it is put back: our
/// value would pass for its author's own. `change` is what else happens to it.
pub(super) fn put_back(input: &Input<'_>, change: impl FnOnce(&mut Record)) -> RecordChange {
    let mut side = Side::new(Some(&input.object.metadata), input.old.map(|old| &old.metadata));
    let mut record = side.current.clone().unwrap_or_default();
    for setting in Setting::ALL.into_iter().filter(|_| side.is_lost()) {
        if let Some(entry) = side.fitting(setting, &setting.of(input.object)) {
            record.insert(setting, entry.clone());
        }
    }
    change(&mut record);
    let was = side.current.as_ref();
    let same = was.map_or(record.is_empty(), |was| *was == record);
    side.entries = record;
    if same { RecordChange::Keep } else { side.change() }
}

/// What is missed of a record that an update has lost. That a Job is ours and has no TTL is not: the
/// sweeper takes it back, and without it the Job only lives longer.
fn missed(mut record: Record) -> Option<Record> {
    if record.entry(Setting::Ttl).is_some_and(Entry::is_claim) {
        record.remove(Setting::Ttl);
    }
    (!record.is_empty()).then_some(record)
}
