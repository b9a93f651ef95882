//! What a Service does in a cluster: one address, new connections to the backends that are ready,
//! old ones left where they are.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::wait::runtime;

/// Holds a running forwarder.
pub struct Service {
    pub address: SocketAddr,
    backends: Arc<Mutex<Vec<SocketAddr>>>,
    task: JoinHandle<()>,
}

// === impl Service ===

impl Service {
    pub fn new(backends: Vec<SocketAddr>) -> Self {
        let backends = Arc::new(Mutex::new(backends));
        let listener = runtime()
            .block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
            .expect("a loopback port is free");
        let address = listener.local_addr().expect("it is bound");
        let task = runtime().spawn(forward(listener, Arc::clone(&backends)));
        Self { address, backends, task }
    }

    /// From now on, new connections go to these.
    pub fn set(&self, backends: Vec<SocketAddr>) {
        *self.backends.lock().expect("nobody panics in here") = backends;
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(listener: TcpListener, backends: Arc<Mutex<Vec<SocketAddr>>>) {
    let turn = AtomicUsize::new(0);
    while let Ok((mut client, _)) = listener.accept().await {
        let backend = {
            let backends = backends.lock().expect("nobody panics in here");
            if backends.is_empty() {
                continue;
            }
            backends[turn.fetch_add(1, Ordering::Relaxed) % backends.len()]
        };
        tokio::spawn(async move {
            let Ok(mut server) = TcpStream::connect(backend).await else { return };
            let _ = copy_bidirectional(&mut client, &mut server).await;
        });
    }
}
