//! One replica of curfew: the code of production on a runtime and a clock of its own.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use curfew::clock::Played;
use curfew::cluster::clock_offset::{Layer, ServerClock};
use curfew::cluster::connect::Cluster;
use curfew::controllers::Running;
use curfew::controllers::running::Installation;
use curfew::metrics::Metrics;
use curfew::policy::Policy;
use jiff::SignedDuration;
use kube::Client;
use tokio::runtime::{Builder, RngSeed, Runtime};
use tokio::time::Instant;
use tower::Layer as _;

use crate::server::Shared;
use crate::server::service::{Caller, Endpoint};
use crate::time::{self, Moment};

/// A replica that runs.
pub struct Replica {
    runtime: Runtime,
    clock: Rc<Played>,
    began: Instant,
    born: Moment,
    running: Arc<Running>,
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
        let running = Arc::new(runtime.block_on(async { start(server, caller, policy) }));
        Self { runtime, clock, began: caller.began, born, running }
    }

    /// By which name it stands for election.
    pub fn identity(&self) -> &str {
        self.running.identity()
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
        self.running.policy(policy, None);
    }

    /// Asks it to end in good order; it takes some seconds.
    pub fn stop(&self) {
        let running = Arc::clone(&self.running);
        self.runtime.spawn(async move { running.stop().await });
    }
}

impl Drop for Replica {
    /// Its tasks are dropped with the runtime, and may look at the clock.
    fn drop(&mut self) {
        Played::on_this_thread(Some(Rc::clone(&self.clock)));
    }
}

/// Starts what `serve` starts at a cluster, with the model in its place.
fn start(server: &Shared, caller: Caller, policy: &Arc<Policy>) -> Running {
    let clock = ServerClock::default();
    let endpoint = Endpoint { server: Arc::clone(server), caller };
    let cluster = Cluster {
        client: Client::new(Layer(clock.clone()).layer(endpoint), NAMESPACE),
        url: "https://the.bed".to_owned(),
        namespace: NAMESPACE.to_owned(),
        proxy: None,
        clock,
    };
    let installation = Installation {
        host: format!("curfew-{}", caller.replica),
        own_namespace: Some(NAMESPACE.to_owned()),
        lease_name: LEASE.to_owned(),
        webhook_name: "curfew".to_owned(),
        ..Installation::default()
    };
    Running::start(cluster, installation, policy, &Arc::new(Metrics::new()), || None)
}

pub const NAMESPACE: &str = "curfew-system";
pub const LEASE: &str = "curfew";
