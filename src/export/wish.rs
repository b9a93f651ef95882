//! What an export is asked for.

use super::served::Served;

/// What to call the exported objects, and what to spare.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// `metadata.name` of both objects.
    pub name: &'a str,
    /// The namespace of an installation, whose objects are never considered.
    pub own_namespace: Option<&'a str>,
    /// The version in which to write them.
    pub served: Served,
}
