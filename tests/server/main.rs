//! The HTTPS server on real sockets, and `curfew serve` as a process.
//!
//! Time-outs are milliseconds here; what must *not* happen within one is shown by waiting several
//! times as long. Everything a test starts ends with it.
//!
//! A binary of its own: nothing else may make these milliseconds longer.

mod binary;
mod bodies;
mod client;
mod drain;
mod harness;
mod policy_review;
mod pressure;
mod reload;
mod time;
mod tls;
