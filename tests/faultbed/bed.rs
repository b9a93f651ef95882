//! One run: a seed decides about everything that happens.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};

use crate::events::{Event, Events};
use crate::meaning::{Action, Given};
use crate::oracle::{Counts, Known, Oracle};
use crate::replica::{LEASE, NAMESPACE, Replica};
use crate::seed::Chance;
use crate::server::store::{Key, Resource};
use crate::server::weather::Weather;
use crate::server::{Server, Shared, lock};
use crate::tenants::{self, Business, Tenants};
use crate::time::{MINUTE, Moment, SECOND};

/// What came of a run.
#[derive(Debug)]
pub struct Summary {
    /// Of all that happened.
    pub hash: String,
    pub history: Vec<String>,
    pub events: Vec<Event>,
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
    /// When all becomes well.
    calm_at: Moment,
    /// When somebody exempts what was about to go.
    exempts_at: Moment,
    /// When nobody exempts namespaces any more.
    thaws_at: Moment,
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
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Length {
    /// So long things happen.
    work: Moment,
    /// So long nothing more does, and what is due has to go.
    rest: Moment,
}

/// What is to be played.
#[derive(Clone)]
pub struct Play<'w> {
    pub seed: u64,
    pub length: Length,
    /// The only events that happen; `None` for all that are drawn.
    pub only: Option<Arc<BTreeSet<String>>>,
    /// It ends then, if not before.
    pub until: Moment,
    /// Says what is wrong, beside the oracle.
    pub wrong: &'w dyn Fn(&Server) -> Option<String>,
}

/// What is wrong, and how it came to that.
#[derive(Debug)]
pub struct Failure {
    pub seed: u64,
    pub length: Length,
    pub violation: String,
    pub at: Moment,
    pub history: Vec<String>,
    pub events: Vec<Event>,
    /// Whether these are the only events that are needed.
    pub is_short: bool,
}

/// Plays one seed.
///
/// # Errors
/// What is wrong.
pub fn run(seed: u64, length: Length) -> Result<Summary, Failure> {
    Play::new(seed, length).run()
}

// === impl Play ===

impl Play<'_> {
    pub fn new(seed: u64, length: Length) -> Self {
        Self { seed, length, only: None, until: Moment::MAX, wrong: &|_| None }
    }

    /// # Errors
    /// What is wrong.
    pub fn run(&self) -> Result<Summary, Failure> {
        let Self { length, until, .. } = self;
        let mut bed = Bed::new(self);
        let work = length.work / STEP;
        let all = (length.work + length.rest) / STEP;
        for step in 1..=all.min(until / STEP) {
            if step == work + 1 {
                bed.calm_down();
            }
            bed.step(step * STEP);
            if step > work && (step * STEP).is_multiple_of(SECOND) {
                bed.look_for_left_over(length.work);
            }
            bed.check(self)?;
        }
        bed.slots.clear();
        let mut server = lock(&bed.server);
        let history = std::mem::take(&mut server.history);
        let hash = hash(&history);
        Ok(Summary {
            hash,
            history,
            events: std::mem::take(&mut server.events.happened),
            counts: server.oracle.counts,
            struck: server.weather.struck.clone(),
        })
    }
}

// === impl Failure ===

impl Failure {
    /// Whether the same thing is wrong, as far as its words tell.
    pub fn is_like(&self, other: &Self) -> bool {
        self.kind() == other.kind()
    }

    /// The first words that are no names or numbers.
    fn kind(&self) -> Vec<&str> {
        let what = self.violation.lines().next().unwrap_or_default();
        let what = what.split_once(": ").map_or(what, |(_, what)| what);
        let is_plain = |word: &&str| !word.contains(|one: char| one.is_ascii_digit());
        what.split_whitespace().filter(is_plain).take(4).collect()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, length, violation, at: _, history, events, is_short } = self;
        let from = history.len().saturating_sub(LAST_WORDS);
        writeln!(f, "seed {seed}: {violation}\n\n{}\n", history[from..].join("\n"))?;
        let mut only = String::new();
        if *is_short {
            let count = events.len();
            writeln!(f, "it needs {count} events:")?;
            for Event { words, .. } in events {
                writeln!(f, "  {words}")?;
            }
            let names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
            only = format!("CURFEW_ONLY={} ", names.join(","));
        }
        let quick = if *length == Length::QUICK { "CURFEW_QUICK=1 " } else { "" };
        write!(
            f,
            "seed {seed}: {violation}\nto see it again: CURFEW_SEED={seed} {quick}{only}cargo test \
             --test faultbed one_seed -- --nocapture"
        )
    }
}

// === impl Length ===

impl Length {
    pub const QUICK: Self = Self { work: 4 * MINUTE, rest: 10 * MINUTE };
    pub const LONG: Self = Self { work: 15 * MINUTE, rest: 10 * MINUTE };
}

// === impl Bed ===

impl Bed {
    fn new(play: &Play<'_>) -> Self {
        let mut chance = Chance::new(play.seed);
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
        let mut tenants = Tenants::new(chance.of("tenants", 0), business);
        let events = Events { only: play.only.clone(), ..Events::default() };
        let weather = Weather::new(chance.of("weather", 0));
        let mut server = Server::new(weather, Oracle::default(), events);
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
            calm_at: play.length.work,
            exempts_at: 0,
            thaws_at: 0,
        };
        bed.draw_policy();
        for position in 0..replicas {
            let mut slot = Slot::new();
            let mut server = lock(&bed.server);
            server.oracle.replicas.push(Known::default());
            if position > 0 {
                slot.starts_at = Moment::MAX;
                server.happen(format!("replica-{position}"), |server| {
                    server.tell("there is one more replica");
                    slot.starts_at = 0;
                });
            }
            drop(server);
            bed.slots.push(slot);
        }
        for position in 0..bed.slots.len() {
            if bed.slots[position].starts_at == 0 {
                bed.start(position, 0);
            }
        }
        bed.next_policy = bed.chance.between(3 * MINUTE, 8 * MINUTE);
        bed
    }

    fn draw_policy(&mut self) -> usize {
        let mut server = lock(&self.server);
        let given = &mut server.oracle.given;
        let position = given.len();
        let mut chance = self.chance.of("policy", position as u64);
        given.push(Given::draw(&mut chance, self.action));
        position
    }

    fn start(&mut self, position: usize, now: Moment) {
        let policy = self.slots[position].policy;
        let compiled = Arc::clone(&lock(&self.server).oracle.given[policy].policy);
        let seed = self.chance.of(&format!("replica {position}"), now).seed();
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
            server.let_stragglers_in();
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
            let mut chance = self.chance.of("storms", now);
            // None of the events: each fault that it brings is one.
            if chance.per_mille(1) && chance.per_mille(500) {
                self.storm_until = now + chance.between(10 * SECOND, 60 * SECOND);
                server.weather.share = chance.between(150, 600);
                server.strike("storm");
            }
            let mut chance = self.chance.of("compactions", now);
            if chance.per_mille(1) && chance.per_mille(300) {
                server.happen(format!("compaction-{now}"), Server::compact);
            }
            let mut chance = self.chance.of("rights", now);
            if chance.per_mille(1) && chance.per_mille(200) {
                server.happen(format!("right-{now}"), |server| {
                    let rights = [
                        ("delete", "jobs"),
                        ("patch", "jobs"),
                        ("list", "cronjobs"),
                        ("create", "events"),
                    ];
                    let right = *chance.pick(&rights);
                    server.withheld = if server.withheld.is_some() { None } else { Some(right) };
                    server.strike("right withheld or granted");
                });
            }
            // A webhook of somebody else's does not answer, maybe until the last moment.
            let mut chance = self.chance.of("hanging writes", now);
            let seconds = chance.between(40, 140);
            let is_last = now + seconds / 2 * SECOND == self.calm_at && chance.per_mille(500);
            if chance.per_mille(1) && chance.per_mille(100) || is_last {
                server.happen(format!("hang-{now}"), |server| {
                    let namespace = tenants::any_namespace(&mut chance);
                    server.tell(&format!("writes to Jobs of {namespace} hang for {seconds} s"));
                    server.hanging = Some((namespace, now + seconds * SECOND));
                });
            }
            let mut chance = self.chance.of("deleted Leases", now);
            if chance.per_mille(1) && chance.per_mille(150) {
                server.happen(format!("lease-{now}"), |server| {
                    let lease = Key::new(Resource::Leases, NAMESPACE, LEASE);
                    if server.store.get(&lease).is_some() {
                        server.strike("Lease deleted");
                        server.remove(&lease, "somebody deletes");
                        server.oracle.lease_deleted();
                    }
                });
            }
            let mut chance = self.chance.of("approvals", now);
            if chance.per_mille(3) {
                server.happen(format!("approval-{now}"), |server| {
                    tenants::approve(chance, server);
                });
            }
        }
        self.exempt_unseen(now);
        self.freeze_and_thaw(now);
        if now >= self.next_policy {
            self.change_policy(now);
        }
        for position in 0..self.slots.len() {
            self.trouble_replica(position, now);
        }
    }

    /// Half of a load balancer dies: what comes over it from then on is not seen for a while, and
    /// somebody exempts what was about to go.
    fn exempt_unseen(&mut self, now: Moment) {
        let mut chance = self.chance.of("exemptions", now);
        if chance.per_mille(1) && chance.per_mille(300) {
            self.exempts_at = now + chance.between(1, 20) * SECOND;
            let kinds = [Resource::CronJobs, Resource::Namespaces, Resource::Jobs];
            let count = if chance.per_mille(700) { 2 } else { 3 };
            for position in 0..self.slots.len() {
                for kind in &kinds[..count] {
                    lock(&self.server).happen(
                        format!("hush-{position}-{kind:?}-{now}"),
                        |server| {
                            server.tell(&format!(
                                "the watch of replica {position} for {kind:?} is silent"
                            ));
                            server.hushed.insert((position, *kind), now);
                        },
                    );
                }
            }
        }
        if self.exempts_at == now {
            tenants::exempt(chance, &mut lock(&self.server));
        }
    }

    /// Somebody exempts all namespaces, and no longer when many Jobs have become due there; often
    /// while no replica runs.
    fn freeze_and_thaw(&mut self, now: Moment) {
        let mut chance = self.chance.of("frosts", now);
        let mut server = lock(&self.server);
        if self.thaws_at < now && chance.per_mille(1) && chance.per_mille(250) {
            self.thaws_at = now + chance.between(4 * 60 + 5, 7 * 60) * SECOND;
            server.happen(format!("frost-{now}"), |server| tenants::label_all(server, true));
        }
        if self.thaws_at == now {
            let mut killed = Vec::new();
            if chance.per_mille(500) {
                server.happen(format!("outage-{now}"), |server| {
                    server.strike("all replicas killed");
                    for slot in &mut self.slots {
                        killed.extend(slot.replica.take());
                        slot.starts_at = now + chance.between(SECOND, 20 * SECOND);
                    }
                });
            }
            server.happen(format!("thaw-{now}"), |server| {
                server.strike("all namespaces thawed");
                tenants::label_all(server, false);
            });
            // Their tasks end without the lock: they may let go of requests.
            drop(server);
            drop(killed);
        }
    }

    fn change_policy(&mut self, now: Moment) {
        let mut chance = self.chance.of("policies", now);
        self.next_policy = now + chance.between(3 * MINUTE, 8 * MINUTE);
        let policy = if chance.per_mille(200) {
            usize::try_from(chance.between(0, 1))
                .expect("small")
                .min(lock(&self.server).oracle.given.len() - 1)
        } else {
            self.draw_policy()
        };
        let slots = &mut self.slots;
        lock(&self.server).happen(format!("policy-{now}"), |server| {
            server.tell(&format!("policy {policy} is written"));
            for slot in slots {
                slot.coming.push((now + chance.between(0, 20 * SECOND), policy));
            }
        });
    }

    fn trouble_replica(&mut self, position: usize, now: Moment) {
        let Self { server, chance, slots, .. } = self;
        let slot = &mut slots[position];
        let mut server = lock(server);
        if slot.clock_right_at.is_some_and(|at| at <= now) {
            server.tell(&format!("the clock of replica {position} is put right"));
            (slot.ahead, slot.drift, slot.clock_right_at) = (0, 0, None);
        }
        let mut chance = chance.of(&format!("troubles of replica {position}"), now);
        if slot.replica.is_none()
            || slot.paused_since.is_some()
            || slot.dropped_at.is_some()
            || !chance.per_mille(1)
        {
            return;
        }
        let mut killed = None;
        server.happen(format!("trouble-{position}-{now}"), |server| match chance.between(0, 5) {
            0 => {
                server.strike("replica killed");
                killed = slot.replica.take();
                slot.starts_at = now + chance.between(SECOND, 20 * SECOND);
            }
            1 => {
                server.strike("replica restarted");
                slot.dropped_at = Some(now + 20 * SECOND);
            }
            2 => {
                server.strike("replica paused");
                slot.paused_since = Some(now - STEP);
                slot.resumes_at = now + chance.between(SECOND, 60 * SECOND);
            }
            3 => {
                server.strike("clock put");
                slot.ahead = signed(&mut chance, 100, 25_000);
            }
            4 => {
                server.strike("clock put far");
                slot.ahead = signed(&mut chance, 31_000, 7_200_000);
                slot.clock_right_at = Some(now + chance.between(5 * SECOND, 2 * MINUTE));
            }
            _ => {
                server.strike("clock drifts");
                slot.drift = signed(&mut chance, 1, 20);
                slot.clock_right_at = Some(now + chance.between(MINUTE, 5 * MINUTE));
            }
        });
        // Its tasks end without the lock: they may let go of requests.
        drop(server);
        drop(killed);
        if slot.dropped_at.is_some()
            && let Some(replica) = &slot.replica
        {
            replica.stop();
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
        server.hanging = None;
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

    /// What was due when all became well has to be gone soon, and from then on nothing may be left that
    /// has been due for so long.
    fn look_for_left_over(&mut self, calm_since: Moment) {
        let mut server = lock(&self.server);
        let now = server.now;
        let by = calm_since.max(now.saturating_sub(PATIENCE));
        let left = server.oracle.left_over(&server.store, by, now);
        let Some(first) = left.first() else { return };
        let counts = &mut server.oracle.counts;
        counts.settled_after = counts.settled_after.max(now - by);
        if now >= calm_since + PATIENCE {
            let count = left.len();
            server.oracle.violation =
                Some(format!("{count} Jobs are left that are due, such as {first}"));
        }
    }

    /// Stops at the first violation.
    fn check(&self, play: &Play<'_>) -> Result<(), Failure> {
        let mut server = lock(&self.server);
        let violation = server.oracle.violation.take().or_else(|| (play.wrong)(&server));
        let Some(violation) = violation else { return Ok(()) };
        Err(Failure {
            seed: play.seed,
            length: play.length,
            violation,
            at: server.now,
            history: std::mem::take(&mut server.history),
            events: std::mem::take(&mut server.events.happened),
            is_short: play.only.is_some(),
        })
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

/// After faults have stopped, what is due is gone in this time.
const PATIENCE: Moment = 3 * MINUTE;

/// Lines of history that a violation shows.
const LAST_WORDS: usize = 80;
