//! curfew: no finished Job outlives its welcome.

pub mod admission;
pub mod batch;
pub mod cli;
pub mod clock;
pub mod cluster;
pub mod leader;
pub mod metrics;
pub mod pki;
pub mod policy;
pub mod reload;
pub mod server;
pub mod sweeper;
pub mod telemetry;
