//! A compiled policy as a whole, ready to be asked.
//!
//! Whoever holds a [`Policy`] holds one that loaded without an error: the loader alone builds it,
//! and nothing downstream checks it again.

use std::collections::BTreeSet;

use super::index::Index;
use super::rule::{Exempt, Guards, Rule, Scheduler, Stored};
use super::selector::Selector;
use super::settings::{Mode, Settings};

/// All files of a policy, merged, checked and indexed.
#[derive(Debug)]
pub struct Policy {
    /// `metadata.name`, the same in every file.
    pub name: String,
    /// A hash of everything that decides, built-in lists included: 12 hexadecimal digits.
    pub revision: String,
    /// `spec.mode`.
    pub mode: Mode,
    pub exempt: Exempt,
    pub guards: Guards,
    /// In the order in which they are asked: files in byte order of their names, rules in order.
    pub rules: Vec<Rule>,
    pub defaults: Settings,
    /// What holds where neither a rule nor the defaults say anything: limits, guards, and once more
    /// `mode` and `stored.action`.
    pub top: Settings,
    pub stored: Stored,
    pub scheduler: Scheduler,
    /// See [`Policy::needs_namespace_labels`].
    pub(in crate::policy) asks_namespaces: bool,
    pub(in crate::policy) index: Index,
}

// === impl Policy ===

impl Policy {
    /// Whether any decision asks for labels of namespaces: without them, who cannot know them must
    /// refuse the policy, and who can need not watch namespaces (policy.md, point 14).
    pub const fn needs_namespace_labels(&self) -> bool {
        self.asks_namespaces
    }

    /// The labels of namespaces that any decision asks for.
    pub fn namespace_label_keys(&self) -> BTreeSet<&str> {
        let of_rules =
            self.rules.iter().filter_map(|rule| rule.matcher.namespace_selector.as_ref());
        let all = self.exempt.namespace_selector.iter().chain(of_rules);
        all.flat_map(Selector::keys).collect()
    }
}

/// Whether a namespace is a system namespace or our own.
pub fn protects(namespace: &str, own_namespace: Option<&str>) -> bool {
    SYSTEM_NAMESPACES.contains(&namespace) || own_namespace == Some(namespace)
}

/// Namespaces that are never considered, whatever the policy says.
pub const SYSTEM_NAMESPACES: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];
