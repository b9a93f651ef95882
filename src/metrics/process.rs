//! What the operating system says about this process, read when somebody asks.
//!
//! Everything comes out of `/proc/self`; where there is none, as on macOS, the metrics are absent.

use std::fmt;

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

/// The figures that change; `None` where the system does not tell.
#[derive(Debug, Default)]
struct Figures {
    /// User and system time, in seconds.
    cpu: Option<f64>,
    max_fds: Option<f64>,
    open_fds: Option<f64>,
    /// In bytes.
    resident_memory: Option<f64>,
    threads: Option<f64>,
    /// In bytes.
    virtual_memory: Option<f64>,
}

// === impl Process ===

impl Process {
    /// Works out when this process began.
    pub fn new() -> Self {
        Self { start: start() }
    }
}

impl Default for Process {
    fn default() -> Self {
        Self::new()
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let Figures { cpu, max_fds, open_fds, resident_memory, threads, virtual_memory } =
            figures();
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
        if let Some(cpu) = cpu {
            let help = "Time spent on a processor, by user and system";
            let kind = MetricType::Counter;
            let metric = encoder.encode_descriptor("process_cpu_seconds", help, None, kind)?;
            ConstCounter::new(cpu).encode(metric)?;
        }
        Ok(())
    }
}

#[cfg(target_os = "linux")]
#[expect(clippy::cast_precision_loss, reason = "bytes and ticks of a process are below 2^53")]
fn figures() -> Figures {
    use procfs::process::{LimitValue, Process};

    // Before anything else is opened.
    let open_fds = open_files();
    let Ok(process) = Process::myself() else { return Figures::default() };
    let stat = process.stat().ok();
    let of = |figure: fn(&procfs::process::Stat) -> f64| stat.as_ref().map(figure);
    let limits = process.limits().ok();
    Figures {
        cpu: of(|stat| seconds(stat.utime + stat.stime)),
        max_fds: limits.and_then(|limits| match limits.max_open_files.soft_limit {
            LimitValue::Value(files) => Some(files as f64),
            LimitValue::Unlimited => None,
        }),
        open_fds,
        resident_memory: process.status().ok().and_then(|status| Some(status.vmrss? as f64 * KIB)),
        threads: of(|stat| stat.num_threads as f64),
        virtual_memory: of(|stat| stat.vsize as f64),
    }
}

/// Counted by hand: what procfs counts hangs on the version of the kernel.
#[cfg(target_os = "linux")]
#[expect(clippy::cast_precision_loss, reason = "files of a process are below 2^53")]
fn open_files() -> Option<f64> {
    // One of them is the folder that is being read.
    let count = std::fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1);
    Some(count as f64)
}

#[cfg(target_os = "linux")]
#[expect(clippy::cast_precision_loss, reason = "seconds since the epoch are small")]
fn start() -> Option<f64> {
    let stat = procfs::process::Process::myself().ok()?.stat().ok()?;
    Some(procfs::boot_time_secs().ok()? as f64 + seconds(stat.starttime))
}

#[cfg(not(target_os = "linux"))]
const fn start() -> Option<f64> {
    None
}

#[cfg(not(target_os = "linux"))]
fn figures() -> Figures {
    Figures::default()
}

/// Ticks, in which proc(5) counts.
#[cfg(target_os = "linux")]
#[expect(clippy::cast_precision_loss, reason = "ticks of a process are below 2^53")]
fn seconds(ticks: u64) -> f64 {
    ticks as f64 / procfs::ticks_per_second() as f64
}

#[cfg(target_os = "linux")]
const KIB: f64 = 1024.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
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
        let start = Process::new().start.unwrap();
        #[expect(clippy::cast_precision_loss, reason = "seconds since the epoch are small")]
        let age = crate::clock::now().as_second() as f64 - start;
        assert!((-2.0..3600.0).contains(&age), "began {age} s ago");
    }
}
