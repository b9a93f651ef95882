//! Policy files: from their text to the document that they are, with everything that is wrong in
//! them and where it stands.
//!
//! Steps follow each other, and each reports what it finds and goes on with the rest: [`node`]
//! reads a tree, [`document`] decodes it, [`decode::merge`] puts the files together, and [`check`]
//! looks at what the values say of each other. [`schema`] says for editors what can stand where.

pub(super) mod check;
pub(super) mod compile;
pub(super) mod decode;
pub mod diagnostic;
pub(super) mod document;
mod fields;
pub(super) mod finding;
mod label;
mod locate;
pub(super) mod node;
pub mod schema;
mod selector;
pub(super) mod source;
pub(super) mod ttl;
mod wire;
pub(super) mod words;

/// The only version that this build reads.
pub(super) const API_VERSION: &str = "curfew.dev/v1alpha1";

/// The kind of a policy.
pub(super) const KIND: &str = "JobPolicy";
