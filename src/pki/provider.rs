//! The crypto that everything of TLS here uses.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

/// The one choice of a crypto provider; always passed on explicitly, because rustls panics where
/// two are compiled in and nobody says which.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
