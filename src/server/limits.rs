//! How much of what callers send is held at once, and who must go when there is no more room.
//!
//! Whoever is slow goes first: an API server sends a review at once, and somebody who holds a body
//! back with one byte missing must not keep everybody else out. Where nobody is slow, it is the
//! caller's address that holds most, and of its bodies the largest. A body that is there and waits
//! for its turn is not slow: it waits for us.
//!
//! Who must go gets 503, without `Retry-After`: with that header the API server would call again, up
//! to ten times within its time-out, and add to the load; without it, it fails open, and the Job is
//! created.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Holds the bodies that are arriving, and those that are there and not answered.
#[derive(Debug)]
pub(super) struct Intake {
    requests: usize,
    bytes: usize,
    held: Mutex<Held>,
}

/// A request that was let in, and what it holds; gives it back when dropped.
#[derive(Debug)]
pub(super) struct Turn {
    intake: Arc<Intake>,
    id: u64,
    /// Told once this request must go for another.
    pub(super) gone: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Held {
    next: u64,
    bytes: usize,
    bodies: BTreeMap<u64, Body>,
}

/// What one request holds.
#[derive(Debug)]
struct Body {
    peer: IpAddr,
    since: Instant,
    bytes: usize,
    /// Has arrived.
    complete: bool,
    /// Is being judged, which cannot be broken off, and takes no time.
    judged: bool,
    gone: Arc<Notify>,
}

// === impl Intake ===

impl Intake {
    pub(super) fn new(requests: usize, bytes: usize) -> Self {
        Self { requests, bytes, held: Mutex::default() }
    }

    /// Lets a request in, for which another may have to go; `None` where all others are being
    /// judged.
    pub(super) fn enter(self: &Arc<Self>, peer: IpAddr, now: Instant) -> Option<Turn> {
        let mut held = self.held.lock();
        while held.bodies.len() >= self.requests {
            held.send_away(|_| 1, now)?;
        }
        let id = held.next;
        held.next += 1;
        let gone = Arc::new(Notify::new());
        let body = Body {
            peer,
            since: now,
            bytes: 0,
            complete: false,
            judged: false,
            gone: Arc::clone(&gone),
        };
        held.bodies.insert(id, body);
        Some(Turn { intake: Arc::clone(self), id, gone })
    }
}

// === impl Held ===

impl Held {
    /// Sends away who must go first; `weigh` says what there is too much of, and who has nothing of
    /// it stays.
    fn send_away(&mut self, weigh: impl Fn(&Body) -> usize, now: Instant) -> Option<u64> {
        let waiting = || self.bodies.iter().filter(|(_, body)| !body.judged && weigh(body) > 0);
        let slow = waiting().filter(|(_, body)| !body.complete && body.age(now) > USUAL);
        let slowest = slow.min_by(|(_, a), (_, b)| a.rate(now).total_cmp(&b.rate(now)));
        let id = if let Some((id, _)) = slowest {
            *id
        } else {
            let mut of_peers = HashMap::<IpAddr, usize>::new();
            for body in self.bodies.values() {
                *of_peers.entry(body.peer).or_default() += weigh(body);
            }
            *waiting().max_by_key(|(_, body)| (of_peers[&body.peer], body.bytes))?.0
        };
        self.remove(id).gone.notify_one();
        Some(id)
    }

    fn remove(&mut self, id: u64) -> Body {
        let body = self.bodies.remove(&id).expect("only what is there is removed");
        self.bytes -= body.bytes;
        body
    }
}

// === impl Body ===

impl Body {
    fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }

    /// In bytes a second.
    #[expect(clippy::cast_precision_loss, reason = "only compared, and far below 2^52")]
    fn rate(&self, now: Instant) -> f64 {
        self.bytes as f64 / self.age(now).as_secs_f64()
    }
}

// === impl Turn ===

impl Turn {
    /// Takes room for bytes that have arrived, for which another may have to go; what a client merely
    /// announces holds nothing. `false` where this request is the one that must go.
    pub(super) fn hold(&self, bytes: usize, now: Instant) -> bool {
        let mut held = self.intake.held.lock();
        let all = self.intake.bytes;
        let Some(body) = held.bodies.get(&self.id) else { return false };
        if bytes > all.saturating_sub(held.bytes) {
            // Nobody goes in vain: is there room once all have gone who can?
            let judged = held.bodies.values().filter(|body| body.judged);
            let stays = body.bytes + judged.map(|body| body.bytes).sum::<usize>();
            if bytes > all.saturating_sub(stays) {
                return false;
            }
        }
        while bytes > all.saturating_sub(held.bytes) {
            if held.send_away(|body| body.bytes, now).is_none_or(|id| id == self.id) {
                return false;
            }
        }
        held.bytes += bytes;
        if let Some(body) = held.bodies.get_mut(&self.id) {
            body.bytes += bytes;
        }
        true
    }

    /// The body has arrived.
    pub(super) fn complete(&self) {
        if let Some(body) = self.intake.held.lock().bodies.get_mut(&self.id) {
            body.complete = true;
        }
    }

    /// From now on this request stays; `false` where it had to go already.
    pub(super) fn judged(&self) -> bool {
        let mut held = self.intake.held.lock();
        held.bodies.get_mut(&self.id).map(|body| body.judged = true).is_some()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut held = self.intake.held.lock();
        if held.bodies.contains_key(&self.id) {
            held.remove(self.id);
        }
    }
}

/// An API server on the same network sends a review in far less.
const USUAL: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const TWO: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn is_in(turn: &Turn) -> bool {
        turn.intake.held.lock().bodies.contains_key(&turn.id)
    }

    #[test]
    fn the_slowest_goes_for_who_comes() {
        let intake = Arc::new(Intake::new(3, 100));
        let start = clock::instant();
        let silent = intake.enter(ONE, start).unwrap();
        let slow = intake.enter(ONE, start).unwrap();
        assert!(slow.hold(90, start));
        let young = intake.enter(TWO, start + ms(900)).unwrap();
        let next = intake.enter(TWO, start + ms(1000)).unwrap();
        assert_eq!([&silent, &slow, &young, &next].map(is_in), [false, true, true, true]);
        assert!(next.hold(11, start + ms(1000)), "the body that stalls goes for bytes, too");
        assert_eq!([&slow, &young, &next].map(is_in), [false, true, true]);
        assert!(!silent.hold(1, start), "who had to go holds nothing");
    }

    #[test]
    fn where_nobody_is_slow_the_greedy_goes() {
        let intake = Arc::new(Intake::new(9, 100));
        let now = clock::instant();
        let turns = [ONE, ONE, TWO].map(|peer| intake.enter(peer, now).unwrap());
        assert!(turns[0].hold(30, now) && turns[1].hold(25, now) && turns[2].hold(40, now));
        let next = intake.enter(TWO, now).unwrap();
        assert!(next.hold(6, now));
        assert_eq!([&turns[0], &turns[1], &turns[2], &next].map(is_in), [false, true, true, true]);
        assert!(!next.hold(usize::MAX, now), "does not wrap");
    }

    #[test]
    fn who_waits_for_us_is_not_slow() {
        let intake = Arc::new(Intake::new(9, 100));
        let start = clock::instant();
        let [waits, small, stalls] = [ONE, ONE, TWO].map(|peer| intake.enter(peer, start).unwrap());
        assert!(waits.hold(30, start) && small.hold(10, start) && stalls.hold(60, start));
        waits.complete();
        small.complete();
        let later = start + ms(5_000);
        let next = intake.enter(TWO, later).unwrap();
        assert!(next.hold(60, later));
        assert_eq!([&waits, &small, &stalls, &next].map(is_in), [true, true, false, true]);
    }

    #[test]
    fn nobody_goes_in_vain() {
        let intake = Arc::new(Intake::new(9, 100));
        let start = clock::instant();
        let [judged, silent, stalls] =
            [ONE, ONE, TWO].map(|peer| intake.enter(peer, start).unwrap());
        assert!(judged.hold(60, start) && judged.judged() && stalls.hold(10, start));
        let later = start + ms(5_000);
        let next = intake.enter(TWO, later).unwrap();
        assert!(!next.hold(41, later), "there would be no room without the other either");
        assert_eq!([&silent, &stalls].map(is_in), [true, true]);
        assert!(next.hold(40, later));
        assert_eq!([&silent, &stalls].map(is_in), [true, false], "who holds nothing stays");
    }

    #[test]
    fn what_is_being_judged_stays() {
        let intake = Arc::new(Intake::new(1, 10));
        let now = clock::instant();
        let first = intake.enter(ONE, now).unwrap();
        assert!(first.hold(10, now) && first.judged());
        assert!(intake.enter(TWO, now + ms(9_000)).is_none());
        drop(first);
        let next = intake.enter(TWO, now).unwrap();
        assert!(next.hold(10, now), "and gives everything back");
    }
}
