//! Everything that needs neither a cluster nor a process of its own.
//!
//! One binary, so that the crate is linked once. What stands beside it in a binary of its own says
//! why in its first lines.

mod admission;
mod architecture;
mod cli;
mod cli_cronjobs;
mod cli_manifests;
mod cli_next;
mod cli_plan;
mod cron;
mod daylight;
mod decision;
mod decision_properties;
mod manifests;
mod missed;
mod policies;
mod policy_review;
mod scheduler_properties;
mod supply;
mod support;
mod sweeper;
mod sweeper_brake;
mod sweeper_plan;
mod sweeper_properties;
mod tools;
#[path = "../support/versions.rs"]
pub mod versions;
