//! What the sweeper would do to a cluster, as a document.
//!
//! [`Plan::new`] asks [`super::decide`] about every object of a [`Snapshot`], so that what a plan
//! lists under a frozen clock is what the sweeper then does. A plan is data: it is printed, kept,
//! and carried out once by `sweep`, which takes no plan that somebody has edited ([`Plan::check`])
//! or that was made of another cluster.

mod difference;
mod document;
mod item;
mod options;
mod snapshot;

pub use self::difference::{Changed, Side, difference};
pub use self::document::{BadPlan, Freed, Plan, Tally, Totals};
pub use self::item::{Does, Family, Item};
pub use self::options::Options;
pub use self::snapshot::{BadObject, Snapshot};
use crate::policy::value::Seconds;
use crate::policy::{Diagnostic, Policy, Source};

/// The policy of a clean-up by age: every finished Job without a TTL of its author's, guards on
/// `Skip`. Holds count in full: these Jobs ended long before anybody could have held them. The Jobs of `CronJob`s are left out unless asked for: history limits bound them.
///
/// # Errors
/// None that a caller can cause: the text is ours.
pub fn older_than(age: Seconds, cronjobs: bool) -> Result<Policy, Vec<Diagnostic>> {
    let rules = if cronjobs {
        ""
    } else {
        "  rules:\n    - {name: history-limits, match: {kinds: [CronJob]}, ttl: unset}\n"
    };
    let text = format!(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: older-than}}\n\
         spec:\n  stored: {{action: Delete}}\n  limits: {{hold: 2147483647}}\n  defaults: {{ttl: {}}}\n{rules}",
        age.get()
    );
    let source = Source { name: "--older-than".to_owned(), text };
    Policy::load(&[source]).map(|loaded| loaded.policy)
}
