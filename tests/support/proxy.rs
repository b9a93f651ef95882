//! A proxy on loopback that leads to one API server, whatever name it is asked for, and counts.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::{control_plane::ControlPlane, process::Scratch, stub::acceptor, wait::runtime};

/// Holds a running proxy.
pub struct Proxy {
    /// Without a user and a password.
    pub url: String,
    asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

/// What it does with who connects.
#[derive(Clone, Copy, Debug)]
pub enum Manner {
    Leads,
    /// Only who gives this user and password.
    LeadsOnly(&'static str, &'static str),
    /// Says this instead of an answer, and closes.
    Says(&'static str),
    /// Nothing, and keeps the connection.
    Hangs,
}

#[derive(Clone, Copy)]
struct Way {
    manner: Manner,
    socks: bool,
    server: SocketAddr,
}

// === impl Proxy ===

impl Proxy {
    /// `scheme` is one of a proxy's URL. The certificate of one in TLS is by the authority of the
    /// API server.
    pub fn start(plane: &ControlPlane, scheme: &str, manner: Manner) -> Self {
        let server = plane.url.strip_prefix("https://").and_then(|address| address.parse().ok());
        let way =
            Way { manner, socks: scheme == "socks5", server: server.expect("it is on loopback") };
        let tls = (scheme == "https").then(|| acceptor(&plane.authority.server()));
        let listener = runtime().block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let url = format!("{scheme}://{}", listener.local_addr().expect("it listens"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let counted = Arc::clone(&asked);
        let task = runtime().spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (tls, counted) = (tls.clone(), Arc::clone(&counted));
                tokio::spawn(async move {
                    match tls {
                        // A client that does not trust us goes away.
                        Some(tls) => way.serve(tls.accept(client).await?, &counted).await,
                        None => way.serve(client, &counted).await,
                    }
                });
            }
        });
        Self { url, asked, task }
    }

    /// With a user and a password, as they stand in a URL.
    pub fn url_of(&self, user: &str, password: &str) -> String {
        self.url.replace("://", &format!("://{user}:{password}@"))
    }

    /// What it was asked to lead to, each connection by itself.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no test panics in here").clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

// === impl Way ===

impl Way {
    async fn serve<S>(self, mut client: S, asked: &Mutex<Vec<String>>) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        match self.manner {
            Manner::Hangs => {
                tokio::time::sleep(Duration::from_secs(600)).await;
                return Ok(());
            }
            Manner::Says(text) => {
                // Closed before it was read, what is said would be lost.
                let _ = client.read(&mut [0; 4096]).await?;
                client.write_all(text.as_bytes()).await?;
                client.shutdown().await?;
                tokio::io::copy(&mut client, &mut tokio::io::sink()).await?;
                return Ok(());
            }
            Manner::Leads | Manner::LeadsOnly(..) => {}
        }
        let target = if self.socks {
            self.socks(&mut client).await?
        } else {
            self.http(&mut client).await?
        };
        let Some(target) = target else { return client.shutdown().await };
        asked.lock().expect("no test panics in here").push(target);
        copy_bidirectional(&mut client, &mut TcpStream::connect(self.server).await?).await?;
        Ok(())
    }

    /// `None` where it is refused.
    async fn http<S>(self, client: &mut S) -> io::Result<Option<String>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            head.push(char::from(client.read_u8().await?));
        }
        let target = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next());
        let target = target.expect("nothing but CONNECT is asked").to_owned();
        if let Manner::LeadsOnly(user, password) = self.manner {
            let expected = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
            let given = head.lines().any(|line| {
                let (name, value) = line.split_once(": ").unwrap_or_default();
                name.eq_ignore_ascii_case("proxy-authorization") && value == expected
            });
            if !given {
                client.write_all(b"HTTP/1.1 407 Who are you\r\ncontent-length: 0\r\n\r\n").await?;
                return Ok(None);
            }
        }
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
        Ok(Some(target))
    }

    /// `None` where it is refused.
    async fn socks<S>(self, client: &mut S) -> io::Result<Option<String>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let version = client.read_u8().await?;
        let methods = field(client).await?;
        let method = if matches!(self.manner, Manner::LeadsOnly(..)) { 2 } else { 0 };
        if version != 5 || !methods.contains(&method) {
            client.write_all(&[5, 0xff]).await?;
            return Ok(None);
        }
        client.write_all(&[5, method]).await?;
        if let Manner::LeadsOnly(user, password) = self.manner {
            let _version = client.read_u8().await?;
            let given = (field(client).await?, field(client).await?);
            let right = given == (user.into(), password.into());
            client.write_all(&[1, u8::from(!right)]).await?;
            if !right {
                return Ok(None);
            }
        }
        let mut head = [0; 4];
        client.read_exact(&mut head).await?;
        let host = match head[3] {
            1 => std::net::Ipv4Addr::from(client.read_u32().await?).to_string(),
            3 => String::from_utf8(field(client).await?).expect("a name is text"),
            kind => panic!("no address of kind {kind} is asked for"),
        };
        let port = client.read_u16().await?;
        client.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 0]).await?;
        Ok(Some(format!("{host}:{port}")))
    }
}

/// A length and so many bytes.
async fn field(client: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; client.read_u8().await?.into()];
    client.read_exact(&mut bytes).await?;
    Ok(bytes)
}

/// A copy of a kubeconfig with other members of its cluster.
pub fn with_cluster(kubeconfig: &Path, folder: &Scratch, members: &[(&str, &str)]) -> PathBuf {
    let text = std::fs::read_to_string(kubeconfig).expect("the kubeconfig is ours");
    let mut config: Value = serde_json::from_str(&text).expect("it is JSON");
    for (name, value) in members {
        config["clusters"][0]["cluster"][name] = (*value).into();
    }
    folder.write("changed.kubeconfig", config.to_string())
}
