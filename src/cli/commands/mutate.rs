//! `curfew mutate`: manifests in, manifests out, as the webhook would have them.

use jiff::Timestamp;
use json_patch::Patch;
use serde::Serialize;
use serde_yaml::Value;

use crate::cli::shared::judge::{self, Context};
use crate::cli::shared::{
    Document, Exit, Inputs, Judgeable, Manifests, Printer, Question, World, output, shares, yaml,
};
use crate::policy::{Mode, Operation, Policy};

/// Apply the policy to manifests, as the webhook would to a `kubectl create` of them
///
/// Only what curfew changes is changed: the API server's defaults are taken into account, and not
/// written. Other kinds pass through. Comments and anchors are lost. Exits with 2 where a Job or a
/// `CronJob` could not be judged; it passes through, and a warning says why.
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
    /// What the policy makes of it, where that is something else.
    pub changed: Option<Value>,
    pub patch: Patch,
    /// What is to be said about it.
    lines: Vec<String>,
    exit: Exit,
}

/// Documents, judged one after another as if each were created now.
pub struct Outcomes<'p> {
    manifests: Manifests,
    world: World,
    policy: &'p Policy,
    namespace: String,
    now: Timestamp,
    /// How the command ends by what has been judged so far, if there is nothing else to tell.
    pub exit: Exit,
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
    /// [`crate::cli::shared::invalid::Invalid`] where the policy or a manifest cannot be used.
    pub fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let Self { inputs, context, output: format } = self;
        let policy = context.policies.load(printer)?;
        let mut outcomes = Outcomes::read(&inputs, &context, &policy, printer)?;
        let single = outcomes.manifests.len() == 1;
        let mut first = true;
        let begin = "{\n  \"apiVersion\": \"v1\",\n  \"kind\": \"List\",\n  \"items\": [";
        if matches!(format, Format::Json) && !single {
            printer.data(begin)?;
        }
        let written = |outcome: &Outcome| {
            let Outcome { document, changed, patch, .. } = outcome;
            let value = changed.as_ref().unwrap_or(&document.value);
            Ok(match format {
                Format::Json if single => output::json(value)?,
                Format::Json => {
                    let item = output::escaped(&serde_json::to_string_pretty(value)?);
                    format!("\n    {}", item.replace('\n', "\n    "))
                }
                Format::Patch if patch.0.is_empty() => String::new(),
                Format::Patch => {
                    let namespace = document.metadata("namespace").unwrap_or(&context.namespace);
                    let object = document.title();
                    let patched = serde_json::to_string(&Patched { object, namespace, patch })?;
                    output::escaped(&patched) + "\n"
                }
                Format::Yaml => yaml::emit(value),
            })
        };
        outcomes.each(printer, written, |text, printer| {
            let between = match format {
                Format::Json => ",",
                Format::Patch => "",
                Format::Yaml => "---\n",
            };
            printer.data(format_args!("{}{text}", if first { "" } else { between }))?;
            first = false;
            Ok(())
        })?;
        if matches!(format, Format::Json) && !single {
            printer.data(if first { "]\n}\n" } else { "\n  ]\n}\n" })?;
        }
        Ok(outcomes.exit)
    }
}

// === impl Outcomes ===

impl<'p> Outcomes<'p> {
    /// Reads the manifests.
    ///
    /// # Errors
    /// [`crate::cli::shared::invalid::Invalid`] where a manifest cannot be used.
    pub fn read(
        inputs: &Inputs,
        context: &Context,
        policy: &'p Policy,
        printer: &mut Printer,
    ) -> anyhow::Result<Self> {
        let manifests = inputs.read(printer)?;
        let world = World::of(&manifests, &context.namespace);
        let exit = if manifests.lacking { Exit::Usage } else { Exit::Fine };
        let (namespace, now) = (context.namespace.clone(), context.as_of.here());
        Ok(Self { manifests, world, policy, namespace, now, exit })
    }

    /// Judges every document, writes what becomes of it, and hands on the texts in order. What a
    /// client would be warned of is told as kubectl tells it, and of whom.
    ///
    /// Documents are independent of one another: all processors have a share of each batch.
    ///
    /// # Errors
    /// Those of `write` and `print`, and where something cannot be printed.
    pub fn each(
        &mut self,
        printer: &mut Printer,
        write: impl Fn(&Outcome) -> anyhow::Result<String> + Sync,
        mut print: impl FnMut(&str, &mut Printer) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut exit = self.exit;
        let one = |number| {
            let outcome = self.judge(self.manifests.document(number))?;
            // A batch of texts is waited for, and not one of whole documents.
            Ok::<_, anyhow::Error>((write(&outcome)?, outcome.lines, outcome.exit))
        };
        shares::batches(self.manifests.len(), one, |one| {
            let (text, lines, found) = one?;
            for line in lines {
                printer.talk(line)?;
            }
            if found != Exit::Fine {
                exit = found;
            }
            print(&text, printer)
        })?;
        self.exit = exit;
        Ok(())
    }

    fn judge(&self, document: Document) -> anyhow::Result<Outcome> {
        let judgeable = Judgeable::new(&document, &self.namespace);
        let (origin, title) = (document.origin.clone(), document.title());
        let mut outcome = Outcome {
            document,
            changed: None,
            patch: Patch(Vec::new()),
            lines: Vec::new(),
            exit: Exit::Fine,
        };
        let Some(object) = judgeable else {
            if let Some(problem) = outcome.document.misplaced() {
                outcome.lines.push(format!("Warning: {problem}"));
                outcome.exit = Exit::Usage;
            }
            return Ok(outcome);
        };
        let who = format!("{origin}: {title} in namespace {}", object.namespace());
        let question =
            Question { operation: Operation::Create, object: &object, old: None, now: self.now };
        let judged = match self.world.judge(question, self.policy) {
            Err(problem) => {
                outcome.lines.push(format!("Warning: {who} is not judged: {problem}"));
                outcome.exit = Exit::Usage;
                return Ok(outcome);
            }
            Ok(judged) => judged,
        };
        if judged.decision.mode == Mode::Enforce {
            let warned = |warning: &String| format!("Warning: {who}: {warning}");
            outcome.lines.extend(judged.decision.warnings.iter().map(warned));
        }
        outcome.lines.extend(judged.note.map(|note| format!("{who}: {note}")));
        if !judged.patch.0.is_empty() {
            let mut changed = outcome.document.value.clone();
            outcome.patch = judge::apply(&judged.patch, &mut changed)?;
            outcome.changed = Some(changed);
        }
        Ok(outcome)
    }
}
