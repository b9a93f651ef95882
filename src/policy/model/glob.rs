//! Globs over names: anchored, case-sensitive, `*` and `?` only.

use std::fmt;

/// A pattern such as `team-a`, `sandbox-*` or `job-?`.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Glob(String);

// === impl Glob ===

impl Glob {
    /// A glob, if the text can match a Kubernetes name at all.
    ///
    /// # Errors
    /// A sentence that names the character that cannot stand in a name.
    pub fn new(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("an empty glob matches nothing".to_owned());
        }
        if text.len() > LONGEST_NAME {
            return Err(format!("no name is longer than {LONGEST_NAME} characters"));
        }
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.*?".contains(c);
        match text.chars().find(|c| !allowed(*c)) {
            Some(c) => Err(format!(
                "{c:?} cannot stand in a name: a glob holds lower case letters, digits, `-`, `.`, \
                 `*` and `?`"
            )),
            None => Ok(Self(text.to_owned())),
        }
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text before the first wildcard.
    pub fn literal_prefix(&self) -> &str {
        self.0.find(['*', '?']).map_or(self.0.as_str(), |end| &self.0[..end])
    }

    /// Whether the pattern has no wildcard and so matches one name only.
    pub fn is_literal(&self) -> bool {
        self.literal_prefix().len() == self.0.len()
    }

    /// Whether the pattern matches the whole name.
    pub fn matches(&self, name: &str) -> bool {
        self.swallow(name, |_| true).0
    }

    /// Whether the pattern certainly matches every name that another one does, and how many steps it
    /// took to say so. In the other's text a `*` can only be swallowed by a `*`.
    pub(in crate::policy) fn takes_in(&self, narrow: &Self) -> (bool, usize) {
        self.swallow(narrow.as_str(), |byte| byte != b'*')
    }

    /// Whether the pattern matches a whole text, in which a `?` stands for some bytes.
    fn swallow(&self, text: &str, stands_for: impl Fn(u8) -> bool) -> (bool, usize) {
        let (pattern, text) = (self.0.as_bytes(), text.as_bytes());
        let (mut p, mut t) = (0, 0);
        // Where to go on when a match fails: after the last star, one more byte swallowed. One
        // star to go back to is enough, which bounds the work by the product of the lengths.
        let mut retry: Option<(usize, usize)> = None;
        let mut steps = 2;
        while t < text.len() {
            match pattern.get(p) {
                Some(b'*') => {
                    retry = Some((p + 1, t));
                    p += 1;
                }
                Some(&byte) if byte == text[t] || byte == b'?' && stands_for(text[t]) => {
                    p += 1;
                    t += 1;
                }
                _ => {
                    let Some((after_star, swallowed)) = retry else { return (false, steps) };
                    retry = Some((after_star, swallowed + 1));
                    (p, t) = (after_star, swallowed + 1);
                }
            }
            steps += 1;
        }
        (pattern[p..].iter().all(|byte| *byte == b'*'), steps)
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `DNS1123SubdomainMaxLength` of `k8s.io/apimachinery/pkg/util/validation`.
const LONGEST_NAME: usize = 253;

#[cfg(test)]
mod tests {
    use super::Glob;

    #[rstest::rstest]
    #[case::literal("team-a", "team-a", true)]
    #[case::anchored_at_the_end("team-a", "team-ab", false)]
    #[case::anchored_at_the_start("team-a", "my-team-a", false)]
    #[case::star_matches_nothing_too("sandbox-*", "sandbox-", true)]
    #[case::star_in_front("*-etl", "daily-etl", true)]
    #[case::two_stars("*-etl-*", "daily-etl-1", true)]
    #[case::star_goes_back("*ab", "aab", true)]
    #[case::question_mark("job-?", "job-1", true)]
    #[case::question_mark_needs_a_byte("job-?", "job-", false)]
    #[case::star_alone("*", "", true)]
    #[case::case_matters("a", "A", false)]
    fn matches(#[case] glob: &str, #[case] name: &str, #[case] expected: bool) {
        assert_eq!(Glob::new(glob).unwrap().matches(name), expected);
    }

    #[test]
    fn many_stars_end_soon() {
        let glob = Glob::new(&format!("{}b", "a*".repeat(60))).unwrap();
        assert!(!glob.matches(&"a".repeat(250)));
    }

    #[test]
    fn what_cannot_match_a_name_is_refused() {
        assert!(Glob::new("").is_err());
        assert!(Glob::new(&"a".repeat(253)).is_ok() && Glob::new(&"a".repeat(254)).is_err());
        assert!(Glob::new("Team").is_err());
        assert!(Glob::new("[ab]").unwrap_err().starts_with("'['"));
    }
}
