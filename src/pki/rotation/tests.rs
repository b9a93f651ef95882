use jiff::{Timestamp, ToSpan};
use rstest::rstest;

use super::{CertificateSecret, RotationStep, next};
use crate::pki::{CertificateRequest, Pair, inspect};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn request(now: Timestamp) -> CertificateRequest {
    CertificateRequest { names: vec!["curfew".into(), "curfew.curfew.svc".into()], now }
}

/// Takes every step that is due.
fn settle(mut kept: CertificateSecret, now: Timestamp) -> (CertificateSecret, Vec<&'static str>) {
    let mut steps = Vec::new();
    while let RotationStep::Keep(fresh, what) = next(&kept, &request(now)).unwrap() {
        kept = *fresh;
        steps.push(what);
        assert!(steps.len() < 5, "it goes round in circles: {steps:?}");
    }
    (kept, steps)
}

fn authorities(kept: &CertificateSecret) -> usize {
    inspect(kept.ca.as_bytes()).unwrap().len()
}

/// Whether a client with the bundle of `client` takes what `server` shows.
fn is_trusted(client: &CertificateSecret, server: &CertificateSecret) -> bool {
    let leaf = &inspect(server.certificate.as_bytes()).unwrap()[0];
    inspect(client.ca.as_bytes()).unwrap().iter().any(|one| one.subject == leaf.issuer)
}

#[test]
fn out_of_nothing_comes_a_pair() {
    let now = at("2026-11-25T12:00:00Z");
    let (kept, steps) = settle(CertificateSecret::default(), now);
    assert_eq!(steps, ["a new authority"]);
    let pair = Pair::from_pem(kept.certificate.as_bytes(), kept.key.as_bytes(), now).unwrap();
    assert_eq!(pair.names, ["curfew", "curfew.curfew.svc"]);
    assert!(is_trusted(&kept, &kept));
    // A leaf of thirty days is renewed with ten left.
    let RotationStep::Wait(until) = next(&kept, &request(now)).unwrap() else { panic!() };
    assert_eq!(until, at("2026-12-15T12:00:00Z"));
}

#[test]
fn a_leaf_is_renewed_by_the_same_authority() {
    let (kept, _) = settle(CertificateSecret::default(), at("2026-11-25T12:00:00Z"));
    let (renewed, steps) = settle(kept.clone(), at("2026-12-15T12:00:00Z"));
    assert_eq!(steps, ["a renewed certificate"]);
    assert_eq!(renewed.ca, kept.ca);
    assert!(is_trusted(&kept, &renewed));
}

#[test]
fn an_authority_is_replaced_without_a_moment_of_distrust() {
    let start = at("2026-11-25T12:00:00Z");
    let (mut kept, _) = settle(CertificateSecret::default(), start);
    let mut seen = Vec::new();
    // As a leader looks: every minute of the days in question.
    let mut now = start + (24 * 240).hours();
    while now < start + (24 * 260).hours() {
        let (fresh, steps) = settle(kept.clone(), now);
        // Clients are a look behind, and so may servers be.
        assert!(is_trusted(&kept, &fresh) && is_trusted(&fresh, &kept), "{steps:?}");
        seen.extend(steps);
        kept = fresh;
        now += 1.minute();
    }
    let changes: Vec<&str> = seen.into_iter().filter(|step| step.contains("authority")).collect();
    assert_eq!(
        changes,
        ["a new authority", "a certificate of the new authority", "no old authority any more"]
    );
    assert_eq!(authorities(&kept), 1);
}

#[rstest]
#[case::no_key_of_the_authority(|kept: &mut CertificateSecret| kept.ca_key.clear(), &["a new authority"], 2)]
#[case::another_key(
    |kept: &mut CertificateSecret| kept.ca_key = settle(CertificateSecret::default(), at("2026-11-25T12:00:00Z")).0.ca_key,
    &["a new authority"], 2
)]
#[case::no_bundle(|kept: &mut CertificateSecret| kept.ca.clear(), &["a new authority"], 1)]
#[case::no_leaf(|kept: &mut CertificateSecret| kept.certificate.clear(), &["a new certificate"], 1)]
#[case::torn_leaf(|kept: &mut CertificateSecret| kept.certificate.truncate(200), &["a new certificate"], 1)]
#[case::another_leaf(
    |kept: &mut CertificateSecret| {
        let (other, _) = settle(CertificateSecret::default(), at("2026-11-25T12:00:00Z"));
        (kept.certificate, kept.key) = (other.certificate, other.key);
    },
    &["a new certificate"], 1
)]
#[case::nonsense(|kept: &mut CertificateSecret| kept.ca = "nonsense".into(), &["a new authority"], 1)]
fn what_a_hand_has_broken_is_mended(
    #[case] hand: fn(&mut CertificateSecret),
    #[case] expected: &[&str],
    #[case] count: usize,
) {
    let now = at("2026-11-26T12:00:00Z");
    let (mut kept, _) = settle(CertificateSecret::default(), at("2026-11-25T12:00:00Z"));
    hand(&mut kept);
    let (mended, steps) = settle(kept, now);
    assert_eq!(steps, expected);
    assert_eq!(authorities(&mended), count);
    assert!(is_trusted(&mended, &mended));
}

#[test]
fn another_name_is_another_certificate() {
    let now = at("2026-11-25T12:00:00Z");
    let (kept, _) = settle(CertificateSecret::default(), now);
    let other = CertificateRequest { names: vec!["elsewhere".into()], now };
    let RotationStep::Keep(fresh, "a new certificate") = next(&kept, &other).unwrap() else {
        panic!()
    };
    assert_eq!(inspect(fresh.certificate.as_bytes()).unwrap()[0].names, ["elsewhere"]);
}

#[rstest]
#[case::an_hour_behind("2026-11-25T11:00:00Z")]
#[case::a_year_later("2027-12-25T12:00:00Z")]
fn a_clock_that_is_off_ends_in_a_good_pair(#[case] now: &str) {
    let (kept, _) = settle(CertificateSecret::default(), at("2026-11-25T12:00:00Z"));
    let (later, _) = settle(kept, at(now));
    let pair = Pair::from_pem(later.certificate.as_bytes(), later.key.as_bytes(), at(now));
    assert!(pair.is_ok_and(|pair| pair.not_before <= at(now)));
    assert!(is_trusted(&later, &later));
}

#[test]
fn members_of_a_secret_are_read_as_they_are_written() {
    let (kept, _) = settle(CertificateSecret::default(), at("2026-11-25T12:00:00Z"));
    let data = kept.data();
    let read = CertificateSecret::from_data(|key| data.get(key).map(String::as_bytes));
    assert!(read == kept);
    assert!(!format!("{kept:?}").contains("PRIVATE"));
}
