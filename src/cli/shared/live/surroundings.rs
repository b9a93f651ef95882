//! One object of a cluster, with what a policy judges it by: its `CronJob`, its namespace, the
//! other Jobs of its family.

use jiff::Timestamp;
use kube::api::ListParams;
use serde_json::Value as Json;

use super::name::{Place, collection};
use super::{Live, NAMESPACES, OutOfReach, Unread};
use crate::batch::{Kind, Object, namespace};
use crate::cli::shared::{Invalid, Printer};
use crate::sweeper::View;

/// What was read.
#[derive(Debug)]
pub struct Surrounded {
    pub place: Place,
    pub object: Json,
    /// The `CronJob` that made it; `None` where none did, or it is gone.
    pub cronjob: Option<Json>,
    /// `None` where it may not be read.
    pub namespace: Option<Json>,
    /// The Jobs of the `CronJob`, or of the one that the object's is; empty until they are read.
    pub family: Vec<Json>,
}

// === impl Surrounded ===

impl Surrounded {
    /// Reads an object, its `CronJob` and its namespace.
    ///
    /// # Errors
    /// As [`Place::read`], and [`OutOfReach`] where the others cannot be read.
    pub async fn read(live: &Live, place: Place, printer: &mut Printer) -> anyhow::Result<Self> {
        let object = place.read(live).await?;
        let cronjob = match owner(&object) {
            Some((name, uid)) => cronjob(live, &place, name, uid, printer).await?,
            None => None,
        };
        let namespace = match live.get(NAMESPACES, &place.namespace).await {
            Ok(namespace) => Some(namespace),
            Err(Unread::Absent | Unread::NotPermitted(_)) => {
                printer.talk(format!(
                    "note: namespace {} may not be read; what a rule says by its labels is unknown",
                    place.namespace
                ))?;
                None
            }
            Err(error) => return Err(error.about("cannot read the namespace").into()),
        };
        Ok(Self { place, object, cronjob, namespace, family: Vec::new() })
    }

    /// Reads the other Jobs of the family, where there is one.
    ///
    /// # Errors
    /// [`OutOfReach`] where they cannot be read.
    pub async fn read_family(&mut self, live: &Live) -> Result<(), OutOfReach> {
        let is_head = self.place.kind == Kind::CronJob;
        let head = if is_head { Some(&self.object) } else { self.cronjob.as_ref() };
        let uid = head.and_then(|head| head["metadata"]["uid"].as_str());
        let Some(uid) = uid else { return Ok(()) };
        let mut family = Vec::new();
        let jobs = collection(Kind::Job, Some(&self.place.namespace));
        let everything = ListParams::default();
        let read = live.list(&jobs, &everything, |job, _left| {
            if owner(&job).is_some_and(|(_, owner)| owner == uid) {
                family.push(job);
            }
        });
        read.await.map_err(|error| error.about("cannot list the Jobs of its CronJob"))?;
        self.family = family;
        Ok(())
    }

    /// Looks at the object as it stands in `object`, in these surroundings.
    ///
    /// # Errors
    /// [`Invalid`] where an object cannot be judged; which one, and why.
    pub fn look<T>(
        &self,
        object: &Json,
        own_namespace: Option<&str>,
        now: Timestamp,
        look: impl FnOnce(&View<'_>) -> T,
    ) -> Result<T, Invalid> {
        let bad = |why| Invalid::new(format!("{} cannot be judged: {why}", self.place));
        let read = |kind: Kind, json| Object::from_json(kind, json).map_err(bad);
        let seen = read(self.place.kind, object)?;
        let cronjob = self.cronjob.as_ref().map(|json| read(Kind::CronJob, json)).transpose()?;
        let family = self.family.iter().map(|json| read(Kind::Job, json));
        let family: Vec<Object<'_>> = family.collect::<Result<_, _>>()?;
        let family: Vec<&Object<'_>> = family.iter().collect();
        let labels = self.namespace.as_ref().map(namespace::labels).transpose().map_err(bad)?;
        let labels = labels.as_ref().map(namespace::view);
        Ok(look(&View {
            object: &seen,
            cronjob: cronjob.as_ref(),
            children: &family,
            is_whole: true,
            namespace: &self.place.namespace,
            namespace_labels: labels.as_ref(),
            own_namespace,
            flapping: false,
            now,
        }))
    }
}

/// Name and uid of the `CronJob` that made a Job.
fn owner(job: &Json) -> Option<(&str, &str)> {
    let owners = job["metadata"]["ownerReferences"].as_array()?;
    let owner = owners.iter().find(|owner| {
        let version = owner["apiVersion"].as_str().unwrap_or_default();
        owner["kind"] == "CronJob" && version.split('/').next() == Some("batch")
    })?;
    Some((owner["name"].as_str()?, owner["uid"].as_str()?))
}

async fn cronjob(
    live: &Live,
    place: &Place,
    name: &str,
    uid: &str,
    printer: &mut Printer,
) -> anyhow::Result<Option<Json>> {
    match live.get(&collection(Kind::CronJob, Some(&place.namespace)), name).await {
        Ok(found) if found["metadata"]["uid"] == uid => Ok(Some(found)),
        Ok(_) | Err(Unread::Absent) => {
            printer.talk(format!("note: CronJob {name}, which made it, is gone"))?;
            Ok(None)
        }
        Err(Unread::NotPermitted(why)) => {
            printer.talk(format!("note: CronJob {name}, which made it, may not be read: {why}"))?;
            Ok(None)
        }
        Err(error) => Err(error.about(&format!("cannot read CronJob {name}")).into()),
    }
}
