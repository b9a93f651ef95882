//! Waiting for a turn, as [`Pace`] gives it.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::clock;
use crate::cluster::pace::{NextWrite, Pace, Rate, Signal};

/// Lets writes through at their pace. Clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    start: Instant,
    pace: Mutex<Pace>,
    /// A write has ended, or the rate is another one.
    changed: Notify,
}

/// A turn to write; given back when it is dropped.
#[derive(Debug)]
pub struct WritePermit {
    gate: Gate,
    started: Duration,
    signal: Signal,
}

// === impl Gate ===

impl Gate {
    /// A gate of a rate.
    pub fn new(rate: Rate) -> Self {
        let pace = Mutex::new(Pace::new(rate));
        Self(Arc::new(Inner { start: clock::ticks(), pace, changed: Notify::new() }))
    }

    /// Another policy has come.
    pub fn set_rate(&self, rate: Rate) {
        self.0.pace.lock().set_rate(rate, self.now());
        self.0.changed.notify_waiters();
    }

    /// How many writes may be under way at once just now.
    #[cfg(test)]
    pub(super) fn concurrency(&self) -> usize {
        self.0.pace.lock().concurrency()
    }

    /// Waits for a turn. Who drops this future has not taken one.
    pub(super) async fn turn(&self) -> WritePermit {
        loop {
            // Made before asking, so that what ends in between is not missed.
            let changed = self.0.changed.notified();
            let now = self.now();
            let turn = self.0.pace.lock().turn(now);
            match turn {
                NextWrite::Now => {
                    let (gate, signal) = (self.clone(), Signal::Answered);
                    return WritePermit { gate, started: now, signal };
                }
                NextWrite::At(at) => {
                    tokio::select! {
                        () = changed => {}
                        () = sleep_until(self.0.start + at) => {}
                    }
                }
                NextWrite::AfterAnother => changed.await,
            }
        }
    }

    fn now(&self) -> Duration {
        clock::ticks().duration_since(self.0.start)
    }
}

// === impl WritePermit ===

impl WritePermit {
    pub(super) fn ended(mut self, signal: Signal) {
        self.signal = signal;
    }
}

impl Drop for WritePermit {
    fn drop(&mut self) {
        let gate = &self.gate;
        gate.0.pace.lock().ended(self.signal, self.started, gate.now());
        gate.0.changed.notify_waiters();
    }
}
