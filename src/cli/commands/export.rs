//! `curfew export map`: the admission half of a policy, for an API server to carry out by itself.

use serde_json::Value as Json;

use crate::batch::name::is_subdomain;
use crate::cli::shared::{
    Connection, Exit, Invalid, Live, Policies, Printer, Unread, live, output,
};
use crate::export::{self, ALWAYS, Export as Exported, Served, Wish};

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
/// The API server then does by itself what the webhook does when a Job or a `CronJob` is created.
/// What it cannot do is told in comments and on stderr; exit code 1 if that is anything that this
/// policy asks for. Kubernetes 1.36 and later serve the kind as v1. For an older one say which
/// (--kube-version), or have the API server asked (--served, --context, --kubeconfig).
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  curfew export map --policy policy.yaml | kubectl apply --server-side -f -
  curfew export map --policy policy.yaml --served | kubectl apply --server-side -f -")]
struct Map {
    #[command(flatten)]
    policies: Policies,

    /// What to call both objects
    #[arg(long, value_name = "NAME", default_value = "curfew", value_parser = name)]
    name: String,

    /// The namespace in which curfew itself runs, which is left alone
    #[arg(short, long, value_name = "NAME", value_parser = name)]
    namespace: Option<String>,

    /// The Kubernetes to write for, such as 1.35
    #[arg(
        long,
        value_name = "VERSION",
        value_parser = kube_version,
        conflicts_with_all = ["served", "kubeconfig", "context"]
    )]
    kube_version: Option<Served>,

    /// Ask the API server which version it serves
    #[arg(long)]
    served: bool,

    #[command(flatten)]
    connection: Connection,
}

// === impl Export ===

impl Export {
    /// Prints the export.
    ///
    /// # Errors
    /// [`Invalid`] where the policy cannot be used, or has no export.
    pub fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let Self { target: Target::Map(map) } = self;
        map.run(printer)
    }
}

// === impl Map ===

impl Map {
    fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let Self { policies, name, namespace, kube_version, served, connection } = self;
        let policy = policies.load(printer)?;
        let served = match kube_version {
            Some(served) => served,
            None if served || connection != Connection::default() => {
                live::block_on(ask_api_server(&connection))?
            }
            None => Served::default(),
        };
        let wish = Wish { name: &name, own_namespace: namespace.as_deref(), served };
        let Exported { policy: exported, binding, left_out } =
            export::map(&policy, wish).map_err(Invalid::new)?;
        let mut text = format!(
            "# Policy {}, revision {}, for {served}: made by curfew export map.\n\
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

/// The best version of the kind that the API server serves.
async fn ask_api_server(connection: &Connection) -> anyhow::Result<Served> {
    let live = Live::connect(connection).await?;
    for served in Served::ALL {
        match live.get("/apis", served.api_version()).await {
            Ok(list) if has_the_kind(&list) => return Ok(served),
            Ok(_) | Err(Unread::Absent) => {}
            Err(unread) => return Err(unread.about("asking what the API server serves").into()),
        }
    }
    let version = live.get("", "version").await;
    let version = version.map_err(|unread| unread.about("asking the API server its version"))?;
    let release = version["gitVersion"].as_str().unwrap_or("of an unknown version").to_owned();
    let minor = version["minor"].as_str().unwrap_or_default().trim_end_matches('+');
    let could = minor.parse().ok().and_then(Served::by_minor).and_then(Served::flags);
    let help = match could {
        Some(flags) => format!("start kube-apiserver with {flags}, or let the webhook do it"),
        None => "let the webhook do it".to_owned(),
    };
    let url = &live.cluster.url;
    Err(Invalid::new(format!(
        "{url} is Kubernetes {release} and serves no MutatingAdmissionPolicy: {help}"
    ))
    .into())
}

fn has_the_kind(list: &Json) -> bool {
    let mut resources = list["resources"].as_array().into_iter().flatten();
    resources.any(|resource| resource["name"] == "mutatingadmissionpolicies")
}

/// A version as Helm's `--kube-version` takes it: `1.35`, `v1.35.4`, `1.35+`.
fn kube_version(text: &str) -> Result<Served, String> {
    let mut parts = text.strip_prefix('v').unwrap_or(text).splitn(3, ['.', '+', '-']);
    let mut number = || parts.next()?.parse::<u32>().ok();
    let (Some(1), Some(minor)) = (number(), number()) else {
        return Err("a version of Kubernetes is written as 1.35 or v1.35.4".to_owned());
    };
    Served::by_minor(minor)
        .ok_or_else(|| "Kubernetes has MutatingAdmissionPolicy from 1.32 on".to_owned())
}

/// A DNS subdomain, as the API server wants names to be.
fn name(text: &str) -> Result<String, String> {
    if is_subdomain(text) {
        Ok(text.to_owned())
    } else {
        Err("a name holds lower case letters, digits, `-` and `.`, and begins and ends with a \
             letter or a digit"
            .to_owned())
    }
}
