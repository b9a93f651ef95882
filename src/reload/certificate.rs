//! The files of TLS: the pair that we show, and the authorities whose clients we let in.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustls::RootCertStore;

use super::{Accept, Content, Digest, FileWatcher, ReadError, Refusal, Started, read_file};
use crate::pki::{Pair, PairError, roots};

/// Certificate and key as they lie on disk.
pub type PairFiles = [Vec<u8>; 2];

/// A bundle of authorities as it lies on disk.
pub type Bundle = [Vec<u8>; 1];

/// Starts to watch a certificate and its key.
///
/// # Errors
/// Where there is no usable pair to begin with.
pub fn watch_pair(
    certificate: PathBuf,
    key: PathBuf,
    now: Timestamp,
) -> Result<Started<PairFiles, Pair, PairError>, Refusal<PairError>> {
    let read = move || Ok([read_pem(&certificate)?, read_pem(&key)?]);
    let build = |[certificate, key]: &PairFiles, now| Pair::from_pem(certificate, key, now);
    FileWatcher::start(read, build, now)
}

/// Starts to watch the authorities of clients.
///
/// # Errors
/// Where there is no usable bundle to begin with.
pub fn watch_authorities(
    path: PathBuf,
    now: Timestamp,
) -> Result<Started<Bundle, RootCertStore, PairError>, Refusal<PairError>> {
    FileWatcher::start(move || Ok([read_pem(&path)?]), |[bundle]: &Bundle, _| roots(bundle), now)
}

fn read_pem(path: &Path) -> Result<Vec<u8>, ReadError> {
    read_file(path, SIZE_LIMIT, Accept::RegularFiles)
}

// === impl Content for PairFiles and Bundle ===

impl<const N: usize> Content for [Vec<u8>; N] {
    fn digest(&self) -> Digest {
        Digest::of(self.iter().map(Vec::as_slice))
    }
}

/// In bytes; a Secret holds no more.
const SIZE_LIMIT: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use std::fs;

    use rstest::rstest;

    use super::super::LookResult;
    use super::*;
    use crate::pki::{CertificateRequest, Issued, issue};

    const NOW: &str = "2026-11-21T12:00:00Z";

    fn issued(now: &str) -> Issued {
        issue(&CertificateRequest { names: vec!["localhost".into()], now: now.parse().unwrap() })
            .unwrap()
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
            LookResult::Replaced(_) => "replaced".to_owned(),
            LookResult::Refused(refusal) => refusal.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(told, outcome);
        assert!(matches!(watched.look(now), LookResult::Unchanged), "told once");
    }
}
