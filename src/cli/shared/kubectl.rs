//! Being a plug-in of kubectl: under which names kubectl runs us, and how it asks what may be typed
//! next.
//!
//! kubectl finds `kubectl-curfew` on the `PATH` and runs it for `kubectl curfew`; to complete a
//! command line it runs `kubectl_complete-curfew` with the words behind `curfew`, the last of them
//! being the one that is typed. Both are this binary under another name.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::path::Path;

use clap_complete::engine::complete;

/// What we are run as.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::cli) enum Guise {
    /// To say what may be typed next.
    Completion,
    /// As a plug-in, whose usage should read as it was typed.
    Plugin,
    /// Under our own name, or any other.
    Own,
}

// === impl Guise ===

impl Guise {
    /// By the first argument of a process: the path of the binary.
    pub(in crate::cli) fn of(binary: Option<&OsString>) -> Self {
        match binary.and_then(|path| Path::new(path).file_stem()).and_then(OsStr::to_str) {
            Some("kubectl_complete-curfew") => Self::Completion,
            Some("kubectl-curfew") => Self::Plugin,
            _ => Self::Own,
        }
    }
}

/// What may be typed for the last of these words, a line each, as kubectl reads it.
/// `command` is all of ours.
pub(in crate::cli) fn completions(mut command: clap::Command, words: &[OsString]) -> String {
    // The engine wants the name of the program in front, and something to complete.
    let mut line = vec![OsString::from("curfew")];
    line.extend_from_slice(words);
    if line.len() == 1 {
        line.push(OsString::new());
    }
    let last = line.len() - 1;
    let typed = line[last].clone();
    let directory = std::env::current_dir().ok();
    let found = complete(&mut command, line, last, directory.as_deref());
    let mut text = String::new();
    for candidate in found.unwrap_or_default() {
        let value = candidate.get_value().to_string_lossy();
        // Flags are not offered to somebody who has typed nothing.
        if typed.is_empty() && value.starts_with('-') {
            continue;
        }
        let help = candidate.get_help().map(ToString::to_string).unwrap_or_default();
        let help = help.lines().next().unwrap_or_default();
        let _ = writeln!(text, "{value}\t{help}");
    }
    // What kubectl's shell does beyond: nothing (cobra's `ShellCompDirectiveNoFileComp`), or, where
    // we know of nothing, files.
    text.push_str(if text.is_empty() { ":0\n" } else { ":4\n" });
    text
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::CommandFactory as _;
    use rstest::rstest;

    use super::{Guise, completions};
    use crate::cli::Cli;

    #[rstest]
    #[case::own("/usr/bin/curfew", Guise::Own)]
    #[case::plugin("/usr/bin/kubectl-curfew", Guise::Plugin)]
    #[case::plugin_on_windows("kubectl-curfew.exe", Guise::Plugin)]
    #[case::completion("/usr/bin/kubectl_complete-curfew", Guise::Completion)]
    #[case::another("/usr/bin/kubectl-curfews", Guise::Own)]
    fn guises(#[case] binary: &str, #[case] expected: Guise) {
        assert_eq!(Guise::of(Some(&binary.into())), expected);
        assert_eq!(Guise::of(None), Guise::Own);
    }

    #[rstest]
    #[case::nothing(&[], &["plan\t", "cronjobs\t", ":4"])]
    #[case::a_command(&["cron"], &["cronjobs\tShow", ":4"])]
    #[case::a_flag(&["plan", "--old"], &["--older-than\t", ":4"])]
    #[case::a_value(&["plan", "-o", ""], &["table\t", "yaml\t", ":4"])]
    #[case::nothing_is_known(&["nonsense", "x"], &[":0"])]
    fn what_may_be_typed(#[case] words: &[&str], #[case] expected: &[&str]) {
        let words: Vec<OsString> = words.iter().map(Into::into).collect();
        let told = completions(Cli::command(), &words);
        for line in expected {
            assert!(told.lines().any(|own| own.starts_with(line)), "{line:?} in {told}");
        }
    }
}
