//! What the pure modules must not know: tasks, a cluster, files, clocks. And which files know each
//! other.

#[path = "architecture/circles.rs"]
mod circles;
#[path = "architecture/names.rs"]
mod names;

use std::fs;
use std::path::{Path, PathBuf};

use circles::Graph;
use names::Sources;

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
        "policy_review",
        "policy_review.rs",
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
    assert_without(&files, &FORBIDDEN);
}

/// What the controllers decide in a term can be tested as a table: the time is given to it, and it
/// calls nobody.
#[test]
fn what_decides_for_the_controllers_waits_for_nobody() {
    let controllers = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/controllers");
    let decides = [
        ("sweeper", "acted braking cluster_view permits resync state work_queue"),
        ("scheduler", "expectations state survey views work_queue"),
    ];
    let files = decides.iter().flat_map(|(controller, names)| {
        let folder = controllers.join(controller);
        names.split(' ').map(move |name| folder.join(name).with_extension("rs"))
    });
    let files: Vec<_> = files.collect();
    let impure = ["async ", ".await", "spawn(", "clock::now", "clock::instant", "clock::ticks"];
    assert_without(&files, &impure);
}

fn assert_without(files: &[PathBuf], forbidden: &[&str]) {
    for file in files {
        let text = fs::read_to_string(file).unwrap();
        for (number, line) in text.lines().enumerate() {
            // What follows is tests, which may do what they like.
            if line == "#[cfg(test)]" {
                break;
            }
            let code = line.split("//").next().unwrap_or_default();
            for word in forbidden {
                assert!(!code.contains(word), "{}:{}: {word}", file.display(), number + 1);
            }
        }
    }
}

/// Files that import each other cannot be understood one at a time.
#[test]
fn files_import_each_other_in_few_circles() {
    let sources = Sources::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(sources.len() > 200, "only {} files found", sources.len());
    let circles = Graph::of(&sources).circles();
    let told: Vec<String> = circles.iter().map(ToString::to_string).collect();
    let told = told.join("\n");
    assert!(
        circles.len() <= MOST_CIRCLES,
        "{} circles, and at most {MOST_CIRCLES} may be:\n{told}",
        circles.len()
    );
    assert!(
        circles.iter().all(|circle| circle.len() <= LARGEST_CIRCLE),
        "a circle has more than {LARGEST_CIRCLE} files:\n{told}"
    );
}

const MOST_CIRCLES: usize = 3;
const LARGEST_CIRCLE: usize = 5;

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
