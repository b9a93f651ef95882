//! Whether what the watches tell can still be relied on.
//!
//! A watch that was interrupted goes on by itself and says nothing until something changes, so that
//! it failed once means little. One that fails again and again shows the cluster as it was: a Job
//! whose `CronJob` has become exempt meanwhile would look as if it had not.

use std::time::Duration;

use tokio::time::Instant;

use crate::clock::{self, HashMap};
use crate::cluster::watch::{Health, State};
use crate::controllers::watches::Watches;

/// What was seen of watches that fail, by kind.
#[derive(Debug, Default)]
pub(super) struct WatchHealth(HashMap<&'static str, Streak>);

/// Errors that came close enough together to be one trouble.
#[derive(Clone, Copy, Debug)]
struct Streak {
    errors: u64,
    first: Instant,
    last: Instant,
}

// === impl WatchHealth ===

impl WatchHealth {
    /// Why nothing can be judged; `None` where everything is known. `is_covered` says whether all is
    /// listed that the policy needs.
    pub(super) fn why_idle(&mut self, watches: &Watches, is_covered: bool) -> Option<String> {
        let unlisted = || (!is_covered).then(|| "not everything is listed yet".to_owned());
        self.broken(watches.health()).or_else(unlisted)
    }

    /// Which watch has been failing for too long, and why; `None` where none has.
    fn broken(&mut self, watches: impl Iterator<Item = (&'static str, Health)>) -> Option<String> {
        let now = clock::ticks();
        let mut broken = None;
        for (kind, health) in watches {
            let State::Failing(why) = &health.state else {
                self.0.remove(kind);
                continue;
            };
            let fresh = Streak { errors: health.errors, first: now, last: now };
            let streak = self.0.entry(kind).or_insert(fresh);
            if now.duration_since(streak.last) > QUIET && streak.errors != health.errors {
                *streak = fresh;
            }
            if streak.errors != health.errors {
                (streak.errors, streak.last) = (health.errors, now);
            }
            let fails = now.duration_since(streak.last) <= QUIET;
            if fails && streak.last.duration_since(streak.first) > PATIENCE {
                broken = Some(format!("{kind} cannot be watched: {why}"));
            }
        }
        broken
    }
}

/// Longer than the pause between two attempts: no error for so long means that one worked.
const QUIET: Duration = Duration::from_secs(75);

/// An API server that restarts is away for so long.
const PATIENCE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Health, State, WatchHealth};

    fn failing(errors: u64) -> Health {
        Health { state: State::Failing("forbidden".to_owned()), errors, ..Health::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_fails_on_and_on_is_broken_until_it_works_again() {
        let mut watching = WatchHealth::default();
        let mut look = |health: Health| watching.broken([("jobs", health)].into_iter());
        let pause = |seconds| tokio::time::sleep(Duration::from_secs(seconds));
        assert_eq!(look(failing(1)), None);
        for errors in 2..5 {
            pause(9).await;
            assert_eq!(look(failing(errors)), None, "{errors}");
        }
        pause(9).await;
        assert!(look(failing(5)).is_some_and(|why| why == "jobs cannot be watched: forbidden"));
        // No error for a while, and no event either: it works, and nothing happens.
        pause(76).await;
        assert_eq!(look(failing(5)), None);
        // The next interruption is another one.
        assert_eq!(look(failing(6)), None);
        let following = Health { state: State::Following, errors: 6, ..Health::default() };
        assert_eq!(look(following), None);
    }
}
