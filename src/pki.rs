//! Keys and certificates: making a pair, reading one, and saying what a certificate holds.
//!
//! [`issue`] makes a throw-away authority and a leaf, [`Pair::from_pem`] reads what somebody else
//! made and refuses what a client would refuse, [`trust::believed`] asks as a client does,
//! [`inspect`] describes certificates for people, and
//! [`laptop::ensure`] keeps a self-signed pair in a folder. It must not know who serves with a
//! pair, when files change, or what Kubernetes is.

pub mod inspect;
pub mod laptop;
pub mod pair;
mod provider;
pub mod rotation;
pub mod trust;

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};

pub use inspect::{CertificateInfo, inspect};
pub use pair::{Pair, PairError, roots};
pub use provider::provider;

/// What a pair is wanted for.
#[derive(Clone, Debug)]
pub struct CertificateRequest {
    /// Host names and IP addresses; clients in Go look at nothing else, the common name included.
    pub names: Vec<String>,
    /// When the certificates begin, less [`BACKDATE`].
    pub now: Timestamp,
}

/// A pair and the authority that signed it, all as PEM.
///
/// The key of the authority is not among them: it is forgotten, so nobody can sign a second leaf
/// that clients of the first would trust.
#[derive(Clone, Debug)]
pub struct Issued {
    pub ca: String,
    pub certificate: String,
    pub key: String,
}

/// Why no pair could be made.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    #[error("a certificate needs a host name or an IP address, and none was given")]
    NoNames,
    #[error("cannot make a certificate for {names}: is each a host name or an IP address?")]
    Names { names: String, source: rcgen::Error },
    #[error("cannot sign the certificate")]
    Sign(#[from] rcgen::Error),
}

/// Makes an authority and a leaf under it, both with ECDSA keys on P-256: a handshake is cheap
/// with them, and the API server opens a new connection for each call above 25 at once.
///
/// # Errors
/// Where a name is neither a host name nor an IP address, or where there is none.
pub fn issue(request: &CertificateRequest) -> Result<Issued, IssueError> {
    let authority = authority(request.now)?;
    let (certificate, key) = signed_leaf(request, &authority)?;
    Ok(Issued { ca: authority.pem(), certificate, key })
}

/// A leaf and its key, as PEM.
fn signed_leaf(
    CertificateRequest { names, now }: &CertificateRequest,
    authority: &Issuer<'_, KeyPair>,
) -> Result<(String, String), IssueError> {
    if names.is_empty() {
        return Err(IssueError::NoNames);
    }
    let key = KeyPair::generate()?;
    let leaf = leaf(names, *now)
        .map_err(|source| IssueError::Names { names: names.join(", "), source })?
        .signed_by(&key, authority)?;
    Ok((leaf.pem(), key.serialize_pem()))
}

fn authority(now: Timestamp) -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = authority_params(&key);
    validity(&mut params, now, AUTHORITY_LIFETIME);
    CertifiedIssuer::self_signed(params, key)
}

/// What an authority with this key is called, and may do.
fn authority_params(key: &KeyPair) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, authority_name(key));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// Two authorities must not share a subject: a client that trusts an old one would look no further,
/// and call the new leaf's signature wrong instead of its issuer unknown.
fn authority_name(key: &KeyPair) -> String {
    let id = CertificateParams::default().key_identifier(key);
    let id = id.iter().take(4).fold(0, |id, byte| id << 8 | u32::from(*byte));
    format!("curfew CA {id:08x}")
}

fn leaf(names: &[String], now: Timestamp) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, "curfew");
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    validity(&mut params, now, LEAF_LIFETIME);
    Ok(params)
}

/// Sets both ends; rcgen's own default runs to the year 4096.
fn validity(params: &mut CertificateParams, now: Timestamp, lifetime: Duration) {
    let now = SystemTime::from(now);
    params.not_before = (now - BACKDATE).into();
    params.not_after = (now + lifetime).into();
}

/// How far certificates begin in the past: clocks of clients differ from ours.
pub const BACKDATE: Duration = Duration::from_secs(3600);
/// How long an authority is good.
pub const AUTHORITY_LIFETIME: Duration = Duration::from_secs(365 * 86_400);
/// How long a leaf is good: short, so that renewing it is nothing unusual.
pub const LEAF_LIFETIME: Duration = Duration::from_secs(30 * 86_400);

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_leaf_is_good_for_thirty_days_and_the_authority_for_a_year() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let issued = issue(&CertificateRequest { names: vec!["localhost".into()], now }).unwrap();

        let leaf = &inspect(issued.certificate.as_bytes()).unwrap()[0];
        assert_eq!(leaf.not_before.to_string(), "2026-11-21T11:00:00Z");
        assert_eq!(leaf.not_after.to_string(), "2026-12-21T12:00:00Z");
        assert!(!leaf.is_authority);

        let authority = &inspect(issued.ca.as_bytes()).unwrap()[0];
        assert_eq!(authority.not_after.to_string(), "2027-11-21T12:00:00Z");
        assert!(authority.is_authority);
        assert_eq!(leaf.issuer, authority.subject);
    }

    #[rstest]
    #[case::none(&[], "a certificate needs a host name or an IP address, and none was given")]
    #[case::not_ascii(
        &["bücher.example"],
        "cannot make a certificate for bücher.example: is each a host name or an IP address?"
    )]
    fn names_that_cannot_be(#[case] names: &[&str], #[case] message: &str) {
        let names = names.iter().map(ToString::to_string).collect();
        let error = issue(&CertificateRequest { names, now: Timestamp::UNIX_EPOCH }).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}
