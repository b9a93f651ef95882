//! The annotations that record what was written: the same bytes as [`crate::policy::record`], so
//! that a sweeper knows what it may settle.
//!
//! A record that is there already is not read: CEL reads no JSON. What stands beside it counts as
//! the author's, so whoever forges one gains nothing, and being asked again changes nothing.

use crate::batch::annotation;
use crate::export::{cel, sheet::Sheet};
use crate::policy::record::ANNOTATION;

use super::changes::Changes;

pub(super) fn define(sheet: &mut Sheet, changes: &mut Changes) {
    // As in the record, where keys are sorted.
    changes.own_entries.sort_by_key(|(setting, _)| setting.as_str());
    let entries: Vec<_> = changes.own_entries.iter().map(|(_, entry)| entry.as_str()).collect();
    sheet.define(
        "own_record",
        format!("[\n{}\n].filter(entry, entry != '').join(',')", entries.join(",\n")),
    );
    let template = &changes.template_entry;
    sheet.define("template_record", format!("variables.is_cronjob ? {template} : ''"));
    let own =
        Place { record: "variables.own_record", metadata: "object.metadata", path: "/metadata" };
    let template = Place {
        record: "variables.template_record",
        metadata: "object.spec.jobTemplate.metadata",
        path: "/spec/jobTemplate/metadata",
    };
    changes.operations.extend([own.write(), template.write()]);
    let spare = annotation::OF_A_START;
    let rooms =
        [own.has_room("own_annotations", 0), template.has_room("template_annotations", spare)];
    sheet.define("has_room", rooms.join("\n&& "));
}

/// Where a record stands; its parents may be missing.
struct Place {
    record: &'static str,
    metadata: &'static str,
    path: &'static str,
}

// === impl Place ===

impl Place {
    /// Whether the annotations are no longer than the API server takes, in bytes, once the record
    /// stands among them.
    fn has_room(&self, annotations: &str, spare: usize) -> String {
        let (record, annotations) = (self.record, format!("variables.{annotations}"));
        let key = cel::text(ANNOTATION);
        let free = annotation::MOST_BYTES - ANNOTATION.len() - "{}".len() - spare;
        format!(
            "({record} == '' || size(bytes({record})) + {annotations}.map(key, key == {key} ? 0\n  \
             : size(bytes(key)) + size(bytes({annotations}[key]))).sum() <= {free})"
        )
    }

    fn write(&self) -> String {
        let Self { record, metadata, path } = self;
        let key = cel::text(ANNOTATION);
        let pointer = ANNOTATION.replace('~', "~0").replace('/', "~1");
        let value = format!("'{{' + {record} + '}}'");
        let add = |path: &str, value: &str| {
            format!("[JSONPatch{{op: 'add', path: '{path}', value: {value}}}]")
        };
        format!(
            "{record} == '' ? []\n\
             : !has({metadata}) ?\n  {}\n\
             : !has({metadata}.annotations) ?\n  {}\n\
             : {}",
            add(path, &format!("{{'annotations': {{{key}: {value}}}}}")),
            add(&format!("{path}/annotations"), &format!("{{{key}: {value}}}")),
            add(&format!("{path}/annotations/{pointer}"), &value),
        )
    }
}
