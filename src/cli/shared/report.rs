//! Findings as people read them: a line that editors and terminals can jump to, the source line
//! with the place underlined, and how to mend it.
//!
//! Text in, text out; whether there is a terminal to colour is for the caller to know.

use annotate_snippets::renderer::{DEFAULT_ERROR_STYLE, DEFAULT_WARNING_STYLE};
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet, normalize_untrusted_str};
use anstyle::{Effects, Style};

use crate::policy::{Diagnostic, Severity, Source};

/// Renders findings, with an empty line between them and a line break at the end.
///
/// The text of a finding's file is looked up by name; without it there is no source line.
pub fn diagnostics(list: &[Diagnostic], sources: &[Source], color: bool) -> String {
    let text = |file: &str| sources.iter().find(|s| s.name == file).map(|s| s.text.as_str());
    let rendered: Vec<String> =
        list.iter().map(|diagnostic| one(diagnostic, text(&diagnostic.file), color)).collect();
    rendered.join("\n")
}

fn one(diagnostic: &Diagnostic, text: Option<&str>, color: bool) -> String {
    let word = diagnostic.severity.as_str();
    let (style, level) = match diagnostic.severity {
        Severity::Error => (DEFAULT_ERROR_STYLE, Level::ERROR),
        Severity::Warning => (DEFAULT_WARNING_STYLE, Level::WARNING),
    };
    let (style, bold) =
        if color { (style, Style::new().effects(Effects::BOLD)) } else { <_>::default() };
    let Diagnostic { severity: _, code, file, line, column, span: _, message, mend } = diagnostic;
    let (file, message) = (normalize_untrusted_str(file), normalize_untrusted_str(message));
    let mut out = format!(
        "{bold}{file}:{line}:{column}:{bold:#} {style}{word}[{code}]{style:#} {bold}{message}{bold:#}\n"
    );

    let place = text.and_then(|text| underlined(diagnostic, text));
    let mut group = Group::with_level(level);
    if let Some((source, span)) = place {
        let annotation = AnnotationKind::Primary.span(span);
        group = group.element(Snippet::source(source).line_start(*line).annotation(annotation));
    }
    if let Some(mend) = mend {
        group = group.element(Level::HELP.message(normalize_untrusted_str(mend)));
    }
    if !group.is_empty() {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        // On the command line there is no page that a code could link to.
        let body = renderer.hyperlink(false).term_width(WIDTH).render(&[group]);
        out.push_str(&body);
        out.push('\n');
    }
    out
}

/// The line of a finding and what to underline in it; `None` where the whole file is meant. One
/// line only: rendering a whole file once for each finding would take its time.
fn underlined<'t>(
    diagnostic: &Diagnostic,
    text: &'t str,
) -> Option<(&'t str, std::ops::Range<usize>)> {
    let span = &diagnostic.span;
    if span.end == 0 || text.get(span.clone()).is_none() {
        return None;
    }
    let mut start = text[..span.start].rfind('\n').map_or(0, |newline| newline + 1);
    let mut end = text[span.start..].find('\n').map_or(text.len(), |length| span.start + length);
    // Of a very long line, such as JSON without breaks, a window.
    start = start.max(boundary(text, span.start.saturating_sub(2 * WIDTH)));
    end = end.min(boundary(text, span.start + 2 * WIDTH));
    let line = text[start..end].trim_end_matches('\r');
    let end = (span.end - start).min(line.len());
    let from = (span.start - start).min(end);
    Some((line, from..end))
}

/// The last boundary of a character at or before an offset.
pub(in crate::cli) fn boundary(text: &str, offset: usize) -> usize {
    let mut at = offset.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Lines longer than this are cut around what is underlined.
const WIDTH: usize = 120;
