//! Raw calls to the API server, as client libraries send them, blocking.

use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use axum::http::Request;
use curfew::clock;
use kube::{
    Client, Config,
    client::Body,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::Value;

use super::wait::runtime;

/// Holds a connection to an API server as one user.
#[derive(Clone)]
pub struct Api {
    client: Client,
    /// What is sent as `User-Agent`; nothing where it is empty.
    agent: String,
}

/// What the API server answered.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub body: Value,
    /// The texts of the `Warning` headers.
    pub warnings: Vec<String>,
    /// Under which the call stands in the audit log.
    pub audit_id: String,
    pub took: Duration,
}

/// The kinds of PATCH.
#[derive(Clone, Copy, Debug)]
pub enum Patch<'a> {
    /// Server-side apply by this field manager.
    Apply(&'a str),
    Json,
    Merge,
}

// === impl Api ===

impl Api {
    pub fn new(kubeconfig: &Path) -> Self {
        let kubeconfig = Kubeconfig::read_from(kubeconfig).expect("the kubeconfig is ours");
        let client = runtime().block_on(async {
            let options = KubeConfigOptions::default();
            let mut config =
                Config::from_custom_kubeconfig(kubeconfig, &options).await.expect("complete");
            // A retried call would hide that the first one failed.
            config.default_retry = false;
            Client::try_from(config).expect("the certificates are ours")
        });
        Self { client, agent: String::new() }
    }

    /// The same user with another program: the API server names the field manager after it.
    #[must_use]
    pub fn with_agent(&self, agent: &str) -> Self {
        Self { client: self.client.clone(), agent: agent.to_owned() }
    }

    /// Without TLS and without a user.
    pub fn plain(url: &str) -> Self {
        let mut config = Config::new(url.parse().expect("it is a URL"));
        config.default_retry = false;
        let client = runtime().block_on(async { Client::try_from(config) });
        let client = client.expect("there is nothing to check");
        Self { client, agent: String::new() }
    }

    /// For calls that do not end, such as a watch.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// # Panics
    /// Where there is no answer at all.
    #[track_caller]
    pub fn call(&self, method: &str, path: &str, content: &str, body: Vec<u8>) -> Reply {
        let call = self.send(method, path, content, body);
        match runtime().block_on(call) {
            Ok(reply) => reply,
            Err(error) => panic!("{method} {path}: {error}"),
        }
    }

    pub async fn send(
        &self,
        method: &str,
        path: &str,
        content: &str,
        body: Vec<u8>,
    ) -> Result<Reply, kube::Error> {
        static CALLS: AtomicU64 = AtomicU64::new(0);
        let call = CALLS.fetch_add(1, Ordering::Relaxed);
        let audit_id = format!("curfew-test-{}-{call}", std::process::id());
        let mut request = Request::builder();
        if !self.agent.is_empty() {
            request = request.header("user-agent", &self.agent);
        }
        let request = request
            .method(method)
            .uri(path)
            .header("content-type", content)
            .header("accept", "application/json")
            .header("audit-id", &audit_id)
            .body(Body::from(body))
            .expect("method and path are valid");
        let start = clock::instant();
        let (head, body) = self.client.send(request).await?.into_parts();
        let bytes = body.collect_bytes().await?;
        let took = start.elapsed();
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&bytes).into_owned()));
        let warnings = head.headers.get_all("warning").iter().map(|value| {
            // `299 - "text"`, with quotes and backslashes escaped.
            let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
            let text = text.split_once('"').map_or("", |(_, rest)| rest);
            text.trim_end_matches('"').replace("\\\"", "\"")
        });
        let warnings = warnings.collect();
        Ok(Reply { status: head.status.as_u16(), body, warnings, audit_id, took })
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Reply {
        self.call("GET", path, JSON, Vec::new())
    }

    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Reply {
        self.call("POST", path, JSON, body.to_string().into_bytes())
    }

    #[track_caller]
    pub fn put(&self, path: &str, body: &Value) -> Reply {
        self.call("PUT", path, JSON, body.to_string().into_bytes())
    }

    #[track_caller]
    pub fn patch(&self, kind: Patch<'_>, path: &str, body: &Value) -> Reply {
        let (content, path) = match kind {
            Patch::Apply(manager) => {
                ("application/apply-patch+yaml", format!("{path}?fieldManager={manager}"))
            }
            Patch::Json => ("application/json-patch+json", path.to_owned()),
            Patch::Merge => ("application/merge-patch+json", path.to_owned()),
        };
        self.call("PATCH", &path, content, body.to_string().into_bytes())
    }

    /// In the background, as kubectl does.
    #[track_caller]
    pub fn delete(&self, path: &str) -> Reply {
        self.call("DELETE", path, JSON, br#"{"propagationPolicy":"Background"}"#.to_vec())
    }
}

// === impl Reply ===

impl Reply {
    /// The body of a call that must have worked.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{}: {}", self.status, self.body);
        self.body
    }
}

const JSON: &str = "application/json";
