//! The fault bed: the controllers of production against a model of the API server, in a time of
//! their own, with more bad luck than a cluster has in years. One seed decides everything.
//!
//! `cargo test --test faultbed` plays some short seeds. More and longer ones, with a table at the end:
//! `CURFEW_SEEDS=1000 cargo test --release --test faultbed many_seeds -- --nocapture`, from
//! `CURFEW_FIRST_SEED` on; `CURFEW_STOP=1` stops at the first that is wrong. One of them, with its history in a file:
//! `CURFEW_SEED=7 CURFEW_HISTORY=seven.txt cargo test --test faultbed one_seed -- --nocapture`
//! (a short one with `CURFEW_QUICK=1`).
//!
//! The model of the API server is held to a real one, request by request, where there is a control plane
//! ([`compared`]): `CURFEW_E2E=require cargo test --test faultbed compared:: -- --nocapture`, with other
//! chance by `CURFEW_SEED=7`, longer by `CURFEW_REQUESTS=100000`.
//!
//! It plays the watches, the sweeper with its brake, the election and the Events, and tenants at work.
//! Not the scheduler, and no scenario changes the labels of a namespace so that the brake holds it.
//! `mutants/run.sh` says whether the bed finds faults that were put in by hand; of the twelve, one was
//! not found in twelve short seeds: surroundings that nobody asks for before a write.
//!
//! A binary of its own: each run takes over the clock of its thread.

#![allow(clippy::print_stdout, reason = "whoever plays many seeds wants to see how far they are")]

#[cfg(not(tokio_unstable))]
compile_error!(
    "the fault bed needs `--cfg tokio_unstable`, which .cargo/config.toml gives; RUSTFLAGS in the \
     environment takes its place, so add it there"
);

pub mod bed;
pub mod compared;
pub mod meaning;
pub mod oracle;
pub mod replica;
pub mod seed;
pub mod server;
#[path = "../support/harness.rs"]
pub mod support;
pub mod tenants;
pub mod time;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread;

use self::bed::{Length, Summary};

/// What ten logs were when they were looked at last.
const HASHES: &str = include_str!("hashes.txt");

#[test]
fn ten_short_seeds_hold_and_give_the_logs_that_they_gave() {
    let played = Mutex::new(BTreeMap::new());
    let wrong = play(1..=10, Length::QUICK, |seed, summary| {
        played.lock().expect("nobody panics").insert(seed, summary.hash);
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let played = played.into_inner().expect("nobody panics");
    let hashes: Vec<String> =
        played.iter().map(|(seed, hash)| format!("{seed} {hash}\n")).collect();
    let hashes = hashes.concat();
    if std::env::var("CURFEW_BLESS").is_ok() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faultbed/hashes.txt");
        return std::fs::write(path, hashes).expect("a file for the hashes");
    }
    assert_eq!(
        hashes, HASHES,
        "the same seeds give other logs: what is decided, written or asked for is another, or \
         comes in another order; where that is meant, CURFEW_BLESS=1 takes it down"
    );
}

#[test]
fn one_seed_gives_one_log() {
    let [one, other] =
        [(); 2].map(|()| bed::run(11, Length::QUICK).unwrap_or_else(|why| panic!("{why}")));
    let differs = one.history.iter().zip(&other.history).find(|(one, other)| one != other);
    assert_eq!(differs, None);
    assert_eq!(one.hash, other.hash);
}

#[test]
fn one_seed() {
    let Some(seed) = number("CURFEW_SEED") else { return };
    if let Ok(filter) = std::env::var("CURFEW_LOG") {
        // What the code of production says, beside what the server saw.
        let filter = tracing_subscriber::EnvFilter::new(filter);
        tracing_subscriber::fmt().with_env_filter(filter).without_time().init();
    }
    let summary = bed::run(seed, length()).unwrap_or_else(|why| panic!("{why}"));
    if let Ok(file) = std::env::var("CURFEW_HISTORY") {
        std::fs::write(file, summary.history.join("\n")).expect("a file for the history");
    }
    println!("{} {:?} {:?}", summary.hash, summary.counts, summary.struck);
}

#[test]
fn many_seeds() {
    let Some(seeds) = number("CURFEW_SEEDS") else { return };
    let first = number("CURFEW_FIRST_SEED").unwrap_or(1);
    let total = Mutex::new(Total::default());
    let wrong = play(first..first + seeds, length(), |_, summary| {
        let mut total = total.lock().expect("nobody panics");
        total.add(&summary);
        if total.seeds % 10 == 0 {
            println!("{} of {seeds} seeds, {} deletions", total.seeds, total.deletions);
        }
    });
    println!("{}", total.into_inner().expect("nobody panics").table());
    assert!(wrong.is_empty(), "{} seeds are wrong\n{}", wrong.len(), wrong.join("\n"));
}

fn length() -> Length {
    if number("CURFEW_QUICK").is_some() { Length::QUICK } else { Length::LONG }
}

/// Plays seeds on all processors; gives what is wrong.
fn play(
    seeds: impl Iterator<Item = u64> + Send,
    length: Length,
    done: impl Fn(u64, Summary) + Sync,
) -> Vec<String> {
    let (seeds, wrong) = (Mutex::new(seeds), Mutex::new(Vec::<String>::new()));
    let stops = std::env::var("CURFEW_STOP").is_ok();
    let next = || {
        let is_over = stops && !wrong.lock().expect("nobody panics").is_empty();
        if is_over { None } else { seeds.lock().expect("nobody panics").next() }
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(seed) = next() {
                    match bed::run(seed, length) {
                        Ok(summary) => done(seed, summary),
                        Err(why) => {
                            println!("seed {seed} is wrong");
                            wrong.lock().expect("nobody panics").push(why);
                        }
                    }
                }
            });
        }
    });
    wrong.into_inner().expect("nobody panics")
}

/// What many runs came to.
#[derive(Default)]
struct Total {
    seeds: u64,
    deletions: u64,
    near_faults: u64,
    pruned: u64,
    patches: u64,
    after_pause: u64,
    struck: BTreeMap<&'static str, u64>,
}

// === impl Total ===

impl Total {
    fn add(&mut self, summary: &Summary) {
        self.seeds += 1;
        self.deletions += summary.counts.deletions;
        self.near_faults += summary.counts.near_faults;
        self.pruned += summary.counts.pruned;
        self.patches += summary.counts.patches;
        self.after_pause += summary.counts.after_pause;
        for (fault, times) in &summary.struck {
            *self.struck.entry(fault).or_default() += times;
        }
    }

    fn table(&self) -> String {
        let Self { seeds, deletions, near_faults, pruned, patches, after_pause, struck } = self;
        let faults: Vec<String> =
            struck.iter().map(|(fault, times)| format!("| {fault} | {times} |\n")).collect();
        let faults = faults.concat();
        format!(
            "{seeds} seeds: {deletions} deletions, {near_faults} of them within a minute after a fault, \
             {pruned} by limits.history.max; {patches} patches; {after_pause} writes that were begun \
             before a pause\n\n| fault | times |\n|---|---|\n{faults}"
        )
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}
