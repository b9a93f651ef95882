//! Circles of files: each of its files uses another one of it, directly or through others.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::names::{Module, Sources};

/// Which file uses what of which other.
pub(crate) struct Graph<'s> {
    sources: &'s Sources,
    edges: BTreeMap<Module, BTreeMap<Module, BTreeSet<String>>>,
}

/// Files that cannot be understood without each other.
pub(crate) struct Circle {
    files: Vec<String>,
    /// Who uses whom, and what.
    edges: Vec<(String, String, Vec<String>)>,
}

// === impl Graph ===

impl<'s> Graph<'s> {
    pub(crate) fn of(sources: &'s Sources) -> Self {
        let mut edges = BTreeMap::<_, BTreeMap<_, BTreeSet<_>>>::new();
        for (from, to, name) in sources.uses() {
            edges.entry(from).or_default().entry(to).or_default().insert(name);
        }
        Self { sources, edges }
    }

    /// The circles, the largest first.
    pub(crate) fn circles(&self) -> Vec<Circle> {
        let reached: BTreeMap<&Module, BTreeSet<&Module>> =
            self.edges.keys().map(|module| (module, self.reached(module))).collect();
        let leads = |from: &Module, to: &Module| reached.get(from).is_some_and(|r| r.contains(to));
        let mut done = BTreeSet::new();
        let mut circles = Vec::new();
        for module in self.edges.keys().filter(|module| leads(module, module)) {
            if !done.contains(module) {
                let both = |other: &&Module| leads(module, other) && leads(other, module);
                let members: BTreeSet<&Module> = self.edges.keys().filter(both).collect();
                done.extend(members.iter().copied());
                circles.push(self.circle(&members));
            }
        }
        circles.sort_by_key(|circle| std::cmp::Reverse(circle.len()));
        circles
    }

    /// What a file uses, directly or through others.
    fn reached<'g>(&'g self, from: &'g Module) -> BTreeSet<&'g Module> {
        let mut reached = BTreeSet::new();
        let mut open = vec![from];
        while let Some(module) = open.pop() {
            let next = self.edges.get(module).into_iter().flat_map(BTreeMap::keys);
            open.extend(next.filter(|next| reached.insert(*next)));
        }
        reached
    }

    fn circle(&self, members: &BTreeSet<&Module>) -> Circle {
        let file = |module: &Module| self.sources.file(module);
        let mut edges = Vec::new();
        for from in members {
            for (to, names) in self.edges[*from].iter().filter(|(to, _)| members.contains(to)) {
                edges.push((file(from), file(to), names.iter().cloned().collect()));
            }
        }
        Circle { files: members.iter().map(|module| file(module)).collect(), edges }
    }
}

// === impl Circle ===

impl Circle {
    pub(crate) fn len(&self) -> usize {
        self.files.len()
    }
}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} files: {}", self.len(), self.files.join(", "))?;
        for (from, to, names) in &self.edges {
            writeln!(f, "    {from} uses of {to}: {}", names.join(", "))?;
        }
        Ok(())
    }
}
