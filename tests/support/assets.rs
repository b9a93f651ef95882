//! Where the binaries of the control plane come from: `KUBEBUILDER_ASSETS`, or `go build` of the
//! modules in `tests/controlplane`, kept under `target/` by the checksum of what they pin.

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

use super::process::Child;

/// A directory that holds the binaries of one module.
#[derive(Clone, Debug)]
pub struct Assets {
    kubernetes: PathBuf,
    etcd: PathBuf,
}

/// Why there are none.
#[derive(Clone, Debug)]
pub struct Absent(String);

/// One of the Go modules.
struct Module {
    name: &'static str,
    /// Import path and binary, in the order of `go build`'s arguments.
    packages: &'static [(&'static str, &'static str)],
    minutes: u32,
}

// === impl Assets ===

impl Assets {
    /// Looks for the binaries, builds them if need be.
    pub fn find() -> Result<Self, Absent> {
        if let Some(directory) = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from) {
            for binary in ["kube-apiserver", "etcd", "kubectl"] {
                if !directory.join(binary).is_file() {
                    let directory = directory.display();
                    return Err(Absent(format!("KUBEBUILDER_ASSETS={directory} has no {binary}")));
                }
            }
            return Ok(Self { kubernetes: directory.clone(), etcd: directory });
        }
        Ok(Self { kubernetes: build(&KUBERNETES)?, etcd: build(&ETCD)? })
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
    if let Some(directory) = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from)
        && directory.join("helm").is_file()
    {
        return Ok(directory.join("helm"));
    }
    Ok(build(&HELM)?.join("helm"))
}

/// The end-to-end suites of Kubernetes and Ginkgo's command, which runs them, built on the first
/// demand.
pub fn suites() -> Result<PathBuf, Absent> {
    build(&E2E)
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
    let Module { name, packages, minutes } = module;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/controlplane").join(name);
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("tmp lies in target");
    let root = target.join("controlplane");
    let directory = root.join(format!("{name}-{}", checksum(&source)?));
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
    say(&format!("building {binaries} with go; the first time takes about {minutes} min"));
    // Into another name first: a build that is broken off must not look like a finished one.
    let partial = root.join(format!("{name}.partial"));
    let _ = fs::remove_dir_all(&partial);
    fs::create_dir_all(&partial).map_err(|error| Absent(error.to_string()))?;
    for (package, binary) in *packages {
        go_build(&source, package, &partial.join(binary))?;
    }
    fs::rename(&partial, &directory).map_err(|error| Absent(error.to_string()))?;
    Ok(directory)
}

fn go_build(source: &Path, package: &str, output: &Path) -> Result<(), Absent> {
    let log = output.with_extension("log");
    let mut command = Command::new("go");
    command
        .args(["build", "-trimpath", "-ldflags=-s -w", "-o"])
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

fn checksum(source: &Path) -> Result<String, Absent> {
    let mut hash = Sha256::new();
    for file in ["go.mod", "go.sum"] {
        let path = source.join(file);
        let bytes =
            fs::read(&path).map_err(|error| Absent(format!("{}: {error}", path.display())))?;
        hash.update(bytes);
    }
    // Most have no code of their own.
    if let Ok(bytes) = fs::read(source.join("main.go")) {
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

const KUBERNETES: Module = Module {
    name: "kubernetes",
    packages: &[
        ("k8s.io/kubernetes/cmd/kube-apiserver", "kube-apiserver"),
        ("k8s.io/kubernetes/cmd/kube-controller-manager", "kube-controller-manager"),
        ("k8s.io/kubernetes/cmd/kubectl", "kubectl"),
    ],
    minutes: 8,
};

const ETCD: Module =
    Module { name: "etcd", packages: &[("go.etcd.io/etcd/server/v3", "etcd")], minutes: 1 };

const HELM: Module =
    Module { name: "helm", packages: &[("helm.sh/helm/v4/cmd/helm", "helm")], minutes: 4 };

const E2E: Module = Module {
    name: "e2e",
    packages: &[
        ("github.com/onsi/ginkgo/v2/ginkgo", "ginkgo"),
        ("curfew.dev/tests/controlplane/e2e", "e2e.test"),
    ],
    minutes: 3,
};
