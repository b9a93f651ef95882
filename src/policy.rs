//! The rules: what a policy file says, and what follows from it for one object.
//!
//! [`Policy::load`] turns the text of policy files into a compiled [`Policy`], or into every error
//! in them; [`Policy::decide`] turns a policy and an object into a [`Decision`] that says what to
//! set, where each value came from, and why the rest was left alone. Webhook, sweeper and command
//! line all ask the same function, which is why they agree.
//!
//! Nothing here reads a clock, a file or the network, or knows what an `AdmissionReview` is.

mod check;
pub mod code;
pub mod decide;
mod decode;
pub mod diagnostic;
mod document;
mod drastic;
mod finding;
pub mod glob;
pub mod index;
mod label;
pub mod lint;
pub mod load;
mod locate;
pub mod marks;
pub mod matching;
mod node;
mod patience;
pub mod reads;
pub mod record;
pub mod resolve;
mod revision;
pub mod rule;
pub mod schema;
pub mod selector;
pub mod setting;
pub mod subject;
pub mod value;
mod wire;

pub use decide::{Decision, Input, Operation, Verdict};
pub use diagnostic::{Diagnostic, Severity};
pub use load::{Loaded, Source};
pub use rule::{Action, Guard, GuardKind, Match, Mode, Policy, Rule, Settings, Ttl};
pub use setting::{Setting, Value};
