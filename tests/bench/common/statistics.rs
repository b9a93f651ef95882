//! Medians, percentiles, and ratios of pairs.

use std::time::Duration;

/// The middle of them; the mean of the two middle ones where their number is even.
///
/// # Panics
/// Where there are none.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    if values.len() % 2 == 1 { values[half] } else { f64::midpoint(values[half - 1], values[half]) }
}

/// Smallest and largest.
pub fn range(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    values.into_iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    })
}

/// The nearest rank of `percent` among sorted values.
///
/// # Panics
/// Where there are none.
pub fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted[rank.max(1) - 1]
}

/// As a number to calculate with.
pub fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Of counts that are far from the limits of `f64`.
#[expect(clippy::cast_precision_loss, reason = "counts of calls, not of atoms")]
pub fn number(count: usize) -> f64 {
    count as f64
}
