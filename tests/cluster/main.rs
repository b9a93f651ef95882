//! curfew on a real API server: everything here is stored by a kube-apiserver, and nothing is
//! mocked but the neighbours that are to misbehave.
//!
//! One binary, so that one control plane serves all tests. See `tests/support/harness.rs` for where
//! it comes from, and for what happens where there is none.

mod braking;
mod certificates;
mod commands;
mod contract;
mod example;
mod failing;
mod failover;
mod families;
mod finished;
mod gap;
mod harness;
mod intent;
mod load;
mod neighbours;
mod nowhere;
mod offline;
mod ownership;
mod planned;
mod policy_review;
mod room;
mod seams;
mod steady;
#[path = "../support/harness.rs"]
pub mod support;
mod tools;
mod undo;
mod untouched;
mod upgrade;
mod writing;
