use rstest::rstest;

use super::{Proxy, Speaks};

/// What a cluster's URL gets in an environment: the proxy as it is shown, or nothing.
fn chosen(cluster: &str, environment: &[(&str, &str)]) -> Option<String> {
    let variable = |name: &str| {
        let found = environment.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let proxy = Proxy::of_environment(&cluster.parse().unwrap(), variable).unwrap();
    proxy.map(|proxy| proxy.to_string())
}

/// As `TestUseProxy` of golang.org/x/net/http/httpproxy has it, row by row.
#[rstest]
// This machine is never asked for through a proxy.
#[case("localhost", false)]
#[case("127.0.0.1", false)]
#[case("127.0.0.2", false)]
#[case("[::1]", false)]
#[case("[::2]", true)]
#[case("192.168.1.1", false)]
// Another port.
#[case("192.168.1.2", true)]
#[case("192.168.1.3", false)]
#[case("192.168.1.4", true)]
#[case("10.0.0.2", false)]
#[case("[2001:db8::52:0:1]", false)]
#[case("[2001:db8::52:0:2]", true)]
#[case("[2001:db8::52:0:3]", false)]
#[case("[2002:db8:a::123]", false)]
#[case("[fe80::424b:c8be:1643:a1b6]", true)]
#[case("barbaz.net", true)]
#[case("www.barbaz.net", false)]
#[case("foobar.com", false)]
#[case("www.foobar.com", false)]
#[case("foofoobar.com", true)]
#[case("baz.com", true)]
#[case("localhost.net", true)]
#[case("local.localhost", true)]
#[case("barbarbaz.net", true)]
#[case("wildcard.io", true)]
#[case("nested.wildcard.io", false)]
#[case("awildcard.io", true)]
fn no_proxy_as_go_reads_it(#[case] host: &str, #[case] proxied: bool) {
    let list = "foobar.com, .barbaz.net, *.wildcard.io, 192.168.1.1, 192.168.1.2:81, \
                192.168.1.3:80, 10.0.0.0/30, 2001:db8::52:0:1, [2001:db8::52:0:2]:443, \
                [2001:db8::52:0:3]:80, 2002:db8:a::45/64";
    let cluster = format!("http://{host}");
    let through = |list| chosen(&cluster, &[("HTTP_PROXY", "proxy"), ("NO_PROXY", list)]);
    assert_eq!(through(list).is_some(), proxied);
    assert_eq!(through("*"), None);
    assert_eq!(through("no.example.com,*"), None);
}

/// Rows of `proxyForURLTests` of the same package, and what they leave out.
#[rstest]
#[case::domain("example.com", "https://example.com", false)]
#[case::below_only(".example.com", "https://example.com", true)]
#[case::within_a_label("ample.com", "https://example.com", true)]
#[case::below("example.com", "https://foo.example.com", false)]
#[case::another(".foo.com", "https://example.com", true)]
#[case::case_does_not_matter("Example.COM", "https://EXAMPLE.com", false)]
#[case::port_that_is_usual("example.com:443", "https://example.com", false)]
#[case::port("example.com:6443", "https://api.example.com:6443", false)]
#[case::another_port("example.com:443", "https://example.com:6443", true)]
#[case::port_of_a_suffix(".example.com:6443", "https://api.example.com:6443", false)]
#[case::empty_entries(",, ,", "https://example.com", true)]
#[case::no_host(":1", "https://example.com:1", true)]
#[case::no_such_thing("10.0.0.0/99", "https://10.0.0.1", true)]
#[case::name_is_no_address("10.0.0.0/8", "https://10.example.com", true)]
#[case::address_is_no_name(".1", "https://10.0.0.1", true)]
#[case::network("10.0.0.0/8", "https://10.1.2.3:6443", false)]
#[case::mapped("10.0.0.0/8", "https://[::ffff:10.1.2.3]", false)]
#[case::loopback_mapped("", "https://[::ffff:127.0.0.1]", false)]
fn no_proxy(#[case] list: &str, #[case] cluster: &str, #[case] proxied: bool) {
    let environment = [("HTTPS_PROXY", "http://proxy:3128"), ("NO_PROXY", list)];
    assert_eq!(chosen(cluster, &environment).is_some(), proxied);
}

#[rstest]
#[case::none("https://a.test", &[], None)]
#[case::empty("https://a.test", &[("HTTPS_PROXY", "")], None)]
#[case::https("https://a.test", &[("HTTPS_PROXY", "http://p:1"), ("HTTP_PROXY", "http://q:2")], Some("http://p:1"))]
#[case::http("http://a.test", &[("HTTPS_PROXY", "http://p:1"), ("HTTP_PROXY", "http://q:2")], Some("http://q:2"))]
#[case::only_for_http("https://a.test", &[("HTTP_PROXY", "http://q:2")], None)]
#[case::lower("https://a.test", &[("https_proxy", "http://p:1")], Some("http://p:1"))]
#[case::upper_first("https://a.test", &[("https_proxy", "http://p:1"), ("HTTPS_PROXY", "http://P:2")], Some("http://P:2"))]
#[case::empty_is_unset("https://a.test", &[("https_proxy", "http://p:1"), ("HTTPS_PROXY", "")], Some("http://p:1"))]
#[case::no_proxy_lower("https://a.test", &[("HTTPS_PROXY", "http://p:1"), ("no_proxy", "a.test")], None)]
#[case::no_proxy_upper_first("https://a.test", &[("HTTPS_PROXY", "http://p:1"), ("no_proxy", "a.test"), ("NO_PROXY", "b.test")], Some("http://p:1"))]
#[case::no_scheme("https://a.test", &[("HTTPS_PROXY", "p")], Some("http://p:80"))]
#[case::no_scheme_but_a_port("https://a.test", &[("HTTPS_PROXY", "127.0.0.1:8080")], Some("http://127.0.0.1:8080"))]
#[case::no_scheme_but_a_user("https://a.test", &[("HTTPS_PROXY", "u:p@p:8080")], Some("http://p:8080"))]
fn of_which_variable(
    #[case] cluster: &str,
    #[case] environment: &[(&str, &str)],
    #[case] expected: Option<&str>,
) {
    assert_eq!(chosen(cluster, environment).as_deref(), expected);
}

#[rstest]
#[case::http("http://p", Speaks::Http, "http://p:80")]
#[case::https("https://p/", Speaks::Https, "https://p:443")]
#[case::socks("socks5://p", Speaks::Socks5, "socks5://p:1080")]
#[case::socks_by_another_name("socks5h://p:9", Speaks::Socks5, "socks5://p:9")]
#[case::address("http://[fd00::1]:3128", Speaks::Http, "http://[fd00::1]:3128")]
fn urls(#[case] url: &str, #[case] speaks: Speaks, #[case] shown: &str) {
    let proxy = Proxy::named(url).unwrap();
    assert_eq!((proxy.speaks, proxy.to_string().as_str()), (speaks, shown));
    assert_eq!(proxy.credentials, None);
}

#[rstest]
#[case::both("http://us%40er:pa%3Ass%25@p:1", ("us@er", "pa:ss%"))]
#[case::colon_in_the_password("http://user:a:b@p:1", ("user", "a:b"))]
#[case::at_in_the_password("http://user:a@b@p:1", ("user", "a@b"))]
#[case::user_alone("socks5://user@p:1", ("user", ""))]
fn users_and_passwords(#[case] url: &str, #[case] (user, password): (&str, &str)) {
    let proxy = Proxy::named(url).unwrap();
    assert_eq!(proxy.credentials, Some((user.to_owned(), password.to_owned())));
    let shown = format!("{proxy} {proxy:?}");
    assert!(!shown.contains('@') && shown.contains("://p:1"), "{shown}");
}

#[rstest]
#[case::no_scheme("p:3128", "begins with none of")]
#[case::another_scheme("ftp://user:secret@p", "begins with none of")]
#[case::no_url("http://user:sec ret@p", "it is no URL")]
#[case::no_host("http://", "it is no URL")]
fn what_is_no_proxy(#[case] url: &str, #[case] why: &str) {
    let error = Proxy::named(url).unwrap_err().to_string();
    assert!(error.starts_with("proxy-url names no proxy: ") && error.contains(why), "{error}");
    assert!(!error.contains("sec"), "{error}");
}

#[test]
fn a_variable_that_names_no_proxy_is_named() {
    let variable = |name: &str| (name == "https_proxy").then(|| "foo://p".to_owned());
    let of = |cluster: &str| Proxy::of_environment(&cluster.parse().unwrap(), variable);
    let error = of("https://a.test").unwrap_err().to_string();
    assert!(error.starts_with("https_proxy names no proxy: "), "{error}");
    assert_eq!(of("https://localhost:6443"), Ok(None));
}
