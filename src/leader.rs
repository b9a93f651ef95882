//! One replica writes, the others wait.
//!
//! A Lease says who leads. [`decide`] is client-go's rule as a pure function: whose turn it is is
//! judged by when *we saw the Lease change*, on our own monotonic clock, and never by the times
//! that stand in it. [`task`] drives that over the API: it starts the work when the Lease is ours,
//! cancels it when the Lease may soon be another's, and gives the Lease back when the work is done.
//!
//! It must not know what the work is. Two leaders for a moment can do no harm all the same: every
//! write names the version of what it changes.

pub mod decide;
pub mod lease;
pub mod replica;
pub mod task;

pub use decide::{LeaderElectionRecord, ObservedRecord, Situation, Step, Timing};
pub use replica::Replica;
pub use task::{Candidate, LeaderStatus, Term};
