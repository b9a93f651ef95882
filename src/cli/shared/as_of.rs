//! As of when a command answers.

use jiff::Timestamp;

use crate::cli::shared::Live;
use crate::clock;

/// The time that a user gave, if any.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct AsOf {
    /// Judge as of this time [default: the current time, by the API server's clock where one is
    /// asked]
    #[arg(long, value_name = "RFC3339")]
    now: Option<Timestamp>,
}

// === impl AsOf ===

impl AsOf {
    /// The time for an answer that no cluster has a part in.
    pub fn here(self) -> Timestamp {
        // The API knows whole seconds only, and they read better.
        let whole = |now: Timestamp| Timestamp::from_second(now.as_second()).unwrap_or(now);
        self.now.unwrap_or_else(|| whole(clock::now()))
    }

    /// The time for an answer of a cluster. Ask after reading, which is what tells the API server's
    /// clock.
    pub fn there(self, live: &Live) -> Timestamp {
        self.now.unwrap_or_else(|| live.now())
    }
}
