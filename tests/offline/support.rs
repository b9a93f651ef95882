//! What several modules share.

pub(crate) mod directory;
pub(crate) mod stored;
