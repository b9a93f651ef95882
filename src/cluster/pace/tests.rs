use std::collections::BinaryHeap;
use std::time::Duration;

use rstest::rstest;

use super::{NextWrite, Pace, Rate, Signal};

/// What a simulated API server does with a write: how long it takes, and how it ends.
type Server = fn(in_flight: usize, now: Duration) -> (Duration, Signal);

/// The end of a simulated write.
type End = std::cmp::Reverse<(Duration, Duration, bool, Option<Duration>)>;

/// Writes without a pause for a while; gives when each write started.
fn run(pace: &mut Pace, server: Server, span: Duration) -> Vec<Duration> {
    let mut now = Duration::ZERO;
    let mut ends: BinaryHeap<End> = BinaryHeap::new();
    let mut starts = Vec::new();
    while now < span {
        let next = match pace.turn(now) {
            NextWrite::Now => {
                starts.push(now);
                let (took, signal) = server(ends.len() + 1, now);
                let (overloaded, pause) = match signal {
                    Signal::Answered => (false, None),
                    Signal::Overloaded { retry_after } => (true, retry_after),
                };
                ends.push(std::cmp::Reverse((now + took, now, overloaded, pause)));
                continue;
            }
            NextWrite::At(at) => {
                assert!(at > now, "a turn that never comes");
                Some(at)
            }
            NextWrite::AfterAnother => {
                assert!(!ends.is_empty(), "waits for a write that is not under way");
                None
            }
        };
        let ended = ends.peek().map(|end| end.0.0);
        now = match (next, ended) {
            (Some(at), Some(ended)) => at.min(ended),
            (Some(at), None) => at,
            (None, ended) => ended.unwrap(),
        };
        while let Some(std::cmp::Reverse((at, started, overloaded, retry_after))) =
            ends.peek().copied()
        {
            if at > now {
                break;
            }
            ends.pop();
            let signal =
                if overloaded { Signal::Overloaded { retry_after } } else { Signal::Answered };
            pace.ended(signal, started, at);
        }
    }
    starts
}

fn quick(_: usize, _: Duration) -> (Duration, Signal) {
    (Duration::from_millis(5), Signal::Answered)
}

/// Does four at once in 10 ms each; more take their turn.
fn four_at_once(in_flight: usize, _: Duration) -> (Duration, Signal) {
    let queue = u32::try_from(in_flight.div_ceil(4)).unwrap();
    (Duration::from_millis(10) * queue, Signal::Answered)
}

fn overloaded(_: usize, _: Duration) -> (Duration, Signal) {
    (Duration::from_millis(20), Signal::Overloaded { retry_after: None })
}

#[rstest]
#[case::one(1)]
#[case::default(20)]
#[case::hundred(100)]
#[case::thousand(1000)]
fn the_rate_holds_over_any_second(#[case] rate: u32) {
    let mut pace = Pace::new(Rate::new(rate));
    let starts = run(&mut pace, quick, Duration::from_secs(30));
    let most = usize::try_from(rate + (rate / 10).max(1)).unwrap();
    for (position, start) in starts.iter().enumerate() {
        let within =
            starts[position..].iter().take_while(|s| **s < *start + Duration::from_secs(1));
        assert!(within.count() <= most);
    }
    let whole = f64::from(u32::try_from(starts.len()).unwrap()) / 30.0;
    assert!((f64::from(rate) * 0.9..=f64::from(rate) * 1.1).contains(&whole), "{whole}/s");
}

#[test]
fn concurrency_grows_while_latency_is_flat() {
    let mut pace = Pace::new(Rate::new(10_000));
    run(&mut pace, quick, Duration::from_secs(5));
    assert_eq!(pace.concurrency(), 64);
}

#[test]
fn rising_latency_is_felt_below_the_lifted_rate_only() {
    let mut pace = Pace::new(Rate::new(9_999));
    run(&mut pace, four_at_once, Duration::from_secs(10));
    assert!((2..=24).contains(&pace.concurrency()), "{}", pace.concurrency());
    let mut lifted = Pace::new(Rate::new(10_000));
    run(&mut lifted, four_at_once, Duration::from_secs(10));
    assert_eq!(lifted.concurrency(), 64);
}

#[rstest]
#[case::ordinary(100)]
#[case::lifted(10_000)]
fn an_overloaded_server_is_asked_one_at_a_time(#[case] rate: u32) {
    let mut pace = Pace::new(Rate::new(rate));
    run(&mut pace, overloaded, Duration::from_secs(2));
    assert_eq!(pace.concurrency(), 1);
}

#[test]
fn one_cut_for_all_that_were_under_way() {
    let mut pace = Pace::new(Rate::new(10_000));
    run(&mut pace, quick, Duration::from_secs(5));
    let now = Duration::from_secs(6);
    let before = pace.concurrency();
    for _ in 0..10 {
        pace.ended(Signal::Overloaded { retry_after: None }, now, now + Duration::from_millis(9));
    }
    assert_eq!(pace.concurrency(), before / 2);
}

#[test]
fn retry_after_stops_everything() {
    let mut pace = Pace::new(Rate::new(10_000));
    let second = Duration::from_secs(1);
    assert_eq!(pace.turn(second), NextWrite::Now);
    let signal = Signal::Overloaded { retry_after: Some(Duration::from_secs(7)) };
    pace.ended(signal, second, 2 * second);
    assert_eq!(pace.turn(3 * second), NextWrite::At(9 * second));
    assert_eq!(pace.turn(9 * second), NextWrite::Now);
}

#[test]
fn a_retry_after_of_a_day_is_a_mistake() {
    let mut pace = Pace::new(Rate::new(10));
    assert_eq!(pace.turn(Duration::ZERO), NextWrite::Now);
    let signal = Signal::Overloaded { retry_after: Some(Duration::from_secs(86_400)) };
    pace.ended(signal, Duration::ZERO, Duration::ZERO);
    assert_eq!(pace.turn(Duration::from_secs(1)), NextWrite::At(Duration::from_secs(60)));
}

#[test]
fn another_rate_counts_at_once() {
    let mut pace = Pace::new(Rate::new(10_000));
    pace.set_rate(Rate::new(1), Duration::from_secs(1));
    assert_eq!(pace.turn(Duration::from_secs(1)), NextWrite::Now);
    pace.ended(Signal::Answered, Duration::from_secs(1), Duration::from_secs(1));
    assert_eq!(pace.turn(Duration::from_secs(1)), NextWrite::At(Duration::from_secs(2)));
}
