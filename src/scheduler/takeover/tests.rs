use jiff::{SignedDuration, Timestamp};
use rstest::rstest;

use super::Takeover;

/// What happens, each at a time of day: a start that comes due, a look at the clock, a start that
/// somebody else made.
#[derive(Clone, Copy, Debug)]
enum Happens {
    Due(&'static str),
    Look(&'static str),
    Foreign(&'static str),
}

use Happens::{Due, Foreign, Look};

fn at(time: &str) -> Timestamp {
    format!("2016-05-19T{time}Z").parse().unwrap()
}

fn word(takeover: &Takeover) -> &'static str {
    match takeover {
        Takeover::Watching { .. } => "watching",
        Takeover::Owning { .. } => "owning",
        Takeover::Stopped { .. } => "stopped",
    }
}

/// The watch begins at ten; a start is given up on half a minute after it came due.
#[rstest]
#[case::nothing_came_due(&[Look("23:00:00")], "watching")]
#[case::a_start_before_the_watch_is_no_chance(&[Due("09:59:00"), Due("10:00:00"), Look("23:00:00")], "watching")]
#[case::two_minutes_at_least(&[Due("10:00:30"), Look("10:01:59")], "watching")]
#[case::two_minutes_and_one_start(&[Due("10:00:30"), Look("10:02:00")], "owning")]
#[case::the_start_has_to_pass(&[Due("10:01:45"), Look("10:02:00")], "watching")]
#[case::the_start_has_passed(&[Due("10:01:45"), Look("10:02:15")], "owning")]
#[case::every_start_of_the_window_has_to_pass(
    &[Due("10:00:30"), Due("10:01:50"), Look("10:02:00"), Due("10:00:40"), Look("10:02:19")], "watching"
)]
#[case::none_behind_it_has_to(&[Due("10:01:50"), Due("10:02:00"), Due("10:02:10"), Look("10:02:20")], "owning")]
#[case::the_first_may_be_hours_away(&[Look("12:00:00"), Due("12:00:00"), Look("12:00:29")], "watching")]
#[case::and_is_enough(&[Look("12:00:00"), Due("12:00:00"), Due("12:00:20"), Look("12:00:30")], "owning")]
#[case::somebody_starts(&[Due("10:00:30"), Foreign("10:00:31"), Look("10:02:00")], "stopped")]
#[case::somebody_started_before(&[Due("10:00:30"), Foreign("10:00:00"), Look("10:02:00")], "owning")]
#[case::somebody_starts_later(&[Due("10:00:30"), Look("10:02:00"), Foreign("10:05:00")], "stopped")]
#[case::somebody_started_and_it_is_heard_of_later(
    &[Due("10:00:30"), Look("10:02:00"), Foreign("10:01:59")], "stopped"
)]
#[case::stopped_for_good(&[Foreign("10:00:31"), Due("10:00:30"), Look("10:02:00"), Look("23:00:00")], "stopped")]
fn watches_first(#[case] events: &[Happens], #[case] expected: &str) {
    let mut takeover = Takeover::begin(at("10:00:00"), false, None);
    for event in events {
        match event {
            Due(slot) => takeover.due(at(slot), SignedDuration::from_secs(30)),
            Look(now) => {
                let owned = takeover.owns();
                let news = takeover.pass(at(now));
                assert_eq!(news, !owned && takeover.owns());
            }
            Foreign(time) => {
                let before = word(&takeover);
                let news = takeover.foreign(at(time), || format!("at {time}"));
                assert_eq!(news, before != word(&takeover));
            }
        }
    }
    assert_eq!(word(&takeover), expected, "{takeover:?}");
    assert_eq!(takeover.owns(), expected == "owning");
}

#[rstest]
#[case::first_start(false, None, "watching")]
#[case::forced(true, None, "owning")]
#[case::a_leader_before_owned_until_just_now(false, Some("09:59:00"), "owning")]
#[case::two_minutes_are_just_now(false, Some("09:58:00"), "owning")]
#[case::longer_are_not(false, Some("09:57:59"), "watching")]
#[case::forced_whoever_owned(true, Some("01:00:00"), "owning")]
fn begins(#[case] forced: bool, #[case] owned_until: Option<&str>, #[case] expected: &str) {
    let takeover = Takeover::begin(at("10:00:00"), forced, owned_until.map(at));
    assert_eq!(word(&takeover), expected);
}

/// Whoever owned and was away for long goes on after two minutes, whether a start comes due or not.
#[rstest]
#[case::too_soon(&[Look("10:01:59")], "watching")]
#[case::without_a_start(&[Look("10:02:00")], "owning")]
#[case::somebody_started_while_nobody_was_there(&[Foreign("03:00:00"), Look("10:02:00")], "stopped")]
#[case::somebody_started_before(&[Foreign("01:59:00"), Look("10:02:00")], "owning")]
fn goes_on_after_an_outage(#[case] events: &[Happens], #[case] expected: &str) {
    let mut takeover = Takeover::begin(at("10:00:00"), false, Some(at("02:00:00")));
    for event in events {
        match event {
            Due(slot) => takeover.due(at(slot), SignedDuration::from_secs(30)),
            Look(now) => {
                takeover.pass(at(now));
            }
            Foreign(time) => {
                takeover.foreign(at(time), || format!("at {time}"));
            }
        }
    }
    assert_eq!(word(&takeover), expected, "{takeover:?}");
}

#[test]
fn says_why_it_stopped_and_keeps_the_first_reason() {
    let mut takeover = Takeover::begin(at("10:00:00"), true, None);
    assert!(takeover.foreign(at("10:00:01"), || "the first".to_owned()));
    assert!(!takeover.foreign(at("10:00:02"), || "the second".to_owned()));
    assert_eq!(takeover, Takeover::Stopped { why: "the first".to_owned() });
}

#[rstest]
#[case::watching(Takeover::Watching { since: at("10:00:00"), until: None },
    r#"{"watching":{"since":"2016-05-19T10:00:00Z","until":null}}"#)]
#[case::owning(Takeover::Owning { since: at("10:00:00") }, r#"{"owning":{"since":"2016-05-19T10:00:00Z"}}"#)]
#[case::stopped(Takeover::Stopped { why: "x".to_owned() }, r#"{"stopped":{"why":"x"}}"#)]
fn is_written_down(#[case] takeover: Takeover, #[case] text: &str) {
    assert_eq!(serde_json::to_string(&takeover).unwrap(), text);
    assert_eq!(serde_json::from_str::<Takeover>(text).unwrap(), takeover);
}

#[test]
fn the_ends_of_the_calendar_are_no_trouble() {
    let mut takeover = Takeover::begin(Timestamp::MAX, false, Some(Timestamp::MIN));
    takeover.due(Timestamp::MAX, SignedDuration::MAX);
    assert!(takeover.pass(Timestamp::MAX));
    let mut takeover = Takeover::begin(Timestamp::MIN, false, Some(Timestamp::MAX));
    takeover.due(Timestamp::MAX, SignedDuration::MAX);
    assert!(takeover.owns());
}
