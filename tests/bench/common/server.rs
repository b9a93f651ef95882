//! `curfew serve` and the echo, started and ready, on free loopback ports.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use curfew::clock;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::CertificateDer;
use tempfile::TempDir;

use super::{
    child::Child,
    echo::{Answers, Echo},
};

/// Holds a running server.
pub struct Server {
    pub address: SocketAddr,
    pub child: Child,
    /// From before its start to the first answer that it is ready.
    pub start: Duration,
}

/// Holds a directory for what servers read and write, and the certificate that they show.
pub struct Site {
    directory: TempDir,
    pub certificate: CertificateDer<'static>,
}

// === impl Site ===

impl Site {
    pub fn prepare() -> Self {
        let directory = tempfile::Builder::new().prefix("curfew-bench-").tempdir();
        let directory = directory.expect("a scratch directory can be made");
        let names = [Ipv4Addr::LOCALHOST.to_string()];
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(names).expect("an address can stand in a certificate");
        let site = Self { directory, certificate: cert.der().clone() };
        std::fs::write(site.path(CERTIFICATE), cert.pem()).expect("it is writable");
        std::fs::write(site.path(KEY), signing_key.serialize_pem()).expect("it is writable");
        site
    }

    /// Starts curfew without a cluster and with the policy that is bundled, or with `policy`.
    pub fn curfew(&self, policy: Option<&Path>) -> Server {
        let (address, admin) = (free_address(), free_address());
        let mut command = Command::new(env!("CARGO_BIN_EXE_curfew"));
        command
            .args(["serve", "--log-format", "json"])
            .args(["--listen", &address.to_string(), "--admin-listen", &admin.to_string()])
            .arg("--tls-cert")
            .arg(self.path(CERTIFICATE))
            .arg("--tls-key")
            .arg(self.path(KEY));
        if let Some(policy) = policy {
            command.arg("--policy").arg(policy);
        }
        self.start(&mut command, address, || ready(admin))
    }

    /// Starts this binary again, as an echo.
    pub fn echo(&self, answers: Answers) -> Server {
        let address = free_address();
        let echo =
            Echo { address, certificate: self.path(CERTIFICATE), key: self.path(KEY), answers };
        let mut command = Command::new(std::env::current_exe().expect("it is running"));
        command.args(echo.arguments());
        self.start(&mut command, address, || TcpStream::connect(address).is_ok())
    }

    /// In a scratch directory that goes with this.
    pub fn path(&self, file: &str) -> PathBuf {
        self.directory.path().join(file)
    }

    fn start(
        &self,
        command: &mut Command,
        address: SocketAddr,
        ready: impl Fn() -> bool,
    ) -> Server {
        command.current_dir(self.directory.path());
        let log = self.path(&format!("{}.log", address.port()));
        let begin = clock::instant();
        let mut child = Child::start(command, &log);
        while !ready() {
            let ended = child.ended();
            assert!(ended.is_none(), "the server ended, {ended:?}: {}", child.log());
            assert!(begin.elapsed() < LIMIT, "not ready in {LIMIT:?}: {}", child.log());
            thread::sleep(PAUSE);
        }
        Server { address, child, start: begin.elapsed() }
    }
}

/// A port that was free a moment ago.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port is free");
    listener.local_addr().expect("it is bound")
}

fn ready(admin: SocketAddr) -> bool {
    let answer = || {
        let mut stream = TcpStream::connect(admin).ok()?;
        stream.set_read_timeout(Some(LIMIT)).ok()?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        Some(answer.starts_with(b"HTTP/1.1 200 "))
    };
    answer().unwrap_or(false)
}

const CERTIFICATE: &str = "tls.crt";

const KEY: &str = "tls.key";

/// Short beside what is measured, long enough not to take part in it.
const PAUSE: Duration = Duration::from_micros(500);

const LIMIT: Duration = Duration::from_secs(20);
