//! Policy files: from their text to the document that they are, with everything that is wrong in
//! them and where it stands.
//!
//! Steps follow each other, and each reports what it finds and goes on with the rest: [`node`]
//! reads a tree, [`document`] decodes it, [`decode::Merge`] puts the files together, and [`check`]
//! looks at what the values say of each other. [`schema`] says for editors what can stand where.

pub(super) mod check;
pub(super) mod decode;
pub mod diagnostic;
pub(super) mod document;
pub(super) mod finding;
pub(super) mod label;
mod locate;
pub(super) mod node;
pub mod schema;
pub(super) mod wire;
