//! One replica of curfew: the code of production on a runtime and a clock of its own.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use curfew::clock::Played;
use curfew::cluster::clock_offset::{Layer, ServerClock};
use curfew::cluster::connect::Cluster;
use curfew::cluster::events::Recorder;
use curfew::controllers::{ControllerContext, Heartbeat, Sweeper, Watches};
use curfew::leader::lease::LeaseLock;
use curfew::leader::{Candidate, LeaderStatus, Replica as Said, Timing, task};
use curfew::metrics::Metrics;
use curfew::policy::Policy;
use curfew::sweeper::Reach;
use jiff::SignedDuration;
use kube::Client;
use tokio::runtime::{Builder, RngSeed, Runtime};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::Layer as _;

use crate::server::Shared;
use crate::server::service::{Caller, Endpoint};
use crate::time::{self, Moment};

/// A replica that runs.
pub struct Replica {
    pub identity: String,
    runtime: Runtime,
    clock: Rc<Played>,
    began: Instant,
    born: Moment,
    watches: Arc<Watches>,
    policies: watch::Sender<Arc<Policy>>,
    stop: CancellationToken,
}

// === impl Replica ===

impl Replica {
    /// Starts one, as `serve` does.
    pub fn start(
        server: &Shared,
        position: usize,
        policy: &Arc<Policy>,
        born: Moment,
        seed: u64,
    ) -> Self {
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            // Else the order in which the receivers of a channel wake is tokio's own chance.
            .rng_seed(RngSeed::from_bytes(&seed.to_le_bytes()))
            .build()
            .expect("a runtime");
        let (clock, caller) = runtime.block_on(async {
            let caller = Caller { replica: position, born, began: Instant::now() };
            (Rc::new(Played::new(time::wall(born), seed)), caller)
        });
        Played::on_this_thread(Some(Rc::clone(&clock)));
        let stop = CancellationToken::new();
        let (identity, watches, policies) =
            runtime.block_on(async { assemble(server, caller, policy, &stop) });
        Self { identity, runtime, clock, began: caller.began, born, watches, policies, stop }
    }

    /// Runs it until a moment.
    pub fn step(&self, until: Moment) {
        Played::on_this_thread(Some(Rc::clone(&self.clock)));
        let until = self.began + Duration::from_millis(until - self.born);
        self.runtime.block_on(async { tokio::time::sleep_until(until).await });
    }

    /// It stood still until a moment, and all its timers go off at once.
    pub fn resume(&self, at: Moment) {
        Played::on_this_thread(Some(Rc::clone(&self.clock)));
        let at = self.began + Duration::from_millis(at - self.born);
        self.runtime.block_on(async { tokio::time::advance(at - Instant::now()).await });
    }

    /// Puts its wall clock so many milliseconds ahead.
    pub fn put_clock(&self, ahead: i64) {
        self.clock.put(SignedDuration::from_millis(ahead));
    }

    /// Another policy lies on its disk.
    pub fn load(&self, policy: &Arc<Policy>) {
        Played::on_this_thread(Some(Rc::clone(&self.clock)));
        self.watches.keep_for(policy);
        self.policies.send_if_modified(|present| {
            let changed = present.revision != policy.revision;
            *present = Arc::clone(policy);
            changed
        });
    }

    /// Asks it to end in good order; it takes some seconds.
    pub fn stop(&self) {
        self.stop.cancel();
    }
}

impl Drop for Replica {
    /// Its tasks are dropped with the runtime, and may look at the clock.
    fn drop(&mut self) {
        Played::on_this_thread(Some(Rc::clone(&self.clock)));
    }
}

/// What `Running::start` of `cli::commands::serve::cluster` does.
fn assemble(
    server: &Shared,
    caller: Caller,
    policy: &Arc<Policy>,
    stop: &CancellationToken,
) -> (String, Arc<Watches>, watch::Sender<Arc<Policy>>) {
    let clock = ServerClock::default();
    let endpoint = Endpoint { server: Arc::clone(server), caller };
    let client = Client::new(Layer(clock.clone()).layer(endpoint), NAMESPACE);
    let cluster = Cluster {
        client: client.clone(),
        url: "https://the.bed".to_owned(),
        namespace: NAMESPACE.to_owned(),
        proxy: None,
        clock,
    };
    let watches = Arc::new(Watches::start(&client, policy, stop));
    let (policies, in_use) = watch::channel(Arc::clone(policy));
    let host = format!("curfew-{}", caller.replica);
    let candidate = Candidate { identity: task::identity(&host), timing: Timing::default() };
    let identity = candidate.identity.clone();
    let (recorder, _events) = Recorder::start(client.clone(), &identity, stop.clone());
    let (told, standing) = watch::channel(LeaderStatus::default());
    let lease = LeaseLock::new(client, NAMESPACE, LEASE);
    let context = ControllerContext {
        cluster,
        watches: Arc::clone(&watches),
        policies: in_use.clone(),
        standing: standing.clone(),
        lease: lease.clone(),
        identity: identity.clone(),
        recorder,
        metrics: Arc::new(Metrics::new()),
        own_namespace: Some(NAMESPACE.to_owned()),
        reach: Arc::new(Reach::only(Vec::new())),
    };
    let presence = Heartbeat {
        lease: lease.clone(),
        clock: context.cluster.clock.clone(),
        identity: identity.clone(),
        standing,
    };
    let look = move || Said { revision: in_use.borrow().revision.clone(), ..Said::default() };
    tokio::spawn(presence.run(look, stop.clone()));
    let sweeper = Arc::new(Sweeper {
        context,
        lease_name: (NAMESPACE.to_owned(), LEASE.to_owned()),
        registration: "curfew".to_owned(),
    });
    tokio::spawn(task::run(lease, candidate, told, stop.clone(), move |term| {
        Arc::clone(&sweeper).work(term)
    }));
    (identity, watches, policies)
}

pub const NAMESPACE: &str = "curfew-system";
pub const LEASE: &str = "curfew";
