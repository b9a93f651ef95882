//! Installations by helm on a real API server, from the first day to the last, with the Pods'
//! processes beside it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::helm::Helm;
use crate::installation::{Installation, LIMIT, cluster};
use crate::support::{
    api::{Api, Patch},
    load::{creating_jobs, no_call_failed},
    manifest::job,
    scene::ttl,
    wait::{eventually, throughout},
};

/// As helm 4 writes: server-side. A webhook that is away costs nobody a Job.
#[test]
fn a_whole_life_with_ignore() {
    life("kept", "Ignore", "--server-side=true");
}

/// As helm 3 writes: by a patch between the old rendering and the new one. A webhook that is away
/// would cost every Job.
#[test]
fn a_whole_life_with_fail() {
    life("strict", "Fail", "--server-side=false");
}

fn life(release: &str, failure_policy: &str, server_side: &str) {
    let (Some(helm), Some(cluster)) = (Helm::find(), cluster()) else { return };
    let failure_policy = format!("--set=webhook.failurePolicy={failure_policy}");
    let values = [failure_policy.as_str(), "--set=rbac.delete=true", server_side];
    let mut installed = Installation::new(&helm, cluster, release, &values);
    passes_its_test(&installed);
    answers_in_a_pod(&installed);
    can_do_no_more_than_it_must(&installed);
    is_edited(&installed);
    belongs_to_its_admins(&installed);

    // Neither an upgrade nor a rollback loses a call, or what was written meanwhile.
    let kept = kept(&installed);
    let jobs = creating_jobs(&installed.space);
    installed.upgrade(&["--set=replicas=3", "--set=podLabels.team=platform"]);
    installed.roll();
    assert_eq!(installed.pods.len(), 3);
    assert_eq!(self::kept(&installed), kept);
    installed.helm(&["rollback"], &["1", server_side]).unwrap_or_else(|why| panic!("{why}"));
    installed.roll();
    assert_eq!(installed.pods.len(), 2);
    assert_eq!(self::kept(&installed), kept);
    let jobs = jobs.finish();
    assert!(jobs.len() > 50, "{}", jobs.len());
    no_call_failed(&installed.space, &jobs);
    for reply in jobs {
        let stored = reply.ok();
        // By the policy that was edited, or by that of the release.
        assert!([86_400, 604_800].iter().any(|seconds| *ttl(&stored) == *seconds), "{stored:#}");
    }
    passes_its_test(&installed);
    is_removed(installed);
}

fn passes_its_test(installed: &Installation<'_>) {
    // And commands go by its policy.
    let plan = installed.command(&["plan", "--namespace", &installed.space.name]);
    let said = String::from_utf8_lossy(&plan.stderr);
    assert!(said.contains(&format!("{}-policy", installed.name())), "{said}");
    let said = installed.test();
    let text = String::from_utf8_lossy(&said.stdout);
    assert!(said.status.success(), "{text}{}", String::from_utf8_lossy(&said.stderr));
    let replicas = eventually("all replicas say what they run", LIMIT, || {
        let replicas = installed.status()["replicas"].as_array()?.clone();
        (replicas.len() == installed.pods.len()).then_some(replicas)
    });
    for replica in &replicas {
        // The webhooks for Jobs, for CronJobs and for the policy.
        assert_eq!(replica["trust"].as_array().map(Vec::len), Some(3), "{replica:#}");
        assert_eq!(replica["revision"], replicas[0]["revision"]);
    }
}

/// Where nobody has the command, the Pods have it, and their account may look at what it shows.
fn answers_in_a_pod(installed: &Installation<'_>) {
    let outputs = installed.in_a_pod();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let [(status, seen), (plan, planned)] = &outputs[..] else { panic!("{outputs:?}") };
    assert!(status.starts_with("status ") && plan.starts_with("plan "), "{status}; {plan}");
    let (said, why) = (text(&seen.stdout), text(&seen.stderr));
    // The one thing that the account may not see. Other installations are none of its business.
    assert_eq!(seen.status.code(), Some(1), "{said}{why}");
    assert!(said.contains("the webhook's registration may not be read"), "{said}");
    assert!(!said.contains("nobody leads") && !said.contains("Lease may not"), "{said}");
    let (said, why) = (text(&planned.stdout), text(&planned.stderr));
    assert!(matches!(planned.status.code(), Some(0 | 1)), "{said}{why}");
    assert!(!why.contains("forbidden"), "{why}");
}

/// The account can do what keeps a certificate, and no more.
fn can_do_no_more_than_it_must(installed: &Installation<'_>) {
    let (plane, namespace, name) = (installed.plane(), &installed.namespace, installed.name());
    let own = Api::new(&plane.kubeconfig_of_account(namespace, &name));
    let secrets = format!("/api/v1/namespaces/{namespace}/secrets");
    assert_eq!(own.get(&format!("{secrets}/{name}-tls")).status, 200);
    assert_eq!(own.get(&secrets).status, 403);
    assert_eq!(own.get("/api/v1/namespaces/default/secrets/any").status, 403);
    let body = json!({"metadata": {"name": "made-up"}});
    assert_eq!(own.post(&secrets, &body).status, 403);
    let nothing = json!([]);
    for kind in ["mutating", "validating"] {
        let path = configuration(kind, &name);
        assert_eq!(own.patch(Patch::Json, &path, &nothing).status, 200);
        let other = path.replace(&name, "another");
        assert_eq!(own.patch(Patch::Json, &other, &nothing).status, 403);
    }
    assert_eq!(own.get("/apis/apps/v1/deployments").status, 403);
    let jobs = installed.space.path("jobs");
    assert_eq!(own.post(&jobs, &job("own", json!({}))).status, 403);
    for pod in &installed.pods {
        assert!(pod.metric("curfew_missing_rights") < 0.5);
        let log = pod.process.log();
        assert!(!log.contains("forbidden") && !log.contains("not permitted"), "{log}");
    }
}

/// Good, bad and drastic edits of the policy in its `ConfigMap`.
fn is_edited(installed: &Installation<'_>) {
    let edit = |from: &str, to: &str| installed.edit_policy(|text| text.replace(from, to));
    let is_in_use = |seconds: i64| {
        installed.sync_policy();
        eventually("it is in use", LIMIT, || {
            let probe = installed.space.dry_run(&job("probe", json!({})));
            (*ttl(&probe.ok()) == seconds).then_some(())
        });
    };
    is_in_use(7 * 86_400);
    let reply = edit("7d", "8d");
    assert_eq!(reply.warnings, Vec::<String>::new());
    reply.ok();
    is_in_use(8 * 86_400);
    let reply = edit("onFailure", "onFailing");
    let message = reply.body["message"].as_str().unwrap_or_default();
    assert_eq!(reply.status, 422, "{message}");
    assert!(
        message.contains("policy.yaml:8:7: error[E012] unknown field \"onFailing\""),
        "{message}"
    );
    is_in_use(8 * 86_400);
    let reply = edit("8d", "1d");
    assert_eq!(reply.warnings, Vec::<String>::new());
    let reply = edit("1d", "1h");
    assert!(reply.warnings.concat().contains("24 times shorter"), "{:?}", reply.warnings);
    edit("1h", "1d").ok();
    is_in_use(86_400);
}

/// What an admin does to the webhook is told, and never undone; but for the bundle.
fn belongs_to_its_admins(installed: &Installation<'_>) {
    let (plane, name) = (installed.plane(), installed.name());
    let path = configuration("mutating", &name);
    let before = plane.api.get(&path).ok();
    let edits = json!([
        {"op": "replace", "path": "/webhooks/0/timeoutSeconds", "value": 9},
        {"op": "replace", "path": "/webhooks/0/clientConfig/caBundle", "value": ""},
    ]);
    plane.api.patch(Patch::Json, &path, &edits).ok();
    eventually("the bundle is back", LIMIT, || {
        let webhook = plane.api.get(&path).ok()["webhooks"][0].clone();
        let is_back = webhook["clientConfig"] == before["webhooks"][0]["clientConfig"];
        assert_eq!(webhook["timeoutSeconds"], 9);
        is_back.then_some(())
    });

    plane.api.delete(&path).ok();
    throughout("it stays deleted", Duration::from_secs(8), || plane.api.get(&path).status == 404);
    let said = installed.status()["attention"].to_string();
    assert!(said.contains("webhook jobs.curfew.dev is not registered"), "{said}");
    // The other half of the emergency stop. `helm upgrade` brings everything back, forced where
    // what kubectl wrote is in its way, and the leader its bundle.
    let deployment = format!("deployment/{name}");
    plane.kubectl(&installed.namespace).ok(&["scale", &deployment, "--replicas=0"]);
    installed.upgrade(&[]);
    let path = format!("/apis/apps/v1/namespaces/{}/deployments/{name}", installed.namespace);
    assert_eq!(plane.api.get(&path).ok()["spec"]["replicas"], 2);
    eventually("the webhook is called", LIMIT, || installed.is_called().then_some(()));
}

/// What is written in the cluster, and by no rendering: the pair, and whom to trust for it.
fn kept(installed: &Installation<'_>) -> Vec<Value> {
    let (plane, name) = (installed.plane(), installed.name());
    let secret = format!("/api/v1/namespaces/{}/secrets/{name}-tls", installed.namespace);
    let mut all = vec![plane.api.get(&secret).ok()["data"].clone()];
    for kind in ["mutating", "validating"] {
        let found = plane.api.get(&configuration(kind, &name)).ok();
        let webhooks = found["webhooks"].as_array().expect("there are webhooks").iter();
        all.extend(webhooks.map(|webhook| webhook["clientConfig"]["caBundle"].clone()));
    }
    assert!(all.iter().all(|one| !one.is_null()), "{all:?}");
    all
}

/// Nothing is left behind that others could stumble over, and Jobs can be created at once.
fn is_removed(mut installed: Installation<'_>) {
    installed.helm(&["uninstall"], &[]).unwrap_or_else(|why| panic!("{why}"));
    let created = installed.space.create(&job("after", json!({})));
    // Sooner than anybody could have waited for a webhook.
    assert!(created.took < Duration::from_secs(5), "{:?}", created.took);
    created.ok();
    installed.end_pods();
    assert_eq!(left_of(&installed), "");
    let secret = format!("/api/v1/namespaces/{}/secrets", installed.namespace);
    let secrets = installed.plane().api.get(&secret).ok();
    assert_eq!(secrets["items"], json!([]), "helm's own are gone as well");
}

/// The names of all objects of a release, wherever they are.
fn left_of(installed: &Installation<'_>) -> String {
    let label = format!("app.kubernetes.io/instance={}", installed.release);
    let left = installed.plane().kubectl(&installed.namespace).ok(&[
        "get",
        "clusterroles,clusterrolebindings,mutatingwebhookconfigurations,\
         validatingwebhookconfigurations,validatingadmissionpolicies,\
         validatingadmissionpolicybindings,serviceaccounts,secrets,services,configmaps,roles,\
         rolebindings,deployments,poddisruptionbudgets",
        "-l",
        &label,
        "-o",
        "name",
    ]);
    left.stdout
}

/// Somebody deletes the namespace in place of the release: everything in it is gone, helm's memory
/// included, and what is outside of it stays.
#[test]
fn a_namespace_that_is_deleted_by_hand() {
    let (Some(helm), Some(cluster)) = (Helm::find(), cluster()) else { return };
    let mut installed = Installation::new(&helm, cluster, "orphan", &[]);
    let namespace = format!("/api/v1/namespaces/{}", installed.namespace);
    installed.plane().api.delete(&namespace).ok();
    eventually("the namespace is gone", LIMIT, || {
        (installed.plane().api.get(&namespace).status == 404).then_some(())
    });
    installed.end_pods();
    // Nobody answers, and nobody waits.
    let created = installed.space.create(&job("meanwhile", json!({})));
    assert!(created.took < Duration::from_secs(5), "{:?}", created.took);
    assert!(ttl(&created.ok()).is_null());
    assert!(left_of(&installed).contains("mutatingwebhookconfiguration"));

    // The same release can be installed again, and takes over what was left; so it can be removed.
    installed.install();
    passes_its_test(&installed);
    is_removed(installed);
}

fn configuration(kind: &str, name: &str) -> String {
    format!("/apis/admissionregistration.k8s.io/v1/{kind}webhookconfigurations/{name}")
}
