//! The only place that reads a clock. Everything else is told what time it is.

use std::time::Instant;

use jiff::Timestamp;

/// The wall clock.
#[expect(clippy::disallowed_methods, reason = "this is the place that may")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// The monotonic clock, for how long something took.
#[expect(clippy::disallowed_methods, reason = "this is the place that may")]
pub fn instant() -> Instant {
    Instant::now()
}

/// The monotonic clock of timers, which stands still in a test that pauses it.
pub fn ticks() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

/// A number that nobody can foresee: for what must differ between replicas.
pub fn noise() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(())
}

/// A number from 0 to 1 that nobody can foresee.
pub fn fraction() -> f64 {
    let bits = u16::try_from(noise() >> 48).expect("sixteen bits are left");
    f64::from(bits) / f64::from(u16::MAX)
}
