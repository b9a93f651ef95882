//! How old what is known of an object's surroundings may be when a Job is ended by a write, or given
//! less time.
//!
//! A write names the very version of the object that was judged, so nothing about the object itself
//! can be missed. But a Job is also judged by its `CronJob`, and both are by the labels of their
//! namespace, which change without them; and a watch that has fallen silent, behind a load balancer
//! that is half dead, goes on looking healthy for a while. So before such a write the API server is
//! asked what it has of them: once for a namespace, and the answer counts for [`TRUSTED`]. Where it
//! has anything newer, the object waits until the watch brings it.

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::api::batch::v1::CronJob as CronJobs;
use k8s_openapi::api::core::v1::Namespace as Namespaces;
use kube::api::ListParams;
use kube::{Api, Client};
use tokio::time::Instant;

use super::ObjectRef;
use crate::clock::{self, HashMap};
use crate::cluster::slim::{CronJob, Namespace, Version};
use crate::controllers::staleness::TRUSTED;

/// What the API server was asked, and who waits for its answers.
#[derive(Debug, Default)]
pub(super) struct FreshnessChecks {
    /// The latest answer about each namespace.
    asked: HashMap<String, Asked>,
    /// Who is to be looked at again when the answer is there.
    waiting: HashMap<String, BTreeSet<ObjectRef>>,
    /// To be asked.
    questions: Vec<Question>,
}

/// What the API server has in a namespace.
#[derive(Debug)]
pub(super) struct Question {
    namespace: String,
    /// Whether the labels are asked for, too.
    labels: bool,
}

/// What such a write depends on, beside its object.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Needed<'n> {
    /// As the watch has it.
    pub(super) cronjob: Option<&'n CronJob>,
    /// As the judgement has it; `None` where the policy does not ask for labels.
    pub(super) namespace: Option<&'n Namespace>,
}

/// Whether a write may be made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Freshness {
    /// What is known was so a moment ago.
    Known,
    /// The API server is being asked; whoever wants to write is told when it has answered.
    Asking,
    /// It has something newer, or did not answer; to be tried again after a while.
    Behind,
}

/// An answer about a namespace.
#[derive(Debug)]
pub(super) struct Answer {
    namespace: String,
    found: Result<Found, String>,
    /// When the question was sent: nothing in the answer is older.
    asked: Instant,
}

/// The same, as it is kept.
#[derive(Debug)]
struct Asked {
    at: Instant,
    /// `None` where there was no answer.
    found: Option<Found>,
}

/// What the API server has in a namespace.
#[derive(Debug)]
struct Found {
    /// The versions of its `CronJob`s by uid.
    cronjobs: HashMap<String, Version>,
    /// Its labels, where they were asked for; none where it is gone.
    labels: Option<Vec<(String, String)>>,
}

// === impl FreshnessChecks ===

impl FreshnessChecks {
    /// Whether `subject` may be acted upon; if not, sees to it that it is known soon.
    pub(super) fn look(
        &mut self,
        subject: &ObjectRef,
        needed: Needed<'_>,
        now: Instant,
    ) -> Freshness {
        if needed.cronjob.is_none() && needed.namespace.is_none() {
            return Freshness::Known;
        }
        let namespace = subject.meta().namespace.to_string();
        let age = self.asked.get(&namespace).map(|asked| now.duration_since(asked.at));
        let fresh = age.is_some_and(|age| age <= TRUSTED);
        let found = self.asked.get(&namespace).and_then(|asked| asked.found.as_ref());
        if fresh && found.is_some_and(|found| found.agrees(needed)) {
            return Freshness::Known;
        }
        if let Some(waiting) = self.waiting.get_mut(&namespace) {
            waiting.insert(subject.clone());
            return Freshness::Asking;
        }
        if age.is_some_and(|age| age < BETWEEN) || self.waiting.len() >= AT_ONCE {
            return Freshness::Behind;
        }
        self.waiting.insert(namespace.clone(), BTreeSet::from([subject.clone()]));
        self.questions.push(Question { namespace, labels: needed.namespace.is_some() });
        Freshness::Asking
    }

    /// What is to be asked.
    pub(super) fn take_questions(&mut self) -> Vec<Question> {
        std::mem::take(&mut self.questions)
    }

    /// Takes an answer, and gives those that have waited for it; where a question broke off, all.
    pub(super) fn take(&mut self, answer: Option<Answer>, now: Instant) -> BTreeSet<ObjectRef> {
        // Of namespaces in which nothing is ended nothing is kept.
        self.asked.retain(|_, asked| now.duration_since(asked.at) <= TRUSTED);
        let Some(Answer { namespace, found, asked }) = answer else {
            return std::mem::take(&mut self.waiting).into_values().flatten().collect();
        };
        let found = found
            .inspect_err(|why| {
                tracing::warn!(
                    ns = namespace,
                    why,
                    "nothing is ended there for now: it is not known \
                    whether its CronJobs and labels are as the watch shows them"
                );
            })
            .ok();
        let waited = self.waiting.remove(&namespace).unwrap_or_default();
        self.asked.insert(namespace, Asked { at: asked, found });
        waited
    }
}

// === impl Question ===

impl Question {
    /// Asks it.
    pub(super) async fn ask(self, client: Client) -> Answer {
        let Self { namespace, labels } = self;
        let asked = clock::ticks();
        let call = tokio::time::timeout(LIMIT, ask(&client, &namespace, labels));
        let found = call.await.unwrap_or_else(|_late| Err("no answer in time".to_owned()));
        Answer { namespace, found, asked }
    }

    /// The answer of a server that has these `CronJob`s, by uid, and these labels of the namespace.
    #[cfg(test)]
    pub(super) fn answered(
        self,
        cronjobs: &std::collections::BTreeMap<String, u64>,
        labels: Option<Vec<(String, String)>>,
        asked: Instant,
    ) -> Answer {
        let version = |(uid, version): (&String, &u64)| (uid.clone(), Version::Number(*version));
        let cronjobs = cronjobs.iter().map(version).collect();
        Answer { namespace: self.namespace, found: Ok(Found { cronjobs, labels }), asked }
    }
}

// === impl Found ===

impl Found {
    /// Whether what is needed is no older than this. The watch may well be ahead of it.
    fn agrees(&self, needed: Needed<'_>) -> bool {
        let Needed { cronjob, namespace } = needed;
        let is_current = |cronjob: &CronJob| {
            let version = self.cronjobs.get(&cronjob.meta.uid.to_string());
            version.is_some_and(|version| !is_older(&cronjob.meta.version, version))
        };
        let is_labelled = |namespace: &Namespace| {
            let labels = self.labels.as_ref();
            labels.is_some_and(|labels| {
                namespace.labels.iter().count() == labels.len()
                    && labels.iter().all(|(key, value)| namespace.labels.get(key) == Some(value))
            })
        };
        cronjob.is_none_or(is_current) && namespace.is_none_or(is_labelled)
    }
}

/// Whether one state of an object is older than another. The versions of one object can be compared
/// where they are numbers (KEP-5504); where they are not, another one counts as older.
fn is_older(one: &Version, other: &Version) -> bool {
    match (one, other) {
        (Version::Number(one), Version::Number(other)) => one < other,
        (one, other) => one != other,
    }
}

/// Asks for what is stored now, and not for what a cache of the API server has.
async fn ask(client: &Client, namespace: &str, labels: bool) -> Result<Found, String> {
    let cronjobs: Api<CronJobs> = Api::namespaced(client.clone(), namespace);
    let listed = cronjobs.list_metadata(&ListParams::default()).await.map_err(|e| e.to_string())?;
    let versions = listed.items.into_iter().filter_map(|item| {
        Some((item.metadata.uid?, Version::from(item.metadata.resource_version?.as_str())))
    });
    let cronjobs = versions.collect();
    let labels = if labels {
        let api: Api<Namespaces> = Api::all(client.clone());
        // By a list, which is the right that the watch needs, too.
        let one = ListParams::default().fields(&format!("metadata.name={namespace}"));
        let listed = api.list_metadata(&one).await.map_err(|e| e.to_string())?;
        let found = listed.items.into_iter().next();
        found.map(|item| item.metadata.labels.unwrap_or_default().into_iter().collect())
    } else {
        None
    };
    Ok(Found { cronjobs, labels })
}

/// Between two questions about a namespace of which something newer is on its way.
const BETWEEN: Duration = Duration::from_secs(2);

/// When to try again where something newer is on its way.
pub(super) const AGAIN: Duration = Duration::from_secs(2);

/// Namespaces asked about at the same time.
const AT_ONCE: usize = 8;

/// As any other call.
const LIMIT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::{Found, Needed, Version};
    use crate::cluster::slim::{CronJob, Decoder, Namespace, Slim};

    fn cronjob(uid: &str, version: &str) -> CronJob {
        let json = json!({
            "metadata": {"namespace": "apps", "name": "one", "uid": uid, "resourceVersion": version},
            "spec": {"jobTemplate": {"spec": {}}},
        });
        CronJob::decode(&json.to_string(), &mut Decoder::default()).unwrap()
    }

    fn namespace(labels: &serde_json::Value) -> Namespace {
        let json = json!({"metadata": {"name": "apps", "uid": "n", "labels": labels}});
        Namespace::decode(&json.to_string(), &mut Decoder::default()).unwrap()
    }

    fn found() -> Found {
        Found {
            cronjobs: [("u-1".to_owned(), Version::from("7"))].into_iter().collect(),
            labels: Some(vec![("tier".to_owned(), "gold".to_owned())]),
        }
    }

    #[rstest]
    #[case::the_same("u-1", "7", true)]
    #[case::the_watch_is_ahead("u-1", "8", true)]
    #[case::the_watch_is_behind("u-1", "6", false)]
    #[case::another_one_of_the_name("u-2", "9", false)]
    #[case::no_number("u-1", "v7", false)]
    fn a_cronjob_is_known(#[case] uid: &str, #[case] version: &str, #[case] expected: bool) {
        let cronjob = cronjob(uid, version);
        let needed = Needed { cronjob: Some(&cronjob), namespace: None };
        assert_eq!(found().agrees(needed), expected);
    }

    #[rstest]
    #[case::the_same(json!({"tier": "gold"}), true)]
    #[case::another_value(json!({"tier": "iron"}), false)]
    #[case::one_more(json!({"tier": "gold", "keep": "yes"}), false)]
    #[case::none(json!({}), false)]
    fn the_labels_of_a_namespace_are_known(
        #[case] labels: serde_json::Value,
        #[case] expected: bool,
    ) {
        let namespace = namespace(&labels);
        let needed = Needed { cronjob: None, namespace: Some(&namespace) };
        assert_eq!(found().agrees(needed), expected);
        let gone = Found { labels: None, ..found() };
        assert!(!gone.agrees(needed));
    }
}
