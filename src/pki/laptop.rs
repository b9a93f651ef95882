//! A self-signed pair in a folder, for a machine without a cluster.
//!
//! A pair that is there, belongs together and is good for another day is used as it is, so that a
//! `curl --cacert` of yesterday works today. Anything else is replaced, all three files at once.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};

use super::{CertificateRequest, IssueError, Issued, Pair, inspect, issue};

/// Where the pair lies, and whether it was there already.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Laptop {
    /// What clients are to trust.
    pub ca: PathBuf,
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub written: Written,
}

/// What became of the files.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Written {
    /// There were none.
    New,
    /// Those that were there are used.
    Reused,
    /// Those that were there could not be used, or not for much longer.
    Renewed,
}

/// Why there is no pair.
#[derive(Debug, thiserror::Error)]
pub enum LaptopError {
    #[error("cannot make a self-signed pair")]
    Issue { source: IssueError },
    #[error("cannot write {path}: is the folder writable? (or give --tls-cert and --tls-key)")]
    Write { path: PathBuf, source: io::Error },
}

/// Finds a usable pair in the folder, or writes one for these names.
///
/// # Errors
/// Where the folder cannot be written to.
pub fn ensure(folder: &Path, names: &[String], now: Timestamp) -> Result<Laptop, LaptopError> {
    let [ca, certificate, key] = [CA, CERTIFICATE, KEY].map(|name| folder.join(name));
    let written = match (usable(&ca, &certificate, &key, names, now), certificate.exists()) {
        (true, _) => Written::Reused,
        (false, true) => Written::Renewed,
        (false, false) => Written::New,
    };
    if written != Written::Reused {
        let issued = issue(&CertificateRequest { names: names.to_vec(), now })
            .map_err(|source| LaptopError::Issue { source })?;
        write(folder, &issued)?;
    }
    Ok(Laptop { ca, certificate, key, written })
}

/// Writes a pair and its authority into a folder, which is made if need be; the key is for the
/// owner's eyes only.
///
/// # Errors
/// Where the folder cannot be written to.
pub fn write(folder: &Path, issued: &Issued) -> Result<(), LaptopError> {
    let Issued { ca, certificate, key } = issued;
    fs::create_dir_all(folder)
        .map_err(|source| LaptopError::Write { path: folder.to_owned(), source })?;
    for (name, text, mode) in
        [(KEY, key, 0o600), (CERTIFICATE, certificate, 0o644), (CA, ca, 0o644)]
    {
        let path = folder.join(name);
        replace(&path, text, mode).map_err(|source| LaptopError::Write { path, source })?;
    }
    Ok(())
}

fn usable(ca: &Path, certificate: &Path, key: &Path, names: &[String], now: Timestamp) -> bool {
    let (Ok(ca), Ok(certificate), Ok(key)) = (fs::read(ca), fs::read(certificate), fs::read(key))
    else {
        return false;
    };
    let (Ok(ca), Ok(leaf)) = (inspect(&ca), inspect(&certificate)) else { return false };
    ca[0].subject == leaf[0].issuer
        && Pair::from_pem(&certificate, &key, now + RENEW_BEFORE)
            .is_ok_and(|pair| names.iter().all(|name| pair.names.contains(name)))
}

/// Puts a file in place as a whole: whoever polls it sees the old or the new one, never a half.
fn replace(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let fresh = path.with_extension("new");
    // A left-over from a crash may have other permissions, and `mode` is for new files only.
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, path)
}

/// What clients are to trust.
const CA: &str = "ca.pem";
const CERTIFICATE: &str = "tls.pem";
const KEY: &str = "tls.key";
/// A pair with less time left is renewed: who starts a server means to use it today.
const RENEW_BEFORE: SignedDuration = SignedDuration::from_hours(24);

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use rstest::rstest;

    use super::*;

    const NOW: &str = "2026-11-21T12:00:00Z";

    fn names() -> Vec<String> {
        vec!["localhost".to_owned(), "127.0.0.1".to_owned()]
    }

    #[test]
    fn a_key_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("certs");
        let laptop = ensure(&folder, &names(), NOW.parse().unwrap()).unwrap();
        assert_eq!(laptop.written, Written::New);
        assert_eq!(fs::metadata(&laptop.key).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 3, "nothing half-written stays");
    }

    #[rstest]
    #[case::the_next_day("2026-11-22T12:00:00Z", Written::Reused)]
    #[case::a_day_and_a_second_before_the_end("2026-12-20T11:59:59Z", Written::Reused)]
    #[case::a_day_before_the_end("2026-12-20T12:00:00Z", Written::Renewed)]
    #[case::long_after("2027-12-20T12:00:00Z", Written::Renewed)]
    fn age(#[case] later: Timestamp, #[case] written: Written) {
        let folder = tempfile::tempdir().unwrap();
        ensure(folder.path(), &names(), NOW.parse().unwrap()).unwrap();
        assert_eq!(ensure(folder.path(), &names(), later).unwrap().written, written);
        assert_eq!(ensure(folder.path(), &names(), later).unwrap().written, Written::Reused);
    }

    #[rstest]
    #[case::key_of_another_pair("tls.key")]
    #[case::certificate_of_another_pair("tls.pem")]
    #[case::authority_of_another_pair("ca.pem")]
    fn files_that_do_not_belong_together_are_replaced(#[case] name: &str) {
        let now: Timestamp = NOW.parse().unwrap();
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        ensure(folder.path(), &names(), now).unwrap();
        ensure(other.path(), &names(), now).unwrap();
        fs::copy(other.path().join(name), folder.path().join(name)).unwrap();
        assert_eq!(ensure(folder.path(), &names(), now).unwrap().written, Written::Renewed);
    }

    #[test]
    fn another_address_needs_another_certificate() {
        let now: Timestamp = NOW.parse().unwrap();
        let folder = tempfile::tempdir().unwrap();
        ensure(folder.path(), &names(), now).unwrap();
        let more = [names(), vec!["192.0.2.7".to_owned()]].concat();
        assert_eq!(ensure(folder.path(), &more, now).unwrap().written, Written::Renewed);
    }
}
