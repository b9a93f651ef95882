//! A certificate chain with its key, checked as a client would check it, short of trust.

use std::sync::Arc;

use jiff::Timestamp;
use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::inspect::CertificateInfo;
use super::provider::provider;

/// A pair that belongs together and has not expired.
#[derive(Clone, Debug)]
pub struct Pair {
    /// What rustls serves with.
    pub key: Arc<CertifiedKey>,
    /// The host names and IP addresses of the leaf.
    pub names: Vec<String>,
    /// When the leaf, or an authority sent with it, begins; our clock may be behind, so a later
    /// time is a reason for a warning, not for a refusal.
    pub not_before: Timestamp,
    /// When the first certificate of the chain expires.
    pub not_after: Timestamp,
}

/// Why a pair, or a bundle of authorities, cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    #[error("the certificate file cannot be read as PEM")]
    CertificatePem { source: pem::Error },
    #[error("certificate {position} is broken: {reason}")]
    Certificate {
        /// Counted from 1.
        position: usize,
        reason: String,
    },
    #[error("the certificate expired at {at}: renew it, or check this machine's clock")]
    Expired { at: Timestamp },
    #[error("the key file cannot be used")]
    Key { source: rustls::Error },
    #[error("the key file cannot be read as PEM")]
    KeyPem { source: pem::Error },
    #[error("key and certificate do not belong together")]
    Mismatch,
    #[error("the certificate file holds no \"-----BEGIN CERTIFICATE-----\"")]
    NoCertificate,
    #[error("the key file holds no \"-----BEGIN PRIVATE KEY-----\"")]
    NoKey,
}

/// Reads a bundle of authorities.
///
/// # Errors
/// Where one does not parse, or where there is none.
pub fn roots(pem: &[u8]) -> Result<RootCertStore, PairError> {
    let mut roots = RootCertStore::empty();
    for (index, certificate) in certificates(pem)?.into_iter().enumerate() {
        roots.add(certificate).map_err(|error| PairError::Certificate {
            position: index + 1,
            reason: error.to_string(),
        })?;
    }
    Ok(roots)
}

// === impl Pair ===

impl Pair {
    /// Reads a chain, leaf first, and its key.
    ///
    /// # Errors
    /// Where either does not parse, where they do not belong together, and where a certificate of
    /// the chain has expired by `now`.
    pub fn from_pem(certificate: &[u8], key: &[u8], now: Timestamp) -> Result<Self, PairError> {
        let chain = certificates(certificate)?;
        let infos = chain
            .iter()
            .enumerate()
            .map(|(index, der)| {
                CertificateInfo::from_der(der)
                    .map_err(|reason| PairError::Certificate { position: index + 1, reason })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|source| match source {
            pem::Error::NoItemsFound => PairError::NoKey,
            source => PairError::KeyPem { source },
        })?;
        let key =
            CertifiedKey::from_der(chain, key, &provider()).map_err(|source| match source {
                rustls::Error::InconsistentKeys(_) => PairError::Mismatch,
                source => PairError::Key { source },
            })?;
        let (Some(not_before), Some(not_after)) = (
            infos.iter().map(|info| info.not_before).max(),
            infos.iter().map(|info| info.not_after).min(),
        ) else {
            return Err(PairError::NoCertificate);
        };
        if not_after <= now {
            return Err(PairError::Expired { at: not_after });
        }
        let names = infos.into_iter().next().map(|leaf| leaf.names).unwrap_or_default();
        Ok(Self { key: Arc::new(key), names, not_before, not_after })
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, PairError> {
    let certificates = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| PairError::CertificatePem { source })?;
    if certificates.is_empty() { Err(PairError::NoCertificate) } else { Ok(certificates) }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::{CertificateRequest, Issued, issue};
    use super::*;

    fn issued(now: Timestamp) -> Issued {
        issue(&CertificateRequest { names: vec!["localhost".into()], now }).unwrap()
    }

    #[test]
    fn a_good_pair_knows_its_names_and_its_end() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let Issued { certificate, key, .. } = issued(now);
        let pair = Pair::from_pem(certificate.as_bytes(), key.as_bytes(), now).unwrap();
        assert_eq!(pair.names, ["localhost"]);
        assert_eq!(pair.not_after.to_string(), "2026-12-21T12:00:00Z");
    }

    #[rstest]
    #[case::no_certificate(
        "",
        "KEY",
        "the certificate file holds no \"-----BEGIN CERTIFICATE-----\""
    )]
    #[case::no_key("CERT", "", "the key file holds no \"-----BEGIN PRIVATE KEY-----\"")]
    #[case::swapped("KEY", "CERT", "the certificate file holds no \"-----BEGIN CERTIFICATE-----\"")]
    #[case::mismatched("CERT", "OTHER", "key and certificate do not belong together")]
    #[case::torn_certificate("TORN", "KEY", "the certificate file cannot be read as PEM")]
    #[case::torn_key("CERT", "TORN KEY", "the key file cannot be read as PEM")]
    fn what_is_refused(#[case] certificate: &str, #[case] key: &str, #[case] message: &str) {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let (one, other) = (issued(now), issued(now));
        let text = |name: &str| match name {
            "CERT" => one.certificate.clone(),
            "KEY" => one.key.clone(),
            "OTHER" => other.key.clone(),
            "TORN" => one.certificate[..one.certificate.len() / 2].to_owned(),
            "TORN KEY" => one.key[..one.key.len() / 2].to_owned(),
            other => other.to_owned(),
        };
        let error = Pair::from_pem(text(certificate).as_bytes(), text(key).as_bytes(), now);
        assert_eq!(error.unwrap_err().to_string(), message);
    }

    #[rstest]
    #[case::a_second_before("2026-12-21T11:59:59Z", true)]
    #[case::at_the_end("2026-12-21T12:00:00Z", false)]
    fn expiry(#[case] now: Timestamp, #[case] good: bool) {
        let Issued { certificate, key, .. } = issued("2026-11-21T12:00:00Z".parse().unwrap());
        let pair = Pair::from_pem(certificate.as_bytes(), key.as_bytes(), now);
        assert_eq!(pair.is_ok(), good, "{pair:?}");
    }
}
