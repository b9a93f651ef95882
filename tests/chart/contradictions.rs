//! Values that cannot be: refused by the schema, or by a sentence that says how to mend it.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::helm::{Helm, read, values_file};

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
        ("replicaCount=0", "replicaCount"),
        ("commonLabels.a=b c", "commonLabels/a"),
        ("commonLabels.a b=c", "'a b'"),
        ("podSecurityContext.runAsUsr=1", "'runAsUsr' not allowed"),
        ("securityContext.readOnlyRootFileSystem=true", "'readOnlyRootFileSystem' not allowed"),
        ("livenessProbe.path=/healthz", "'path' not allowed"),
        ("livenessProbe.successThreshold=2", "'successThreshold' not allowed"),
        ("readinessProbe.periodSeconds=0", "readinessProbe/periodSeconds"),
        ("strategy.type=OnDelete", "strategy/type"),
        ("strategy.rollingUpdate.maxSurge=half", "strategy/rollingUpdate/maxSurge"),
        ("podDisruptionBudget.minAvailable=all", "podDisruptionBudget/minAvailable"),
        ("extraVolumeMounts[0].name=a", "mountPath"),
        ("serviceMonitor.scrapeTimeout=10", "serviceMonitor/scrapeTimeout"),
        ("rbac.delete=\"yes\"", "rbac/delete"),
        ("policy.files.a/b\\.yaml=x", "'a/b.yaml' does not match"),
        (
            "webhook.matchConditions[0].name=a b,webhook.matchConditions[0].expression=has(object.spec)",
            "'a b'",
        ),
        ("prometheusRule.disabled={WebhookSlow}", "prometheusRule/disabled"),
        ("prometheusRule.runbook=README.md", "prometheusRule/runbook"),
        ("prometheusRule.runbook=https://a.test/b#c", "prometheusRule/runbook"),
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
    let cases: [(&[&str], &str); 35] = [
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
        (
            &["platformUser=true", "podSecurityContext.runAsUser=1000"],
            "platformUser=true leaves the user to the platform, and podSecurityContext.runAsUser is 1000",
        ),
        (
            &["platformUser=true", "securityContext.runAsUser=0"],
            "securityContext.runAsUser is 0. Set platformUser to false",
        ),
        (
            &["strategy=null", "commonLabels=null", "securityContext=null"],
            "strategy is missing, as in an upgrade by --reuse-values from an older chart",
        ),
        (
            &["strategy.rollingUpdate.maxSurge=0"],
            "strategy.rollingUpdate has 0 for maxSurge and for maxUnavailable",
        ),
        (
            &["strategy.rollingUpdate.maxSurge=0%", "strategy.rollingUpdate.maxUnavailable=0%"],
            "Set one of them to 1",
        ),
        (
            &["podDisruptionBudget.minAvailable=0", "podDisruptionBudget.maxUnavailable=50%"],
            "podDisruptionBudget has minAvailable (0) and maxUnavailable (50%)",
        ),
        (
            &["serviceMonitor.scrapeTimeout=1m", "serviceMonitor.interval=59.5s"],
            "Set scrapeTimeout to 59.5s or less",
        ),
        (&["extraVolumes[0].name=tls"], "extraVolumes[0] is named tls, as another volume"),
        (
            &["extraVolumes[0].name=a", "extraVolumes[1].name=a"],
            "extraVolumes[1] is named a, as another volume",
        ),
        (
            &["extraVolumeMounts[0].name=policy", "extraVolumeMounts[0].mountPath=/a"],
            "extraVolumeMounts[0] mounts policy, and extraVolumes has no volume of that name",
        ),
        (
            &[
                "extraVolumes[0].name=a",
                "extraVolumeMounts[0].name=a",
                "extraVolumeMounts[0].mountPath=/etc/curfew/policy/more",
            ],
            "files of the policy go into policy.files",
        ),
        (
            &["drainDelay=1m"],
            "drainDelay is 1m and terminationGracePeriodSeconds is 60: the kubelet would kill a Pod \
             while it still serves. Set terminationGracePeriodSeconds to 75, or drainDelay to less",
        ),
        (
            &["drainDelay=1.5s500ms", "terminationGracePeriodSeconds=2"],
            "Set terminationGracePeriodSeconds to 17",
        ),
        (
            &["certs.mode=certManager", "certs.certManager.duration=720h"],
            "certs.certManager.renewBefore is 720h and duration is 720h",
        ),
        (
            &["certs.mode=certManager", "certs.certManager.renewBefore=90h3000m720h2000h"],
            "Set renewBefore to a third of duration, or duration to more",
        ),
        (
            &["webhook.matchConditions[0].name=changed", ANY],
            "webhook.matchConditions[0] is named changed, as another condition of the webhook is",
        ),
        (
            &["webhook.matchConditions[0].name=a", ANY, "webhook.matchConditions[1].name=a", ANY_1],
            "webhook.matchConditions[1] is named a",
        ),
        (
            &["policy.existingConfigMap=ours", "policy.files.policy\\.yaml.spec.mode=Observe"],
            "policy.existingConfigMap is ours, and policy.files is set as well (policy.yaml)",
        ),
        (&["policy.existingConfigMap=ours", "policy.files.b\\.yaml=x"], "as well (b.yaml, policy"),
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

/// The names that are refused are those of the webhooks' own conditions, each of them.
#[test]
fn no_condition_has_the_name_of_another() {
    let Some(helm) = Helm::find() else { return };
    let rendering = helm.template(&[]).unwrap();
    let webhooks = &rendering.of("MutatingWebhookConfiguration").next().unwrap()["webhooks"];
    let mut names = BTreeSet::new();
    for webhook in webhooks.as_array().unwrap() {
        let conditions = webhook["matchConditions"].as_array().unwrap().iter();
        names.extend(conditions.map(|condition| condition["name"].as_str().unwrap()));
    }
    assert_eq!(names.len(), 3);
    for name in &names {
        let set = format!("--set=webhook.matchConditions[0].name={name},{ANY}");
        let why = helm.template(&[&set]).expect_err(name);
        assert!(why.contains(&format!("is named {name}, as another")), "{why}");
        assert!(names.iter().all(|other| why.contains(other)), "{why}");
    }
}

/// One policy, in files that curfew reads: what `curfew check` refuses in a folder, or passes over
/// there, is not installed either.
#[test]
fn what_is_no_policy_is_refused() {
    let Some(helm) = Helm::find() else { return };
    let with = |name: &str, text: &str| {
        let files = json!({"policy.yaml": policy("default", "{}"), name: text});
        helm.template(&[&format!("--set-json=policy.files={files}")])
    };
    let fine = policy("default", "{}");
    let readme = "# Our policy\n\nIt has one file for each team.\n";
    let cases = [
        (
            "b.yaml",
            policy("other", "{}"),
            "policy.yaml has metadata.name default, and b.yaml has other",
        ),
        (
            "b.yaml",
            policy("other", "{}"),
            "or take one out: --set 'policy.files.policy\\.yaml=null'",
        ),
        ("README.md", readme.to_owned(), "README.md ends neither in .yaml nor in .yml"),
        ("README.md", readme.to_owned(), "take it out: --set 'policy.files.README\\.md=null'"),
        ("b", fine.clone(), "b ends neither in .yaml nor in .yml"),
        ("b-test.yaml", fine.clone(), "b-test.yaml ends in -test.yaml"),
        ("readme.yaml", readme.to_owned(), "Helm cannot read readme.yaml"),
        ("b.yml", "# Nothing yet\n".to_owned(), "b.yml is no policy, as its apiVersion is missing"),
        ("b.yaml", String::new(), "b.yaml is no policy, as its apiVersion is missing"),
        ("b.yaml", "spec: {".to_owned(), "Helm cannot read b.yaml"),
        ("b.yaml", fine.replace("JobPolicy", "ConfigMap"), "as its kind is ConfigMap"),
        ("b.yaml", fine.replace("v1alpha1", "v2"), "as its apiVersion is curfew.dev/v2"),
        ("b.yaml", fine.replace("default", "\"\""), "b.yaml has no text as metadata.name"),
        ("b.yaml", fine.replace("default", "12"), "b.yaml has no text as metadata.name"),
        ("b.yaml", fine.replace("{name: default}", "default"), "no text as metadata.name"),
        ("b.yaml", format!("   a: b\n{fine}"), "Helm cannot put the files into a ConfigMap"),
    ];
    for (name, text, expected) in cases {
        let why = with(name, &text).expect_err(expected);
        assert!(why.contains(expected), "{name}: {text}: {why}");
    }
    with("b.yml", &fine).unwrap();
    // The chart's own file may stay where another ConfigMap takes its place.
    let elsewhere = "--set=policy.existingConfigMap=ours";
    helm.template(&[elsewhere]).unwrap();
    helm.template(&[elsewhere, "--set=policy.files.policy\\.yaml=null"]).unwrap();
}

/// By this the chart tells a policy that somebody gave from its own.
#[test]
fn the_checksum_of_the_default_policy_is_current() {
    let values: Value = serde_yaml::from_str(&read("values.yaml")).unwrap();
    let digest: [u8; 32] = Sha256::digest(values["policy"]["files"].to_string()).into();
    let digest = digest.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    let template = read("templates/_contradictions.tpl");
    assert!(template.contains(&digest), "curfew.defaultPolicy has to be {digest}");
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
    let exempt = |inner: &str| policy("default", &format!("{{exempt: {inner}}}"));
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
    ];
    for (text, expected) in cases {
        let why = template(&text).expect_err(expected);
        assert!(why.contains(expected), "{text}: {why}");
    }
    template(&exempt("{selectors: [{matchLabels: {keep: 'yes'}}], namespaces: ['no']}")).unwrap();
}

/// The text of a policy.
fn policy(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: {name}}}\nspec: {spec}\n"
    )
}

/// Expressions of the first two conditions.
const ANY: &str = "webhook.matchConditions[0].expression=has(object.spec)";
const ANY_1: &str = "webhook.matchConditions[1].expression=has(object.spec)";
