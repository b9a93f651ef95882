//! Manifests, read the way kubectl reads `-f`: files, directories and stdin, YAML and JSON, many
//! documents in one file, lists expanded.
//!
//! The entry points are [`Inputs::read`] and [`Inputs::whole`]. Every broken document of a run is
//! reported, not just the first one, and with any of them nothing is returned: a part is never
//! passed on as the whole. What holds no object is another matter: a folder of a chart also has
//! values and templates, which are named and passed over. What a document means is not known here;
//! see [`crate::cli::shared::yaml`] for how it is read and written.

mod pieces;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use anyhow::ensure;
use serde::Deserialize;
use serde_json::Value as Json;
use serde_yaml::{Mapping, Value};

use self::pieces::Piece;
use crate::batch::Kind;
use crate::cli::shared::yaml::BadText;
use crate::cli::shared::yaml::read::Tree;
use crate::cli::shared::{Invalid, Printer, output, shares};

/// Where manifests come from, as the user said it.
#[derive(Clone, Debug, Eq, PartialEq, clap::Args)]
pub struct Inputs {
    /// Manifest file, directory (its *.yaml, *.yml and *.json), or - for stdin; repeatable
    ///
    /// Of a directory, files that are no manifests are named and passed over, such as values and
    /// templates of a chart; one that is given by its own name ends with exit code 2.
    #[arg(short, long, value_name = "PATH", required = true)]
    pub filename: Vec<PathBuf>,

    /// Read directories with everything below them
    #[arg(short = 'R', long)]
    pub recursive: bool,
}

/// A dump of a cluster, for a command that reads the cluster itself where none is given.
#[derive(Clone, Debug, clap::Args)]
#[command(mut_arg("filename", |arg| arg.required(false).help(
    "Dump to read in place of the cluster: file, directory, or - for stdin; repeatable"
)))]
pub struct Dump {
    #[command(flatten)]
    pub inputs: Inputs,
}

/// Everything that was read. A cluster may hold a hundred thousand Jobs: objects are kept as
/// compact JSON, and each is a tree only while somebody looks at it.
#[derive(Clone, Debug, Default)]
pub struct Manifests {
    kept: Vec<Kept>,
    /// Whether something is no manifest that the user named, or is to be one and no API server takes
    /// it.
    pub lacking: bool,
}

#[derive(Clone, Debug)]
struct Kept {
    origin: Origin,
    kind: Box<str>,
    json: Box<str>,
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

/// What became of one text.
#[derive(Debug, Default)]
struct Scanned {
    kept: Vec<Kept>,
    troubles: Vec<Trouble>,
    /// What is odd, although kubectl takes it.
    remarks: Vec<String>,
}

/// Why a document cannot be used.
#[derive(Debug)]
struct Trouble {
    problem: String,
    /// It is no manifest.
    is_foreign: bool,
}

/// What a list is expanded by.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    api_version: Option<Value>,
    kind: Option<Value>,
    items: Option<Value>,
}

// === impl Inputs ===

impl Inputs {
    /// Reads every document of every input, and tells what is passed over.
    ///
    /// # Errors
    /// [`Invalid`] where a path cannot be read, or a document is broken; each with its place.
    pub fn read(&self, printer: &mut Printer) -> anyhow::Result<Manifests> {
        let mut all = Manifests::default();
        let mut problems = Vec::new();
        let mut broken = false;
        for input in &self.filename {
            let files = files(input, self.recursive).unwrap_or_else(|problem| {
                broken = true;
                problems.push(problem);
                Vec::new()
            });
            for file in files {
                let named = file == *input;
                let name = shown(&file).display().to_string();
                let mut scanned = match text(&file) {
                    Ok(text) => Scanned::new(&name, &text, named),
                    Err(problem) => {
                        Scanned { troubles: vec![Trouble::broken(problem)], ..Scanned::default() }
                    }
                };
                for remark in scanned.remarks {
                    printer.talk(format_args!("Warning: {remark}"))?;
                }
                for Trouble { problem, is_foreign } in scanned.troubles {
                    if is_foreign && !named {
                        printer.talk(format_args!("note: passed over {problem}"))?;
                    } else {
                        broken |= !is_foreign;
                        problems.push(problem);
                    }
                }
                all.kept.append(&mut scanned.kept);
            }
        }
        ensure!(!broken, Invalid::Problems(problems));
        all.lacking = !problems.is_empty();
        for problem in problems {
            printer.error(format_args!("error: {problem}"))?;
        }
        Ok(all)
    }

    /// Reads every document of every input, for an answer that is right only for the whole. Jobs
    /// and `CronJob`s of a version that is gone are told, and [`Manifests::lacking`] says so.
    ///
    /// # Errors
    /// As [`Inputs::read`], and where what was named is no manifest.
    pub fn whole(&self, printer: &mut Printer) -> anyhow::Result<Manifests> {
        let mut all = self.read(printer)?;
        ensure!(!all.lacking, Invalid::new("a part is not shown as if it were the whole"));
        let is_one = |kept: &&Kept| ["cronjob", "job"].contains(&&*kept.kind.to_ascii_lowercase());
        let suspects = all.kept.iter().filter(is_one).map(Kept::document);
        let problems: Vec<String> = suspects.filter_map(|found| found.misplaced()).collect();
        for problem in &problems {
            printer.error(format_args!("error: {problem}"))?;
        }
        all.lacking = !problems.is_empty();
        Ok(all)
    }
}

// === impl Manifests ===

impl Manifests {
    /// The documents, in the order of reading.
    pub fn documents(&self) -> impl Iterator<Item = Document> {
        self.kept.iter().map(Kept::document)
    }

    /// Those of one kind.
    pub fn of_kind(&self, kind: &str) -> impl Iterator<Item = Document> {
        self.kept.iter().filter(move |kept| &*kept.kind == kind).map(Kept::document)
    }

    /// Hands on every document, or says all that is wrong with them.
    ///
    /// # Errors
    /// [`Invalid`] with all that `take` says.
    pub fn each(&self, take: impl FnMut(Document) -> Result<(), String>) -> Result<(), Invalid> {
        let problems: Vec<String> = self.documents().map(take).filter_map(Result::err).collect();
        if problems.is_empty() { Ok(()) } else { Err(Invalid::Problems(problems)) }
    }

    /// The document at an index.
    pub fn document(&self, index: usize) -> Document {
        self.kept[index].document()
    }

    /// How many there are.
    pub(in crate::cli) fn len(&self) -> usize {
        self.kept.len()
    }
}

// === impl Kept ===

impl Kept {
    fn document(&self) -> Document {
        let value = serde_json::from_str(&self.json).expect("it was written as JSON by us");
        Document { origin: self.origin.clone(), value }
    }
}

// === impl Scanned ===

impl Scanned {
    fn new(file: &str, text: &str, named: bool) -> Self {
        let normal = text.contains("\r\n").then(|| text.replace("\r\n", "\n"));
        let pieces = pieces::cut(normal.as_deref().unwrap_or(text));
        let mut all = Self::default();
        for mut one in shares::each(0..pieces.len(), |at| Self::of(&pieces[at], file, named)) {
            all.kept.append(&mut one.kept);
            all.troubles.append(&mut one.troubles);
            all.remarks.append(&mut one.remarks);
        }
        all
    }

    fn of(piece: &Piece<'_>, file: &str, named: bool) -> Self {
        let Piece { number, mark, start, text, .. } = *piece;
        let origin = Origin { file: file.to_owned(), document: number, line: mark, item: None };
        let placed = |BadText { line, column, message }: &BadText| {
            format!("{file}:{}:{column}: document {number}: {message}", line + start - 1)
        };
        let mut scanned = Self::default();
        let trouble = match piece.read() {
            Ok(tree) => {
                scanned.remarks.extend(tree.remarks.iter().map(placed));
                scanned.expand(&origin, tree).err()
            }
            Err(bad) => Some(match template(text, bad.line) {
                Some(line) => {
                    let line = line + start - 1;
                    Trouble::foreign(format!("{file}:{line}: document {number}: {TEMPLATE}"))
                }
                None if named || is_like_a_manifest(text) => Trouble::broken(placed(&bad)),
                None => Trouble::foreign(placed(&bad)),
            }),
        };
        scanned.troubles.extend(trouble);
        scanned
    }

    /// An object, or the objects of a list.
    fn expand(&mut self, origin: &Origin, mut tree: Tree) -> Result<(), Trouble> {
        let foreign = |what: &str| {
            let must = "a manifest has `apiVersion` and `kind`";
            Err(Trouble::foreign(format!("{origin}: it {what}; {must}")))
        };
        if tree.value.is_null() {
            return Ok(());
        }
        let Value::Mapping(map) = &mut tree.value else {
            let is_object =
                |item: &Value| item.get("apiVersion").is_some() && item.get("kind").is_some();
            let items = tree.value.as_sequence();
            return if items.is_some_and(|items| items.iter().any(is_object)) {
                let problem = "a list of manifests must stand in the `items` of a `kind: List`";
                Err(Trouble::broken(format!("{origin}: {problem}")))
            } else {
                foreign("is no object")
            };
        };
        let text = |map: &Mapping, field: &str| {
            map.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let (version, kind) = (text(map, "apiVersion"), text(map, "kind"));
        if kind.is_empty() && version.starts_with("batch/") {
            let problem = format!("{origin}: it has no `kind`, and is of {version}");
            return Err(Trouble::broken(problem));
        }
        if kind.is_empty() {
            return foreign("has no `kind`");
        }
        // kubectl knows a list by its items, whatever its kind.
        if !map.get("items").is_some_and(|items| !items.is_null() || kind.ends_with("List")) {
            self.keep(origin.clone(), &kind, json(&tree.whole()));
            return Ok(());
        }
        let listed = kind.strip_suffix("List").unwrap_or(&kind);
        let items = match map.shift_remove("items") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Sequence(items)) if items.is_empty() => tree.items,
            Some(Value::Sequence(items)) => items.iter().map(json).collect(),
            Some(_) => {
                let problem = format!("{origin}: `items` of a {kind} must be a list");
                return Err(Trouble::broken(problem));
            }
        };
        for (index, item) in items.into_iter().enumerate() {
            let origin = Origin { item: Some(index + 1), ..origin.clone() };
            self.item(origin, item, &version, listed)?;
        }
        Ok(())
    }

    /// One entry of a list of that version, whose kind without `List` is `listed`.
    fn item(
        &mut self,
        origin: Origin,
        json: String,
        version: &str,
        listed: &str,
    ) -> Result<(), Trouble> {
        let broken = |problem: &str| Err(Trouble::broken(format!("{origin}: {problem}")));
        if !json.starts_with('{') {
            return broken("an item of a list must be an object");
        }
        let Head { api_version, kind, items } =
            serde_json::from_str(&json).expect("it was written as JSON by us");
        if items.is_some_and(|items| !items.is_null()) {
            return broken("a list in a list, which kubectl does not read; take its items out");
        }
        let given = |field: Option<Value>| {
            field.filter(|value| !value.is_null() && value.as_str() != Some(""))
        };
        match (given(api_version), given(kind)) {
            (_, Some(Value::String(kind))) => self.keep(origin, &kind, json),
            // The API leaves both out of the items of a typed list.
            (None, None) if !listed.is_empty() => {
                let mut map: Mapping =
                    serde_json::from_str(&json).expect("it was written as JSON by us");
                let mut whole = Mapping::from_iter([
                    (Value::from("apiVersion"), Value::from(version)),
                    (Value::from("kind"), Value::from(listed)),
                ]);
                map.retain(|key, _| !whole.contains_key(key));
                whole.extend(map);
                self.keep(origin, listed, self::json(&Value::Mapping(whole)));
            }
            _ => return broken("it has no `kind`; a manifest has `apiVersion` and `kind`"),
        }
        Ok(())
    }

    fn keep(&mut self, origin: Origin, kind: &str, json: String) {
        self.kept.push(Kept { origin, kind: kind.into(), json: json.into() });
    }
}

// === impl Trouble ===

impl Trouble {
    const fn broken(problem: String) -> Self {
        Self { problem, is_foreign: false }
    }

    const fn foreign(problem: String) -> Self {
        Self { problem, is_foreign: true }
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

    /// The same as JSON, which it was made to fit.
    pub fn json(&self) -> Json {
        serde_json::to_value(&self.value).expect("keys are strings and numbers are finite")
    }

    /// What the document is called on the command line: `job/backup`, with `generateName` as
    /// `job/backup-*`.
    pub fn title(&self) -> String {
        let kind = plain(&self.kind().to_ascii_lowercase());
        match (self.metadata("name"), self.metadata("generateName")) {
            (Some(name), _) => format!("{kind}/{}", plain(name)),
            (None, Some(prefix)) => format!("{kind}/{}*", plain(prefix)),
            (None, None) => kind,
        }
    }

    /// Why a Job or a `CronJob` is none that an API server takes; `None` where it is one, or the
    /// kind is another's.
    pub fn misplaced(&self) -> Option<String> {
        let (version, written) = (self.api_version(), self.kind());
        let kinds = [Kind::CronJob, Kind::Job];
        let kind = kinds.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(written))?;
        let gone = match (version, kind) {
            ("batch/v1", _) if kind.as_str() == written => return None,
            ("batch/v1", _) => "no such kind",
            ("batch/v1beta1", Kind::CronJob) => "gone since Kubernetes 1.25",
            ("batch/v2alpha1", Kind::CronJob) => "gone since Kubernetes 1.21",
            ("extensions/v1beta1", Kind::Job) => "gone since Kubernetes 1.6",
            ("", _) => "it has no `apiVersion` that is a string",
            (version, _) if is_built_in(version) => "no such version",
            // A Job of Volcano, for example.
            _ => return None,
        };
        let (origin, title) = (&self.origin, self.title());
        let is_kind = kind.as_str() == written;
        let of = match (version, is_kind) {
            ("", _) => String::new(),
            (_, true) => format!("{version}: "),
            (_, false) => format!("{version} {written}: "),
        };
        let right = if is_kind { String::new() } else { format!(" and `kind: {}`", kind.as_str()) };
        Some(format!("{origin}: {title}: {of}{gone}; write `apiVersion: batch/v1`{right}"))
    }
}

// === impl Origin ===

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: document {}", self.file, self.line, self.document)?;
        self.item.map_or(Ok(()), |item| write!(f, ", item {item}"))
    }
}

/// Reads the documents of one text.
///
/// # Errors
/// [`Invalid`] with every broken document: file, line, column and number.
pub fn parse(file: &str, text: &str) -> Result<Vec<Document>, Invalid> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let Scanned { kept, troubles, remarks: _ } = Scanned::new(file, text, true);
    if troubles.is_empty() {
        return Ok(kept.iter().map(Kept::document).collect());
    }
    Err(Invalid::Problems(troubles.into_iter().map(|trouble| trouble.problem).collect()))
}

/// Tells how many objects of other kinds there were than those that a command is about.
///
/// # Errors
/// Where that cannot be printed.
pub fn tell_foreign(foreign: &BTreeMap<String, usize>, printer: &mut Printer) -> io::Result<()> {
    if foreign.is_empty() {
        return Ok(());
    }
    let (count, kinds) = (foreign.values().sum::<usize>(), output::counts(foreign));
    printer.talk(format!("note: skipped {count} of other kinds: {kinds}"))
}

fn json(value: &Value) -> String {
    serde_json::to_string(value).expect("keys are strings and numbers are finite")
}

/// The line of a template that has not been rendered, where that is why a text could not be read on
/// this line. A string or a comment may hold the same marks.
fn template(text: &str, line: usize) -> Option<usize> {
    let is_mark = |line: &str| {
        let front = line.find("{{").map(|at| &line[..at]);
        let is_open = |front: &str| {
            let quoted = ['"', '\''].iter().any(|quote| front.matches(*quote).count() % 2 == 1);
            !quoted && !front.trim_start().starts_with('#') && !front.contains(" #")
        };
        front.is_some_and(is_open)
            || ["{%", "<%"].iter().any(|mark| line.trim_start().starts_with(mark))
    };
    // What begins on one line may be found out on the next.
    let lines = text.lines().zip(1..).take(line).skip(line.saturating_sub(2));
    lines.filter(|(line, _)| is_mark(line)).map(|(_, number)| number).next()
}

/// Whether a text that cannot be read was to be an object.
fn is_like_a_manifest(text: &str) -> bool {
    let mut lines = text.lines().map(|line| line.trim_start_matches(['{', ' ', '-', '\t']));
    let is_kind = |line: &str| ["kind:", "\"kind\"", "'kind'"].iter().any(|k| line.starts_with(k));
    text.contains("apiVersion") || text.contains("\"kind\"") || lines.any(is_kind)
}

/// Whether a version is that of a group that comes with Kubernetes.
fn is_built_in(version: &str) -> bool {
    let group = version.split_once('/').map_or("", |(group, _)| group).to_ascii_lowercase();
    ["", "apps", "batch", "extensions"].contains(&&*group)
}

/// A name that makes no lines of its own.
fn plain(name: &str) -> String {
    let escaped = |c: char| c.is_control().then(|| c.escape_default().to_string());
    name.chars().map(|c| escaped(c).unwrap_or_else(|| c.to_string())).collect()
}

/// The text of a file: in UTF-8, or in UTF-16 behind a byte order mark, as some shells write it.
///
/// # Errors
/// Why it cannot be read.
pub fn text(file: &Path) -> Result<String, String> {
    let read = if is_stdin(file) {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(file)
    };
    let bytes = read.map_err(|error| unreadable(shown(file), &error))?;
    let wide = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, odd) = rest.as_chunks();
        let units: Vec<u16> = pairs.iter().copied().map(unit).collect();
        if odd.is_empty() { String::from_utf16(&units).ok() } else { None }
    };
    let text = match &*bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8(rest.to_vec()).ok(),
        _ => String::from_utf8(bytes).ok(),
    };
    text.ok_or_else(|| unreadable(shown(file), &ErrorKind::InvalidData.into()))
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
    let found = below(input, |path| {
        if path.is_dir() {
            return recursive;
        }
        path.extension().is_some_and(|end| EXTENSIONS.iter().any(|e| end == *e))
    })?;
    if found.is_empty() {
        let mend = if recursive { "" } else { "; -R reads what is below it, too" };
        return Err(format!(
            "{}: the folder holds no *.yaml, *.yml or *.json{mend}",
            input.display()
        ));
    }
    Ok(found)
}

/// The files in a directory, and in those below it, in byte order of their paths. `wanted` says
/// which of both.
///
/// # Errors
/// Why a directory cannot be read.
pub fn below(directory: &Path, wanted: impl Fn(&Path) -> bool) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        let fail = |error| unreadable(&directory, &error);
        for entry in std::fs::read_dir(&directory).map_err(fail)? {
            let path = entry.map_err(fail)?.path();
            if !wanted(&path) {
                continue;
            }
            if !path.is_dir() {
                found.push(path);
            } else if !path.is_symlink() {
                // Not through links: a link to a parent would never end.
                open.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// What messages call a file.
pub fn shown(file: &Path) -> &Path {
    if is_stdin(file) { Path::new("<stdin>") } else { file }
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

const TEMPLATE: &str = "it is no YAML: a template? render it first";
const EXTENSIONS: [&str; 3] = ["json", "yaml", "yml"];

#[cfg(test)]
mod tests;
