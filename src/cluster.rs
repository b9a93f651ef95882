//! The seams through which effects reach a Kubernetes API server, and nothing else does.
//!
//! What comes in: [`watch`] follows a kind and feeds an index, decoded into the small types of
//! [`slim`]; [`store`] is the index that the webhook's handler (through [`neighbours`]) and the
//! controllers read. What goes out: [`write`], one conditional call per object, at the speed that [`pace`] gives; [`events`],
//! which never blocks anybody. Beside them: [`connect`] says which cluster, [`access`] what we
//! may do there, and [`clock_offset`] what time it is there.
//!
//! Nothing here knows a rule of a policy: decisions are made elsewhere and handed in as data.

pub mod access;
pub mod clock_offset;
pub mod connect;
pub mod events;
pub mod listing;
pub mod neighbours;
pub mod pace;
pub mod slim;
pub mod starting;
pub mod store;
pub mod watch;
pub mod write;
