//! Work that all processors have a share of: one document is judged whatever becomes of another.
//!
//! The entry points are [`each`] and [`batches`].

use std::ops::Range;
use std::panic::resume_unwind;
use std::thread;

/// Does the work for each number, and gives the results in their order.
///
/// # Panics
/// Where the work does.
pub fn each<T: Send>(numbers: Range<usize>, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let share = numbers.len().div_ceil(workers()).max(1);
    let work = &work;
    thread::scope(|scope| {
        let start = |from: usize| {
            let numbers = from..numbers.end.min(from + share);
            scope.spawn(move || numbers.map(work).collect::<Vec<T>>())
        };
        let started: Vec<_> = numbers.clone().step_by(share).map(start).collect();
        let results = started.into_iter().map(thread::ScopedJoinHandle::join);
        results.flat_map(|ended| ended.unwrap_or_else(|panic| resume_unwind(panic))).collect()
    })
}

/// Does the work for each number below `count`, some at a time, and hands on the results in their
/// order: all of them together could fill the memory.
///
/// # Errors
/// The first of `take`.
pub fn batches<T: Send, E>(
    count: usize,
    work: impl Fn(usize) -> T + Sync,
    take: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    let batch = BATCH * workers();
    let starts = (0..count).step_by(batch);
    let mut results = starts.flat_map(|start| each(start..count.min(start + batch), &work));
    results.try_for_each(take)
}

/// How many can work at a time.
fn workers() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// For how many numbers one works before the results are handed on.
const BATCH: usize = 512;

#[cfg(test)]
mod tests {
    use super::{batches, each};

    #[test]
    fn batches_are_in_order() {
        let mut seen = Vec::new();
        let mut take = |n| {
            seen.push(n);
            if n < 4_000 { Ok(()) } else { Err(n) }
        };
        assert_eq!(batches(5_000, |n| n, &mut take), Err(4_000));
        assert_eq!(batches(0, |n| n, &mut take), Ok(()));
        assert_eq!(seen, (0..=4_000).collect::<Vec<_>>());
    }

    #[rstest::rstest]
    #[case::none(3..3)]
    #[case::one(0..1)]
    #[case::some(5..7)]
    #[case::many(0..1_000)]
    fn results_are_in_order(#[case] numbers: std::ops::Range<usize>) {
        assert_eq!(each(numbers.clone(), |n| n * 2), numbers.map(|n| n * 2).collect::<Vec<_>>());
    }
}
