//! The text of a policy file, and which files are some.

/// One policy file, read by somebody else.
#[derive(Clone, Debug)]
pub struct Source {
    /// What messages call it: the file's name within a directory, or the path that was given.
    pub name: String,
    pub text: String,
}

/// Whether a file of a policy's folder, or an entry of its `ConfigMap`, is part of it, by its name:
/// `*.yaml` and `*.yml`, without those that begin with `.` (the kubelet's own) and without
/// `*-test.yaml` (fixtures).
pub fn is_policy(name: &str) -> bool {
    let stem = name.strip_suffix(".yaml").or_else(|| name.strip_suffix(".yml"));
    stem.is_some_and(|stem| !name.starts_with('.') && !stem.ends_with("-test"))
}
