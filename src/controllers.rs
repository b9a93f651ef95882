//! What runs on a cluster for as long as the server does.
//!
//! [`running`] puts one replica together. [`watches`] fill the store that everybody reads; [`sweeper`] and [`scheduler`] are the work of
//! whichever replica leads: they ask the pure [`crate::sweeper`] and [`crate::scheduler`] about what
//! is stored and carry out the answers through the seams of [`crate::cluster`]. [`rights`] says what
//! of that the API server allows. [`certificates`] and [`heartbeat`] are the work of every replica: the
//! pair that it shows, and what it says of itself.
//!
//! Nothing here knows a rule of the policy, or of the delete contract: what to do is decided where
//! it can be tested without a cluster, and this is the one place that does it.

pub mod certificates;
pub mod context;
pub mod feed;
pub mod heartbeat;
pub mod rights;
pub mod running;
pub mod scheduler;
mod staleness;
pub mod sweeper;
mod watch_health;
pub mod watches;

pub use context::ControllerContext;
pub use feed::Feed;
pub use running::Running;
pub use scheduler::Scheduler;
pub use sweeper::Sweeper;
pub use watches::Watches;
