//! The HTTPS server on real sockets, and `curfew serve` as a process.
//!
//! Time-outs are milliseconds here; what must *not* happen within one is shown by waiting several
//! times as long. Everything a test starts ends with it.

#[path = "server/binary.rs"]
mod binary;
#[path = "server/bodies.rs"]
mod bodies;
#[path = "server/client.rs"]
mod client;
#[path = "server/drain.rs"]
mod drain;
#[path = "server/guard.rs"]
mod guard;
#[path = "server/harness.rs"]
mod harness;
#[path = "server/pressure.rs"]
mod pressure;
#[path = "server/reload.rs"]
mod reload;
#[path = "server/time.rs"]
mod time;
#[path = "server/tls.rs"]
mod tls;
