//! One review from bytes to bytes, and what a policy of ten thousand rules costs beside one of ten.
//!
//! Run with `cargo bench --bench decision`. The figures in the README are its medians; the two
//! policies are measured in the same run, so that their ratio holds on any machine.

use std::fmt::Write;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use curfew::admission::{Site, admit};
use curfew::policy::{Policy, Source};

fn load(text: String) -> Policy {
    let source = Source { name: "bench.yaml".to_owned(), text };
    Policy::load(&[source]).unwrap_or_else(|errors| panic!("{errors:#?}")).policy
}

/// Four rules in five for a namespace, three in twenty for a label, one in twenty for names.
fn rules(count: usize) -> Policy {
    let mut text = String::from(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {name: bench}\nspec:\n  rules:\n",
    );
    for rule in 0..count {
        let matched = match rule % 20 {
            0..=15 => format!("namespaces: [team-{rule}]"),
            16..=18 => format!("labels: {{team: t{rule}}}"),
            _ => format!("names: [\"batch-{rule}-*\"]"),
        };
        writeln!(text, "    - {{name: r{rule}, match: {{{matched}}}, ttl: 1h}}")
            .expect("a string takes all");
    }
    text += "  defaults: {ttl: {onSuccess: 1h, onFailure: 1d}}\n";
    load(text)
}

fn reviews() -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/reviews");
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).expect("fixtures").map(|e| e.expect("entry").path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("a review")).collect()
}

fn decide(c: &mut Criterion) {
    let now = "2026-11-21T00:00:00Z".parse().expect("a time");
    let reviews = reviews();
    let policies = [
        ("example", load(include_str!("../fixtures/example.yaml").to_owned())),
        ("10 rules", rules(10)),
        ("10000 rules", rules(10_000)),
    ];
    let mut group = c.benchmark_group("21 recorded reviews");
    group.throughput(Throughput::Elements(reviews.len() as u64));
    for (name, policy) in &policies {
        group.bench_function(*name, |b| {
            b.iter(|| {
                for body in &reviews {
                    black_box(admit(policy, &Site::default(), black_box(body), now))
                        .expect("a recorded review is a review");
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, decide);
criterion_main!(benches);
