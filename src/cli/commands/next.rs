//! `curfew next`: the next starts of schedules, as the cluster would compute them.
//!
//! What is asked about is gathered as [`Subject`]s, from the command line, from manifests or from a
//! cluster; each becomes a [`Coming`], which is the answer as data, and the tables are made from
//! that. Nothing is printed where one of them cannot be read: a part is never shown as the whole.

mod asked;
mod coming;
mod notes;
mod subject;
mod tables;

use std::collections::BTreeMap;

use anyhow::ensure;
use jiff::Timestamp;

use self::asked::Asked;
use self::coming::Coming;
use self::subject::Subject;
use crate::batch::namespace;
use crate::cli::shared::output::{self, Format};
use crate::cli::shared::{
    AsOf, Clocks, Connection, Document, Exit, Inputs, Invalid, Live, NAMESPACES, Output, Place,
    Printer, Within, block_on, clocks, tell_foreign,
};

/// Show the next starts of schedules, as the cluster would compute them
///
/// Of a schedule, such as "30 2 * * 1-5", of the `CronJob`s in manifests, or of a stored one, such
/// as cronjob/team-a/nightly. Each start is shown in its time zone and in UTC; starts that a change
/// of the clocks skips, doubles or shifts are marked. Exits with 1 where something never starts.
#[derive(Debug, clap::Args)]
#[command(
    mut_arg("filename", |arg| arg.required(false).required_unless_present("what")),
    mut_arg("now", |arg| arg.visible_alias("after")),
    after_help = "Examples:\n  curfew next \"30 2 * * *\" --time-zone Europe/Berlin\n  \
                  curfew next cronjob/team-a/nightly -c 10\n  \
                  kubectl get cronjobs -A -o yaml | curfew next -f -"
)]
pub struct Next {
    /// Schedule, in quotes; or `CronJob` of the cluster: cronjob/NAMESPACE/NAME, or cronjob/NAME in
    /// the namespace of -n
    #[arg(value_name = "SCHEDULE|CRONJOB", conflicts_with = "filename")]
    what: Vec<String>,

    #[command(flatten)]
    inputs: Inputs,

    #[command(flatten)]
    connection: Connection,

    #[command(flatten)]
    within: Within,

    /// Time zone of schedules that bring none, in which kube-controller-manager runs, such as
    /// Europe/Berlin [default: UTC]
    #[arg(long, value_name = "IANA")]
    time_zone: Option<String>,

    /// How many starts
    #[arg(short, long, value_name = "N", default_value_t = 5,
          value_parser = clap::value_parser!(u16).range(1..=1000))]
    count: u16,

    #[command(flatten)]
    as_of: AsOf,

    #[command(flatten)]
    output: Output,
}

// === impl Next ===

impl Next {
    /// Prints the starts.
    ///
    /// # Errors
    /// [`Invalid`] where a schedule, a time zone or a manifest cannot be used, or there is no
    /// `CronJob`; [`crate::cli::shared::live::OutOfReach`].
    pub fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let assumed = Clocks::assumed(self.time_zone.as_deref())?;
        let mut lacking = false;
        let (subjects, now) = if self.what.is_empty() {
            let namespace = self.within.of_manifests();
            let subjects;
            (subjects, lacking) = from_manifests(&self.inputs, namespace, printer)?;
            (subjects, self.as_of.here())
        } else {
            let asked = asked::read(&self.what).map_err(Invalid::Problems)?;
            block_on(self.find(asked))?
        };
        let count = usize::from(self.count);
        let answers: Vec<Coming> =
            subjects.iter().map(|subject| Coming::of(subject, &assumed, now, count)).collect();
        printer.data(match (self.output.format, &answers[..]) {
            (Format::Json, [one]) => output::json(one)?,
            (Format::Json, all) => output::json(&all)?,
            (Format::Yaml, all) => {
                let texts: Vec<String> = all.iter().map(output::yaml).collect::<Result<_, _>>()?;
                texts.join("---\n")
            }
            (Format::Table, all) => {
                let texts: Vec<String> = all.iter().map(tables::render).collect();
                texts.join("\n")
            }
        })?;
        if answers.iter().any(Coming::assumes_a_zone) {
            printer.talk(clocks::ASSUMED)?;
        }
        Ok(Exit::of(lacking, answers.iter().any(Coming::never_starts)))
    }

    /// What is asked about, and what time it is there: the API server's where one is asked.
    async fn find(&self, asked: Vec<Asked>) -> anyhow::Result<(Vec<Subject>, Timestamp)> {
        let mut live = None;
        let mut subjects = Vec::with_capacity(asked.len());
        for asked in asked {
            subjects.push(match asked {
                Asked::Schedule(subject) => *subject,
                Asked::Stored(named) => {
                    let live = match &mut live {
                        Some(live) => live,
                        none => none.insert(Live::connect(&self.connection).await?),
                    };
                    stored(live, &self.within.place(&named, live)?).await?
                }
            });
        }
        let now = live.map_or_else(|| self.as_of.here(), |live| self.as_of.there(&live));
        Ok((subjects, now))
    }
}

async fn stored(live: &Live, place: &Place) -> anyhow::Result<Subject> {
    let object = place.read(live).await?;
    // Who may not read its namespace goes without that.
    let namespace = live.get(NAMESPACES, &place.namespace).await;
    let namespace_terminating = namespace.is_ok_and(|found| namespace::is_terminating(&found));
    match Subject::stored(&place.to_string(), object) {
        Ok(subject) => Ok(Subject { namespace_terminating, ..subject }),
        Err(problem) => Err(Invalid::new(format!("{place}: {problem}")).into()),
    }
}

/// Every `CronJob` of the manifests, or all that is wrong with them; with whether something is none
/// that was to be one.
fn from_manifests(
    inputs: &Inputs,
    namespace: &str,
    printer: &mut Printer,
) -> anyhow::Result<(Vec<Subject>, bool)> {
    let mut subjects = Vec::new();
    let mut terminating = Vec::<String>::new();
    let mut foreign = BTreeMap::<String, usize>::new();
    let manifests = inputs.whole(printer)?;
    let read = manifests.each(|document| {
        match (document.api_version(), document.kind()) {
            ("batch/v1", "CronJob") => {
                let subject = from_manifest(&document, namespace);
                let (origin, title) = (&document.origin, document.title());
                let bad = |problem| format!("{origin}: {title}: {problem}");
                subjects.push(subject.map_err(bad)?);
            }
            ("v1", "Namespace") => {
                let namespace = document.json();
                let name = namespace["metadata"]["name"].as_str();
                terminating.extend(
                    name.filter(|_| namespace::is_terminating(&namespace)).map(str::to_owned),
                );
            }
            (version, "CronJob") => {
                *foreign.entry(format!("CronJob of {version:?}")).or_default() += 1;
            }
            (_, kind) => *foreign.entry(kind.to_owned()).or_default() += 1,
        }
        Ok(())
    });
    for subject in &mut subjects {
        subject.namespace_terminating = terminating.iter().any(|name| subject.is_in(name));
    }
    tell_foreign(&foreign, printer)?;
    read?;
    let none = "there is no CronJob of batch/v1 among the manifests";
    ensure!(!subjects.is_empty(), Invalid::new(none));
    Ok((subjects, manifests.lacking))
}

fn from_manifest(document: &Document, namespace: &str) -> Result<Subject, String> {
    let namespace = document.metadata("namespace").unwrap_or(namespace);
    let title = document.title();
    let name = title.split_once('/').map_or("*", |(_, name)| name);
    let object = format!("cronjob/{namespace}/{name}");
    Subject::manifest(&object, &document.origin.to_string(), document.json())
}
