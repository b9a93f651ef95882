//! A text, cut into documents as kubectl cuts it.
//!
//! The entry point is [`cut`]. What begins like JSON is read as JSON values that follow one another;
//! where that fails after one of them at most, and for all else, the rest is cut at lines of `---`.
//! So one broken document does not hide the next.

use serde_json::value::RawValue;

use crate::cli::shared::report::boundary;
use crate::cli::shared::yaml::read::{self, Tree};
use crate::cli::shared::yaml::{BadText, newlines};

/// A document that is not read yet. Lines count from 1.
pub(super) struct Piece<'t> {
    /// Counted from 1.
    pub(super) number: usize,
    /// The line with the mark in front of it; `start` where there is none.
    pub(super) mark: usize,
    /// The line on which its text starts.
    pub(super) start: usize,
    pub(super) text: &'t str,
    kind: Kind,
}

enum Kind {
    Json,
    /// Where it failed as JSON, with what was wrong.
    Yaml(Option<BadText>),
    /// Neither.
    Broken(BadText),
}

/// What cuts a text.
struct Cutter<'t> {
    pieces: Vec<Piece<'t>>,
}

/// Cuts a text, whose lines end without carriage returns.
pub(super) fn cut(text: &str) -> Vec<Piece<'_>> {
    let mut cutter = Cutter { pieces: Vec::new() };
    if text[..boundary(text, LOOKS_AT)].trim_start().starts_with('{') {
        cutter.json(text);
    } else {
        cutter.yaml(text, 1, None);
    }
    cutter.pieces
}

// === impl Piece ===

impl Piece<'_> {
    /// Reads it; places count from `start`.
    ///
    /// # Errors
    /// Where kubectl would refuse it.
    pub(super) fn read(&self) -> Result<Tree, BadText> {
        match &self.kind {
            Kind::Json => read::json(self.text).map_err(|error| placed(&error)),
            Kind::Yaml(bad) => read_yaml(self.text, bad.as_ref()),
            Kind::Broken(bad) => Err(bad.clone()),
        }
    }
}

// === impl Cutter ===

impl<'t> Cutter<'t> {
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
                    self.push(line, line, raw.get(), Kind::Json);
                }
                Some(Err(error)) => {
                    let rest = &text[consumed..];
                    let line = line_at(consumed);
                    let bad = placed(&error);
                    if self.pieces.len() > 1 {
                        let bad = BadText { line: (bad.line + 1).saturating_sub(line), ..bad };
                        self.push(line, line, rest, Kind::Broken(bad));
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
                    let bad = BadText { line: 1, column: 4, message };
                    self.push(at, at, content, Kind::Broken(bad));
                    (mark, start, from) = (at, at + 1, end);
                } else if from < offset {
                    self.close(mark, start, &text[from..offset], &mut bad);
                    (mark, start, from) = (at, at + 1, end);
                } else if self.pieces.is_empty() && start == line {
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
        if self.pieces.is_empty() && text.lines().all(heading) {
            // A heading in front of the first mark is no document.
            return;
        }
        self.push(mark, start, text, Kind::Yaml(json));
    }

    fn push(&mut self, mark: usize, start: usize, text: &'t str, kind: Kind) {
        let number = self.pieces.len() + 1;
        self.pieces.push(Piece { number, mark, start, text, kind });
    }
}

/// Reads a piece between two marks. Where it failed as JSON, `json` says how.
fn read_yaml(text: &str, json: Option<&BadText>) -> Result<Tree, BadText> {
    let (content, marked) = match text.strip_prefix('\u{feff}') {
        Some(content) => (content, true),
        None => (text, false),
    };
    // Whoever wrote `{"` meant JSON.
    let meant = text.trim_start().strip_prefix('{').map(str::trim_start);
    let json = json.filter(|_| meant.is_some_and(|rest| rest.starts_with('"')));
    let mut tree = read::yaml(content).map_err(|bad| json.cloned().unwrap_or(bad))?;
    if marked {
        let message = "a byte order mark in the middle; kubectl reads over it, remove it for \
                       other tools"
            .to_owned();
        tree.remarks.push(BadText { line: 1, column: 1, message });
    }
    Ok(tree)
}

fn placed(error: &serde_json::Error) -> BadText {
    let whole = error.to_string();
    // The place is in the fields.
    let message = whole.split(" at line ").next().unwrap_or_default().to_owned();
    BadText { line: error.line().max(1), column: error.column().max(1), message }
}

/// How much of a text kubectl looks at to tell JSON from YAML, in bytes.
const LOOKS_AT: usize = 4096;
