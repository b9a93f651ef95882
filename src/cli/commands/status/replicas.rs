//! The replicas, by what each of them says of itself on the Lease.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::attention::Attention;
use super::webhook::Webhook;
use crate::cli::shared::Lease;
use crate::cli::shared::output::short;
use crate::leader::Replica;
use crate::leader::replica::ServedCertificate;

/// One replica.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Present {
    /// Of its Pod.
    pub(super) name: String,
    pub(super) leads: bool,
    /// Nothing was heard of it for a while.
    pub(super) silent: bool,
    /// Whether the API server believes it, by each webhook that it is called by.
    pub(super) trust: Vec<Trust>,
    #[serde(flatten)]
    pub(super) replica: Replica,
}

/// What the `caBundle` of a webhook makes of a replica's certificate.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Trust {
    pub(super) webhook: String,
    /// `None` where it is believed.
    pub(super) refused: Option<String>,
}

// === impl Present ===

impl Present {
    /// All that the Lease knows of, by name.
    pub(super) fn all(lease: &Lease, webhooks: &[Webhook], now: Timestamp) -> Vec<Self> {
        let leader = lease.holder().map(Replica::key);
        let annotations = lease.annotations().filter_map(|(key, text)| {
            let name = key.strip_prefix(Replica::PREFIX)?;
            let replica = Replica::parse(text)?;
            let trust = trust(&replica, webhooks, now);
            Some(Self {
                // What is random in it tells nobody anything.
                name: name.rsplit_once('_').map_or(name, |(pod, _)| pod).to_owned(),
                leads: leader.as_deref() == Some(key),
                silent: replica.silence(now) > Replica::SILENT,
                trust,
                replica,
            })
        });
        let mut all: Vec<Self> = annotations.collect();
        all.sort_by(|a, b| (&a.name, a.silent).cmp(&(&b.name, b.silent)));
        // A container that was restarted in its Pod has another identity, and is the same replica.
        all.dedup_by(|later, first| later.silent && later.name == first.name);
        all
    }

    /// Of all webhooks that bear our names, those of this installation: where a replica says by
    /// which it is called, the others are somebody else's.
    pub(super) fn webhooks_of(all: &[Self], mut webhooks: Vec<Webhook>) -> Vec<Webhook> {
        let named = |one: &&Self| !one.silent && !one.replica.webhook.is_empty();
        if all.iter().any(|one| named(&one)) {
            webhooks.retain(|webhook| {
                all.iter().filter(named).any(|one| webhook.calls_replica(&one.replica))
            });
        }
        webhooks
    }

    /// What needs looking at about one.
    fn attention(&self, now: Timestamp) -> Vec<String> {
        let Self { name, silent, trust, replica, .. } = self;
        if *silent {
            let silence = short(replica.silence(now).as_secs());
            return vec![format!("replica {name} has said nothing for {silence}")];
        }
        let mut found = Vec::new();
        if let Some(why) = &replica.refused {
            let revision = &replica.revision;
            found.push(format!(
                "replica {name} refuses the policy that is mounted, and goes on by {revision}: {why}"
            ));
        }
        if let Some(shown) = &replica.certificate {
            let left = shown.not_after.duration_since(now);
            let life = shown.not_after.duration_since(shown.not_before);
            if left <= SignedDuration::ZERO {
                found.push(format!("the certificate of replica {name} has expired"));
            } else if left < EXPIRING.min(life / 4) {
                let left = short(left.as_secs());
                found.push(format!("the certificate of replica {name} expires in {left}"));
            }
        }
        found.extend(trust.iter().filter_map(|Trust { webhook, refused }| {
            let why = refused.as_ref()?;
            Some(format!(
                "the API server does not believe replica {name}, by the caBundle of webhook \
                 {webhook}: {why}"
            ))
        }));
        found
    }
}

/// What needs looking at about all of them.
pub(super) fn attention(all: &[Present], now: Timestamp) -> Vec<Attention> {
    if all.is_empty() {
        return vec![Attention::installation("no replica says what it runs")];
    }
    let mut found: Vec<String> = all.iter().flat_map(|one| one.attention(now)).collect();
    found.extend(split(all, now));
    found.into_iter().map(Attention::installation).collect()
}

/// The replicas follow several policies, and have for longer than the kubelets need to bring one.
fn split(all: &[Present], now: Timestamp) -> Option<String> {
    let present: Vec<&Present> = all.iter().filter(|one| !one.silent).collect();
    let latest = present.iter().filter_map(|one| one.replica.since).max()?;
    let mut revisions: Vec<&str> = present.iter().map(|one| &*one.replica.revision).collect();
    revisions.sort_unstable();
    revisions.dedup();
    if revisions.len() < 2 || now.duration_since(latest) < SPREADING {
        return None;
    }
    let by = |revision: &&str| {
        let has = |one: &&&Present| one.replica.revision == **revision;
        let names: Vec<&str> = present.iter().filter(has).map(|one| &*one.name).collect();
        format!("{revision} on {}", names.join(", "))
    };
    let by: Vec<String> = revisions.iter().map(by).collect();
    Some(format!("the replicas follow {} policies: {}", by.len(), by.join("; ")))
}

fn trust(replica: &Replica, webhooks: &[Webhook], now: Timestamp) -> Vec<Trust> {
    let Some(chain) = replica.certificate.as_ref().and_then(ServedCertificate::der) else {
        return Vec::new();
    };
    let own = webhooks.iter().filter(|webhook| webhook.calls_replica(replica));
    own.filter_map(|webhook| {
        let refused = webhook.believes(&chain, now)?.err();
        Some(Trust { webhook: webhook.name.clone(), refused })
    })
    .collect()
}

/// As the alert `CurfewCertificateExpiring` has it.
const EXPIRING: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A kubelet brings another `ConfigMap` within about two minutes.
const SPREADING: SignedDuration = SignedDuration::from_mins(3);

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const NOW: &str = "2026-11-21T12:00:00Z";

    fn present(name: &str, replica: Replica) -> Present {
        let silent = replica.silence(NOW.parse().unwrap()) > Replica::SILENT;
        Present { name: name.to_owned(), leads: false, silent, trust: Vec::new(), replica }
    }

    fn replica(revision: &str, since: &str, said: &str) -> Replica {
        Replica {
            revision: revision.to_owned(),
            since: since.parse().ok(),
            said: said.parse().ok(),
            ..Replica::default()
        }
    }

    fn said(all: &[Present]) -> Vec<String> {
        let found = attention(all, NOW.parse().unwrap());
        found.into_iter().map(|attention| attention.what).collect()
    }

    #[test]
    fn policies_that_part_for_long_are_told() {
        let (old, heard) = ("2026-11-20T00:00:00Z", "2026-11-21T11:59:30Z");
        let a = || present("a", replica("r1", old, heard));
        let b = |since| present("b", replica("r2", since, heard));
        assert_eq!(said(&[a(), b("2026-11-21T11:58:00Z")]), Vec::<String>::new());
        assert_eq!(
            said(&[a(), b("2026-11-21T11:50:00Z")]),
            ["the replicas follow 2 policies: r1 on a; r2 on b"]
        );
        // Of one that is gone nobody knows what it follows.
        let gone = present("b", replica("r2", old, "2026-11-21T11:50:00Z"));
        assert_eq!(said(&[a(), gone]), ["replica b has said nothing for 10m"]);
        assert_eq!(said(&[]), ["no replica says what it runs"]);
    }

    #[rstest]
    #[case::young("2026-11-20T00:00:00Z", "2026-12-20T00:00:00Z", None)]
    #[case::old("2026-10-28T00:00:00Z", "2026-11-27T00:00:00Z", Some("expires in 5d12h"))]
    #[case::a_short_life("2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z", None)]
    #[case::the_end_of_one("2026-11-20T14:00:00Z", "2026-11-21T14:00:00Z", Some("expires in 2h"))]
    #[case::expired("2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z", Some("has expired"))]
    fn certificates(#[case] from: &str, #[case] until: &str, #[case] expected: Option<&str>) {
        let times = (from.parse().unwrap(), until.parse().unwrap());
        let shown = Some(ServedCertificate::new(times, std::iter::empty()));
        let replica = Replica { certificate: shown, ..replica("r1", NOW, NOW) };
        let found = said(&[present("a", replica)]);
        assert_eq!(found.len(), usize::from(expected.is_some()), "{found:?}");
        assert!(found.iter().all(|line| line.contains(expected.unwrap_or_default())), "{found:?}");
    }

    #[test]
    fn what_is_refused_is_told() {
        let refused = Some("10-base.yaml:5:14: E012 unknown field".to_owned());
        let mut one = present("a", Replica { refused, ..replica("r1", NOW, NOW) });
        let why = Some("it is signed by CN=other, which is not in the bundle".to_owned());
        one.trust.push(Trust { webhook: "jobs.curfew.dev".to_owned(), refused: why });
        let found = said(&[one]);
        assert!(found[0].contains("goes on by r1: 10-base.yaml:5:14"), "{found:?}");
        assert!(
            found[1]
                .ends_with("jobs.curfew.dev: it is signed by CN=other, which is not in the bundle")
        );
    }
}
