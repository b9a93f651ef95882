//! How fast to write: as fast as the policy allows and as the API server likes.
//!
//! [`Pace`] is pure: it is told when a write starts and how it ended, and says whether the next
//! one may start. Two bounds hold at once. The *rate* is a ceiling from the policy, a bucket of
//! tokens. *Concurrency* below it adapts: one more for each round of answers that came as quickly
//! as before, half as many where the API server says that it is too much (429, 5xx) or answers
//! ever more slowly. `Retry-After` stops everything until then.
//!
//! Time is an argument: monotonic, since the start of whoever asks.

use std::time::Duration;

/// Says when the next write may start.
#[derive(Clone, Debug)]
pub struct Pace {
    rate: Rate,
    /// How many writes fit into the bucket just now.
    tokens: f64,
    /// When the bucket was last filled.
    filled: Duration,
    /// How many writes may be under way; a fraction grows by a fraction.
    limit: f64,
    in_flight: usize,
    /// Nothing starts before.
    not_before: Duration,
    /// One cut is enough for everything that was sent before it.
    cut: Option<Duration>,
    latency: Latency,
}

/// A ceiling, in writes a second.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rate(u32);

/// What to do about the next write.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NextWrite {
    /// It has started.
    Now,
    /// Not before this moment.
    At(Duration),
    /// When one of those under way has ended.
    AfterAnother,
}

/// How a write ended, as far as the pace is concerned.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Signal {
    /// The API server did what it was asked, or said why not.
    Answered,
    /// 429, 5xx or no answer: it has too much to do.
    Overloaded { retry_after: Option<Duration> },
}

/// Smoothed latency, slow and quick.
#[derive(Clone, Copy, Debug, Default)]
struct Latency {
    /// The quickest that was seen, forgotten slowly.
    floor: Option<f64>,
    recent: Option<f64>,
    samples: u32,
}

// === impl Pace ===

impl Pace {
    /// Starts carefully.
    pub fn new(rate: Rate) -> Self {
        Self {
            rate,
            tokens: rate.burst(),
            filled: Duration::ZERO,
            limit: FIRST_LIMIT,
            in_flight: 0,
            not_before: Duration::ZERO,
            cut: None,
            latency: Latency::default(),
        }
    }

    /// Starts with as many writes at once as most API servers take: for starts of `CronJob`s, which
    /// come all at once after a minute of nothing.
    pub fn wide(rate: Rate) -> Self {
        Self { limit: WIDE_LIMIT, ..Self::new(rate) }
    }

    /// Another policy has come.
    pub fn set_rate(&mut self, rate: Rate, now: Duration) {
        self.fill(now);
        self.rate = rate;
        self.tokens = self.tokens.min(rate.burst());
    }

    /// Asks to start a write.
    pub fn turn(&mut self, now: Duration) -> NextWrite {
        self.fill(now);
        if self.in_flight >= self.concurrency() {
            return NextWrite::AfterAnother;
        }
        if now < self.not_before {
            return NextWrite::At(self.not_before);
        }
        if self.tokens < 1.0 {
            let missing = (1.0 - self.tokens) / self.rate.per_second();
            return NextWrite::At(now + Duration::from_secs_f64(missing).max(SMALLEST_WAIT));
        }
        self.tokens -= 1.0;
        self.in_flight += 1;
        NextWrite::Now
    }

    /// Tells how a write ended that started at `started`.
    pub fn ended(&mut self, signal: Signal, started: Duration, now: Duration) {
        self.in_flight = self.in_flight.saturating_sub(1);
        match signal {
            Signal::Answered => {
                // The rate that lifts every bound is for draining as fast as the server can, and
                // its latency then rises by our own doing.
                let slower = self.latency.observe(now.saturating_sub(started));
                if slower && !self.rate.is_lifted() {
                    self.cut(started, now);
                } else {
                    self.limit = (self.limit + 1.0 / self.limit).min(HIGHEST_LIMIT);
                }
            }
            Signal::Overloaded { retry_after } => {
                self.cut(started, now);
                if let Some(pause) = retry_after {
                    self.not_before = self.not_before.max(now + pause.min(LONGEST_PAUSE));
                }
            }
        }
    }

    /// How many writes may be under way at once.
    pub fn concurrency(&self) -> usize {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 1 and HIGHEST_LIMIT"
        )]
        let limit = self.limit as usize;
        limit
    }

    /// Half as many; once for all that were under way together.
    fn cut(&mut self, started: Duration, now: Duration) {
        if self.cut.is_none_or(|last| started >= last) {
            self.limit = (self.limit / 2.0).max(1.0);
            self.cut = Some(now);
        }
    }

    fn fill(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.filled).as_secs_f64();
        self.tokens = (self.tokens + passed * self.rate.per_second()).min(self.rate.burst());
        self.filled = self.filled.max(now);
    }
}

// === impl Rate ===

impl Rate {
    /// Writes a second; at least one, or nothing would ever be done.
    pub fn new(per_second: u32) -> Self {
        Self(per_second.max(1))
    }

    fn per_second(self) -> f64 {
        f64::from(self.0)
    }

    /// How much may be saved up. A tenth of a second: the rate is to hold over any second.
    fn burst(self) -> f64 {
        (self.per_second() / 10.0).max(1.0)
    }

    /// Whether the policy wants no bound but the API server's word.
    fn is_lifted(self) -> bool {
        self.0 >= LIFTED
    }
}

// === impl Latency ===

impl Latency {
    /// Takes an answer into account; says whether they have become slow.
    fn observe(&mut self, took: Duration) -> bool {
        let took = took.as_secs_f64();
        let recent = self.recent.map_or(took, |recent| recent + (took - recent) * WEIGHT);
        // Forgotten slowly, so that a server which has become slower for good is not fled from.
        let floor = self.floor.map_or(took, |floor| (floor + (took - floor) * FORGET).min(took));
        (self.recent, self.floor) = (Some(recent), Some(floor));
        self.samples = self.samples.saturating_add(1);
        self.samples > SAMPLES && recent > floor * RISE + TOLERANCE
    }
}

/// The rate from which on only the API server's word counts.
pub const LIFTED: u32 = 10_000;

const FIRST_LIMIT: f64 = 4.0;

/// See [`Pace::wide`].
const WIDE_LIMIT: f64 = 32.0;

/// As many connections; the API server's own fairness queues what is more.
const HIGHEST_LIMIT: f64 = 64.0;

const SMALLEST_WAIT: Duration = Duration::from_millis(1);

/// A `Retry-After` beyond this is taken for a mistake: the next answer will tell.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Of one answer in the recent latency.
const WEIGHT: f64 = 0.1;

/// Of one answer in the floor.
const FORGET: f64 = 0.001;

/// So many answers come before a judgement.
const SAMPLES: u32 = 16;

/// Twice as slow as it can be, and by more than noise.
const RISE: f64 = 2.0;

/// Seconds.
const TOLERANCE: f64 = 0.010;

#[cfg(test)]
mod tests;
