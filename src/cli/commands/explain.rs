//! `curfew explain`: the whole decision about an object, and why it is that one.
//!
//! [`Explanation`] is the answer as data; JSON and YAML print it as it is, and the tables are made
//! from it, so that all formats say the same.

mod deadlines;
mod explanation;
mod live;
mod tables;

use std::io;

use anyhow::ensure;

use self::explanation::{About, Explanation};
use crate::cli::shared::{
    AsOf, ClusterPolicies, Connection, Exit, Inputs, Invalid, Judgeable, Live, Named, Otherwise,
    Printer, Question, Within, World, block_on, in_force, output, shares,
};
use crate::policy::Operation;

/// Tell how the policy decides about objects, and why
///
/// Objects are named, such as job/team-a/backup-17, and read from the cluster with all that they
/// are judged by; then it is also told what the sweeper does about them. Or they are manifests,
/// given with -f, and the other manifests are the cluster: a `CronJob` among them is the family of
/// its Jobs, and a `Namespace` gives its labels.
#[derive(Debug, clap::Args)]
#[command(mut_arg("filename", |arg| arg.required(false).required_unless_present("objects")))]
pub struct Explain {
    /// Objects of the cluster: job/NAMESPACE/NAME or cronjob/NAMESPACE/NAME, or job/NAME in the
    /// namespace of -n
    #[arg(value_name = "OBJECT", conflicts_with_all = ["filename", "operation"])]
    objects: Vec<Named>,

    #[command(flatten)]
    inputs: Inputs,

    #[command(flatten)]
    connection: Connection,

    #[command(flatten)]
    policies: ClusterPolicies,

    #[command(flatten)]
    within: Within,

    #[command(flatten)]
    as_of: AsOf,

    /// Lease of the installation whose brake may hold an object of the cluster
    #[arg(long, value_name = "NAME", default_value = "curfew")]
    lease_name: String,

    /// Judge as admission would at creation, or as an object that lies in the cluster
    /// [default: stored where the manifest has a uid]
    #[arg(long, value_enum)]
    operation: Option<As>,

    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum As {
    Create,
    Stored,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum)]
enum Format {
    #[default]
    Table,
    /// With the rules that miss
    Wide,
    Json,
    Yaml,
}

/// Explanations, printed one after another as one document.
struct Series {
    format: Format,
    /// The first one, where nobody knows yet whether there are more.
    held: Option<String>,
    count: usize,
}

// === impl Explain ===

impl Explain {
    /// Prints the explanations.
    ///
    /// # Errors
    /// [`Invalid`] where the policy or an object cannot be used, or there is nothing to explain;
    /// [`crate::cli::shared::live::OutOfReach`].
    pub fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let mut series = Series { format: self.output, held: None, count: 0 };
        if self.objects.is_empty() {
            let mut unexplained = self.of_manifests(&mut series, printer)?;
            if series.count == 0 && unexplained.is_empty() {
                let problem = "there is no Job or CronJob of batch/v1 among the manifests";
                unexplained.push(problem.to_owned());
            }
            series.end(printer)?;
            ensure!(unexplained.is_empty(), Invalid::Problems(unexplained));
        } else {
            for explanation in block_on(self.of_cluster(printer))? {
                series.add(series.format.text(&explanation)?, printer)?;
            }
            series.end(printer)?;
        }
        Ok(Exit::Fine)
    }

    /// Explains the objects of a cluster that are named.
    async fn of_cluster(self, printer: &mut Printer) -> anyhow::Result<Vec<Explanation>> {
        let live = Live::connect(&self.connection).await?;
        let places = self.objects.iter().map(|object| self.within.place(object, &live));
        let places = places.collect::<Result<Vec<_>, _>>()?;
        let namespace = places.first().map(|place| place.namespace.as_str());
        let in_force = in_force(&live, &self.policies, namespace, Otherwise::Fail, printer).await?;
        let brake = live::brake(&live, &in_force, self.lease_name).await;
        let mut explanations = Vec::new();
        for place in places {
            let explanation = live::explain(&live, place, &in_force, &brake, self.as_of, printer);
            explanations.push(explanation.await?);
        }
        Ok(explanations)
    }

    /// Prints the explanations, and tells what cannot be explained.
    fn of_manifests(
        &self,
        series: &mut Series,
        printer: &mut Printer,
    ) -> anyhow::Result<Vec<String>> {
        let policy = self.policies.policies.load(printer)?;
        let manifests = self.inputs.read(printer)?;
        let namespace = self.within.of_manifests();
        let world = World::of(&manifests, namespace);
        let now = self.as_of.here();
        let mut problems = Vec::new();
        if manifests.lacking {
            problems.push("what was named is no manifest".to_owned());
        }
        let (format, operation) = (series.format, self.operation);
        let explained = |number| -> Result<Option<String>, String> {
            let document = manifests.document(number);
            let Some(object) = Judgeable::new(&document, namespace) else {
                return document.misplaced().map_or(Ok(None), Err);
            };
            let operation = match operation {
                Some(As::Create) => Operation::Create,
                None if document.metadata("uid").is_none() => Operation::Create,
                None | Some(As::Stored) => Operation::Stored,
            };
            let question = Question { operation, object: &object, old: None, now };
            let (origin, title) = (&document.origin, document.title());
            let bad = |problem| format!("{origin}: {title} cannot be judged: {problem}");
            let judged = world.judge(question, &policy).map_err(bad)?;
            let (namespace, seen) = (object.namespace(), object.object().map_err(bad)?);
            let about = About { title: document.title(), namespace, object: &seen, operation, now };
            let explanation = Explanation::new(about, judged, &policy);
            format.text(&explanation).map(Some).map_err(|error| error.to_string())
        };
        shares::batches(manifests.len(), explained, |one| {
            match one {
                Ok(Some(text)) => series.add(text, printer)?,
                Ok(None) => {}
                Err(problem) => problems.push(problem),
            }
            Ok::<(), io::Error>(())
        })?;
        Ok(problems)
    }
}

// === impl Format ===

impl Format {
    /// An explanation as it is printed alone.
    fn text(self, explanation: &Explanation) -> anyhow::Result<String> {
        Ok(match self {
            Self::Json => output::json(explanation)?,
            Self::Yaml => output::yaml(explanation)?,
            Self::Table | Self::Wide => tables::render(explanation, self == Self::Wide),
        })
    }
}

// === impl Series ===

impl Series {
    fn add(&mut self, text: String, printer: &mut Printer) -> io::Result<()> {
        let first = self.count == 0;
        self.count += 1;
        match self.format {
            Format::Json if first => self.held = Some(text),
            Format::Json => {
                if let Some(held) = self.held.take() {
                    printer.data(format_args!("[\n  {}", item(&held)))?;
                }
                printer.data(format_args!(",\n  {}", item(&text)))?;
            }
            _ if first => printer.data(text)?,
            Format::Yaml => printer.data(format_args!("---\n{text}"))?,
            Format::Table | Format::Wide => printer.data(format_args!("\n{text}"))?,
        }
        Ok(())
    }

    fn end(self, printer: &mut Printer) -> io::Result<()> {
        match (self.format, self.held) {
            (Format::Json, Some(held)) => printer.data(held),
            (Format::Json, None) if self.count > 0 => printer.data("\n]\n"),
            _ => Ok(()),
        }
    }
}

/// JSON of its own as an item of a list.
fn item(json: &str) -> String {
    json.trim_end().replace('\n', "\n  ")
}
