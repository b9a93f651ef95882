//! The network of a cluster, as far as an API server needs it: a way from the address of a Service
//! to the Pods behind it.
//!
//! The API server is told to reach Services by an egress proxy (HTTP CONNECT on a socket of its
//! own), which is this one. So webhooks stay registered by their Service, as in production, and
//! TLS asks for the Service's name.

use std::{
    collections::HashMap,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpStream, UnixListener, UnixStream},
    task::JoinHandle,
};

use super::{process::Scratch, wait::runtime};

/// Holds the proxy.
pub struct Network {
    routes: Routes,
    task: JoinHandle<()>,
    scratch: Scratch,
}

/// By the address of a Service and its port.
type Routes = Arc<Mutex<HashMap<String, Vec<SocketAddr>>>>;

// === impl Network ===

impl Network {
    pub fn start() -> Self {
        let scratch = Scratch::new().expect("a scratch directory can be made");
        let routes = Routes::default();
        let _inside = runtime().enter();
        let listener = UnixListener::bind(scratch.join(SOCKET)).expect("the path is free");
        let task = runtime().spawn(serve(listener, Arc::clone(&routes)));
        let config = json!({
            "apiVersion": "apiserver.k8s.io/v1beta1",
            "kind": "EgressSelectorConfiguration",
            "egressSelections": [{"name": "cluster", "connection": {
                "proxyProtocol": "HTTPConnect",
                "transport": {"uds": {"udsName": scratch.join(SOCKET)}},
            }}],
        });
        scratch.write(CONFIG, config.to_string());
        Self { routes, task, scratch }
    }

    /// The flag by which an API server uses it.
    pub fn flag(&self) -> String {
        format!("--egress-selector-config-file={}", Path::new(&self.scratch.join(CONFIG)).display())
    }

    /// From now on, new connections to a Service go to these.
    pub fn route(&self, service: &str, pods: Vec<SocketAddr>) {
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        routes.insert(service.to_owned(), pods);
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: UnixListener, routes: Routes) {
    let mut turn = 0;
    while let Ok((client, _)) = listener.accept().await {
        turn += 1;
        tokio::spawn(tunnel(client, Arc::clone(&routes), turn));
    }
}

async fn tunnel(mut client: UnixStream, routes: Routes, turn: usize) {
    let Some(service) = asked_for(&mut client).await else { return };
    let pod = {
        let routes = routes.lock().unwrap_or_else(PoisonError::into_inner);
        let pods = routes.get(&service).map(Vec::as_slice).unwrap_or_default();
        (!pods.is_empty()).then(|| pods[turn % pods.len()])
    };
    let server = match pod {
        Some(pod) => TcpStream::connect(pod).await.ok(),
        None => None,
    };
    let Some(mut server) = server else {
        let _ = client.write_all(b"HTTP/1.1 503 nobody is ready\r\n\r\n").await;
        return;
    };
    if client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.is_ok() {
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}

/// The host and port of a CONNECT request.
async fn asked_for(client: &mut UnixStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        // The client waits for our answer, so nothing of the tunnel has come yet.
        head.push(client.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    head.strip_prefix("CONNECT ")?.split(' ').next().map(str::to_owned)
}

const SOCKET: &str = "egress.sock";
const CONFIG: &str = "egress.json";
