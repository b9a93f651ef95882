//! The author's object, as it was before we came (policy.md, point 7).
//!
//! [`Side`] is one annotation of ours; it answers, setting by setting, whether the present value
//! is the one that we wrote. [`Known`] is what follows: the author's own value, and how sure that
//! is. Everything else in a decision starts from there.

use std::cell::OnceCell;

use serde::{Deserialize, Serialize};

use crate::batch::annotation::LAST_APPLIED;
use crate::batch::object::Metadata;
use crate::batch::{Kind, Map, Object};
use crate::policy::model::record::{ANNOTATION, Entry, Record};
use crate::policy::model::setting::{Setting, Value};

use super::{Case, Input, Operation, RecordChange};

/// One of the annotations of ours that an object may carry.
pub(super) struct Side<'a> {
    /// The annotation as it was sent.
    text: Option<&'a str>,
    /// What it says; `None` where it is missing or unreadable.
    current: Option<Record>,
    /// What the stored object's says, where the one sent is missing or unreadable: clients that
    /// set annotations wholesale lose ours.
    lost: Option<Record>,
    last_applied: OnceCell<LastSpec>,
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

/// What is read of the manifest that `kubectl apply` remembers.
#[derive(Debug, Default, Deserialize, Serialize)]
struct Manifest {
    spec: Option<LastSpec>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
struct LastSpec {
    ttl_seconds_after_finished: Option<i64>,
    successful_jobs_history_limit: Option<i64>,
    failed_jobs_history_limit: Option<i64>,
    job_template: Option<LastTemplate>,
}

#[derive(Debug, Deserialize, Serialize)]
struct LastTemplate {
    spec: Option<LastTemplateSpec>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct LastTemplateSpec {
    ttl_seconds_after_finished: Option<i64>,
}

/// The few numbers that a decision reads of the manifest that `kubectl apply` remembers, in the
/// same form; nothing but the form where there are none, since that it is there counts all the same.
pub fn last_applied(manifest: &str) -> String {
    // A null says what a missing member says.
    serde_json::to_string(&Manifest::parse(manifest)).expect("numbers are always JSON")
}

/// Whether an update changed anything that the policy looks at (policy.md, point 11).
pub(super) fn touched(input: &Input<'_>) -> bool {
    let (new, Some(old)) = (input.object, input.old) else { return true };
    let fields = [Setting::Ttl, Setting::HistorySuccessful, Setting::HistoryFailed];
    fields.into_iter().any(|setting| setting.of(new) != setting.of(old))
        || metadata_differs(Some(&new.metadata), Some(&old.metadata))
        || new.kind == Kind::CronJob
            && (metadata_differs(new.template_metadata(), old.template_metadata())
                || metadata_differs(new.pod_template_metadata(), old.pod_template_metadata()))
}

/// The record of an object that is not judged otherwise. What an update lost of it is put back: our
/// value would pass for its author's own. `claim` is the entry of a TTL that is absent and has none.
pub(super) fn put_back(input: &Input<'_>, claim: Option<Entry>) -> RecordChange {
    let side = Side::new(Some(&input.object.metadata), input.old.map(|old| &old.metadata));
    let fitting = |setting: Setting| side.fitting(setting, &setting.of(input.object));
    let is_open = Setting::Ttl.of(input.object).is_absent() && fitting(Setting::Ttl).is_none();
    let claim = claim.filter(|_| is_open);
    if claim.is_none() && !side.is_lost() {
        return RecordChange::Keep;
    }
    let mut record = side.current.clone().unwrap_or_default();
    for setting in Setting::ALL.into_iter().filter(|_| side.is_lost()) {
        if let Some(entry) = fitting(setting) {
            record.insert(setting, entry.clone());
        }
    }
    if let Some(entry) = claim {
        record.insert(Setting::Ttl, entry);
    }
    if record.is_empty() { RecordChange::Keep } else { side.change(&record) }
}

/// What is missed of a record that an update has lost. That a Job is ours and has no TTL is not: the
/// sweeper takes it back, and without it the Job only lives longer.
fn missed(mut record: Record) -> Option<Record> {
    if record.entry(Setting::Ttl).is_some_and(Entry::is_claim) {
        record.remove(Setting::Ttl);
    }
    (!record.is_empty()).then_some(record)
}

fn metadata_differs<'m>(new: Option<&'m Metadata<'m>>, old: Option<&'m Metadata<'m>>) -> bool {
    let differs = |of: fn(&'m Metadata<'m>) -> Option<&'m Map<'m>>| match (
        new.and_then(of),
        old.and_then(of),
    ) {
        (Some(new), Some(old)) => !new.same_as(old),
        (new, old) => !new.or(old).is_none_or(Map::is_empty),
    };
    differs(|metadata| metadata.labels.as_ref())
        || differs(|metadata| metadata.annotations.as_ref())
}

// === impl Manifest ===

impl Manifest {
    /// Unreadable proves nothing.
    fn parse(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }
}

// === impl Side ===

impl<'a> Side<'a> {
    /// Reads the annotation of an object that was sent, and of the stored one that it replaces.
    pub(super) fn new(sent: Option<&'a Metadata<'a>>, stored: Option<&Metadata<'_>>) -> Self {
        let text = sent.and_then(|metadata| metadata.annotation(ANNOTATION));
        let current = text.and_then(Record::parse);
        let lost = match &current {
            Some(_) => None,
            None => stored
                .and_then(|metadata| metadata.annotation(ANNOTATION))
                .and_then(Record::parse)
                .and_then(missed),
        };
        Self { text, current, lost, last_applied: OnceCell::new() }
    }

    /// The entry of a setting in the record that was sent, whether it still fits or not.
    pub(super) fn sent(&self, setting: Setting) -> Option<&Entry> {
        self.current.as_ref()?.entry(setting)
    }

    /// The entry of a setting whose `written` is the present value.
    pub(super) fn fitting(&self, setting: Setting, present: &Value) -> Option<&Entry> {
        let record = self.current.as_ref().or(self.lost.as_ref())?;
        record.entry(setting).filter(|entry| entry.written == *present && plausible(setting, entry))
    }

    /// Whether the record was lost in this update and may have to be put back.
    pub(super) fn is_lost(&self) -> bool {
        self.lost.is_some()
    }

    /// What to do so that the annotation says exactly these entries.
    pub(super) fn change(&self, entries: &Record) -> RecordChange {
        if entries.is_empty() {
            return if self.text.is_some() { RecordChange::Remove } else { RecordChange::Keep };
        }
        let text = entries.to_text();
        if self.text == Some(text.as_str()) { RecordChange::Keep } else { RecordChange::Set(text) }
    }
}

/// Whether we could have written an entry: a forged `original` must not make us write what the
/// API server refuses, and fields that are only ever filled had nothing before.
fn plausible(setting: Setting, entry: &Entry) -> bool {
    match setting {
        Setting::Ttl | Setting::HistorySuccessful | Setting::HistoryFailed => {
            match &entry.original {
                Value::Absent => true,
                Value::Number(number) => (0..=i64::from(i32::MAX)).contains(number),
                Value::Text(_) => false,
            }
        }
        Setting::DeadlineActive | Setting::DeadlineStarting | Setting::TimeZone => {
            entry.original.is_absent()
        }
    }
}

// === impl Case ===

impl Case<'_, '_> {
    /// The author's value of a setting.
    pub(super) fn known(&self, setting: Setting) -> Known {
        let object = self.input.object;
        let present = setting.of(object);
        let side = self.side(setting);
        let had_entry = side.sent(setting).is_some();
        let Some(entry) = side.fitting(setting, &present) else {
            // A TTL needs no proof: the API server fills none.
            let proved = setting.api_default().is_some()
                && (self.is_last_applied(setting, &present) || applied(object, setting));
            return Known { value: present, entry: None, had_entry, proved };
        };
        if self.is_void(setting, entry) {
            return Known { value: present, entry: None, had_entry, proved: true };
        }
        // What comes back may be shown, too; then nothing need remember it when our value is gone.
        let original = entry.original.number();
        let proved = original.is_some()
            && (applied(object, setting) || self.last_applied(setting) == original);
        Known { value: entry.original.clone(), entry: Some(entry.clone()), had_entry: true, proved }
    }

    /// Whether an entry proves nothing: an author who writes exactly our value is taken for us,
    /// unless it is shown otherwise. Such an entry is neither believed nor written.
    pub(super) fn is_void(&self, setting: Setting, entry: &Entry) -> bool {
        self.is_last_applied(setting, &entry.written)
            || entry.original.is_absent() && applied(self.input.object, setting)
    }

    /// Whether the manifest that `kubectl apply` remembers has this value.
    fn is_last_applied(&self, setting: Setting, value: &Value) -> bool {
        self.last_applied(setting).is_some_and(|wrote| value.number() == Some(wrote))
    }

    /// The value of a setting in the manifest that `kubectl apply` remembers.
    fn last_applied(&self, setting: Setting) -> Option<i64> {
        let metadata = &self.input.object.metadata;
        let text = metadata.annotation(LAST_APPLIED)?;
        let spec =
            self.own.last_applied.get_or_init(|| Manifest::parse(text).spec.unwrap_or_default());
        match (setting, self.input.object.kind) {
            (Setting::Ttl, Kind::Job) => spec.ttl_seconds_after_finished,
            (Setting::Ttl, Kind::CronJob) => {
                spec.job_template.as_ref()?.spec.as_ref()?.ttl_seconds_after_finished
            }
            (Setting::HistorySuccessful, _) => spec.successful_jobs_history_limit,
            (Setting::HistoryFailed, _) => spec.failed_jobs_history_limit,
            _ => None,
        }
    }

    /// Whether this request made the annotations longer, or brought them.
    pub(super) fn brought_annotations(&self) -> bool {
        let bytes = |object: &Object<'_>| {
            let template = object.template_metadata().map_or(0, Metadata::annotation_bytes);
            object.metadata.annotation_bytes() + template
        };
        match (self.input.operation, self.input.old) {
            (Operation::Update, Some(old)) => bytes(self.input.object) > bytes(old),
            _ => true,
        }
    }

    /// Whether this request changed a setting, or brought it.
    pub(super) fn brought(&self, setting: Setting) -> bool {
        match (self.input.operation, self.input.old) {
            (Operation::Create, _) => true,
            (Operation::Stored, _) => false,
            (Operation::Update, old) => {
                old.is_none_or(|old| setting.of(old) != setting.of(self.input.object))
            }
        }
    }
}

/// Whether a server-side applier owns a setting: it lists only what it really sent.
fn applied(object: &Object<'_>, setting: Setting) -> bool {
    object.metadata.managers().iter().any(|entry| {
        let Some(spec) = entry.fields.spec.as_ref().filter(|_| &*entry.operation == "Apply") else {
            return false;
        };
        match (setting, object.kind) {
            (Setting::Ttl, Kind::Job) => spec.ttl.is_some(),
            (Setting::Ttl, Kind::CronJob) => {
                let template = spec.job_template.as_ref().and_then(|t| t.spec.as_ref());
                template.is_some_and(|spec| spec.ttl.is_some())
            }
            (Setting::HistorySuccessful, _) => spec.successful.is_some(),
            (Setting::HistoryFailed, _) => spec.failed.is_some(),
            _ => false,
        }
    })
}
