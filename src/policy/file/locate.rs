//! Where things stand in a text: marks of the YAML library to byte offsets, byte offsets to the
//! lines and columns that people count, and how far a token reaches.
//!
//! Everything here is about showing a place, and nothing about what stands there: a span that is
//! a little too short underlines less, and does no other harm.

use std::ops::Range;

/// A text and where its lines begin.
///
/// A policy may be one long line of JSON, so no look-up may walk a line from its beginning: that
/// would take time with the square of the file.
#[derive(Debug)]
pub(in crate::policy) struct Lines<'t> {
    text: &'t str,
    /// Offsets at which lines begin as editors count them: after each `\n`.
    starts: Vec<usize>,
    /// How many characters stand before each line as the YAML library counts lines; it also breaks
    /// them at `\r` and at three characters of Unicode.
    yaml_starts: Vec<usize>,
    /// The offset of every [`STEP`]th character.
    steps: Vec<usize>,
}

// === impl Lines ===

impl<'t> Lines<'t> {
    pub(in crate::policy) fn new(text: &'t str) -> Self {
        // The library is given the text without a byte order mark, and editors do not show it.
        let mark = text.starts_with(BYTE_ORDER_MARK);
        let mut starts = vec![if mark { BYTE_ORDER_MARK.len_utf8() } else { 0 }];
        let mut yaml_starts = vec![usize::from(mark)];
        let mut steps = Vec::new();
        let mut chars = text.char_indices().enumerate().peekable();
        while let Some((count, (at, c))) = chars.next() {
            if count % STEP == 0 {
                steps.push(at);
            }
            let before_newline = matches!(chars.peek(), Some((_, (_, '\n'))));
            match c {
                '\n' => {
                    starts.push(at + 1);
                    yaml_starts.push(count + 1);
                }
                '\r' if before_newline => {}
                '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => yaml_starts.push(count + 1),
                _ => {}
            }
        }
        Self { text, starts, yaml_starts, steps }
    }

    pub(in crate::policy) fn text(&self) -> &'t str {
        self.text
    }

    /// The byte offset of a mark of the YAML library: line and column counted from 1, the column
    /// in characters.
    pub(in crate::policy) fn offset(&self, line: usize, column: usize) -> usize {
        let start = line.checked_sub(1).and_then(|line| self.yaml_starts.get(line));
        let Some(count) = start.map(|start| start + column.saturating_sub(1)) else {
            return self.text.len();
        };
        let Some(step) = self.steps.get(count / STEP) else { return self.text.len() };
        let mut chars = self.text[*step..].char_indices();
        chars.nth(count % STEP).map_or(self.text.len(), |(at, _)| step + at)
    }

    /// Line and column of a byte offset as people count them: from 1, columns in characters.
    pub(in crate::policy) fn position(&self, offset: usize) -> (usize, usize) {
        let offset = offset.max(self.starts[0]);
        let line = self.starts.partition_point(|start| *start <= offset);
        // The first line begins at or before the offset, so there is one.
        let start = self.starts[line - 1];
        (line, self.characters_before(offset) - self.characters_before(start) + 1)
    }

    /// How many characters begin before an offset.
    fn characters_before(&self, offset: usize) -> usize {
        let Some(steps) = self.steps.partition_point(|step| *step <= offset).checked_sub(1) else {
            return 0;
        };
        let step = self.steps[steps];
        let chars = self.text[step..].char_indices();
        steps * STEP + chars.take_while(|(at, _)| step + at < offset).count()
    }

    /// Where the value of a scalar begins whose event begins at `start`: after its anchor or tag.
    pub(in crate::policy) fn after_properties(&self, start: usize) -> usize {
        let mut rest = &self.text[start..];
        while rest.starts_with(['&', '!']) {
            let end = rest.find(|c: char| c.is_whitespace() || ",]}".contains(c));
            rest = end.map_or("", |end| rest[end..].trim_start());
        }
        self.text.len() - rest.len()
    }

    /// The end of the scalar that begins at `start`; `plain` is its text where that is known.
    pub(in crate::policy) fn scalar_end(&self, start: usize, plain: Option<&str>) -> usize {
        let rest = &self.text[start..];
        let length = match (rest.chars().next(), plain) {
            (Some('"'), _) => closing_double(rest),
            (Some('\''), _) => closing_single(rest),
            (Some('|' | '>'), _) => None,
            (_, Some(plain)) if rest.starts_with(plain) => Some(plain.len()),
            (_, Some(_)) => None,
            (_, None) => rest.find(|c: char| c.is_whitespace() || ",:]}".contains(c)),
        };
        length.map_or_else(|| self.line_end(start), |length| start + length)
    }

    /// The span of a container whose first child begins at `child`; `after` is the end of the
    /// token that the YAML library reported before it.
    pub(in crate::policy) fn container(
        &self,
        open: char,
        after: usize,
        child: Option<usize>,
    ) -> Range<usize> {
        let start = match child {
            Some(child) => {
                let before = self.text[..child].trim_end();
                let block = open == '[' && before.ends_with('-');
                if before.ends_with(open) || block { before.len() - 1 } else { child }
            }
            None => self.next_bracket(open, after).unwrap_or(after),
        };
        start..self.closing_bracket(start).unwrap_or_else(|| self.line_end(start))
    }

    /// Where the first alias stands, as far as that can be told without reading the file.
    pub(in crate::policy) fn first_alias(&self) -> Option<usize> {
        let opens = |line: &str, at: usize| {
            let before = line[..at].chars().next_back();
            let after = line[at + 1..].chars().next();
            before.is_some_and(|c| c.is_whitespace() || "[{,".contains(c))
                && after.is_some_and(|c| c.is_alphanumeric() || c == '_')
        };
        let ends = self.starts[1..].iter().copied().chain([self.text.len()]);
        self.starts.iter().zip(ends).find_map(|(start, end)| {
            let line = &self.text[*start..end];
            let code = if line.starts_with('#') { "" } else { line };
            let code = code.find(" #").map_or(code, |comment| &code[..comment]);
            let mut stars = code.match_indices('*').map(|(at, _)| at);
            stars.find(|at| opens(code, *at)).map(|at| start + at)
        })
    }

    /// The next `[` or `{` after `from`, if nothing but brackets and comments stands before it.
    fn next_bracket(&self, open: char, from: usize) -> Option<usize> {
        let mut rest = &self.text[from..];
        loop {
            rest = rest.trim_start_matches(|c: char| {
                c.is_whitespace() || ":,-[]{}".contains(c) && c != open
            });
            if rest.starts_with('#') {
                rest = &rest[rest.find('\n')?..];
            } else {
                return rest.starts_with(open).then_some(self.text.len() - rest.len());
            }
        }
    }

    /// The end of the line on which `start` stands, without trailing space or comment.
    pub(in crate::policy) fn line_end(&self, start: usize) -> usize {
        let line = self.rest_of_line(start);
        let code = line.find(" #").map_or(line, |comment| &line[..comment]);
        start + code.trim_end().len()
    }

    /// What stands on the line from `start` on, as far as anybody wants to see it underlined.
    fn rest_of_line(&self, start: usize) -> &'t str {
        let mut end = self.text.len().min(start + FAR);
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        self.text[start..end].lines().next().unwrap_or_default()
    }

    /// The end of a bracket that opens at `start` and closes on the same line.
    fn closing_bracket(&self, start: usize) -> Option<usize> {
        if !self.text[start..].starts_with(['[', '{']) {
            return None;
        }
        let mut depth = 0;
        for (at, c) in self.rest_of_line(start).char_indices() {
            match c {
                '[' | '{' => depth += 1,
                ']' | '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Some(start + at + 1);
            }
        }
        None
    }
}

/// The length of a double-quoted scalar, if it closes.
fn closing_double(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().skip(1).find_map(|(at, c)| {
        let closes = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        closes.then_some(at + 1)
    })
}

/// The length of a single-quoted scalar, if it closes; a doubled quote stands for one.
fn closing_single(text: &str) -> Option<usize> {
    let mut from = 1;
    loop {
        let quote = from + text.get(from..)?.find('\'')?;
        if text[quote + 1..].starts_with('\'') {
            from = quote + 2;
        } else {
            return Some(quote + 1);
        }
    }
}

/// What some editors put in front of a text.
pub(in crate::policy) const BYTE_ORDER_MARK: char = '\u{feff}';

/// So many characters between two whose offsets are kept.
const STEP: usize = 256;

/// So many bytes are looked at for the end of what is to be underlined.
const FAR: usize = 2_000;
