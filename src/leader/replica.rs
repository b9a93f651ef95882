//! What each replica says of itself, in an annotation of its own on the Lease: whoever may read
//! the Lease can see whether all of them run the same, and whether the API server can believe what
//! they show, without reaching a Pod.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// What one replica runs.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Replica {
    /// Of the build.
    pub version: String,
    /// Of the policy in use.
    pub revision: String,
    /// Since when it is that one.
    pub since: Option<Timestamp>,
    /// Why what is mounted is not in use; `None` where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// The `MutatingWebhookConfiguration` by which it expects to be called.
    pub webhook: String,
    /// The `ValidatingWebhookConfiguration` that has the policy reviewed; `None` where there is
    /// none.
    #[serde(rename = "guard", skip_serializing_if = "Option::is_none")]
    pub policy_webhook: Option<String>,
    pub certificate: Option<ServedCertificate>,
    /// When this was said.
    pub said: Option<Timestamp>,
}

/// The certificate that a replica shows: nothing of it is secret.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServedCertificate {
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    /// In base64 of DER, the leaf first; empty where it is too long for a Lease.
    pub chain: Vec<String>,
}

// === impl Replica ===

impl Replica {
    /// What the keys of these annotations begin with.
    pub const PREFIX: &'static str = "replica.curfew.dev/";

    /// Longer than between two words of a replica that is there.
    pub const SILENT: SignedDuration = SignedDuration::from_secs(150);

    /// The annotation of the replica that stands for election by this name.
    pub fn key(identity: &str) -> String {
        // The API server allows so many, and a letter or digit at both ends.
        let excess = identity.chars().count().saturating_sub(LONGEST_NAME);
        let name: String = identity.chars().skip(excess).map(allowed).collect();
        format!("{}{}", Self::PREFIX, name.trim_matches(|c: char| !c.is_ascii_alphanumeric()))
    }

    /// Reads the annotation; `None` where it holds nothing that this build understands.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// When the annotation was written, by whatever build.
    pub fn said_in(text: &str) -> Option<Timestamp> {
        let all: serde_json::Value = serde_json::from_str(text).ok()?;
        all["said"].as_str()?.parse().ok()
    }

    /// The annotation's value.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("strings and times are always JSON")
    }

    /// For how long nothing was heard of it.
    pub fn silence(&self, now: Timestamp) -> SignedDuration {
        self.said.map_or(SignedDuration::MAX, |said| now.duration_since(said))
    }
}

fn allowed(c: char) -> char {
    if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' }
}

// === impl ServedCertificate ===

impl ServedCertificate {
    /// A chain of certificates in DER, the leaf first.
    pub fn new<'c>(
        (not_before, not_after): (Timestamp, Timestamp),
        chain: impl Iterator<Item = &'c [u8]>,
    ) -> Self {
        let chain: Vec<String> = chain.map(|der| STANDARD.encode(der)).collect();
        let size: usize = chain.iter().map(String::len).sum();
        let chain = if size > LONGEST_CHAIN { Vec::new() } else { chain };
        Self { not_before, not_after, chain }
    }

    /// The chain in DER; `None` where it was not told, or is none.
    pub fn der(&self) -> Option<Vec<Vec<u8>>> {
        let chain: Result<Vec<_>, _> =
            self.chain.iter().map(|text| STANDARD.decode(text)).collect();
        chain.ok().filter(|chain| !chain.is_empty())
    }
}

/// Of the name in the key of an annotation.
const LONGEST_NAME: usize = 63;

/// All annotations of an object together may have 256 KiB, and there can be many replicas.
const LONGEST_CHAIN: usize = 8 << 10;

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{Replica, ServedCertificate};

    #[rstest]
    #[case::of_a_pod(
        "curfew-7d4b9c6f5-x2x9z_0123456789abcdef",
        "curfew-7d4b9c6f5-x2x9z_0123456789abcdef"
    )]
    #[case::odd("a host!_0123456789abcdef", "a-host-_0123456789abcdef")]
    #[case::long(
        &format!("{}-{}_0123456789abcdef", "h".repeat(40), "p".repeat(45)),
        &format!("{}_0123456789abcdef", "p".repeat(45))
    )]
    fn keys_are_what_the_api_server_takes(#[case] identity: &str, #[case] name: &str) {
        assert_eq!(Replica::key(identity), format!("replica.curfew.dev/{name}"));
    }

    #[test]
    fn what_a_later_build_adds_is_no_trouble() {
        let read = Replica::parse(r#"{"revision": "r1", "mood": "fine"}"#).unwrap();
        assert_eq!(read, Replica { revision: "r1".to_owned(), ..Replica::default() });
        assert_eq!(Replica::parse(&read.to_text()), Some(read));
        assert_eq!(Replica::parse("no"), None);
    }

    #[test]
    fn a_chain_is_told_unless_it_is_too_long() {
        let times = (jiff::Timestamp::UNIX_EPOCH, jiff::Timestamp::MAX);
        let chain = [&b"leaf"[..], b"middle"];
        assert_eq!(ServedCertificate::new(times, chain.into_iter()).der().unwrap(), chain);
        let long = vec![0; 7000];
        assert_eq!(ServedCertificate::new(times, std::iter::once(&long[..])).der(), None);
    }
}
