//! etcd, kube-apiserver and, on demand, kube-controller-manager on loopback ports.
//!
//! One control plane serves all tests of a binary (`shared`); tests that need controllers have a
//! second one (`staffed`), because a controller acts on every namespace and would act on the
//! objects of tests that look at objects at rest.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use curfew::clock;
use rcgen::KeyPair;
use serde_json::{Value, json};

use super::{
    api::Api,
    assets::{Absent, Assets},
    audit::Audit,
    kubectl::Kubectl,
    namespace::Namespace,
    pki::{Authority, Pair},
    process::{Child, Scratch},
    wait::{eventually, runtime},
};

/// Holds a running control plane.
pub struct ControlPlane {
    /// As a member of `system:masters`.
    pub api: Api,
    pub audit: Audit,
    pub authority: Authority,
    pub kubeconfig: PathBuf,
    /// Its gateway for JSON.
    etcd: Api,
    assets: Assets,
    pub url: String,
    /// The second part of the version of Kubernetes, 37 of 1.37: by the API server itself.
    pub minor: u32,
    controllers: Mutex<Vec<Child>>,
    namespaces: AtomicU32,
    // In the order in which they are to go.
    apiserver: Mutex<Option<Child>>,
    etcd_process: Mutex<Option<Child>>,
    apiserver_command: Command,
    scratch: Scratch,
}

/// The control plane of this test binary, without controllers; `None` where there can be none,
/// which has then been said.
pub fn shared() -> Option<&'static ControlPlane> {
    static SHARED: OnceLock<Result<ControlPlane, Absent>> = OnceLock::new();
    reported(SHARED.get_or_init(ControlPlane::start))
}

/// A second one, where the built-in `CronJob`, TTL and garbage collection controllers run. There are
/// no Job controller and no Pods: tests finish Jobs themselves.
pub fn staffed() -> Option<&'static ControlPlane> {
    static STAFFED: OnceLock<Result<ControlPlane, Absent>> = OnceLock::new();
    reported(STAFFED.get_or_init(|| {
        let plane = ControlPlane::start()?;
        plane.run_controllers(&[
            "cronjob-controller",
            "garbage-collector-controller",
            "ttl-after-finished-controller",
        ])?;
        Ok(plane)
    }))
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
    listener.local_addr().expect("it is bound").port()
}

// === impl ControlPlane ===

impl ControlPlane {
    /// Starts one that nobody else uses.
    ///
    /// # Panics
    /// Where the binaries are there and do not come up.
    pub fn start() -> Result<Self, Absent> {
        Self::start_with(&[])
    }

    /// The same with further flags of the API server.
    pub fn start_with(flags: &[String]) -> Result<Self, Absent> {
        Self::start_in(ROOM, flags)
    }

    /// One whose etcd is full with so many bytes.
    pub fn start_small(room: u64) -> Result<Self, Absent> {
        Self::start_in(room, &[])
    }

    fn start_in(room: u64, flags: &[String]) -> Result<Self, Absent> {
        let assets = Assets::find()?;
        let mut log = String::new();
        // A port can be taken between the moment we found it free and the moment it is used.
        for _ in 0..3 {
            match Self::try_start(&assets, room, flags) {
                Ok(plane) => return Ok(plane),
                Err(why) => log = why,
            }
        }
        panic!("the control plane does not come up: {log}");
    }

    /// The namespace of a test: `prefix` and a number.
    pub fn namespace(&self, prefix: &str) -> Namespace<'_> {
        let number = self.namespaces.fetch_add(1, Ordering::Relaxed);
        Namespace::open(self, &format!("{prefix}-{number}"), &json!({}))
    }

    pub fn kubectl(&self, namespace: &str) -> Kubectl {
        Kubectl {
            program: self.assets.kubectl(),
            kubeconfig: self.kubeconfig.clone(),
            home: self.scratch.path().to_path_buf(),
            namespace: namespace.to_owned(),
        }
    }

    /// Writes a kubeconfig for another user.
    pub fn kubeconfig_for(&self, user: &str, group: Option<&str>) -> PathBuf {
        let pair = self.authority.client(user, group);
        let file = format!("{}.kubeconfig", user.replace(':', "-"));
        write_kubeconfig(&self.scratch, &file, &self.url, &self.authority, &by_certificate(&pair))
    }

    /// Writes a kubeconfig for a service account, with a token as a Pod is given one.
    pub fn kubeconfig_of_account(&self, namespace: &str, name: &str) -> PathBuf {
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
        let request = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {},
        });
        let token = self.api.post(&path, &request).ok()["status"]["token"].clone();
        let file = format!("{namespace}-{name}.kubeconfig");
        let user = json!({"token": token});
        write_kubeconfig(&self.scratch, &file, &self.url, &self.authority, &user)
    }

    /// Starts a kube-controller-manager with these controllers and no others.
    ///
    /// # Panics
    /// Where it refuses a flag, or this version of it has no controller of such a name.
    pub fn run_controllers(&self, names: &[&str]) -> Result<(), Absent> {
        self.run_controllers_with(names, &[])
    }

    /// The same with further flags.
    pub fn run_controllers_with(&self, names: &[&str], flags: &[&str]) -> Result<(), Absent> {
        let kubeconfig = self.kubeconfig_for("system:kube-controller-manager", None);
        let mut command = Command::new(self.assets.kube_controller_manager()?);
        command
            .arg(format!("--controllers={}", names.join(",")))
            .arg(format!("--kubeconfig={}", kubeconfig.display()))
            .arg(format!("--root-ca-file={}", self.scratch.join("ca.crt").display()))
            .arg(format!(
                "--service-account-private-key-file={}",
                self.scratch.join("accounts.key").display()
            ))
            .args(["--leader-elect=false", "--use-service-account-credentials=true"])
            // No port of its own; what it does is seen in the API server.
            .args(["--secure-port=0", "--v=2"])
            .args(flags)
            .env("HOME", self.scratch.path());
        let mut child = Child::start(&command, &self.scratch.join("kube-controller-manager.log"))
            .expect("kube-controller-manager starts");
        // It says so once it has understood its flags. Which controllers there are depends on its
        // version, and one that has ended would only be missed by what it does not do.
        eventually("kube-controller-manager has read its flags", READY, || {
            let minor = self.minor;
            if let Some(status) = child.ended() {
                panic!(
                    "kube-controller-manager of Kubernetes 1.{minor} ended, {status}: {}",
                    tail(&child.log())
                );
            }
            child.log().contains(r#"] "Starting" version="#).then_some(())
        });
        self.controllers.lock().expect("no test panics in here").push(child);
        Ok(())
    }

    /// Sends a signal, such as `STOP`, to the controllers.
    pub fn signal_controllers(&self, signal: &str) {
        let mut controllers = self.controllers.lock().expect("no test panics in here");
        controllers.iter_mut().for_each(|controller| controller.signal(signal));
    }

    /// Ends the API server without a word and starts it again, as an upgrade or a crash does.
    pub fn restart_apiserver(&self) {
        let mut apiserver = self.apiserver.lock().expect("no test panics in here");
        // The port has to be free before it is taken again.
        drop(apiserver.take());
        let log = self.scratch.join("kube-apiserver.log");
        *apiserver =
            Some(Child::start(&self.apiserver_command, &log).expect("kube-apiserver starts"));
        drop(apiserver);
        eventually("the API server is back", READY, || {
            let answer = self.api.send("GET", "/readyz", "text/plain", Vec::new());
            let answer = runtime().block_on(answer);
            answer.is_ok_and(|reply| reply.status == 200).then_some(())
        });
    }

    /// Stores an object past the API server, which checks nothing then: what an older one let
    /// through, and many in a short time.
    pub fn store(&self, object: &Value) {
        let place = |key: &str| object["metadata"][key].as_str().unwrap_or_default();
        let plural = object["kind"].as_str().unwrap_or_default().to_lowercase() + "s";
        let key = format!("/registry/{plural}/{}/{}", place("namespace"), place("name"));
        let value = STANDARD.encode(object.to_string());
        self.ask_etcd("kv/put", &json!({"key": STANDARD.encode(key), "value": value}));
    }

    /// Removes all objects of a kind in a namespace past the API server.
    pub fn wipe(&self, plural: &str, namespace: &str) {
        let key = |end: char| STANDARD.encode(format!("/registry/{plural}/{namespace}{end}"));
        // Up to the character that follows the slash.
        let range = json!({"key": key('/'), "range_end": key('0')});
        self.ask_etcd("kv/deleterange", &range);
    }

    /// A call to etcd's gateway for JSON, such as `maintenance/alarm`.
    #[track_caller]
    pub fn ask_etcd(&self, call: &str, body: &Value) -> Value {
        self.etcd.post(&format!("/v3/{call}"), body).ok()
    }

    /// Ends everything, where a test had to give the plane away for ever.
    pub fn stop(&self) {
        self.controllers.lock().expect("no test panics in here").clear();
        drop(self.apiserver.lock().expect("no test panics in here").take());
        drop(self.etcd_process.lock().expect("no test panics in here").take());
    }

    /// What the controllers wrote, for the message of a failed test.
    pub fn controllers_log(&self) -> String {
        let controllers = self.controllers.lock().expect("no test panics in here");
        controllers.iter().map(Child::log).collect()
    }

    fn try_start(assets: &Assets, room: u64, flags: &[String]) -> Result<Self, String> {
        let scratch = Scratch::new().expect("a scratch directory can be made");
        let authority = Authority::new();
        let etcd_url = format!("http://127.0.0.1:{}", free_port());
        let port = free_port();
        let url = format!("https://127.0.0.1:{port}");
        let admin = authority.client("admin", Some("system:masters"));
        let admin = by_certificate(&admin);
        let kubeconfig = write_kubeconfig(&scratch, "admin.kubeconfig", &url, &authority, &admin);
        let mut etcd = start_etcd(assets, &scratch, &etcd_url, room);
        let mut apiserver_command =
            apiserver_command(assets, &scratch, &authority, &etcd_url, port);
        apiserver_command.args(flags);
        let mut apiserver = Child::start(&apiserver_command, &scratch.join("kube-apiserver.log"))
            .expect("kube-apiserver starts");
        let api = Api::new(&kubeconfig);
        let start = clock::instant();
        loop {
            let answer = runtime().block_on(api.send("GET", "/readyz", "text/plain", Vec::new()));
            if answer.is_ok_and(|reply| reply.status == 200) {
                break;
            }
            for (child, program) in
                [(&mut etcd, assets.etcd()), (&mut apiserver, assets.kube_apiserver())]
            {
                if let Some(status) = child.ended() {
                    // By its path, which says of which version it is.
                    let (program, log) = (program.display(), tail(&child.log()));
                    return Err(format!("{program} ended, {status}: {log}"));
                }
            }
            if start.elapsed() > READY {
                return Err(format!("not ready in {READY:?}: {}", tail(&apiserver.log())));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let version = api.get("/version").ok();
        let minor = version["minor"].as_str().unwrap_or_default();
        // A build from a branch calls itself `37+`.
        let minor = minor.trim_end_matches('+').parse();
        Ok(Self {
            minor: minor.unwrap_or_else(|_| panic!("of which version is this: {version}")),
            api,
            audit: Audit::new(scratch.join("audit.log")),
            authority,
            kubeconfig,
            etcd: Api::plain(&etcd_url),
            assets: assets.clone(),
            url,
            controllers: Mutex::new(Vec::new()),
            namespaces: AtomicU32::new(0),
            apiserver: Mutex::new(Some(apiserver)),
            etcd_process: Mutex::new(Some(etcd)),
            apiserver_command,
            scratch,
        })
    }
}

fn start_etcd(assets: &Assets, scratch: &Scratch, url: &str, room: u64) -> Child {
    let peer = format!("http://127.0.0.1:{}", free_port());
    let mut command = Command::new(assets.etcd());
    command
        .arg(format!("--data-dir={}", scratch.join("etcd").display()))
        .arg(format!("--listen-client-urls={url}"))
        .arg(format!("--advertise-client-urls={url}"))
        .arg(format!("--listen-peer-urls={peer}"))
        .arg(format!("--initial-advertise-peer-urls={peer}"))
        .arg(format!("--initial-cluster=default={peer}"))
        .arg(format!("--quota-backend-bytes={room}"))
        .args(["--unsafe-no-fsync", "--log-level=warn"]);
    Child::start(&command, &scratch.join("etcd.log")).expect("etcd starts")
}

fn apiserver_command(
    assets: &Assets,
    scratch: &Scratch,
    authority: &Authority,
    etcd_url: &str,
    port: u16,
) -> Command {
    let server = authority.server();
    let accounts = KeyPair::generate().expect("a key can be made");
    let file = |flag: &str, name: &str, content: &str| {
        format!("--{flag}={}", scratch.write(name, content).display())
    };
    let mut command = Command::new(assets.kube_apiserver());
    command
        .arg(format!("--etcd-servers={etcd_url}"))
        .arg(format!("--secure-port={port}"))
        .arg(file("client-ca-file", "ca.crt", authority.certificate()))
        .arg(file("tls-cert-file", "server.crt", &server.certificate))
        .arg(file("tls-private-key-file", "server.key", &server.key))
        .arg(file("service-account-signing-key-file", "accounts.key", &accounts.serialize_pem()))
        .arg(file("service-account-key-file", "accounts.pub", &accounts.public_key_pem()))
        .arg("--service-account-issuer=https://kubernetes.default.svc")
        .arg(file("audit-policy-file", "audit.yaml", AUDIT_POLICY))
        .arg(format!("--audit-log-path={}", scratch.join("audit.log").display()))
        .args(["--authorization-mode=RBAC", "--bind-address=127.0.0.1"])
        .args(["--service-cluster-ip-range=10.0.0.0/24", "--endpoint-reconciler-type=none"])
        .env("HOME", scratch.path());
    command
}

fn write_kubeconfig(
    scratch: &Scratch,
    file: &str,
    url: &str,
    authority: &Authority,
    user: &Value,
) -> PathBuf {
    let config: Value = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "clusters": [{"name": "test", "cluster": {
            "server": url,
            "certificate-authority-data": authority.bundle(),
        }}],
        "users": [{"name": "test", "user": user}],
    });
    let path = scratch.write(file, config.to_string());
    // kubectl warns about a kubeconfig that others can read.
    restrict(&path);
    path
}

fn by_certificate(client: &Pair) -> Value {
    json!({
        "client-certificate-data": STANDARD.encode(&client.certificate),
        "client-key-data": STANDARD.encode(&client.key),
    })
}

fn restrict(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let permissions = fs::Permissions::from_mode(0o600);
    fs::set_permissions(path, permissions).expect("the file is ours");
}

fn reported(found: &'static Result<ControlPlane, Absent>) -> Option<&'static ControlPlane> {
    found.as_ref().inspect_err(|absent| absent.report()).ok()
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(8)..].join("\n")
}

// On a machine with other work it can take much longer than the usual five seconds.
const READY: Duration = Duration::from_secs(90);

// For what a tenant can bring: a gigabyte of Jobs.
const ROOM: u64 = 8 << 30;

const AUDIT_POLICY: &str = r#"
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  # With its body, which says what becomes of the Pods.
  - level: Request
    verbs: [delete]
    resources: [{group: batch}]
  - level: Metadata
    resources: [{group: batch}]
  - level: Metadata
    verbs: [create, update, patch]
    resources: [{group: "", resources: [configmaps]}]
  - level: None
"#;
