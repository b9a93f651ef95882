//! What the client is told: that a value of its author was changed, or that a dangerous one was
//! left. Given in the call that changes or brings the value, and in no other.

use crate::batch::{Kind, annotation};
use crate::policy::model::rule::Rule;
use crate::policy::model::setting::{Setting, Value};
use crate::policy::model::settings::GuardKind;

use super::case::Case;
use super::decision::Origin;
use super::input::Operation;

// === impl Case ===

impl Case<'_, '_> {
    /// Tells that an author's value is replaced by another.
    pub(super) fn warn_of_change(
        &mut self,
        setting: Setting,
        author: &Value,
        target: &Value,
        source: Origin<'_>,
    ) {
        let present = setting.of(self.input.object);
        // A reinvocation meets our own value, and has nothing to tell; nor does a stored object.
        if author.is_absent() || target == author || *target == present {
            return;
        }
        // A clamped value is told to whoever brings it; anything else to whoever sets it off.
        let told = match source {
            Origin::Limits => self.brought(setting),
            _ => self.input.operation != Operation::Stored,
        };
        if !told {
            return;
        }
        let path = setting.path(self.input.object.kind).unwrap_or_default();
        let field = path.last().copied().unwrap_or_default();
        let (why, rule) = match source {
            Origin::Limits => ("by the limits of the policy".to_owned(), None),
            Origin::Guards => ("by the floor for guarded Jobs".to_owned(), None),
            Origin::Hold => ("by its hold".to_owned(), None),
            Origin::Rule(rule) => (format!("by rule {}", rule.name), Some(rule)),
            Origin::Author | Origin::Defaults => ("by the policy".to_owned(), None),
        };
        let mut text = format!("{field}: {author} becomes {target} {why}");
        if text.len() > LONGEST {
            text = format!("{field}: {author} -> {target} ({})", source.as_str());
        }
        self.warn(text, rule);
    }

    /// Tells that a deploy hook may be gone before its tool has seen it finish.
    pub(super) fn warn_of_hook(&mut self) {
        let is_hook = self.guards.iter().any(|hit| hit.guard == GuardKind::DeployHooks);
        let settled = self.settled.iter().find(|settled| settled.setting == Setting::Ttl);
        let Some(ttl) = settled.and_then(|settled| settled.target.number()) else { return };
        let short = (0..SHORTEST_FOR_HOOKS).contains(&ttl);
        if is_hook && short && self.brought(Setting::Ttl) && self.input.object.kind == Kind::Job {
            self.warnings.push(format!(
                "deploy hook with a TTL of {ttl}s: its tool may wait for ever for a Job that is gone"
            ));
        }
    }

    /// Tells that the object's annotations leave no room to write down what would be changed.
    pub(super) fn warn_of_no_room(&mut self) {
        let most = annotation::MOST_BYTES;
        self.warnings.push(format!(
            "curfew changes nothing: with its record the annotations would pass {most} bytes"
        ));
    }

    /// Adds a warning, with the rule's reason in the same line where it fits.
    fn warn(&mut self, text: String, rule: Option<&Rule>) {
        match rule.and_then(|rule| rule.reason.as_deref()) {
            None => self.warnings.push(text),
            Some(reason) if text.len() + reason.len() + 3 <= LONGEST => {
                self.warnings.push(format!("{text} ({reason})"));
            }
            Some(reason) => {
                self.warnings.push(text);
                self.warnings.push(reason.to_owned());
            }
        }
    }
}

/// Tools poll their hooks; below a minute some have been seen to miss the end.
const SHORTEST_FOR_HOOKS: i64 = 60;

/// What the API server advises for a warning, in bytes.
const LONGEST: usize = 120;
