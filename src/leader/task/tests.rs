use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{Candidate, JITTER, LeaderStatus, Term, run};
use crate::clock;
use crate::leader::lease::{Lease, LeaseError, ResourceLock};
use crate::leader::{LeaderElectionRecord, Timing};

/// The Lease, and what the replicas did, in the order in which they did it.
#[derive(Clone)]
struct World {
    lease: Arc<Mutex<Option<Lease>>>,
    diary: Arc<Mutex<Vec<(Duration, String)>>>,
    start: Instant,
}

/// The way of one replica to the Lease.
struct Road {
    lease: Arc<Mutex<Option<Lease>>>,
    open: Arc<AtomicBool>,
}

struct Replica {
    stop: CancellationToken,
    open: Arc<AtomicBool>,
    standing: watch::Receiver<LeaderStatus>,
    task: JoinHandle<()>,
}

/// Writes into the diary when the work is over, however it ends.
struct Working(World, &'static str);

impl World {
    fn new() -> Self {
        Self { lease: Arc::default(), diary: Arc::default(), start: clock::ticks() }
    }

    fn note(&self, what: String) {
        self.diary.lock().unwrap().push((self.start.elapsed(), what));
    }

    /// When something was first noted, in seconds.
    fn when(&self, what: &str) -> f64 {
        let diary = self.diary.lock().unwrap();
        let found = diary.iter().find(|(_, noted)| noted == what);
        found.unwrap_or_else(|| panic!("{what}: {diary:?}")).0.as_secs_f64()
    }

    fn has(&self, what: &str) -> bool {
        self.diary.lock().unwrap().iter().any(|(_, noted)| noted == what)
    }

    fn holder(&self) -> Option<String> {
        self.lease.lock().unwrap().as_ref().map(|lease| lease.record().holder)
    }

    /// Starts a replica whose work needs `slow` to end once it is told to.
    fn join(&self, name: &'static str, slow: Duration) -> Replica {
        let (stop, open) = (CancellationToken::new(), Arc::new(AtomicBool::new(true)));
        let road = Road { lease: Arc::clone(&self.lease), open: Arc::clone(&open) };
        let (standing, told) = watch::channel(LeaderStatus::default());
        let candidate = Candidate { identity: name.to_owned(), timing: Timing::default() };
        let world = self.clone();
        let work = move |term: Term| {
            let world = world.clone();
            async move {
                world.note(format!("{name} starts"));
                let _end = Working(world.clone(), name);
                while !term.over.is_cancelled() {
                    if term.holds() {
                        world.note(format!("{name} writes"));
                    }
                    tokio::select! {
                        () = term.over.cancelled() => {}
                        () = sleep(Duration::from_millis(100)) => {}
                    }
                }
                assert!(!term.holds());
                world.note(format!("{name} is told to stop"));
                sleep(slow).await;
            }
        };
        let task = tokio::spawn(run(road, candidate, standing, stop.clone(), work));
        Replica { stop, open, standing: told, task }
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        let Self(world, name) = self;
        world.note(format!("{name} ends"));
    }
}

impl Road {
    async fn way(&self) -> Result<(), LeaseError> {
        sleep(CALL).await;
        if self.open.load(Ordering::Relaxed) {
            return Ok(());
        }
        sleep(Duration::from_secs(3600)).await;
        Err(LeaseError::Failed("no way".to_owned()))
    }
}

impl ResourceLock for Road {
    async fn read(&self) -> Result<Option<Lease>, LeaseError> {
        self.way().await?;
        Ok(self.lease.lock().unwrap().clone())
    }

    async fn create(&self, record: &LeaderElectionRecord) -> Result<Lease, LeaseError> {
        self.way().await?;
        let mut lease = self.lease.lock().unwrap();
        if lease.is_some() {
            return Err(LeaseError::Conflict);
        }
        Ok(lease.insert(Lease::new("curfew", record)).clone())
    }

    async fn replace(
        &self,
        old: &Lease,
        record: &LeaderElectionRecord,
    ) -> Result<Lease, LeaseError> {
        self.way().await?;
        let mut lease = self.lease.lock().unwrap();
        if lease.as_ref() != Some(old) {
            return Err(LeaseError::Conflict);
        }
        Ok(lease.insert(old.with(record)).clone())
    }
}

/// How long a call takes on an open road.
const CALL: Duration = Duration::from_millis(20);

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test(start_paused = true)]
async fn one_works_and_the_other_waits() {
    let world = World::new();
    let one = world.join("one", s(0));
    sleep(s(5)).await;
    let two = world.join("two", s(0));
    sleep(s(120)).await;
    assert!(!world.has("one ends") && !world.has("two starts"));
    assert_eq!(two.standing.borrow().holder, "one");
    assert!(one.standing.borrow().leading && !two.standing.borrow().leading);
}

#[tokio::test(start_paused = true)]
async fn a_clean_stop_gives_the_lease_back_after_the_work() {
    let world = World::new();
    let one = world.join("one", s(20));
    sleep(s(5)).await;
    let two = world.join("two", s(0));
    sleep(s(5)).await;
    one.stop.cancel();
    one.task.await.unwrap();
    assert_eq!(world.holder().as_deref(), Some(""));
    sleep(s(10)).await;
    // The Lease was kept alive while the work took its time.
    assert!(world.when("one ends") >= world.when("one is told to stop") + 20.0);
    assert!(world.when("two starts") > world.when("one ends"));
    assert!(world.when("two starts") < world.when("one ends") + 5.0);
    assert!(two.standing.borrow().leading);
}

#[tokio::test(start_paused = true)]
async fn who_cannot_renew_stops_before_another_starts() {
    let world = World::new();
    let one = world.join("one", s(3));
    sleep(s(5)).await;
    let _two = world.join("two", s(0));
    sleep(s(20)).await;
    one.open.store(false, Ordering::Relaxed);
    let cut = world.start.elapsed().as_secs_f64();
    sleep(s(40)).await;
    let told = world.when("one is told to stop");
    assert!((cut + 7.0..=cut + 10.1).contains(&told), "{told}");
    assert!((told + 2.9..=told + 3.1).contains(&world.when("one ends")));
    assert!(world.when("two starts") > world.when("one ends"));
    // Two sees the last sign of life within a round, and within another that there was no other.
    let Timing { lease, retry, .. } = Timing::default();
    let round = retry.mul_f64(1.0 + JITTER) + CALL;
    assert!(world.when("two starts") < cut + (lease + 2 * (round + CALL)).as_secs_f64());
    let diary = world.diary.lock().unwrap().clone();
    let last = diary.iter().rev().find(|(_, noted)| noted == "one writes").unwrap().0;
    assert!(last.as_secs_f64() <= told && last.as_secs_f64() > cut + 7.0);
    drop(diary);
    // Back again, it waits like anybody.
    one.open.store(true, Ordering::Relaxed);
    sleep(s(60)).await;
    assert!(!one.standing.borrow().leading && !world.has("two ends"));
}

#[tokio::test(start_paused = true)]
async fn work_that_does_not_end_is_dropped_before_another_starts() {
    let world = World::new();
    let one = world.join("one", s(3600));
    sleep(s(5)).await;
    let _two = world.join("two", s(0));
    sleep(s(5)).await;
    one.open.store(false, Ordering::Relaxed);
    sleep(s(40)).await;
    assert!(world.when("one ends") < world.when("two starts"));
}

#[tokio::test(start_paused = true)]
async fn work_that_does_not_end_is_dropped_on_a_clean_stop_too() {
    let world = World::new();
    let one = world.join("one", s(3600));
    sleep(s(5)).await;
    one.stop.cancel();
    tokio::time::timeout(s(40), one.task).await.unwrap().unwrap();
    assert_eq!(world.holder().as_deref(), Some(""));
}

#[tokio::test(start_paused = true)]
async fn a_deleted_lease_is_made_again_without_a_pause() {
    let world = World::new();
    let _one = world.join("one", s(0));
    sleep(s(5)).await;
    let _two = world.join("two", s(0));
    sleep(s(5)).await;
    for _ in 0..20 {
        *world.lease.lock().unwrap() = None;
        sleep(s(5)).await;
        assert_eq!(world.holder().as_deref(), Some("one"));
    }
    assert!(!world.has("one ends") && !world.has("two starts"));
}

#[tokio::test(start_paused = true)]
async fn a_lease_deleted_behind_a_dead_leader_is_made_by_another() {
    let world = World::new();
    let one = world.join("one", s(0));
    sleep(s(5)).await;
    let _two = world.join("two", s(0));
    sleep(s(5)).await;
    one.open.store(false, Ordering::Relaxed);
    *world.lease.lock().unwrap() = None;
    sleep(s(40)).await;
    assert!(world.when("one ends") < world.when("two starts"));
}

#[tokio::test(start_paused = true)]
async fn who_reads_another_name_stops_at_once() {
    let world = World::new();
    let _one = world.join("one", s(0));
    sleep(s(5)).await;
    let thief = LeaderElectionRecord {
        holder: "thief".to_owned(),
        duration: Some(s(15)),
        ..LeaderElectionRecord::default()
    };
    *world.lease.lock().unwrap() = Some(Lease::new("curfew", &thief));
    let taken = world.start.elapsed().as_secs_f64();
    sleep(s(3)).await;
    assert!(world.when("one ends") < taken + 2.5);
    // Silent for fifteen seconds, the thief loses it again.
    sleep(s(20)).await;
    assert_eq!(world.holder().as_deref(), Some("one"));
}

#[tokio::test(start_paused = true)]
async fn work_that_breaks_off_gives_the_lease_back() {
    let world = World::new();
    let (standing, _told) = watch::channel(LeaderStatus::default());
    let road = Road { lease: Arc::clone(&world.lease), open: Arc::new(AtomicBool::new(true)) };
    let candidate = Candidate { identity: "one".to_owned(), timing: Timing::default() };
    let stop = CancellationToken::new();
    let work = {
        let world = world.clone();
        move |_term| {
            let world = world.clone();
            async move {
                world.note("starts".to_owned());
                panic!("on purpose");
            }
        }
    };
    let task = tokio::spawn(run(road, candidate, standing, stop.clone(), work));
    sleep(s(1)).await;
    assert_eq!(world.holder().as_deref(), Some(""));
    sleep(s(20)).await;
    let starts = world.diary.lock().unwrap().len();
    assert!((3..=11).contains(&starts), "{starts}");
    stop.cancel();
    task.await.unwrap();
}
