//! From a run that fails to the shortest list of events that still fails.

use std::sync::Arc;

use crate::bed::{Failure, Play};
use crate::time::SECOND;

/// What came of shrinking.
#[derive(Debug)]
pub struct Shrunk {
    pub failure: Failure,
    /// How many runs it took.
    pub runs: u64,
}

/// Leaves out ever smaller pieces of the events of a run, as long as the same thing is still wrong,
/// until no single event can be left out, or so many runs were made.
pub fn shrink(play: &Play<'_>, failure: Failure, most: u64) -> Shrunk {
    let mut shrunk = Shrunk { failure, runs: 0 };
    let mut size = shrunk.failure.events.len();
    loop {
        let mut is_shorter = false;
        let mut from = 0;
        while from < shrunk.failure.events.len() && shrunk.runs < most {
            let Failure { events, at, .. } = &shrunk.failure;
            let to = (from + size).min(events.len());
            let rest = events[..from].iter().chain(&events[to..]);
            let only = rest.map(|event| event.name.clone()).collect();
            // What is wrong later is something else.
            let until = *at + 30 * SECOND;
            let shorter = Play { only: Some(Arc::new(only)), until, ..play.clone() };
            shrunk.runs += 1;
            match shorter.run() {
                Err(failure) if failure.is_like(&shrunk.failure) => {
                    shrunk.failure = failure;
                    is_shorter = true;
                }
                _ => from = to,
            }
        }
        if shrunk.runs == most || size <= 1 && !is_shorter {
            return shrunk;
        }
        size = size.div_ceil(2).max(1);
    }
}
