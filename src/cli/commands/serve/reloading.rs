//! What is done when the policy or a certificate on disk changes: put it in use, count it, log it.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustls::RootCertStore;

use crate::clock;
use crate::metrics::Metrics;
use crate::pki::{Pair, PairError};
use crate::policy::{Diagnostic, Loaded, Policy, Source};
use crate::reload::{self, Accept, FileWatcher, LookResult, Refusal, Started};
use crate::server::tls::Tls;
use crate::telemetry::chain;

/// The files of a policy as they lie on disk.
pub(super) type PolicyFiles = Vec<Source>;

/// Why a policy is not put in use.
#[derive(Debug, thiserror::Error)]
pub(super) enum PolicyRefusal {
    #[error("{}", summary(.found))]
    Errors { found: Vec<Diagnostic>, sources: Vec<Source> },
    #[error(
        "the policy has a namespaceSelector, and labels of namespaces are known only in a cluster: \
         connect to one, or match by namespaces instead"
    )]
    NeedsCluster,
}

/// Starts to watch the files of a policy; see [`load`].
pub(super) fn watch_policy(
    paths: Vec<PathBuf>,
    has_cluster: bool,
    now: Timestamp,
) -> Result<Started<PolicyFiles, Loaded, PolicyRefusal>, Refusal<PolicyRefusal>> {
    let read = move || reload::policy::read(&paths, Accept::RegularFiles);
    FileWatcher::start(read, move |sources: &PolicyFiles, _| load(sources, has_cluster), now)
}

/// Makes a policy of its files, if this server can act by it: without a cluster it never knows
/// the labels of a namespace (policy.md, point 14).
pub(super) fn load(sources: &[Source], has_cluster: bool) -> Result<Loaded, PolicyRefusal> {
    let loaded = Policy::load(sources)
        .map_err(|found| PolicyRefusal::Errors { found, sources: sources.to_vec() })?;
    if loaded.policy.needs_namespace_labels() && !has_cluster {
        return Err(PolicyRefusal::NeedsCluster);
    }
    Ok(loaded)
}

/// Says what is odd about a policy that is in use all the same.
pub(super) fn warn(warnings: &[Diagnostic]) {
    for warning in warnings {
        tracing::warn!(code = warning.code, "policy: {}", line(warning));
    }
}

/// Acts on a look at the policy; says why what lies on disk is not put in use.
pub(super) fn policy(
    step: LookResult<Loaded, PolicyRefusal>,
    slot: &ArcSwap<Policy>,
    metrics: &Metrics,
) -> Option<String> {
    match step {
        LookResult::Replaced(Loaded { policy, warnings }) => {
            let (revision, before) = (policy.revision.clone(), slot.load().revision.clone());
            slot.store(Arc::new(policy));
            metrics.policy_loaded(&revision, clock::now());
            tracing::info!(revision, before, "policy replaced");
            warn(&warnings);
        }
        LookResult::Refused(refusal) => {
            metrics.policy_in_step(false);
            let revision = &slot.load().revision;
            tracing::error!(revision, "policy on disk refused, the last good one stays: {refusal}");
            return Some(refusal.to_string());
        }
        LookResult::Recovered => {
            metrics.policy_in_step(true);
            tracing::info!("policy on disk is again the one in use");
        }
        LookResult::Unchanged => {}
    }
    None
}

/// Acts on a look at the pair.
pub(super) fn pair(step: LookResult<Pair, PairError>, tls: &Tls, metrics: &Metrics) {
    match step {
        LookResult::Replaced(pair) => show(pair, tls, metrics),
        LookResult::Refused(refusal) => {
            let (not_after, why) = (tls.pair().not_after, refused(&refusal));
            tracing::error!(%not_after, "certificate refused, the last good one stays: {why}");
        }
        LookResult::Recovered => tracing::info!("certificate on disk is again the one in use"),
        LookResult::Unchanged => {}
    }
}

/// Puts another pair in use.
pub(super) fn show(pair: Pair, tls: &Tls, metrics: &Metrics) {
    note_pair(&pair, metrics, clock::now());
    tls.replace_pair(pair);
    tracing::info!(not_after = %tls.pair().not_after, "certificate replaced");
}

/// Counts a pair that is put in use, and says if our clock and it disagree.
pub(super) fn note_pair(pair: &Pair, metrics: &Metrics, now: Timestamp) {
    metrics.certificate_loaded(pair.not_after);
    if pair.not_before > now {
        let not_before = pair.not_before;
        tracing::warn!(%not_before, "certificate begins in the future: is this clock right?");
    }
}

/// Acts on a look at the authorities of clients.
pub(super) fn authorities(step: LookResult<RootCertStore, PairError>, tls: &Tls) {
    match step {
        LookResult::Replaced(authorities) => match tls.replace_authorities(authorities) {
            Ok(()) => tracing::info!("authorities of clients replaced"),
            Err(error) => tracing::error!(
                "authorities of clients refused, the last good ones stay: {}",
                chain(&error)
            ),
        },
        LookResult::Refused(refusal) => {
            let why = refused(&refusal);
            tracing::error!("authorities of clients refused, the last good ones stay: {why}");
        }
        LookResult::Recovered => {
            tracing::info!("authorities of clients on disk are again those in use");
        }
        LookResult::Unchanged => {}
    }
}

fn refused(refusal: &Refusal<PairError>) -> String {
    match refusal {
        Refusal::Content(error) => chain(error),
        Refusal::Read(error) => error.to_string(),
    }
}

/// The first findings, in a line: a log is no place for a page.
fn summary(found: &[Diagnostic]) -> String {
    let shown = found.iter().take(SHOWN).map(line).collect::<Vec<_>>().join("; ");
    match found.len().saturating_sub(SHOWN) {
        0 => shown,
        rest => format!("{shown}; and {rest} more (curfew check shows all)"),
    }
}

fn line(finding: &Diagnostic) -> String {
    let Diagnostic { severity: _, code, file, line, column, span: _, message, mend } = finding;
    let mend = mend.as_ref().map(|mend| format!("; {mend}")).unwrap_or_default();
    format!("{file}:{line}:{column}: {code} {message}{mend}")
}

/// So many findings fit in a log line.
const SHOWN: usize = 3;

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{PolicyRefusal, Source, load};

    #[rstest]
    #[case::cluster("exempt: {namespaceSelector: {matchLabels: {a: b}}}", true, true)]
    #[case::no_cluster("exempt: {namespaceSelector: {matchLabels: {a: b}}}", false, false)]
    #[case::of_a_rule(
        "rules: [{name: r, match: {namespaceSelector: {matchLabels: {a: b}}}, ttl: 1h}]",
        false,
        false
    )]
    #[case::by_name("exempt: {namespaces: [a]}", false, true)]
    fn a_policy_that_reads_labels_of_namespaces_needs_a_cluster(
        #[case] spec: &str,
        #[case] has_cluster: bool,
        #[case] fine: bool,
    ) {
        let text = format!(
            "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: p}}\n\
             spec: {{{spec}}}\n"
        );
        let loaded = load(&[Source { name: "p.yaml".to_owned(), text }], has_cluster);
        match loaded {
            Ok(_) => assert!(fine),
            Err(refusal) => {
                assert!(matches!(refusal, PolicyRefusal::NeedsCluster), "{refusal}");
                assert!(!fine);
            }
        }
    }
}
