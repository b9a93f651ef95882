//! A year in a minute: two replicas, in this process and with a clock that the test puts, replace
//! leaf and authority while the API server calls both of them for each Job.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use arc_swap::ArcSwap;
use curfew::admission::Site;
use curfew::cluster::clock_offset::ServerClock;
use curfew::controllers::certificates::{Certificates, WebhookObject};
use curfew::leader::LeaderStatus;
use curfew::metrics::Metrics;
use curfew::pki::inspect;
use curfew::policy::{Policy, Source};
use curfew::server::tls::{Tls, TlsVersion};
use curfew::server::webhook::Webhook;
use curfew::server::{Parts, Phase, Server, Settings};
use jiff::SignedDuration;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::json;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Installation, LIMIT, POLICY, WEBHOOKS, bundle_of};
use crate::support::{
    control_plane,
    load::{Caller, Load, creating_jobs, no_call_failed},
    manifest::job,
    registration::SERVICES,
    wait::{eventually, runtime},
};

/// One of them.
struct Replica {
    address: SocketAddr,
    standing: watch::Sender<LeaderStatus>,
    // As long as they are there, it serves.
    _phase: watch::Sender<Phase>,
    _stop: DropGuard,
}

// === impl Replica ===

impl Replica {
    fn start(certificates: &Certificates) -> Self {
        let source = Source { name: "policy.yaml".to_owned(), text: POLICY.to_owned() };
        let policy = Policy::load(&[source]).expect("it is good").policy;
        let site = Site { own_namespace: None, neighbours: None };
        let webhook = Webhook::new(Arc::new(ArcSwap::from_pointee(policy)), site);
        let stop = CancellationToken::new();
        let (standing, told) = watch::channel(LeaderStatus::default());
        let (phase, phases) = watch::channel(Phase::Serving);
        let address = runtime().block_on(async {
            let pair = certificates.establish().await;
            let tls = Arc::new(Tls::new(pair, TlsVersion::Tls13, None).expect("it is a pair"));
            let shown = Arc::clone(&tls);
            let show = move |pair| shown.replace_pair(pair);
            tokio::spawn(certificates.clone().run(told, show, stop.clone()));
            let judge = Arc::new(move |body: &[u8]| webhook.judge(body));
            let parts = Parts { tls, judge, metrics: Arc::new(Metrics::new()) };
            let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let server = Server::bind(any, Settings::default(), parts).await.expect("a port");
            let address = server.address().expect("it is bound");
            tokio::spawn(server.run(phases));
            address
        });
        Self { address, standing, _phase: phase, _stop: stop.drop_guard() }
    }

    fn lead(&self, leading: bool) {
        self.standing.send_modify(|standing| standing.leading = leading);
    }
}

#[test]
fn an_authority_is_replaced_under_load() {
    let Some(plane) = control_plane::shared() else { return };
    let installed = Installation::new(plane);
    let name = format!("{}.{SERVICES}.svc", installed.name);
    let clock = ServerClock::shifted(days(-250));
    let certificates = Certificates {
        client: plane.api.client(),
        clock: clock.clone(),
        namespace: SERVICES.to_owned(),
        secret: installed.name.clone(),
        names: vec![name.clone()],
        webhooks: vec![WebhookObject {
            resource: "mutatingwebhookconfigurations",
            name: installed.name.clone(),
        }],
    };
    // An authority that will soon be too old, and the last leaf that it signs.
    runtime().block_on(certificates.establish());
    clock.shift(days(-10));
    let (first, second) = (Replica::start(&certificates), Replica::start(&certificates));
    installed.register("Fail", &[first.address.port(), second.address.port()]);
    first.lead(true);
    eventually("both are called", LIMIT, || {
        (installed.space.dry_run(&job("probe", json!({}))).status == 201).then_some(())
    });
    let leaf = || inspect(installed.secret("tls.crt").as_bytes()).expect("it is PEM")[0].clone();
    let trusted = || inspect(installed.bundle().expect("it is there").as_bytes()).expect("PEM");
    let old = leaf();
    assert_eq!((trusted().len(), &trusted()[0].subject), (1, &old.issuer));

    let jobs = creating_jobs(&installed.space);
    let calls = {
        let addresses = [first.address, second.address];
        let webhook = format!("{}/{}", WEBHOOKS, installed.name);
        Load::start(2, move |number| {
            let webhook = plane.api.get(&webhook).ok();
            let bundle = bundle_of(&webhook).expect("it is there");
            let name = ServerName::try_from(name.clone()).expect("it is a name");
            Caller::believing(&bundle, name, addresses[number % 2]).call(REVIEW)
        })
    };
    clock.shift(days(0));
    eventually("a new authority is trusted beside the old one", LIMIT, || {
        (trusted().len() == 2).then_some(())
    });
    assert_eq!(leaf(), old, "it signs nothing before it is known");
    // Another one leads from here on.
    first.lead(false);
    second.lead(true);
    // In production minutes pass until everybody has heard of the bundle; callers here have read it
    // a moment ago.
    thread::sleep(Duration::from_secs(3));
    clock.shift(SignedDuration::from_secs(310));
    eventually("it signs", LIMIT, || (leaf().issuer != old.issuer).then_some(()));
    assert_eq!(trusted().len(), 2, "there may be replicas that show the old one");
    let pem = installed.secret("tls.crt");
    let shown = CertificateDer::from_pem_slice(pem.as_bytes()).expect("it is PEM");
    for address in [first.address, second.address] {
        let name = ServerName::try_from(format!("{}.{SERVICES}.svc", installed.name)).unwrap();
        let caller = Caller::believing(&installed.bundle().unwrap(), name, address);
        eventually("the new one is shown", LIMIT, || {
            (caller.call(REVIEW).certificate == shown.as_ref()).then_some(())
        });
    }
    clock.shift(SignedDuration::from_secs(630));
    eventually("the old one is trusted no longer", LIMIT, || (trusted().len() == 1).then_some(()));
    assert_eq!(trusted()[0].subject, leaf().issuer);
    thread::sleep(Duration::from_secs(1));

    let (jobs, calls) = (jobs.finish(), calls.finish());
    assert!(jobs.len() > 50 && calls.len() > 50, "{} and {}", jobs.len(), calls.len());
    for call in &calls {
        assert!(call.answer.is_ok(), "a direct call failed: {:?}", call.answer);
    }
    no_call_failed(&installed.space, &jobs);
    for reply in jobs {
        assert_eq!(reply.ok()["spec"]["ttlSecondsAfterFinished"], 77);
    }
}

fn days(count: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * count)
}

const REVIEW: &str = include_str!("../../fixtures/reviews/01-create-jobs-plain.json");
