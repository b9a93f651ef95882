//! Hostile input: what comes from outside is changed at random, and whatever becomes of it, nothing
//! may panic, answers stay small, and what can be read twice is the same both times.
//!
//! Inputs are made of a corpus: hand-made seeds below `corpus/`, a folder for each target, and the
//! fixtures of other tests. `cargo test` gives each target a second. For more:
//!
//! ```text
//! CURFEW_FUZZ_SECONDS=600 cargo test --release --test fuzz policies -- --nocapture
//! CURFEW_FUZZ_INPUTS=1000000 …   so many inputs and no time, which a seed repeats exactly
//! CURFEW_FUZZ_SEED=7 …           the seed that a run printed
//! ```
//!
//! What fails is made smaller and written to a file. Put that into the corpus of its target: it is
//! tried first, and as it is, from then on.
//!
//! A binary of its own: `.ci/run` gives it minutes, and people give it hours.

mod mutation;
mod run;
mod targets;

use run::fuzz;

#[test]
fn documents() {
    fuzz("documents", targets::documents);
}

#[test]
fn policy_review() {
    fuzz("policy_review", targets::policy_review);
}

#[test]
fn leases() {
    fuzz("leases", targets::leases);
}

#[test]
fn policies() {
    fuzz("policies", targets::policies);
}

#[test]
fn reviews() {
    fuzz("reviews", targets::reviews);
}

#[test]
fn schedules() {
    fuzz("schedules", targets::schedules);
}

#[test]
fn watches() {
    fuzz("watches", targets::watches);
}
