//! What a cluster holds, for a plan: everything that was asked for, or an error.

use std::collections::BTreeSet;

use kube::api::ListParams;
use serde_json::Value as Json;

use crate::batch::Kind;
use crate::cli::shared::live::listing::{self, list, whole};
use crate::cli::shared::{Live, NAMESPACES, OutOfReach, Printer, Scope, Unread};
use crate::sweeper::plan::{BadObject, Snapshot};

/// Reads it.
///
/// # Errors
/// [`OutOfReach`] where anything that belongs to it cannot be read;
/// [`crate::cli::shared::invalid::Invalid`] where the scope makes no sense.
pub(super) async fn read(
    live: &Live,
    scope: &Scope,
    printer: &mut Printer,
) -> anyhow::Result<Snapshot> {
    let mut snapshot = Snapshot::new();
    namespaces(live, scope, &mut snapshot, printer).await?;
    let everything = ListParams::default();
    let narrowed = scope.labelled();
    let mut cronjobs = Vec::new();
    let chosen = |cronjob| cronjobs.push(cronjob);
    list(live, Kind::CronJob, scope, &narrowed, printer, chosen).await?;
    if scope.selector.is_some() {
        // A Job is judged by its CronJob, whether that is asked for or not.
        let uid = |object: &Json| object["metadata"]["uid"].as_str().map(str::to_owned);
        let chosen: BTreeSet<String> = cronjobs.iter().filter_map(uid).collect();
        let mut others = Vec::new();
        let other = |cronjob: Json| {
            if uid(&cronjob).is_none_or(|uid| !chosen.contains(&uid)) {
                others.push(cronjob);
            }
        };
        list(live, Kind::CronJob, scope, &everything, printer, other).await?;
        for other in others {
            snapshot.add_surrounding(other).map_err(|error| unreadable(&error))?;
        }
    }
    for cronjob in cronjobs {
        snapshot.add(cronjob, "").map_err(|error| unreadable(&error))?;
    }
    let mut bad = None;
    let job = |job| {
        // At once: a snapshot keeps less of it.
        if bad.is_none() {
            bad = snapshot.add(job, "").err();
        }
    };
    list(live, Kind::Job, scope, &narrowed, printer, job).await?;
    match bad {
        None => Ok(snapshot),
        Some(error) => Err(unreadable(&error).into()),
    }
}

/// Their labels, and the uid of kube-system, which tells clusters apart.
async fn namespaces(
    live: &Live,
    scope: &Scope,
    snapshot: &mut Snapshot,
    printer: &mut Printer,
) -> anyhow::Result<()> {
    let mut found = if let Some(found) = listing::namespaces(live, scope).await? {
        found
    } else {
        printer.talk(
            "note: namespaces may not be read; what a rule says by their labels is unknown here",
        )?;
        Vec::new()
    };
    let names = |namespace: &Json| namespace["metadata"]["name"] == KUBE_SYSTEM;
    if !found.iter().any(names) {
        match live.get(NAMESPACES, KUBE_SYSTEM).await {
            Ok(namespace) => found.push(namespace),
            Err(Unread::Absent | Unread::NotPermitted(_)) => {}
            Err(error) => return Err(error.about("cannot read the namespaces").into()),
        }
    }
    for namespace in found {
        snapshot
            .add(whole(namespace, "v1", "Namespace"), "")
            .map_err(|error| unreadable(&error))?;
    }
    Ok(())
}

fn unreadable(error: &BadObject) -> OutOfReach {
    OutOfReach(format!("the cluster holds an object that cannot be judged: {error}"))
}

const KUBE_SYSTEM: &str = "kube-system";
