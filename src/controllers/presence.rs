//! Each replica says what it runs ([`Replica`]), on the Lease: at once where that changes, and
//! every minute that it is still there. The leader takes away what replicas left that were killed.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::cluster::clock_offset::ServerClock;
use crate::leader::lease::{LeaseError, Stored};
use crate::leader::{Replica, Standing};

/// Where to say it, and as whom.
pub struct Presence {
    pub lease: Stored,
    pub clock: ServerClock,
    /// By which name this replica stands for election.
    pub identity: String,
    pub standing: watch::Receiver<Standing>,
}

// === impl Presence ===

impl Presence {
    /// Says what `look` sees until `stop`, and then that this replica is gone.
    pub async fn run(self, look: impl Fn() -> Replica + Send, stop: CancellationToken) {
        let key = Replica::key(&self.identity);
        let mut last = Replica::default();
        let mut refused = false;
        loop {
            let now = self.clock.now();
            let fresh = Replica { said: last.said, since: last.since, ..look() };
            let since = if fresh.revision == last.revision { last.since } else { Some(now) };
            if fresh != last || last.silence(now) >= Replica::PERIOD {
                let fresh = Replica { said: Some(now), since, ..fresh };
                let mut annotations = self.left_behind(now);
                annotations.insert(key.clone(), Some(fresh.to_text()));
                match self.lease.tell(&annotations).await {
                    Ok(()) => (last, refused) = (fresh, false),
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
        if last.said.is_some()
            && let Err(error) = self.lease.tell(&BTreeMap::from([(key, None)])).await
        {
            tracing::debug!(%error, "that this replica is gone is not on the Lease");
        }
    }

    /// What is to be taken away, if this is for us to do.
    fn left_behind(&self, now: Timestamp) -> BTreeMap<String, Option<String>> {
        let standing = self.standing.borrow();
        let all = standing.annotations.iter().filter(|_| standing.leading);
        all.filter(|(key, _)| key.starts_with(Replica::PREFIX))
            .filter(|(_, text)| Replica::parse(text).is_none_or(|one| one.silence(now) > FORGOTTEN))
            .map(|(key, _)| (key.clone(), None))
            .collect()
    }
}

/// A change is on the Lease after this time.
const TICK: Duration = Duration::from_secs(2);

/// Longer than a replica is silent that merely cannot reach the API server for a while.
const FORGOTTEN: SignedDuration = SignedDuration::from_mins(10);
