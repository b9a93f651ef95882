//! A policy as it is asked: checked values only, an object as rules see it, and what is written on
//! objects.

pub mod glob;
pub mod index;
pub mod marks;
pub mod matching;
pub(super) mod policy;
pub mod record;
pub mod rule;
pub mod selector;
pub mod setting;
pub mod settings;
mod spelled;
pub mod subject;
pub mod value;
