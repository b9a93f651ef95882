//! From the text of policy files to a [`Policy`], or to everything that is wrong with them.

use super::code;
use super::lint;
use super::revision;
use crate::policy::file::decode::{self, FromNode, Path};
use crate::policy::file::diagnostic::{Diagnostic, Severity};
use crate::policy::file::document::{File, Spec};
use crate::policy::file::finding::{At, Findings, Span};
use crate::policy::file::source::Source;
use crate::policy::file::{check, compile, node};
use crate::policy::model::policy::Policy;

/// A policy, and what is odd about it.
#[derive(Debug)]
pub struct Loaded {
    pub policy: Policy,
    pub warnings: Vec<Diagnostic>,
}

// === impl Policy ===

impl Policy {
    /// Makes a policy of files, which are given in the order in which their rules count.
    ///
    /// # Errors
    /// Every error in every file, in the order of the files; 200 at most and a count of the rest.
    pub fn load(sources: &[Source]) -> Result<Loaded, Vec<Diagnostic>> {
        if sources.is_empty() {
            return Err(vec![no_files()]);
        }
        let mut findings = Findings::new(sources);
        let Some((policy, spec)) = parse(&mut findings) else {
            return Err(findings.into_diagnostics());
        };
        lint::policy(&policy, &spec, &mut findings);
        Ok(Loaded { policy, warnings: findings.into_diagnostics() })
    }
}

/// Makes a policy of files, and gives what it was made of; `None` where errors were found.
pub(super) fn parse(findings: &mut Findings<'_>) -> Option<(Policy, Spec)> {
    let mut name = None;
    let mut spec = None;
    for file in 0..findings.files() {
        if let Some(File { metadata, spec: next, .. }) = read(file, findings) {
            let next_name = metadata.and_then(|at| at.value.name);
            check::same_policy(name.as_ref(), next_name.as_ref(), findings);
            name = name.or(next_name);
            decode::merge(&mut spec, next, Path::Field(&Path::Root, "spec"), findings);
        }
    }
    let spec = spec.map_or_else(Spec::default, |at| at.value);
    check::spec(&spec, findings);
    if findings.has_errors() {
        return None;
    }
    let name = name.map(|At { value, .. }| value.0).expect("a missing name was reported");
    let mut policy = compile::policy(name, &spec, findings);
    policy.revision = revision::of(&policy);
    Some((policy, spec))
}

/// Reads one file; `None` where it is no policy that this build could read.
fn read(file: usize, findings: &mut Findings<'_>) -> Option<File> {
    let length = findings.lines(file).text().len();
    if length > MAX_FILE_BYTES {
        let message = format!("the file has {length} bytes, and may have {MAX_FILE_BYTES}");
        return findings
            .error(code::TOO_LARGE, Span::top(file), message)
            .refuse("give parts of it files of their own: a directory of them is one policy");
    }
    let node = node::read(file, findings)?;
    if check::other_document(&node, findings) {
        return None;
    }
    File::from_node(&node, Path::Root, findings)
}

fn no_files() -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        code: code::EMPTY,
        file: "policy".to_owned(),
        line: 1,
        column: 1,
        span: 0..0,
        message: "there is no policy file".to_owned(),
        mend: Some("give a file, or a directory with files named *.yaml or *.yml".to_owned()),
    }
}

/// No policy that people write comes near it, and it bounds what a bad one costs.
const MAX_FILE_BYTES: usize = 1 << 20;
