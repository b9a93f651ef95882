//! Values that cannot be: refused by the schema, or by a sentence that says how to mend it.

use serde_json::json;

use crate::helm::{Helm, values_file};

#[test]
fn a_typo_is_refused_by_name() {
    let Some(helm) = Helm::find() else { return };
    let typos = [
        ("rbak.delete=true", "'rbak' not allowed"),
        ("rbac.deletes=true", "'deletes' not allowed"),
        ("certs.mode=selfsigned", "certs/mode"),
        ("webhook.failurePolicy=ignore", "webhook/failurePolicy"),
        ("webhook.timeoutSeconds=30", "webhook/timeoutSeconds"),
        ("replicas=two", "replicas"),
        ("drainDelay=5", "drainDelay"),
        ("rbac.delete=\"yes\"", "rbac/delete"),
        ("policy.files.policy=x", "'policy' does not match"),
        ("policy.files.some-test\\.yaml.a=x", "'some-test.yaml'"),
        ("prometheusRule.disabled={WebhookSlow}", "prometheusRule/disabled"),
        ("certs.provided.caBundle=LS0tLS1CRUdJTg==", "certs/provided/caBundle"),
        ("ports.https=0", "ports/https"),
        ("serviceAccount.name=Not_A_Name", "serviceAccount/name"),
        ("rbac.namespaces={team.a}", "rbac/namespaces"),
        ("rbac.namespaces={}", "rbac/namespaces"),
    ];
    for (set, expected) in typos {
        let why = helm.template(&["--set", set]).expect_err(set);
        assert!(why.contains("schema") && why.contains(expected), "{set}: {why}");
    }
}

#[test]
fn anything_goes_under_global() {
    let Some(helm) = Helm::find() else { return };
    helm.template(&["--set", "global.a.b=c"]).unwrap();
}

#[test]
fn contradictions_say_how_to_mend_them() {
    let Some(helm) = Helm::find() else { return };
    let own = "policy.files.policy\\.yaml.spec.scheduler.mode=Own";
    let cases: [(&[&str], &str); 16] = [
        (&["cluster.enabled=false"], "certs.mode=self needs cluster.enabled=true"),
        (
            &["cluster.enabled=false", "certs.mode=certManager", "rbac.delete=true"],
            "rbac.delete and cluster.enabled=false contradict each other",
        ),
        (
            &["cluster.enabled=false", "certs.mode=certManager", "rbac.namespaces={a}"],
            "rbac.namespaces and cluster.enabled=false contradict each other",
        ),
        (&["certs.mode=provided"], "needs certs.provided.secretName"),
        (
            &["certs.mode=provided", "certs.provided.secretName=pair"],
            "needs certs.provided.caBundle",
        ),
        (&["certs.provided.secretName=pair"], "certs.provided is set and certs.mode is self"),
        (&["certs.certManager.issuerRef.name=a"], "issuerRef is set and certs.mode is self"),
        (
            &["hardening.own=true", "rbac.create=true"],
            "needs rbac.create=true and rbac.delete=true",
        ),
        (
            &["hardening.own=true", "rbac.create=true", "rbac.delete=true", "rbac.namespaces={a}"],
            "hardening.own and rbac.namespaces contradict each other",
        ),
        (&["scheduler.forceOwn=true"], "scheduler.forceOwn needs rbac.create=true"),
        (&["serviceAccount.create=false"], "needs serviceAccount.name"),
        (&["ports.admin=10250"], "ports.https and ports.admin are both 10250"),
        (&["hostNetwork=true"], "needs another ports.https than 10250"),
        (&["policy.files.policy\\.yaml=null"], "there is no policy"),
        (
            &["hardening.enabled=false", "rbac.namespaces={a}", own],
            "policy.yaml says scheduler.mode: Own, and rbac.namespaces is set",
        ),
        (&[own], "policy.yaml says scheduler.mode: Own, and hardening.own is false"),
    ];
    for (values, expected) in cases {
        let arguments: Vec<String> = values.iter().map(|set| format!("--set={set}")).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let why = helm.template(&arguments).expect_err(expected);
        assert!(why.contains(expected), "{values:?}: {why}");
    }
    helm.template(&["-f", &values_file("own")]).unwrap();
    helm.template(&["--set=hardening.enabled=false", &format!("--set={own}")]).unwrap();
}

/// Helm reads other YAML than curfew. What it takes for no text would be in the hardening, and never
/// hold there.
#[test]
fn what_helm_reads_in_another_way_is_refused() {
    let Some(helm) = Helm::find() else { return };
    let template = |text: &str| {
        let files = json!({"policy.yaml": text});
        helm.template(&[&format!("--set-json=policy.files={files}")])
    };
    let exempt = |inner: &str| format!("spec: {{exempt: {inner}}}");
    let cases = [
        (
            exempt("{selectors: [{matchLabels: {a: b, keep: yes}}]}"),
            "policy.yaml has true at exempt.selectors[0].matchLabels.keep, where text belongs",
        ),
        (
            exempt("{selectors: [{matchLabels: {keep: [a, off]}}]}"),
            "matchLabels.keep[1], where text",
        ),
        (exempt("{selectors: [{matchLabels: {y: a}}]}"), "the key true in exempt.selectors[0]"),
        (
            exempt("{selectors: [{matchExpressions: [{key: n, operator: Exists}]}]}"),
            "has false at exempt.selectors[0].matchExpressions[0].key",
        ),
        (exempt("{namespaceSelector: {matchLabels: {a: 1_0}}}"), "exempt.namespaceSelector"),
        (exempt("{namespaces: [no]}"), "has false at exempt.namespaces[0]"),
        ("spec: {".to_owned(), "Helm cannot read policy.yaml"),
    ];
    for (text, expected) in cases {
        let why = template(&text).expect_err(expected);
        assert!(why.contains(expected), "{text}: {why}");
    }
    template(&exempt("{selectors: [{matchLabels: {keep: 'yes'}}], namespaces: ['no']}")).unwrap();
}
