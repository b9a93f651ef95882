//! From a decision to a JSON Patch (RFC 6902), built by hand.
//!
//! Paths refer to the object exactly as it was sent, and every parent exists there: a patch that
//! cannot be applied fails the whole request even under `failurePolicy: Ignore`
//! (upstream-semantics.md, 5.4). Only fields that a policy may set and our own annotation are ever
//! touched.

use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, Patch, PatchOperation, RemoveOperation};
use serde_json::{Value as Json, json};

use crate::batch::object::Metadata;
use crate::batch::{Kind, Object};
use crate::policy::Decision;
use crate::policy::decide::{RecordChange, Settled};
use crate::policy::record::ANNOTATION;

/// The operations that make an object what a decision says; empty where it is so already, and where
/// there is no room for the record of it.
pub fn operations(decision: &Decision<'_>, object: &Object<'_>) -> Patch {
    if decision.no_room {
        return Patch(Vec::new());
    }
    let mut operations: Vec<PatchOperation> =
        decision.settings.iter().filter_map(|settled| set(settled, object.kind)).collect();
    operations.extend(annotate(&decision.own_record, Some(&object.metadata), &["metadata"]));
    operations.extend(annotate(
        &decision.template_record,
        object.template_metadata(),
        &["spec", "jobTemplate", "metadata"],
    ));
    Patch(operations)
}

fn set(settled: &Settled<'_>, kind: Kind) -> Option<PatchOperation> {
    if !settled.changes() {
        return None;
    }
    let path = settled.setting.path(kind)?;
    Some(if settled.target.is_absent() {
        remove(path)
    } else {
        add(path, settled.target.to_json())
    })
}

/// Changes the annotation of ours in the metadata at `path`, which itself may be missing.
fn annotate(
    change: &RecordChange,
    metadata: Option<&Metadata<'_>>,
    path: &[&str],
) -> Option<PatchOperation> {
    let annotations = metadata.map(|metadata| metadata.annotations.is_some());
    match (change, annotations) {
        (RecordChange::Keep, _) | (RecordChange::Remove, None | Some(false)) => None,
        (RecordChange::Remove, Some(true)) => {
            Some(remove(&[path, &["annotations", ANNOTATION]].concat()))
        }
        (RecordChange::Set(text), None) => {
            Some(add(path, json!({ "annotations": { ANNOTATION: text } })))
        }
        (RecordChange::Set(text), Some(false)) => {
            Some(add(&[path, &["annotations"]].concat(), json!({ ANNOTATION: text })))
        }
        (RecordChange::Set(text), Some(true)) => {
            Some(add(&[path, &["annotations", ANNOTATION]].concat(), json!(text)))
        }
    }
}

/// `add` replaces a member that is there, and so is right whether the field is set or not.
fn add(path: &[&str], value: Json) -> PatchOperation {
    PatchOperation::Add(AddOperation { path: PointerBuf::from_tokens(path.iter().copied()), value })
}

fn remove(path: &[&str]) -> PatchOperation {
    PatchOperation::Remove(RemoveOperation { path: PointerBuf::from_tokens(path.iter().copied()) })
}
