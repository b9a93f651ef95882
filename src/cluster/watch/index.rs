//! What is fed by a watch. It must not wait for anything: it is called between two events of the
//! stream.

use std::sync::Arc;

use crate::cluster::slim::{Keep, Key};

/// What a watch feeds.
pub trait Index<T>: Send {
    /// An object appeared or changed.
    fn apply(&mut self, object: &Arc<T>);

    /// An object is gone, or can no longer be read.
    fn delete(&mut self, key: &Key);

    /// These are all objects, decoded with `keep`: whatever else is in the index is gone.
    fn reset(&mut self, objects: &[Arc<T>], keep: &Arc<Keep>);

    /// The object that the index has already, where it is equal to `fresh`, so that a list does
    /// not double the memory.
    fn share(&self, fresh: T) -> Arc<T> {
        Arc::new(fresh)
    }
}
