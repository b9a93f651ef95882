//! What goes wrong, when, and how often it did.

use std::collections::BTreeMap;

use super::request::{Asked, Request};
use crate::seed::Chance;
use crate::time::{self, MINUTE, Moment, SECOND};

/// What becomes of one request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fate {
    /// As it should be, after so many milliseconds.
    Well(Moment),
    /// The connection is refused: it does not arrive.
    Refused,
    /// 429; after so many seconds it may come again, where that is said.
    TooMany(Option<u64>),
    Internal,
    Unavailable,
    /// It is done, and the caller gets an error.
    Lost,
    /// It is done, and the caller gets a 500.
    LostBehindProxy,
    /// It takes so long to arrive, and the answer so long to come back.
    Slow(Moment, Moment),
    /// It is neither done nor answered.
    Hangs,
    /// It is done, and the answer breaks off.
    Truncated,
    /// The continue token, or the version of a watch, is too old.
    Expired,
}

/// What becomes of one watch.
#[derive(Clone, Copy, Debug, Default)]
pub struct WatchFate {
    /// Events come so much later than they happen.
    pub lag: Moment,
    /// It ends without a word.
    pub drops_at: Option<Moment>,
    /// From then on nothing comes any more; the caller notices after its own time.
    pub silent_at: Option<Moment>,
    /// It is told that its version is gone.
    pub gone_at: Option<Moment>,
    /// So many events of a streamed list come, and then it breaks off.
    pub breaks_after: Option<u64>,
}

/// Draws faults, and counts them.
#[derive(Debug)]
pub struct Weather {
    chance: Chance,
    /// How often each request was made.
    made: BTreeMap<String, u64>,
    /// Of a thousand requests so many fail; 0 is calm.
    pub share: u64,
    /// How often each kind of fault struck.
    pub struck: BTreeMap<&'static str, u64>,
    /// When one struck last.
    pub last: Option<Moment>,
}

// === impl WatchFate ===

impl WatchFate {
    /// What is wrong with it.
    pub fn words(&self) -> String {
        let Self { lag, drops_at, silent_at, gone_at, breaks_after } = self;
        let at =
            |what: &str, at: &Option<Moment>| at.map(|at| format!("{what} at {}", time::clock(at)));
        let lags = (*lag > 100).then(|| format!("lags by {lag} ms"));
        let breaks = breaks_after.map(|sent| format!("breaks off after {sent} objects"));
        let all = [
            lags,
            at("drops", drops_at),
            at("falls silent", silent_at),
            at("is told 410", gone_at),
            breaks,
        ];
        all.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

// === impl Weather ===

impl Weather {
    pub fn new(chance: Chance) -> Self {
        Self { chance, made: BTreeMap::new(), share: 0, struck: BTreeMap::new(), last: None }
    }

    /// A fault has struck.
    pub fn strike(&mut self, fault: &'static str, now: Moment) {
        *self.struck.entry(fault).or_default() += 1;
        self.last = Some(now);
    }

    /// What decides about a request or a watch: the same for the third of its kind, whatever others
    /// there were.
    pub fn of(&mut self, place: &str) -> Chance {
        let made = self.made.entry(place.to_owned()).or_default();
        *made += 1;
        self.chance.of(place, *made)
    }

    /// What becomes of a request if all is well, and what goes wrong with it, if anything.
    pub fn request(
        &self,
        mut chance: Chance,
        request: &Request,
    ) -> (Fate, Option<(&'static str, Fate)>) {
        let quick = Fate::Well(chance.between(1, 40));
        if !chance.per_mille(self.share) {
            return (quick, None);
        }
        let is_next_page = request.query.contains_key("continue");
        let is_watch = matches!(request.asked, Asked::Watch { .. });
        let wrong = match chance.between(0, 11) {
            0 => ("429", Fate::TooMany(None)),
            1 => ("429 with Retry-After", Fate::TooMany(Some(chance.between(1, 20)))),
            2 => ("500", Fate::Internal),
            3 => ("503", Fate::Unavailable),
            4 => ("connection refused", Fate::Refused),
            5 | 6 => ("lost answer", Fate::Lost),
            7 => ("lost answer behind a 500", Fate::LostBehindProxy),
            8 => ("slow answer", Fate::Slow(0, chance.between(1_000, 6_000))),
            9 => {
                let there =
                    if chance.per_mille(300) { 4_500 } else { 0 } + chance.between(300, 3_000);
                ("slow request", Fate::Slow(there, chance.between(1, 3_000)))
            }
            _ if is_next_page => ("expired continue token", Fate::Expired),
            _ if is_watch => ("410 in the head of a watch", Fate::Expired),
            _ => ("truncated body", Fate::Truncated),
        };
        (quick, Some(wrong))
    }

    /// What becomes of a watch that begins now if all is well, and what goes wrong with it.
    pub fn watch(
        &self,
        mut chance: Chance,
        streams_list: bool,
        now: Moment,
    ) -> (WatchFate, Option<WatchFate>) {
        let well = WatchFate { lag: chance.between(0, 100), ..WatchFate::default() };
        if self.share == 0 {
            return (well, None);
        }
        let mut fate = well;
        let at = now + chance.between(SECOND, 4 * MINUTE);
        match chance.between(0, 19) {
            0..=3 => fate.drops_at = Some(at),
            4 | 5 => fate.silent_at = Some(at),
            6 => fate.gone_at = Some(at),
            7..=9 => fate.lag = chance.between(100, 3_000),
            10 => fate.lag = 20 * SECOND,
            11..=13 if streams_list => fate.breaks_after = Some(chance.between(0, 200)),
            _ => return (well, None),
        }
        (well, Some(fate))
    }
}
