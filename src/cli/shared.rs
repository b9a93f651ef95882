//! What several commands need: what is read, asked and printed.

pub mod advice;
pub mod as_of;
pub mod clocks;
pub mod connection;
pub mod exit;
pub mod invalid;
pub mod judge;
pub mod kubectl;
pub mod live;
pub mod manifests;
pub mod output;
pub mod policies;
pub mod printer;
pub mod report;
pub mod schedules;
pub mod shares;
pub mod yaml;
