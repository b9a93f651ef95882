//! What is kept of a stored Job, `CronJob` or Namespace: small, owned, and enough to judge it.
//!
//! Three kinds implement [`Slim`]: [`Job`], [`CronJob`] and [`Namespace`]. A [`Wire`] is what the
//! client decodes, so that `Api<Wire<Job>>` lists and watches Jobs; it holds the bytes as they
//! came and gives the small type when asked, with the [`Decoder`] of whoever asks. So no Pod
//! template is ever held, and an object that cannot be read spoils nothing but itself.
//!
//! Each small type lends a [`crate::batch::Object`], the view that `Policy::decide` takes. It is
//! equal, for a decision, to the object as the API server sent it, as long as the [`Keep`] that it
//! was decoded with covers the policy that asks.

mod cronjob;
mod job;
mod keep;
mod manager;
mod meta;
mod namespace;
mod owner;
mod scheduling;
mod second;
mod symbol;
mod uid;
mod wire;

pub use cronjob::CronJob;
pub use job::Job;
pub use keep::{Keep, is_large_template};
pub use manager::{MANAGER, Manager};
pub use meta::{Ending, Meta, Pairs, Version};
pub use namespace::Namespace;
pub use owner::Owner;
pub use scheduling::{Listed, Scheduling};
pub use second::Second;
pub use symbol::{Interner, Symbol};
pub use uid::Uid;
pub use wire::{Decoder, Key, Slim, Wire};

#[cfg(test)]
mod tests;
