//! Work that all processors have a share of: one document is judged whatever becomes of another.
//!
//! The entry point is [`each`].

use std::ops::Range;
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
        let ended = |worker: thread::ScopedJoinHandle<'_, _>| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        started.into_iter().flat_map(ended).collect()
    })
}

/// How many can work at a time.
pub fn workers() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use super::each;

    #[rstest::rstest]
    #[case::none(3..3)]
    #[case::one(0..1)]
    #[case::some(5..7)]
    #[case::many(0..1_000)]
    fn results_are_in_order(#[case] numbers: std::ops::Range<usize>) {
        assert_eq!(each(numbers.clone(), |n| n * 2), numbers.map(|n| n * 2).collect::<Vec<_>>());
    }
}
