//! The `CronJob`s of a cluster with their Jobs: everything that was asked for, or an error.

use kube::api::ListParams;
use serde_json::Value as Json;

use super::families::Families;
use crate::batch::Kind;
use crate::cli::shared::invalid::Invalid;
use crate::cli::shared::live::listing::{Scope, list};
use crate::cli::shared::live::{Live, NAMESPACES, OutOfReach, Unread};
use crate::cli::shared::printer::Printer;

/// Reads them.
///
/// # Errors
/// [`OutOfReach`] where anything that belongs to it cannot be read; [`Invalid`] where the scope
/// makes no sense.
pub(super) async fn read(
    live: &Live,
    scope: &Scope,
    printer: &mut Printer,
) -> Result<Families, anyhow::Error> {
    let mut families = Families::complete();
    let mut bad = Vec::new();
    let mut add = |json: Json| {
        let metadata = &json["metadata"];
        let field = |name: &str| metadata[name].as_str().unwrap_or_default();
        let title = format!("{}/{}", field("namespace"), field("name"));
        if let Err(problem) = families.add(json, "") {
            bad.push(format!(
                "the cluster holds an object that cannot be read: {title}: {problem}"
            ));
        }
    };
    // In this order: a Job that a status lists is then there, if it was.
    list(live, Kind::CronJob, scope, &scope.labelled(), printer, &mut add).await?;
    list(live, Kind::Job, scope, &ListParams::default(), printer, &mut add).await?;
    if let Some(problem) = bad.pop() {
        return Err(OutOfReach(problem).into());
    }
    for namespace in namespaces(live, scope.namespace.as_deref()).await? {
        families.add_namespace(&namespace);
    }
    Ok(families)
}

/// The namespaces, which tell what goes away with them. A slip in the name of one must not look as
/// if all were well.
async fn namespaces(live: &Live, only: Option<&str>) -> Result<Vec<Json>, anyhow::Error> {
    let read = match only {
        Some(name) => live.get(NAMESPACES, name).await.map(|namespace| vec![namespace]),
        None => live.all(NAMESPACES, &ListParams::default()).await,
    };
    match (read, only) {
        (Ok(namespaces), _) => Ok(namespaces),
        // Who may list its CronJobs and not read it knows its name; and what goes away shows a
        // moment later, as the CronJobs do.
        (Err(Unread::NotPermitted(_)), _) => Ok(Vec::new()),
        (Err(Unread::Absent), Some(name)) => {
            Err(Invalid::new(format!("there is no namespace {name}")).into())
        }
        (Err(error), _) => Err(error.about("cannot read the namespaces").into()),
    }
}
