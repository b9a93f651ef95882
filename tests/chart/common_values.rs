//! Values that users know from other charts, by the names that they have there.

use serde_json::{Value, json};

use crate::helm::{Helm, Rendering, values_file};

#[test]
fn replicas_are_counted_by_either_name() {
    let Some(helm) = Helm::find() else { return };
    let replicas =
        |set: &str| helm.template(&[set]).unwrap().deployment()["spec"]["replicas"].clone();
    assert_eq!(replicas("--set=nameOverride="), 2);
    assert_eq!(replicas("--set=replicas=3"), 3);
    assert_eq!(replicas("--set=replicaCount=1"), 1);
    assert_eq!(replicas("--set=replicas=3,replicaCount=4"), 4);
    // The notes know it, too.
    let notes = helm.notes(&["--set=replicaCount=1,webhook.failurePolicy=Fail"]).unwrap();
    assert!(notes.contains("failurePolicy Fail and one replica"), "{notes}");
}

/// On all objects and on the Pods, in no selector, and in the place of no label of the chart's or
/// of a value that is about fewer objects.
#[test]
fn common_labels_are_everywhere() {
    let Some(helm) = Helm::find() else { return };
    let labels = json!({
        "example.test/cost": "a", "team": "common", "release": "common",
        "app.kubernetes.io/name": "common",
    });
    let set = format!("--set-json=commonLabels={labels}");
    let rendering = helm.template(&["-f", &values_file("everything"), &set]).unwrap();
    let template = json!({"metadata": rendering.deployment()["spec"]["template"]["metadata"]});
    for object in rendering.objects.iter().chain([&template]) {
        let labels = &object["metadata"]["labels"];
        assert_eq!(labels["example.test/cost"], "a", "{}", object["metadata"]);
        assert_eq!(labels["app.kubernetes.io/name"], "jobs");
    }
    assert_eq!(rendering.deployment()["metadata"]["labels"]["team"], "common");
    assert_eq!(template["metadata"]["labels"]["team"], "platform");
    let monitor = rendering.of("ServiceMonitor").next().unwrap();
    assert_eq!(monitor["metadata"]["labels"]["release"], "prometheus");
    let selectors = |rendering: &Rendering| {
        let selector = |kind: &str| rendering.of(kind).next().unwrap()["spec"]["selector"].clone();
        ["Deployment", "Service", "PodDisruptionBudget", "ServiceMonitor"].map(selector)
    };
    let plain = helm.template(&["-f", &values_file("everything")]).unwrap();
    assert_eq!(selectors(&rendering), selectors(&plain));
}

/// By default as strict as the strictest level; what is given goes into that, and nothing of it gets
/// lost by the way.
#[test]
fn security_contexts_are_merged() {
    let Some(helm) = Helm::find() else { return };
    let contexts = |arguments: &[&str]| {
        let rendering = helm.template(arguments).unwrap();
        let pod = &rendering.deployment()["spec"]["template"]["spec"];
        let probe = &rendering.of("Pod").next().unwrap()["spec"];
        let of = |spec: &Value| {
            [spec["securityContext"].clone(), spec["containers"][0]["securityContext"].clone()]
        };
        assert_eq!(of(pod), of(probe), "the Pod of `helm test` runs as the others do");
        of(pod)
    };
    let pod = json!({
        "runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    });
    let container = json!({
        "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": true, "runAsNonRoot": true,
    });
    assert_eq!(contexts(&[]), [pod.clone(), container.clone()]);
    let with = |context: &Value, member: &str, value: Value| {
        let mut context = context.clone();
        context[member] = value;
        context
    };
    let without = |context: &Value, members: &[&str]| {
        let mut context = context.as_object().unwrap().clone();
        context.retain(|member, _| !members.contains(&member.as_str()));
        Value::Object(context)
    };
    let user = "--set=podSecurityContext.runAsUser=1000,securityContext.runAsUser=1000";
    let expected =
        [with(&pod, "runAsUser", json!(1000)), with(&container, "runAsUser", json!(1000))];
    assert_eq!(contexts(&[user]), expected);
    let looser =
        "--set=podSecurityContext.fsGroup=null,securityContext.readOnlyRootFilesystem=false";
    let expected =
        [without(&pod, &["fsGroup"]), with(&container, "readOnlyRootFilesystem", json!(false))];
    assert_eq!(contexts(&[looser]), expected);
    let platform = without(&pod, &["runAsUser", "runAsGroup", "fsGroup"]);
    assert_eq!(contexts(&["--set=platformUser=true"]), [platform, container]);
    let nothing = "--set=podSecurityContext=null,securityContext=null";
    assert_eq!(contexts(&[nothing]), [json!({}), json!({})]);
}

/// Where a probe looks is the chart's, and how often the user's.
#[test]
fn times_of_probes_are_merged() {
    let Some(helm) = Helm::find() else { return };
    let probes = |arguments: &[&str]| {
        let rendering = helm.template(arguments).unwrap();
        let container = &rendering.deployment()["spec"]["template"]["spec"]["containers"][0];
        ["startupProbe", "livenessProbe", "readinessProbe"].map(|probe| container[probe].clone())
    };
    let live = json!({"path": "/livez", "port": "admin"});
    let ready = json!({"path": "/readyz", "port": "admin"});
    let expected = [
        json!({"httpGet": live, "periodSeconds": 1, "failureThreshold": 60}),
        json!({"httpGet": live, "periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 6}),
        json!({"httpGet": ready, "periodSeconds": 2, "timeoutSeconds": 2}),
    ];
    assert_eq!(probes(&[]), expected);
    let slower = "--set=startupProbe.failureThreshold=90,livenessProbe=null,readinessProbe.successThreshold=2";
    let expected = [
        json!({"httpGet": live, "periodSeconds": 1, "failureThreshold": 90}),
        json!(null),
        json!({"httpGet": ready, "periodSeconds": 2, "timeoutSeconds": 2, "successThreshold": 2}),
    ];
    assert_eq!(probes(&[slower]), expected);
}

#[test]
fn the_strategy_is_chosen() {
    let Some(helm) = Helm::find() else { return };
    let strategy = |arguments: &[&str]| {
        helm.template(arguments).unwrap().deployment()["spec"]["strategy"].clone()
    };
    let rolling = |unavailable: Value| json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": unavailable, "maxSurge": 1}});
    assert_eq!(strategy(&[]), rolling(json!(0)));
    let half = "--set=strategy.rollingUpdate.maxUnavailable=50%";
    assert_eq!(strategy(&[half]), rolling(json!("50%")));
    // Numbers that the API server would not take beside it are gone.
    let recreate = "--set=strategy.type=Recreate";
    assert_eq!(strategy(&[recreate]), json!({"type": "Recreate"}));
    let notes = helm.notes(&[recreate, "--set=webhook.failurePolicy=Fail"]).unwrap();
    assert!(notes.contains("no Job can be created during an upgrade"), "{notes}");
    assert!(!helm.notes(&[recreate]).unwrap().contains("WARNING"));
}

#[test]
fn further_volumes_are_mounted() {
    let Some(helm) = Helm::find() else { return };
    let volume = json!([{"name": "extra", "configMap": {"name": "extra"}}]);
    let mount = json!([{"name": "extra", "mountPath": "/extra", "readOnly": true}]);
    let arguments = [
        format!("--set-json=extraVolumes={volume}"),
        format!("--set-json=extraVolumeMounts={mount}"),
    ];
    let rendering = helm.template(&[&arguments[0], &arguments[1]]).unwrap();
    let pod = &rendering.deployment()["spec"]["template"]["spec"];
    let names = |list: &Value| {
        list.as_array().unwrap().iter().map(|one| one["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&pod["volumes"]), ["policy", "extra"]);
    assert_eq!(pod["volumes"][1], volume[0]);
    assert_eq!(pod["containers"][0]["volumeMounts"][1], mount[0]);
}

/// One of the two numbers, and without either the one that never keeps a node.
#[test]
fn the_budget_has_one_number() {
    let Some(helm) = Helm::find() else { return };
    let budget = |set: &str| {
        let rendering = helm.template(&[set]).unwrap();
        let spec = rendering.of("PodDisruptionBudget").next().unwrap()["spec"].clone();
        [spec["minAvailable"].clone(), spec["maxUnavailable"].clone()]
    };
    assert_eq!(budget("--set=nameOverride="), [json!(null), json!(1)]);
    assert_eq!(budget("--set=podDisruptionBudget.minAvailable=1"), [json!(1), json!(null)]);
    assert_eq!(budget("--set=podDisruptionBudget.minAvailable=50%"), [json!("50%"), json!(null)]);
    assert_eq!(budget("--set=podDisruptionBudget.maxUnavailable=0"), [json!(null), json!(0)]);
    let warns = |set: &str| {
        let notes = helm.notes(&[&format!("--set={set}")]).unwrap();
        notes.contains("podDisruptionBudget lets no Pod go")
    };
    for set in ["minAvailable=2", "minAvailable=100%", "maxUnavailable=0", "maxUnavailable=0%"] {
        assert!(warns(&format!("podDisruptionBudget.{set}")), "{set}");
    }
    for set in ["minAvailable=1", "minAvailable=0", "minAvailable=50%", "maxUnavailable=1"] {
        assert!(!warns(&format!("podDisruptionBudget.{set}")), "{set}");
    }
    assert!(!warns("nameOverride=") && !warns("podDisruptionBudget.minAvailable=2,replicaCount=3"));
}

#[test]
fn what_is_scraped_can_be_changed() {
    let Some(helm) = Helm::find() else { return };
    let endpoint = |arguments: &[&str]| {
        let rendering = helm.template(arguments).unwrap();
        rendering.of("ServiceMonitor").next().unwrap()["spec"]["endpoints"][0].clone()
    };
    let plain = json!({"port": "admin", "path": "/metrics", "interval": "30s"});
    assert_eq!(endpoint(&["--set=serviceMonitor.enabled=true"]), plain);
    let full = endpoint(&["-f", &values_file("everything")]);
    let node =
        json!([{"sourceLabels": ["__meta_kubernetes_pod_node_name"], "targetLabel": "node"}]);
    let dropped = json!([{"sourceLabels": ["__name__"], "regex": "process_.*", "action": "drop"}]);
    assert_eq!((&full["interval"], &full["scrapeTimeout"]), (&json!("15s"), &json!("10s")));
    assert_eq!((&full["relabelings"], &full["metricRelabelings"]), (&node, &dropped));
}
