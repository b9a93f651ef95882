//! What a connection is doing, and what is to become of it: decided here, done in `connection`.
//!
//! hyper has a time-out for reading headers, but it starts as soon as the answer before is out,
//! and so cuts idle connections after five seconds; the API server keeps its own for ninety, and
//! loses the call that it sends into one at that moment. So the time-outs are ours: a clock for
//! headers that starts with their first byte, and another for idleness.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::{Phase, Settings};

/// Holds what the parts of one connection tell each other; they share one task under HTTP/1.1,
/// and several under HTTP/2.
#[derive(Debug)]
pub(super) struct Activity {
    opened: Instant,
    protocol: Protocol,
    /// How long it may live.
    age: Duration,
    /// Since when it is in its present state, in microseconds after `opened`.
    since: AtomicU64,
    /// Some bytes of a request have come, and its headers are not complete.
    in_head: AtomicBool,
    /// Requests that have begun and are not answered.
    in_flight: AtomicUsize,
    /// Whether there was a request at all.
    used: AtomicBool,
}

/// What a connection speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// What is to become of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Next {
    /// Close once what is in flight is answered: no call is lost.
    Close,
    /// Cut: the client took too long.
    Cut(Late),
    /// Nothing, but ask again at this time.
    Wait(Instant),
}

/// What took too long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Late {
    Head,
    Idle,
}

/// A request in flight; ends when dropped, whatever becomes of it.
pub(super) struct InFlight<'a> {
    activity: &'a Activity,
    now: fn() -> Instant,
}

// === impl Activity ===

impl Activity {
    /// A connection that has just been opened.
    pub(super) fn new(protocol: Protocol, age: Duration, now: Instant) -> Self {
        Self {
            opened: now,
            protocol,
            age,
            since: AtomicU64::new(0),
            in_head: AtomicBool::new(false),
            in_flight: AtomicUsize::new(0),
            used: AtomicBool::new(false),
        }
    }

    /// Bytes have come. Under HTTP/2 they may be anything, a ping among others, and say nothing
    /// about headers; there, a client that dawdles is idle.
    pub(super) fn bytes_read(&self, now: Instant) {
        if self.protocol == Protocol::Http1
            && self.in_flight.load(Ordering::Relaxed) == 0
            && !self.in_head.swap(true, Ordering::Relaxed)
        {
            self.enter(now);
        }
    }

    /// The headers of a request are complete.
    pub(super) fn begin(&self, now: fn() -> Instant) -> InFlight<'_> {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.in_head.store(false, Ordering::Relaxed);
        self.used.store(true, Ordering::Relaxed);
        InFlight { activity: self, now }
    }

    /// Whether the answer about to be sent is to be the last on this connection. Only HTTP/1.1
    /// says so in an answer, and only so a client knows before it sends its next request.
    pub(super) fn says_close(&self, phase: Phase, now: Instant) -> bool {
        self.protocol == Protocol::Http1 && (phase >= Phase::Draining || self.is_old(now))
    }

    /// What is to become of the connection. `stopping` is when [`Phase::Stopping`] began;
    /// `closing`, whether it was told to close before.
    pub(super) fn next(
        &self,
        phase: Phase,
        stopping: Option<Instant>,
        closing: bool,
        settings: &Settings,
        now: Instant,
    ) -> Next {
        let used = self.used.load(Ordering::Relaxed);
        let busy = self.in_flight.load(Ordering::Relaxed) > 0;
        let since = self.opened + Duration::from_micros(self.since.load(Ordering::Relaxed));
        let mut wait = None;
        if !busy {
            let (late, limit) = if self.in_head.load(Ordering::Relaxed) {
                (Late::Head, settings.header_timeout)
            } else {
                (Late::Idle, settings.idle_timeout)
            };
            if now >= since + limit {
                return Next::Cut(late);
            }
            wait = Some(since + limit);
        }
        if !closing {
            // GOAWAY lets every stream that the client has opened finish. But to a client that has
            // just connected it would only say: connect again. HTTP/1.1 is told in an answer.
            if self.protocol == Protocol::Http2 {
                if phase >= Phase::Draining && used || self.is_old(now) {
                    return Next::Close;
                }
                wait = Some(earlier(wait, self.opened + self.age));
            }
            // Whoever has not been told by now, since nothing was asked: a request may be on its
            // way.
            if let Some(stopping) = stopping {
                let until = stopping + settings.last_request_timeout;
                if now >= until {
                    return Next::Close;
                }
                wait = Some(earlier(wait, until));
            }
        }
        // With requests in flight and nothing to close there is nothing to wait for: their own
        // limits end them, and the end is an event.
        Next::Wait(wait.unwrap_or(now + settings.idle_timeout))
    }

    fn is_old(&self, now: Instant) -> bool {
        now >= self.opened + self.age
    }

    fn enter(&self, now: Instant) {
        let since = now.saturating_duration_since(self.opened).as_micros();
        self.since.store(u64::try_from(since).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.activity.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.activity.enter((self.now)());
    }
}

fn earlier(one: Option<Instant>, other: Instant) -> Instant {
    one.map_or(other, |one| one.min(other))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::clock;

    /// What happened to a connection, in seconds after it was opened.
    #[derive(Clone, Copy)]
    enum Event {
        Bytes(u64),
        Begin,
        End,
    }
    use Event::{Begin, Bytes, End};
    use Phase::{Draining, Serving, Stopping};
    use Protocol::{Http1, Http2};

    const CUT_HEAD: &str = "Cut(Head)";
    const CUT_IDLE: &str = "Cut(Idle)";
    const CLOSE: &str = "Close";

    #[rstest]
    #[case::fresh(Http1, &[], Serving, 0, "150")]
    #[case::fresh_and_silent_is_idle_not_late(Http1, &[], Serving, 6, "150")]
    #[case::first_byte_starts_the_clock(Http1, &[Bytes(10)], Serving, 11, "15")]
    #[case::more_bytes_do_not_restart_it(Http1, &[Bytes(10), Bytes(14)], Serving, 15, CUT_HEAD)]
    #[case::in_a_body_no_clock_runs(Http1, &[Bytes(1), Begin, Bytes(2)], Serving, 50, "200")]
    #[case::idle_after_an_answer(Http1, &[Bytes(1), Begin, End], Serving, 149, "150")]
    #[case::idle_for_too_long(Http1, &[Bytes(1), Begin, End], Serving, 150, CUT_IDLE)]
    #[case::old_http1_waits_to_be_asked(Http1, &[], Serving, 149, "150")]
    #[case::pings_are_not_headers(Http2, &[Bytes(10)], Serving, 60, "100")]
    #[case::old_http2_goes_away(Http2, &[Begin], Serving, 100, CLOSE)]
    #[case::draining_leaves_http1_open(Http1, &[Begin, End], Draining, 60, "150")]
    #[case::draining_sends_used_http2_away(Http2, &[Begin, End], Draining, 60, CLOSE)]
    #[case::draining_sends_busy_http2_away(Http2, &[Begin], Draining, 60, CLOSE)]
    #[case::draining_leaves_new_http2(Http2, &[], Draining, 60, "100")]
    #[case::stopping_waits_for_a_first_request(Http1, &[], Stopping, 60, "61")]
    #[case::stopping_waits_for_another_request(Http1, &[Begin, End], Stopping, 60, "61")]
    #[case::stopping_does_not_wait_for_long(Http1, &[Begin, End], Stopping, 61, CLOSE)]
    #[case::stopping_sends_used_http2_away(Http2, &[Begin, End], Stopping, 60, CLOSE)]
    #[case::stopping_waits_for_new_http2(Http2, &[], Stopping, 60, "61")]
    fn what_becomes_of_it(
        #[case] protocol: Protocol,
        #[case] events: &[Event],
        #[case] phase: Phase,
        #[case] at: u64,
        #[case] expected: &str,
    ) {
        let settings = Settings::default();
        let opened = clock::instant();
        let second = |second| opened + Duration::from_secs(second);
        let activity = Activity::new(protocol, Duration::from_secs(100), opened);
        let mut in_flight = Vec::new();
        for event in events {
            match *event {
                Bytes(at) => activity.bytes_read(second(at)),
                Begin => in_flight.push(activity.begin(clock::instant)),
                End => drop(in_flight.pop()),
            }
        }
        // Ends are stamped by the real clock, which is where the connection was opened.
        activity
            .since
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |micros| {
                Some(micros / 1_000_000 * 1_000_000)
            })
            .unwrap();
        let stopping = (phase == Stopping).then(|| second(60));
        let next = match activity.next(phase, stopping, false, &settings, second(at)) {
            Next::Wait(until) => (until - opened).as_secs().to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(next, expected);
    }

    #[rstest]
    #[case::young(Http1, Serving, 99, false)]
    #[case::old(Http1, Serving, 100, true)]
    #[case::draining(Http1, Draining, 1, true)]
    #[case::http2_has_no_such_header(Http2, Draining, 100, false)]
    fn last_answers(
        #[case] protocol: Protocol,
        #[case] phase: Phase,
        #[case] at: u64,
        #[case] expected: bool,
    ) {
        let opened = clock::instant();
        let activity = Activity::new(protocol, Duration::from_secs(100), opened);
        assert_eq!(activity.says_close(phase, opened + Duration::from_secs(at)), expected);
    }
}
