//! The policy that a command at a cluster judges by: what `--policy` names, else the one in force
//! there, else the bundled one.
//!
//! The chart mounts the policy from a `ConfigMap` with labels of ours, and so it is found. Where
//! there are several, nobody but the user can say which counts.

use anyhow::{bail, ensure};
use kube::api::ListParams;
use serde_json::Value as Json;

use super::{Live, Unread};
use crate::batch::zone::{self, Zone};
use crate::cli::shared::{ClusterPolicies, Invalid, Printer, policies};
use crate::policy::value::Seconds;
use crate::policy::{Policy, Source, is_policy};

/// A policy, and where it was found.
#[derive(Debug)]
pub struct InForce {
    pub policy: Policy,
    /// The namespace of the installation that it was found with.
    pub own_namespace: Option<String>,
}

/// What to do where nobody may look for the policy in force.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Otherwise {
    /// The bundled policy, with a note: for what any policy answers alike.
    Bundled,
    /// An error: the answer would be that of another policy.
    Fail,
}

/// Finds the policy and says which it is.
///
/// # Errors
/// [`Invalid`] where the policy has errors, or there are several; [`super::OutOfReach`] where the
/// cluster does not say.
pub async fn in_force(
    live: &Live,
    ClusterPolicies { policies }: &ClusterPolicies,
    namespace: Option<&str>,
    otherwise: Otherwise,
    printer: &mut Printer,
) -> anyhow::Result<InForce> {
    if !policies.policy.is_empty() {
        return Ok(InForce { policy: policies.load(printer)?, own_namespace: None });
    }
    let found = match maps(live, namespace).await {
        Ok(found) => found,
        Err(Unread::NotPermitted(why)) if otherwise == Otherwise::Bundled => {
            printer.talk(format!(
                "note: the policy in force may not be read ({why}); this is by the bundled policy"
            ))?;
            return Ok(InForce { policy: policies.load(printer)?, own_namespace: None });
        }
        Err(error) => {
            let what = "cannot look for the policy in force; give one with --policy";
            return Err(error.about(what).into());
        }
    };
    let field = |map: &Json, name| map["metadata"][name].as_str().unwrap_or_default().to_owned();
    let title = |map: &Json| format!("{}/{}", field(map, "namespace"), field(map, "name"));
    match &found[..] {
        [] => {
            printer.talk("note: no policy is in force here; this is by the bundled policy")?;
            Ok(InForce { policy: policies.load(printer)?, own_namespace: None })
        }
        [map] => {
            let (title, sources) = (title(map), sources(map));
            let empty = format!("ConfigMap {title} holds no policy: a key ends in .yaml");
            ensure!(!sources.is_empty(), Invalid::new(empty));
            let policy = policies::load(&sources, printer.colors_talk())?.policy;
            printer.talk(format!("note: by the policy in ConfigMap {title}"))?;
            Ok(InForce { policy, own_namespace: Some(field(map, "namespace")) })
        }
        several => {
            let names = several.iter().map(title).collect::<Vec<_>>().join(", ");
            bail!(Invalid::new(format!(
                "several policies are in force: {names}; say which with --policy"
            )))
        }
    }
}

/// What the one policy in force says of starts: the zone of kube-controller-manager, and how late
/// one may be. `None` where there is none, or nobody says so to whoever asks.
pub async fn starts(live: &Live, namespace: Option<&str>) -> Option<(Option<Zone>, Seconds)> {
    let found = maps(live, namespace).await.ok()?;
    let [map] = &found[..] else { return None };
    let scheduler = Policy::load(&sources(map)).ok()?.policy.scheduler;
    let zone = scheduler.cluster_time_zone.and_then(|name| zone::check(name.as_str()).ok());
    Some((zone, scheduler.grace))
}

/// The `ConfigMap`s with a policy; those of one namespace where the others may not be read.
async fn maps(live: &Live, namespace: Option<&str>) -> Result<Vec<Json>, Unread> {
    let labelled = ListParams::default().labels(LABELS);
    match (live.all("/api/v1/configmaps", &labelled).await, namespace) {
        (Err(Unread::NotPermitted(_)), Some(namespace)) => {
            live.all(&format!("/api/v1/namespaces/{namespace}/configmaps"), &labelled).await
        }
        (found, _) => found,
    }
}

/// The files of a policy, as a folder into which the map is mounted would hold them.
fn sources(map: &Json) -> Vec<Source> {
    let mut sources: Vec<Source> = map["data"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| is_policy(name))
        .filter_map(|(name, text)| {
            Some(Source { name: name.clone(), text: text.as_str()?.to_owned() })
        })
        .collect();
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    sources
}

/// What the chart puts on the policy's `ConfigMap`, whatever the release and its objects are called.
const LABELS: &str = "app.kubernetes.io/part-of=curfew,app.kubernetes.io/component=policy";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::sources;

    #[test]
    fn the_files_of_a_map_are_those_of_a_folder() {
        let map = json!({"data": {
            "20-b.yaml": "b", "10-a.yml": "a", "10-a-test.yaml": "-", "README.md": "-", ".x.yaml": "-",
        }});
        let names: Vec<String> = sources(&map).into_iter().map(|source| source.name).collect();
        assert_eq!(names, ["10-a.yml", "20-b.yaml"]);
        assert!(sources(&json!({})).is_empty());
    }
}
