//! The vocabulary: what curfew reads of Jobs and `CronJob`s, and what it knows about them.
//!
//! Everything here is pure: no clock, no files, no network. The entry point is [`Object`], a
//! borrowed view of a Job or a `CronJob` in which every field that nothing reads is skipped while
//! decoding. It must not know what a policy is.

pub mod annotation;
pub mod child;
pub mod cronjob;
pub mod decoding;
pub mod defaulting;
pub mod edits;
pub mod job;
mod kind;
mod mapping;
pub mod name;
pub mod namespace;
pub mod object;
pub mod owner;
pub mod room;
pub mod schedule;
pub mod text;
mod time;
pub mod zone;

pub use child::Child;
pub use cronjob::{Concurrency, CronJob};
pub use job::{Ending, Finish, Outcome};
pub use kind::Kind;
pub use object::{Object, Unreadable, Wire};
pub use text::{Map, Text};
pub use time::Time;

#[cfg(test)]
mod fixtures;
