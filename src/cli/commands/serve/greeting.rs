//! What `serve` says when it begins: what runs, what does not, and something to try.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use crate::admission::{Site, admit};
use crate::cli::shared::Printer;
use crate::cli::shared::output::counted;
use crate::clock;
use crate::pki::laptop::{Laptop, Written};
use crate::policy::Policy;
use crate::telemetry::LogFormat;

/// What there is to say.
pub(super) struct Greeting<'a> {
    pub(super) address: SocketAddr,
    pub(super) admin_address: SocketAddr,
    pub(super) policy: &'a Policy,
    pub(super) bundled: bool,
    pub(super) laptop: Option<&'a Laptop>,
    pub(super) own_namespace: Option<&'a str>,
    /// The URL of the cluster, where there is one.
    pub(super) cluster: Option<&'a str>,
}

// === impl Greeting ===

impl Greeting<'_> {
    /// Says it: as a log line where logs are for machines, and in sentences where they are for
    /// people, with a command to paste where our certificate is one that anybody here can trust.
    pub(super) fn say(&self, format: LogFormat, printer: &mut Printer) -> io::Result<()> {
        let Self { address, admin_address, policy, bundled, laptop, own_namespace, cluster } = self;
        let namespace = own_namespace.unwrap_or("none");
        if format == LogFormat::Json {
            tracing::info!(
                %address,
                %admin_address,
                policy = policy.name,
                revision = policy.revision,
                rules = policy.rules.len(),
                namespace,
                sweeper = cluster.map_or("off: no cluster", |_| "on"),
                scheduler = cluster.map_or("off: no cluster", |_| policy.scheduler.mode.as_str()),
                "serving"
            );
            if let Some(laptop) = laptop {
                let curl = self.command(&laptop.ca);
                tracing::info!(ca = %laptop.ca.display(), curl, "{}", written(laptop.written));
            }
            return Ok(());
        }
        let origin = if *bundled { " (bundled; --policy PATH for another)" } else { "" };
        let (rules, revision) = (counted(policy.rules.len(), "rule"), &policy.revision);
        printer.talk(format_args!(
            "curfew {} answers admission reviews on https://{address}/mutate",
            env!("CARGO_PKG_VERSION")
        ))?;
        let name = &policy.name;
        printer
            .talk(format_args!("  policy       {name}{origin}, {rules}, revision {revision}"))?;
        printer.talk(format_args!("  health       http://{admin_address}/readyz?verbose"))?;
        printer.talk(format_args!("  metrics      http://{admin_address}/metrics"))?;
        if let Some(Laptop { ca, written: state, .. }) = laptop {
            let folder = ca.parent().unwrap_or(Path::new(".")).display();
            printer.talk(format_args!("  certificate  {}, in {folder}/", written(*state)))?;
        }
        printer.talk(match own_namespace {
            Some(name) => format!("  namespace    {name}: its objects are left alone"),
            None => "  namespace    none of our own".to_owned(),
        })?;
        printer.talk(match cluster {
            Some(url) => format!(
                "  cluster      {url}; the sweeper does as stored.action says: {}; the scheduler \
                 as scheduler.mode says: {}",
                policy.stored.action.as_str(),
                policy.scheduler.mode.as_str()
            ),
            None => "  off          sweeper and scheduler: no cluster".to_owned(),
        })?;
        if let Some(Laptop { ca, .. }) = laptop {
            printer.talk("\nTo see a patch, paste this into another terminal:\n")?;
            printer.talk(format_args!("{}\n", self.command(ca)))?;
        }
        Ok(())
    }

    /// A `curl` that posts a Job without a TTL, and shows the patch if this policy makes one.
    fn command(&self, ca: &Path) -> String {
        let (address, ca) = (self.address, ca.display());
        let judged = admit(self.policy, &Site::default(), EXAMPLE.as_bytes(), clock::now());
        let patched = judged
            .is_ok_and(|answer| String::from_utf8_lossy(&answer.body).contains(r#""patch":""#));
        let show = if patched { DECODE } else { "" };
        format!(
            "curl -sS --cacert {ca} -H 'Content-Type: application/json' \\\n  \
             https://{address}/mutate -d '{EXAMPLE}'{show}"
        )
    }
}

fn written(written: Written) -> &'static str {
    match written {
        Written::New => "self-signed, just made",
        Written::Renewed => "self-signed, just renewed",
        Written::Reused => "self-signed, as it was there",
    }
}

/// A review as short as it can be, of a Job as short as it can be.
const EXAMPLE: &str = concat!(
    r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1","#,
    r#""operation":"CREATE","namespace":"demo","kind":{"group":"batch","version":"v1","kind":"Job"},"#,
    r#""resource":{"group":"batch","version":"v1","resource":"jobs"},"#,
    r#""object":{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"demo"},"#,
    r#""spec":{"template":{"spec":{}}}}}}"#,
);
/// The patch is in base64 within the answer; nothing but what every machine has takes it out.
const DECODE: &str = " \\\n  | sed 's/.*\"patch\":\"\\([^\"]*\\)\".*/\\1/' | base64 -d; echo";
