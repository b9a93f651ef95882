//! One run: a seed decides about everything that happens.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};

use crate::meaning::{Action, Given};
use crate::oracle::{Counts, Known, Oracle};
use crate::replica::Replica;
use crate::seed::Chance;
use crate::server::weather::Weather;
use crate::server::{Server, Shared, lock};
use crate::tenants::{Business, Tenants};
use crate::time::{MINUTE, Moment, SECOND};

/// What came of a run.
#[derive(Debug)]
pub struct Summary {
    /// Of all that happened.
    pub hash: String,
    pub history: Vec<String>,
    pub counts: Counts,
    pub struck: BTreeMap<&'static str, u64>,
}

struct Bed {
    server: Shared,
    chance: Chance,
    tenants: Tenants,
    slots: Vec<Slot>,
    /// The strongest action of the policies of this run.
    action: Action,
    next_policy: Moment,
    storm_until: Moment,
    calm_share: u64,
}

/// The place of a replica.
struct Slot {
    replica: Option<Replica>,
    /// When it is started again, goes on, or is dropped after it was asked to stop.
    starts_at: Moment,
    paused_since: Option<Moment>,
    resumes_at: Moment,
    dropped_at: Option<Moment>,
    /// Which policy lies on its disk, and which comes when.
    policy: usize,
    coming: Vec<(Moment, usize)>,
    /// Milliseconds that its wall clock is ahead, and how many more in each second.
    ahead: i64,
    drift: i64,
    clock_right_at: Option<Moment>,
}

/// How long a run is.
#[derive(Clone, Copy, Debug)]
pub struct Length {
    /// So long things happen.
    work: Moment,
    /// So long nothing more does, and what is due has to go.
    rest: Moment,
}

/// Plays one seed.
///
/// # Errors
/// What is wrong, with the end of the history and how to see it again.
pub fn run(seed: u64, length: Length) -> Result<Summary, String> {
    let mut bed = Bed::new(seed);
    let steps = length.work / STEP;
    for step in 1..=steps {
        bed.step(step * STEP);
        bed.check(seed)?;
    }
    bed.calm_down();
    for step in steps + 1..=(length.work + length.rest) / STEP {
        bed.step(step * STEP);
        bed.check(seed)?;
    }
    let left = {
        let server = lock(&bed.server);
        server.oracle.left_over(&server.store, server.now)
    };
    if let Some(first) = left.first() {
        let count = left.len();
        lock(&bed.server).oracle.violation =
            Some(format!("{count} Jobs are left that are due, such as {first}"));
        bed.check(seed)?;
    }
    bed.slots.clear();
    let mut server = lock(&bed.server);
    let history = std::mem::take(&mut server.history);
    let hash = hash(&history);
    Ok(Summary {
        hash,
        history,
        counts: server.oracle.counts,
        struck: server.weather.struck.clone(),
    })
}

// === impl Length ===

impl Length {
    pub const QUICK: Self = Self { work: 4 * MINUTE, rest: 10 * MINUTE };
    pub const LONG: Self = Self { work: 15 * MINUTE, rest: 10 * MINUTE };
}

// === impl Bed ===

impl Bed {
    fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let action = match chance.between(0, 9) {
            0 => Action::Marked,
            1 => Action::Patch,
            _ => Action::Delete,
        };
        let business = Business {
            stored: *chance.pick(&[0, 20, 80]),
            arrivals: chance.between(20, 80),
            changes: chance.between(5, 40),
            builtin: action != Action::Delete || chance.per_mille(200),
        };
        let mut tenants = Tenants::new(chance.fork(), business);
        let oracle = Oracle::default();
        let mut server = Server::new(Weather::new(chance.fork()), oracle);
        tenants.settle(&mut server);
        let calm_share = chance.between(5, 60);
        server.weather.share = calm_share;
        let replicas = chance.between(1, 3);
        let server: Shared = Arc::new(Mutex::new(server));
        let mut bed = Self {
            server,
            chance,
            tenants,
            slots: Vec::new(),
            action,
            next_policy: 0,
            storm_until: 0,
            calm_share,
        };
        bed.draw_policy();
        for _ in 0..replicas {
            bed.slots.push(Slot::new());
            lock(&bed.server).oracle.replicas.push(Known::default());
        }
        for position in 0..bed.slots.len() {
            bed.start(position, 0);
        }
        bed.next_policy = bed.chance.between(3 * MINUTE, 8 * MINUTE);
        bed
    }

    fn draw_policy(&mut self) -> usize {
        let given = Given::draw(&mut self.chance, self.action);
        let mut server = lock(&self.server);
        server.oracle.given.push(given);
        server.oracle.given.len() - 1
    }

    fn start(&mut self, position: usize, now: Moment) {
        let policy = self.slots[position].policy;
        let compiled = Arc::clone(&lock(&self.server).oracle.given[policy].policy);
        let seed = self.chance.seed();
        let replica = Replica::start(&self.server, position, &compiled, now, seed);
        let mut server = lock(&self.server);
        let known = &mut server.oracle.replicas[position];
        replica.identity().clone_into(&mut known.identity);
        server.tell(&format!("replica {position} starts as {}", replica.identity()));
        let Server { oracle, store, .. } = &mut *server;
        oracle.policy_given(store, position, policy, now);
        let slot = &mut self.slots[position];
        slot.replica = Some(replica);
        slot.paused_since = None;
        slot.dropped_at = None;
    }

    fn step(&mut self, now: Moment) {
        {
            let mut server = lock(&self.server);
            server.sees(now - STEP);
            self.tenants.step(&mut server);
        }
        if lock(&self.server).weather.share > 0 {
            self.bring_trouble(now);
        }
        for position in 0..self.slots.len() {
            self.step_slot(position, now);
        }
    }

    /// What goes wrong beside single requests.
    fn bring_trouble(&mut self, now: Moment) {
        {
            let mut server = lock(&self.server);
            if now >= self.storm_until {
                server.weather.share = self.calm_share;
            }
            if self.chance.per_mille(1) && self.chance.per_mille(500) {
                self.storm_until = now + self.chance.between(10 * SECOND, 60 * SECOND);
                server.weather.share = self.chance.between(150, 600);
                server.strike("storm");
            }
            if self.chance.per_mille(1) && self.chance.per_mille(300) {
                server.compact();
            }
            if self.chance.per_mille(1) && self.chance.per_mille(200) {
                let rights = [
                    ("delete", "jobs"),
                    ("patch", "jobs"),
                    ("list", "cronjobs"),
                    ("create", "events"),
                ];
                server.withheld =
                    if server.withheld.is_some() { None } else { Some(*self.chance.pick(&rights)) };
                server.strike("right withheld or granted");
            }
            if self.chance.per_mille(3) {
                self.tenants.approve(&mut server);
            }
        }
        if now >= self.next_policy {
            self.next_policy = now + self.chance.between(3 * MINUTE, 8 * MINUTE);
            let policy = if self.chance.per_mille(200) {
                usize::try_from(self.chance.between(0, 1))
                    .expect("small")
                    .min(lock(&self.server).oracle.given.len() - 1)
            } else {
                self.draw_policy()
            };
            lock(&self.server).tell(&format!("policy {policy} is written"));
            for slot in &mut self.slots {
                slot.coming.push((now + self.chance.between(0, 20 * SECOND), policy));
            }
        }
        for position in 0..self.slots.len() {
            self.trouble_replica(position, now);
        }
    }

    fn trouble_replica(&mut self, position: usize, now: Moment) {
        let Self { server, chance, slots, .. } = self;
        let slot = &mut slots[position];
        let mut server = lock(server);
        if slot.clock_right_at.is_some_and(|at| at <= now) {
            server.tell(&format!("the clock of replica {position} is put right"));
            server.oracle.replicas[position].clock_put += 1;
            (slot.ahead, slot.drift, slot.clock_right_at) = (0, 0, None);
        }
        if slot.replica.is_none()
            || slot.paused_since.is_some()
            || slot.dropped_at.is_some()
            || !chance.per_mille(1)
        {
            return;
        }
        match chance.between(0, 5) {
            0 => {
                server.strike("replica killed");
                drop(server);
                slot.replica = None;
                slot.starts_at = now + chance.between(SECOND, 20 * SECOND);
            }
            1 => {
                server.strike("replica restarted");
                drop(server);
                slot.replica.as_ref().expect("looked at").stop();
                slot.dropped_at = Some(now + 20 * SECOND);
            }
            2 => {
                server.strike("replica paused");
                slot.paused_since = Some(now - STEP);
                slot.resumes_at = now + chance.between(SECOND, 60 * SECOND);
            }
            3 => {
                server.strike("clock put");
                server.oracle.replicas[position].clock_put += 1;
                slot.ahead = signed(chance, 100, 25_000);
            }
            4 => {
                server.strike("clock put far");
                server.oracle.replicas[position].clock_put += 1;
                slot.ahead = signed(chance, 31_000, 7_200_000);
                slot.clock_right_at = Some(now + chance.between(5 * SECOND, 2 * MINUTE));
            }
            _ => {
                server.strike("clock drifts");
                slot.drift = signed(chance, 1, 20);
                slot.clock_right_at = Some(now + chance.between(MINUTE, 5 * MINUTE));
            }
        }
    }

    fn step_slot(&mut self, position: usize, now: Moment) {
        let slot = &mut self.slots[position];
        if slot.dropped_at.is_some_and(|at| at <= now) {
            (slot.replica, slot.dropped_at) = (None, None);
            slot.starts_at = now + SECOND;
        }
        let coming: Vec<usize> = {
            let due = slot.coming.iter().filter(|(at, _)| *at <= now);
            due.map(|(_, policy)| *policy).collect()
        };
        slot.coming.retain(|(at, _)| *at > now);
        if let Some(policy) = coming.last().filter(|policy| **policy != slot.policy) {
            slot.policy = *policy;
            if let Some(replica) = &slot.replica {
                let compiled = {
                    let mut server = lock(&self.server);
                    server.tell(&format!("replica {position} loads policy {policy}"));
                    let Server { oracle, store, .. } = &mut *server;
                    oracle.policy_given(store, position, *policy, now - STEP);
                    Arc::clone(&oracle.given[*policy].policy)
                };
                replica.load(&compiled);
            }
        }
        if slot.replica.is_none() && now >= slot.starts_at {
            self.start(position, now - STEP);
        }
        let slot = &mut self.slots[position];
        let Some(replica) = &slot.replica else { return };
        if let Some(since) = slot.paused_since {
            if now < slot.resumes_at {
                return;
            }
            slot.paused_since = None;
            let at = now - STEP;
            {
                let mut server = lock(&self.server);
                server.tell(&format!("replica {position} goes on"));
                server.oracle.replicas[position].pauses.push((since, at));
            }
            replica.resume(at);
        }
        if now.is_multiple_of(SECOND) {
            slot.ahead += slot.drift;
        }
        replica.put_clock(slot.ahead);
        if slot.ahead != 0 {
            lock(&self.server).oracle.replicas[position].clock_wrong_until = Some(now);
        }
        replica.step(now);
    }

    /// From now on everything is well.
    fn calm_down(&mut self) {
        let mut server = lock(&self.server);
        server.tell("from now on everything is well");
        server.weather.share = 0;
        server.withheld = None;
        self.tenants.rest();
        let last = server.oracle.given.len() - 1;
        let last = self
            .slots
            .iter()
            .filter_map(|slot| slot.coming.last())
            .map(|(_, policy)| *policy)
            .next_back()
            .unwrap_or(self.slots.iter().map(|slot| slot.policy).next_back().unwrap_or(last));
        for slot in &mut self.slots {
            slot.coming = vec![(0, last)];
            (slot.ahead, slot.drift) = (0, 0);
            slot.resumes_at = 0;
        }
    }

    /// Stops at the first violation.
    fn check(&self, seed: u64) -> Result<(), String> {
        let server = lock(&self.server);
        let Some(violation) = &server.oracle.violation else { return Ok(()) };
        let from = server.history.len().saturating_sub(LAST_WORDS);
        if let Ok(file) = std::env::var("CURFEW_HISTORY") {
            std::fs::write(file, server.history.join("\n")).expect("a file for the history");
        }
        Err(format!(
            "seed {seed}: {violation}\n\n{}\n\nseed {seed}: {violation}\nto see it again: CURFEW_SEED={seed} cargo test --test faultbed one_seed -- --nocapture",
            server.history[from..].join("\n")
        ))
    }
}

// === impl Slot ===

impl Slot {
    fn new() -> Self {
        Self {
            replica: None,
            starts_at: 0,
            paused_since: None,
            resumes_at: 0,
            dropped_at: None,
            policy: 0,
            coming: Vec::new(),
            ahead: 0,
            drift: 0,
            clock_right_at: None,
        }
    }
}

/// Of all lines, in hexadecimal digits.
fn hash(history: &[String]) -> String {
    let mut hash = Sha256::new();
    for line in history {
        hash.update(line);
        hash.update("\n");
    }
    let bytes: [u8; 8] = hash.finalize()[..8].try_into().expect("it has 32");
    format!("{:016x}", u64::from_be_bytes(bytes))
}

fn signed(chance: &mut Chance, low: u64, high: u64) -> i64 {
    let amount = i64::try_from(chance.between(low, high)).expect("small");
    if chance.per_mille(500) { amount } else { -amount }
}

/// How far each replica runs at a time.
const STEP: Moment = 100;

/// Lines of history that a violation shows.
const LAST_WORDS: usize = 80;
