//! What is counted, and how it is told to Prometheus.
//!
//! [`Metrics`] holds every family; whoever decides something says so through a method that names
//! the event, so that label names and bounds stand here and nowhere else. No label holds the name
//! of an object: a family never forgets a label set.

#[cfg(target_os = "linux")]
pub mod process;
mod registry;
pub mod scheduling;
pub mod stored;

use std::borrow::Cow;
use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use self::registry::{Labels, Register};
use crate::admission::Report;
use crate::policy_review::PolicyReviewDecision;

/// Holds the families and the registry that prints them.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// What is counted about stored objects.
    pub stored: stored::StoredMetrics,
    /// What is counted about the starts of `CronJob`s.
    pub scheduling: scheduling::SchedulingMetrics,
    requests: Family<Labels<3>, Counter>,
    duration: Family<Labels<1>, Histogram, fn() -> Histogram>,
    rejected_bodies: Family<Labels<1>, Counter>,
    author_values_changed: Family<Labels<2>, Counter>,
    rule_decisions: Family<Labels<2, Cow<'static, str>>, Counter>,
    /// Rules that have label sets of their own.
    rule_names: Mutex<HashSet<String>>,
    guard_hits: Family<Labels<2>, Counter>,
    policy_reviews: Family<Labels<1>, Counter>,
    policy_info: Family<Labels<1, String>, Gauge>,
    policy_reload_successful: Gauge,
    policy_reload_timestamp: Gauge,
    certificate_not_after: Family<Labels<1>, Gauge>,
    handshake_failures: Family<Labels<1>, Counter>,
}

// === impl Metrics ===

impl Metrics {
    /// Families at zero.
    pub fn new() -> Self {
        let mut all = Registry::default();
        // Named as every exporter names them: dashboards look for exactly these.
        #[cfg(target_os = "linux")]
        all.register_collector(Box::new(process::Process::default()));
        let registry = all.sub_registry_with_prefix("curfew");

        let duration = registry.own(
            "admission_request_duration_seconds",
            "Time from the headers of a review to its answer",
            Family::new_with_constructor(histogram as fn() -> Histogram),
        );
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        registry.register("build", "What is running", Info::new(version));
        Self {
            stored: stored::StoredMetrics::register(registry),
            scheduling: scheduling::SchedulingMetrics::register(registry),
            requests: registry.zero("admission_requests", "Admission reviews that were answered"),
            duration,
            rejected_bodies: registry
                .zero("admission_rejected_bodies", "Requests that got no admission review back"),
            author_values_changed: registry.zero(
                "admission_author_values_changed",
                "Values that an author wrote and admission replaced",
            ),
            rule_decisions: registry
                .zero("rule_decisions", "Settings by the rule that supplied them"),
            guard_hits: registry.zero("guard_hits", "Objects that a guard kept"),
            policy_reviews: registry.zero(
                "policy_guard_requests",
                "Reviews of the policy itself, by what became of it",
            ),
            policy_info: registry.zero("policy_info", "The policy in use"),
            policy_reload_successful: registry.zero(
                "policy_last_reload_successful",
                "Whether the policy on disk is the one in use",
            ),
            policy_reload_timestamp: registry.zero(
                "policy_last_reload_success_timestamp_seconds",
                "When the policy in use was loaded",
            ),
            certificate_not_after: registry
                .zero("tls_certificate_not_after_timestamp_seconds", "When a certificate expires"),
            handshake_failures: registry
                .zero("tls_handshake_failures", "Connections that did not get as far as HTTP"),
            rule_names: Mutex::default(),
            registry: all,
        }
    }

    /// A review was answered.
    pub fn reviewed(&self, report: &Report, took: Duration) {
        let Report { operation, kind, decision, rules, guards, changed, .. } = report;
        let labels = [("kind", *kind), ("operation", *operation), ("decision", *decision)];
        self.requests.get_or_create(&labels).inc();
        self.duration.get_or_create(&[("kind", *kind)]).observe(took.as_secs_f64());
        for (setting, rule) in rules {
            let labels = [("rule", self.rule_label(rule)), ("setting", (*setting).into())];
            self.rule_decisions.get_or_create(&labels).inc();
        }
        for guard in guards {
            self.guard_hits.get_or_create(&[("guard", *guard), ("path", "admission")]).inc();
        }
        for (setting, reason) in changed {
            let labels = [("setting", *setting), ("reason", *reason)];
            self.author_values_changed.get_or_create(&labels).inc();
        }
    }

    /// An edit of the policy was judged.
    pub fn policy_reviewed(&self, decision: PolicyReviewDecision) {
        self.policy_reviews.get_or_create(&[("decision", decision.as_str())]).inc();
    }

    /// A request got an HTTP error instead of a review.
    pub fn rejected(&self, reason: &'static str) {
        self.rejected_bodies.get_or_create(&[("reason", reason)]).inc();
    }

    /// A connection failed before HTTP began.
    pub fn handshake_failed(&self, reason: &'static str) {
        self.handshake_failures.get_or_create(&[("reason", reason)]).inc();
    }

    /// A policy is in use from now on.
    pub fn policy_loaded(&self, revision: &str, now: Timestamp) {
        self.policy_info.clear();
        self.policy_info.get_or_create(&[("revision", revision.to_owned())]).set(1);
        self.policy_reload_timestamp.set(now.as_second());
        self.policy_reload_successful.set(1);
    }

    /// What lies on disk is the policy in use, or it is not.
    pub fn policy_in_step(&self, in_step: bool) {
        self.policy_reload_successful.set(in_step.into());
    }

    /// The HTTPS port shows another certificate from now on.
    pub fn certificate_loaded(&self, not_after: Timestamp) {
        self.certificate_not_after.get_or_create(&[("use", "serving")]).set(not_after.as_second());
    }

    /// Everything, in the text format of `OpenMetrics`.
    pub fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a string does not fail");
        text
    }

    /// The name of a rule while there are few; a policy may have 10,000, and Prometheus keeps a
    /// series for each.
    fn rule_label(&self, rule: &str) -> Cow<'static, str> {
        let mut known = self.rule_names.lock();
        if !known.contains(rule) {
            if known.len() >= RULE_LABELS {
                return OTHER.into();
            }
            known.insert(rule.to_owned());
        }
        rule.to_owned().into()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

fn histogram() -> Histogram {
    Histogram::new(BUCKETS)
}

/// What [`Metrics::text`] is, for the header of an answer.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// In seconds. Those from 0.005 that the API server has for its own view of a webhook are among
/// them, so that both sides of a call can be laid over each other.
const BUCKETS: [f64; 15] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    10.0,
];
const OTHER: &str = "other";
/// So many rules have series of their own.
const RULE_LABELS: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report {
            operation: "CREATE",
            kind: "Job",
            decision: "patched",
            rules: vec![("ttl", "etl".into())],
            guards: vec!["deployHooks"],
            changed: vec![("ttl", "limits")],
            ..Report::default()
        }
    }

    fn lines(metrics: &Metrics, prefix: &str) -> Vec<String> {
        let text = metrics.text();
        text.lines().filter(|line| line.starts_with(prefix)).map(ToOwned::to_owned).collect()
    }

    #[test]
    fn a_review_counts_everywhere() {
        let metrics = Metrics::new();
        metrics.reviewed(&report(), Duration::from_micros(200));
        assert_eq!(
            lines(&metrics, "curfew_admission_requests_total"),
            [
                r#"curfew_admission_requests_total{kind="Job",operation="CREATE",decision="patched"} 1"#
            ]
        );
        assert_eq!(
            lines(&metrics, "curfew_rule_decisions_total"),
            [r#"curfew_rule_decisions_total{rule="etl",setting="ttl"} 1"#]
        );
        assert_eq!(
            lines(&metrics, "curfew_guard_hits_total"),
            [r#"curfew_guard_hits_total{guard="deployHooks",path="admission"} 1"#]
        );
        assert_eq!(
            lines(&metrics, "curfew_admission_author_values_changed_total"),
            [r#"curfew_admission_author_values_changed_total{setting="ttl",reason="limits"} 1"#]
        );
        let buckets = lines(&metrics, "curfew_admission_request_duration_seconds_bucket");
        assert!(buckets[0].contains(r#"le="0.0001""#) && buckets[0].ends_with(" 0"), "{buckets:?}");
        assert!(buckets[1].contains(r#"le="0.00025""#) && buckets[1].ends_with(" 1"));
    }

    #[test]
    fn beyond_two_hundred_rules_the_rest_is_other() {
        let metrics = Metrics::new();
        for number in 0..250 {
            let rules = vec![("ttl", format!("rule-{number}"))];
            metrics.reviewed(&Report { rules, ..report() }, Duration::ZERO);
        }
        metrics.reviewed(
            &Report { rules: vec![("ttl", "rule-7".into())], ..report() },
            Duration::ZERO,
        );
        let series = lines(&metrics, "curfew_rule_decisions_total");
        assert_eq!(series.len(), 201);
        assert!(
            series
                .contains(&r#"curfew_rule_decisions_total{rule="other",setting="ttl"} 50"#.into())
        );
        assert!(
            series
                .contains(&r#"curfew_rule_decisions_total{rule="rule-7",setting="ttl"} 2"#.into())
        );
    }

    #[test]
    fn one_revision_at_a_time() {
        let metrics = Metrics::new();
        metrics.policy_loaded("one", Timestamp::UNIX_EPOCH);
        metrics.policy_loaded("two", Timestamp::from_second(60).unwrap());
        assert_eq!(
            lines(&metrics, "curfew_policy_info"),
            [r#"curfew_policy_info{revision="two"} 1"#]
        );
        metrics.policy_in_step(false);
        assert_eq!(
            lines(&metrics, "curfew_policy_last_reload"),
            [
                "curfew_policy_last_reload_successful 0",
                "curfew_policy_last_reload_success_timestamp_seconds 60"
            ]
        );
    }

    #[test]
    fn build_and_certificate() {
        let metrics = Metrics::new();
        metrics.certificate_loaded(Timestamp::from_second(77).unwrap());
        assert_eq!(
            lines(&metrics, "curfew_tls"),
            [r#"curfew_tls_certificate_not_after_timestamp_seconds{use="serving"} 77"#]
        );
        assert_eq!(
            lines(&metrics, "curfew_build"),
            [concat!(r#"curfew_build_info{version=""#, env!("CARGO_PKG_VERSION"), r#""} 1"#)]
        );
    }
}
