//! Which rules can match an object at all.

/// See the module.
#[derive(Debug, Default)]
pub struct Index;
