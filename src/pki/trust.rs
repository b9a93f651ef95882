//! Whether a client that trusts a bundle would believe a certificate, as the API server asks it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, RootCertStore};

use super::{CertificateInfo, provider};

/// Looks for a way from a chain, the leaf first and in DER, to an authority of a bundle in PEM, for
/// a client that calls the server by `name`.
///
/// # Errors
/// With why there is none, for people.
pub fn believed(
    bundle: &[u8],
    chain: &[Vec<u8>],
    name: &str,
    now: Timestamp,
) -> Result<(), String> {
    let roots = valid_roots(bundle, now)?;
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
        .build()
        .map_err(|error| error.to_string())?;
    let called = ServerName::try_from(name).map_err(|_| format!("{name} is no host name"))?;
    let mut chain = chain.iter().map(|der| CertificateDer::from_slice(der));
    let leaf = chain.next().ok_or("it shows no certificate")?;
    let others: Vec<CertificateDer<'_>> = chain.collect();
    // To a client in Go, what is itself in the bundle needs nobody to vouch for it.
    let is_root = CertificateDer::pem_slice_iter(bundle).flatten().any(|root| root == leaf);
    let since = u64::try_from(now.as_second()).unwrap_or_default();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(since));
    let answer = match verifier.verify_server_cert(&leaf, &others, &called, &[], now) {
        // It is an authority, in the place of a server's certificate.
        Err(rustls::Error::InvalidCertificate(CertificateError::Other(_))) if is_root => {
            ParsedCertificate::try_from(&leaf).and_then(|leaf| verify_server_name(&leaf, &called))
        }
        answer => answer.map(drop),
    };
    answer.map_err(|error| explain(&error, &leaf, name))
}

/// The authorities of a bundle that have begun and not expired: a client in Go looks at that, and
/// the verifier here does not.
fn valid_roots(bundle: &[u8], now: Timestamp) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for der in CertificateDer::pem_slice_iter(bundle) {
        let der = der.map_err(|error| error.to_string())?;
        let info = CertificateInfo::from_der(&der)?;
        if (info.not_before..=info.not_after).contains(&now) {
            roots.add(der).map_err(|error| error.to_string())?;
        }
    }
    if roots.is_empty() {
        Err("no authority of the bundle is valid now".to_owned())
    } else {
        Ok(roots)
    }
}

/// In the words of whoever has to mend it.
fn explain(error: &rustls::Error, leaf: &CertificateDer<'_>, name: &str) -> String {
    use rustls::CertificateError as Why;
    let rustls::Error::InvalidCertificate(why) = error else { return error.to_string() };
    let info = CertificateInfo::from_der(leaf);
    let names = info.as_ref().map(|info| info.names.join(", ")).unwrap_or_default();
    let issuer = info.map(|info| info.issuer).unwrap_or_default();
    match why {
        Why::UnknownIssuer | Why::BadSignature => {
            format!("it is signed by {issuer}, which is not in the bundle")
        }
        Why::NotValidForName | Why::NotValidForNameContext { .. } => {
            format!("it is for {names}, and the API server asks for {name}")
        }
        Why::Expired | Why::ExpiredContext { .. } => {
            "it, or an authority of it, has expired".to_owned()
        }
        Why::NotValidYet | Why::NotValidYetContext { .. } => "it is not valid yet".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
    use rstest::rstest;

    use super::*;
    use crate::pki::{CertificateRequest, Issued, issue};

    fn issued() -> Issued {
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        issue(&CertificateRequest { names: vec!["curfew.curfew.svc".to_owned()], now }).unwrap()
    }

    #[rstest]
    #[case::fine("curfew.curfew.svc", "2026-11-22T12:00:00Z", None)]
    #[case::another_name(
        "other.curfew.svc",
        "2026-11-22T12:00:00Z",
        Some("it is for curfew.curfew.svc, and the API server asks for other.curfew.svc")
    )]
    #[case::expired("curfew.curfew.svc", "2027-01-22T12:00:00Z", Some("has expired"))]
    #[case::early(
        "curfew.curfew.svc",
        "2026-11-20T12:00:00Z",
        Some("no authority of the bundle is valid now")
    )]
    #[case::no_name("not a name", "2026-11-22T12:00:00Z", Some("is no host name"))]
    fn what_is_believed(
        #[case] name: &str,
        #[case] now: Timestamp,
        #[case] expected: Option<&str>,
    ) {
        let Issued { ca, certificate, .. } = issued();
        let leaf = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap().to_vec();
        let chain = [leaf];
        let answer = believed(ca.as_bytes(), &chain, name, now);
        match expected {
            None => assert_eq!(answer, Ok(())),
            Some(why) => {
                assert!(answer.as_ref().is_err_and(|said| said.contains(why)), "{answer:?}");
            }
        }
        // Two authorities, as while one follows the other.
        let both = format!("{}{ca}", issued().ca);
        assert_eq!(believed(both.as_bytes(), &chain, name, now), answer);
        if expected.is_none() {
            let why = believed(issued().ca.as_bytes(), &chain, name, now).unwrap_err();
            assert!(why.starts_with("it is signed by CN=curfew CA "), "{why}");
            assert_eq!(
                believed(ca.as_bytes(), &[], name, now).unwrap_err(),
                "it shows no certificate"
            );
        }
    }

    /// As `openssl req -x509` makes it: an authority that serves by itself.
    #[test]
    fn what_is_in_the_bundle_is_believed() {
        let mut params = CertificateParams::new(vec!["curfew.curfew.svc".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let (bundle, chain) = (certificate.pem(), [certificate.der().to_vec()]);
        let now = "2026-11-22T12:00:00Z".parse().unwrap();
        let believed = |name| believed(bundle.as_bytes(), &chain, name, now);
        assert_eq!(believed("curfew.curfew.svc"), Ok(()));
        assert!(believed("other.curfew.svc").is_err());
    }

    #[test]
    fn an_authority_that_has_expired_vouches_for_nothing() {
        let Issued { ca, certificate, .. } = issued();
        let chain = [CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap().to_vec()];
        let later = "2027-12-22T12:00:00Z".parse().unwrap();
        let why = believed(ca.as_bytes(), &chain, "curfew.curfew.svc", later).unwrap_err();
        assert_eq!(why, "no authority of the bundle is valid now");
    }
}
