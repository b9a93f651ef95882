//! Shutting down.

/// How far shutting down has come.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Phase {
    #[default]
    Serving,
    /// Nobody new should come, but whoever comes is answered, and told to connect elsewhere next.
    Draining,
    /// Nobody is let in, and whoever is in finishes.
    Stopping,
}
