//! What a connection is doing, and what is to become of it: decided here, done in `connection`.
//!
//! hyper has a time-out for reading headers, but it starts as soon as the answer before is out,
//! and so cuts idle connections after five seconds; the API server keeps its own for ninety, and
//! loses the call that it sends into one at that moment. So the time-outs are ours: a clock for
//! headers that starts with their first byte, and another for idleness.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::phase::Phase;
use super::settings::Settings;

/// Holds what the parts of one connection tell each other; they share one task under HTTP/1.1,
/// and several under HTTP/2.
#[derive(Debug)]
pub(super) struct Activity {
    opened: Instant,
    /// How long it may live.
    age: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Told at the end of the handshake.
    protocol: Protocol,
    /// Since when it is silent, idle, at work or in the headers of a request.
    since: Instant,
    /// Some bytes of a request have come, and its headers are not complete.
    in_head: bool,
    /// Requests that have begun and are not answered.
    in_flight: usize,
    /// Whether there was a request at all.
    used: bool,
    /// How many answers there were.
    answers: u64,
    /// Those that are on their way, by their number, and since when; the oldest first.
    unread: Vec<(u64, Instant)>,
    /// Since when the client takes no bytes.
    blocked_since: Option<Instant>,
}

/// What a connection speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// How much a connection is used; the least comes first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Busy {
    /// Nothing was ever asked.
    Silent,
    Idle,
    Working,
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
    /// To read an answer.
    Answer,
    Head,
    Idle,
}

/// A request in flight, until its answer is out; ends when dropped, whatever becomes of it.
pub(super) struct InFlight {
    activity: Arc<Activity>,
    now: fn() -> Instant,
    /// The number of its answer, where that is ready.
    answer: Option<u64>,
}

// === impl Activity ===

impl Activity {
    /// A connection that has just been opened.
    pub(super) fn new(age: Duration, now: Instant) -> Self {
        let state = State {
            protocol: Protocol::Http1,
            since: now,
            in_head: false,
            in_flight: 0,
            used: false,
            answers: 0,
            unread: Vec::new(),
            blocked_since: None,
        };
        Self { opened: now, age, state: Mutex::new(state) }
    }

    /// The handshake has shown what the client speaks.
    pub(super) fn speaks(&self, protocol: Protocol) {
        self.state.lock().protocol = protocol;
    }

    /// How much it is used, and since when.
    pub(super) fn busy(&self) -> (Busy, Instant) {
        let state = self.state.lock();
        let busy = match &*state {
            State { in_flight: 1.., .. } => Busy::Working,
            State { used: true, .. } => Busy::Idle,
            _ => Busy::Silent,
        };
        (busy, state.since)
    }

    /// Bytes have come. Under HTTP/2 they may be anything, a ping among others, and say nothing
    /// about headers; there, a client that dawdles is idle.
    pub(super) fn bytes_read(&self, now: Instant) {
        let mut state = self.state.lock();
        if state.protocol == Protocol::Http1 && state.in_flight == 0 && !state.in_head {
            state.in_head = true;
            state.since = now;
        }
    }

    /// The headers of a request are complete.
    pub(super) fn begin(self: &Arc<Self>, now: fn() -> Instant) -> InFlight {
        let mut state = self.state.lock();
        if state.in_flight == 0 {
            state.since = now();
        }
        state.in_flight += 1;
        state.in_head = false;
        state.used = true;
        drop(state);
        InFlight { activity: Arc::clone(self), now, answer: None }
    }

    /// An answer is ready; gives its number.
    pub(super) fn answer(&self, now: Instant) -> u64 {
        let mut state = self.state.lock();
        let number = state.answers;
        state.answers += 1;
        state.unread.push((number, now));
        number
    }

    /// A request has ended; its answer, where one was ready, is out or never will be.
    fn end(&self, answer: Option<u64>, now: Instant) {
        let mut state = self.state.lock();
        state.unread.retain(|(number, _)| Some(*number) != answer);
        state.in_flight -= 1;
        state.since = now;
    }

    /// Bytes were written, or the client takes none.
    pub(super) fn wrote(&self, blocked: bool, now: fn() -> Instant) {
        let mut state = self.state.lock();
        if !blocked {
            state.blocked_since = None;
        } else if state.blocked_since.is_none() {
            state.blocked_since = Some(now());
        }
    }

    /// Since when the client leaves something that is ready for it.
    pub(super) fn unread_since(&self) -> Option<Instant> {
        self.state.lock().unread_since()
    }

    /// Whether the answer about to be sent is to be the last on this connection. Only HTTP/1.1
    /// says so in an answer, and only so a client knows before it sends its next request.
    pub(super) fn says_close(&self, phase: Phase, now: Instant) -> bool {
        let protocol = self.state.lock().protocol;
        protocol == Protocol::Http1 && (phase >= Phase::Draining || self.is_old(now))
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
        let state = self.state.lock();
        let mut wait = None;
        if let Some(unread) = state.unread_since() {
            let until = unread + settings.answer_timeout;
            if now >= until {
                return Next::Cut(Late::Answer);
            }
            wait = Some(until);
        }
        if state.in_flight == 0 {
            let (late, limit) = if state.in_head {
                (Late::Head, settings.header_timeout)
            } else {
                (Late::Idle, settings.idle_timeout)
            };
            if now >= state.since + limit {
                return Next::Cut(late);
            }
            wait = Some(earlier(wait, state.since + limit));
        }
        if !closing {
            // GOAWAY lets every stream that the client has opened finish. But to a client that has
            // just connected it would only say: connect again. HTTP/1.1 is told in an answer.
            if state.protocol == Protocol::Http2 {
                if phase >= Phase::Draining && state.used || self.is_old(now) {
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
}

// === impl State ===

impl State {
    fn unread_since(&self) -> Option<Instant> {
        let oldest = self.unread.first().map(|(_, since)| *since);
        let Some(blocked) = self.blocked_since else { return oldest };
        Some(earlier(oldest, blocked))
    }
}

// === impl InFlight ===

impl InFlight {
    /// The answer is ready.
    pub(super) fn answer(&mut self) {
        self.answer = Some(self.activity.answer((self.now)()));
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.activity.end(self.answer, (self.now)());
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
        /// The answer is ready.
        Answer(u64),
        /// The client takes no bytes, and takes some again.
        Blocked(u64),
        Taken,
        End,
    }
    use Event::{Answer, Begin, Blocked, Bytes, End, Taken};
    use Phase::{Draining, Serving, Stopping};
    use Protocol::{Http1, Http2};

    const CUT_ANSWER: &str = "Cut(Answer)";
    const CUT_HEAD: &str = "Cut(Head)";
    const CUT_IDLE: &str = "Cut(Idle)";
    const CLOSE: &str = "Close";

    #[rstest]
    #[case::fresh(Http1, &[], Serving, 0, "150")]
    #[case::fresh_and_silent_is_idle_not_late(Http1, &[], Serving, 6, "150")]
    #[case::first_byte_starts_the_clock(Http1, &[Bytes(10)], Serving, 11, "15")]
    #[case::more_bytes_do_not_restart_it(Http1, &[Bytes(10), Bytes(14)], Serving, 15, CUT_HEAD)]
    #[case::in_a_body_no_clock_runs(Http1, &[Bytes(1), Begin, Bytes(2)], Serving, 50, "200")]
    #[case::an_answer_waits_to_be_read(Http2, &[Begin, Answer(10)], Serving, 19, "20")]
    #[case::an_answer_that_nobody_reads(Http2, &[Begin, Answer(10)], Serving, 20, CUT_ANSWER)]
    #[case::a_client_that_takes_nothing(Http1, &[Begin, Blocked(7), End], Serving, 17, CUT_ANSWER)]
    #[case::a_client_that_takes_it_late(Http1, &[Begin, Blocked(7), Taken, End], Serving, 17, "150")]
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
        let activity = Arc::new(Activity::new(Duration::from_secs(100), opened));
        activity.speaks(protocol);
        let mut in_flight = Vec::new();
        for event in events {
            match *event {
                Bytes(at) => activity.bytes_read(second(at)),
                Begin => in_flight.push(activity.begin(clock::instant)),
                Answer(at) => {
                    activity.answer(second(at));
                }
                Blocked(at) => activity.state.lock().blocked_since = Some(second(at)),
                Taken => activity.wrote(false, clock::instant),
                End => drop(in_flight.pop()),
            }
        }
        // Beginnings and ends are stamped by the real clock, which is where the connection was
        // opened.
        let since = activity.state.lock().since - opened;
        activity.state.lock().since = second(since.as_secs());
        let stopping = (phase == Stopping).then(|| second(60));
        let next = match activity.next(phase, stopping, false, &settings, second(at)) {
            Next::Wait(until) => (until - opened).as_secs().to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(next, expected);
    }

    /// Whoever takes one now and then does not keep the others for ever.
    #[test]
    fn each_answer_has_its_time() {
        let opened = clock::instant();
        let activity = Arc::new(Activity::new(Duration::from_secs(100), opened));
        let mut requests = [activity.begin(clock::instant), activity.begin(clock::instant)];
        let first = opened + Duration::from_secs(1);
        requests[0].answer = Some(activity.answer(first));
        requests[1].answer = Some(activity.answer(opened + Duration::from_secs(2)));
        assert_eq!(activity.unread_since(), Some(first));
        let [one, other] = requests;
        drop(other);
        assert_eq!(activity.unread_since(), Some(first));
        drop(one);
        assert_eq!(activity.unread_since(), None);
    }

    #[test]
    fn who_begins_to_work_has_not_worked_since_it_was_opened() {
        let opened = clock::instant().checked_sub(Duration::from_secs(50)).unwrap();
        let activity = Arc::new(Activity::new(Duration::from_secs(100), opened));
        let working = activity.begin(clock::instant);
        assert!(activity.busy().1 >= opened + Duration::from_secs(50));
        drop(working);
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
        let activity = Arc::new(Activity::new(Duration::from_secs(100), opened));
        activity.speaks(protocol);
        assert_eq!(activity.says_close(phase, opened + Duration::from_secs(at)), expected);
    }
}
