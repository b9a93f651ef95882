//! curfew: no finished Job outlives its welcome.
//!
//! ```text
//! batch      the vocabulary: what is read of Jobs and CronJobs, schedules, zones
//!   ▲
//! policy     the rules: load, lint, index, decide          one judge for everything below
//!   ▲
//! admission  one review: bytes in, bytes out
//! policy_review  one review of the policy itself: bytes in, bytes out
//! sweeper    what to do about stored objects, as data
//! scheduler  what a CronJob starts, and when, as data
//! export     a policy as objects that the API server carries out
//!   ▲
//! cluster    watches, store, writes, Events                what waits, and talks to Kubernetes
//! leader     who may write
//!   ▲
//! controllers  the sweeper at work                         what waits, and writes
//! server     TLS, connections, limits, drain               what waits, and talks to callers
//! reload     policies and certificates that change
//!   ▲
//! cli        one file a command; puts the rest together
//! ```
//!
//! Whatever decides is pure: it is told what time it is and what there is, and answers with data.
//! `batch`, `policy`, `admission`, `policy_review`, `sweeper`, `scheduler` and `export` know no task, client, file
//! or clock, and a test holds them to it; they are public, to be driven by other tools and other people's tables.
//! [`policy::Policy::load`] and [`policy::Policy::decide`] are the place to begin reading.

pub mod admission;
pub mod batch;
pub mod cli;
pub mod clock;
pub mod cluster;
pub mod controllers;
pub mod export;
pub mod leader;
pub mod metrics;
mod named;
pub mod pki;
pub mod policy;
pub mod policy_review;
pub mod reload;
pub mod scheduler;
pub mod server;
pub mod sweeper;
pub mod telemetry;
