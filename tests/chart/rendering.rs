//! What the chart renders, without a cluster.

use std::{collections::BTreeSet, fs, process::Command};

use curfew::policy::{Policy, Source};
use curfew::server::Settings;
use serde_json::{Value, json};

use crate::helm::{
    Helm, NAMESPACE, Rendering, directory, documents, read, values_file, values_files,
};
use crate::support::{process::Scratch, registration};

/// Nothing random, no time, no order of a map: two renderings are the same bytes.
#[test]
fn every_values_file_renders_twice_the_same() {
    let Some(helm) = Helm::find() else { return };
    for file in values_files() {
        let file = file.to_str().unwrap();
        let render = || helm.template(&["-f", file]).unwrap_or_else(|why| panic!("{file}: {why}"));
        let (first, second) = (render(), render());
        assert!(first.text == second.text, "{file} renders differently");
        assert!(first.objects.len() > 6, "{file}: {} objects", first.objects.len());
    }
}

#[test]
fn the_versions_are_those_of_the_package() {
    let chart: Value = serde_yaml::from_str(&read("Chart.yaml")).unwrap();
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
    assert_eq!(chart["annotations"]["artifacthub.io/license"], env!("CARGO_PKG_LICENSE"));
}

#[test]
fn helm_finds_nothing_to_say() {
    let Some(helm) = Helm::find() else { return };
    let chart = crate::helm::directory();
    for file in values_files() {
        let arguments = ["lint", chart.to_str().unwrap(), "--strict", "-f", file.to_str().unwrap()];
        helm.run(&arguments).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
    }
}

#[test]
fn every_object_has_the_standard_labels_and_a_namespace_where_it_needs_one() {
    let Some(helm) = Helm::find() else { return };
    for file in values_files() {
        for object in helm.template(&["-f", file.to_str().unwrap()]).unwrap().objects {
            let (kind, name) = (&object["kind"], &object["metadata"]["name"]);
            for label in ["name", "instance", "version", "managed-by", "part-of", "component"] {
                let label = &object["metadata"]["labels"][format!("app.kubernetes.io/{label}")];
                assert!(label.is_string(), "{kind} {name}: {}", object["metadata"]);
            }
            assert!(object["metadata"]["labels"]["helm.sh/chart"].is_string());
            let cluster_scoped = ["Cluster", "Validating", "Mutating"];
            let kind = kind.as_str().unwrap();
            let expects_none = cluster_scoped.iter().any(|prefix| kind.starts_with(prefix));
            assert_eq!(object["metadata"]["namespace"].is_null(), expects_none, "{kind} {name}");
        }
    }
}

/// The bundled policy is what the chart installs.
#[test]
fn the_default_policy_is_the_bundled_one() {
    let values: Value = serde_yaml::from_str(&read("values.yaml")).unwrap();
    let bundled: Value = serde_yaml::from_str(&read("../../policies/default.yaml")).unwrap();
    assert_eq!(values["policy"]["files"], json!({"policy.yaml": bundled}));
}

/// What arrives in the `ConfigMap` is a policy that curfew loads, whichever way it was given.
#[test]
fn every_rendered_policy_loads() {
    let Some(helm) = Helm::find() else { return };
    for file in values_files() {
        let rendering = helm.template(&["-f", file.to_str().unwrap()]).unwrap();
        let maps = rendering.of("ConfigMap");
        let policy =
            maps.filter(|map| map["metadata"]["name"].as_str().unwrap().ends_with("-policy"));
        for map in policy {
            let sources: Vec<Source> = map["data"]
                .as_object()
                .unwrap()
                .iter()
                .map(|(name, text)| Source {
                    name: name.clone(),
                    text: text.as_str().unwrap().to_owned(),
                })
                .collect();
            if let Err(found) = Policy::load(&sources) {
                panic!("{}: {found:?}", file.display());
            }
        }
    }
}

/// With `--set-file`, a policy keeps its comments and its line numbers.
#[test]
fn a_policy_given_as_text_stays_as_it_is() {
    let Some(helm) = Helm::find() else { return };
    let example = crate::helm::directory().join("../../policies/examples/by-outcome.yaml");
    let set = format!("policy.files.policy\\.yaml={}", example.display());
    let rendering = helm.template(&["--set-file", &set]).unwrap();
    let map = rendering.object("ConfigMap", "curfew-policy");
    let text = std::fs::read_to_string(example).unwrap();
    assert_eq!(map["data"]["policy.yaml"].as_str().unwrap().trim(), text.trim());
}

/// System namespaces and our own stay out, whatever a user says about namespaces.
#[test]
fn system_namespaces_stay_out() {
    let Some(helm) = Helm::find() else { return };
    let everything = values_file("everything");
    let overrides: [&[&str]; 5] = [
        &[],
        &["-f", &everything],
        &["--set-json", r#"webhook.namespaceSelector={"matchLabels":{"a":"b"}}"#],
        &["--set-json", "webhook.namespaceSelector=null"],
        &[
            "--set-json",
            r#"webhook.namespaceSelector={"matchExpressions":[{"key":"kubernetes.io/metadata.name","operator":"Exists"}]}"#,
        ],
    ];
    for arguments in overrides {
        let rendering = helm.template(arguments).unwrap();
        let webhooks = all_webhooks(&rendering);
        assert_eq!(webhooks.len(), 2);
        for webhook in webhooks {
            let expressions = webhook["namespaceSelector"]["matchExpressions"].as_array().unwrap();
            // Requirements of a selector must hold together: this one cannot be outvoted.
            let excluded = expressions.iter().find(|requirement| {
                requirement["key"] == "kubernetes.io/metadata.name"
                    && requirement["operator"] == "NotIn"
            });
            let values = &excluded.unwrap_or_else(|| panic!("{expressions:?}"))["values"];
            let values: Vec<&str> =
                values.as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
            assert_eq!(values[..4], ["kube-system", "kube-public", "kube-node-lease", NAMESPACE]);
        }
    }
}

/// The conditions under which the API server asks are those that the tests of admission use.
#[test]
fn the_conditions_are_those_that_are_tested() {
    let Some(helm) = Helm::find() else { return };
    let rendering = helm.template(&[]).unwrap();
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for webhook in all_webhooks(&rendering) {
        let condition = |name: &str| {
            let all = webhook["matchConditions"].as_array().unwrap();
            let found = all.iter().find(|condition| condition["name"] == name).unwrap();
            words(found["expression"].as_str().unwrap())
        };
        let changed = match webhook["name"].as_str().unwrap() {
            "jobs.curfew.dev" => registration::JOB_CHANGED,
            _ => registration::CRON_JOB_CHANGED,
        };
        assert_eq!(condition("not-being-deleted"), words(registration::NOT_BEING_DELETED));
        assert_eq!(condition("changed"), words(changed));
    }
}

/// Rights are named one by one, and none is there that its value does not allow.
#[test]
fn rights_follow_the_values() {
    let Some(helm) = Helm::find() else { return };
    for file in values_files() {
        let rendering = helm.template(&["-f", file.to_str().unwrap()]).unwrap();
        for rule in rules(&rendering) {
            let text = rule.to_string();
            assert!(!text.contains('*'), "{}: {text}", file.display());
            assert!(!text.contains("deletecollection"), "{}: {text}", file.display());
        }
    }
    let rights = |arguments: &[&str]| {
        let all = rights(&helm.template(arguments).unwrap());
        all.into_iter().filter(|right| is_write_to_batch(right)).collect::<Vec<_>>()
    };
    assert_eq!(rights(&["--set=rbac.patch=false"]), Vec::<String>::new());
    assert_eq!(rights(&[]), ["patch batch/cronjobs", "patch batch/jobs"]);
    assert_eq!(rights(&["--set=rbac.delete=true,rbac.patch=false"]), ["delete batch/jobs"]);
    assert_eq!(
        rights(&["--set=rbac.create=true,rbac.patch=false"]),
        ["create batch/jobs", "patch batch/cronjobs/status", "update batch/cronjobs/finalizers"]
    );
}

/// Rights to write can be bound to namespaces; then nothing is written anywhere else.
#[test]
fn writes_are_confined_to_namespaces() {
    let Some(helm) = Helm::find() else { return };
    let rendering = helm.template(&["-f", &values_file("delete")]).unwrap();
    let bound_everywhere: Vec<&Value> =
        rendering.of("ClusterRoleBinding").map(|binding| &binding["roleRef"]["name"]).collect();
    assert_eq!(bound_everywhere, ["curfew", "curfew-test"]);
    let everywhere = rendering.object("ClusterRole", "curfew")["rules"].as_array().unwrap();
    for rule in everywhere {
        let verbs: Vec<&str> =
            rule["verbs"].as_array().unwrap().iter().map(|verb| verb.as_str().unwrap()).collect();
        let reads = verbs.iter().all(|verb| ["get", "list", "watch"].contains(verb));
        assert!(reads || rule["resourceNames"] == json!(["curfew"]), "{rule}");
    }
    let bound: Vec<&Value> = rendering
        .of("RoleBinding")
        .filter(|binding| binding["roleRef"]["name"] == "curfew-write")
        .map(|binding| &binding["metadata"]["namespace"])
        .collect();
    assert_eq!(bound, ["default", "kube-public"]);
    let confined = |arguments: &[&str]| {
        let rendering = helm.template(arguments).unwrap();
        let pod = &rendering.deployment()["spec"]["template"]["spec"];
        let arguments = pod["containers"][0]["args"].as_array().unwrap().clone();
        let mut all = arguments.iter().map(|argument| argument.as_str().unwrap().to_owned());
        all.find(|argument| argument.starts_with("--write-namespaces"))
    };
    // And the program is told where.
    let file = values_file("delete");
    let expected = "--write-namespaces=default,kube-public";
    assert_eq!(confined(&["-f", &file]).as_deref(), Some(expected));
    let twice = "--set=rbac.namespaces={default,kube-public,default}";
    assert_eq!(confined(&[twice]).as_deref(), Some(expected));
    assert_eq!(confined(&[]), None);
}

/// Without a cluster there is no right and no token, and nothing that could use one.
#[test]
fn the_webhook_alone_has_no_rights() {
    let Some(helm) = Helm::find() else { return };
    let rendering = helm.template(&["-f", &values_file("webhook-only")]).unwrap();
    let kinds: BTreeSet<&str> =
        rendering.objects.iter().map(|object| object["kind"].as_str().unwrap()).collect();
    for kind in ["ClusterRole", "Role", "ClusterRoleBinding", "RoleBinding", "Pod"] {
        assert!(!kinds.contains(kind), "{kinds:?}");
    }
    let pod = &rendering.deployment()["spec"]["template"]["spec"];
    assert_eq!(pod["automountServiceAccountToken"], false);
    let arguments = pod["containers"][0]["args"].as_array().unwrap();
    assert!(arguments.contains(&json!("--no-cluster")), "{arguments:?}");
    assert_eq!(rendering.object("NetworkPolicy", "curfew")["spec"]["egress"], json!([]));
}

/// What the Pod is started with is what `curfew serve` takes.
#[test]
fn the_rendered_flags_exist() {
    let Some(helm) = Helm::find() else { return };
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_curfew"))
        .args(["serve", "--help"])
        .output()
        .unwrap();
    let known = String::from_utf8(output.stdout).unwrap();
    for file in values_files() {
        let rendering = helm.template(&["-f", file.to_str().unwrap()]).unwrap();
        let arguments =
            &rendering.deployment()["spec"]["template"]["spec"]["containers"][0]["args"];
        for argument in &arguments.as_array().unwrap()[1..] {
            let flag = argument.as_str().unwrap().split('=').next().unwrap();
            assert!(known.contains(flag), "{}: {flag} is no flag", file.display());
        }
    }
}

/// A Secret that a template fills would change with every upgrade; this one is filled at run time
/// and never touched again by helm.
#[test]
fn the_secret_of_our_own_certificate_is_empty() {
    let Some(helm) = Helm::find() else { return };
    let rendering = helm.template(&[]).unwrap();
    let secret = rendering.object("Secret", "curfew-tls").as_object().unwrap();
    let keys: Vec<&String> = secret.keys().collect();
    assert_eq!(keys, ["apiVersion", "kind", "metadata", "type"]);
    for file in values_files() {
        let rendering = helm.template(&["-f", file.to_str().unwrap()]).unwrap();
        let mode =
            if rendering.of("Certificate").next().is_some() { "certManager" } else { "else" };
        for webhook in all_webhooks(&rendering) {
            let bundle = &webhook["clientConfig"]["caBundle"];
            let provided = file.ends_with("provided-values.yaml");
            assert_eq!(bundle.is_string(), provided, "{}", file.display());
        }
        let configuration = rendering.of("MutatingWebhookConfiguration").next().unwrap();
        let injected = &configuration["metadata"]["annotations"]["cert-manager.io/inject-ca-from"];
        assert_eq!(injected.is_string(), mode == "certManager", "{}", file.display());
    }
}

/// The Pods that answer the webhook, and no others, are what Service and budget mean.
#[test]
fn selectors_meet_the_pods_and_not_the_probe() {
    let Some(helm) = Helm::find() else { return };
    for file in values_files() {
        let rendering = helm.template(&["-f", file.to_str().unwrap()]).unwrap();
        let template = &rendering.deployment()["spec"]["template"];
        let meets = |selector: &Value, labels: &Value| {
            selector.as_object().unwrap().iter().all(|(key, value)| labels[key] == *value)
        };
        let service = rendering.of("Service").next().unwrap();
        let budget = rendering.of("PodDisruptionBudget").next().unwrap();
        let selectors = [
            &service["spec"]["selector"],
            &budget["spec"]["selector"]["matchLabels"],
            &rendering.deployment()["spec"]["selector"]["matchLabels"],
        ];
        for selector in selectors {
            assert!(meets(selector, &template["metadata"]["labels"]));
            for probe in rendering.of("Pod") {
                assert!(!meets(selector, &probe["metadata"]["labels"]));
            }
        }
    }
}

/// There is a word on how to stop it, with the right names, and on rights that are missing.
#[test]
fn the_notes_name_the_emergency_stop_and_missing_rights() {
    let Some(helm) = Helm::find() else { return };
    let notes = helm.notes(&["--set=fullnameOverride=sweep"]).unwrap();
    assert!(notes.contains("kubectl delete mutatingwebhookconfiguration sweep\n"), "{notes}");
    assert!(notes.contains(&format!("kubectl -n {NAMESPACE} scale deployment sweep")), "{notes}");
    assert!(!notes.contains("WARNING"), "{notes}");
    let delete = "--set=policy.files.policy\\.yaml.spec.stored.action=Delete";
    let notes = helm.notes(&[delete]).unwrap();
    assert!(notes.contains("asks for stored: Delete, and rbac.delete is false"), "{notes}");
    let notes = helm.notes(&[delete, "--set=rbac.delete=true"]).unwrap();
    assert!(!notes.contains("WARNING"), "{notes}");
    let backstop = "--set=policy.files.policy\\.yaml.spec.scheduler.mode=Backstop";
    let notes = helm.notes(&[backstop]).unwrap();
    assert!(notes.contains("rbac.create is false"), "{notes}");
}

/// Who has not installed the command runs that of the image.
#[test]
fn the_notes_run_commands_in_a_pod() {
    let Some(helm) = Helm::find() else { return };
    let commands = |arguments: &[&str]| {
        let notes = helm.notes(&[&["--set=fullnameOverride=sweep"], arguments].concat()).unwrap();
        let begin =
            format!("    kubectl -n {NAMESPACE} exec deployment/sweep -c curfew -- {PROGRAM} ");
        let lines = notes.lines().filter_map(|line| line.strip_prefix(&begin));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let status = format!("status --namespace {NAMESPACE} --lease-name sweep");
    assert_eq!(commands(&[]), [&*status, "plan --policy /etc/curfew/policy"]);
    let alone = ["--set=cluster.enabled=false", "--set=certs.mode=certManager"];
    assert_eq!(commands(&alone), ["check /etc/curfew/policy"]);
    for command in commands(&[]).into_iter().chain(commands(&alone)) {
        let words = command.split(' ').chain(["--help"]);
        let known = Command::new(env!("CARGO_BIN_EXE_curfew")).args(words).output().unwrap();
        assert!(known.status.success(), "{command}: {}", String::from_utf8_lossy(&known.stderr));
    }
    // It is there, and so is the policy.
    assert!(read("../../Dockerfile").contains(&format!("ENTRYPOINT [\"{PROGRAM}\"]\n")));
    let rendering = helm.template(&[]).unwrap();
    let container = &rendering.deployment()["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["name"], "curfew");
    assert_eq!(container["volumeMounts"][0]["mountPath"], "/etc/curfew/policy");
}

/// `helm install` is not to be told of another platform; `helm template` shows no notes, but for a
/// template that takes them in.
#[test]
fn the_notes_know_the_platform() {
    let Some(helm) = Helm::find() else { return };
    let scratch = Scratch::new().unwrap();
    let chart = scratch.join("chart");
    assert!(Command::new("cp").arg("-r").arg(directory()).arg(&chart).status().unwrap().success());
    let taking_in =
        "kind: Notes\nnotes: {{ include (print .Template.BasePath \"/NOTES.txt\") . | toJson }}\n";
    fs::write(chart.join("templates/notes.yaml"), taking_in).unwrap();
    let notes = |arguments: &[&str]| {
        let all = ["template", "curfew", chart.to_str().unwrap(), "-s", "templates/notes.yaml"];
        let text = helm.run(&[&all, arguments].concat()).unwrap();
        documents(&text)[0]["notes"].as_str().unwrap().to_owned()
    };
    let openshift = "--api-versions=security.openshift.io/v1";
    assert!(notes(&[openshift]).contains("WARNING: this is OpenShift, and platformUser is false"));
    assert!(!notes(&[openshift, "--set=platformUser=true"]).contains("OpenShift"));
    let eks = "--kube-version=v1.33.1-eks-1234567";
    assert!(notes(&[eks]).contains("set ports.https to another one"));
    assert!(!notes(&[eks, "--set=ports.https=8443"]).contains("Fargate"));
    assert!(!notes(&[]).contains("Fargate"));
}

/// A chart that holds something under `ci/` has it for tests alone.
#[test]
fn what_is_read_is_what_is_rendered() {
    assert_eq!(documents("a: 1\n---\n---\nb: 2\n"), [json!({"a": 1}), json!({"b": 2})]);
}

/// Where the image has it.
const PROGRAM: &str = "/usr/local/bin/curfew";

fn all_webhooks(rendering: &Rendering) -> Vec<Value> {
    let configuration = rendering.of("MutatingWebhookConfiguration").next().unwrap();
    configuration["webhooks"].as_array().unwrap().clone()
}

fn rules(rendering: &Rendering) -> Vec<Value> {
    let roles = rendering.of("ClusterRole").chain(rendering.of("Role"));
    roles.flat_map(|role| role["rules"].as_array().unwrap().clone()).collect()
}

/// Rights as `verb group/resource`, sorted.
fn rights(rendering: &Rendering) -> BTreeSet<String> {
    let strings = |value: &Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
    };
    let mut all = BTreeSet::new();
    for rule in rules(rendering) {
        for verb in strings(&rule["verbs"]) {
            for group in strings(&rule["apiGroups"]) {
                for resource in strings(&rule["resources"]) {
                    all.insert(format!("{verb} {group}/{resource}"));
                }
            }
        }
    }
    all
}

fn is_write_to_batch(right: &str) -> bool {
    right.contains(" batch/")
        && !["get ", "list ", "watch "].iter().any(|verb| right.starts_with(verb))
}

/// The binary is told of the policy webhook where there is one, in every mode of certificates.
#[test]
fn the_policy_webhook_is_named_where_it_is() {
    let Some(helm) = Helm::find() else { return };
    let named = |more: &[&str]| {
        let rendering = helm.template(more).unwrap();
        let container = &rendering.deployment()["spec"]["template"]["spec"]["containers"][0];
        container["args"].to_string().contains("--guard-name=curfew")
    };
    assert!(named(&[]) && named(&["--set=certs.mode=certManager"]));
    assert!(!named(&["--set=policy.guard=false"]));
}

/// An edit that waits for other reviews of the policy is let in unjudged no sooner than the server
/// gives up on it.
#[test]
fn the_api_server_waits_as_long_as_a_policy_review() {
    let Some(helm) = Helm::find() else { return };
    let rendering = helm.template(&[]).unwrap();
    let configuration = rendering.of("ValidatingWebhookConfiguration").next().unwrap();
    let waits = configuration["webhooks"][0]["timeoutSeconds"].as_u64().unwrap();
    assert!(Settings::default().policy_review_timeout.as_secs() < waits, "{waits}");
}
