//! What a plan is made of beside policy and snapshot.

use jiff::Timestamp;

use super::super::reach::Reach;
use crate::policy::value::Seconds;

/// What a plan is to be made of, beside policy and snapshot.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    pub now: Timestamp,
    pub own_namespace: Option<&'a str>,
    /// Where the sweeper writes: only there its brake counts.
    pub reach: &'a Reach,
    /// A clean-up by age: only deletions, and of nothing younger.
    pub older_than: Option<Seconds>,
    /// Also list what nothing is done about.
    pub everything: bool,
    /// The objects come from a dump, which may leave out what a cluster has.
    pub dump: bool,
}
