//! What the rules see of an object: the labels, annotations and name of its family.
//!
//! A `CronJob`, its template and the Jobs it makes are one family (policy.md, point 12): the
//! `CronJob`'s labels are overlaid by its template's, and those by a child's own. The layers are
//! kept as they are and asked from the top, so that nothing is copied for a decision.

use crate::batch::object::Metadata;
use crate::batch::{Kind, Map, Object};

use super::record;

/// An object, with its `CronJob` where it has one, as rules and exemptions see it.
#[derive(Debug)]
pub struct Subject<'a> {
    /// Whether the object is a `CronJob` or made by one.
    pub in_family: bool,
    pub namespace: &'a str,
    /// The name that globs match: the `CronJob`'s for a whole family.
    pub name: &'a str,
    /// Labels of the namespace; `None` where nobody knows them.
    pub namespace_labels: Option<&'a Map<'a>>,
    /// From the top layer to the bottom one.
    labels: [Option<&'a Map<'a>>; 3],
    annotations: [Option<&'a Map<'a>>; 3],
}

// === impl Subject ===

impl<'a> Subject<'a> {
    /// How rules see a Job or a `CronJob`; `cronjob` is the one that a Job belongs to.
    pub fn new(
        object: &'a Object<'a>,
        cronjob: Option<&'a Object<'a>>,
        namespace: &'a str,
        namespace_labels: Option<&'a Map<'a>>,
    ) -> Self {
        let family = if object.kind == Kind::CronJob { Some(object) } else { cronjob };
        let own = (object.kind == Kind::Job).then_some(&object.metadata);
        let template = family.and_then(Object::template_metadata);
        let top = family.map(|cronjob| &cronjob.metadata);
        let template_labels = template
            .and_then(|metadata| metadata.labels.as_ref())
            .filter(|labels| has_foreign_key(labels))
            .or_else(|| family?.pod_template_metadata()?.labels.as_ref());
        Self {
            in_family: family.is_some(),
            namespace,
            name: family.unwrap_or(object).match_name(),
            namespace_labels,
            labels: [own.and_then(labels), template_labels, top.and_then(labels)],
            annotations: [own, template, top].map(|layer| layer?.annotations.as_ref()),
        }
    }

    /// The value of a label of the family.
    pub fn label(&self, key: &str) -> Option<&'a str> {
        overlaid(&self.labels, key)
    }

    /// The value of an annotation of the family.
    pub fn annotation(&self, key: &str) -> Option<&'a str> {
        overlaid(&self.annotations, key)
    }

    /// The labels of every layer, hidden ones too: for looking up what might match.
    pub(in crate::policy) fn every_label(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.labels.iter().flatten().flat_map(|layer| layer.iter())
    }
}

fn overlaid<'a>(layers: &[Option<&'a Map<'a>>], key: &str) -> Option<&'a str> {
    if key.starts_with(record::PREFIX) {
        return None;
    }
    layers.iter().flatten().find_map(|layer| layer.get(key))
}

/// Whether a map says anything of its author's: keys of ours do not count as the template having
/// labels of its own, or writing a record would change what the rules see.
pub fn has_foreign_key(map: &Map<'_>) -> bool {
    map.iter().any(|(key, _)| !key.starts_with(record::PREFIX))
}

fn labels<'a>(metadata: &'a Metadata<'a>) -> Option<&'a Map<'a>> {
    metadata.labels.as_ref()
}
