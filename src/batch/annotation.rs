//! Annotations that Kubernetes and kubectl give a meaning, and how much of them an object may have.

/// What `kubectl apply`, and whoever uses its library, remembers of the author's manifest.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Of a Job: the start of its `CronJob` that it was created for.
pub const SCHEDULED: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";

/// How many bytes the keys and values of an object's annotations may have together
/// (`TotalAnnotationSizeLimitB` of `k8s.io/apimachinery/pkg/api/validation`).
pub const MOST_BYTES: usize = 256 * 1024;

/// What a Job gets beside the annotations of the template that it is made of: [`SCHEDULED`] with a
/// time in its longest form, such as `2026-11-19T11:00:00+05:30`.
pub const OF_A_START: usize = SCHEDULED.len() + 25;
