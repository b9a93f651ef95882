//! Throw-away certificates: one authority per control plane, for the API server, its clients, and
//! the webhooks.

use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use super::registration::SERVICES;

/// Holds a certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

/// A certificate and its key, in PEM.
#[derive(Clone, Debug)]
pub struct Pair {
    pub certificate: String,
    pub key: String,
}

// === impl Authority ===

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    pub fn new() -> Self {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(DnType::CommonName, "curfew test authority");
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = parameters.self_signed(&key).expect("a certificate can be signed").pem();
        Self { issuer: Issuer::new(parameters, key), certificate }
    }

    /// In PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// As `caBundle` and kubeconfigs want it.
    pub fn bundle(&self) -> String {
        STANDARD.encode(&self.certificate)
    }

    /// For a server on the loopback address.
    pub fn server(&self) -> Pair {
        let services = format!("*.{SERVICES}.svc");
        let names = ["localhost", "127.0.0.1", "kubernetes.default.svc", "10.0.0.1", &services];
        let mut parameters = CertificateParams::new(names.map(String::from))
            .expect("these names can stand in a certificate");
        parameters.distinguished_name.push(DnType::CommonName, "localhost");
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(parameters)
    }

    /// For a user, with at most one group.
    pub fn client(&self, user: &str, group: Option<&str>) -> Pair {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, user);
        if let Some(group) = group {
            parameters.distinguished_name.push(DnType::OrganizationName, group);
        }
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(parameters)
    }

    fn sign(&self, mut parameters: CertificateParams) -> Pair {
        parameters.use_authority_key_identifier_extension = true;
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = parameters.signed_by(&key, &self.issuer).expect("ours to sign").pem();
        Pair { certificate, key: key.serialize_pem() }
    }
}
