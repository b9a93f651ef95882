//! What the whole-process benchmarks share: processes to measure, a client that loads them, and
//! figures to print. Entry point: [`called`].
//!
//! Nothing in here asserts a speed. A benchmark prints what it measured beside what is wanted, and
//! people judge; it fails only where something did not work at all.

#![allow(dead_code, reason = "each benchmark uses its own part")]

pub mod child;
pub mod client;
pub mod echo;
pub mod report;
pub mod server;
pub mod statistics;

use hyper::body::Bytes;

use self::echo::Echo;

/// What this process was started for.
pub enum Called {
    /// By a benchmark, as the server to compare with.
    Echo(Echo),
    /// By `cargo bench`.
    Measure(Effort),
    /// By `cargo test --benches` or to list what is here: that it builds and starts is the test.
    Nothing,
}

/// How long to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    Full,
    /// A smoke run, with `--quick`: its figures mean nothing.
    Quick,
}

/// Reads the arguments of this process.
pub fn called() -> Called {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, rest @ ..] = arguments.as_slice()
        && first == echo::ARGUMENT
    {
        return Called::Echo(Echo::from_arguments(rest));
    }
    let given = |flag: &str| arguments.iter().any(|argument| argument == flag);
    // `cargo bench` gives `--bench`; `cargo test` gives `--test` or nothing.
    match (given("--bench") && !given("--test") && !given("--list"), given("--quick")) {
        (false, _) => Called::Nothing,
        (true, false) => Called::Measure(Effort::Full),
        (true, true) => Called::Measure(Effort::Quick),
    }
}

/// The recorded reviews, in the order of their names.
pub fn reviews() -> Vec<Bytes> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/reviews");
    let entries = std::fs::read_dir(folder).expect("the reviews lie beside the tests");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("it is readable").path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("it is readable").into()).collect()
}

// === impl Effort ===

impl Effort {
    /// One number for each effort.
    pub fn pick<T>(self, full: T, quick: T) -> T {
        match self {
            Self::Full => full,
            Self::Quick => quick,
        }
    }
}
