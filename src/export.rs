//! The admission half of a policy, as objects that the API server carries out by itself.
//!
//! [`map`] turns a compiled [`Policy`] into a `MutatingAdmissionPolicy` and its binding: the rules
//! become CEL conditions ([`rules`]), each setting becomes a table in which the first matching rule
//! wins ([`tables`]), and what [`Policy::decide`] does with them becomes a chain of variables
//! ([`settle`]). What is written, the record included, is byte for byte what the webhook would
//! write, so that a sweeper knows it again.
//!
//! CEL sees one object when it is created. What needs more than that, or another way to speak than
//! a patch, is told and not left out in silence: [`left_out`].
//!
//! Pure: a policy in, data out.

mod cel;
mod facts;
mod guards;
mod left_out;
pub mod object;
mod rules;
mod served;
mod settle;
mod sheet;
mod tables;
mod wish;

use crate::policy::{Mode, Policy, Rule};

use self::facts::Facts;
use self::object::{Binding, MutatingPolicy};
use self::sheet::{Sheet, Variable};

pub use self::left_out::ALWAYS;
pub use self::served::Served;
pub use self::wish::Wish;

/// A policy that the API server carries out, and what it cannot.
#[derive(Debug)]
pub struct Export {
    pub policy: MutatingPolicy,
    pub binding: Binding,
    /// What this policy says and the export does not do; [`ALWAYS`] holds for any policy.
    pub left_out: Vec<String>,
}

/// Why a policy has no export.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refused {
    #[error(
        "the policy never writes anything: its mode is {0}; give spec.mode or a rule the mode \
         Enforce, and there is something to export"
    )]
    Idle(&'static str),
    #[error(
        "the policy has {0} rules, and an API server that asks more than {MOST_RULES} in CEL at \
         every creation is slow; the webhook has no such limit"
    )]
    TooManyRules(usize),
    #[error(
        "the variable {0} of the exported policy has more than {LONGEST_EXPRESSION} characters, \
         which is as long as an API server lets an expression be; the webhook has no such limit"
    )]
    TooLong(String),
    #[error(
        "the exported policy has {0} bytes, and an API server stores about {MOST_BYTES}; the \
         webhook has no such limit"
    )]
    TooLarge(usize),
}

/// Exports the admission half of a policy.
///
/// # Errors
/// Where nothing would ever be written, or the API server would not take the result.
pub fn map(policy: &Policy, wish: Wish<'_>) -> Result<Export, Refused> {
    let enforces = |rule: &Rule| rule.settings.mode == Some(Mode::Enforce);
    match policy.mode {
        mode @ Mode::Off => return Err(Refused::Idle(mode.as_str())),
        mode @ Mode::DryRun if !policy.rules.iter().any(enforces) => {
            return Err(Refused::Idle(mode.as_str()));
        }
        Mode::DryRun | Mode::Enforce => {}
    }
    if policy.rules.len() > MOST_RULES {
        return Err(Refused::TooManyRules(policy.rules.len()));
    }
    let mut asked = Facts::default();
    let mut sheet = Sheet::default();
    rules::define(policy, &mut asked, &mut sheet);
    guards::define(policy, &mut sheet);
    let patch = settle::define(policy, &mut sheet);
    let variables = asked.into_sheet().followed_by(sheet).used_by(&patch);
    // Of all expressions only those grow with the policy.
    let long = |variable: &&Variable| variable.expression.chars().count() > LONGEST_EXPRESSION;
    if let Some(variable) = variables.iter().find(long) {
        return Err(Refused::TooLong(variable.name.clone()));
    }
    let exported = MutatingPolicy::new(policy, wish, variables, &patch);
    let bytes = serde_json::to_string(&exported).map_or(0, |text| text.len());
    if bytes > MOST_BYTES {
        return Err(Refused::TooLarge(bytes));
    }
    Ok(Export { binding: Binding::new(wish), policy: exported, left_out: left_out::of(policy) })
}

/// On two cores of 2026, a creation takes 10 ms with 100 rules, 20 ms with 500, 40 ms with 1,000 and
/// 145 ms with 4,000.
const MOST_RULES: usize = 1000;

/// `expressionSizeCodePointLimit` of CEL's parser.
const LONGEST_EXPRESSION: usize = 100_000;

/// etcd takes 1.5 MiB, and the API server keeps the variables in `managedFields`, too.
const MOST_BYTES: usize = 1_000_000;
