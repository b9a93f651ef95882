//! The rules: what a policy file says, and what follows from it for one object.
//!
//! [`Policy::load`] turns the text of policy files into a compiled [`Policy`], or into every error
//! in them; [`Policy::decide`] turns a policy and an object into a [`Decision`] that says what to
//! set, where each value came from, and why the rest was left alone. Webhook, sweeper and command
//! line all ask the same function, which is why they agree.
//!
//! Nothing here reads a clock, a file or the network, or knows what an `AdmissionReview` is.

pub mod decide;
pub mod diagnostic;
pub mod glob;
pub mod index;
pub mod load;
pub mod matching;
pub mod record;
pub mod resolve;
pub mod rule;
pub mod selector;
pub mod setting;
pub mod subject;
pub mod value;

pub use decide::{Decision, Input, Operation, Verdict};
pub use diagnostic::{Diagnostic, Severity};
pub use load::Source;
pub use rule::{Action, Guard, GuardKind, Match, Mode, Policy, Rule, Settings, Ttl};
pub use setting::{Setting, Value};
