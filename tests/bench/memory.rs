//! How long `curfew serve` takes to be ready, and how much memory it holds, idle and after work.
//!
//! Run with `cargo bench --bench memory`. Memory is what the kernel says of the process, so it
//! needs a `/proc`.

pub mod common;

use std::{thread, time::Duration};

use tokio::runtime::Runtime;

use common::{
    Called, Effort,
    child::Memory,
    client::{Load, Target},
    report,
    server::{Server, Site},
    statistics::{median, milliseconds, number, range},
};

/// What one process was seen to hold.
struct Life {
    idle: Memory,
    worked: Memory,
}

fn main() {
    match common::called() {
        Called::Echo(echo) => echo.serve(),
        Called::Measure(effort) => measure(effort),
        Called::Nothing => {}
    }
}

fn measure(effort: Effort) {
    report::head("Start and memory of `curfew serve`, no cluster, bundled policy", effort);
    let site = Site::prepare();
    let starts: Vec<f64> =
        (0..effort.pick(21, 3)).map(|_| milliseconds(site.curfew(None).start)).collect();
    let calls = effort.pick(100_000, 1000);
    let lives: Option<Vec<Life>> = (0..effort.pick(3, 1)).map(|_| live(&site, calls)).collect();
    let (fastest, slowest) = range(starts.iter().copied());
    let ready = median(starts.iter().copied());
    let mut rows = vec![[
        "start to ready, ms".to_owned(),
        format!("{ready:.1}"),
        format!("{fastest:.1}–{slowest:.1}"),
    ]];
    let mut idle_and_worked = None;
    if let Some(lives) = &lives {
        let mut row = |what: String, of: fn(&Life) -> u64| {
            let all = || lives.iter().map(|life| mebibytes(of(life)));
            let ((low, high), middle) = (range(all()), median(all()));
            rows.push([what, format!("{middle:.1}"), format!("{low:.1}–{high:.1}")]);
            middle
        };
        let idle = row("resident when idle, MiB".to_owned(), |life| life.idle.resident);
        row("of it heap and stacks, MiB".to_owned(), |life| life.idle.anonymous);
        let worked = row(format!("resident after {calls} calls, MiB"), |life| life.worked.resident);
        row("of it heap and stacks, MiB".to_owned(), |life| life.worked.anonymous);
        row("peak, MiB".to_owned(), |life| life.worked.peak);
        idle_and_worked = Some((idle, worked));
    }
    report::table(["", "median", "range"], &rows);
    report::say("");
    report::goal("ready in at most 100 ms", &format!("{ready:.1} ms"), ready <= 100.0);
    match idle_and_worked {
        Some((idle, worked)) => {
            report::goal("idle in at most 12 MiB", &format!("{idle:.1} MiB"), idle <= 12.0);
            let growth = worked / idle;
            let wanted = format!("after {calls} calls at most 1.5 × that");
            report::goal(&wanted, &format!("{growth:.2} ×"), growth <= 1.5);
        }
        None => report::say("NO FIGURES of memory: there is no /proc here"),
    }
}

/// Starts one, lets it rest, makes it work, lets it rest; `None` where there is no `/proc`.
fn live(site: &Site, calls: usize) -> Option<Life> {
    let Server { address, child, start: _ } = site.curfew(None);
    thread::sleep(REST);
    let idle = child.memory()?;
    let target = Target::new(address, &site.certificate, common::reviews());
    let load = Load { connections: 8, calls, limit: LIMIT };
    // The connections end with the runtime, before the second look.
    let outcome = Runtime::new().expect("a runtime starts").block_on(target.load(load));
    let answered = outcome.expect("every call is answered").latencies.len();
    assert_eq!(answered, calls, "not so many calls in {LIMIT:?}");
    thread::sleep(REST);
    Some(Life { idle, worked: child.memory()? })
}

fn mebibytes(kibibytes: u64) -> f64 {
    number(usize::try_from(kibibytes).expect("memory fits in memory")) / 1024.0
}

/// So that what was started at the start, or closed at the end, has come to rest.
const REST: Duration = Duration::from_secs(1);

const LIMIT: Duration = Duration::from_secs(120);
