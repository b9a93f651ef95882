//! How old an answer may be.

use std::time::Duration;

/// So long an answer of the API server counts where a Job is ended by it: the bound of staleness of
/// the delete contract (controllers.md, 2).
pub(super) const TRUSTED: Duration = Duration::from_secs(10);
