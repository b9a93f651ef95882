//! Findings while they are being collected: a place in one of the files, and what is wrong there.
//!
//! Decoders and checks put what they find into [`Findings`] and go on, so that one run shows every
//! error of every file. Only at the end are places turned into lines and columns.

use super::diagnostic::{Diagnostic, Severity};
use super::locate::Lines;
use super::source::Source;
use crate::policy::code;

/// Bytes of one of the files.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::policy) struct Span {
    /// The position of the file in the list of sources.
    pub(in crate::policy) file: usize,
    pub(in crate::policy) start: usize,
    pub(in crate::policy) end: usize,
}

/// A value and where it stands.
#[derive(Clone, Copy, Debug)]
pub(in crate::policy) struct At<T> {
    /// The key, or the value itself in a list.
    pub(in crate::policy) key: Span,
    /// The value.
    pub(in crate::policy) span: Span,
    pub(in crate::policy) value: T,
}

/// One finding.
#[derive(Debug)]
pub(in crate::policy) struct Finding {
    severity: Severity,
    code: &'static str,
    span: Span,
    message: String,
    mend: Option<String>,
}

/// What was found: the first in the order of the files, and how many more there are.
#[derive(Debug)]
pub(in crate::policy) struct Findings<'s> {
    files: Vec<(&'s str, Lines<'s>)>,
    list: Vec<Finding>,
    /// How many findings were dropped, because more than [`SHOWN`] stand before them: there may be
    /// one for each byte or two of a file.
    hidden: usize,
    has_errors: bool,
    /// See [`Findings::may_suggest`].
    suggested: usize,
}

// === impl At ===

impl<T> At<T> {
    /// Another value that stands in the same place.
    pub(in crate::policy) fn map<U>(&self, with: impl FnOnce(&T) -> U) -> At<U> {
        At { key: self.key, span: self.span, value: with(&self.value) }
    }
}

// === impl Finding ===

impl Finding {
    /// Says how to mend it.
    pub(in crate::policy) fn mend(&mut self, mend: impl Into<String>) {
        self.mend = Some(mend.into());
    }

    /// The same where nothing comes of what was read.
    pub(in crate::policy) fn refuse<T>(&mut self, mend: impl Into<String>) -> Option<T> {
        self.mend(mend);
        None
    }
}

// === impl Findings ===

impl<'s> Findings<'s> {
    pub(in crate::policy) fn new(sources: &'s [Source]) -> Self {
        let files = sources.iter().map(|source| (source.name.as_str(), Lines::new(&source.text)));
        Self {
            files: files.collect(),
            list: Vec::new(),
            hidden: 0,
            has_errors: false,
            suggested: 0,
        }
    }

    /// Adds an error.
    pub(in crate::policy) fn error(
        &mut self,
        code: &'static str,
        span: Span,
        message: impl Into<String>,
    ) -> &mut Finding {
        self.push(Severity::Error, code, span, message.into())
    }

    /// Adds a warning.
    pub(in crate::policy) fn warning(
        &mut self,
        code: &'static str,
        span: Span,
        message: impl Into<String>,
    ) -> &mut Finding {
        self.push(Severity::Warning, code, span, message.into())
    }

    /// Whether a policy must not be made of these files.
    pub(in crate::policy) fn has_errors(&self) -> bool {
        self.has_errors
    }

    /// Whether to search for what was meant by one more finding. As findings of one kind are made in
    /// the order in which they stand, those after [`SHOWN`] of them are not shown.
    pub(in crate::policy) fn may_suggest(&mut self) -> bool {
        self.suggested += 1;
        self.suggested <= SHOWN
    }

    /// How many files there are.
    pub(in crate::policy) fn files(&self) -> usize {
        self.files.len()
    }

    /// The lines of a file.
    pub(in crate::policy) fn lines(&self, file: usize) -> &Lines<'s> {
        &self.files[file].1
    }

    /// The text that a span covers.
    pub(in crate::policy) fn text(&self, span: Span) -> &'s str {
        self.lines(span.file).text().get(span.start..span.end).unwrap_or_default()
    }

    /// File and line of a span.
    pub(in crate::policy) fn origin(&self, span: Span) -> (&'s str, usize) {
        let (name, lines) = &self.files[span.file];
        (name, lines.position(span.start).0)
    }

    /// A place as messages name it: `10-base.yaml:18`.
    pub(in crate::policy) fn place(&self, span: Span) -> String {
        let (name, line) = self.origin(span);
        format!("{name}:{line}")
    }

    /// Everything in the order of the files, with lines and columns. Beyond [`SHOWN`] the rest is
    /// only counted: nobody reads them, and mending the first often mends the others.
    pub(in crate::policy) fn into_diagnostics(mut self) -> Vec<Diagnostic> {
        self.keep_the_first();
        let hidden = self.hidden;
        if hidden > 0 {
            let last = self.list[SHOWN - 1].span;
            let message = match hidden {
                1 => "1 more finding is not shown".to_owned(),
                _ => format!("{hidden} more findings are not shown"),
            };
            let severity = self.list.iter().map(|finding| finding.severity).min();
            self.push(severity.unwrap_or(Severity::Error), code::MORE, last, message)
                .mend("mend these first");
        }
        let Self { files, list, hidden: _, has_errors: _, suggested: _ } = self;
        list.into_iter()
            .map(|finding| {
                let Finding { severity, code, span, message, mend } = finding;
                let (name, lines) = &files[span.file];
                let (line, column) = lines.position(span.start);
                let file = (*name).to_owned();
                let span = span.start..span.end.max(span.start);
                Diagnostic { severity, code, file, line, column, span, message, mend }
            })
            .collect()
    }

    /// Puts the findings into the order of the files, and drops those that are not shown.
    fn keep_the_first(&mut self) {
        self.list.sort_by_key(|finding| (finding.span.file, finding.span.start));
        self.hidden += self.list.len().saturating_sub(SHOWN);
        self.list.truncate(SHOWN);
    }

    fn push(
        &mut self,
        severity: Severity,
        code: &'static str,
        span: Span,
        message: String,
    ) -> &mut Finding {
        if self.list.len() >= 2 * SHOWN {
            self.keep_the_first();
        }
        self.has_errors |= severity == Severity::Error;
        self.list.push(Finding { severity, code, span, message, mend: None });
        self.list.last_mut().expect("a finding was pushed")
    }
}

// === impl Span ===

impl Span {
    /// The very beginning of a file, for what is wrong with all of it.
    pub(in crate::policy) const fn top(file: usize) -> Self {
        Self { file, start: 0, end: 0 }
    }
}

/// How many findings one run shows.
const SHOWN: usize = 200;
