//! Each replica says what it runs ([`Replica`]), on the Lease: at once where that changes, and
//! every minute that it is still there. The leader takes away what replicas left that were killed.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::ControllerContext;
use crate::clock;
use crate::leader::lease::LeaseError;
use crate::leader::{LeaderStatus, Replica};

/// Says what `look` sees until `stop`, and then that this replica is gone.
pub async fn run(
    context: ControllerContext,
    look: impl Fn() -> Replica + Send,
    stop: CancellationToken,
) {
    let key = Replica::key(&context.identity);
    let mut last = Replica::default();
    // When that was said; its own clock may be put.
    let mut told: Option<Instant> = None;
    let mut refused = false;
    loop {
        let now = context.now();
        let standing = context.standing.borrow().clone();
        let fresh = Replica { said: last.said, since: last.since, ..look() };
        let since = if fresh.revision == last.revision { last.since } else { Some(now) };
        // Of a Lease that was made anew, and of what somebody took away.
        let is_missing = standing.annotations.get(&key).is_none_or(|it| *it != last.to_text());
        let is_due = told
            .is_none_or(|told| told.elapsed() >= PERIOD || is_missing && told.elapsed() >= SEEN);
        let mut annotations = left_behind(&standing, now);
        if fresh != last || is_due || !annotations.is_empty() {
            let fresh = Replica { said: Some(now), since, ..fresh };
            annotations.insert(key.clone(), Some(fresh.to_text()));
            match context.lease.tell(&annotations).await {
                Ok(()) => {
                    (last, refused) = (fresh, false);
                    told = Some(clock::ticks());
                }
                // Nobody has led yet, so there is no Lease: soon.
                Err(LeaseError::Conflict) => {}
                Err(error) if refused => tracing::debug!(%error, "not told again"),
                Err(error) => {
                    refused = true;
                    tracing::warn!(%error, "what this replica runs is not on the Lease");
                }
            }
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = sleep(TICK) => {}
        }
    }
    if let Err(error) = context.lease.tell(&BTreeMap::from([(key, None)])).await {
        tracing::debug!(%error, "that this replica is gone is not on the Lease");
    }
}

/// What a leader takes away: by its age alone, since a later build may say it in another way.
fn left_behind(standing: &LeaderStatus, now: Timestamp) -> BTreeMap<String, Option<String>> {
    let all = standing.annotations.iter().filter(|_| standing.leading);
    all.filter(|(key, _)| key.starts_with(Replica::PREFIX))
        .filter(|(_, text)| {
            Replica::said_in(text).is_some_and(|said| now.duration_since(said) > Replica::SILENT)
        })
        .map(|(key, _)| (key.clone(), None))
        .collect()
}

/// A change is on the Lease after this time.
const TICK: Duration = Duration::from_secs(2);

/// How often a replica says that it is there, changes aside.
const PERIOD: Duration = Duration::from_secs(60);

/// The election has read the Lease again by then.
const SEEN: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::left_behind;
    use crate::leader::{LeaderStatus, Replica};

    #[test]
    fn only_what_is_old_goes_and_only_by_a_leader() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let said = |minutes| now - SignedDuration::from_mins(minutes);
        let text = |minutes| Replica { said: Some(said(minutes)), ..Replica::default() }.to_text();
        let later = format!(r#"{{"revision": {{"of": "a later build"}}, "said": "{}"}}"#, said(1));
        let annotations = [
            ("replica.curfew.dev/old", text(11)),
            ("replica.curfew.dev/silent", text(5)),
            ("replica.curfew.dev/here", text(1)),
            ("replica.curfew.dev/later", later),
            ("replica.curfew.dev/odd", "?".to_owned()),
            ("curfew.dev/status", text(11)),
        ];
        let annotations = annotations.map(|(key, text)| (key.to_owned(), text)).into();
        let mut standing = LeaderStatus { leading: true, annotations, ..LeaderStatus::default() };
        let gone: Vec<String> = left_behind(&standing, now).into_keys().collect();
        assert_eq!(gone, ["replica.curfew.dev/old", "replica.curfew.dev/silent"]);
        standing.leading = false;
        assert!(left_behind(&standing, now).is_empty());
    }
}
