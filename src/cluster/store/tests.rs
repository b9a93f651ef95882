use std::sync::Arc;

use serde_json::json;

use super::{CronJobs, Jobs, Namespaces};
use crate::cluster::slim::{CronJob, Decoder, Job, Keep, Namespace, Slim};
use crate::cluster::watch::Index;

fn job(namespace: &str, name: &str, uid: &str, owner: Option<&str>) -> Arc<Job> {
    let owners: Vec<_> = owner
        .into_iter()
        .map(|name| json!({"apiVersion": "batch/v1", "kind": "CronJob", "name": name, "uid": "u"}))
        .collect();
    let json = json!({
        "metadata": {"namespace": namespace, "name": name, "uid": uid, "resourceVersion": "1",
            "ownerReferences": owners},
        "spec": {},
    });
    Arc::new(Job::decode(&json.to_string(), &mut Decoder::default()).unwrap())
}

fn names(jobs: &[Arc<Job>]) -> Vec<String> {
    let mut names: Vec<_> = jobs.iter().map(|job| job.key().to_string()).collect();
    names.sort();
    names
}

#[test]
fn jobs_are_found_by_name_and_by_owner() {
    let jobs = Arc::new(Jobs::default());
    let mut index = Arc::clone(&jobs);
    for (namespace, name, owner) in [
        ("a", "one", Some("o")),
        ("a", "two", Some("o")),
        ("b", "one", Some("o")),
        ("b", "alone", None),
    ] {
        index.apply(&job(namespace, name, name, owner));
    }
    assert_eq!(jobs.len(), 4);
    assert_eq!(jobs.find("b", "alone").unwrap().key().to_string(), "b/alone");
    assert!(jobs.find("b", "two").is_none() && jobs.find("c", "one").is_none());
    // Whoever names the owner from another namespace is not among its children.
    assert_eq!(names(&jobs.owned_by("a", "o")), ["a/one", "a/two"]);
    // It finds another owner.
    index.apply(&job("a", "two", "two", Some("p")));
    assert_eq!(names(&jobs.owned_by("a", "o")), ["a/one"]);
    assert_eq!(names(&jobs.owned_by("a", "p")), ["a/two"]);
    index.delete(&job("a", "two", "two", None).key());
    assert!(jobs.owned_by("a", "p").is_empty());
    assert_eq!((jobs.len(), jobs.all().len()), (3, 3));
}

#[test]
fn the_end_of_an_old_one_does_not_take_away_the_new_one_of_its_name() {
    let jobs = Arc::new(Jobs::default());
    let mut index = Arc::clone(&jobs);
    index.apply(&job("a", "one", "new", None));
    index.delete(&job("a", "one", "old", None).key());
    assert!(jobs.find("a", "one").is_some());
    index.delete(&job("a", "one", "new", None).key());
    assert!(jobs.is_empty() && jobs.find("a", "one").is_none());
}

#[test]
fn a_list_replaces_everything_and_shares_what_is_the_same() {
    let jobs = Arc::new(Jobs::default());
    let mut index = Arc::clone(&jobs);
    let keep = Arc::new(Keep::default());
    assert!(!jobs.covers(&keep));
    index.reset(&[job("a", "one", "1", Some("o")), job("a", "two", "2", Some("o"))], &keep);
    assert!(jobs.covers(&keep) && !jobs.covers(&Keep::with_annotation("example.test/x")));
    let stored = jobs.find("a", "one").unwrap();
    let again = index.share(Arc::unwrap_or_clone(job("a", "one", "1", Some("o"))));
    assert!(Arc::ptr_eq(&stored, &again));
    let other = index.share(Arc::unwrap_or_clone(job("a", "one", "other", Some("o"))));
    assert!(!Arc::ptr_eq(&stored, &other));
    index.reset(&[again], &keep);
    assert_eq!(names(&jobs.all()), ["a/one"]);
    assert_eq!(names(&jobs.owned_by("a", "o")), ["a/one"]);
}

#[test]
fn a_cronjob_of_another_uid_is_no_owner() {
    let cronjobs = Arc::new(CronJobs::default());
    let json = json!({
        "metadata": {"namespace": "a", "name": "c", "uid": "1", "resourceVersion": "1"},
        "spec": {"schedule": "* * * * *", "jobTemplate": {"spec": {}}},
    });
    let cronjob = CronJob::decode(&json.to_string(), &mut Decoder::default()).unwrap();
    Arc::clone(&cronjobs).apply(&Arc::new(cronjob));
    assert!(cronjobs.owner("a", "c", "1").is_some());
    assert!(cronjobs.owner("a", "c", "2").is_none());
    assert!(cronjobs.owner("b", "c", "1").is_none());
}

#[test]
fn a_namespace_that_nobody_knows_has_no_labels_and_not_none() {
    let namespaces = Arc::new(Namespaces::default());
    let json = json!({"metadata": {"name": "a", "uid": "1", "labels": {"team": "x"}}});
    let one = Namespace::decode(&json.to_string(), &mut Decoder::default()).unwrap();
    let mut index = Arc::clone(&namespaces);
    index.apply(&Arc::new(one));
    assert!(!namespaces.is_listed());
    assert_eq!(namespaces.find("a").unwrap().labels.get("team"), Some("x"));
    assert!(namespaces.find("b").is_none());
    index.reset(&[], &Arc::default());
    assert!(namespaces.is_listed() && namespaces.find("a").is_none());
}
