//! Which files make up a policy.
//!
//! [`read`] turns the paths of `--policy` into sources; what stands in them is the business of
//! the loader. Every command reads through it, so that `check` judges what `serve` would load.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Accept, Content, Digest, ReadError, read_file};
use crate::policy::{Source, is_policy};

/// Reads the files of a policy: each path is a file, or a folder of which every `*.yaml` and
/// `*.yml` is read in byte order of the names, without those that begin with `.` (the kubelet's
/// own) and without `*-test.yaml` (fixtures).
///
/// # Errors
/// Where a path is missing, cannot be read, leads to what is not accepted, is over [`SIZE_LIMIT`] or not UTF-8, and where a
/// folder holds no policy file.
pub fn read(paths: &[PathBuf], accept: Accept) -> Result<Vec<Source>, ReadError> {
    let mut files = Vec::new();
    for path in paths {
        let is_folder =
            fs::metadata(path).map_err(|error| ReadError::from_io(path, &error))?.is_dir();
        if is_folder {
            files.extend(folder(path)?);
        } else {
            files.push((path.display().to_string(), path.clone()));
        }
    }
    let mut counts = BTreeMap::new();
    for (name, _) in &files {
        *counts.entry(name.clone()).or_insert(0) += 1;
    }
    files
        .into_iter()
        .map(|(name, path)| {
            let text = text(&path, accept)?;
            // Two folders may hold a `10-base.yaml` each, and a message must say which it means.
            let name = if counts[&name] > 1 { path.display().to_string() } else { name };
            Ok(Source { name, text })
        })
        .collect()
}

/// The policy that `serve` uses where none is given: safe to install anywhere.
pub fn bundled() -> Vec<Source> {
    vec![Source { name: "default.yaml".to_owned(), text: DEFAULT.to_owned() }]
}

/// The policy files of a folder, by name, with what messages call them.
fn folder(path: &Path) -> Result<Vec<(String, PathBuf)>, ReadError> {
    let fail = |error: std::io::Error| ReadError::from_io(path, &error);
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        // A name that is not UTF-8 has no message to be put into, and no ConfigMap has one.
        let Ok(name) = entry.file_name().into_string() else { continue };
        // Of what a name leads to, since the kubelet's are symlinks.
        let file = entry.path();
        if is_policy(&name) && !file.is_dir() {
            files.push((name, file));
        }
    }
    if files.is_empty() {
        return Err(ReadError::Empty { path: path.to_owned() });
    }
    files.sort();
    Ok(files)
}

fn text(path: &Path, accept: Accept) -> Result<String, ReadError> {
    String::from_utf8(read_file(path, SIZE_LIMIT, accept)?).map_err(|error| ReadError::NotUtf8 {
        path: path.to_owned(),
        offset: error.utf8_error().valid_up_to(),
    })
}

// === impl Content for Vec<Source> ===

impl Content for Vec<Source> {
    /// Of names and texts: a file that is renamed may change the order of the rules.
    fn digest(&self) -> Digest {
        Digest::of(self.iter().flat_map(|source| [source.name.as_bytes(), source.text.as_bytes()]))
    }
}

/// A file is at most so large, in bytes: as much as a `ConfigMap` can hold.
pub const SIZE_LIMIT: u64 = 1 << 20;

const DEFAULT: &str = include_str!("../../policies/default.yaml");

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use rstest::rstest;

    use super::*;

    fn write(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    fn names(sources: &[Source]) -> Vec<&str> {
        sources.iter().map(|source| source.name.as_str()).collect()
    }

    #[test]
    fn a_folder_is_read_in_byte_order_without_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "20-b.yaml",
            "10-a.yml",
            "100-c.yaml",
            "B.yaml",
            "a.yaml",
            ".hidden.yaml",
            "10-a-test.yaml",
            "10-a-test.yml",
            "notes.md",
            "default.yaml.orig",
            "folder.yaml/inner.yaml",
        ] {
            write(folder.path(), name, name);
        }
        let sources = read(&[folder.path().to_owned()], Accept::RegularFiles).unwrap();
        assert_eq!(names(&sources), ["10-a.yml", "100-c.yaml", "20-b.yaml", "B.yaml", "a.yaml"]);
        assert_eq!(sources[0].text, "10-a.yml");
    }

    #[test]
    fn a_file_that_is_named_is_read_whatever_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = write(folder.path(), ".policy-test.txt", "x");
        assert_eq!(
            names(&read(std::slice::from_ref(&path), Accept::RegularFiles).unwrap()),
            [path.to_str().unwrap()]
        );
    }

    #[test]
    fn several_paths_keep_their_order_and_tell_equal_names_apart() {
        let folder = tempfile::tempdir().unwrap();
        let (z, a) = (folder.path().join("z"), folder.path().join("a"));
        write(&z, "10-base.yaml", "z");
        write(&a, "10-base.yaml", "a");
        write(&a, "20-more.yaml", "a");
        let sources = read(&[z.clone(), a.clone()], Accept::RegularFiles).unwrap();
        assert_eq!(
            names(&sources),
            [
                z.join("10-base.yaml").to_str().unwrap(),
                a.join("10-base.yaml").to_str().unwrap(),
                "20-more.yaml"
            ]
        );
    }

    #[test]
    fn the_kubelets_links_are_followed() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "..2026_11_21/10-a.yaml", "one");
        std::os::unix::fs::symlink("..2026_11_21", folder.path().join("..data")).unwrap();
        std::os::unix::fs::symlink("..data/10-a.yaml", folder.path().join("10-a.yaml")).unwrap();
        let sources = read(&[folder.path().to_owned()], Accept::RegularFiles).unwrap();
        assert_eq!((names(&sources), &*sources[0].text), (vec!["10-a.yaml"], "one"));
    }

    #[rstest]
    #[case::missing("missing", "DIR/missing: there is no such file or folder")]
    #[case::empty_folder(
        "empty",
        "DIR/empty: the folder holds no policy: expected files that end in .yaml or .yml"
    )]
    #[case::only_tests(
        "tests",
        "DIR/tests: the folder holds no policy: expected files that end in .yaml or .yml"
    )]
    #[case::not_utf8(
        "latin1.yaml",
        "DIR/latin1.yaml: byte 2 is not UTF-8: save the file as UTF-8 without a byte order mark"
    )]
    #[case::too_large(
        "large.yaml",
        "DIR/large.yaml: 1048577 bytes are more than the 1048576 that are read: split the file"
    )]
    #[case::a_file_as_a_folder(
        "latin1.yaml/x.yaml",
        "DIR/latin1.yaml/x.yaml: cannot be read: not a directory"
    )]
    fn what_cannot_be_read(#[case] name: &str, #[case] message: &str) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("empty")).unwrap();
        write(folder.path(), "tests/a-test.yaml", "x");
        write(folder.path(), "latin1.yaml", b"a:\xe9");
        write(folder.path(), "large.yaml", vec![b'#'; (1 << 20) + 1]);
        let error = read(&[folder.path().join(name)], Accept::RegularFiles).unwrap_err();
        let folder = folder.path().to_str().unwrap();
        assert_eq!(error.to_string().replace(folder, "DIR"), message);
    }

    #[test]
    fn a_folder_without_permission_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shut");
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o0)).unwrap();
        // The superuser may read anything, and then there is no error to look at.
        if let Err(error) = fs::read_dir(&path) {
            assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
            let error = read(std::slice::from_ref(&path), Accept::RegularFiles).unwrap_err();
            assert!(error.to_string().ends_with("cannot be read: permission denied"), "{error}");
        }
    }

    /// A pipe without a writer would stop reload, and the end of the process, for ever.
    #[test]
    fn what_is_read_again_and_again_must_be_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe.yaml");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        for path in [pipe.clone(), PathBuf::from("/dev/zero"), folder.path().to_owned()] {
            let error = read(std::slice::from_ref(&path), Accept::RegularFiles).unwrap_err();
            assert!(matches!(error, ReadError::NotRegular { .. }), "{error}");
        }
        // A command reads what a shell gives it, and no more than a policy can have.
        let writer = {
            let pipe = pipe.clone();
            std::thread::spawn(move || std::fs::write(pipe, "kind: JobPolicy\n"))
        };
        let sources = read(std::slice::from_ref(&pipe), Accept::Pipes).unwrap();
        writer.join().unwrap().unwrap();
        assert_eq!(sources[0].text, "kind: JobPolicy\n");
        let endless = read(&[PathBuf::from("/dev/zero")], Accept::Pipes).unwrap_err();
        assert!(matches!(endless, ReadError::TooLarge { .. }), "{endless}");
    }

    #[test]
    fn a_renamed_file_is_another_policy() {
        let source = |name: &str| vec![Source { name: name.into(), text: "x".into() }];
        assert_ne!(source("a.yaml").digest(), source("b.yaml").digest());
    }
}
