//! Calls a second and their latency, of `curfew serve` beside an echo that does nothing.
//!
//! Run with `cargo bench --bench https`. Both servers are processes of their own and stay up; they
//! are measured in turn, in pairs, and the ratios are those of the pairs, so that they hold on any
//! machine and beside other work. The client takes a good part of the same processors, which hides
//! part of a difference: the processor time that a server takes for a call hides nothing.

pub mod common;

use std::{collections::HashMap, time::Duration};

use hyper::body::Bytes;
use tokio::runtime::Runtime;

use common::{
    Called, Effort,
    client::{Load, Target},
    echo::Answers,
    report,
    server::{Server, Site},
    statistics::{median, milliseconds, number, percentile, range},
};

/// What one server did in one half of a pair.
struct Figures {
    /// A second.
    calls: f64,
    /// In milliseconds, as the next one.
    p50: f64,
    p99: f64,
    /// Processor time of the server, in microseconds for each call.
    cost: f64,
}

struct Pair {
    curfew: Figures,
    echo: Figures,
}

/// Takes one figure out of several.
type Column = fn(&Figures) -> f64;

fn main() {
    match common::called() {
        Called::Echo(echo) => echo.serve(),
        Called::Measure(effort) => measure(effort),
        Called::Nothing => {}
    }
}

fn measure(effort: Effort) {
    let pairs = effort.pick(9, 2);
    report::head("HTTPS: `curfew serve` beside a bare axum + rustls echo", effort);
    let runtime = Runtime::new().expect("a runtime starts");
    let site = Site::prepare();
    let reviews = common::reviews();
    let curfew = site.curfew(None);
    let to_curfew = Target::new(curfew.address, &site.certificate, reviews.clone());
    let answers = runtime.block_on(to_curfew.answers()).expect("curfew answers each review");
    let echo = site.echo(Answers::Sized(sizes(&reviews, &answers)));
    let to_echo = Target::new(echo.address, &site.certificate, reviews.clone());
    let bytes = |bodies: &[Bytes]| bodies.iter().map(Bytes::len).sum::<usize>() / bodies.len();
    report::say(format!(
        "{} recorded reviews round robin, {} bytes and answers of {} on average; \
         HTTP/1.1, keep-alive; {pairs} pairs",
        reviews.len(),
        bytes(&reviews),
        bytes(&answers),
    ));
    let mut rows = Vec::new();
    let mut goals = Vec::new();
    for connections in [1, 8, 32] {
        let load = Load {
            connections,
            calls: effort.pick(20_000, 500),
            limit: effort.pick(Duration::from_millis(1500), Duration::from_millis(300)),
        };
        let half = |server: &Server, target: &Target| {
            runtime.block_on(half(server, target, load)).expect("every call is answered")
        };
        let mut measured = Vec::new();
        for number in 0..pairs {
            // The order changes, or the second would profit from what the first has warmed.
            measured.push(if number % 2 == 0 {
                let curfew = half(&curfew, &to_curfew);
                Pair { curfew, echo: half(&echo, &to_echo) }
            } else {
                let echo = half(&echo, &to_echo);
                Pair { curfew: half(&curfew, &to_curfew), echo }
            });
        }
        rows.extend(table_rows(connections, &measured));
        goals.push((connections, ratio(&measured, |f| f.calls), ratio(&measured, |f| f.p99)));
    }
    let head = ["connections", "server", "calls/s", "p50 ms", "p99 ms", "server CPU, µs/call"];
    report::table(head, &rows);
    report::say("");
    for (connections, calls, p99) in goals {
        report::goal(
            &format!("calls/s with {connections} connections at least 0.85 × the echo's"),
            &format!("{calls:.2} ×"),
            calls >= 0.85,
        );
        report::goal(
            &format!("p99 with {connections} connections at most 1.3 × the echo's"),
            &format!("{p99:.2} ×"),
            p99 <= 1.3,
        );
    }
}

/// Bytes of the answer by bytes of the review.
fn sizes(reviews: &[Bytes], answers: &[Bytes]) -> HashMap<usize, usize> {
    reviews.iter().map(Bytes::len).zip(answers.iter().map(Bytes::len)).collect()
}

async fn half(server: &Server, target: &Target, load: Load) -> Result<Figures, String> {
    let before = server.child.processor_time();
    let outcome = target.load(load).await?;
    let after = server.child.processor_time();
    let cost = before.zip(after).map_or(f64::NAN, |(before, after)| {
        let calls = number(outcome.latencies.len() + outcome.warm_up);
        milliseconds(after.saturating_sub(before)) * 1e3 / calls
    });
    Ok(Figures {
        calls: number(outcome.latencies.len()) / outcome.elapsed.as_secs_f64(),
        p50: milliseconds(percentile(&outcome.latencies, 50)),
        p99: milliseconds(percentile(&outcome.latencies, 99)),
        cost,
    })
}

fn table_rows(connections: usize, pairs: &[Pair]) -> [[String; 6]; 3] {
    const COLUMNS: [Column; 4] = [|f| f.calls, |f| f.p50, |f| f.p99, |f| f.cost];
    let row = |server: &str, figures: [String; 4]| {
        let [calls, p50, p99, cost] = figures;
        [connections.to_string(), server.to_owned(), calls, p50, p99, cost]
    };
    let medians = |side: fn(&Pair) -> &Figures| {
        let [calls, p50, p99, cost] =
            COLUMNS.map(|column| median(pairs.iter().map(|pair| column(side(pair)))));
        [format!("{calls:.0}"), format!("{p50:.3}"), format!("{p99:.3}"), format!("{cost:.1}")]
    };
    let ratios = COLUMNS.map(|column| {
        let (low, high) = range(ratios(pairs, column));
        format!("{:.2} ({low:.2}–{high:.2})", ratio(pairs, column))
    });
    [
        row("curfew", medians(|pair| &pair.curfew)),
        row("echo", medians(|pair| &pair.echo)),
        row("ratio (range)", ratios),
    ]
}

fn ratio(pairs: &[Pair], column: Column) -> f64 {
    median(ratios(pairs, column))
}

fn ratios(pairs: &[Pair], column: Column) -> impl Iterator<Item = f64> {
    pairs.iter().map(move |pair| column(&pair.curfew) / column(&pair.echo))
}
