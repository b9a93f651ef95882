//! `curfew mutate`: manifests in, manifests out, as the webhook would have them.

use jiff::Timestamp;
use json_patch::Patch;
use serde::Serialize;
use serde_yaml::Value;

use super::judge::{self, Judgeable, Question, World};
use super::manifests::{Document, Inputs};
use super::policies::Policies;
use super::printer::Printer;
use super::{Exit, output, yaml};
use crate::clock;
use crate::policy::decide::Operation;
use crate::policy::rule::{Mode, Policy};

/// Apply the policy to manifests, as the webhook would to a `kubectl create` of them
///
/// Only what curfew changes is changed: the API server's defaults are taken into account, and not
/// written. Other kinds pass through. Comments and anchors are lost.
#[derive(Debug, clap::Args)]
pub struct Mutate {
    #[command(flatten)]
    inputs: Inputs,

    #[command(flatten)]
    context: Context,

    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// What every command wants to know that judges manifests.
#[derive(Clone, Debug, clap::Args)]
pub struct Context {
    #[command(flatten)]
    pub policies: Policies,

    /// Namespace of objects whose manifest names none
    #[arg(short, long, value_name = "NAME", default_value = "default")]
    pub namespace: String,

    /// Judge as of this time [default: the current time]
    #[arg(long, value_name = "RFC3339")]
    pub now: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Format {
    #[default]
    Yaml,
    Json,
    /// A JSON Patch for each object that would change
    Patch,
}

/// A document, and what becomes of it.
#[derive(Debug)]
pub struct Outcome {
    pub document: Document,
    pub changed: Value,
    pub patch: Patch,
}

/// A line of `-o patch`.
#[derive(Debug, Serialize)]
struct Patched<'a> {
    object: String,
    namespace: &'a str,
    patch: &'a Patch,
}

// === impl Mutate ===

impl Mutate {
    /// Prints the manifests.
    ///
    /// # Errors
    /// [`super::Invalid`] where the policy or a manifest cannot be used.
    pub fn run(self, printer: &mut Printer) -> Result<Exit, anyhow::Error> {
        let Self { inputs, context, output: format } = self;
        let policy = context.policies.load(printer)?;
        let outcomes = outcomes(&inputs, &context, &policy, printer)?;
        let text = match format {
            Format::Json => {
                let items: Vec<&Value> = outcomes.iter().map(|outcome| &outcome.changed).collect();
                match items[..] {
                    [item] => output::json(item)?,
                    _ => output::json(&List { api_version: "v1", kind: "List", items })?,
                }
            }
            Format::Patch => {
                let changing = outcomes.iter().filter(|outcome| !outcome.patch.0.is_empty());
                let patched = |outcome: &Outcome| {
                    let Outcome { document, changed: _, patch } = outcome;
                    let namespace = document.metadata("namespace").unwrap_or(&context.namespace);
                    let object = document.title();
                    serde_json::to_string(&Patched { object, namespace, patch })
                };
                let mut text = String::new();
                for line in changing.map(patched) {
                    text += &line?;
                    text.push('\n');
                }
                text
            }
            Format::Yaml => {
                let texts: Vec<String> = outcomes.iter().map(|o| yaml::emit(&o.changed)).collect();
                texts.join("---\n")
            }
        };
        printer.data(text)?;
        Ok(Exit::Fine)
    }
}

/// What kubectl prints for more than one object.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct List<'a> {
    api_version: &'static str,
    kind: &'static str,
    items: Vec<&'a Value>,
}

// === impl Context ===

impl Context {
    /// The time to judge by.
    pub fn now(&self) -> Timestamp {
        // The API knows whole seconds only, and they read better.
        let whole = |now: Timestamp| Timestamp::from_second(now.as_second()).unwrap_or(now);
        self.now.unwrap_or_else(|| whole(clock::now()))
    }
}

/// Judges every document as if it were created now. What a client would be warned of is told as
/// kubectl tells it.
///
/// # Errors
/// [`super::Invalid`] where a manifest cannot be used.
pub fn outcomes(
    inputs: &Inputs,
    context: &Context,
    policy: &Policy,
    printer: &mut Printer,
) -> Result<Vec<Outcome>, anyhow::Error> {
    let documents = inputs.read().map_err(super::Invalid::from)?;
    let world = World::new(&documents, &context.namespace);
    let now = context.now();
    let mut outcomes = Vec::with_capacity(documents.len());
    for document in documents {
        let mut outcome =
            Outcome { changed: document.value.clone(), document, patch: Patch(Vec::new()) };
        if let Some(object) = Judgeable::new(&outcome.document, &context.namespace) {
            let question =
                Question { operation: Operation::Create, object: &object, old: None, now };
            let title = outcome.document.title();
            match world.judge(question, policy) {
                Err(problem) => {
                    let origin = &outcome.document.origin;
                    printer.talk(format_args!(
                        "Warning: {origin}: {title} is not judged: {problem}"
                    ))?;
                }
                Ok(judged) => {
                    if judged.decision.mode == Mode::Enforce {
                        for warning in &judged.decision.warnings {
                            printer.talk(format_args!("Warning: {warning}"))?;
                        }
                    }
                    if let Some(note) = &judged.note {
                        printer.talk(format_args!("{title}: {note}"))?;
                    }
                    outcome.patch = judge::apply(&judged.patch, &mut outcome.changed)?;
                }
            }
        }
        outcomes.push(outcome);
    }
    Ok(outcomes)
}
