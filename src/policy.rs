//! The rules: what a policy file says, and what follows from it for one object.
//!
//! [`Policy::load`] turns the text of policy files into a compiled [`Policy`], or into every error
//! in them; [`Policy::decide`] turns a policy and an object into a [`Decision`] that says what to
//! set, where each value came from, and why the rest was left alone. Webhook, sweeper and command
//! line all ask the same function, which is why they agree.
//!
//! Nothing here reads a clock, a file or the network, or knows what an `AdmissionReview` is.

pub mod code;
pub mod decide;
mod drastic;
mod file;
pub mod lint;
mod load;
mod model;
pub mod reads;
mod revision;

pub use decide::{Decision, Input, Operation, Verdict, resolve};
pub use file::diagnostic::{self, Diagnostic, Severity};
pub use file::schema;
pub use file::source::{Source, is_policy};
pub use load::Loaded;
pub use model::policy::{Policy, SYSTEM_NAMESPACES, protects};
pub use model::rule::{Match, Rule};
pub use model::setting::{Setting, Value};
pub use model::settings::{Action, Guard, GuardKind, Mode, Settings, Ttl};
pub use model::{
    glob, index, marks, matching, record, rule, selector, setting, settings, subject, value,
};
