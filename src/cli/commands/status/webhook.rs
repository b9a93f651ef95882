//! The webhooks as they are registered.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use kube::api::ListParams;
use serde::Serialize;
use serde_json::Value as Json;

use super::attention::Attention;
use crate::cli::shared::{Live, Unread};
use crate::leader::Replica;
use crate::pki::{inspect, trust};

/// One of our webhooks.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Webhook {
    pub(super) configuration: String,
    pub(super) name: String,
    pub(super) failure_policy: String,
    /// A Service as `NAMESPACE/NAME`, or a URL.
    pub(super) calls: String,
    pub(super) authority: Authority,
    /// By which name the API server asks for a certificate.
    #[serde(skip)]
    host: String,
    /// The `caBundle`, as PEM.
    #[serde(skip)]
    bundle: Vec<u8>,
}

/// Whom the API server trusts when it calls the webhook.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Authority {
    /// The system's own authorities count, and nobody in the cluster has a certificate of theirs.
    Absent,
    Unreadable(String),
    /// Until when the last of them is valid.
    Until(Timestamp),
}

/// Finds them.
///
/// # Errors
/// [`Unread`].
pub(super) async fn read(live: &Live) -> Result<Vec<Webhook>, Unread> {
    let mut all = Vec::new();
    for collection in COLLECTIONS {
        let collection = format!("/apis/admissionregistration.k8s.io/v1/{collection}");
        let configurations = live.all(&collection, &ListParams::default()).await?;
        all.extend(configurations.iter().flat_map(|configuration| {
            let webhooks = configuration["webhooks"].as_array().into_iter().flatten();
            webhooks
                .filter(|webhook| {
                    let name = webhook["name"].as_str().unwrap_or_default();
                    name == POLICY_WEBHOOK || NAMES.contains(&name)
                })
                .map(|webhook| Webhook::new(configuration, webhook))
        }));
    }
    Ok(all)
}

/// What needs looking at.
pub(super) fn attention(webhooks: &[Webhook], now: Timestamp) -> Vec<Attention> {
    let mut found = Vec::new();
    for name in NAMES {
        if !webhooks.iter().any(|webhook| webhook.name == name) {
            found.push(format!("webhook {name} is not registered"));
        }
    }
    for Webhook { configuration, name, authority, .. } in webhooks {
        match authority {
            Authority::Absent => found.push(format!(
                "webhook {name} of {configuration} has no caBundle: the API server cannot call it"
            )),
            Authority::Unreadable(why) => {
                found.push(format!("the caBundle of webhook {name} is broken: {why}"));
            }
            Authority::Until(until) if *until <= now => {
                found.push(format!("the caBundle of webhook {name} expired at {until}"));
            }
            Authority::Until(_) => {}
        }
    }
    found.into_iter().map(Attention::installation).collect()
}

// === impl Webhook ===

impl Webhook {
    fn new(configuration: &Json, webhook: &Json) -> Self {
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        let client = &webhook["clientConfig"];
        let service = &client["service"];
        let bundle = client["caBundle"].as_str();
        let (calls, host) = if service.is_object() {
            let (namespace, name) = (text(&service["namespace"]), text(&service["name"]));
            (format!("{namespace}/{name}"), format!("{name}.{namespace}.svc"))
        } else {
            let url: Option<http::Uri> = client["url"].as_str().and_then(|u| u.parse().ok());
            let host = url.as_ref().and_then(http::Uri::host).unwrap_or_default();
            // An address of IPv6 stands in brackets, and only in a URL.
            (text(&client["url"]), host.trim_matches(['[', ']']).to_owned())
        };
        Self {
            configuration: text(&configuration["metadata"]["name"]),
            name: text(&webhook["name"]),
            failure_policy: text(&webhook["failurePolicy"]),
            calls,
            authority: Authority::of(bundle),
            // The API server asks for this name, whatever address it has found.
            host,
            bundle: bundle.and_then(|bundle| STANDARD.decode(bundle).ok()).unwrap_or_default(),
        }
    }

    /// Whether this is how a replica expects to be called.
    pub(super) fn calls_replica(&self, replica: &Replica) -> bool {
        let expected = if self.name == POLICY_WEBHOOK {
            replica.policy_webhook.as_ref()
        } else {
            Some(&replica.webhook)
        };
        expected.is_some_and(|expected| self.configuration == *expected)
    }

    /// Whether the API server believes a chain, as [`trust::believed`]; `None` where no bundle can
    /// be read.
    pub(super) fn believes(&self, chain: &[Vec<u8>], now: Timestamp) -> Option<Result<(), String>> {
        let readable = matches!(self.authority, Authority::Until(_));
        readable.then(|| trust::believed(&self.bundle, chain, &self.host, now))
    }
}

// === impl Authority ===

impl Authority {
    fn of(bundle: Option<&str>) -> Self {
        let Some(bundle) = bundle.filter(|bundle| !bundle.is_empty()) else { return Self::Absent };
        let pem = match STANDARD.decode(bundle) {
            Ok(pem) => pem,
            Err(error) => return Self::Unreadable(error.to_string()),
        };
        match inspect::inspect(&pem) {
            // While one authority follows another, both are there.
            Ok(all) => all.iter().map(|one| one.not_after).max().map_or(Self::Absent, Self::Until),
            Err(error) => Self::Unreadable(error.to_string()),
        }
    }
}

const COLLECTIONS: [&str; 2] = ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"];

/// As the chart names them.
const NAMES: [&str; 2] = ["jobs.curfew.dev", "cronjobs.curfew.dev"];

/// It has the policy reviewed. An installation may do without it.
const POLICY_WEBHOOK: &str = "policy.curfew.dev";

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use jiff::Timestamp;
    use serde_json::{Value as Json, json};

    use super::{Webhook, attention};
    use crate::pki;

    fn registered(bundle: &Json) -> Vec<Webhook> {
        let webhook = |name| {
            json!({"name": name, "failurePolicy": "Ignore", "clientConfig": {
                "service": {"namespace": "curfew", "name": "curfew"}, "caBundle": bundle,
            }})
        };
        let configuration = json!({"metadata": {"name": "curfew"}});
        ["jobs.curfew.dev", "cronjobs.curfew.dev"]
            .map(|name| Webhook::new(&configuration, &webhook(name)))
            .into()
    }

    #[rstest::rstest]
    #[case::none(json!(null), Some("has no caBundle"))]
    #[case::empty(json!(""), Some("has no caBundle"))]
    #[case::broken(json!("%"), Some("is broken"))]
    #[case::no_certificate(json!(STANDARD.encode("x")), Some("is broken"))]
    #[case::good(bundle("2026-11-20T00:00:00Z"), None)]
    #[case::expired(bundle("2020-11-20T00:00:00Z"), Some("expired at"))]
    fn a_bundle(#[case] bundle: Json, #[case] expected: Option<&str>) {
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        let found = attention(&registered(&bundle), now);
        assert_eq!(found.len(), if expected.is_some() { 2 } else { 0 });
        assert!(
            found.iter().all(|said| said.what.contains(expected.unwrap_or_default())),
            "{found:?}"
        );
    }

    #[test]
    fn half_a_registration_is_told() {
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        let mut webhooks = registered(&bundle("2026-11-20T00:00:00Z"));
        webhooks.pop();
        let found = attention(&webhooks, now);
        assert_eq!(found[0].what, "webhook cronjobs.curfew.dev is not registered");
        assert_eq!(found.len(), 1);
    }

    fn bundle(made: &str) -> Json {
        let now: Timestamp = made.parse().unwrap();
        let issued =
            pki::issue(&pki::CertificateRequest { names: vec!["localhost".into()], now }).unwrap();
        json!(STANDARD.encode(issued.ca))
    }
}
