//! `curfew serve` as a process of its own.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use curfew::pki::{CertificateRequest, Issued, issue};
use rstest::rstest;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

use crate::client::{Connect, PATIENCE, get, post2};
use crate::harness::ms;

/// A server that has said where it listens; killed when dropped.
struct Serving {
    folder: TempDir,
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
    connect: Connect,
    admin: SocketAddr,
}

// === impl Serving ===

impl Serving {
    async fn start(folder: TempDir, args: &[&str]) -> Self {
        let mut child = command(folder.path(), args).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = wait_for(&mut log, "serving").await;
        let address = |field: &str| line[field].as_str().unwrap().parse().unwrap();
        let (https, admin) = (address("address"), address("admin_address"));
        let ca = fs::read_to_string(folder.path().join("certs/ca.pem")).unwrap();
        Self { connect: Connect::new(https, &ca), admin, folder, child, log }
    }

    async fn log(&mut self, message: &str) -> Value {
        wait_for(&mut self.log, message).await
    }

    async fn metrics(&self) -> String {
        get(self.admin, "/metrics").await.unwrap().body
    }

    async fn until_metric(&self, line: &str) {
        let start = curfew::clock::instant();
        while !self.metrics().await.lines().any(|one| one == line) {
            assert!(start.elapsed() < PATIENCE, "never: {line}");
            tokio::time::sleep(ms(20)).await;
        }
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().unwrap().to_string();
        let status = std::process::Command::new("kill").args(["-s", name, &id]).status();
        assert!(status.unwrap().success());
    }

    /// Waits for the end, and returns the exit code.
    async fn end(&mut self) -> Option<i32> {
        let status = tokio::time::timeout(PATIENCE, self.child.wait());
        status.await.expect("it ends in time").unwrap().code()
    }
}

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_curfew"));
    command
        .args(["serve", "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0"])
        .arg("--log-format=json")
        .args(args)
        .current_dir(folder)
        .env_remove("POD_NAMESPACE")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

async fn wait_for(log: &mut Lines<BufReader<ChildStderr>>, message: &str) -> Value {
    let wait = async {
        while let Some(line) = log.next_line().await.unwrap() {
            let value: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
            if value["message"].as_str().unwrap_or_default().starts_with(message) {
                return value;
            }
        }
        panic!("it ended without: {message}");
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("it says so in time")
}

fn review() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/reviews/01-create-jobs-plain.json");
    fs::read_to_string(path).unwrap()
}

fn policy(ttl: &str) -> String {
    format!(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: test}}\n\
         spec:\n  defaults: {{ttl: {ttl}}}\n"
    )
}

/// The TTL that a review is answered with.
async fn ttl(connect: &Connect) -> Option<u64> {
    use base64::Engine;
    let answer = connect.post(&review()).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    let answer: Value = serde_json::from_str(&answer.body).unwrap();
    let patch = answer["response"]["patch"].as_str()?;
    let patch = base64::engine::general_purpose::STANDARD.decode(patch).unwrap();
    let patch: Value = serde_json::from_slice(&patch).unwrap();
    let operations = patch.as_array().unwrap();
    operations.iter().find(|one| one["path"] == "/spec/ttlSecondsAfterFinished")?["value"].as_u64()
}

#[tokio::test]
async fn the_bundled_policy_patches_a_real_review() {
    let serving = Serving::start(TempDir::new().unwrap(), &[]).await;
    assert_eq!(ttl(&serving.connect).await, Some(7 * 86_400), "the longer of both outcomes");
    let metrics = serving.metrics().await;
    let line =
        r#"curfew_admission_requests_total{kind="Job",operation="CREATE",decision="patched"} 1"#;
    assert!(metrics.lines().any(|one| one == line), "{metrics}");
    assert!(metrics.contains("curfew_policy_last_reload_successful 1\n"), "{metrics}");
}

#[tokio::test]
async fn health_looks_as_on_an_api_server() {
    let serving = Serving::start(TempDir::new().unwrap(), &["--drain-delay=30s"]).await;
    let body = async |path| {
        let answer = get(serving.admin, path).await.unwrap();
        (answer.status, answer.body)
    };
    assert_eq!(body("/livez").await, (200, "ok".into()));
    assert_eq!(body("/readyz").await, (200, "ok".into()));
    let checks = "[+]ping ok\n[+]certificate ok\n[+]policy ok\n[+]shutdown ok\n";
    assert_eq!(body("/readyz?verbose").await, (200, format!("{checks}readyz check passed\n")));
    assert_eq!(body("/livez?verbose").await, (200, "[+]ping ok\nlivez check passed\n".into()));
    assert_eq!(body("/").await.0, 404);
    let answer = get(serving.admin, "/metrics").await.unwrap();
    let kind = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert!(answer.head.contains(kind), "{}", answer.head);

    serving.signal("TERM");
    let start = curfew::clock::instant();
    while body("/readyz").await.0 == 200 {
        assert!(start.elapsed() < PATIENCE);
    }
    let failed = checks.replace("[+]shutdown ok", "[-]shutdown failed: stopping");
    assert_eq!(body("/readyz").await, (500, format!("{failed}readyz check failed\n")));
    assert_eq!(body("/livez").await.0, 200, "alive until the end");
    assert_eq!(ttl(&serving.connect).await, Some(7 * 86_400), "and serving");
}

#[tokio::test]
async fn a_second_signal_stops_at_once() {
    let mut serving = Serving::start(TempDir::new().unwrap(), &["--drain-delay=1h"]).await;
    serving.signal("INT");
    serving.log("stopping").await;
    serving.signal("TERM");
    assert_eq!(serving.end().await, Some(4));
}

/// Callers that keep their connections, callers that make new ones, and callers on HTTP/2 go on
/// until the port is closed; whatever they sent was answered.
#[rstest]
#[case::as_in_a_cluster("--drain-delay=700ms")]
#[case::as_on_loopback("--drain-delay=0s")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_under_load_loses_no_call(#[case] delay: &str) {
    let mut serving = Serving::start(TempDir::new().unwrap(), &[delay]).await;
    let stopping = Arc::new(AtomicBool::new(false));
    let mut callers = Vec::new();
    for number in 0..6 {
        let (connect, stopping) = (serving.connect.clone(), Arc::clone(&stopping));
        callers.push(tokio::spawn(async move {
            match number % 3 {
                0 => keeping(&connect, &stopping).await,
                1 => renewing(&connect, &stopping).await,
                _ => multiplexing(&connect, &stopping).await,
            }
        }));
    }
    tokio::time::sleep(ms(1_000)).await;
    serving.signal("TERM");
    serving.log("stopping: not ready").await;
    // From here on the port may close at any time.
    serving.log("stopping: no new connections").await;
    stopping.store(true, Ordering::Relaxed);
    for caller in callers {
        let calls = caller.await.unwrap();
        assert!(calls > 10, "only {calls} calls");
    }
    assert_eq!(serving.end().await, Some(0));
    serving.log("stopped").await;
}

/// Calls on one connection until an answer says that it is the last, and then on another.
async fn keeping(connect: &Connect, stopping: &AtomicBool) -> u32 {
    let (review, mut calls) = (review(), 0);
    loop {
        let Some(mut client) = enter(connect.http1().await, stopping).await else { return calls };
        loop {
            let answer = client.post(&review).await.expect("what was sent is answered");
            assert_eq!(answer.status, 200);
            calls += 1;
            if answer.says_close() {
                break;
            }
        }
    }
}

async fn renewing(connect: &Connect, stopping: &AtomicBool) -> u32 {
    let (review, mut calls) = (review(), 0);
    while let Some(mut client) = enter(connect.http1().await, stopping).await {
        let answer = client.post(&review).await.expect("what was sent is answered");
        assert_eq!(answer.status, 200);
        calls += 1;
    }
    calls
}

async fn multiplexing(connect: &Connect, stopping: &AtomicBool) -> u32 {
    let (review, mut calls) = (review(), 0);
    while let Some(mut client) = enter(connect.http2().await, stopping).await {
        loop {
            match post2(&mut client, &review).await {
                Ok((status, _)) => assert_eq!(status, 200),
                // GOAWAY came first: nothing was sent.
                Err(error) if error.is_canceled() || error.is_closed() => break,
                // GOAWAY crossed the request, which lies above the last stream that it names: the
                // server did not look at it, and a client such as Go's sends it again (RFC 9113,
                // 6.8).
                Err(error) if crossed_by_goaway(&error) => break,
                Err(error) => panic!("what was sent is answered: {error:?}"),
            }
            calls += 1;
        }
    }
    calls
}

fn crossed_by_goaway(error: &hyper::Error) -> bool {
    let text = format!("{error:?}");
    text.contains("GoAway") && text.contains("NO_ERROR, Remote")
}

/// A connection; none only once the port is closed.
async fn enter<T>(connected: std::io::Result<T>, stopping: &AtomicBool) -> Option<T> {
    match connected {
        Ok(client) => Some(client),
        Err(error) => {
            // The log line that says so may be on its way.
            tokio::time::sleep(ms(300)).await;
            assert!(stopping.load(Ordering::Relaxed), "refused too early: {error}");
            None
        }
    }
}

#[tokio::test]
async fn a_policy_is_replaced_by_a_good_one_only() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("policy/10-base.yaml");
    fs::create_dir(path.parent().unwrap()).unwrap();
    fs::write(&path, policy("1h")).unwrap();
    let mut serving = Serving::start(folder, &["--policy=policy"]).await;
    assert_eq!(ttl(&serving.connect).await, Some(3600));

    fs::write(&path, policy("2h")).unwrap();
    serving.log("policy replaced").await;
    assert_eq!(ttl(&serving.connect).await, Some(7200));

    fs::write(&path, policy("soon")).unwrap();
    let line = serving.log("policy on disk refused").await;
    let message = line["message"].as_str().unwrap();
    assert!(message.contains("10-base.yaml:5:"), "where it is wrong: {message}");
    assert_eq!(line["level"], "ERROR");
    serving.until_metric("curfew_policy_last_reload_successful 0").await;
    assert_eq!(ttl(&serving.connect).await, Some(7200), "the last good one stays");

    fs::remove_file(&path).unwrap();
    serving.log("policy on disk refused").await;
    assert_eq!(ttl(&serving.connect).await, Some(7200));

    fs::write(&path, policy("2h")).unwrap();
    serving.log("policy on disk is again").await;
    serving.until_metric("curfew_policy_last_reload_successful 1").await;
}

/// As the kubelet does it: a new folder, and one symlink that changes.
#[tokio::test]
async fn a_config_map_that_is_swapped_is_followed() {
    let folder = TempDir::new().unwrap();
    let mount = folder.path().join("policy");
    fs::create_dir(&mount).unwrap();
    let publish = |version: &str, ttl: &str| {
        fs::create_dir(mount.join(version)).unwrap();
        fs::write(mount.join(version).join("10-base.yaml"), policy(ttl)).unwrap();
        std::os::unix::fs::symlink(version, mount.join("..data_tmp")).unwrap();
        fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
    };
    publish("..1", "1h");
    std::os::unix::fs::symlink("..data/10-base.yaml", mount.join("10-base.yaml")).unwrap();
    let mut serving = Serving::start(folder, &["--policy=policy"]).await;
    assert_eq!(ttl(&serving.connect).await, Some(3600));
    let mount = serving.folder.path().join("policy");
    fs::create_dir(mount.join("..2")).unwrap();
    fs::write(mount.join("..2/10-base.yaml"), policy("2h")).unwrap();
    std::os::unix::fs::symlink("..2", mount.join("..data_tmp")).unwrap();
    fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
    serving.log("policy replaced").await;
    assert_eq!(ttl(&serving.connect).await, Some(7200));
}

#[tokio::test]
async fn the_self_signed_pair_is_kept_for_the_next_start() {
    let serving = Serving::start(TempDir::new().unwrap(), &[]).await;
    let Serving { folder, child, connect, .. } = serving;
    drop(child);
    let mut again = Serving::start(folder, &[]).await;
    let line = again.log("self-signed").await;
    assert_eq!(line["message"], "self-signed, as it was there");
    let connect = Connect { address: again.connect.address, ..connect };
    assert_eq!(connect.post(&review()).await.unwrap().status, 200);
}

#[tokio::test]
async fn our_own_namespace_is_left_alone() {
    let serving = Serving::start(TempDir::new().unwrap(), &["--namespace=rec"]).await;
    assert_eq!(ttl(&serving.connect).await, None);
}

#[rstest]
#[case::invalid_policy(&["--policy=bad.yaml"], &["bad.yaml", "soon is no duration"])]
#[case::no_policy(&["--policy=none.yaml"], &["error: none.yaml: there is no such file or folder"])]
#[case::empty_folder(&["--policy=empty"], &["error: empty: the folder holds no policy"])]
#[case::namespace_selector(
    &["--policy=selector.yaml"],
    &["error: the policy has a namespaceSelector, and labels of namespaces are known only in a cluster"]
)]
#[case::half_a_pair(&["--tls-cert=x.pem"], &["--tls-key <FILE>"])]
#[case::no_pair(
    &["--tls-cert=x.pem", "--tls-key=x.key"],
    &["error: x.pem: there is no such file or folder"]
)]
#[case::no_certificate(
    &["--tls-cert=bad.yaml", "--tls-key=bad.yaml"],
    &["error: bad.yaml: the certificate file holds no \"-----BEGIN CERTIFICATE-----\""]
)]
#[case::expired_pair(
    &["--tls-cert=old.pem", "--tls-key=old.key"],
    &["error: old.pem: the certificate expired at 2020-12-21T00:00:00Z: renew it, or check"]
)]
#[case::mismatched_pair(
    &["--tls-cert=old.pem", "--tls-key=other.key"],
    &["error: old.pem: key and certificate do not belong together"]
)]
#[case::no_client_ca(&["--client-ca=bad.yaml"], &["error: bad.yaml: the certificate file holds no"])]
#[case::address_of_somebody_else(
    &["--listen=192.0.2.1:1"],
    &["error: cannot listen on 192.0.2.1:1: ", "; choose another with --listen"]
)]
#[case::not_an_address(&["--listen=8443"], &["invalid value '8443' for '--listen <ADDRESS>'"])]
#[case::not_a_duration(&["--drain-delay=5"], &["expected a duration such as 5s or 1m30s"])]
#[tokio::test]
async fn what_cannot_be_used_is_told_and_the_exit_code_is_2(
    #[case] args: &[&str],
    #[case] expected: &[&str],
) {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    fs::write(folder.path().join("bad.yaml"), policy("soon")).unwrap();
    let selector = "  exempt: {namespaceSelector: {matchLabels: {a: b}}}\n";
    fs::write(folder.path().join("selector.yaml"), policy("1h") + selector).unwrap();
    let now = "2020-11-21T00:00:00Z".parse().unwrap();
    for name in ["old", "other"] {
        let request = CertificateRequest { names: vec!["localhost".to_owned()], now };
        let Issued { certificate, key, .. } = issue(&request).unwrap();
        fs::write(folder.path().join(format!("{name}.pem")), certificate).unwrap();
        fs::write(folder.path().join(format!("{name}.key")), key).unwrap();
    }
    let args: Vec<&str> = args.iter().copied().chain(["--log-level=error"]).collect();
    let mut command = command(folder.path(), &[]);
    // Ours come last, and the last one of a kind must not be a second.
    if args.iter().any(|arg| arg.starts_with("--listen")) {
        command = Command::new(env!("CARGO_BIN_EXE_curfew"));
        command.args(["serve", "--admin-listen=127.0.0.1:0"]).current_dir(folder.path());
        command.kill_on_drop(true);
    }
    let output = tokio::time::timeout(PATIENCE, command.args(&args).output());
    let output = output.await.expect("it ends in time").unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    for text in expected {
        assert!(stderr.contains(text), "{text:?} is not in {stderr}");
    }
}

#[tokio::test]
async fn environment_variables_stand_for_flags() {
    let folder = TempDir::new().unwrap();
    let path: PathBuf = folder.path().join("policy.yaml");
    fs::write(&path, policy("1h")).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_curfew"))
        .arg("serve")
        .env("CURFEW_LISTEN", "127.0.0.1:0")
        .env("CURFEW_ADMIN_LISTEN", "127.0.0.1:0")
        .env("CURFEW_LOG_FORMAT", "json")
        .env("CURFEW_POLICY", &path)
        .env("CURFEW_NAMESPACE", "curfew")
        .current_dir(folder.path())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = wait_for(&mut log, "serving").await;
    assert_eq!((&line["policy"], &line["namespace"]), (&"test".into(), &"curfew".into()));
}
