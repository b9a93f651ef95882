//! Runs a target: first the corpus as it is, then mutations of it until the time is over.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use curfew::clock;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

use super::mutation::{self, Plan};

/// When a run ends.
enum Until {
    Inputs(u64),
    Time(Duration),
}

/// Gives a target inputs; see [`super`].
#[expect(clippy::print_stderr, reason = "who runs it for long wants the seed and the number")]
pub(crate) fn fuzz(target: &str, check: fn(&[u8])) {
    let corpus = corpus(target);
    for seed in &corpus {
        check(seed);
    }
    let until = match (number("CURFEW_FUZZ_INPUTS"), number("CURFEW_FUZZ_SECONDS")) {
        (Some(inputs), _) => Until::Inputs(inputs),
        (None, seconds) => Until::Time(Duration::from_secs(seconds.unwrap_or(1))),
    };
    let now = u64::try_from(clock::now().as_millisecond()).expect("it is after 1970");
    let seed = number("CURFEW_FUZZ_SEED").unwrap_or(now);
    let began = clock::instant();
    let mut inputs = 0;
    loop {
        let left = match until {
            Until::Inputs(most) => most - inputs,
            Until::Time(longest) if began.elapsed() >= longest => 0,
            Until::Time(_) => BATCH,
        };
        if left == 0 {
            break;
        }
        let cases = left.min(BATCH);
        if let Some((reason, plan)) = batch(&corpus, seed, inputs, cases, check) {
            let file = keep(target, seed, &plan.input(&corpus));
            panic!(
                "{target} with seed {seed}: {reason}\nthe input is in {}: put it into \
                 tests/fuzz/corpus/{target}",
                file.display()
            );
        }
        inputs += cases;
    }
    let took = began.elapsed().as_secs_f64();
    eprintln!("{target}: {inputs} inputs in {took:.1}s, seed {seed}");
}

/// So many inputs, which depend on nothing but the seed and where they stand; the smallest that
/// fails, and why.
fn batch(
    corpus: &[Vec<u8>],
    seed: u64,
    from: u64,
    cases: u64,
    check: fn(&[u8]),
) -> Option<(String, Plan)> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&from.to_le_bytes());
    let config = Config {
        cases: u32::try_from(cases).expect("a batch is small"),
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..Config::default()
    };
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(config, random);
    let result = runner.run(&mutation::plan(), |plan| {
        check(&plan.input(corpus));
        Ok(())
    });
    match result {
        Ok(()) => None,
        Err(TestError::Fail(reason, plan)) => Some((reason.to_string(), plan)),
        Err(TestError::Abort(reason)) => panic!("the run ended: {reason}"),
    }
}

/// The seeds of a target: its own, and fixtures of other tests that are the same kind of thing.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let others: &[&str] = match target {
        "documents" => &["fixtures", "fixtures/field", "exported"],
        "policies" => &["fixtures/broken", "fixtures/odd"],
        "reviews" => &["fixtures/reviews"],
        _ => &[],
    };
    let own = tests.join("fuzz/corpus").join(target);
    let folders = others.iter().map(|folder| tests.join(folder)).chain([own]);
    let mut files: Vec<PathBuf> = folders.flat_map(|folder| entries(&folder)).collect();
    files.sort();
    let seeds = files.iter().map(|file| fs::read(file).expect("a file of the corpus can be read"));
    // The large ones are lists made by a program, and slow to change.
    let seeds: Vec<Vec<u8>> = seeds.filter(|seed| seed.len() <= LARGEST).collect();
    assert!(!seeds.is_empty(), "{target} has no corpus");
    seeds
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let paths = entries.map(|entry| entry.expect("a folder can be read").path());
    paths.filter(|path| path.is_file() && path.extension().is_none_or(|e| e != "rs")).collect()
}

fn keep(target: &str, seed: u64, input: &[u8]) -> PathBuf {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{target}-{seed}"));
    fs::write(&file, input).expect("a file can be written");
    file
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} must be a number, and is {text:?}")))
}

/// So many inputs between two looks at the clock.
const BATCH: u64 = 64;

/// In bytes.
const LARGEST: usize = 8 << 10;
