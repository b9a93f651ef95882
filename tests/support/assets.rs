//! Where the binaries of the control plane come from: `KUBEBUILDER_ASSETS`, or `go build` of the
//! modules in `tests/controlplane`, kept under `target/` by the checksum of what they pin.
//!
//! Kubernetes is built in the version that `CURFEW_KUBERNETES` names, or else in the newest.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use curfew::clock;
use sha2::{Digest, Sha256};

use super::{process::Child, versions};

/// A directory that holds the binaries of one module.
#[derive(Clone, Debug)]
pub struct Assets {
    kubernetes: PathBuf,
    etcd: PathBuf,
}

/// Why there are none.
#[derive(Clone, Debug)]
pub struct Absent(String);

/// What is built of one of the Go modules.
struct Module {
    /// How the directory of the binaries is called, before the checksum.
    name: String,
    /// The directory of the module.
    source: &'static str,
    /// The file beside it that pins the versions, without `.mod`.
    pins: String,
    flags: String,
    /// Import path and binary, in the order of `go build`'s arguments.
    packages: &'static [(&'static str, &'static str)],
    minutes: u32,
}

// === impl Assets ===

impl Assets {
    /// Looks for the binaries, builds them if need be.
    pub fn find() -> Result<Self, Absent> {
        if let Some(directory) = ready_made() {
            for binary in ["kube-apiserver", "etcd", "kubectl"] {
                if !directory.join(binary).is_file() {
                    let directory = directory.display();
                    return Err(Absent(format!("KUBEBUILDER_ASSETS={directory} has no {binary}")));
                }
            }
            return Ok(Self { kubernetes: directory.clone(), etcd: directory });
        }
        let kubernetes = build(&Module::of_kubernetes("kubernetes", CONTROL_PLANE, 8)?)?;
        Ok(Self { kubernetes, etcd: build(&Module::pinned("etcd", ETCD, 1))? })
    }

    pub fn etcd(&self) -> PathBuf {
        self.etcd.join("etcd")
    }

    pub fn kube_apiserver(&self) -> PathBuf {
        self.kubernetes.join("kube-apiserver")
    }

    pub fn kubectl(&self) -> PathBuf {
        self.kubernetes.join("kubectl")
    }

    /// Assets made for envtest have none.
    pub fn kube_controller_manager(&self) -> Result<PathBuf, Absent> {
        let path = self.kubernetes.join("kube-controller-manager");
        if path.is_file() {
            return Ok(path);
        }
        let directory = self.kubernetes.display();
        Err(Absent(format!("{directory} has no kube-controller-manager")))
    }
}

/// Helm, built on the first demand.
pub fn helm() -> Result<PathBuf, Absent> {
    if let Some(directory) = ready_made()
        && directory.join("helm").is_file()
    {
        return Ok(directory.join("helm"));
    }
    Ok(build(&Module::pinned("helm", HELM, 4))?.join("helm"))
}

/// The end-to-end suites of Kubernetes and Ginkgo's command, which runs them, built on the first
/// demand.
pub fn suites() -> Result<PathBuf, Absent> {
    build(&Module::of_kubernetes("e2e", SUITES, 3)?)
}

/// The version that is built, such as `1.37`.
///
/// # Panics
/// Where `CURFEW_KUBERNETES` names one that is not pinned.
fn version() -> String {
    let versions = versions::versions();
    let Some(asked) = std::env::var_os(CHOICE) else {
        return versions.last().expect("some are pinned").clone();
    };
    let found = versions.iter().find(|version| asked == version.as_str()).cloned();
    found.unwrap_or_else(|| {
        let (asked, all) = (asked.display(), versions.join(", "));
        panic!("{CHOICE}={asked}: tests/controlplane/{KUBERNETES} pins {all}")
    })
}

/// The release that is pinned for a version, such as `v1.37.2`.
fn release(version: &str) -> Result<String, Absent> {
    let path = versions::module().join(format!("{version}.mod"));
    let text = fs::read_to_string(&path);
    let text = text.map_err(|error| Absent(format!("{}: {error}", path.display())))?;
    let mut words = text.split_whitespace().skip_while(|word| *word != "k8s.io/kubernetes");
    let found = words.nth(1).map(str::to_owned);
    found.ok_or_else(|| Absent(format!("{} pins no k8s.io/kubernetes", path.display())))
}

/// The directory that `KUBEBUILDER_ASSETS` names.
///
/// # Panics
/// Where `CURFEW_KUBERNETES` is set beside it.
fn ready_made() -> Option<PathBuf> {
    let directory = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from)?;
    assert!(
        std::env::var_os(CHOICE).is_none(),
        "KUBEBUILDER_ASSETS={} says which Kubernetes to take, and so does {CHOICE}: unset one",
        directory.display()
    );
    Some(directory)
}

fn modules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/controlplane")
}

// === impl Module ===

impl Module {
    /// Of a module that has one version of everything.
    fn pinned(
        source: &'static str,
        packages: &'static [(&'static str, &'static str)],
        minutes: u32,
    ) -> Self {
        let (name, pins) = (source.to_owned(), "go".to_owned());
        Self { name, source, pins, flags: "-s -w".to_owned(), packages, minutes }
    }

    fn of_kubernetes(
        name: &str,
        packages: &'static [(&'static str, &'static str)],
        minutes: u32,
    ) -> Result<Self, Absent> {
        let pins = version();
        let release = release(&pins)?;
        let minor = pins.trim_start_matches("1.");
        // A build from the sources alone is of no version, and Helm would believe it.
        let told = "-X k8s.io/component-base/version";
        let flags =
            format!("-s -w {told}.gitVersion={release} {told}.gitMajor=1 {told}.gitMinor={minor}");
        Ok(Self {
            name: format!("{name}-{pins}"),
            source: KUBERNETES,
            flags,
            pins,
            packages,
            minutes,
        })
    }
}

// === impl Absent ===

impl Absent {
    /// Says so, past the capture of the test runner.
    ///
    /// # Panics
    /// Under `CURFEW_E2E=require`.
    pub fn report(&self) {
        let Self(reason) = self;
        let thread = thread::current();
        let test = thread.name().unwrap_or("a test");
        assert!(
            std::env::var_os("CURFEW_E2E").is_none_or(|value| value != "require"),
            "CURFEW_E2E=require, but there is no control plane: {reason}"
        );
        say(&format!("skipped: {test} needs a control plane: {reason}"));
    }
}

fn build(module: &Module) -> Result<PathBuf, Absent> {
    let Module { name, source, packages, minutes, .. } = module;
    let source = modules().join(source);
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("tmp lies in target");
    let root = target.join("controlplane");
    let directory = root.join(format!("{name}-{}", checksum(&source, module)?));
    if directory.is_dir() {
        return Ok(directory);
    }
    fs::create_dir_all(&root).map_err(|error| Absent(error.to_string()))?;
    // Several test binaries may come here at once; one builds, the others wait and find it done.
    let lock = File::create(root.join("lock")).map_err(|error| Absent(error.to_string()))?;
    lock.lock().map_err(|error| Absent(error.to_string()))?;
    if directory.is_dir() {
        return Ok(directory);
    }
    if Command::new("go").arg("version").output().is_err() {
        return Err(Absent("KUBEBUILDER_ASSETS is not set and there is no `go`".to_owned()));
    }
    let binaries: Vec<&str> = packages.iter().map(|(_, binary)| *binary).collect();
    let binaries = binaries.join(", ");
    say(&format!("building {binaries} ({name}) with go; the first time takes about {minutes} min"));
    // Into another name first: a build that is broken off must not look like a finished one.
    let partial = root.join(format!("{name}.partial"));
    let _ = fs::remove_dir_all(&partial);
    fs::create_dir_all(&partial).map_err(|error| Absent(error.to_string()))?;
    for (package, binary) in *packages {
        go_build(&source, module, package, &partial.join(binary))?;
    }
    fs::rename(&partial, &directory).map_err(|error| Absent(error.to_string()))?;
    Ok(directory)
}

fn go_build(source: &Path, module: &Module, package: &str, output: &Path) -> Result<(), Absent> {
    let Module { pins, flags, .. } = module;
    let log = output.with_extension("log");
    let mut command = Command::new("go");
    command
        .args(["build", "-trimpath", &format!("-modfile={pins}.mod"), &format!("-ldflags={flags}")])
        .arg("-o")
        .arg(output)
        .arg(package)
        .current_dir(source)
        // The user's caches and proxy settings.
        .envs(std::env::vars_os());
    let mut child = Child::start(&command, &log).map_err(|error| Absent(error.to_string()))?;
    let start = clock::instant();
    let mut said = 0;
    let status = loop {
        if let Some(status) = child.wait(Duration::from_millis(200)) {
            break status;
        }
        let quarter = start.elapsed().as_secs() / 15;
        if quarter > said {
            said = quarter;
            say(&format!("building {package}: {} s", quarter * 15));
        }
    };
    if status.success() {
        let _ = fs::remove_file(&log);
        return Ok(());
    }
    let text = child.log();
    let end: Vec<&str> = text.lines().rev().take(5).collect();
    let end: Vec<&str> = end.into_iter().rev().collect();
    Err(Absent(format!("go build {package} failed: {}", end.join("; "))))
}

fn checksum(source: &Path, module: &Module) -> Result<String, Absent> {
    let Module { pins, flags, packages, .. } = module;
    let mut hash = Sha256::new();
    hash.update(flags);
    let own = packages.iter().any(|(package, _)| *package == OWN).then(|| "main.go".to_owned());
    for file in [format!("{pins}.mod"), format!("{pins}.sum")].into_iter().chain(own) {
        let path = source.join(file);
        let bytes =
            fs::read(&path).map_err(|error| Absent(format!("{}: {error}", path.display())))?;
        hash.update(bytes);
    }
    let bytes: [u8; 32] = hash.finalize().into();
    let first = bytes.first_chunk::<8>().expect("there are 32");
    Ok(format!("{:016x}", u64::from_be_bytes(*first)))
}

/// To the real stderr: `eprintln!` in a test that passes is never seen.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Chooses a version of Kubernetes.
const CHOICE: &str = "CURFEW_KUBERNETES";

/// The module of Kubernetes, which is pinned in several versions.
const KUBERNETES: &str = "kubernetes";

const CONTROL_PLANE: &[(&str, &str)] = &[
    ("k8s.io/kubernetes/cmd/kube-apiserver", "kube-apiserver"),
    ("k8s.io/kubernetes/cmd/kube-controller-manager", "kube-controller-manager"),
    ("k8s.io/kubernetes/cmd/kubectl", "kubectl"),
];

const SUITES: &[(&str, &str)] =
    &[("github.com/onsi/ginkgo/v2/ginkgo", "ginkgo"), (OWN, "e2e.test")];

/// The program whose source lies in the module.
const OWN: &str = ".";

const ETCD: &[(&str, &str)] = &[("go.etcd.io/etcd/server/v3", "etcd")];

const HELM: &[(&str, &str)] = &[("helm.sh/helm/v4/cmd/helm", "helm")];
