//! What time it is for the API server.
//!
//! TTLs run on the API server's clock and are judged on ours. Every answer carries a `Date`, so
//! every answer bounds how far ours is off: the server wrote it between our sending and our
//! receiving. [`Offset`] intersects the bounds and is pure; [`ServerClock`] is fed by a layer of
//! the client ([`Layer`]) and asked by whoever needs the time.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use http::{HeaderMap, Request, Response, header};
use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tower::Service;

use crate::clock;

/// What is known of the difference between the two clocks, server minus ours.
#[derive(Clone, Debug, Default)]
pub struct Offset {
    recent: VecDeque<Bound>,
}

/// One answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sample {
    /// Our clock before the request was sent.
    pub sent: Timestamp,
    /// Our clock when the head of the answer was there.
    pub received: Timestamp,
    /// The answer's `Date`: whole seconds, cut off and not rounded.
    pub date: Timestamp,
}

/// How far to trust our clock.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Trust {
    #[default]
    Fine,
    /// More than [`WARN`] off: said in the log, and corrected.
    Doubtful,
    /// More than [`REFUSE`] off: nothing is deleted until it falls.
    Refused,
}

/// The difference lies between the two, both included.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Bound {
    low: SignedDuration,
    high: SignedDuration,
}

/// The API server's time, as well as it is known. Clones share what they know.
#[derive(Clone, Debug, Default)]
pub struct ServerClock(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    offset: Offset,
    /// See [`ServerClock::shifted`].
    shift: Option<SignedDuration>,
    said: Trust,
    /// Both of our clocks at the last answer: if they part, somebody has put one of them.
    anchor: Option<(Instant, Timestamp)>,
}

/// The layer that reads the `Date` of every answer.
#[derive(Clone, Debug, Default)]
pub struct Layer(pub ServerClock);

/// See [`Layer`].
#[derive(Clone, Debug)]
pub struct Observed<S> {
    inner: S,
    clock: ServerClock,
}

// === impl Offset ===

impl Offset {
    /// Takes an answer into account.
    pub fn observe(&mut self, sample: Sample) {
        let Sample { sent, received, date } = sample;
        let low = date.duration_since(received);
        let high = date.duration_since(sent) + SignedDuration::from_secs(1);
        // Our clock was put back while we waited: the answer bounds nothing.
        if low > high {
            return;
        }
        self.recent.push_back(Bound { low, high });
        if self.recent.len() > KEPT {
            self.recent.pop_front();
        }
        // What no longer goes together was measured before one of the clocks was put right. The
        // newest counts.
        while self.intersection().is_none() {
            self.recent.pop_front();
        }
    }

    /// What to add to our clock: nothing where the answers allow that, else as little as they do.
    pub fn correction(&self) -> SignedDuration {
        match self.intersection() {
            Some(Bound { low, .. }) if low.is_positive() => low,
            Some(Bound { high, .. }) if high.is_negative() => high,
            _ => SignedDuration::ZERO,
        }
    }

    /// How far to trust our clock.
    pub fn trust(&self) -> Trust {
        match self.correction().abs() {
            off if off > REFUSE => Trust::Refused,
            off if off > WARN => Trust::Doubtful,
            _ => Trust::Fine,
        }
    }

    /// `None` where the bounds contradict each other; without any, everything is possible.
    fn intersection(&self) -> Option<Bound> {
        let widest = Bound { low: SignedDuration::MIN, high: SignedDuration::MAX };
        let both = self.recent.iter().fold(widest, |both, one| Bound {
            low: both.low.max(one.low),
            high: both.high.min(one.high),
        });
        (both.low <= both.high).then_some(both)
    }
}

// === impl ServerClock ===

impl ServerClock {
    /// A clock that differs from ours by so much, whatever the API server says: to play another
    /// time than the present.
    pub fn shifted(by: SignedDuration) -> Self {
        let clock = Self::default();
        clock.shift(by);
        clock
    }

    /// The same from now on, for all clones.
    pub fn shift(&self, by: SignedDuration) {
        self.0.lock().shift = Some(by);
    }

    /// The time on the API server's clock.
    pub fn now(&self) -> Timestamp {
        let correction = self.correction();
        let now = clock::now();
        now.checked_add(correction).unwrap_or(now)
    }

    /// What is added to our clock.
    pub fn correction(&self) -> SignedDuration {
        let known = self.0.lock();
        known.shift.unwrap_or_else(|| known.offset.correction())
    }

    /// How far to trust our clock. A clock that was put since the last answer is not trusted until
    /// the next one says how far it is off.
    pub fn trust(&self) -> Trust {
        if self.has_jumped() { Trust::Refused } else { self.0.lock().offset.trust() }
    }

    /// Whether our clock was put since the last answer: then nobody knows how far it is off.
    pub fn has_jumped(&self) -> bool {
        self.0.lock().anchor.is_some_and(|anchor| has_jumped(anchor, now_of_both()))
    }

    /// Takes an answer into account, and says where that changes the trust.
    pub fn observe(&self, sample: Sample) {
        let mut known = self.0.lock();
        known.offset.observe(sample);
        known.anchor = Some(now_of_both());
        let (before, trust) = (known.said, known.offset.trust());
        known.said = trust;
        let offset = known.offset.correction();
        drop(known);
        if trust == before {
            return;
        }
        match trust {
            Trust::Fine => tracing::info!("this clock agrees with the API server's again"),
            Trust::Doubtful => {
                tracing::warn!(%offset, "this clock differs from the API server's, and is corrected");
            }
            Trust::Refused => tracing::error!(
                %offset,
                "this clock differs too much from the API server's: nothing is deleted until it is put right"
            ),
        }
    }
}

/// Our two clocks at this moment.
fn now_of_both() -> (Instant, Timestamp) {
    (clock::instant(), clock::now())
}

/// Whether the wall clock went another way than the monotonic one.
fn has_jumped(before: (Instant, Timestamp), now: (Instant, Timestamp)) -> bool {
    let steady = now.0.saturating_duration_since(before.0);
    let steady = SignedDuration::try_from(steady).unwrap_or(SignedDuration::MAX);
    (now.1.duration_since(before.1) - steady).abs() > JUMP
}

/// The `Date` of an answer; `None` where it is absent or no date.
pub fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get(header::DATE)?.to_str().ok()?;
    rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

// === impl Layer ===

impl<S> tower::Layer<S> for Layer {
    type Service = Observed<S>;

    fn layer(&self, inner: S) -> Observed<S> {
        Observed { inner, clock: self.0.clone() }
    }
}

impl<S, A, B> Service<Request<A>> for Observed<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    S::Future: Send + 'static,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<B>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let sent = now_of_both();
        let answer = self.inner.call(request);
        let clock = self.clock.clone();
        Box::pin(async move {
            let answer = answer.await?;
            // Where our clock was put while we waited, the answer bounds nothing.
            let received = now_of_both();
            if let Some(date) = date(answer.headers())
                && !has_jumped(sent, received)
            {
                clock.observe(Sample { sent: sent.1, received: received.1, date });
            }
            Ok(answer)
        })
    }
}

/// Above this a log line says so.
pub const WARN: SignedDuration = SignedDuration::from_secs(5);

/// What two clocks of one machine may part between two answers: more than an adjustment by NTP
/// makes of a few seconds.
const JUMP: SignedDuration = SignedDuration::from_secs(2);

/// Above this nothing is deleted.
pub const REFUSE: SignedDuration = SignedDuration::from_secs(30);

/// How many answers are remembered. Enough that one of them was quick and came at the right moment
/// of a second, few enough that clocks which drift apart are not held against each other.
const KEPT: usize = 64;

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::rc::Rc;

    use http::{HeaderMap, HeaderValue, Request, Response, header};
    use jiff::{SignedDuration, Timestamp};
    use proptest::prelude::*;
    use rstest::rstest;
    use tower::{Layer as _, Service as _};

    use super::{Layer, Offset, Sample, ServerClock, Trust, date};
    use crate::clock::Played;

    /// An answer that took `took` ms, as a server sends it whose clock is `ahead` ms ahead.
    fn sample(at: i64, ahead: i64, took: i64) -> Sample {
        let millisecond = |ms| Timestamp::from_millisecond(ms).unwrap();
        let written = at + took / 2 + ahead;
        Sample {
            sent: millisecond(at),
            received: millisecond(at + took),
            date: Timestamp::from_second(written.div_euclid(1000)).unwrap(),
        }
    }

    fn after(samples: impl IntoIterator<Item = Sample>) -> Offset {
        let mut offset = Offset::default();
        samples.into_iter().for_each(|sample| offset.observe(sample));
        offset
    }

    const START: i64 = 1_800_000_000_000;

    #[rstest]
    #[case::equal(0, Trust::Fine)]
    #[case::within_a_second(900, Trust::Fine)]
    #[case::ahead(7_000, Trust::Doubtful)]
    #[case::behind(-7_000, Trust::Doubtful)]
    #[case::an_hour_ahead(3_600_000, Trust::Refused)]
    #[case::an_hour_behind(-3_600_000, Trust::Refused)]
    fn trust_falls_with_the_difference(#[case] ahead: i64, #[case] trust: Trust) {
        let offset = after((0..20).map(|i| sample(START + i * 2_130, ahead, 4)));
        assert_eq!(offset.trust(), trust);
    }

    #[test]
    fn a_difference_that_can_be_none_is_not_corrected() {
        let offset = after((0..50).map(|i| sample(START + i * 330, 0, 20)));
        assert_eq!(offset.correction(), SignedDuration::ZERO);
    }

    #[test]
    fn nothing_is_known_without_an_answer() {
        assert_eq!(Offset::default().correction(), SignedDuration::ZERO);
        assert_eq!(Offset::default().trust(), Trust::Fine);
    }

    #[rstest]
    #[case::forward(3_600_000)]
    #[case::back(-3_600_000)]
    fn one_answer_is_enough_after_a_jump(#[case] jump: i64) {
        let mut offset = after((0..64).map(|i| sample(START + i * 500, 0, 10)));
        offset.observe(sample(START + 40_000 + jump, -jump, 10));
        assert_eq!(offset.trust(), Trust::Refused);
        offset.observe(sample(START + 41_000, 0, 10));
        assert_eq!(offset.trust(), Trust::Fine);
    }

    #[test]
    fn an_answer_during_which_the_clock_was_put_back_bounds_nothing() {
        let mut offset = after([sample(START, 0, 10)]);
        let mut jumped = sample(START + 1000, 0, 10);
        jumped.received = Timestamp::from_millisecond(START - 60_000).unwrap();
        offset.observe(jumped);
        assert_eq!(offset.correction(), SignedDuration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_put_while_we_wait_for_an_answer_is_not_trusted() {
        let start = "2026-11-01T06:00:00Z".parse().unwrap();
        let played = Rc::new(Played::new(start, 1));
        Played::on_this_thread(Some(Rc::clone(&played)));
        let answer = |_: Request<()>| async {
            let dated = Response::builder().header(header::DATE, "Sun, 01 Nov 2026 06:00:00 GMT");
            Ok::<_, Infallible>(dated.body(()).unwrap())
        };
        let clock = ServerClock::default();
        let mut service = Layer(clock.clone()).layer(tower::service_fn(answer));
        service.call(Request::new(())).await.unwrap();
        let waiting = service.call(Request::new(()));
        played.put(SignedDuration::from_secs(20));
        waiting.await.unwrap();
        assert_eq!(clock.trust(), Trust::Refused);
        service.call(Request::new(())).await.unwrap();
        assert_eq!(clock.trust(), Trust::Doubtful);
        assert_eq!(clock.correction(), SignedDuration::from_secs(-19));
        Played::on_this_thread(None);
    }

    #[rstest]
    #[case::as_go_writes_it("Sat, 21 Nov 2026 19:20:31 GMT", true)]
    #[case::iso("2026-11-21T19:20:31Z", false)]
    #[case::empty("", false)]
    #[case::not_text("\u{00ff}", false)]
    fn a_date_is_read_or_ignored(#[case] text: &str, #[case] read: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(header::DATE, HeaderValue::from_bytes(text.as_bytes()).unwrap());
        assert_eq!(date(&headers).is_some(), read);
        assert_eq!(date(&HeaderMap::new()), None);
    }

    proptest! {
        /// Whatever the delays, the correction never goes past the true difference, and the rest
        /// is never more than the slowest answer and a second.
        #[test]
        fn a_correction_never_overshoots(
            ahead in -100_000_i64..100_000,
            delays in proptest::collection::vec((1_i64..5_000, 0_i64..3_000), 1..80),
        ) {
            let mut at = START;
            let samples = delays.iter().map(|(pause, took)| {
                at += pause + took;
                sample(at, ahead, *took)
            });
            let correction = after(samples).correction().as_millis();
            let ahead = i128::from(ahead);
            prop_assert!(correction.abs() <= ahead.abs());
            prop_assert!(correction == 0 || correction.signum() == ahead.signum());
            prop_assert!((ahead - correction).abs() <= 1_000 + 3_000);
        }
    }

    #[rstest]
    #[case::together(10, 10, false)]
    #[case::slewed(10, 11, false)]
    #[case::put_forward(10, 3610, true)]
    #[case::put_back(10, -3590, true)]
    #[case::suspended(0, 600, true)]
    fn a_clock_that_was_put_shows(#[case] steady: u64, #[case] wall: i64, #[case] jumped: bool) {
        let (instant, timestamp) = super::now_of_both();
        let later = (
            instant + std::time::Duration::from_secs(steady),
            timestamp + SignedDuration::from_secs(wall),
        );
        assert_eq!(super::has_jumped((instant, timestamp), later), jumped);
    }
}
