//! The Helm chart: rendered by a real helm, and taken by a real API server.
//!
//! One binary, so that one control plane serves all tests. Where helm, promtool or the control
//! plane can not be had, the tests that need them say that they are skipped.

mod accepted;
mod called;
mod common_values;
mod confined;
mod contradictions;
mod granted;
mod hardening;
pub mod helm;
pub mod installation;
mod installed;
mod readme;
pub mod release;
mod rendering;
mod rights;
mod signals;
mod starting;
#[path = "../support/harness.rs"]
pub mod support;
mod threats;
