//! The files of TLS: the pair that we show, and the authorities whose clients we let in.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustls::RootCertStore;

use super::{Accept, Content, Digest, ReadError, Refusal, Started, Watched, read_file};
use crate::pki::{Pair, PairError, roots};

/// Certificate and key as they lie on disk.
#[derive(Clone, Debug)]
pub struct PairFiles {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

/// A bundle of authorities as it lies on disk.
#[derive(Clone, Debug)]
pub struct Bundle(Vec<u8>);

/// Starts to watch a certificate and its key.
///
/// # Errors
/// Where there is no usable pair to begin with.
pub fn watch_pair(
    certificate: PathBuf,
    key: PathBuf,
    now: Timestamp,
) -> Result<Started<PairFiles, Pair, PairError>, Refusal<PairError>> {
    let read = move || PairFiles::read(&certificate, &key);
    Watched::start(read, PairFiles::pair, now)
}

/// Starts to watch the authorities of clients.
///
/// # Errors
/// Where there is no usable bundle to begin with.
pub fn watch_authorities(
    path: PathBuf,
    now: Timestamp,
) -> Result<Started<Bundle, RootCertStore, PairError>, Refusal<PairError>> {
    let read = move || Ok(Bundle(read_file(&path, SIZE_LIMIT, Accept::RegularFiles)?));
    Watched::start(read, |bundle: &Bundle, _| roots(&bundle.0), now)
}

// === impl PairFiles ===

impl PairFiles {
    fn read(certificate: &Path, key: &Path) -> Result<Self, ReadError> {
        Ok(Self {
            certificate: read_file(certificate, SIZE_LIMIT, Accept::RegularFiles)?,
            key: read_file(key, SIZE_LIMIT, Accept::RegularFiles)?,
        })
    }

    fn pair(&self, now: Timestamp) -> Result<Pair, PairError> {
        Pair::from_pem(&self.certificate, &self.key, now)
    }
}

impl Content for PairFiles {
    fn digest(&self) -> Digest {
        Digest::of([self.certificate.as_slice(), &self.key])
    }
}

// === impl Bundle ===

impl Content for Bundle {
    fn digest(&self) -> Digest {
        Digest::of([self.0.as_slice()])
    }
}

/// In bytes; a Secret holds no more.
const SIZE_LIMIT: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use std::fs;

    use rstest::rstest;

    use super::super::Step;
    use super::*;
    use crate::pki::{Issued, Request, issue};

    const NOW: &str = "2026-11-21T12:00:00Z";

    fn issued(now: &str) -> Issued {
        issue(&Request { names: vec!["localhost".into()], now: now.parse().unwrap() }).unwrap()
    }

    #[rstest]
    #[case::renewed("CERT", "KEY", "replaced")]
    #[case::key_not_yet_there("CERT", "OLD", "key and certificate do not belong together")]
    #[case::torn("TORN", "KEY", "the certificate file cannot be read as PEM")]
    #[case::expired(
        "EXPIRED CERT",
        "EXPIRED KEY",
        "the certificate expired at 2026-10-31T00:00:00Z: renew it, or check this machine's clock"
    )]
    fn what_replaces_a_good_pair(#[case] cert: &str, #[case] key: &str, #[case] outcome: &str) {
        let folder = tempfile::tempdir().unwrap();
        let (cert_path, key_path) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
        let now: Timestamp = NOW.parse().unwrap();
        let (old, new, expired) = (issued(NOW), issued(NOW), issued("2026-10-01T00:00:00Z"));
        fs::write(&cert_path, &old.certificate).unwrap();
        fs::write(&key_path, &old.key).unwrap();
        let started = watch_pair(cert_path.clone(), key_path.clone(), now).unwrap();
        let mut watched = started.watched;

        let text = |name: &str| match name {
            "CERT" => new.certificate.as_str(),
            "KEY" => &new.key,
            "OLD" => &old.key,
            "TORN" => &new.certificate[..300],
            "EXPIRED CERT" => &expired.certificate,
            "EXPIRED KEY" => &expired.key,
            other => panic!("no such file: {other}"),
        };
        fs::write(&cert_path, text(cert)).unwrap();
        fs::write(&key_path, text(key)).unwrap();
        let told = match watched.look(now) {
            Step::Replaced(_) => "replaced".to_owned(),
            Step::Refused(refusal) => refusal.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(told, outcome);
        assert!(matches!(watched.look(now), Step::Unchanged), "told once");
    }
}
