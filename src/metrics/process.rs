//! What the operating system says about this process, read when somebody asks.
//!
//! Everything comes out of `/proc/self`; where there is none, as on macOS, there is no such module.

use std::fmt;

use procfs::process::LimitValue;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Collects the `process_*` metrics that every Prometheus exporter has.
#[derive(Debug)]
pub struct Process {
    /// Does not change while we run, in seconds since the epoch.
    start: Option<f64>,
}

// === impl Process ===

impl Default for Process {
    /// Works out when this process began.
    fn default() -> Self {
        Self { start: start() }
    }
}

impl Collector for Process {
    #[expect(clippy::cast_precision_loss, reason = "bytes and ticks of a process are below 2^53")]
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        // Before anything else is opened.
        let open_fds = open_files();
        let process = procfs::process::Process::myself().ok();
        let stat = process.as_ref().and_then(|process| process.stat().ok());
        let status = process.as_ref().and_then(|process| process.status().ok());
        let limits = process.and_then(|process| process.limits().ok());
        let resident_memory = status.and_then(|status| Some(status.vmrss? as f64 * KIB));
        let virtual_memory = stat.as_ref().map(|stat| stat.vsize as f64);
        let threads = stat.as_ref().map(|stat| stat.num_threads as f64);
        let max_fds = limits.and_then(|limits| match limits.max_open_files.soft_limit {
            LimitValue::Value(files) => Some(files as f64),
            LimitValue::Unlimited => None,
        });
        for (name, help, value) in [
            ("process_start_time_seconds", "When the process began", self.start),
            ("process_resident_memory_bytes", "Memory that is in RAM", resident_memory),
            ("process_virtual_memory_bytes", "Memory that is mapped", virtual_memory),
            ("process_threads", "Threads", threads),
            ("process_open_fds", "Open file descriptors", open_fds),
            ("process_max_fds", "Most file descriptors that may be open", max_fds),
        ] {
            if let Some(value) = value {
                let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
                ConstGauge::new(value).encode(metric)?;
            }
        }
        if let Some(stat) = stat {
            let help = "Time spent on a processor, by user and system";
            let kind = MetricType::Counter;
            let metric = encoder.encode_descriptor("process_cpu_seconds", help, None, kind)?;
            ConstCounter::new(seconds(stat.utime + stat.stime)).encode(metric)?;
        }
        Ok(())
    }
}

/// Counted by hand: what procfs counts hangs on the version of the kernel.
#[expect(clippy::cast_precision_loss, reason = "files of a process are below 2^53")]
fn open_files() -> Option<f64> {
    // One of them is the folder that is being read.
    let count = std::fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1);
    Some(count as f64)
}

#[expect(clippy::cast_precision_loss, reason = "seconds since the epoch are small")]
fn start() -> Option<f64> {
    let stat = procfs::process::Process::myself().ok()?.stat().ok()?;
    Some(procfs::boot_time_secs().ok()? as f64 + seconds(stat.starttime))
}

/// Ticks, in which proc(5) counts.
#[expect(clippy::cast_precision_loss, reason = "ticks of a process are below 2^53")]
fn seconds(ticks: u64) -> f64 {
    ticks as f64 / procfs::ticks_per_second() as f64
}

const KIB: f64 = 1024.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_all_of_them() {
        let text = crate::metrics::Metrics::new().text();
        for name in [
            "process_cpu_seconds_total ",
            "process_max_fds ",
            "process_open_fds ",
            "process_resident_memory_bytes ",
            "process_start_time_seconds ",
            "process_threads ",
            "process_virtual_memory_bytes ",
        ] {
            let value = text.lines().find_map(|line| line.strip_prefix(name));
            let value: f64 = value.unwrap_or_else(|| panic!("{name} is missing")).parse().unwrap();
            assert!(value >= 0.0, "{name}{value}");
        }
        let start = Process::default().start.unwrap();
        #[expect(clippy::cast_precision_loss, reason = "seconds since the epoch are small")]
        let age = crate::clock::now().as_second() as f64 - start;
        assert!((-2.0..3600.0).contains(&age), "began {age} s ago");
    }
}
