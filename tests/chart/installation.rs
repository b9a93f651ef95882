//! An installation by a real helm, and what a cluster would do about it where there are no nodes:
//! what the Deployment asks for is run as processes here, with the arguments, the environment, the
//! account's token and the volumes of its Pods; the Service leads to those that are ready.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::helm::{Helm, directory, documents};
use crate::support::{
    api::{Patch, Reply},
    assets::Absent,
    control_plane::ControlPlane,
    curfew::Curfew,
    manifest::job,
    namespace::Namespace,
    network::Network,
    process::Scratch,
    scene::ttl,
    wait::eventually,
};

/// An API server that finds the way to Services.
pub struct Cluster {
    pub plane: ControlPlane,
    network: Network,
}

/// Holds a release and its Pods.
pub struct Installation<'a> {
    cluster: &'static Cluster,
    helm: &'a Helm,
    pub release: String,
    /// Where it is installed.
    pub namespace: String,
    /// The one namespace whose Jobs it sees.
    pub space: Namespace<'static>,
    /// Values and flags of every `helm install` and `helm upgrade`.
    values: Vec<String>,
    pub pods: Vec<Curfew>,
    count: usize,
    chart: PathBuf,
    _scratch: Scratch,
}

/// The cluster of all installations; `None` where there can be none, which has then been said.
pub fn cluster() -> Option<&'static Cluster> {
    static CLUSTER: OnceLock<Result<Cluster, Absent>> = OnceLock::new();
    let found = CLUSTER.get_or_init(|| {
        let network = Network::start();
        let plane = ControlPlane::start_with(&[network.flag()])?;
        plane.run_controllers(&[
            "garbage-collector-controller",
            "namespace-controller",
            "ttl-after-finished-controller",
        ])?;
        Ok(Cluster { plane, network })
    });
    found.as_ref().inspect_err(|absent| absent.report()).ok()
}

// === impl Installation ===

impl<'a> Installation<'a> {
    /// Installs a release, and waits until its webhook is called.
    pub fn new(helm: &'a Helm, cluster: &'static Cluster, release: &str, values: &[&str]) -> Self {
        let scratch = Scratch::new().expect("a scratch directory can be made");
        let space = cluster.plane.namespace(release);
        // Other installations are in the same cluster.
        let selector = json!({"matchLabels": {"kubernetes.io/metadata.name": space.name}});
        let mut values: Vec<String> = values.iter().map(ToString::to_string).collect();
        values.push(format!("--set-json=webhook.namespaceSelector={selector}"));
        // On a machine with other work, two seconds can be short.
        values.push("--set=webhook.timeoutSeconds=10".to_owned());
        let mut installed = Self {
            cluster,
            helm,
            release: release.to_owned(),
            namespace: format!("{release}-system"),
            space,
            values,
            pods: Vec::new(),
            count: 0,
            chart: without_version(&scratch),
            _scratch: scratch,
        };
        installed.install();
        installed
    }

    /// Installs it as [`Installation::new`] does, where it was removed.
    pub fn install(&mut self) {
        self.helm(&["install", "--create-namespace"], &[]).unwrap_or_else(|why| panic!("{why}"));
        self.roll();
        eventually("the webhook is called", LIMIT, || self.is_called().then_some(()));
    }

    /// Whether a new Job meets the webhook.
    pub fn is_called(&self) -> bool {
        let probe = self.space.dry_run(&job("probe", json!({})));
        // Under `Fail` nothing can be created until then.
        probe.status == 201 && ttl(&probe.ok()).is_u64()
    }

    /// Upgrades the release, with further values. What was edited in the cluster is overwritten: a
    /// patch of helm's does that by itself.
    pub fn upgrade(&self, values: &[&str]) {
        let is_applied = self.values.iter().any(|value| value == "--server-side=true");
        let force: &[&str] = if is_applied { &["--force-conflicts"] } else { &[] };
        let done = self.helm(&["upgrade"], &[values, force].concat());
        done.unwrap_or_else(|why| panic!("{why}"));
    }

    /// Runs helm for the release, with the chart where the verb takes one.
    pub fn helm(&self, verb: &[&str], more: &[&str]) -> Result<String, String> {
        let mut all: Vec<&str> = verb.to_vec();
        all.push(&self.release);
        if ["install", "upgrade"].contains(&verb[0]) {
            all.push(self.chart.to_str().expect("the path is plain"));
            all.extend(self.values.iter().map(String::as_str));
        }
        let kubeconfig = self.plane().kubeconfig.to_str().expect("the path is plain");
        all.extend(["--namespace", &self.namespace, "--kubeconfig", kubeconfig]);
        all.extend(more);
        self.helm.run(&all)
    }

    pub fn plane(&self) -> &'static ControlPlane {
        &self.cluster.plane
    }

    /// The name of its objects.
    pub fn name(&self) -> String {
        format!("{}-curfew", self.release)
    }

    /// Replaces all Pods by those of the Deployment as it is, one at a time and none too few.
    pub fn roll(&mut self) {
        let path =
            format!("/apis/apps/v1/namespaces/{}/deployments/{}", self.namespace, self.name());
        let deployment = self.plane().api.get(&path).ok();
        let wanted = deployment["spec"]["replicas"].as_u64().expect("there are replicas");
        let mut old = std::mem::take(&mut self.pods);
        for _ in 0..wanted {
            let pod = self.pod(&deployment["spec"]["template"]["spec"]);
            self.pods.push(pod);
            if let Some(leaving) = old.pop() {
                self.end(leaving, &old);
            } else {
                self.route(&old);
            }
        }
        while let Some(leaving) = old.pop() {
            self.end(leaving, &old);
        }
    }

    /// Ends all Pods, as when the Deployment is gone.
    pub fn end_pods(&mut self) {
        while let Some(pod) = self.pods.pop() {
            self.end(pod, &[]);
        }
    }

    /// A Pod is told to end while others still send calls to it.
    fn end(&self, mut pod: Curfew, others: &[Curfew]) {
        pod.process.signal("TERM");
        eventually("it is not ready", LIMIT, || {
            pod.admin("/readyz").is_none_or(|(status, _)| status != 200).then_some(())
        });
        // Endpoints are slower than that.
        thread::sleep(Duration::from_millis(300));
        self.route(others);
        let status = pod.process.wait(LIMIT).expect("it ends by itself");
        assert!(status.success(), "{status}: {}", pod.process.log());
    }

    /// Leads the Service to the Pods that are to stay, and these others.
    fn route(&self, others: &[Curfew]) {
        let path = format!("/api/v1/namespaces/{}/services/{}", self.namespace, self.name());
        let service = self.plane().api.get(&path);
        // Where it is gone, so are all that call it.
        let Some(address) = service.body["spec"]["clusterIP"].as_str() else { return };
        let port = &service.body["spec"]["ports"][0]["port"];
        let pods = self.pods.iter().chain(others).map(|pod| pod.address).collect();
        self.cluster.network.route(&format!("{address}:{port}"), pods);
    }

    fn pod(&mut self, spec: &Value) -> Curfew {
        self.count += 1;
        let container = &spec["containers"][0];
        let account = spec["serviceAccountName"].as_str().expect("there is an account");
        let kubeconfig = self.plane().kubeconfig_of_account(&self.namespace, account);
        let mut arguments: Vec<String> = strings(&container["args"]).map(on_loopback).collect();
        if spec["automountServiceAccountToken"] == true {
            arguments.push(format!("--kubeconfig={}", kubeconfig.display()));
        }
        let name = format!("{}-{}", self.name(), self.count);
        let of_field = |path: &str| match path {
            "metadata.namespace" => self.namespace.clone(),
            "metadata.name" => name.clone(),
            other => panic!("no field {other} is known here"),
        };
        let environment: Vec<(String, String)> = container["env"]
            .as_array()
            .expect("there are variables")
            .iter()
            .map(|variable| {
                let text = |value: &Value| value.as_str().expect("it is a string").to_owned();
                let value = match &variable["valueFrom"]["fieldRef"]["fieldPath"] {
                    Value::String(path) => of_field(path),
                    _ => text(&variable["value"]),
                };
                (text(&variable["name"]), value)
            })
            .collect();
        let environment: Vec<(&str, &str)> =
            environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let policy = self.policy();
        let files: Vec<(&str, &str)> =
            policy.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let pod = Curfew::contained(&self.plane().authority, &files, &arguments, &environment);
        pod.wait_until_ready();
        pod
    }

    /// The files of the policy's `ConfigMap`.
    fn policy(&self) -> Vec<(String, String)> {
        let path =
            format!("/api/v1/namespaces/{}/configmaps/{}-policy", self.namespace, self.name());
        let map = self.plane().api.get(&path).ok();
        let files = map["data"].as_object().expect("it holds files");
        let text = |value: &Value| value.as_str().expect("it is text").to_owned();
        files.iter().map(|(name, value)| (name.clone(), text(value))).collect()
    }

    /// Edits the policy where it lies in the cluster.
    pub fn edit_policy(&self, edit: impl Fn(&str) -> String) -> Reply {
        let path =
            format!("/api/v1/namespaces/{}/configmaps/{}-policy", self.namespace, self.name());
        let edited: Map<String, Value> =
            self.policy().iter().map(|(name, text)| (name.clone(), edit(text).into())).collect();
        self.plane().api.patch(Patch::Merge, &path, &json!({"data": edited}))
    }

    /// Brings the `ConfigMap` to all Pods, as kubelets do within two minutes.
    pub fn sync_policy(&self) {
        let policy = self.policy();
        let files: Vec<(&str, &str)> =
            policy.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        self.pods.iter().for_each(|pod| pod.set_policy(&files));
    }

    /// Runs the Pod of `helm test`.
    pub fn test(&self) -> Output {
        let hooks = documents(&self.helm(&["get", "hooks"], &[]).expect("there is a release"));
        let spec = &hooks.last().expect("there is a test")["spec"];
        let account = spec["serviceAccountName"].as_str().expect("there is an account");
        let kubeconfig = self.plane().kubeconfig_of_account(&self.namespace, account);
        Command::new(env!("CARGO_BIN_EXE_curfew"))
            .args(strings(&spec["containers"][0]["args"]))
            .arg("--kubeconfig")
            .arg(kubeconfig)
            .output()
            .expect("curfew starts")
    }

    /// Runs what the notes offer to run in a Pod, by the account and with the policy of the Pods.
    pub fn in_a_pod(&self) -> Vec<(String, Output)> {
        let notes = self.helm(&["get", "notes"], &[]).expect("there is a release");
        let kubeconfig = self.plane().kubeconfig_of_account(&self.namespace, &self.name());
        let policy = Scratch::new().expect("a scratch directory can be made");
        for (name, text) in self.policy() {
            policy.write(&name, text);
        }
        let commands =
            notes.lines().filter_map(|line| line.split_once(" -- /usr/local/bin/curfew "));
        let run = |(_, command): (&str, &str)| {
            let mounted = policy.path().to_str().expect("the path is plain");
            let output = Command::new(env!("CARGO_BIN_EXE_curfew"))
                .args(command.replace("/etc/curfew/policy", mounted).split(' '))
                .arg("--kubeconfig")
                .arg(&kubeconfig)
                .output();
            (command.to_owned(), output.expect("curfew starts"))
        };
        commands.map(run).collect()
    }

    /// Runs a command of curfew as an admin.
    pub fn command(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_curfew"))
            .args(arguments)
            .arg("--kubeconfig")
            .arg(&self.plane().kubeconfig)
            .output()
            .expect("curfew starts")
    }

    /// What `curfew status` has to say, as JSON.
    pub fn status(&self) -> Value {
        let which = ["--namespace", &self.namespace, "--lease-name", &self.name()];
        let said = self.command(&[&["status", "-o", "json"][..], &which].concat());
        serde_json::from_slice(&said.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&said.stderr)))
    }
}

/// The chart for any Kubernetes: one that `go build` makes does not know its own version.
fn without_version(scratch: &Scratch) -> PathBuf {
    let chart = scratch.join("chart");
    let copied = Command::new("cp").arg("-r").arg(directory()).arg(&chart).status();
    assert!(copied.expect("cp starts").success());
    let file = chart.join("Chart.yaml");
    let text = fs::read_to_string(&file).expect("there is one");
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("kubeVersion:")).collect();
    fs::write(&file, lines.join("\n")).expect("it is ours");
    chart
}

/// An argument of the container for a process that shares its addresses with others.
fn on_loopback(argument: &str) -> String {
    match argument.split_once('=') {
        Some((flag @ ("--listen" | "--admin-listen"), _)) => format!("{flag}=127.0.0.1:0"),
        _ => argument.to_owned(),
    }
}

fn strings(value: &Value) -> impl Iterator<Item = &str> {
    let all = value.as_array().into_iter().flatten();
    all.map(|one| one.as_str().expect("arguments are strings"))
}

pub const LIMIT: Duration = Duration::from_secs(60);
