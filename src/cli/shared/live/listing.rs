//! The Jobs or `CronJob`s of a cluster, all that were asked for, as a dump would hold them.

use kube::api::ListParams;
use serde_json::Value as Json;

use super::name::collection;
use super::{Live, Unread};
use crate::batch::Kind;
use crate::cli::shared::invalid::Invalid;
use crate::cli::shared::printer::Printer;

/// What of the cluster is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// `None` for all of them.
    pub namespace: Option<&'a str>,
    /// As kubectl takes it.
    pub selector: Option<&'a str>,
}

/// Reads them, of a namespace or of all. Whoever takes them must forget them where this is an
/// error: a part is not the whole.
///
/// # Errors
/// [`super::OutOfReach`] where they cannot be read; [`Invalid`] where the selector makes no sense.
pub async fn list(
    live: &Live,
    kind: Kind,
    scope: Scope<'_>,
    narrowed: &ListParams,
    printer: &Printer,
    mut each: impl FnMut(Json),
) -> Result<(), anyhow::Error> {
    let what = match kind {
        Kind::CronJob => "CronJobs",
        Kind::Job => "Jobs",
    };
    let progress = printer.progress(&format!("reading {what}"), None);
    let collection = collection(kind, scope.namespace);
    let read = live.list(&collection, narrowed, |item, left| {
        progress.advance(1);
        progress.expect(left);
        each(whole(item, "batch/v1", kind.as_str()));
    });
    match (read.await, scope.selector) {
        (Ok(()), _) => Ok(()),
        (Err(Unread::Nonsense(why)), Some(selector)) => {
            Err(Invalid::new(format!("--selector {selector}: {why}")).into())
        }
        (Err(error), _) => Err(error.about(&format!("cannot list {what}")).into()),
    }
}

/// The API leaves both out of the items of a list.
pub fn whole(mut item: Json, version: &str, kind: &str) -> Json {
    item["apiVersion"] = version.into();
    item["kind"] = kind.into();
    item
}

// === impl Scope ===

impl Scope<'_> {
    /// Narrows a list to the labels.
    pub fn labelled(self) -> ListParams {
        match self.selector {
            Some(selector) => ListParams::default().labels(selector),
            None => ListParams::default(),
        }
    }
}
