//! What the operating system says about this process, read when somebody asks.
//!
//! Everything comes out of `/proc/self`; where there is none, as on macOS, the metrics are absent.

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Collects the `process_*` metrics that every Prometheus exporter has.
#[derive(Debug)]
pub struct Process {
    /// Does not change while we run, in seconds since the epoch.
    start: Option<f64>,
}

/// `/proc/self/stat`, as far as it is told.
#[derive(Debug, PartialEq)]
struct Stat {
    /// User and system time, in seconds.
    cpu: f64,
    threads: u64,
    /// Since the machine was started, in seconds.
    start: f64,
    /// In bytes.
    virtual_memory: u64,
}

// === impl Process ===

impl Process {
    /// Works out when this process began.
    pub fn new() -> Self {
        let boot = || {
            let stat = fs::read_to_string("/proc/stat").ok()?;
            stat.lines().find_map(|line| line.strip_prefix("btime "))?.parse::<f64>().ok()
        };
        Self { start: Stat::read().and_then(|stat| Some(stat.start + boot()?)) }
    }
}

impl Default for Process {
    fn default() -> Self {
        Self::new()
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let mut gauge = |name, help, value: Option<f64>| match value {
            Some(value) => {
                let gauge = ConstGauge::new(value);
                let kind = prometheus_client::metrics::MetricType::Gauge;
                gauge.encode(encoder.encode_descriptor(name, help, None, kind)?)
            }
            None => Ok(()),
        };
        let stat = Stat::read();
        gauge("process_start_time_seconds", "When the process began", self.start)?;
        gauge("process_resident_memory_bytes", "Memory that is in RAM", status_bytes("VmRSS:"))?;
        gauge(
            "process_virtual_memory_bytes",
            "Memory that is mapped",
            stat.as_ref().map(|stat| float(stat.virtual_memory)),
        )?;
        gauge("process_threads", "Threads", stat.as_ref().map(|stat| float(stat.threads)))?;
        gauge("process_open_fds", "Open file descriptors", open_files())?;
        gauge(
            "process_max_fds",
            "Most file descriptors that may be open",
            limit("Max open files"),
        )?;
        if let Some(stat) = stat {
            let counter = ConstCounter::new(stat.cpu);
            let kind = prometheus_client::metrics::MetricType::Counter;
            let name = "process_cpu_seconds";
            let help = "Time spent on a processor, by user and system";
            counter.encode(encoder.encode_descriptor(name, help, None, kind)?)?;
        }
        Ok(())
    }
}

// === impl Stat ===

impl Stat {
    fn read() -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/self/stat").ok()?)
    }

    /// The fields of proc(5), counted from 1 there; the name, the second, is in parentheses and
    /// may hold blanks and parentheses itself.
    fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            cpu: float(field(14)? + field(15)?) / TICKS,
            threads: field(20)?,
            start: float(field(22)?) / TICKS,
            virtual_memory: field(23)?,
        })
    }
}

/// A line of `/proc/self/status` that ends in `kB`.
fn status_bytes(name: &str) -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(float(kibibytes * 1024))
}

fn open_files() -> Option<f64> {
    // One of them is the folder that is being read.
    let count = fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1);
    Some(float(count as u64))
}

/// The soft limit of a line of `/proc/self/limits`; absent where it is `unlimited`.
fn limit(name: &str) -> Option<f64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[expect(clippy::cast_precision_loss, reason = "bytes and ticks of a process are below 2^53")]
fn float(value: u64) -> f64 {
    value as f64
}

/// `USER_HZ`, in which proc(5) counts: 100 on every architecture that Rust has a Linux target for.
const TICKS: f64 = 100.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let text = "7 (a) b (c) S 1 7 7 0 -1 4194304 90 0 0 0 150 50 0 0 20 0 3 0 1200 4096 25 9";
        let expected = Stat { cpu: 2.0, threads: 3, start: 12.0, virtual_memory: 4096 };
        assert_eq!(Stat::parse(text), Some(expected));
    }

    #[test]
    fn a_short_line_is_no_panic() {
        assert_eq!(Stat::parse("7 (a) S 1 2"), None);
        assert_eq!(Stat::parse(""), None);
    }

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
