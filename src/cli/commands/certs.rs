//! `curfew certs`: makes certificates for a webhook, and says what certificates hold.

use std::path::PathBuf;

use anyhow::bail;
use jiff::Timestamp;
use serde::Serialize;

use crate::cli::shared::manifests::unreadable;
use crate::cli::shared::{AsOf, Exit, Invalid, Output, Printer, Table};
use crate::pki::{CertificateInfo, Pair};
use crate::{clock, pki};

/// Make certificates for the webhook, or say what certificates hold
#[derive(Debug, clap::Args)]
pub struct Certs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Make(Make),
    Inspect(Inspect),
}

/// Write a new authority and a certificate under it: ca.pem, tls.pem and tls.key
///
/// The authority's key is thrown away, so nobody can sign a second certificate with it.
#[derive(Debug, clap::Args)]
struct Make {
    /// Host name or IP address that clients use; repeatable
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,

    /// Service that the API server calls: its three names in the cluster
    #[arg(long, value_name = "NAME")]
    service: Option<String>,

    /// Namespace of the service
    #[arg(short, long, value_name = "NAME", default_value = "default")]
    namespace: String,

    /// Directory to write to
    #[arg(long, value_name = "DIR", default_value = "certs")]
    out: PathBuf,
}

/// Print a table of certificates in PEM files
///
/// Exits with 1 where one of them has expired, is not valid yet, or does not fit the key.
#[derive(Debug, clap::Args)]
struct Inspect {
    /// PEM files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Key that the first certificate of each file must fit
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,

    #[command(flatten)]
    as_of: AsOf,

    #[command(flatten)]
    output: Output,
}

/// A certificate, described.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    file: String,
    #[serde(flatten)]
    info: CertificateInfo,
    /// Whole days, negative once it has expired.
    days_left: i64,
    state: State,
    /// Whether the key belongs to it; not said of those that the key is not for.
    #[serde(skip_serializing_if = "Option::is_none")]
    fits_key: Option<bool>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
enum State {
    Expired,
    NotYet,
    Valid,
}

// === impl Certs ===

impl Certs {
    /// Makes or inspects.
    ///
    /// # Errors
    /// [`Invalid`] where a file cannot be read or a name cannot stand in a certificate.
    pub fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let Self { command } = self;
        match command {
            Command::Inspect(inspect) => inspect.run(printer),
            Command::Make(make) => make.run(printer),
        }
    }
}

// === impl Make ===

impl Make {
    fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let Self { host: mut names, service, namespace, out } = self;
        if let Some(service) = service {
            names.push(format!("{service}.{namespace}.svc"));
            names.push(format!("{service}.{namespace}"));
            names.push(service);
        }
        if names.is_empty() {
            bail!(Invalid::new("a certificate needs a name: give --host or --service"));
        }
        let request = pki::CertificateRequest { names, now: clock::now() };
        let issued = pki::issue(&request).map_err(|error| match error {
            pki::IssueError::Names { .. } | pki::IssueError::NoNames => {
                anyhow::Error::from(Invalid::new(error))
            }
            pki::IssueError::Sign { .. } => error.into(),
        })?;
        pki::laptop::write(&out, &issued).map_err(|error| match error {
            pki::laptop::LaptopError::Write { path, source } => anyhow::Error::from(Invalid::new(
                format!("cannot write {}: {source}", path.display()),
            )),
            pki::laptop::LaptopError::Issue { .. } => error.into(),
        })?;
        for name in ["ca.pem", "tls.pem", "tls.key"] {
            printer.data(format_args!("{}\n", out.join(name).display()))?;
        }
        Ok(Exit::Fine)
    }
}

// === impl Inspect ===

impl Inspect {
    fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let Self { files, key, as_of, output: Output { format } } = self;
        let now = as_of.here();
        let read = |path: &PathBuf| {
            std::fs::read(path).map_err(|error| Invalid::new(unreadable(path, &error)))
        };
        let key = key.as_ref().map(read).transpose()?;
        let mut described = Vec::new();
        for path in &files {
            let pem = read(path)?;
            let name = path.display().to_string();
            let infos =
                pki::inspect(&pem).map_err(|error| Invalid::new(format!("{name}: {error}")))?;
            for (index, info) in infos.into_iter().enumerate() {
                let first = key.as_ref().filter(|_| index == 0);
                // Whatever its age, which is told apart.
                let fits_key = first.map(|key| Pair::from_pem(&pem, key, info.not_before).is_ok());
                described.push(Described::new(name.clone(), info, fits_key, now));
            }
        }
        printer.data(format.text(&described, |all| table(all))?)?;
        let odd = |one: &Described| one.state != State::Valid || one.fits_key == Some(false);
        Ok(if described.iter().any(odd) { Exit::Findings } else { Exit::Fine })
    }
}

// === impl Described ===

impl Described {
    fn new(file: String, info: CertificateInfo, fits_key: Option<bool>, now: Timestamp) -> Self {
        let seconds = info.not_after.as_second() - now.as_second();
        let state = if now >= info.not_after {
            State::Expired
        } else if now < info.not_before {
            State::NotYet
        } else {
            State::Valid
        };
        Self { file, info, days_left: seconds.div_euclid(SECONDS_PER_DAY), state, fits_key }
    }
}

fn table(described: &[Described]) -> String {
    let mut table =
        Table::new(["FILE", "SUBJECT", "NAMES", "NOT BEFORE", "NOT AFTER", "DAYS LEFT", "STATE"]);
    for one in described {
        let mut state = match one.state {
            State::Expired => "expired",
            State::NotYet => "not yet valid",
            State::Valid => "valid",
        }
        .to_owned();
        match one.fits_key {
            None => {}
            Some(false) => state += ", does not fit the key",
            Some(true) => state += ", fits the key",
        }
        let CertificateInfo { subject, names, not_before, not_after, is_authority, .. } = &one.info;
        table.row([
            one.file.clone(),
            format!("{subject}{}", if *is_authority { " (CA)" } else { "" }),
            names.join(","),
            not_before.to_string(),
            not_after.to_string(),
            one.days_left.to_string(),
            state,
        ]);
    }
    table.to_string()
}

const SECONDS_PER_DAY: i64 = 86_400;
