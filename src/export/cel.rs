//! Pieces of CEL: literals, and the conditions that globs and selectors become.

use std::fmt::Write as _;

use crate::policy::glob::Glob;
use crate::policy::selector::{Operator, Requirement};

/// A string literal in single quotes, as people write CEL.
pub(super) fn text(string: &str) -> String {
    let mut literal = String::with_capacity(string.len() + 2);
    literal.push('\'');
    for c in string.chars() {
        match c {
            '\'' | '\\' => literal.extend(['\\', c]),
            '\n' => literal.push_str("\\n"),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                let _ = write!(literal, "\\u{:04x}", u32::from(c));
            }
            c => literal.push(c),
        }
    }
    literal.push('\'');
    literal
}

/// A list of string literals.
pub(super) fn texts<S: AsRef<str>>(strings: impl IntoIterator<Item = S>) -> String {
    let literals: Vec<_> = strings.into_iter().map(|string| text(string.as_ref())).collect();
    format!("[{}]", literals.join(", "))
}

/// Whether a value is one of some strings.
pub(super) fn is_one_of<S: AsRef<str>>(value: &str, strings: &[S]) -> String {
    match strings {
        [string] => format!("{value} == {}", text(string.as_ref())),
        strings => format!("{value} in {}", texts(strings)),
    }
}

/// Whether a name matches one of some globs.
pub(super) fn matches_a_glob(name: &str, globs: &[Glob]) -> String {
    if globs.iter().all(Glob::is_literal) {
        let names: Vec<_> = globs.iter().map(Glob::as_str).collect();
        return is_one_of(name, &names);
    }
    let patterns: Vec<_> = globs.iter().map(pattern).collect();
    format!("{name}.matches({})", text(&anchored(&patterns)))
}

/// Whether a value is what a requirement asks for; it is null where there is none.
pub(super) fn satisfies(value: &str, requirement: &Requirement) -> String {
    let is_one = || is_one_of(value, &requirement.values);
    match requirement.operator {
        Operator::DoesNotExist => format!("{value} == null"),
        Operator::Exists => format!("{value} != null"),
        Operator::In => is_one(),
        Operator::NotIn => format!("!({})", is_one()),
    }
}

/// All of some conditions; true where there are none.
pub(super) fn all(conditions: Vec<String>) -> String {
    joined(conditions, " && ", "true")
}

/// Any of some conditions; false where there are none.
pub(super) fn any(conditions: Vec<String>) -> String {
    joined(conditions, " || ", "false")
}

/// An RE2 pattern of whole strings.
pub(super) fn anchored(patterns: &[String]) -> String {
    match patterns {
        [pattern] => format!("^{pattern}$"),
        patterns => format!("^(?:{})$", patterns.join("|")),
    }
}

/// A pattern that matches a string and nothing else.
pub(super) fn escaped(string: &str) -> String {
    let mut pattern = String::with_capacity(string.len());
    for c in string.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

/// Two or more conditions stand in parentheses if one of them holds the other operator.
fn joined(mut conditions: Vec<String>, operator: &str, none: &str) -> String {
    if conditions.len() < 2 {
        return conditions.pop().unwrap_or_else(|| none.to_owned());
    }
    let other = if operator == " && " { " || " } else { " && " };
    let safe = |condition: String| {
        if condition.contains(other) || condition.contains(" ? ") {
            format!("({condition})")
        } else {
            condition
        }
    };
    conditions.into_iter().map(safe).collect::<Vec<_>>().join(operator)
}

fn pattern(glob: &Glob) -> String {
    let mut pattern = String::new();
    for c in glob.as_str().chars() {
        match c {
            '*' => pattern.push_str(".*"),
            '?' => pattern.push('.'),
            c => pattern.push_str(&escaped(c.encode_utf8(&mut [0; 4]))),
        }
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::{Glob, matches_a_glob, text};

    #[rstest::rstest]
    #[case::plain("dev", "'dev'")]
    #[case::empty("", "''")]
    #[case::quotes(r#"it's "so""#, r#"'it\'s "so"'"#)]
    #[case::backslash(r"a\d", r"'a\\d'")]
    #[case::line_end("a\nb\tc", r"'a\nb\u0009c'")]
    #[case::not_ascii("größe", "'größe'")]
    fn a_literal(#[case] string: &str, #[case] expected: &str) {
        assert_eq!(text(string), expected);
    }

    #[rstest::rstest]
    #[case::one_name(&["team-a"], "n == 'team-a'")]
    #[case::names(&["a", "b"], "n in ['a', 'b']")]
    #[case::glob(&["sandbox-*"], "n.matches('^sandbox-.*$')")]
    #[case::question_mark(&["job-?"], "n.matches('^job-.$')")]
    #[case::a_dot_is_a_dot(&["a.b*"], r"n.matches('^a\\.b.*$')")]
    #[case::mixed(&["a", "b-*"], "n.matches('^(?:a|b-.*)$')")]
    fn globs(#[case] texts: &[&str], #[case] expected: &str) {
        let globs: Vec<_> = texts.iter().map(|glob| Glob::new(glob).unwrap()).collect();
        assert_eq!(matches_a_glob("n", &globs), expected);
    }
}
