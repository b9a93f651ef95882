//! The author's object, as it was before we came (policy.md, point 7).
//!
//! What an annotation of ours says is in [`super::side`]; here it is believed or not, with what
//! else shows who wrote a value: field managers and what `kubectl apply` remembers. Everything else
//! in a decision starts from there.

use super::case::Case;
use super::input::{Input, Operation};
use super::last_applied::Manifest;
use super::side::Known;
use crate::batch::annotation::LAST_APPLIED;
use crate::batch::object::Metadata;
use crate::batch::{Kind, Map, Object};
use crate::policy::model::record::Entry;
use crate::policy::model::setting::{Setting, Value};

/// Whether an update changed anything that the policy looks at (policy.md, point 11).
pub(super) fn touched(input: &Input<'_>) -> bool {
    let (new, Some(old)) = (input.object, input.old) else { return true };
    let mut judged = Setting::ALL.into_iter().filter(|setting| !setting.is_filled());
    judged.any(|setting| setting.of(new) != setting.of(old))
        || metadata_differs(Some(&new.metadata), Some(&old.metadata))
        || new.kind == Kind::CronJob
            && (metadata_differs(new.template_metadata(), old.template_metadata())
                || metadata_differs(new.pod_template_metadata(), old.pod_template_metadata()))
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
