//! How many connections are open at once, and whose is closed for a new one.
//!
//! A new caller always gets in. For it a connection goes of an address that has more than its share,
//! or else of any: first one that has been silent since it was opened, then one that lies idle, and
//! last one that is at work. Of several alike it is the one that has been so for the longest time. An
//! API server's connection was used, and its address has few; so who opens connections drives out
//! others only as far as his share goes.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::activity::Activity;

/// Holds the connections of one port.
#[derive(Debug)]
pub(super) struct Seats {
    most: usize,
    /// In bytes: answers that callers have not read.
    unread: usize,
    taken: Mutex<Taken>,
}

/// A connection's place; gives it back when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Arc<Seats>,
    id: u64,
    pub(super) peer: IpAddr,
    pub(super) activity: Arc<Activity>,
    /// Told once this connection must go for another.
    pub(super) gone: Arc<Notify>,
}

/// An answer that its caller has not read; gives its room back when dropped.
pub(super) struct Unread {
    seats: Arc<Seats>,
    id: u64,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    /// The sum of what the seats have.
    unread: usize,
    seats: BTreeMap<u64, Held>,
}

#[derive(Debug)]
struct Held {
    peer: IpAddr,
    activity: Arc<Activity>,
    gone: Arc<Notify>,
    /// In bytes: answers that it has not read.
    unread: usize,
}

// === impl Seats ===

impl Seats {
    pub(super) fn new(most: usize, unread: usize) -> Self {
        Self { most, unread, taken: Mutex::default() }
    }

    /// A seat for a new connection, for which another one may have to go.
    pub(super) fn take(self: &Arc<Self>, peer: IpAddr, activity: Arc<Activity>) -> Arc<Seat> {
        let mut taken = self.taken.lock();
        if taken.seats.len() >= self.most {
            taken.send_away(self.most);
        }
        let id = taken.next;
        taken.next += 1;
        let gone = Arc::new(Notify::new());
        let held =
            Held { peer, activity: Arc::clone(&activity), gone: Arc::clone(&gone), unread: 0 };
        taken.seats.insert(id, held);
        Arc::new(Seat { seats: Arc::clone(self), id, peer, activity, gone })
    }
}

// === impl Taken ===

impl Taken {
    fn send_away(&mut self, most: usize) {
        let mut of_peers = HashMap::<IpAddr, usize>::new();
        for held in self.seats.values() {
            *of_peers.entry(held.peer).or_default() += 1;
        }
        let first = self.seats.iter().min_by_key(|(_, held)| {
            let (busy, since) = held.activity.busy();
            let within_share = of_peers[&held.peer] <= (most / SHARE).max(1);
            (within_share, busy, since)
        });
        if let Some(id) = first.map(|(id, _)| *id) {
            self.close(id);
        }
    }

    /// Of the address that leaves most unread, closes the connection that has done so for longest.
    fn close_who_reads_nothing(&mut self, now: Instant) {
        let mut of_peers = HashMap::<IpAddr, usize>::new();
        for held in self.seats.values() {
            *of_peers.entry(held.peer).or_default() += held.unread;
        }
        let since = |held: &Held| held.activity.unread_since();
        let slow = self.seats.iter().filter_map(|(id, held)| Some((since(held)?, held.peer, *id)));
        let slow = slow.filter(|(since, ..)| now.saturating_duration_since(*since) > USUAL);
        let first = slow.max_by_key(|(since, peer, _)| (of_peers[peer], Reverse(*since)));
        if let Some((.., id)) = first {
            self.close(id);
        }
    }

    /// What it has not read is on its way out with it.
    fn close(&mut self, id: u64) {
        if let Some(held) = self.remove(id) {
            held.gone.notify_one();
        }
    }

    fn remove(&mut self, id: u64) -> Option<Held> {
        let held = self.seats.remove(&id)?;
        self.unread -= held.unread;
        Some(held)
    }
}

// === impl Seat ===

impl Seat {
    /// An answer of so many bytes is ready; where too many are, who reads nothing has to go.
    pub(super) fn answer(&self, bytes: usize, now: Instant) -> Unread {
        let bytes = bytes.saturating_add(BESIDE);
        let mut taken = self.seats.taken.lock();
        if let Some(held) = taken.seats.get_mut(&self.id) {
            held.unread = held.unread.saturating_add(bytes);
            taken.unread = taken.unread.saturating_add(bytes);
        }
        if taken.unread > self.seats.unread {
            taken.close_who_reads_nothing(now);
        }
        Unread { seats: Arc::clone(&self.seats), id: self.id, bytes }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.taken.lock().remove(self.id);
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let mut taken = self.seats.taken.lock();
        if let Some(held) = taken.seats.get_mut(&self.id) {
            held.unread -= self.bytes;
            taken.unread -= self.bytes;
        }
    }
}

/// In bytes: what hyper keeps of a request beside its answer, until that is out.
const BESIDE: usize = 2 << 10;

/// A client that reads takes an answer in far less.
const USUAL: Duration = Duration::from_millis(250);

/// One address may have this part of all seats before its connections go first.
const SHARE: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const TWO: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    /// A connection that was opened so many seconds after the first.
    fn open(after: u64) -> Arc<Activity> {
        let day = Duration::from_secs(86_400);
        Arc::new(Activity::new(day, clock::instant() + Duration::from_secs(after)))
    }

    fn is_in(seat: &Arc<Seat>) -> bool {
        seat.seats.taken.lock().seats.contains_key(&seat.id)
    }

    #[test]
    fn the_silent_goes_first_then_the_idle() {
        let seats = Arc::new(Seats::new(4, 0));
        let kinds = [open(0), open(0), open(2), open(1)];
        let working = kinds[0].begin(clock::instant);
        drop(kinds[1].begin(clock::instant));
        let taken = kinds.map(|activity| seats.take(TWO, activity));
        assert!(taken.iter().all(is_in));
        let mut left = Vec::new();
        for after in 3..6 {
            let seat = seats.take(TWO, open(after));
            assert!(is_in(&seat), "a new caller always gets in");
            drop(seat.activity.begin(clock::instant));
            left.push((taken.iter().map(is_in).collect::<Vec<_>>(), seat));
        }
        let left: Vec<_> = left.iter().map(|(left, _)| left.as_slice()).collect();
        assert_eq!(left[0], [true, true, true, false], "the longest silent");
        assert_eq!(left[1], [true, true, false, false], "the other silent");
        assert_eq!(left[2], [true, false, false, false], "the idle, and not who works");
        drop(working);
    }

    #[test]
    fn who_has_more_than_a_share_goes_first() {
        let seats = Arc::new(Seats::new(8, 0));
        let mine = seats.take(ONE, open(0));
        let greedy: Vec<_> = (1..8).map(|after| seats.take(TWO, open(after))).collect();
        let next = seats.take(TWO, open(9));
        assert!(is_in(&mine) && !is_in(&greedy[0]) && is_in(&next));
    }

    #[test]
    fn who_works_with_more_than_a_share_drives_out_no_others() {
        let seats = Arc::new(Seats::new(8, 0));
        let mine = seats.take(ONE, open(0));
        drop(mine.activity.begin(clock::instant));
        let greedy: Vec<_> = (1..8).map(|after| seats.take(TWO, open(after))).collect();
        let working: Vec<_> =
            greedy.iter().map(|seat| seat.activity.begin(clock::instant)).collect();
        let next = seats.take(TWO, open(9));
        assert!(is_in(&mine) && is_in(&next));
        assert_eq!(greedy.iter().filter(|seat| is_in(seat)).count(), 6);
        drop(working);
    }

    #[test]
    fn who_leaves_most_answers_unread_goes() {
        let seats = Arc::new(Seats::new(8, 13_000));
        let [one, two] = [ONE, TWO].map(|peer| seats.take(peer, open(0)));
        let unread = |seat: &Seat, after: u64, bytes| {
            let now = clock::instant() + Duration::from_secs(after);
            seat.activity.answer(now);
            seat.answer(bytes, now)
        };
        let answers = [unread(&one, 5, 4_000), unread(&two, 5, 9_000)];
        assert_eq!([is_in(&one), is_in(&two)], [true, true], "both were just answered");
        let three = seats.take(ONE, open(1));
        let more = [unread(&three, 6, 1)];
        assert_eq!([is_in(&one), is_in(&two), is_in(&three)], [true, false, true]);
        assert_eq!(seats.taken.lock().unread, 4_001 + 2 * BESIDE, "what goes counts no more");
        drop((answers, more));
        assert_eq!(seats.taken.lock().unread, 0);
    }
}
