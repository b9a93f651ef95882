//! Files that change while calls come in.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use curfew::pki::{CertificateRequest, Issued, issue, roots};
use curfew::reload::certificate::watch_pair;
use curfew::reload::{self, LookResult, Started};
use curfew::server::Settings;
use jiff::{SignedDuration, Timestamp};
use rstest::rstest;
use tokio_util::sync::CancellationToken;

use crate::client::{Connect, post2};
use crate::harness::{Harness, issued, ms, now, until};

/// Shows the pair of a folder, and counts what was refused.
async fn serve(folder: &Path) -> (Harness, Arc<AtomicUsize>) {
    let harness = Harness::start(Settings::default()).await;
    let refused = Arc::new(AtomicUsize::new(0));
    let Started { value, watched } =
        watch_pair(folder.join("tls.crt"), folder.join("tls.key"), now()).unwrap();
    harness.tls.replace_pair(value);
    let (tls, count) = (Arc::clone(&harness.tls), Arc::clone(&refused));
    // Ends with the runtime of the test.
    tokio::spawn(reload::run(watched, ms(5), CancellationToken::new(), move |step| match step {
        LookResult::Replaced(pair) => tls.replace_pair(pair),
        LookResult::Refused(_) => drop(count.fetch_add(1, Ordering::Relaxed)),
        LookResult::Recovered | LookResult::Unchanged => {}
    }));
    (harness, refused)
}

fn write(folder: &Path, issued: &Issued) {
    fs::write(folder.join("tls.crt"), &issued.certificate).unwrap();
    fs::write(folder.join("tls.key"), &issued.key).unwrap();
}

/// Whether a client that trusts this authority alone gets an answer.
async fn shows(harness: &Harness, issued: &Issued) -> bool {
    let connect = Connect::new(harness.connect.address, &issued.ca);
    connect.post("hello").await.is_ok_and(|answer| answer.status == 200)
}

async fn until_shown(harness: &Harness, issued: &Issued) {
    let start = curfew::clock::instant();
    while !shows(harness, issued).await {
        assert!(start.elapsed() < crate::client::PATIENCE, "never shown");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_new_certificates_cost_no_call() {
    let folder = tempfile::tempdir().unwrap();
    let pairs: Vec<Issued> = (0..101).map(|_| issued()).collect();
    write(folder.path(), &pairs[0]);
    let (mut harness, _) = serve(folder.path()).await;
    let bundle: String = pairs.iter().map(|pair| pair.ca.as_str()).collect();
    harness.connect.roots = roots(bundle.as_bytes()).unwrap();

    let done = Arc::new(AtomicBool::new(false));
    let mut callers = Vec::new();
    for number in 0..3 {
        let (connect, done) = (harness.connect.clone(), Arc::clone(&done));
        callers.push(tokio::spawn(async move {
            let mut kept1 = connect.http1().await.unwrap();
            let mut kept2 = connect.http2().await.unwrap();
            let mut calls = 0;
            while !done.load(Ordering::Relaxed) {
                let status = match number {
                    0 => kept1.post("kept").await.unwrap().status,
                    1 => post2(&mut kept2, "kept").await.unwrap().0,
                    _ => connect.post("new").await.unwrap().status,
                };
                assert_eq!(status, 200);
                calls += 1;
            }
            calls
        }));
    }
    for pair in &pairs[1..] {
        write(folder.path(), pair);
        until_shown(&harness, pair).await;
    }
    done.store(true, Ordering::Relaxed);
    for caller in callers {
        let calls: u32 = caller.await.unwrap();
        assert!(calls > 100, "only {calls} calls");
    }
}

#[rstest]
#[case::torn(|_: &Issued, new: &Issued| Issued {
    certificate: new.certificate[..new.certificate.len() / 2].to_owned(),
    ..new.clone()
})]
#[case::mismatched(|old: &Issued, new: &Issued| Issued { key: old.key.clone(), ..new.clone() })]
#[case::expired(|_: &Issued, _: &Issued| {
    let now: Timestamp = now() - SignedDuration::from_hours(31 * 24);
    issue(&CertificateRequest { names: vec!["localhost".to_owned()], now }).unwrap()
})]
#[case::empty(|_: &Issued, new: &Issued| Issued { key: String::new(), ..new.clone() })]
#[tokio::test]
async fn a_bad_pair_keeps_the_old_one(#[case] spoil: fn(&Issued, &Issued) -> Issued) {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (issued(), issued());
    write(folder.path(), &old);
    let (harness, refused) = serve(folder.path()).await;
    write(folder.path(), &spoil(&old, &new));
    until("it is refused", || refused.load(Ordering::Relaxed) > 0).await;
    assert!(shows(&harness, &old).await);
    write(folder.path(), &new);
    until_shown(&harness, &new).await;
}

#[tokio::test]
async fn missing_files_keep_the_old_pair() {
    let folder = tempfile::tempdir().unwrap();
    let old = issued();
    write(folder.path(), &old);
    let (harness, refused) = serve(folder.path()).await;
    fs::remove_file(folder.path().join("tls.key")).unwrap();
    until("it is refused", || refused.load(Ordering::Relaxed) == 1).await;
    assert!(shows(&harness, &old).await);
}

/// As the kubelet does it: nothing but one symlink changes.
#[tokio::test]
async fn a_secret_that_is_swapped_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let publish = |name: &str, issued: &Issued| {
        fs::create_dir(folder.path().join(name)).unwrap();
        write(&folder.path().join(name), issued);
        symlink(name, folder.path().join("..data_tmp")).unwrap();
        fs::rename(folder.path().join("..data_tmp"), folder.path().join("..data")).unwrap();
    };
    let (old, new) = (issued(), issued());
    publish("..1", &old);
    for name in ["tls.crt", "tls.key"] {
        symlink(Path::new("..data").join(name), folder.path().join(name)).unwrap();
    }
    let (harness, refused) = serve(folder.path()).await;
    assert!(shows(&harness, &old).await);
    publish("..2", &new);
    until_shown(&harness, &new).await;
    assert_eq!(refused.load(Ordering::Relaxed), 0, "one swap, no half of it seen");
}
