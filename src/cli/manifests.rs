//! Manifests, read the way kubectl reads `-f`: files, directories and stdin, YAML and JSON, many
//! documents in one file, lists expanded.
//!
//! The entry point is [`Inputs::read`]. Every broken document of a run is reported, not just the
//! first one, and with any of them nothing is returned: a part is never passed on as the whole.
//! What a document means is not known here; see [`super::yaml`] for how it is read and written.

use std::fmt;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use serde_yaml::{Mapping, Value};

use super::yaml::{self, BadText};

/// Where manifests come from, as the user said it.
#[derive(Clone, Debug, Eq, PartialEq, clap::Args)]
pub struct Inputs {
    /// Manifest file, directory (its *.yaml, *.yml and *.json), or - for stdin; repeatable
    #[arg(short, long, value_name = "PATH", required = true)]
    pub filename: Vec<PathBuf>,

    /// Read directories with everything below them
    #[arg(short = 'R', long)]
    pub recursive: bool,
}

/// One object of a file, as its author wrote it.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    pub origin: Origin,
    /// A map with a `kind`; keys in the author's order.
    pub value: Value,
}

/// Where a document stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Origin {
    /// The path as it was given or found, or `<stdin>`.
    pub file: String,
    /// Counted from 1, empty documents included.
    pub document: usize,
    /// The line on which the document starts, counted from 1.
    pub line: usize,
    /// Counted from 1, where the object stood in a list.
    pub item: Option<usize>,
}

/// Everything that keeps the manifests from being used, in the order of reading.
#[derive(Debug, thiserror::Error)]
pub struct BadManifests(pub Vec<String>);

// === impl Inputs ===

impl Inputs {
    /// Reads every document of every input.
    ///
    /// # Errors
    /// Where a path cannot be read, or a document is broken; each with its place.
    pub fn read(&self) -> Result<Vec<Document>, BadManifests> {
        let mut documents = Vec::new();
        let mut problems = Vec::new();
        for input in &self.filename {
            let files = match files(input, self.recursive) {
                Ok(files) => files,
                Err(problem) => {
                    problems.push(problem);
                    continue;
                }
            };
            for file in files {
                let name =
                    if is_stdin(&file) { STDIN.to_owned() } else { file.display().to_string() };
                match text(&file) {
                    Ok(text) => match parse(&name, &text) {
                        Ok(mut found) => documents.append(&mut found),
                        Err(BadManifests(mut found)) => problems.append(&mut found),
                    },
                    Err(problem) => problems.push(problem),
                }
            }
        }
        if problems.is_empty() { Ok(documents) } else { Err(BadManifests(problems)) }
    }
}

// === impl Document ===

impl Document {
    /// `apiVersion`; empty where there is none.
    pub fn api_version(&self) -> &str {
        self.value.get("apiVersion").and_then(Value::as_str).unwrap_or_default()
    }

    /// `kind`; empty where there is none.
    pub fn kind(&self) -> &str {
        self.value.get("kind").and_then(Value::as_str).unwrap_or_default()
    }

    /// A string of `metadata`.
    pub fn metadata(&self, field: &str) -> Option<&str> {
        self.value.get("metadata")?.get(field)?.as_str().filter(|text| !text.is_empty())
    }

    /// What the document is called on the command line: `job/backup`, with `generateName` as
    /// `job/backup-*`.
    pub fn title(&self) -> String {
        let kind = self.kind().to_ascii_lowercase();
        match (self.metadata("name"), self.metadata("generateName")) {
            (Some(name), _) => format!("{kind}/{name}"),
            (None, Some(prefix)) => format!("{kind}/{prefix}*"),
            (None, None) => kind,
        }
    }
}

// === impl Origin ===

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: document {}", self.file, self.line, self.document)?;
        self.item.map_or(Ok(()), |item| write!(f, ", item {item}"))
    }
}

// === impl BadManifests ===

impl fmt::Display for BadManifests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

/// Reads the documents of one text.
///
/// # Errors
/// Every broken document, with file, line, column and number.
pub fn parse(file: &str, text: &str) -> Result<Vec<Document>, BadManifests> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut problems = Vec::new();
    let mut documents = Vec::new();
    for (index, (line, parsed)) in split(text).into_iter().enumerate() {
        let origin = Origin { file: file.to_owned(), document: index + 1, line, item: None };
        match parsed {
            Ok(Value::Null) => {}
            Ok(value) => match expand(&origin, value) {
                Ok(mut found) => documents.append(&mut found),
                Err(problem) => problems.push(problem),
            },
            Err(BadText { line, column, message }) => {
                problems.push(format!("{file}:{line}:{column}: document {}: {message}", index + 1));
            }
        }
    }
    if problems.is_empty() { Ok(documents) } else { Err(BadManifests(problems)) }
}

/// The documents of a text, each with the line it starts on.
fn split(text: &str) -> Vec<(usize, Result<Value, BadText>)> {
    let mut documents = Vec::new();
    for (start, piece) in pieces(text) {
        let moved = |error: BadText| BadText { line: error.line + start - 1, ..error };
        // As kubectl: what looks like JSON is tried as JSON, and as YAML if that fails, since a
        // flow map such as `{"kind": Job}` starts alike.
        let body = piece.strip_prefix("---").map_or(piece.clone(), |rest| format!("   {rest}"));
        let json = body.trim_start().starts_with('{').then(|| yaml::parse_json(&body));
        if let Some(Ok(values)) = json {
            // Dumps are large, and reading them as YAML as well would take ten times as long.
            let placed = |(line, value)| (line + start - 1, Ok(value));
            documents.extend(values.into_iter().map(placed));
            continue;
        }
        match (json, yaml::parse(&piece)) {
            (_, Ok(value)) => documents.push((start, Ok(value))),
            (Some(Err(error)), Err(_)) if body.trim_start()[1..].trim_start().starts_with('"') => {
                documents.push((start, Err(moved(error))));
            }
            (_, Err(error)) => documents.push((start, Err(moved(error)))),
        }
    }
    documents
}

/// Cuts at lines of `---`, like kubectl, so that one broken document does not hide the next.
fn pieces(text: &str) -> Vec<(usize, String)> {
    let mut pieces = vec![(1, String::new())];
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let is_mark = line
            .strip_prefix("---")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']));
        let is_heading = |line: &str| line.trim().is_empty() || line.starts_with(['#', '%']);
        let first = pieces.len() == 1;
        let (start, piece) = pieces.last_mut().expect("there is always a piece");
        if !is_mark {
            piece.push_str(line);
        } else if first && piece.lines().all(is_heading) {
            // What stands before the first mark is a heading, or directives that belong to it.
            if !piece.contains('%') {
                piece.clear();
                *start = index + 1;
            }
            piece.push_str(line);
        } else {
            pieces.push((index + 1, line.to_owned()));
        }
    }
    pieces
}

/// An object, or the objects of a list.
fn expand(origin: &Origin, value: Value) -> Result<Vec<Document>, String> {
    let mut document = Document { origin: origin.clone(), value };
    if !document.value.is_mapping() {
        return Err(format!("{origin}: it is no object; a manifest has `apiVersion` and `kind`"));
    }
    let kind = document.kind().to_owned();
    if kind.is_empty() {
        return Err(format!("{origin}: it has no `kind`; a manifest has `apiVersion` and `kind`"));
    }
    let listed = match (document.api_version(), kind.as_str()) {
        ("v1", "List") => None,
        ("batch/v1", "CronJobList" | "JobList") => kind.strip_suffix("List"),
        _ => return Ok(vec![document]),
    };
    let list = document.value.as_mapping_mut();
    let items = match list.and_then(|list| list.shift_remove("items")) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Sequence(items)) => items,
        Some(_) => return Err(format!("{origin}: `items` of a {kind} must be a list")),
    };
    let mut documents = Vec::with_capacity(items.len());
    for (index, mut item) in items.into_iter().enumerate() {
        // The API leaves both out of the items of a typed list.
        if let (Some(listed), Some(map)) = (listed, item.as_mapping_mut()) {
            let mut whole = Mapping::from_iter([
                (Value::from("apiVersion"), Value::from("batch/v1")),
                (Value::from("kind"), Value::from(listed)),
            ]);
            whole.extend(std::mem::take(map));
            *map = whole;
        }
        let origin = Origin { item: Some(index + 1), ..origin.clone() };
        documents.append(&mut expand(&origin, item)?);
    }
    Ok(documents)
}

fn text(file: &Path) -> Result<String, String> {
    if is_stdin(file) {
        let mut text = String::new();
        return match std::io::stdin().lock().read_to_string(&mut text) {
            Ok(_) => Ok(text),
            Err(error) => Err(unreadable(Path::new(STDIN), &error)),
        };
    }
    std::fs::read_to_string(file).map_err(|error| unreadable(file, &error))
}

/// Says why a path cannot be read.
pub fn unreadable(path: &Path, error: &std::io::Error) -> String {
    let path = path.display();
    match error.kind() {
        ErrorKind::InvalidData => format!("{path}: it is no text in UTF-8"),
        ErrorKind::NotFound => format!("{path}: there is no such file or folder"),
        _ => format!("{path}: cannot be read: {error}"),
    }
}

/// The files behind one `-f`, in byte order of their paths.
fn files(input: &Path, recursive: bool) -> Result<Vec<PathBuf>, String> {
    if is_stdin(input) {
        return Ok(vec![input.to_owned()]);
    }
    // Follows links, so a dangling one is an error here and not a silent gap.
    if !std::fs::metadata(input).map_err(|error| unreadable(input, &error))?.is_dir() {
        return Ok(vec![input.to_owned()]);
    }
    let mut found = Vec::new();
    let mut open = vec![input.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in
            std::fs::read_dir(&directory).map_err(|error| unreadable(&directory, &error))?
        {
            let path = entry.map_err(|error| unreadable(&directory, &error))?.path();
            // Not through links: a link to a parent would never end.
            if path.is_dir() {
                if recursive && !path.is_symlink() {
                    open.push(path);
                }
            } else if path.extension().is_some_and(|end| EXTENSIONS.iter().any(|e| end == *e)) {
                found.push(path);
            }
        }
    }
    if found.is_empty() {
        let mend = if recursive { "" } else { "; -R reads what is below it, too" };
        return Err(format!(
            "{}: the folder holds no *.yaml, *.yml or *.json{mend}",
            input.display()
        ));
    }
    found.sort();
    Ok(found)
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

const STDIN: &str = "<stdin>";
const EXTENSIONS: [&str; 3] = ["json", "yaml", "yml"];

#[cfg(test)]
mod tests;
