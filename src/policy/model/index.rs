//! Which rules can match an object at all.
//!
//! A cluster's policy may hold thousands of rules, nearly all of them for one namespace or one
//! label. Each rule is filed once, under the most selective thing that it asks for; an object then
//! looks up what it has and gets a short list of candidates, in the order of the rules. Whether a
//! candidate really matches is for [`super::rule::Match`] to say: the index may offer too many rules,
//! and never too few.

use std::collections::HashMap;

use super::glob::Glob;
use super::rule::Rule;
use super::selector::{Operator, Requirement};
use super::subject::Subject;

/// Rules by what they ask for. Positions are those in the list of rules.
#[derive(Debug, Default)]
pub struct Index {
    namespaces: Globs,
    names: Globs,
    labels: HashMap<String, HashMap<String, Vec<usize>>>,
    /// Rules that ask for nothing that can be looked up.
    others: Vec<usize>,
}

/// Globs that begin with a literal, by that literal.
#[derive(Debug, Default)]
pub(in crate::policy) struct Globs {
    literal: HashMap<String, Vec<usize>>,
    prefix: HashMap<String, Vec<usize>>,
    /// The lengths of the prefixes, rising: a name is cut at each of them and looked up.
    lengths: Vec<usize>,
}

// === impl Index ===

impl Index {
    /// Files every rule.
    pub fn new(rules: &[Rule]) -> Self {
        let mut index = Self::default();
        for (position, rule) in rules.iter().enumerate() {
            index.file(position, rule);
        }
        index
    }

    /// The positions of the rules that can match, rising.
    pub fn candidates(&self, subject: &Subject<'_>) -> Vec<usize> {
        let mut found = self.beside_namespaces(subject);
        self.namespaces.find(subject.namespace, &mut found);
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Of the rules that are filed under namespaces, those that can match in one; in any order.
    pub(in crate::policy) fn in_namespace(&self, namespace: &str) -> Vec<usize> {
        let mut found = Vec::new();
        self.namespaces.find(namespace, &mut found);
        found
    }

    /// The rules that can match and are not filed under namespaces; in any order.
    pub(in crate::policy) fn beside_namespaces(&self, subject: &Subject<'_>) -> Vec<usize> {
        let mut found = self.others.clone();
        self.names.find(subject.name, &mut found);
        if !self.labels.is_empty() {
            for (key, value) in subject.every_label() {
                let filed = self.labels.get(key).and_then(|values| values.get(value));
                found.extend(filed.into_iter().flatten());
            }
        }
        found
    }

    fn file(&mut self, position: usize, rule: &Rule) {
        let matcher = &rule.matcher;
        if Globs::can_hold(&matcher.namespaces) {
            self.namespaces.insert(position, &matcher.namespaces);
        } else if Globs::can_hold(&matcher.names) {
            self.names.insert(position, &matcher.names);
        } else if let Some(Requirement { key, values, .. }) =
            matcher.label_requirements().find(|asked| asked.operator == Operator::In)
        {
            let by_value = self.labels.entry(key.clone()).or_default();
            for value in values {
                by_value.entry(value.clone()).or_default().push(position);
            }
        } else {
            self.others.push(position);
        }
    }
}

// === impl Globs ===

impl Globs {
    /// Whether all of the globs can be looked up, so that filing them loses no match.
    pub(in crate::policy) fn can_hold(globs: &[Glob]) -> bool {
        !globs.is_empty() && globs.iter().all(|glob| !glob.literal_prefix().is_empty())
    }

    pub(in crate::policy) fn insert(&mut self, position: usize, globs: &[Glob]) {
        for glob in globs {
            let prefix = glob.literal_prefix();
            let table = if glob.is_literal() { &mut self.literal } else { &mut self.prefix };
            table.entry(prefix.to_owned()).or_default().push(position);
            if !glob.is_literal()
                && let Err(at) = self.lengths.binary_search(&prefix.len())
            {
                self.lengths.insert(at, prefix.len());
            }
        }
    }

    /// The positions of those that can match a name, or take in another glob of that text.
    pub(in crate::policy) fn find(&self, name: &str, found: &mut Vec<usize>) {
        found.extend(self.literal.get(name).into_iter().flatten());
        for length in &self.lengths {
            let Some(prefix) = name.get(..*length) else { break };
            found.extend(self.prefix.get(prefix).into_iter().flatten());
        }
    }

    /// How many look-ups it takes to find something.
    pub(in crate::policy) fn looks(&self) -> usize {
        1 + self.lengths.len()
    }
}
