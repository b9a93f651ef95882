//! What several commands need: what is read, asked and printed. What three of them or more name is
//! exported here.

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

pub use self::advice::Note;
pub use self::as_of::AsOf;
pub use self::clocks::{Clocks, ZoneFrom};
pub use self::connection::Connection;
pub use self::exit::Exit;
pub use self::invalid::Invalid;
pub use self::judge::{Judgeable, Judged, Question, World};
pub use self::live::lease::{Lease, NoLease, Which};
pub use self::live::listing::Scope;
pub use self::live::name::{Named, Place, Within};
pub use self::live::policy::{InForce, Otherwise, in_force};
pub use self::live::surroundings::Surrounded;
pub use self::live::{Live, NAMESPACES, OutOfReach, Unread, block_on};
pub use self::manifests::{Document, Dump, Inputs, Manifests, tell_foreign};
pub use self::output::{Column, Output, Table};
pub use self::policies::{ClusterPolicies, Policies};
pub use self::printer::Printer;
