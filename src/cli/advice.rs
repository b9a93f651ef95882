//! What is odd about one object under a policy: the policy's lint of objects, given what this
//! object is going to have.

use crate::batch::Object;
use crate::policy::decide::{Decision, Origin, Verdict};
use crate::policy::lint::{self, Lint};
use crate::policy::setting::Setting;

/// Everything that is odd about an object once the decision is carried out; nothing about objects
/// that the policy leaves alone.
pub fn about(object: &Object<'_>, decision: &Decision<'_>) -> Vec<Lint> {
    if decision.verdict != Verdict::Considered {
        return Vec::new();
    }
    let target = |setting| decision.setting(setting).and_then(|settled| settled.target.number());
    // What nobody chose is the API server's default, and means to keep nothing.
    let chosen = |setting: Setting| {
        let settled = decision.setting(setting)?;
        let number = settled.target.number();
        let unset = matches!(settled.source, Origin::Author) && number == setting.api_default();
        number.filter(|_| !unset)
    };
    let history = (chosen(Setting::HistorySuccessful), chosen(Setting::HistoryFailed));
    lint::object(object, target(Setting::Ttl), history, None)
}
