//! A load balancer that goes half dead: connections that are open at that moment stay open, and say
//! nothing more; new ones work.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use curfew::clock;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::{process::Scratch, wait::runtime};

/// Holds the load balancer in front of an API server.
pub struct Silence {
    address: SocketAddr,
    silent: Arc<AtomicBool>,
    task: JoinHandle<()>,
    scratch: Scratch,
}

// === impl Silence ===

impl Silence {
    /// Before the API server that a kubeconfig names.
    pub fn before(kubeconfig: &Path) -> (Self, PathBuf) {
        let text = std::fs::read_to_string(kubeconfig).expect("the kubeconfig is ours");
        let start = text.find("https://").expect("it names a server") + "https://".len();
        let end = start + text[start..].find('"').expect("it ends");
        let server: SocketAddr = text[start..end].parse().expect("an address on loopback");
        let listener = runtime().block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let silent = Arc::new(AtomicBool::new(false));
        let task = runtime().spawn(serve(listener, server, Arc::clone(&silent)));
        let scratch = Scratch::new().expect("a scratch directory can be made");
        let path =
            scratch.write("kubeconfig", format!("{}{address}{}", &text[..start], &text[end..]));
        (Self { address, silent, task, scratch }, path)
    }

    /// From now on, what is open and idle brings nothing more.
    pub fn fall_silent(&self) {
        self.silent.store(true, Ordering::SeqCst);
    }

    /// What was held back comes.
    pub fn speak(&self) {
        self.silent.store(false, Ordering::SeqCst);
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        self.task.abort();
        let Self { address: _, silent: _, task: _, scratch: _ } = self;
    }
}

async fn serve(listener: TcpListener, server: SocketAddr, silent: Arc<AtomicBool>) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(tunnel(client, server, Arc::clone(&silent)));
    }
}

/// Carries bytes both ways; while it is silent, nothing to a client that has asked for nothing of
/// late, as one that watches.
async fn tunnel(client: TcpStream, server: SocketAddr, silent: Arc<AtomicBool>) {
    let Ok(upstream) = TcpStream::connect(server).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = upstream.into_split();
    let start = clock::instant();
    let asked = Arc::new(AtomicU64::new(0));
    let last = Arc::clone(&asked);
    let ms = move || u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    let there = async move {
        let mut buffer = [0; 16_384];
        while let Ok(count @ 1..) = from_client.read(&mut buffer).await {
            last.store(ms(), Ordering::SeqCst);
            if to_server.write_all(&buffer[..count]).await.is_err() {
                break;
            }
        }
    };
    let back = async move {
        let mut buffer = [0; 16_384];
        while let Ok(count @ 1..) = from_server.read(&mut buffer).await {
            while silent.load(Ordering::SeqCst) && ms() > asked.load(Ordering::SeqCst) + IDLE {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            if to_client.write_all(&buffer[..count]).await.is_err() {
                break;
            }
        }
    };
    tokio::join!(there, back);
}

/// In milliseconds. The Lease is renewed every two seconds.
const IDLE: u64 = 3000;
