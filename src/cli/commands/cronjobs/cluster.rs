//! The `CronJob`s of a cluster with their Jobs: everything that was asked for, or an error.

use kube::api::ListParams;
use serde_json::Value as Json;

use super::families::Families;
use crate::batch::Kind;
use crate::cli::shared::live::listing::{list, namespaces};
use crate::cli::shared::{Live, OutOfReach, Printer, Scope};

/// Reads them.
///
/// # Errors
/// [`OutOfReach`] where anything that belongs to it cannot be read;
/// [`crate::cli::shared::invalid::Invalid`] where the scope makes no sense.
pub(super) async fn read(
    live: &Live,
    scope: &Scope,
    printer: &mut Printer,
) -> anyhow::Result<Families> {
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
    // They tell what goes away with them. Who may list CronJobs and not read their namespace knows
    // its name; and what goes away shows a moment later, as the CronJobs do.
    for namespace in namespaces(live, scope).await?.unwrap_or_default() {
        families.add_namespace(&namespace);
    }
    Ok(families)
}
