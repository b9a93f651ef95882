//! Alerts and dashboard: about metrics that there are, and of the mind that their tests are of.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{env, fs, io};

use curfew::admission::Report;
use curfew::metrics::Metrics;
use curfew::policy_review::PolicyReviewDecision;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::helm::{Helm, read, values_file};
use crate::support::process::Scratch;

#[test]
fn every_metric_exists() {
    let known = known();
    for (place, expression) in expressions() {
        let metrics = metrics_of(&expression);
        assert!(!metrics.is_empty(), "{place} asks for no metric: {expression}");
        for metric in metrics {
            let is_known = known.contains(&metric) || FOREIGN.contains(&metric.as_str());
            assert!(is_known, "{place}: there is no {metric} in {known:?}");
        }
    }
}

/// The other way round: what is measured can be seen.
#[test]
fn every_family_is_on_the_dashboard() {
    let shown: BTreeSet<String> = dashboard().iter().flat_map(|text| metrics_of(text)).collect();
    for (family, kind) in families() {
        let names = names(&family, &kind);
        let wanted = family.starts_with("curfew_") && !NOT_SHOWN.contains(&family.as_str());
        assert!(!wanted || names.iter().any(|name| shown.contains(name)), "{family} is not shown");
    }
}

/// A word that no code says would be waited for in vain.
#[test]
fn every_label_value_is_said_somewhere() {
    let mut sources = String::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut sources);
    for (place, expression) in expressions() {
        for (label, value) in selected(&expression) {
            if OF_THE_API_SERVER.contains(&&*label) || value.contains('$') {
                continue;
            }
            for word in value.split('|') {
                let said = sources.contains(&format!("\"{word}\""));
                assert!(said, "{place}: nobody says {label}=\"{word}\"");
            }
        }
    }
}

/// Labels are those of the families, or of what is scraped.
#[test]
fn every_label_exists() {
    let text = everything();
    let of_targets = ["namespace", "pod", "le"];
    for (place, expression) in expressions() {
        let grouped = ["by (", "on ("].into_iter().flat_map(|word| expression.split(word).skip(1));
        let grouped = grouped.flat_map(|rest| rest.split(')').next().unwrap().split(", "));
        let selected = selected(&expression).into_iter().map(|(label, _)| label);
        for label in grouped.map(ToOwned::to_owned).chain(selected) {
            let is_foreign = OF_THE_API_SERVER.contains(&&*label);
            let exists = is_foreign
                || of_targets.contains(&&*label)
                || text.contains(&format!("{label}=\""));
            assert!(exists, "{place}: nothing has a label {label}");
        }
    }
}

/// Each alert has a section of the README, and tests where it fires and where it does not.
#[test]
fn every_alert_has_a_runbook_and_tests() {
    let readme = read("README.md");
    let tests = fs::read_to_string(rules_test()).unwrap();
    let tests: Value = serde_yaml::from_str(&tests).unwrap();
    let tests: Vec<&Value> = tests["tests"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|test| test["alert_rule_test"].as_array().unwrap())
        .collect();
    let alerts = alerts();
    assert_eq!(alerts.len(), 16);
    for alert in alerts {
        let name = alert["alert"].as_str().unwrap();
        assert!(readme.contains(&format!("\n### {name}\n")), "no runbook for {name}");
        let anchor = format!("#{}", name.to_lowercase());
        assert_eq!(alert["annotations"]["runbook_url"], anchor.as_str());
        for member in ["summary", "description"] {
            assert!(alert["annotations"][member].is_string(), "{name} has no {member}");
        }
        assert!(alert["labels"]["severity"].is_string(), "{name}");
        let mine: Vec<bool> = tests
            .iter()
            .filter(|test| test["alertname"] == name)
            .map(|test| test["exp_alerts"].as_array().unwrap().is_empty())
            .collect();
        assert!(mine.contains(&true) && mine.contains(&false), "{name}: {mine:?}");
    }
    // And there is no section about something else.
    let known: BTreeSet<String> =
        self::alerts().iter().map(|a| a["alert"].as_str().unwrap().to_owned()).collect();
    for heading in readme.lines().filter_map(|line| line.strip_prefix("### Curfew")) {
        assert!(known.contains(&format!("Curfew{heading}")), "a runbook for Curfew{heading}");
    }
}

#[test]
fn the_rules_do_what_their_tests_say() {
    let Some(promtool) = promtool() else { return };
    let output =
        Command::new(&promtool).args(["test", "rules"]).arg(rules_test()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

/// What is rendered are those rules, but for what the values change.
#[test]
fn the_rendered_rules_are_rules() {
    let Some(helm) = Helm::find() else { return };
    let rendered = |arguments: &[&str]| {
        let rendering = helm.template(arguments).unwrap();
        let name = rendering.of("PrometheusRule").next().unwrap()["spec"].clone();
        let groups = name["groups"].as_array().unwrap().clone();
        groups
            .into_iter()
            .flat_map(|group| group["rules"].as_array().unwrap().clone())
            .collect::<Vec<_>>()
    };
    let enabled = "--set=prometheusRule.enabled=true";
    let mut plain = rendered(&[enabled, &format!("--set=prometheusRule.runbook={RUNBOOK}")]);
    for rule in &mut plain {
        let url = rule["annotations"]["runbook_url"].as_str().unwrap();
        let anchor = url.strip_prefix(RUNBOOK).unwrap().to_owned();
        rule["annotations"]["runbook_url"] = anchor.into();
    }
    assert_eq!(plain, alerts());
    let fewer = rendered(&["-f", &values_file("everything")]);
    assert_eq!(fewer.len(), plain.len() - 1);
    let alone = rendered(&["-f", &values_file("webhook-only")]);
    assert_eq!(alone.len(), 6, "without a cluster nobody leads, and that is no reason to alert");
    let Some(promtool) = promtool() else { return };
    let scratch = Scratch::new().unwrap();
    let rendering = helm.template(&[enabled]).unwrap();
    let rules = &rendering.of("PrometheusRule").next().unwrap()["spec"];
    let file = scratch.write("rules.yaml", rules.to_string());
    let output = Command::new(promtool).args(["check", "rules"]).arg(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A browser opens every `runbook_url`: it is that of the values, or leads into the repository that
/// `Chart.yaml` names. Where nobody names one, there is none, and the notes say so.
#[test]
fn a_browser_opens_every_runbook() {
    let Some(helm) = Helm::find() else { return };
    let enabled = "--set=prometheusRule.enabled=true";
    let chosen = format!("--set=prometheusRule.runbook={RUNBOOK}");
    let urls = |more: &str, arguments: &[&str]| {
        let rendering = helm.of_chart(more, &[&[enabled], arguments].concat()).unwrap();
        let rules = rendering.of("PrometheusRule").next().unwrap().clone();
        let groups = rules["spec"]["groups"].as_array().unwrap().clone();
        let rules = groups.into_iter().flat_map(|group| group["rules"].as_array().unwrap().clone());
        rules.map(|rule| (rule["alert"].clone(), rule["annotations"].clone())).collect::<Vec<_>>()
    };
    let sources =
        "home: https://curfew.example.test/\nsources: [https://git.example.test/a/curfew.git]\n";
    let in_repository = "https://git.example.test/a/curfew/blob/HEAD/charts/curfew/README.md";
    let home = "home: https://git.example.test/a/curfew/\n";
    let cases: [(&str, &[&str], &str); 3] =
        [(sources, &[], in_repository), (home, &[], in_repository), (sources, &[&chosen], RUNBOOK)];
    for (more, arguments, base) in cases {
        for (alert, annotations) in urls(more, arguments) {
            let anchor = alert.as_str().unwrap().to_lowercase();
            assert_eq!(annotations["runbook_url"], format!("{base}#{anchor}"));
            assert!(annotations["runbook"].is_null(), "{annotations}");
        }
    }
    let chart: Value = serde_yaml::from_str(&read("Chart.yaml")).unwrap();
    let named = !chart["home"].is_null() || !chart["sources"].is_null();
    for (alert, annotations) in urls("", &[]) {
        let url = annotations["runbook_url"].as_str().unwrap_or_default();
        assert_eq!(url.starts_with("https://"), named, "{url}");
        let said = format!("{} in the README of the chart", alert.as_str().unwrap());
        assert!(named || annotations["runbook"].as_str().unwrap().starts_with(&said));
    }
    let warns = |arguments: &[&str]| helm.notes(arguments).unwrap().contains("no runbook_url");
    assert_eq!(warns(&[enabled]), !named);
    assert!(!warns(&[enabled, &chosen]) && !warns(&[]));
}

/// The dashboard arrives as it is, and its panels do not lie over each other.
#[test]
fn the_dashboard_is_one() {
    let text = read("files/dashboard.json");
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let mut identities = BTreeSet::new();
    let mut taken = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(identities.insert(panel["id"].as_u64().unwrap()), "{}", panel["title"]);
        let place = |member: &str| panel["gridPos"][member].as_u64().unwrap();
        assert!(place("x") + place("w") <= 24);
        for x in place("x")..place("x") + place("w") {
            for y in place("y")..place("y") + place("h") {
                assert!(taken.insert((x, y)), "{} lies over another", panel["title"]);
            }
        }
    }
    let rows =
        dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] == "row");
    let rows: Vec<&str> = rows.map(|row| row["title"].as_str().unwrap()).collect();
    assert_eq!(rows, ["Admission", "Policy", "Stored objects", "Scheduler", "Health"]);
    let Some(helm) = Helm::find() else { return };
    let rendering = helm.template(&["--set=dashboard.enabled=true"]).unwrap();
    let map = rendering.object("ConfigMap", "curfew-dashboard");
    let rendered: Value =
        serde_json::from_str(map["data"]["curfew.json"].as_str().unwrap()).unwrap();
    assert_eq!(rendered, dashboard);
}

#[test]
fn metrics_are_found_in_expressions() {
    let found =
        metrics_of(r#"sum by (le, pod) (rate(curfew_a_bucket{x="curfew_no"}[5m])) - process_b"#);
    assert_eq!(found, ["curfew_a_bucket", "process_b"].map(str::to_owned).into());
    assert_eq!(selected(r#"a{b="c", d=~"e|f"} - g{h!="i"}"#).len(), 3);
}

// === what is asked ===

/// All expressions, each with where it stands.
fn expressions() -> Vec<(String, String)> {
    let rules = alerts().into_iter().map(|alert| {
        let text = |member: &str| alert[member].as_str().unwrap().to_owned();
        (text("alert"), text("expr"))
    });
    let panels = dashboard().into_iter().map(|text| ("the dashboard".to_owned(), text));
    rules.chain(panels).collect()
}

fn alerts() -> Vec<Value> {
    let rules: Value = serde_yaml::from_str(&read("files/rules.yaml")).unwrap();
    let groups = rules["groups"].as_array().unwrap();
    groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

fn dashboard() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&read("files/dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().cloned().unwrap_or_default())
        .map(|target| target["expr"].as_str().unwrap().to_owned())
        .collect()
}

/// Names of metrics in an expression, outside of strings.
fn metrics_of(expression: &str) -> BTreeSet<String> {
    let outside: String = expression.split('"').step_by(2).collect::<Vec<_>>().join(" ");
    let words = outside.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let prefixes = ["curfew_", "process_", "apiserver_"];
    words
        .filter(|word| prefixes.iter().any(|prefix| word.starts_with(prefix)))
        .map(ToOwned::to_owned)
        .collect()
}

/// Labels with the values that they are compared with.
fn selected(expression: &str) -> Vec<(String, String)> {
    let parts: Vec<&str> = expression.split('"').collect();
    let pairs = parts.chunks_exact(2).map(|pair| (pair[0], pair[1]));
    let label = |before: &str| {
        let name = before.trim_end_matches(['=', '~', '!', ' ']);
        name.rsplit(['{', ',', ' ']).next().unwrap_or_default().to_owned()
    };
    pairs.map(|(before, value)| (label(before), value.to_owned())).collect()
}

// === what there is ===

/// What `/metrics` says once everything has happened: a family of which nothing is known yet is not
/// named there.
fn everything() -> String {
    let metrics = Metrics::new();
    let now = Timestamp::UNIX_EPOCH;
    let report = Report {
        operation: "CREATE",
        kind: "Job",
        decision: "patched",
        rules: vec![("ttl", "rule".into())],
        guards: vec!["deployHooks"],
        changed: vec![("ttl", "limits")],
        ..Report::default()
    };
    metrics.reviewed(&report, Duration::ZERO);
    metrics.policy_reviewed(PolicyReviewDecision::Accepted);
    metrics.rejected("busy");
    metrics.handshake_failed("eof");
    metrics.policy_loaded("revision", now);
    metrics.certificate_loaded(now);
    metrics.stored.jobs([("due", 1)]);
    let waiting =
        json!({"plan": "fdf250368ed4-1795302418-1", "who": [{"namespace": "a", "count": 1}]});
    metrics.stored.braked(1, &[serde_json::from_value(waiting).unwrap()]);
    metrics.stored.acted("delete", "Complete", "done");
    metrics.stored.missing_rights("sweeper", 1);
    metrics.stored.undecodable("Job", 1);
    metrics.scheduling.start("created");
    metrics.scheduling.missed("not-started", 1);
    metrics.scheduling.cronjobs([("fine", 1)]);
    metrics.text()
}

/// Families with their kinds.
fn families() -> BTreeMap<String, String> {
    let text = everything();
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types
        .filter_map(|line| line.split_once(' '))
        .map(|(name, kind)| (name.to_owned(), kind.to_owned()))
        .collect()
}

/// A family that is new must be made to happen in [`everything`], or it would not be looked for.
#[test]
fn every_family_is_known_here() {
    let mut sources = String::new();
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    collect(&src.join("metrics"), &mut sources);
    sources.push_str(&fs::read_to_string(src.join("metrics.rs")).unwrap());
    // By `zero` or by `own`, which the former calls itself; the version by neither.
    let count = |call: &str| sources.matches(call).count();
    let registered = count(".zero(") + count(".own(") - 1 + count("registry.register(");
    let ours = families().keys().filter(|name| name.starts_with("curfew_")).count();
    assert_eq!(ours, registered, "a family is registered that `everything` does not make happen");
}

/// The series of a family.
fn names(family: &str, kind: &str) -> Vec<String> {
    let suffixes: &[&str] = match kind {
        "counter" => &["_total"],
        "histogram" => &["_bucket", "_sum", "_count"],
        "info" => &["_info"],
        _ => &[""],
    };
    suffixes.iter().map(|suffix| format!("{family}{suffix}")).collect()
}

fn known() -> BTreeSet<String> {
    families().iter().flat_map(|(family, kind)| names(family, kind)).collect()
}

fn collect(directory: &Path, text: &mut String) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, text);
        } else {
            text.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

fn rules_test() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chart/rules-test.yaml")
}

/// `None` where it is not installed, which has then been said.
fn promtool() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).map(|place| place.join("promtool")).find(|p| p.is_file());
    if found.is_none() {
        let required = env::var_os("CURFEW_E2E").is_some_and(|value| value == "require");
        assert!(!required, "CURFEW_E2E=require, but there is no promtool");
        // To the real stderr, past the capture of the test runner.
        let _ = writeln!(io::stderr(), "skipped: the alerts need promtool (prometheus in Debian)");
    }
    found
}

/// Of the API server.
const FOREIGN: [&str; 2] =
    ["apiserver_admission_webhook_fail_open_count", "apiserver_admission_webhook_rejection_count"];

/// Where somebody shows the README of the chart.
const RUNBOOK: &str = "https://runbooks.example.test/curfew";

/// Labels of these.
const OF_THE_API_SERVER: [&str; 2] = ["error_type", "name"];

/// One number that only an alert asks for.
const NOT_SHOWN: [&str; 2] =
    ["curfew_policy_last_reload_successful", "curfew_policy_last_reload_success_timestamp_seconds"];
