//! What the controllers may do, asked of the API server for as long as somebody leads.
//!
//! Asked at the start, whenever the policy changes, whenever a write is refused, and again after a
//! while: a right that is missing is said once, with the chart's value that grants it, and what
//! needs it waits until it is there. Where writing is confined to namespaces ([`Reach`]), rights to
//! write are asked for in each of them, and one that is missing makes only that namespace wait.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use tokio::sync::{Notify, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::ControllerContext;
use crate::cluster::access::{Grant, Right, missing};
use crate::policy::rule::SchedulerMode;
use crate::policy::{Action, Mode, Policy};
use crate::sweeper::Reach;

/// What is known of our rights.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Rights {
    /// What the API server has answered about; what was never asked for is not ours.
    pub asked: BTreeSet<Right>,
    pub missing: BTreeSet<Right>,
}

/// Asks again and again.
#[derive(Debug)]
pub struct Keeper {
    rights: watch::Receiver<Rights>,
    doubt: Arc<Notify>,
    _asking: DropGuard,
}

/// The rights that a policy needs, where anything is written.
pub type Needed = fn(&Policy, &Reach) -> Vec<Right>;

// === impl Rights ===

impl Rights {
    /// Whether something may be done in a namespace, as far as is known.
    pub fn allow(&self, verb: &str, resource: &str, namespace: &str) -> bool {
        let is_it = |right: &Right| right.permits(verb, resource, namespace);
        self.asked.iter().any(is_it) && !self.lack(verb, resource, namespace)
    }

    /// Whether something is known not to be permitted in a namespace.
    pub fn lack(&self, verb: &str, resource: &str, namespace: &str) -> bool {
        self.missing.iter().any(|right| right.permits(verb, resource, namespace))
    }

    /// Whether everything may be done in a namespace that was asked for, as far as is known.
    pub fn are_complete(&self, namespace: &str) -> bool {
        !self.asked.is_empty() && !self.missing.iter().any(|right| right.concerns(namespace))
    }

    /// What is missing, each with how to mend it.
    pub fn complaints(&self) -> Vec<String> {
        self.missing.iter().map(|right| format!("{right}: {}", self.mend(right))).collect()
    }

    /// What grants a right that is missing.
    fn mend(&self, right: &Right) -> Grant {
        let in_place = |other: &&Right| other.namespace == right.namespace;
        // Events are among them, which no value takes away.
        let has_some = self.asked.iter().filter(in_place).any(|one| !self.missing.contains(one));
        if has_some || right.namespace.is_none() { right.grant() } else { Grant::Binding }
    }

    /// Until it is asked again.
    fn pause(&self) -> Duration {
        if self.missing.is_empty() {
            return WHEN_COMPLETE;
        }
        let questions = u32::try_from(self.asked.len()).unwrap_or(u32::MAX);
        WHEN_MISSING.max(A_QUESTION.saturating_mul(questions)).min(WHEN_COMPLETE)
    }
}

// === impl Keeper ===

impl Keeper {
    /// Asks until it is dropped, about what is `needed` by each policy that comes along.
    pub fn start(context: &ControllerContext, needed: Needed) -> Self {
        let ControllerContext { cluster, policies, reach, .. } = context;
        let asked = (cluster.client.clone(), policies.clone(), Arc::clone(reach));
        Self::ask(asked, needed)
    }

    fn ask(asked: Asked, needed: Needed) -> Self {
        let (known, rights) = watch::channel(Rights::default());
        let doubt = Arc::new(Notify::new());
        let stop = CancellationToken::new();
        tokio::spawn(ask(asked, needed, known, Arc::clone(&doubt), stop.clone()));
        Self { rights, doubt, _asking: stop.drop_guard() }
    }

    /// What is known just now.
    pub fn rights(&self) -> Rights {
        self.rights.borrow().clone()
    }

    /// Waits until something else is known. Cancel-safe.
    pub async fn changed(&mut self) {
        if self.rights.changed().await.is_err() {
            // Nobody asks any more: the term is over, and whoever waits is told so elsewhere.
            std::future::pending::<()>().await;
        }
    }

    /// A write was refused: what is known may no longer hold.
    pub fn doubt(&self) {
        self.doubt.notify_one();
    }
}

/// Whom to ask, and what the questions depend on.
type Asked = (Client, watch::Receiver<Arc<Policy>>, Arc<Reach>);

async fn ask(
    (client, mut policies, reach): Asked,
    needed: Needed,
    known: watch::Sender<Rights>,
    doubt: Arc<Notify>,
    stop: CancellationToken,
) {
    // Whether the last question had no answer: a right may have gone and come back in the meantime.
    let mut missed = false;
    loop {
        let needed = needed(&policies.borrow_and_update(), &reach);
        let pause = match missing(&client, &needed).await {
            Ok(found) => {
                let (asked, missing) = (needed.into_iter().collect(), found.into_iter().collect());
                let fresh = Rights { asked, missing };
                tell(&known.borrow(), &fresh);
                let pause = fresh.pause();
                known.send_if_modified(|rights| {
                    let is_news = missed || *rights != fresh;
                    *rights = fresh;
                    is_news
                });
                missed = false;
                pause
            }
            Err(error) => {
                missed = true;
                tracing::warn!(%error, "nobody knows what we may do");
                WHEN_UNKNOWN
            }
        };
        // All cancel-safe: a change or a doubt that is not taken stays.
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            changed = policies.changed() => if changed.is_err() { return },
            () = doubt.notified() => {
                // Many writes are refused at once; one question is enough for all of them.
                tokio::time::sleep(AFTER_DOUBT).await;
            }
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Says what is missing now and was not before, and what is there again.
fn tell(before: &Rights, now: &Rights) {
    for right in now.missing.difference(&before.missing) {
        tracing::error!(%right, mend = %now.mend(right), "not permitted; what needs it waits");
    }
    for right in before.missing.difference(&now.missing) {
        tracing::info!(%right, "permitted now");
    }
}

/// The rights that a policy needs for the sweeper, beside those by which a replica leads.
pub fn of_sweeper(policy: &Policy, reach: &Reach) -> Vec<Right> {
    let acts = policy.mode != Mode::Off;
    let rules = policy.rules.iter().filter_map(|rule| rule.settings.stored);
    let strongest = rules.chain([policy.stored.action]).max().filter(|_| acts).unwrap_or_default();
    let mut rights = Vec::new();
    let mut reads = vec![("batch", "jobs"), ("batch", "cronjobs")];
    if policy.needs_namespace_labels() {
        reads.push(("", "namespaces"));
    }
    for (group, resource) in reads {
        rights.extend(["list", "watch"].map(|verb| Right::everywhere(verb, group, resource)));
    }
    let mut writes = Vec::new();
    if strongest >= Action::Marked {
        writes.push(Right::everywhere("patch", "batch", "jobs"));
        writes.push(Right::everywhere("patch", "batch", "cronjobs"));
    }
    if strongest >= Action::Delete {
        writes.push(Right::everywhere("delete", "batch", "jobs"));
    }
    // Contract, point 6: whoever deletes says so. And it tells whether a namespace is bound at all.
    if strongest >= Action::Delete || strongest >= Action::Marked && !reach.is_everywhere() {
        writes.push(events());
    }
    rights.extend(within(reach, writes));
    rights
}

/// The rights that a policy needs for the scheduler, beside the reads that the sweeper needs, too.
pub fn of_scheduler(policy: &Policy, reach: &Reach) -> Vec<Right> {
    let jobs = |verb| Right::everywhere(verb, "batch", "jobs");
    let cronjobs = |verb| Right::everywhere(verb, "batch", "cronjobs");
    let mut writes = match policy.scheduler.mode {
        SchedulerMode::Off | SchedulerMode::Observe => return Vec::new(),
        // Confined, it starts nothing.
        SchedulerMode::Own if !reach.is_everywhere() => return Vec::new(),
        SchedulerMode::Backstop => Vec::new(),
        // History limits, and `concurrencyPolicy: Replace`.
        SchedulerMode::Own => vec![jobs("delete")],
    };
    writes.extend([
        jobs("create"),
        cronjobs("patch").of("status"),
        // For `blockOwnerDeletion`, where the API server asks for it (upstream-semantics.md, 6.3).
        cronjobs("update").of("finalizers"),
        events(),
    ]);
    let mut rights = vec![jobs("get"), cronjobs("get")];
    rights.extend(within(reach, writes));
    rights
}

fn events() -> Right {
    Right::everywhere("create", "events.k8s.io", "events")
}

/// Rights to write, each in every namespace where anything is written.
fn within(reach: &Reach, rights: Vec<Right>) -> Vec<Right> {
    let Some(namespaces) = reach.namespaces() else { return rights };
    let each = |namespace| rights.iter().map(move |right| right.clone().within(namespace));
    namespaces.iter().flat_map(|namespace| each(namespace)).collect()
}

/// Rights are taken away, too, and a write that is refused tells it sooner.
const WHEN_COMPLETE: Duration = Duration::from_secs(600);

/// Somebody who mends it should see the effect soon.
const WHEN_MISSING: Duration = Duration::from_secs(15);

/// With many namespaces there are many questions, and each is a call.
const A_QUESTION: Duration = Duration::from_millis(50);
const WHEN_UNKNOWN: Duration = Duration::from_secs(5);
const AFTER_DOUBT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use http::{Request, Response, StatusCode};
    use kube::Client;
    use kube::client::Body;
    use tokio::sync::watch;

    use super::{Grant, Keeper, Policy, Reach, Right, Rights, of_scheduler, of_sweeper};
    use crate::policy::Source;

    fn policy(spec: &str) -> Policy {
        let text = format!(
            "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: test}}\nspec:\n  {spec}\n"
        );
        let source = Source { name: "policy.yaml".to_owned(), text };
        Policy::load(&[source]).unwrap_or_else(|found| panic!("{found:#?}")).policy
    }

    fn reach(names: &[&str]) -> Reach {
        Reach::only(names.iter().map(ToString::to_string))
    }

    fn delete() -> Policy {
        policy("stored: {action: Delete}")
    }

    /// What was asked for, and those missing that a test picks.
    fn rights(asked: Vec<Right>, is_missing: impl Fn(&Right) -> bool) -> Rights {
        let missing = asked.iter().filter(|right| is_missing(right)).cloned().collect();
        Rights { asked: asked.into_iter().collect(), missing }
    }

    async fn news(keeper: &mut Keeper) -> bool {
        let minute = std::time::Duration::from_secs(60);
        tokio::time::timeout(minute, keeper.changed()).await.is_ok()
    }

    /// A write was refused, and nobody could be asked for a while: the right may have come back since,
    /// and then what was refused goes on at once.
    #[tokio::test(start_paused = true)]
    async fn the_same_answer_after_none_is_news_and_after_the_same_is_not() {
        let calls = Arc::new(AtomicUsize::new(0));
        let fails = Arc::new(AtomicUsize::new(usize::MAX));
        let service = tower::service_fn({
            let (calls, fails) = (Arc::clone(&calls), Arc::clone(&fails));
            move |_: Request<Body>| {
                let is_bad = calls.fetch_add(1, Ordering::SeqCst) >= fails.load(Ordering::SeqCst);
                let (code, text) = if is_bad {
                    (StatusCode::FORBIDDEN, r#"{"message": "not now", "code": 403}"#)
                } else {
                    (StatusCode::CREATED, r#"{"spec": {}, "status": {"allowed": true}}"#)
                };
                let answer =
                    Response::builder().status(code).body(Body::from(text.as_bytes().to_vec()));
                std::future::ready(Ok::<_, std::convert::Infallible>(answer.unwrap()))
            }
        });
        let (_policies, policies) = watch::channel(Arc::new(delete()));
        let asked = (Client::new(service, "default"), policies, Arc::new(Reach::default()));
        let mut keeper = Keeper::ask(asked, of_sweeper);
        assert!(news(&mut keeper).await, "the first answer");
        keeper.doubt();
        assert!(
            !news(&mut keeper).await,
            "the same once more, as where something else refuses the write"
        );
        fails.store(0, Ordering::SeqCst);
        keeper.doubt();
        assert!(!news(&mut keeper).await, "no answer");
        fails.store(usize::MAX, Ordering::SeqCst);
        assert!(news(&mut keeper).await, "an answer at last");
        assert!(!news(&mut keeper).await);
    }

    #[test]
    fn writes_are_asked_for_in_each_namespace_and_reads_everywhere() {
        let asked = of_sweeper(&delete(), &reach(&["a", "b"]));
        let reads = asked.iter().filter(|right| right.namespace.is_none());
        assert!(reads.clone().all(|right| ["list", "watch"].contains(&right.verb)), "{asked:?}");
        assert_eq!(reads.count(), 4);
        for namespace in ["a", "b"] {
            let inside = |right: &&Right| right.namespace.as_deref() == Some(namespace);
            let verbs: Vec<&str> = asked.iter().filter(inside).map(|right| right.verb).collect();
            assert_eq!(verbs, ["patch", "patch", "delete", "create"]);
        }
        let backstop = "scheduler: {mode: Backstop, selector: {matchLabels: {a: b}}}";
        let asked = of_scheduler(&policy(backstop), &reach(&["a"]));
        let everywhere: Vec<&str> = asked
            .iter()
            .filter(|right| right.namespace.is_none())
            .map(|right| right.verb)
            .collect();
        assert_eq!(everywhere, ["get", "get"]);
        assert_eq!(asked.len(), 6);
    }

    /// It starts the `CronJob`s of all namespaces or of none.
    #[test]
    fn own_needs_nothing_where_it_does_nothing() {
        let own = policy("scheduler: {mode: Own, clusterTimeZone: UTC}");
        assert!(of_scheduler(&own, &reach(&["a"])).is_empty());
        assert_eq!(of_scheduler(&own, &Reach::default()).len(), 7);
    }

    #[test]
    fn what_is_missing_in_one_namespace_makes_only_that_one_wait() {
        let asked = of_sweeper(&delete(), &reach(&["a", "b"]));
        let rights = rights(asked, |right| right.namespace.as_deref() == Some("b"));
        assert!(rights.allow("delete", "jobs", "a") && rights.are_complete("a"));
        assert!(!rights.allow("delete", "jobs", "b") && !rights.are_complete("b"));
        // Nobody asked.
        assert!(!rights.allow("delete", "jobs", "c"));
    }

    #[test]
    fn a_right_for_all_namespaces_is_one_for_each() {
        let asked = of_sweeper(&delete(), &Reach::default());
        let rights = rights(asked, |right| right.verb == "delete");
        assert!(rights.allow("patch", "cronjobs", "a") && !rights.allow("delete", "jobs", "a"));
        assert!(!rights.are_complete("a"));
        assert_eq!(
            rights.complaints(),
            ["delete jobs.batch in every namespace: set rbac.delete=true in the chart"]
        );
        // And before anybody knows, nothing may be done.
        assert!(!Rights::default().allow("patch", "jobs", "a"));
        assert!(!Rights::default().are_complete("a"));
    }

    #[test]
    fn a_namespace_without_any_right_lacks_its_binding() {
        let marked = policy("stored: {action: Marked}");
        let asked = of_sweeper(&marked, &reach(&["a", "b"]));
        let unbound = rights(asked.clone(), |right| right.namespace.as_deref() == Some("b"));
        assert_eq!(unbound.missing.len(), 3);
        for right in &unbound.missing {
            assert_eq!(unbound.mend(right), Grant::Binding, "{right}");
        }
        let told = unbound.complaints().remove(0);
        assert!(told.contains("in namespace b: the RoleBinding there is missing"), "{told}");
        // The value is not set: Events may be written all the same.
        let unset = rights(asked, |right| right.verb == "patch");
        for right in &unset.missing {
            assert_eq!(unset.mend(right), Grant::Value("rbac.patch"), "{right}");
        }
    }

    #[test]
    fn many_questions_are_not_asked_often() {
        let names: Vec<String> = (0..1000).map(|number| format!("team-{number}")).collect();
        let many =
            |reach: &Reach| rights(of_sweeper(&delete(), reach), |right| right.verb == "delete");
        assert_eq!(many(&reach(&["a", "b"])).pause(), super::WHEN_MISSING);
        let pause = many(&Reach::only(names)).pause();
        assert!(pause > super::WHEN_MISSING && pause < super::WHEN_COMPLETE, "{pause:?}");
    }
}
