//! curfew itself, as the binary that was built.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::Value;

use super::{
    control_plane::ControlPlane,
    kubectl::Said,
    pki::{Authority, Pair},
    process::{Child, Scratch},
    registration::Endpoint,
    sweeping::{LEASES, lease_name},
    volume::Volume,
    wait::eventually,
};

/// Holds a running `curfew serve`.
pub struct Curfew {
    /// HTTPS.
    pub address: SocketAddr,
    /// Health and metrics, plain HTTP.
    pub admin: SocketAddr,
    pub process: Child,
    policy: Volume,
    certificate: Volume,
    bundle: String,
    // The last to go: the process reads from it.
    _scratch: Scratch,
}

// === impl Curfew ===

impl Curfew {
    /// Starts with a policy file and waits until it is ready.
    pub fn start(authority: &Authority, policy: &str) -> Self {
        Self::start_with(authority, &[("policy.yaml", policy)], &[])
    }

    /// Starts with a directory of policy files and further arguments.
    pub fn start_with(authority: &Authority, policy: &[(&str, &str)], arguments: &[&str]) -> Self {
        let curfew = Self::launch(authority, policy, arguments);
        curfew.wait_until_ready();
        curfew
    }

    /// Starts in a cluster, as an administrator of it, and waits until it is ready.
    pub fn start_in(plane: &ControlPlane, policy: &str) -> Self {
        let curfew = Self::launch_in(&plane.authority, &plane.kubeconfig, policy);
        curfew.wait_until_ready();
        curfew
    }

    /// Starts with a kubeconfig of whatever cluster, and waits only until it listens. It competes
    /// with nobody: its Lease has a name of its own.
    pub fn launch_in(authority: &Authority, kubeconfig: &Path, policy: &str) -> Self {
        let lease = lease_name();
        let kubeconfig = kubeconfig.to_str().expect("a temporary directory has a plain name");
        let arguments =
            [["--kubeconfig", kubeconfig], ["--namespace", LEASES], ["--lease-name", &lease]];
        Self::launch(authority, &[("policy.yaml", policy)], arguments.as_flattened())
    }

    fn launch(authority: &Authority, policy: &[(&str, &str)], arguments: &[&str]) -> Self {
        let mut all = vec![
            "serve",
            "--policy=/etc/curfew/policy",
            "--listen=127.0.0.1:0",
            "--admin-listen=127.0.0.1:0",
            "--log-format=json",
        ];
        all.extend(arguments);
        // Whoever keeps a pair in a Secret is given none.
        if !arguments.contains(&"--tls-secret") {
            all.extend(["--tls-cert=/etc/curfew/tls/tls.crt", "--tls-key=/etc/curfew/tls/tls.key"]);
        }
        let all: Vec<String> = all.into_iter().map(str::to_owned).collect();
        Self::contained(authority, policy, &all, &[])
    }

    /// Starts what the container of a Pod says, with the volumes that the chart mounts, and waits
    /// until it listens.
    pub fn contained(
        authority: &Authority,
        policy: &[(&str, &str)],
        arguments: &[String],
        environment: &[(&str, &str)],
    ) -> Self {
        let scratch = Scratch::new().expect("a scratch directory can be made");
        let (policy_volume, certificate) =
            (Volume::new(scratch.join("policy")), Volume::new(scratch.join("tls")));
        policy_volume.put(policy);
        put_pair(&certificate, &authority.server());
        let path = |volume: &Volume| volume.path.display().to_string();
        let mounted = |argument: &String| {
            argument
                .replace("/etc/curfew/policy", &path(&policy_volume))
                .replace("/etc/curfew/tls", &path(&certificate))
        };
        let mut command = Command::new(env!("CARGO_BIN_EXE_curfew"));
        command
            .args(arguments.iter().map(mounted))
            .envs(environment.iter().copied())
            .env("HOME", scratch.path())
            .current_dir(scratch.path());
        let mut process = Child::start(&command, &scratch.join("log")).expect("curfew starts");
        let (address, admin) = eventually("curfew listens", LIMIT, || {
            let ended = process.ended();
            assert!(ended.is_none(), "curfew ended, {ended:?}: {}", process.log());
            listening(&process.log())
        });
        let bundle = authority.bundle();
        Self {
            address,
            admin,
            process,
            policy: policy_volume,
            certificate,
            bundle,
            _scratch: scratch,
        }
    }

    pub fn wait_until_ready(&self) {
        eventually("curfew is ready", LIMIT, || (self.admin("/readyz")?.0 == 200).then_some(()));
    }

    pub fn endpoint(&self) -> Endpoint {
        self.endpoint_at(self.address)
    }

    /// As seen through a [`super::service::Service`].
    pub fn endpoint_at(&self, address: SocketAddr) -> Endpoint {
        Endpoint::url(address, &self.bundle)
    }

    /// As in production; see [`Endpoint::service`].
    pub fn service_at(&self, plane: &ControlPlane, address: SocketAddr) -> Endpoint {
        Endpoint::service(plane, address, &self.bundle)
    }

    /// Replaces the policy as an edited `ConfigMap` is replaced.
    pub fn set_policy(&self, files: &[(&str, &str)]) {
        self.policy.put(files);
    }

    /// Replaces the certificate as a renewed Secret is replaced.
    pub fn set_certificate(&self, pair: &Pair) {
        put_pair(&self.certificate, pair);
    }

    /// Status and body of a path on the admin port; `None` where nobody answers.
    pub fn admin(&self, path: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(self.admin).ok()?;
        stream.set_read_timeout(Some(LIMIT)).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }

    /// The sum of a metric over all its labels.
    pub fn metric(&self, name: &str) -> f64 {
        self.metric_with(name, "")
    }

    /// The same over the series that have a label, such as `kind="Job"`.
    pub fn metric_with(&self, name: &str, label: &str) -> f64 {
        let (_, text) = self.admin("/metrics").expect("the admin port answers");
        let lines = text.lines().filter(|line| {
            line.contains(label)
                && line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
        });
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }
}

/// Runs another command of curfew, such as `mutate`, with something on stdin.
pub fn offline(arguments: &[&str], input: &str) -> Said {
    let mut child = Command::new(env!("CARGO_BIN_EXE_curfew"))
        .args(arguments)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("curfew starts");
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    // It may end without reading; its exit code then tells why.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("curfew can be waited for");
    Said {
        success: output.status.success(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn put_pair(volume: &Volume, pair: &Pair) {
    volume.put(&[("tls.crt", &pair.certificate), ("tls.key", &pair.key)]);
}

/// The bound addresses, from the log line that tells them.
fn listening(log: &str) -> Option<(SocketAddr, SocketAddr)> {
    log.lines().find_map(|line| {
        let line: Value = serde_json::from_str(line).ok()?;
        if line["message"] != "serving" {
            return None;
        }
        let address = |name: &str| line[name].as_str()?.parse().ok();
        Some((address("address")?, address("admin_address")?))
    })
}

const LIMIT: Duration = Duration::from_secs(20);
