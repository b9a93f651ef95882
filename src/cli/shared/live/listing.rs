//! The Jobs or `CronJob`s of a cluster, all that were asked for, as a dump would hold them.

use kube::api::ListParams;
use serde_json::Value as Json;

use super::name::collection;
use super::{Live, NAMESPACES, Unread};
use crate::batch::Kind;
use crate::cli::shared::{Invalid, Printer};

/// What of a cluster is asked for, or of a dump of one.
#[derive(Clone, Debug, clap::Args)]
pub struct Scope {
    /// Only this namespace; with -f, that of objects whose manifest names none
    #[arg(short, long, value_name = "NAME")]
    pub namespace: Option<String>,

    /// Every namespace, which is the default
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    pub all_namespaces: bool,

    /// Selector (label query) to filter on, such as app=etl,tier!=prod; supports =, ==, !=, in and
    /// notin
    #[arg(short = 'l', long, value_name = "LABELS", conflicts_with = "filename")]
    pub selector: Option<String>,
}

/// Reads them, of a namespace or of all. Whoever takes them must forget them where this is an
/// error: a part is not the whole.
///
/// # Errors
/// [`super::OutOfReach`] where they cannot be read; [`Invalid`] where the selector makes no sense.
pub async fn list(
    live: &Live,
    kind: Kind,
    scope: &Scope,
    narrowed: &ListParams,
    printer: &Printer,
    mut each: impl FnMut(Json),
) -> anyhow::Result<()> {
    let what = match kind {
        Kind::CronJob => "CronJobs",
        Kind::Job => "Jobs",
    };
    let progress = printer.progress(&format!("reading {what}"), None);
    let collection = collection(kind, scope.namespace.as_deref());
    let read = live.list(&collection, narrowed, |item, left| {
        progress.advance(1);
        progress.expect(left);
        each(whole(item, "batch/v1", kind.as_str()));
    });
    match (read.await, &scope.selector) {
        (Ok(()), _) => Ok(()),
        (Err(Unread::Nonsense(why)), Some(selector)) => {
            Err(Invalid::new(format!("--selector {selector}: {why}")).into())
        }
        (Err(error), _) => Err(error.about(&format!("cannot list {what}")).into()),
    }
}

/// Reads the namespaces that are asked for; `None` where we may not. A slip in the name of one must
/// not look as if all were well.
///
/// # Errors
/// [`super::OutOfReach`] where they cannot be read; [`Invalid`] where there is none of this name.
pub async fn namespaces(live: &Live, scope: &Scope) -> anyhow::Result<Option<Vec<Json>>> {
    let only = scope.namespace.as_deref();
    let read = match only {
        Some(name) => live.get(NAMESPACES, name).await.map(|namespace| vec![namespace]),
        None => live.all(NAMESPACES, &ListParams::default()).await,
    };
    match (read, only) {
        (Ok(namespaces), _) => Ok(Some(namespaces)),
        (Err(Unread::NotPermitted(_)), _) => Ok(None),
        (Err(Unread::Absent), Some(name)) => {
            Err(Invalid::new(format!("there is no namespace {name}")).into())
        }
        (Err(error), _) => Err(error.about("cannot read the namespaces").into()),
    }
}

/// The API leaves both out of the items of a list.
pub fn whole(mut item: Json, version: &str, kind: &str) -> Json {
    item["apiVersion"] = version.into();
    item["kind"] = kind.into();
    item
}

// === impl Scope ===

impl Scope {
    /// The namespace of objects of a dump that name none.
    pub fn of_dump(&self) -> &str {
        self.namespace.as_deref().unwrap_or("default")
    }

    /// Narrows a list to the labels.
    pub fn labelled(&self) -> ListParams {
        match &self.selector {
            Some(selector) => ListParams::default().labels(selector),
            None => ListParams::default(),
        }
    }
}
