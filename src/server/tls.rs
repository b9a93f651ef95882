//! What TLS is spoken with: the versions, the pair, and whose clients are let in.
//!
//! The pair sits behind a resolver, so a new one is used from the next handshake on; other
//! authorities for clients need another configuration. Connections that are open keep what they
//! began with, for as long as connections live.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::server::{
    ClientHello, NoServerSessionStorage, ResolvesServerCert, VerifierBuilderError,
    WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion, version};

use crate::pki::{self, Pair};

/// Holds the present configuration and the present pair.
pub struct Tls {
    oldest: TlsVersion,
    config: ArcSwap<ServerConfig>,
    resolver: Arc<Resolver>,
}

/// A version of TLS that may be spoken.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum)]
pub enum TlsVersion {
    #[value(name = "1.2")]
    Tls12,
    // Every API server that is still maintained speaks it.
    #[default]
    #[value(name = "1.3")]
    Tls13,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("the authorities of clients cannot be used")]
    Authorities { source: VerifierBuilderError },
    #[error("the versions of TLS cannot be used")]
    Versions { source: rustls::Error },
}

#[derive(Debug)]
struct Resolver(ArcSwap<Pair>);

// === impl Tls ===

impl Tls {
    /// Serves with this pair; where authorities are given, only clients whose certificate one of
    /// them signed get in.
    ///
    /// # Errors
    /// Where the authorities cannot be used, such as none at all.
    pub fn new(
        pair: Pair,
        oldest: TlsVersion,
        authorities: Option<RootCertStore>,
    ) -> Result<Self, TlsError> {
        let resolver = Arc::new(Resolver(ArcSwap::from_pointee(pair)));
        let config = config(oldest, Arc::clone(&resolver), authorities)?;
        Ok(Self { oldest, config: ArcSwap::from_pointee(config), resolver })
    }

    /// Shows this pair from the next handshake on.
    pub fn replace_pair(&self, pair: Pair) {
        self.resolver.0.store(Arc::new(pair));
    }

    /// Lets in only clients of these authorities, from the next handshake on.
    ///
    /// # Errors
    /// Where the authorities cannot be used; the present ones stay.
    pub fn replace_authorities(&self, authorities: RootCertStore) -> Result<(), TlsError> {
        let config = config(self.oldest, Arc::clone(&self.resolver), Some(authorities))?;
        self.config.store(Arc::new(config));
        Ok(())
    }

    /// The present pair.
    pub fn pair(&self) -> Arc<Pair> {
        self.resolver.0.load_full()
    }

    pub(super) fn config(&self) -> Arc<ServerConfig> {
        self.config.load_full()
    }
}

fn config(
    oldest: TlsVersion,
    resolver: Arc<Resolver>,
    authorities: Option<RootCertStore>,
) -> Result<ServerConfig, TlsError> {
    let versions: &[&SupportedProtocolVersion] = match oldest {
        TlsVersion::Tls12 => &[&version::TLS13, &version::TLS12],
        TlsVersion::Tls13 => &[&version::TLS13],
    };
    let provider = pki::provider();
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(|source| TlsError::Versions { source })?;
    let builder = match authorities {
        None => builder.with_no_client_auth(),
        Some(roots) => builder.with_client_cert_verifier(
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(|source| TlsError::Authorities { source })?,
        ),
    };
    let mut config = builder.with_cert_resolver(resolver);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // The API server keeps no sessions to resume, and a resumed one would get round new
    // authorities.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

// === impl Resolver ===

impl ResolvesServerCert for Resolver {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.load().key))
    }
}
