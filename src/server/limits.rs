//! How much is let in at once: requests, and bytes of their bodies.
//!
//! Above either bound the answer is 503 at once, without `Retry-After`: with that header the API
//! server would call again, up to ten times within its time-out, and add to the load; without it,
//! it fails open, and the Job is created.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Holds what is in flight.
#[derive(Debug)]
pub(super) struct Gate {
    requests: Bounded,
    bytes: Bounded,
}

/// A request that was let in, and what it holds; gives it back when dropped.
#[derive(Debug)]
pub(super) struct Turn {
    gate: Arc<Gate>,
    bytes: usize,
}

/// A number that does not rise above its bound.
#[derive(Debug)]
struct Bounded {
    now: AtomicUsize,
    most: usize,
}

// === impl Gate ===

impl Gate {
    pub(super) fn new(requests: usize, bytes: usize) -> Self {
        Self { requests: Bounded::new(requests), bytes: Bounded::new(bytes) }
    }

    /// Lets a request in, unless there are as many as may be.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Turn> {
        self.requests.take(1).then(|| Turn { gate: Arc::clone(self), bytes: 0 })
    }
}

// === impl Turn ===

impl Turn {
    /// Takes room for bytes that have arrived; what a client merely announces holds nothing, or
    /// four clients that send no more than headers would use up everything.
    pub(super) fn hold(&mut self, bytes: usize) -> bool {
        let fits = self.gate.bytes.take(bytes);
        if fits {
            self.bytes += bytes;
        }
        fits
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.gate.bytes.give_back(self.bytes);
        self.gate.requests.give_back(1);
    }
}

// === impl Bounded ===

impl Bounded {
    const fn new(most: usize) -> Self {
        Self { now: AtomicUsize::new(0), most }
    }

    fn take(&self, count: usize) -> bool {
        let add = |now: usize| now.checked_add(count).filter(|sum| *sum <= self.most);
        self.now.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).is_ok()
    }

    fn give_back(&self, count: usize) {
        self.now.fetch_sub(count, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_too_many_is_refused_until_one_ends() {
        let gate = Arc::new(Gate::new(2, 0));
        let (one, _two) = (gate.enter().unwrap(), gate.enter().unwrap());
        assert!(gate.enter().is_none());
        drop(one);
        assert!(gate.enter().is_some());
    }

    #[test]
    fn bytes_are_shared_and_given_back() {
        let gate = Arc::new(Gate::new(9, 10));
        let (mut one, mut two) = (gate.enter().unwrap(), gate.enter().unwrap());
        assert!(one.hold(6));
        assert!(!two.hold(5), "would be 11");
        assert!(two.hold(4));
        drop(one);
        assert!(two.hold(6), "what was refused was not taken");
        assert!(!two.hold(usize::MAX), "does not wrap");
    }
}
