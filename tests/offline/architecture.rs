//! What the pure modules must not know: tasks, a cluster, files, clocks.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = fs::read_dir(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    entries.flat_map(|entry| sources(&entry.unwrap().path())).collect()
}

#[test]
fn pure_modules_are_pure() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let pure = [
        "policy",
        "policy.rs",
        "batch",
        "batch.rs",
        "admission",
        "admission.rs",
        "guard",
        "guard.rs",
        "sweeper",
        "sweeper.rs",
        "scheduler",
        "scheduler.rs",
        "leader/decide.rs",
        "export",
        "export.rs",
    ];
    let files: Vec<_> = pure.iter().flat_map(|module| sources(&src.join(module))).collect();
    assert!(files.len() > 40, "only {} files found", files.len());
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for (number, line) in text.lines().enumerate() {
            // What follows is tests, which may do what they like.
            if line == "#[cfg(test)]" {
                break;
            }
            let code = line.split("//").next().unwrap_or_default();
            for word in FORBIDDEN {
                assert!(!code.contains(word), "{}:{}: {word}", file.display(), number + 1);
            }
        }
    }
}

const FORBIDDEN: [&str; 8] = [
    "tokio",
    "kube::",
    "std::fs",
    "std::net",
    "clock::",
    "Timestamp::now",
    "SystemTime",
    "Instant",
];
