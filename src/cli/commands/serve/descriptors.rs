//! How many connections there is room for, by the file descriptors that this process may have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::server::Settings;

/// The settings of production, with no more connections than there are descriptors for.
///
/// The soft limit is raised to the hard one first, as Go programs do: the low soft limit is for
/// programs that use `select(2)`.
pub(super) fn settings() -> Settings {
    let limit = getrlimit(Resource::Nofile);
    // Where it cannot be raised, the present one counts.
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let _ = setrlimit(Resource::Nofile, raised);
    let settings = fitting(getrlimit(Resource::Nofile).current, Settings::default());
    if settings.connections < Settings::default().connections {
        let connections = settings.connections;
        tracing::warn!(connections, "few connections fit: the limit of open files is low");
    }
    settings
}

/// `None` is no limit.
fn fitting(descriptors: Option<u64>, mut settings: Settings) -> Settings {
    let descriptors = descriptors.and_then(|most| usize::try_from(most).ok());
    let free = descriptors
        .map_or(usize::MAX, |most| most.saturating_sub(RESERVE + settings.admin_connections));
    settings.connections = settings.connections.min(free).max(LEAST);
    settings
}

/// For the cluster, files that are read again, and connections on their way out.
const RESERVE: usize = 192;

/// Without any, nobody would be served.
const LEAST: usize = 16;

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{Settings, fitting};

    #[rstest]
    #[case::no_limit(None, 512)]
    #[case::plenty(Some(65_536), 512)]
    #[case::usual(Some(1024), 512)]
    #[case::few(Some(512), 512 - 192 - 64)]
    #[case::hardly_any(Some(64), 16)]
    fn connections_leave_descriptors_for_the_rest(
        #[case] descriptors: Option<u64>,
        #[case] expected: usize,
    ) {
        assert_eq!(fitting(descriptors, Settings::default()).connections, expected);
    }
}
