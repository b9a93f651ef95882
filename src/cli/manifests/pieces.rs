//! A text, cut into documents as kubectl cuts it.
//!
//! The entry point is [`each`]. What begins like JSON is read as JSON values that follow one another;
//! where that fails after one of them at most, and for all else, the rest is cut at lines of `---`.
//! So one broken document does not hide the next.

use serde_json::value::RawValue;

use crate::cli::yaml::read::{self, Tree};
use crate::cli::yaml::{BadText, newlines};

/// A document, and what became of reading it. Lines count from 1.
pub(super) struct Piece<'t> {
    /// Counted from 1.
    pub(super) number: usize,
    /// The line with the mark in front of it; `start` where there is none.
    pub(super) mark: usize,
    /// The line on which its text starts.
    pub(super) start: usize,
    pub(super) text: &'t str,
    /// Its places count from `start`.
    pub(super) read: Result<Tree, BadText>,
}

/// What cuts a text.
struct Cutter<F> {
    /// How many there were.
    number: usize,
    visit: F,
}

/// Cuts a text, whose lines end without carriage returns, reads the pieces, and hands on each: all
/// their trees together could fill the memory.
pub(super) fn each<'t>(text: &'t str, visit: impl FnMut(Piece<'t>)) {
    let mut cutter = Cutter { number: 0, visit };
    let mut beginning = text.len().min(LOOKS_AT);
    while !text.is_char_boundary(beginning) {
        beginning -= 1;
    }
    if text[..beginning].trim_start().starts_with('{') {
        cutter.json(text);
    } else {
        cutter.yaml(text, 1, None);
    }
}

// === impl Cutter ===

impl<'t, F: FnMut(Piece<'t>)> Cutter<F> {
    fn json(&mut self, text: &'t str) {
        let mut stream = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
        // Counted once for the whole: a stream may hold a hundred thousand values.
        let (mut counted, mut line) = (0, 1);
        let mut line_at = |offset: usize| {
            line += newlines(&text[counted..offset]);
            counted = offset;
            line
        };
        loop {
            let consumed = stream.byte_offset();
            match stream.next() {
                None => return,
                Some(Ok(raw)) => {
                    let end = stream.byte_offset();
                    let line = line_at(end - raw.get().len());
                    let read = read::json(raw.get()).map_err(|error| placed(&error));
                    self.push(line, line, raw.get(), read);
                }
                Some(Err(error)) => {
                    let rest = &text[consumed..];
                    let line = line_at(consumed);
                    let bad = placed(&error);
                    if self.number > 1 {
                        let bad = BadText { line: (bad.line + 1).saturating_sub(line), ..bad };
                        self.push(line, line, rest, Err(bad));
                        return;
                    }
                    // What is blank after the value belongs to its line.
                    let skip = rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len());
                    let skip = rest[..skip].find('\n').map_or(skip, |end| end + 1);
                    let line = line + newlines(&rest[..skip]);
                    let bad = BadText { line: (bad.line + 1).saturating_sub(line), ..bad };
                    self.yaml(&rest[skip..], line, Some(bad));
                    return;
                }
            }
        }
    }

    /// Cuts at marks, from this line on. Where the text failed as JSON, `bad` says how.
    fn yaml(&mut self, text: &'t str, line: usize, mut bad: Option<BadText>) {
        // Of the piece that is open: the mark's line, the first line, and where it starts.
        let (mut mark, mut start, mut from) = (line, line, 0);
        let mut offset = 0;
        for (index, content) in text.split_inclusive('\n').enumerate() {
            let at = line + index;
            let end = offset + content.len();
            if let Some(behind) = content.strip_prefix("---") {
                let behind = behind.trim();
                if !behind.is_empty() && !behind.starts_with('#') {
                    let message = format!("nothing may stand behind ---, and there is {behind:?}");
                    self.close(mark, start, &text[from..offset], &mut bad);
                    self.push(at, at, content, Err(BadText { line: 1, column: 4, message }));
                    (mark, start, from) = (at, at + 1, end);
                } else if from < offset {
                    self.close(mark, start, &text[from..offset], &mut bad);
                    (mark, start, from) = (at, at + 1, end);
                } else if self.number == 0 && start == line {
                    // The mark of the first document.
                    mark = at;
                }
            }
            offset = end;
        }
        self.close(mark, start, &text[from..], &mut bad);
    }

    fn close(&mut self, mark: usize, start: usize, text: &'t str, bad: &mut Option<BadText>) {
        let json = bad.take();
        let heading = |line: &str| line.trim().is_empty() || line.starts_with('#');
        if self.number == 0 && text.lines().all(heading) {
            // A heading in front of the first mark is no document.
            return;
        }
        let (content, marked) = match text.strip_prefix('\u{feff}') {
            Some(content) => (content, true),
            None => (text, false),
        };
        let mut read = read::yaml(content);
        if let (Ok(tree), true) = (&mut read, marked) {
            let message = "a byte order mark in the middle; kubectl reads over it, remove it for \
                           other tools"
                .to_owned();
            tree.remarks.push(BadText { line: 1, column: 1, message });
        }
        // Whoever wrote `{"` meant JSON.
        let meant = text.trim_start().strip_prefix('{').map(str::trim_start);
        if let (Err(_), Some(json), Some(true)) = (&read, json, meant.map(|t| t.starts_with('"'))) {
            read = Err(json);
        }
        self.push(mark, start, text, read);
    }

    fn push(&mut self, mark: usize, start: usize, text: &'t str, read: Result<Tree, BadText>) {
        self.number += 1;
        (self.visit)(Piece { number: self.number, mark, start, text, read });
    }
}

fn placed(error: &serde_json::Error) -> BadText {
    let whole = error.to_string();
    // The place is in the fields.
    let message = whole.split(" at line ").next().unwrap_or_default().to_owned();
    BadText { line: error.line().max(1), column: error.column().max(1), message }
}

/// How much of a text kubectl looks at to tell JSON from YAML, in bytes.
const LOOKS_AT: usize = 4096;
