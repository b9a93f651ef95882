//! What curfew can be asked to do: a file for each command.

pub mod approve;
pub mod certs;
pub mod check;
pub mod completion;
pub mod cronjobs;
pub mod diff;
pub mod explain;
pub mod export;
pub mod hold;
pub mod mutate;
pub mod next;
pub mod plan;
pub mod policy_test;
pub mod schema;
pub mod serve;
pub mod status;
pub mod sweep;
pub mod version;
