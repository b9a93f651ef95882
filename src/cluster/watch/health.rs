//! How a watch is doing.

use std::fmt;
use std::sync::Arc;

use crate::clock::HashSet;
use crate::cluster::slim::Key;

/// How a watch is doing.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Health {
    pub state: State,
    /// How many complete lists there were.
    pub lists: u64,
    /// How often something went wrong.
    pub errors: u64,
    /// The objects of the cluster that cannot be decoded just now. Whoever misses one of them in
    /// the index finds it here.
    pub undecodable: Arc<HashSet<Key>>,
}

/// Where a watch stands.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum State {
    /// It is on its first list, or on another one because the policy reads more than was kept.
    #[default]
    Listing,
    /// The index follows the cluster.
    Following,
    /// It tries again, slower each time; the text says what the API server said.
    Failing(String),
}

// === impl State ===

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listing => f.write_str("listing"),
            Self::Following => f.write_str("following"),
            Self::Failing(why) => write!(f, "failing: {why}"),
        }
    }
}
