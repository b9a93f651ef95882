//! The fault bed: the controllers of production against a model of the API server, in a time of
//! their own, with more bad luck than a cluster has in years. One seed decides everything.
//!
//! `cargo test --test faultbed` plays some short seeds. More and longer ones, with a table at the end:
//! `CURFEW_SEEDS=1000 cargo test --release --test faultbed many_seeds -- --nocapture`, from
//! `CURFEW_FIRST_SEED` on; `CURFEW_SECONDS=600` in place of a number plays for so long, and
//! `CURFEW_STOP=1` stops at the first that is wrong. One of them, with its history in a file:
//! `CURFEW_SEED=7 CURFEW_HISTORY=seven.txt cargo test --test faultbed one_seed -- --nocapture`
//! (a short one with `CURFEW_QUICK=1`). Where that is wrong, it leaves out ever more of what happened
//! ([`shrink`], `CURFEW_SHRINK` runs at most, 0 for none), says what is left that it still needs, and how
//! to see that again (`CURFEW_ONLY`, with the names of the events).
//!
//! The model of the API server is held to a real one, request by request, where there is a control plane
//! ([`compared`]): `CURFEW_E2E=require cargo test --test faultbed compared:: -- --nocapture`, with other
//! chance by `CURFEW_SEED=7`, longer by `CURFEW_REQUESTS=100000`.
//!
//! It plays the watches, the sweeper with its brake, the election and the Events, and tenants at work.
//! The scheduler only looks: no scenario lets it start anything.
//! `mutants/run.sh` says whether the bed finds faults that were put in by hand. One it does not find: a
//! failure that is counted twice makes an object wait longer than need be, and no promise says how long
//! that may be.
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
pub mod events;
pub mod meaning;
pub mod oracle;
pub mod replica;
pub mod seed;
pub mod server;
pub mod shrink;
#[path = "../support/harness.rs"]
pub mod support;
pub mod tenants;
pub mod time;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use self::bed::{Failure, Length, Play, Summary};
use self::events::Event;
use self::server::Server;
use self::shrink::{Shrunk, shrink};

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
    let names = std::env::var("CURFEW_ONLY").ok();
    let only = names.map(|names| Arc::new(names.split(',').map(str::to_owned).collect()));
    let play = Play { only, ..Play::new(seed, length()) };
    let played = play.run();
    if let Ok(file) = std::env::var("CURFEW_HISTORY") {
        let history = match &played {
            Ok(Summary { history, .. }) | Err(Failure { history, .. }) => history,
        };
        std::fs::write(file, history.join("\n")).expect("a file for the history");
    }
    match played {
        Ok(Summary { hash, counts, struck, .. }) => println!("{hash} {counts:?} {struck:?}"),
        Err(failure) if play.only.is_some() => panic!("{failure}"),
        Err(failure) => {
            let of = failure.events.len();
            println!("seed {seed} is wrong after {of} events: {}", failure.violation);
            let Shrunk { failure, runs } =
                shrink(&play, failure, number("CURFEW_SHRINK").unwrap_or(1_000));
            panic!("{failure}\n{} of {of} events are left after {runs} runs", failure.events.len());
        }
    }
}

#[test]
fn leaving_nothing_out_changes_nothing() {
    let play = Play::new(12, Length::QUICK);
    let all = play.run().unwrap_or_else(|why| panic!("{why}"));
    let only = all.events.iter().map(|event| event.name.clone()).collect();
    let again = Play { only: Some(Arc::new(only)), ..play }.run();
    assert_eq!(again.unwrap_or_else(|why| panic!("{why}")).hash, all.hash);
}

#[test]
fn a_failure_that_needs_two_events_shrinks_to_these() {
    let words = |what: &str, event: &Event| event.words.contains(what);
    let has = |server: &Server, what| server.events.happened.iter().any(|event| words(what, event));
    let wrong = |server: &Server| {
        let both = has(server, "a hold is placed") && has(server, "lost answer");
        both.then(|| "a hold and a lost answer".to_owned())
    };
    let play = Play { wrong: &wrong, ..Play::new(2, Length::QUICK) };
    let failure = play.run().expect_err("both occur");
    assert!(failure.events.len() > 20, "{failure}");
    let Shrunk { failure, .. } = shrink(&play, failure, 200);
    // A hold needs a Job.
    let needed = ["a Job is made", "a hold is placed", "lost answer"];
    let has = |what: &&str| failure.events.iter().any(|event| words(what, event));
    assert!(failure.events.len() == needed.len() && needed.iter().all(has), "{failure}");
}

#[test]
fn a_failure_that_needs_one_job_shrinks_to_it() {
    let deleted = |server: &Server| {
        let is_answer =
            |line: &String| line.contains(": delete job apps/") && line.ends_with("200");
        server.history.iter().any(is_answer).then(|| "a Job of apps is deleted".to_owned())
    };
    let play = Play { wrong: &deleted, ..Play::new(1, Length::QUICK) };
    let failure = play.run().expect_err("there are some");
    let Shrunk { failure, .. } = shrink(&play, failure, 200);
    let [Event { words, .. }] = &failure.events[..] else { panic!("{failure}") };
    assert!(words.contains("a Job is made: job apps/"), "{failure}");
    let only = failure.events.iter().map(|event| event.name.clone()).collect();
    let again = Play { only: Some(Arc::new(only)), ..play }.run().expect_err("as before");
    assert_eq!(again.history, failure.history);
}

#[test]
fn many_seeds() {
    let (seeds, seconds) = (number("CURFEW_SEEDS"), number("CURFEW_SECONDS"));
    if seeds.or(seconds).is_none() {
        return;
    }
    let first = number("CURFEW_FIRST_SEED").unwrap_or(1);
    #[expect(clippy::disallowed_methods, reason = "of this machine, and not of a run")]
    let began = Instant::now();
    let in_time = |_: &u64| seconds.is_none_or(|seconds| began.elapsed().as_secs() < seconds);
    let asked =
        (first..).take(seeds.map_or(usize::MAX, |seeds| seeds.try_into().expect("a number")));
    let total = Mutex::new(Total::default());
    let wrong = play(asked.take_while(in_time), length(), |_, summary| {
        let mut total = total.lock().expect("nobody panics");
        total.add(&summary);
        if total.seeds % 10 == 0 {
            println!("{} seeds, {} deletions", total.seeds, total.deletions);
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
                            wrong.lock().expect("nobody panics").push(why.to_string());
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
    settled_after: u64,
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
        self.settled_after = self.settled_after.max(summary.counts.settled_after);
        for (fault, times) in &summary.struck {
            *self.struck.entry(fault).or_default() += times;
        }
    }

    fn table(&self) -> String {
        let Self {
            seeds,
            deletions,
            near_faults,
            pruned,
            patches,
            after_pause,
            settled_after,
            struck,
        } = self;
        let faults: Vec<String> =
            struck.iter().map(|(fault, times)| format!("| {fault} | {times} |\n")).collect();
        let faults = faults.concat();
        format!(
            "{seeds} seeds: {deletions} deletions, {near_faults} of them within a minute after a fault, \
             {pruned} by limits.history.max; {patches} patches; {after_pause} writes that were begun \
             before a pause; what was due when faults stopped was gone after {} s at most\n\n| fault | times |\n|---|---|\n{faults}",
            settled_after / 1_000
        )
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}
