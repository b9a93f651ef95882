//! Which versions of Kubernetes the tests can run on.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The module that pins them, each in a file of its own, such as `1.37.mod`.
pub fn module() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/controlplane/kubernetes")
}

/// Every version that is pinned, such as `1.37`, the oldest first.
pub fn versions() -> Vec<String> {
    let files = fs::read_dir(module()).expect("the module is there");
    let names = files.filter_map(|file| file.ok()?.file_name().into_string().ok());
    let mut minors: Vec<u32> = names
        .filter_map(|name| name.strip_suffix(".mod")?.strip_prefix("1.")?.parse().ok())
        .collect();
    minors.sort_unstable();
    minors.into_iter().map(|minor| format!("1.{minor}")).collect()
}
