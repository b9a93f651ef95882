//! Commands, and `curfew serve`, through proxies.

use std::{net::TcpListener, time::Duration};

use rstest::rstest;

use super::{Ended, User};
use crate::support::{
    control_plane::{self, ControlPlane},
    curfew::Curfew,
    pki::Authority,
    process::Scratch,
    proxy::{Manner, Proxy, with_cluster},
    sweeping::{LEASES, lease_name, policy},
    wait::eventually,
};

/// A user whose kubeconfig says something else of the cluster.
fn user(plane: &ControlPlane, members: &[(&str, &str)]) -> User {
    let mut user = User::admin(plane);
    user.kubeconfig = with_cluster(&plane.kubeconfig, &user.folder, members);
    user
}

/// Asks the cluster for what is in one namespace, where no test puts anything.
fn plan(user: &User, environment: &[(&str, &str)]) -> Ended {
    let arguments = ["plan", "--older-than", "7d", "-n", "default", "-o", "json"];
    let mut command = user.command(&arguments);
    let output = command.envs(environment.iter().copied()).output().expect("curfew starts");
    Ended::of(output)
}

/// What only the proxy finds: no name server knows it, and the API server's certificate does.
const BEHIND: &str = "https://kubernetes.default.svc";

#[rstest]
fn a_kubeconfig_names_the_proxy(
    #[values("http", "https", "socks5")] scheme: &str,
    #[values(false, true)] with_password: bool,
) {
    let Some(plane) = control_plane::shared() else { return };
    let manner = if with_password { Manner::LeadsOnly("us@er", "pa:ss") } else { Manner::Leads };
    let (proxy, other) =
        (Proxy::start(plane, scheme, manner), Proxy::start(plane, "http", Manner::Leads));
    let url = if with_password { proxy.url_of("us%40er", "pa%3Ass") } else { proxy.url.clone() };
    // To loopback as well, and whatever the environment says.
    let environment =
        [("HTTPS_PROXY", other.url.as_str()), ("NO_PROXY", "*"), ("HTTP_PROXY", &other.url)];
    for (server, host) in
        [(plane.url.as_str(), &plane.url[8..]), (BEHIND, "kubernetes.default.svc:443")]
    {
        let before = proxy.asked().len();
        let user = user(plane, &[("server", server), ("proxy-url", &url)]);
        plan(&user, &environment).code(0);
        let asked = proxy.asked().split_off(before);
        assert!(!asked.is_empty() && asked.iter().all(|target| target == host), "{asked:?}");
    }
    assert_eq!(other.asked(), Vec::<String>::new());
}

#[rstest]
#[case::upper("HTTPS_PROXY")]
#[case::lower("https_proxy")]
fn the_environment_names_the_proxy(#[case] variable: &str) {
    let Some(plane) = control_plane::shared() else { return };
    let proxy = Proxy::start(plane, "http", Manner::LeadsOnly("user", "password"));
    let url = proxy.url_of("user", "password");
    plan(&user(plane, &[("server", BEHIND)]), &[(variable, &url)]).code(0);
    let asked = proxy.asked();
    assert!(!asked.is_empty() && asked.iter().all(|to| to == "kubernetes.default.svc:443"));
    // This machine is not asked for through a proxy.
    plan(&user(plane, &[]), &[(variable, &url)]).code(0);
    assert_eq!(proxy.asked(), asked);
}

/// By the cluster's host, and not by the proxy's. `0.0.0.0` and `127.1` lead to this machine, and
/// are not known as such.
#[rstest]
#[case::address("0.0.0.0", "0.0.0.0", false)]
#[case::network("0.0.0.0", "10.0.0.0/8, 0.0.0.0/8", false)]
#[case::port("0.0.0.0", "0.0.0.0:PORT", false)]
#[case::another_port("0.0.0.0", "0.0.0.0:1", true)]
#[case::name("127.1", "127.1", false)]
#[case::domain("127.1", ".1", false)]
#[case::everything("127.1", "*", false)]
#[case::the_proxys_address("0.0.0.0", "127.0.0.1,127.0.0.0/8,localhost", true)]
fn no_proxy_is_about_the_cluster(#[case] host: &str, #[case] list: &str, #[case] proxied: bool) {
    let Some(plane) = control_plane::shared() else { return };
    let proxy = Proxy::start(plane, "http", Manner::Leads);
    let port = plane.url.rsplit(':').next().expect("it has a port");
    let server = format!("https://{host}:{port}");
    let user = user(plane, &[("server", &server), ("tls-server-name", "localhost")]);
    let list = list.replace("PORT", port);
    plan(&user, &[("HTTPS_PROXY", &proxy.url), ("NO_PROXY", &list)]).code(0);
    assert_eq!(!proxy.asked().is_empty(), proxied);
}

#[test]
fn a_server_takes_the_proxy_of_its_environment() {
    let Some(plane) = control_plane::shared() else { return };
    let proxy = Proxy::start(plane, "http", Manner::LeadsOnly("user", "s3cret"));
    let folder = Scratch::new().expect("a scratch directory can be made");
    let kubeconfig = with_cluster(&plane.kubeconfig, &folder, &[("server", BEHIND)]);
    let arguments = [
        "serve",
        "--policy=/etc/curfew/policy",
        "--listen=127.0.0.1:0",
        "--admin-listen=127.0.0.1:0",
        "--log-format=json",
        "--tls-cert=/etc/curfew/tls/tls.crt",
        "--tls-key=/etc/curfew/tls/tls.key",
        "--namespace",
        LEASES,
        &format!("--kubeconfig={}", kubeconfig.display()),
        &format!("--lease-name={}", lease_name()),
    ]
    .map(str::to_owned);
    let url = proxy.url_of("user", "s3cret");
    let policy = policy("nobody", "{ttl: 1d}");
    let files = [("policy.yaml", policy.as_str())];
    let curfew = Curfew::contained(&plane.authority, &files, &arguments, &[("HTTPS_PROXY", &url)]);
    eventually("it leads", Duration::from_secs(60), || {
        (curfew.metric("curfew_leader") > 0.0).then_some(())
    });
    assert!(!proxy.asked().is_empty());
    let log = curfew.process.log();
    assert!(
        log.contains(&format!("\"proxy\":\"{}\"", proxy.url)) && !log.contains("s3cret"),
        "{log}"
    );
}

/// Each is told with the proxy's name, and without its password.
#[rstest]
#[case::refuses(
    "http",
    Manner::Says("HTTP/1.1 403 No\r\n\r\n"),
    "it answers 403 Forbidden to CONNECT"
)]
#[case::is_broken(
    "http",
    Manner::Says("HTTP/1.1 502 No\r\n\r\n"),
    "it answers 502 Bad Gateway to CONNECT"
)]
#[case::another_password(
    "http",
    Manner::LeadsOnly("user", "other"),
    "it does not take the user and password"
)]
#[case::nonsense("http", Manner::Says("SSH-2.0-OpenSSH_9.9\r\n"), "makes no sense")]
#[case::nonsense_after("http", Manner::Says("HTTP/1.1 200 OK\r\n\r\n<html>"), "makes no sense")]
#[case::closes("http", Manner::Says(""), "makes no sense")]
#[case::refuses_in_tls(
    "https",
    Manner::Says("HTTP/1.1 403 No\r\n\r\n"),
    "it answers 403 Forbidden to CONNECT"
)]
#[case::socks_other_password(
    "socks5",
    Manner::LeadsOnly("user", "other"),
    "it does not take the user and password"
)]
#[case::socks_closes("socks5", Manner::Says(""), "it breaks off")]
#[case::socks_nonsense(
    "socks5",
    Manner::Says("HTTP/1.1 400 No\r\n\r\n"),
    "its answer is not SOCKS5"
)]
#[case::socks_refuses(
    "socks5",
    Manner::Says("\u{5}\0\u{5}\u{2}\0\u{1}"),
    "it answers 2 to SOCKS5 CONNECT: not allowed"
)]
#[case::hangs("http", Manner::Hangs, "no answer within 30s")]
#[case::socks_hangs("socks5", Manner::Hangs, "no answer within 30s")]
fn a_bad_proxy_is_named(#[case] scheme: &str, #[case] manner: Manner, #[case] why: &str) {
    let Some(plane) = control_plane::shared() else { return };
    let proxy = Proxy::start(plane, scheme, manner);
    let user = user(plane, &[("proxy-url", &proxy.url_of("user", "s3cret"))]);
    let ended = plan(&user, &[]).code(3);
    let named = format!("no connection through the proxy {}: ", proxy.url);
    assert!(ended.stderr.contains(&named) && ended.stderr.contains(why), "{}", ended.stderr);
    assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
}

/// As Go does.
#[test]
fn a_socks_proxy_may_do_without_the_password() {
    let Some(plane) = control_plane::shared() else { return };
    let proxy = Proxy::start(plane, "socks5", Manner::Leads);
    plan(&user(plane, &[("proxy-url", &proxy.url_of("user", "password"))]), &[]).code(0);
    assert!(!proxy.asked().is_empty());
}

#[test]
fn a_proxy_that_wants_a_password_says_so() {
    let Some(plane) = control_plane::shared() else { return };
    for scheme in ["http", "socks5"] {
        let proxy = Proxy::start(plane, scheme, Manner::LeadsOnly("user", "password"));
        let ended = plan(&user(plane, &[("proxy-url", &proxy.url)]), &[]).code(3);
        let why = format!("through the proxy {}: it asks for a user and a password", proxy.url);
        assert!(ended.stderr.contains(&why), "{}", ended.stderr);
    }
}

#[test]
fn a_proxy_that_is_not_there_or_not_trusted_is_named() {
    let Some(plane) = control_plane::shared() else { return };
    let port = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr();
    let nobody = format!("http://{}", port.expect("it is bound"));
    let ended = plan(&user(plane, &[("proxy-url", &nobody)]), &[]).code(3);
    let why = format!("no connection through the proxy {nobody}: it cannot be reached: ");
    assert!(ended.stderr.contains(&why) && ended.stderr.contains("refused"), "{}", ended.stderr);

    let proxy = Proxy::start(plane, "https", Manner::Leads);
    let stranger = Authority::new().bundle();
    let members = [("proxy-url", proxy.url.as_str()), ("certificate-authority-data", &stranger)];
    let ended = plan(&user(plane, &members), &[]).code(3);
    let why = format!("no connection through the proxy {}: it cannot be reached: ", proxy.url);
    assert!(
        ended.stderr.contains(&why) && ended.stderr.contains("certificate"),
        "{}",
        ended.stderr
    );
}

#[test]
fn what_names_no_proxy_is_an_error() {
    let Some(plane) = control_plane::shared() else { return };
    let ended = plan(&user(plane, &[("proxy-url", "ftp://user:s3cret@proxy")]), &[]).code(3);
    assert!(ended.stderr.contains("proxy-url names no proxy: "), "{}", ended.stderr);
    assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
    let ended = plan(&user(plane, &[("server", BEHIND)]), &[("HTTPS_PROXY", "a b")]).code(3);
    assert!(ended.stderr.contains("HTTPS_PROXY names no proxy: "), "{}", ended.stderr);
    // The cluster is on this machine, so nobody asks: kube's own reading would.
    for text in ["a b", "proxy.test:3128/"] {
        plan(&user(plane, &[]), &[("HTTPS_PROXY", text)]).code(0);
    }
}
