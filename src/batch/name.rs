//! What the API server takes for a name.

/// Whether a text is a DNS-1123 subdomain, as the names of Jobs and API groups are
/// (`IsDNS1123Subdomain` of `k8s.io/apimachinery/pkg/util/validation`). Nothing else may become part
/// of a path: a status may list anything for the name of a Job.
pub fn is_subdomain(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_part = |part: &str| {
        !part.is_empty()
            && part.chars().all(allowed)
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(is_part)
}
