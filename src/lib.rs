//! curfew: no finished Job outlives its welcome.

pub mod admission;
pub mod batch;
pub mod cli;
pub mod clock;
pub mod policy;
