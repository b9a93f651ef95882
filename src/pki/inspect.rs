//! What a certificate says, for people and for deciding when to renew it.

use std::net::IpAddr;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::Serialize;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// One certificate, described.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateInfo {
    /// The distinguished name, such as `CN=curfew`.
    pub subject: String,
    /// The same of whoever signed it.
    pub issuer: String,
    /// The subject alternative names: host names and IP addresses as clients look for them.
    pub names: Vec<String>,
    /// Whether it may sign others.
    #[serde(rename = "authority")]
    pub is_authority: bool,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
}

/// Why certificates could not be read.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    #[error("it holds no certificate: expected a block \"-----BEGIN CERTIFICATE-----\"")]
    Empty,
    #[error("certificate {position} is broken: {reason}")]
    Broken {
        /// Counted from 1.
        position: usize,
        reason: String,
    },
}

/// Describes every certificate in a PEM file, in their order; other blocks are passed over.
///
/// # Errors
/// Where one does not parse, or where there is none.
pub fn inspect(pem: &[u8]) -> Result<Vec<CertificateInfo>, InspectError> {
    let mut infos = Vec::new();
    for (index, der) in CertificateDer::pem_slice_iter(pem).enumerate() {
        let broken = |reason| InspectError::Broken { position: index + 1, reason };
        let der = der.map_err(|error| broken(error.to_string()))?;
        infos.push(CertificateInfo::from_der(&der).map_err(broken)?);
    }
    if infos.is_empty() { Err(InspectError::Empty) } else { Ok(infos) }
}

// === impl CertificateInfo ===

impl CertificateInfo {
    /// Describes one certificate, or says why it is none.
    pub(super) fn from_der(der: &[u8]) -> Result<Self, String> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|error| match error {
            x509_parser::nom::Err::Incomplete(_) => "it ends too early".to_owned(),
            x509_parser::nom::Err::Error(error) | x509_parser::nom::Err::Failure(error) => {
                error.to_string()
            }
        })?;
        let names = certificate
            .subject_alternative_name()
            .map_err(|error| error.to_string())?
            .map(|extension| extension.value.general_names.iter().filter_map(name).collect())
            .unwrap_or_default();
        let time = |time: x509_parser::time::ASN1Time| {
            Timestamp::from_second(time.timestamp()).map_err(|error| error.to_string())
        };
        Ok(Self {
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            names,
            not_before: time(certificate.validity().not_before)?,
            not_after: time(certificate.validity().not_after)?,
            is_authority: certificate.is_ca(),
        })
    }
}

/// A name that a TLS client would compare with; others, such as e-mail addresses, are of no use.
fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
        _ => None,
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

#[cfg(test)]
mod tests {
    use super::super::{CertificateRequest, issue};
    use super::*;

    #[test]
    fn names_and_addresses_are_told() {
        let names = ["curfew.curfew.svc", "127.0.0.1", "::1"].map(String::from).to_vec();
        let issued =
            issue(&CertificateRequest { names: names.clone(), now: Timestamp::UNIX_EPOCH })
                .unwrap();
        let infos = inspect(issued.certificate.as_bytes()).unwrap();
        assert_eq!(infos.len(), 1);
        assert_eq!(infos[0].names, names);
        assert_eq!(infos[0].subject, "CN=curfew");
        assert!(infos[0].issuer.starts_with("CN=curfew CA "), "{}", infos[0].issuer);
    }

    #[test]
    fn a_file_without_certificates_says_so() {
        let error = inspect(b"# nothing\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "it holds no certificate: expected a block \"-----BEGIN CERTIFICATE-----\""
        );
    }

    #[test]
    fn a_broken_second_certificate_is_told_by_its_position() {
        let now = Timestamp::UNIX_EPOCH;
        let good = issue(&CertificateRequest { names: vec!["localhost".into()], now })
            .unwrap()
            .certificate;
        let pem = format!("{good}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        let error = inspect(pem.as_bytes()).unwrap_err();
        assert!(error.to_string().starts_with("certificate 2 is broken: "), "{error}");
    }
}
