//! In which namespaces anything is written: in all of them, or in a few, and the rest is only looked
//! at.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Where we write; everywhere unless somebody named namespaces. On the Lease, a list of names.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Reach(Option<BTreeSet<String>>);

// === impl Reach ===

impl Reach {
    /// In every namespace.
    pub const EVERYWHERE: Self = Self(None);

    /// Only these namespaces; everywhere where none is named.
    pub fn only(namespaces: impl IntoIterator<Item = String>) -> Self {
        let namespaces: BTreeSet<String> = namespaces.into_iter().collect();
        Self((!namespaces.is_empty()).then_some(namespaces))
    }

    /// The namespaces; `None` for all of them.
    pub fn namespaces(&self) -> Option<&BTreeSet<String>> {
        self.0.as_ref()
    }

    /// Whether no namespace is left out.
    pub const fn is_everywhere(&self) -> bool {
        self.0.is_none()
    }

    /// Whether anything is written in a namespace.
    pub fn covers(&self, namespace: &str) -> bool {
        self.0.as_ref().is_none_or(|own| own.contains(namespace))
    }

    /// Whether another one goes nowhere that this one does not.
    pub fn includes(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(own), Some(other)) => own.is_superset(other),
        }
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(namespaces) = &self.0 else { return f.write_str("everywhere") };
        let namespaces: Vec<&str> = namespaces.iter().map(String::as_str).collect();
        write!(f, "only in {}", namespaces.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::Reach;

    fn only(names: &[&str]) -> Reach {
        Reach::only(names.iter().map(ToString::to_string))
    }

    #[rstest]
    #[case::the_same(&["a", "b"], &["b", "a"], true)]
    #[case::fewer(&["a", "b"], &["a"], true)]
    #[case::another(&["a", "b"], &["a", "c"], false)]
    #[case::everything(&["a"], &[], false)]
    #[case::of_everything(&[], &["a"], true)]
    #[case::all_of_everything(&[], &[], true)]
    fn one_includes_another(#[case] one: &[&str], #[case] other: &[&str], #[case] expected: bool) {
        assert_eq!(only(one).includes(&only(other)), expected);
    }

    #[test]
    fn it_covers_what_it_names() {
        assert!(only(&[]).covers("a") && only(&["a", "b"]).covers("b"));
        assert!(!only(&["a"]).covers("b") && !only(&["a"]).covers(""));
    }

    #[test]
    fn it_reads_what_it_writes() {
        for (reach, text) in [(only(&[]), "everywhere"), (only(&["b", "a"]), "only in a, b")] {
            assert_eq!(reach.to_string(), text);
            let json = serde_json::to_string(&reach).unwrap();
            assert_eq!(serde_json::from_str::<Reach>(&json).unwrap(), reach);
        }
        // No list of names is one that leaves every namespace out.
        assert!(serde_json::from_str::<Reach>("{}").is_err());
    }
}
