//! An authority and a leaf that are kept in one place and renewed in time.
//!
//! [`next`] is told what is kept, and what time it is, and says what is to be kept from now on. An
//! authority is replaced in three steps, with a pause after each, so that there is never a client
//! that trusts none of what is served: the new one joins the bundle, then it signs the leaf, then
//! the old one leaves. Which step is next shows from the certificates alone, so it makes no
//! difference who takes it, or when the last one was.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use rcgen::{Issuer, KeyPair};

use super::inspect::{CertificateInfo, inspect};
use super::{
    BACKDATE, CertificateRequest, IssueError, Pair, authority, authority_name, authority_params,
    signed_leaf,
};

/// What is kept, as PEM; empty where it is missing.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct CertificateSecret {
    /// The bundle that clients trust, the newest authority first.
    pub ca: String,
    /// The key of the newest authority.
    pub ca_key: String,
    /// The leaf.
    pub certificate: String,
    pub key: String,
}

/// What to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RotationStep {
    /// Nothing, until then at least.
    Wait(Timestamp),
    /// Keep this instead; the text says what is new.
    Keep(Box<CertificateSecret>, &'static str),
}

/// The next step towards a pair for `names`, and authorities, that are good for long.
///
/// # Errors
/// Where a name is none, or nothing can be signed.
pub fn next(
    kept: &CertificateSecret,
    request: &CertificateRequest,
) -> Result<RotationStep, IssueError> {
    let CertificateRequest { names, now } = request;
    let now = *now;
    let authorities = inspect(kept.ca.as_bytes()).unwrap_or_default();
    let leaf = usable_leaf(kept, names, &authorities, now);
    let signer = signer(&kept.ca_key, authorities.first())
        .filter(|_| authorities.first().is_some_and(|newest| !is_aging(newest, now)));
    let Some((signer, newest)) = signer.zip(authorities.first()) else {
        let mut fresh = with_authority(kept, now)?;
        let newest = inspect(fresh.ca.as_bytes()).unwrap_or_default();
        if leaf.is_none()
            && let Some(signer) = self::signer(&fresh.ca_key, newest.first())
        {
            (fresh.certificate, fresh.key) = signed_leaf(request, &signer)?;
        }
        return Ok(RotationStep::Keep(Box::new(fresh), "a new authority"));
    };
    let issue = |what| {
        let mut fresh = kept.clone();
        (fresh.certificate, fresh.key) = signed_leaf(request, &signer)?;
        Ok(RotationStep::Keep(Box::new(fresh), what))
    };
    let Some(leaf) = leaf else { return issue("a new certificate") };
    let settled = since(newest) + SETTLE;
    if leaf.issuer != newest.subject {
        return if now >= settled {
            issue("a certificate of the new authority")
        } else {
            Ok(RotationStep::Wait(settled))
        };
    }
    if is_aging(&leaf, now) {
        return issue("a renewed certificate");
    }
    let settled = since(&leaf) + SETTLE;
    if authorities.len() > 1 && now >= settled {
        let ca = certificates(&kept.ca).next().unwrap_or_default();
        let fresh = CertificateSecret { ca, ..kept.clone() };
        return Ok(RotationStep::Keep(Box::new(fresh), "no old authority any more"));
    }
    let mut until = renewal(&leaf).min(renewal(newest));
    if authorities.len() > 1 {
        until = until.min(settled);
    }
    Ok(RotationStep::Wait(until))
}

/// The leaf, if clients that trust the bundle take it.
fn usable_leaf(
    kept: &CertificateSecret,
    names: &[String],
    authorities: &[CertificateInfo],
    now: Timestamp,
) -> Option<CertificateInfo> {
    Pair::from_pem(kept.certificate.as_bytes(), kept.key.as_bytes(), now).ok()?;
    let leaf = inspect(kept.certificate.as_bytes()).ok()?.into_iter().next()?;
    let trusted = authorities.iter().any(|one| one.subject == leaf.issuer && one.not_after > now);
    (trusted && names.iter().all(|name| leaf.names.contains(name))).then_some(leaf)
}

/// Puts a new authority before those that are good for a while.
fn with_authority(
    kept: &CertificateSecret,
    now: Timestamp,
) -> Result<CertificateSecret, IssueError> {
    let authority = authority(now)?;
    let mut ca = authority.pem();
    for old in certificates(&kept.ca) {
        let good = inspect(old.as_bytes()).is_ok_and(|infos| infos[0].not_after > now);
        if good {
            ca.push_str(&old);
        }
    }
    let ca_key = authority.key().serialize_pem();
    Ok(CertificateSecret { ca, ca_key, ..kept.clone() })
}

/// The newest authority as a signer, if its key is the one that is kept.
fn signer(key: &str, newest: Option<&CertificateInfo>) -> Option<Issuer<'static, KeyPair>> {
    let key = KeyPair::from_pem(key).ok()?;
    let subject = format!("CN={}", authority_name(&key));
    newest.filter(|newest| newest.subject == subject)?;
    Some(Issuer::new(authority_params(&key), key))
}

/// When a certificate was made.
fn since(info: &CertificateInfo) -> Timestamp {
    info.not_before + BACKDATE
}

/// From when on a certificate is to be renewed: at a third of its time left.
fn renewal(info: &CertificateInfo) -> Timestamp {
    let life = info.not_after.duration_since(since(info));
    info.not_after.saturating_sub(life / 3).unwrap_or(info.not_after)
}

fn is_aging(info: &CertificateInfo, now: Timestamp) -> bool {
    now >= renewal(info)
}

/// The certificates of a bundle, each as PEM.
fn certificates(bundle: &str) -> impl Iterator<Item = String> {
    let blocks = bundle.split_inclusive(END).filter(|block| block.contains(END));
    blocks.map(|block| format!("{}\n", block.trim_start()))
}

// === impl CertificateSecret ===

impl CertificateSecret {
    /// Reads the members of a Secret.
    pub fn from_data<'d>(mut member: impl FnMut(&str) -> Option<&'d [u8]>) -> Self {
        let mut text = |key| {
            let bytes = member(key).unwrap_or_default();
            String::from_utf8_lossy(bytes).into_owned()
        };
        Self { ca: text(CA), ca_key: text(CA_KEY), certificate: text(CERTIFICATE), key: text(KEY) }
    }

    /// The members of a Secret.
    pub fn data(&self) -> BTreeMap<String, String> {
        let Self { ca, ca_key, certificate, key } = self;
        [(CA, ca), (CA_KEY, ca_key), (CERTIFICATE, certificate), (KEY, key)]
            .map(|(key, value)| (key.to_owned(), value.clone()))
            .into()
    }
}

impl std::fmt::Debug for CertificateSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never the keys.
        f.debug_struct("CertificateSecret")
            .field("ca", &self.ca)
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}

const CA: &str = "ca.crt";
const CA_KEY: &str = "ca.key";
const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";

const END: &str = "-----END CERTIFICATE-----";

/// Every API server has heard of a changed webhook by then, and every replica of a changed Secret.
const SETTLE: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests;
