//! What changes while calls are under way costs none of them: certificates, policies, and the
//! process itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    thread,
    time::Duration,
};

use rstest::rstest;
use rustls::pki_types::{CertificateDer, pem::PemObject};

use crate::support::{
    control_plane::{self, ControlPlane},
    curfew::Curfew,
    load::{Caller, calling, creating_jobs, no_call_failed},
    registration::{self, Endpoint, Registration},
    scene::ttl,
    service::Service,
    wait::eventually,
};

/// How the API server reaches curfew.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// One HTTP/2 connection that lives long.
    Url,
    /// HTTP/1.1 connections that are kept alive, as in a cluster.
    Service,
}

// === impl Way ===

impl Way {
    fn to(self, curfew: &Curfew, plane: &ControlPlane, address: SocketAddr) -> Endpoint {
        match self {
            Self::Service => curfew.service_at(plane, address),
            Self::Url => curfew.endpoint_at(address),
        }
    }
}

#[rstest]
fn a_hundred_certificates_under_load(#[values(Way::Url, Way::Service)] way: Way) {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("certificates");
    let curfew = Curfew::start(&plane.authority, ONE_HOUR);
    let webhooks = registration::curfew(&way.to(&curfew, plane, curfew.address));
    let _registration = Registration::new("curfew", &[&space], &webhooks);
    let caller = Caller::new(&plane.authority, curfew.address);
    let first = caller.call(REVIEW).certificate;
    let jobs = creating_jobs(&space);
    let calls = calling(&caller, REVIEW);
    let mut last = plane.authority.server();
    for _ in 0..100 {
        last = plane.authority.server();
        curfew.set_certificate(&last);
        // Faster than a reload, so that pairs are replaced while they are being read.
        thread::sleep(Duration::from_millis(60));
    }
    let last = CertificateDer::from_pem_slice(last.certificate.as_bytes()).expect("PEM");
    eventually("the last certificate is in use", RELOAD, || {
        (caller.call(REVIEW).certificate == last.as_ref()).then_some(())
    });
    let (jobs, calls) = (jobs.finish(), calls.finish());
    assert!(jobs.len() > 50 && calls.len() > 50, "{} and {}", jobs.len(), calls.len());
    let seen: BTreeSet<&[u8]> = calls.iter().map(|call| call.certificate.as_slice()).collect();
    assert!(seen.contains(first.as_slice()) && seen.len() > 2, "{} certificates", seen.len());
    for call in &calls {
        if let Err(error) = &call.answer {
            panic!("a direct call failed: {error}");
        }
    }
    no_call_failed(&space, &jobs);
    assert!(jobs.into_iter().all(|reply| ttl(&reply.ok()) == 3600));
}

/// The policy lies in two files, replaced together, and each Job shows by two fields which of them
/// was in force: both old or both new.
#[test]
fn a_policy_edited_under_load_is_never_half_read() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("edited");
    let generations: Vec<[String; 2]> = [1000, 2000].map(two_files).to_vec();
    let files = |which: usize| {
        [("10-ttl.yaml", &*generations[which][0]), ("20-rest.yaml", &*generations[which][1])]
    };
    let curfew = Curfew::start_with(&plane.authority, &files(0), &[]);
    let webhooks = registration::curfew(&curfew.endpoint());
    let _registration = Registration::new("curfew", &[&space], &webhooks);
    let jobs = creating_jobs(&space);
    for edit in 1..=30 {
        curfew.set_policy(&files(edit % 2));
        thread::sleep(Duration::from_millis(300));
    }
    curfew.set_policy(&files(1));
    eventually("the last policy is in force", RELOAD, || {
        let probe = space.dry_run(&crate::support::manifest::job("probe", serde_json::json!({})));
        (ttl(&probe.ok()) == 2000).then_some(())
    });
    let jobs = jobs.finish();
    assert!(jobs.len() > 50, "{}", jobs.len());
    no_call_failed(&space, &jobs);
    let mut seen: BTreeMap<(i64, i64), usize> = BTreeMap::new();
    for reply in jobs {
        let stored = reply.ok();
        let field = |name: &str| stored["spec"][name].as_i64().unwrap_or(-1);
        let pair = (field("ttlSecondsAfterFinished"), field("activeDeadlineSeconds"));
        *seen.entry(pair).or_default() += 1;
    }
    let pairs: Vec<(i64, i64)> = seen.keys().copied().collect();
    assert_eq!(pairs, [(1000, 1000), (2000, 2000)], "{seen:?}");
}

/// A rolling restart, three times over, as the endpoints of a Service see it.
#[rstest]
fn replaced_under_load(#[values(Way::Url, Way::Service)] way: Way) {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("replaced");
    let start = || {
        let arguments = ["--drain-delay", "1s"];
        Curfew::start_with(&plane.authority, &[("policy.yaml", ONE_HOUR)], &arguments)
    };
    let mut old = start();
    let service = Service::new(vec![old.address]);
    let webhooks = registration::curfew(&way.to(&old, plane, service.address));
    let _registration = Registration::new("curfew", &[&space], &webhooks);
    let jobs = creating_jobs(&space);
    let calls = calling(&Caller::new(&plane.authority, service.address), REVIEW);
    for _ in 0..3 {
        let new = start();
        service.set(vec![old.address, new.address]);
        thread::sleep(Duration::from_millis(300));
        old.process.signal("TERM");
        eventually("the old one is not ready", Duration::from_secs(5), || {
            old.admin("/readyz").is_none_or(|(status, _)| status != 200).then_some(())
        });
        // Endpoints are slower than that.
        thread::sleep(Duration::from_millis(300));
        service.set(vec![new.address]);
        let status = old.process.wait(Duration::from_secs(20)).expect("it ends by itself");
        assert!(status.success(), "{status}: {}", old.process.log());
        old = new;
    }
    let (jobs, calls) = (jobs.finish(), calls.finish());
    assert!(jobs.len() > 50 && calls.len() > 50, "{} and {}", jobs.len(), calls.len());
    for call in &calls {
        if let Err(error) = &call.answer {
            panic!("a direct call failed: {error}");
        }
    }
    no_call_failed(&space, &jobs);
    assert!(jobs.into_iter().all(|reply| ttl(&reply.ok()) == 3600));
}

fn two_files(seconds: i64) -> [String; 2] {
    let head = "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {name: cluster}\n";
    [
        format!("{head}spec: {{rules: [{{name: a, match: {{kinds: [Job]}}, ttl: {seconds}}}]}}\n"),
        format!(
            "{head}spec: {{rules: [{{name: b, match: {{kinds: [Job]}}, deadlines: {{active: {seconds}}}}}]}}\n"
        ),
    ]
}

// A reload looks every second or so, and the machine has other work.
const RELOAD: Duration = Duration::from_secs(20);

const REVIEW: &str = include_str!("../fixtures/reviews/01-create-jobs-plain.json");

const ONE_HOUR: &str = r"
apiVersion: curfew.dev/v1alpha1
kind: JobPolicy
metadata: {name: cluster}
spec:
  defaults:
    ttl: 1h
";
