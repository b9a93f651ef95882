//! What the tests on a real control plane stand on: processes that cannot outlive the test, an API
//! server with its own throw-away PKI, kubectl, webhooks that misbehave on demand, and curfew itself
//! as the binary that was built.
//!
//! Entry points: `control_plane::shared()` for an API server and `control_plane::staffed()` for one
//! with controllers. Included by each test binary with `#[path]`; none uses all of it.

#![allow(dead_code, reason = "each test binary uses its own part of the harness")]

pub mod api;
pub mod assets;
pub mod audit;
pub mod control_plane;
pub mod curfew;
pub mod kubectl;
pub mod load;
pub mod manifest;
pub mod namespace;
pub mod network;
pub mod pki;
pub mod process;
pub mod proxy;
pub mod registration;
pub mod scene;
pub mod scheduling;
pub mod service;
pub mod silence;
pub mod stub;
pub mod sweeping;
pub mod versions;
pub mod volume;
pub mod wait;
