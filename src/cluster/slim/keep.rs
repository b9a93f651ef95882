//! What of an object is worth its memory.

use std::borrow::Cow;

use crate::batch::annotation::LAST_APPLIED;
use crate::batch::text::cut;
use crate::policy::Policy;
use crate::policy::decide::{LONGEST_EVIDENCE, last_applied};
use crate::policy::reads::Reads;
use crate::policy::rule::SchedulerMode;

/// What is kept while decoding: what the policy [`Reads`], and nothing that an author can make as
/// large as an object may be.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Keep {
    pub(super) reads: Reads,
    /// Whether anything asks for the labels of namespaces. Those are kept whole, so this says
    /// nothing of what was decoded, only whether they have to be watched.
    namespaces: bool,
    /// The longest template of a `CronJob` that is kept, in bytes; 0 where nothing is started.
    template: usize,
}

// === impl Keep ===

impl Keep {
    /// What a policy needs.
    pub fn of(policy: &Policy) -> Self {
        let owns = policy.scheduler.mode == SchedulerMode::Own;
        let template = if owns { LARGEST_TEMPLATE } else { 0 };
        Self { reads: policy.reads(), namespaces: policy.needs_namespace_labels(), template }
    }

    /// Whether namespaces have to be watched.
    pub fn needs_namespaces(&self) -> bool {
        self.namespaces
    }

    /// Whether a template of so many bytes is kept.
    pub(super) fn template(&self, bytes: usize) -> bool {
        bytes <= self.template
    }

    /// What is kept of a `CronJob` that is read in order to start it.
    #[must_use]
    pub fn with_template(&self) -> Self {
        Self { template: usize::MAX, ..self.clone() }
    }

    /// What one that reads an annotation needs.
    #[cfg(test)]
    pub(crate) fn with_annotation(key: &str) -> Self {
        Self { reads: Reads::with_annotation(key), ..Self::default() }
    }

    /// Whether what was decoded with `self` does for whoever needs `other`.
    pub fn covers(&self, other: &Self) -> bool {
        self.reads.covers(&other.reads) && self.template >= other.template
    }

    /// What is kept of an annotation; `None` where nobody reads it.
    pub(super) fn annotation<'v>(&self, key: &str, value: &'v str) -> Option<Cow<'v, str>> {
        let read = self.reads.annotation(key)?;
        Some(if key == LAST_APPLIED {
            Cow::Owned(last_applied(value))
        } else {
            Cow::Borrowed(beyond(value, read))
        })
    }
}

/// Whether the template of a `CronJob`, as JSON, is too large to be kept.
pub fn is_large_template(text: &str) -> bool {
    text.len() > LARGEST_TEMPLATE
}

/// A text of which so many bytes are read: what is longer stays too long for whoever reads it, and
/// never becomes equal to what is shorter.
pub(super) fn beyond(text: &str, read: usize) -> &str {
    cut(text, read.saturating_add(LONGEST_CHARACTER))
}

/// A name that may be anybody's invention. Those of objects are shorter, and no more is ever told.
pub(super) fn name(text: &str) -> &str {
    beyond(text, LONGEST_EVIDENCE)
}

/// Of a usual template, in bytes, there are two thousand. A longer one is read for each start: an
/// author may write 1.4 MB.
const LARGEST_TEMPLATE: usize = 16 << 10;

/// Of UTF-8, in bytes.
const LONGEST_CHARACTER: usize = 4;
