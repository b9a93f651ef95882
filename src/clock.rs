//! The only place that reads a clock. Everything else is told what time it is.
//!
//! What nobody can foresee comes from here as well ([`noise`]). A test may play both
//! ([`Played`]): then a run depends on nothing but its seed.

use std::cell::{Cell, RefCell};
use std::hash::{BuildHasher, DefaultHasher, Hasher, RandomState};
use std::rc::Rc;
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};

/// A map whose order nobody can foresee, and which a test repeats.
pub type HashMap<K, V> = std::collections::HashMap<K, V, Seeded>;

/// As [`HashMap`].
pub type HashSet<T> = std::collections::HashSet<T, Seeded>;

/// The wall clock.
#[expect(clippy::disallowed_methods, reason = "this is the place that may")]
pub fn now() -> Timestamp {
    played(Played::now).unwrap_or_else(Timestamp::now)
}

/// The monotonic clock, for how long something took.
#[expect(clippy::disallowed_methods, reason = "this is the place that may")]
pub fn instant() -> Instant {
    played(Played::instant).unwrap_or_else(Instant::now)
}

/// The monotonic clock of timers, which stands still in a test that pauses it.
pub fn ticks() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

/// A number that nobody can foresee: for what must differ between replicas.
pub fn noise() -> u64 {
    played(Played::noise).unwrap_or_else(|| RandomState::new().hash_one(()))
}

/// A number from 0 to 1 that nobody can foresee.
pub fn fraction() -> f64 {
    let bits = u16::try_from(noise() >> 48).expect("sixteen bits are left");
    f64::from(bits) / f64::from(u16::MAX)
}

/// The clocks and the noise of one machine, as a test plays them on a thread. Time goes as the paused
/// clock of the runtime says in which it is asked.
#[derive(Debug)]
pub struct Played {
    began: tokio::time::Instant,
    /// The wall clock when it began.
    start: Timestamp,
    /// The monotonic clock when it began.
    steady: Instant,
    /// By how much somebody has put the wall clock.
    put: Cell<SignedDuration>,
    /// The state of the noise.
    noise: Cell<u64>,
}

/// Hashes with a seed of its own, so that nobody can make keys that collide.
#[derive(Clone, Debug)]
pub struct Seeded(u64);

// === impl Played ===

impl Played {
    /// Begins now, by the clock of the runtime in which this is called.
    #[expect(clippy::disallowed_methods, reason = "only differences of it are ever looked at")]
    pub fn new(start: Timestamp, seed: u64) -> Self {
        Self {
            began: ticks(),
            start,
            steady: Instant::now(),
            put: Cell::new(SignedDuration::ZERO),
            noise: Cell::new(seed),
        }
    }

    /// Makes it the clock of this thread, until the next call; `None` is the machine's own.
    pub fn on_this_thread(clock: Option<Rc<Self>>) {
        PLAYED.set(clock);
    }

    /// Puts the wall clock: so much ahead of what it would be.
    pub fn put(&self, ahead: SignedDuration) {
        self.put.set(ahead);
    }

    fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.began.elapsed()).unwrap_or(SignedDuration::MAX);
        self.start.saturating_add(passed + self.put.get()).unwrap_or(Timestamp::MAX)
    }

    fn instant(&self) -> Instant {
        self.steady + self.began.elapsed()
    }

    /// `SplitMix64`, of which each output looks like chance.
    fn noise(&self) -> u64 {
        let state = self.noise.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.noise.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

// === impl Seeded ===

impl Default for Seeded {
    fn default() -> Self {
        Self(noise())
    }
}

impl BuildHasher for Seeded {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.0);
        hasher
    }
}

fn played<T>(ask: impl FnOnce(&Played) -> T) -> Option<T> {
    PLAYED.with_borrow(|clock| clock.as_deref().map(ask))
}

thread_local! {
    static PLAYED: RefCell<Option<Rc<Played>>> = const { RefCell::new(None) };
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;
    use std::time::Duration;

    use jiff::SignedDuration;

    use super::{HashSet, Played, instant, noise, now};

    #[tokio::test(start_paused = true)]
    async fn a_played_clock_goes_as_it_is_told() {
        let start = "2026-11-01T00:00:00Z".parse().unwrap();
        let clock = Rc::new(Played::new(start, 7));
        Played::on_this_thread(Some(Rc::clone(&clock)));
        let began = instant();
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(now(), start + SignedDuration::from_secs(5));
        clock.put(SignedDuration::from_secs(-60));
        assert_eq!(now(), start - SignedDuration::from_secs(55));
        assert_eq!(instant() - began, Duration::from_secs(5));
        Played::on_this_thread(None);
        assert!(now() > start + SignedDuration::from_hours(24));
    }

    #[test]
    fn a_seed_decides_about_everything() {
        let run = |seed| {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let start = "2026-11-01T00:00:00Z".parse().unwrap();
            let clock = runtime.block_on(async { Rc::new(Played::new(start, seed)) });
            Played::on_this_thread(Some(clock));
            let order: Vec<u32> = (0..20).collect::<HashSet<u32>>().into_iter().collect();
            let drawn = noise();
            Played::on_this_thread(None);
            (order, drawn)
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1).0, run(2).0);
        assert_ne!(run(1).1, run(2).1);
        assert_ne!(noise(), noise());
    }
}
