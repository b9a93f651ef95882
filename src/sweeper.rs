//! The sweeper: stored objects under the same policy that admission applies (controllers.md).
//!
//! What is here decides and does nothing. [`decide`] looks at one stored object and answers with
//! actions as data; [`brake`] says which of them have to wait for a person; [`flap`] notices that
//! somebody keeps reverting us; [`deadlines`] knows which object is due next; and [`plan`] is all
//! of it over a snapshot of a cluster. None of them reads a clock, a file or the network: time and
//! objects come in as values, so that a frozen clock and a dump give the very answer that a
//! running sweeper would.

pub mod brake;
pub mod builtin;
pub mod change;
pub mod deadlines;
pub mod decide;
mod family;
pub mod flap;
pub mod hold;
pub mod plan;
pub mod reach;
pub mod reason;
mod start;
pub mod status;
pub mod table;

pub use brake::{Brake, PlanId};
pub use builtin::Builtin;
pub use change::{Change, Direction};
pub use deadlines::Deadlines;
pub use decide::{Action, Deletion, Judgement, View, decide};
pub use flap::Flaps;
pub use hold::Hold;
pub use reach::Reach;
pub use reason::Reason;
pub use status::Status;
pub use table::{Response, Row};
