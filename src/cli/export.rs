//! `curfew export map`: the admission half of a policy, for an API server to carry out by itself.

use super::policies::Policies;
use super::printer::Printer;
use super::{Exit, Invalid, output};
use crate::export::{self, ALWAYS, Export as Exported, Wish};

/// Print a policy as something else that a cluster can carry out
#[derive(Debug, clap::Args)]
pub struct Export {
    #[command(subcommand)]
    target: Target,
}

#[derive(Debug, clap::Subcommand)]
enum Target {
    Map(Map),
}

/// Print the admission half of the policy as a `MutatingAdmissionPolicy` and its binding
///
/// For Kubernetes 1.36 and later: the API server then does by itself what the webhook does when a
/// Job or a `CronJob` is created. What it cannot do is told in comments and on stderr; exit code 1 if
/// that is anything that this policy asks for.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  curfew export map --policy policy.yaml | kubectl apply --server-side -f -"
)]
struct Map {
    #[command(flatten)]
    policies: Policies,

    /// What to call both objects
    #[arg(long, value_name = "NAME", default_value = "curfew", value_parser = name)]
    name: String,

    /// The namespace in which curfew itself runs, which is left alone
    #[arg(short, long, value_name = "NAME", value_parser = name)]
    namespace: Option<String>,
}

// === impl Export ===

impl Export {
    /// Prints the export.
    ///
    /// # Errors
    /// [`Invalid`] where the policy cannot be used, or has no export.
    pub fn run(self, printer: &mut Printer) -> Result<Exit, anyhow::Error> {
        let Self { target: Target::Map(map) } = self;
        map.run(printer)
    }
}

// === impl Map ===

impl Map {
    fn run(self, printer: &mut Printer) -> Result<Exit, anyhow::Error> {
        let Self { policies, name, namespace } = self;
        let policy = policies.load(printer)?;
        let wish = Wish { name: &name, own_namespace: namespace.as_deref() };
        let Exported { policy: exported, binding, left_out } =
            export::map(&policy, wish).map_err(|refused| Invalid::new(refused.to_string()))?;
        let mut text = format!(
            "# Policy {}, revision {}, for Kubernetes 1.36 and later: made by curfew export map.\n\
             # Where this differs from curfew's webhook:\n",
            policy.name, policy.revision
        );
        for sentence in ALWAYS.into_iter().chain(left_out.iter().map(String::as_str)) {
            text.extend(["# - ", sentence, "\n"]);
        }
        text += &output::yaml(&exported)?;
        text += "---\n";
        text += &output::yaml(&binding)?;
        printer.data(text)?;
        for sentence in &left_out {
            printer.talk(format_args!("left out: {sentence}"))?;
        }
        Ok(if left_out.is_empty() { Exit::Fine } else { Exit::Findings })
    }
}

/// A DNS subdomain, as the API server wants names to be.
fn name(text: &str) -> Result<String, String> {
    let part = |part: &str| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        part.starts_with(plain)
            && part.ends_with(plain)
            && part.chars().all(|c| plain(c) || c == '-')
    };
    if text.len() <= 253 && text.split('.').all(part) {
        Ok(text.to_owned())
    } else {
        Err("a name holds lower case letters, digits, `-` and `.`, and begins and ends with a \
             letter or a digit"
            .to_owned())
    }
}
