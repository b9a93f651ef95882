//! The brake, and the queue of deadlines: the parts of the sweeper that remember something.

use std::collections::BTreeMap;

use curfew::policy::{Policy, Source};
use curfew::sweeper::brake::{AtRisk, Brake, BrakeOutcome, Cause, Census, Held, Memory, Refused};
use curfew::sweeper::decide::Risk;
use curfew::sweeper::{Deadlines, PlanId, Reach};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::json;

use crate::support::stored::{Case, NOW, finished, job, policy};

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn after(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

/// Ended and due, in seconds from now.
fn risk(finish: i64, due: i64) -> Risk {
    Risk { finish: after(finish), due: after(due) }
}

fn at_risk(risk: Risk) -> AtRisk<'static> {
    AtRisk { namespace: "apps", risk, before: None }
}

/// Counts and settles.
fn settle(brake: &mut Brake, risks: &[Risk]) -> (BrakeOutcome, Census) {
    let census = brake.count(risks.iter().copied().map(at_risk), []);
    (brake.settle(&census), brake.count(risks.iter().copied().map(at_risk), []))
}

fn accepted(revision: &str) -> Memory {
    Memory { accepted: Some(revision.to_owned()), ..Memory::default() }
}

/// A brake where everything may be written.
fn unconfined(memory: Memory, revision: &str, at_most: usize, now: Timestamp) -> Brake {
    Brake::new(memory, Reach::default(), revision, at_most, now)
}

/// One that is confined to these namespaces.
fn confined(memory: &Memory, namespaces: &[&str], revision: &str, at_most: usize) -> Brake {
    let reach = Reach::only(namespaces.iter().map(ToString::to_string));
    Brake::new(memory.clone(), reach, revision, at_most, now())
}

#[rstest::rstest]
#[case::none(0, BrakeOutcome::Accepted)]
#[case::as_many_as_may_be(2, BrakeOutcome::Accepted)]
#[case::one_more(3, BrakeOutcome::Tripped)]
fn the_first_activation_is_counted(#[case] due: usize, #[case] expected: BrakeOutcome) {
    let mut brake = unconfined(Memory::default(), "r1", 2, now());
    let risks = vec![risk(-100, -50); due];
    // Until it is counted, nothing that was due goes on.
    assert_eq!(brake.holds("apps", &risk(-100, -50)), Some(Held::Undecided));
    assert_eq!(settle(&mut brake, &risks).0, expected);
    assert_eq!(brake.is_accepted(), expected == BrakeOutcome::Accepted);
    assert_eq!(brake.holds("apps", &risk(-100, -50)).is_some(), expected == BrakeOutcome::Tripped);
}

#[rstest::rstest]
#[case::due_before(risk(-100, -50), true)]
#[case::due_now(risk(-100, 0), true)]
#[case::due_within_the_hour(risk(-100, 3600), true)]
#[case::due_later(risk(-100, 3601), false)]
#[case::finished_at_that_second(risk(0, 7), true)]
#[case::finished_afterwards(risk(1, 8), false)]
fn exactly_what_had_finished_and_is_due_within_the_hour_is_held(
    #[case] other: Risk,
    #[case] held: bool,
) {
    let mut brake = unconfined(Memory::default(), "r1", 0, now());
    assert_eq!(settle(&mut brake, &[risk(-500, 0)]).0, BrakeOutcome::Tripped);
    assert_eq!(brake.holds("apps", &other).is_some(), held);
}

#[test]
fn a_stamp_a_little_ahead_of_our_clock_is_held_like_the_others() {
    let mut brake = unconfined(Memory::default(), "r1", 0, now());
    assert_eq!(settle(&mut brake, &[risk(5, 12), risk(31, 38)]).0, BrakeOutcome::Tripped);
    assert!(brake.holds("apps", &risk(5, 12)).is_some());
    assert!(brake.holds("apps", &risk(31, 38)).is_none());
}

#[test]
fn a_restart_neither_trips_nor_forgets() {
    let mut brake = unconfined(accepted("r1"), "r1", 2, now());
    let many = vec![risk(-100, -50); 9];
    assert_eq!(settle(&mut brake, &many).0, BrakeOutcome::Unchanged);
    assert!(brake.holds("apps", &many[0]).is_none());

    brake.load("r2", 2, after(10));
    assert_eq!(settle(&mut brake, &many).0, BrakeOutcome::Tripped);
    let text = brake.memory().to_text();
    let restarted = unconfined(Memory::parse(Some(&text)), "r2", 2, after(5000));
    assert_eq!(restarted.memory(), brake.memory());
    // The same cut-off as before, not that of the restart.
    for other in [risk(-100, -50), risk(9, 30), risk(11, 18), risk(-100, 3610), risk(-100, 3611)] {
        let holds = |brake: &Brake| brake.holds("apps", &other).is_some();
        assert_eq!(holds(&restarted), holds(&brake), "{other:?}");
    }
    assert!(!restarted.is_accepted());
}

#[test]
fn the_memory_reads_what_it_writes_and_takes_nonsense_for_nothing() {
    let mut brake = unconfined(accepted("r1"), "r2", 0, now());
    settle(&mut brake, &[risk(-100, 0)]);
    insta::assert_snapshot!(
        brake.memory().to_text(),
        @r#"{"accepted":"r1","holds":[{"revision":"r2","cutoff":"2026-11-21T12:00:00Z","horizon":"2026-11-21T13:00:00Z","cause":{"policyIn":"apps"},"count":1}]}"#
    );
    for text in
        [None, Some(""), Some("{"), Some("[]"), Some(r#"{"accepted":1}"#), Some(r#"{"x":1}"#)]
    {
        assert_eq!(Memory::parse(text), Memory::default());
    }
}

#[test]
fn what_was_due_before_is_not_the_new_policys_doing() {
    let mut brake = unconfined(accepted("r1"), "r1", 2, now());
    brake.load("r2", 2, now());
    let ordinary = AtRisk { namespace: "apps", risk: risk(-100, 10), before: Some(risk(-100, 20)) };
    let later = AtRisk { before: Some(risk(-100, 9000)), ..ordinary };
    let census = brake.count([vec![ordinary; 50], vec![later; 2]].concat(), []);
    assert_eq!(brake.clone().settle(&census), BrakeOutcome::Accepted);
    let census = brake.count([vec![ordinary; 50], vec![later; 3]].concat(), []);
    assert_eq!(brake.settle(&census), BrakeOutcome::Tripped);
}

#[test]
fn the_accepted_policy_comes_back_without_a_question() {
    let mut brake = unconfined(accepted("r1"), "r1", 0, now());
    brake.load("typo", 0, now());
    assert_eq!(settle(&mut brake, &[risk(-100, -93)]).0, BrakeOutcome::Tripped);
    brake.load("r1", 0, after(60));
    assert!(brake.is_accepted());
    assert!(brake.holds("apps", &risk(-100, -93)).is_none());
    // And the typo is counted anew.
    brake.load("typo", 0, after(120));
    assert_eq!(brake.holds("apps", &risk(-100, -93)), Some(Held::Undecided));
}

#[test]
fn who_cannot_be_judged_yet_may_be_due() {
    let mut brake = unconfined(Memory::default(), "r1", 2, now());
    let due = [at_risk(risk(-100, 0))];
    let census = brake.count(due, [("a", 1), ("b", 1)]);
    assert_eq!(brake.settle(&census), BrakeOutcome::Undecided);
    assert!(brake.holds("apps", &risk(-100, 0)).is_some());
    let census = brake.count(due, [("a", 1)]);
    assert_eq!(brake.settle(&census), BrakeOutcome::Accepted);
}

#[test]
fn a_hold_is_moot_when_nothing_is_left_of_it() {
    let mut brake = unconfined(accepted("r1"), "r2", 0, now());
    settle(&mut brake, &[risk(-100, 0)]);
    assert_eq!(settle(&mut brake, &[risk(-100, 0), risk(-5, 9000)]).0, BrakeOutcome::Unchanged);
    // Not while there is much of which nobody knows.
    let census = brake.count([], [("apps", 1)]);
    assert_eq!(brake.settle(&census), BrakeOutcome::Unchanged);
    assert_eq!(settle(&mut brake, &[risk(-5, 9000)]).0, BrakeOutcome::Moot);
    assert!(brake.is_accepted());
    assert_eq!(brake.memory(), &accepted("r2"));
}

#[test]
fn an_approval_is_for_what_was_shown() {
    let mut brake = unconfined(accepted("r1"), "4f1c2a9b03de", 1, now());
    let two = [risk(-100, 0), risk(-90, 5)];
    let (_, census) = settle(&mut brake, &two);
    let id = brake.plan_id(brake.in_force().next().unwrap(), &census);
    assert_eq!(id.to_string(), "4f1c2a9b03de-1795262400-2-apps");
    assert_eq!(id.to_string().parse(), Ok(id.clone()));

    let other = |change: fn(&mut PlanId)| {
        let mut other = id.clone();
        change(&mut other);
        other
    };
    for wrong in [
        other(|id| id.cutoff += 1),
        other(|id| id.revision.push('0')),
        other(|id| id.namespace = None),
        other(|id| id.namespace = Some("other".to_owned())),
    ] {
        let refused = brake.approve(&wrong, &census);
        assert_eq!(refused, Err(Refused::AnotherPlan(id.clone())));
    }
    let more = brake.count([two[0], two[1], risk(-80, 9)].map(at_risk), []);
    assert!(matches!(brake.approve(&id, &more), Err(Refused::More { shown: 2, counted: 3, .. })));
    assert!(brake.holds("apps", &two[0]).is_some());

    // Fewer are fine.
    let fewer = brake.count([at_risk(two[0])], []);
    assert_eq!(brake.approve(&id, &fewer), Ok(()));
    assert!(brake.is_accepted());
    assert!(brake.holds("apps", &two[0]).is_none());
    assert_eq!(brake.approve(&id, &fewer), Err(Refused::NothingHeld));
}

#[rstest::rstest]
#[case::empty("")]
#[case::two_parts("4f1c2a9b03de-1795262400")]
#[case::no_revision("-1795262400-2")]
#[case::a_sign("4f1c2a9b03de-1795262400-+2")]
#[case::negative("4f1c2a9b03de--5-2")]
#[case::words("a-b-c")]
#[case::no_namespace("4f1c2a9b03de-1795262400-2-")]
#[case::no_name_of_a_namespace("4f1c2a9b03de-1795262400-2-team/a")]
#[case::too_much("4f1c2a9b03de-1795262400-99999999999999999999999")]
#[case::blank("4f1c2a9b03de-1795262400-2 ")]
fn what_is_no_plan_id(#[case] text: &str) {
    let error = text.parse::<PlanId>().unwrap_err().to_string();
    assert!(error.contains("curfew status"), "{error}");
}

#[test]
fn a_change_of_namespace_labels_holds_what_it_makes_due() {
    let mut brake = unconfined(accepted("r1"), "r1", 1, now());
    let made = AtRisk { namespace: "apps", risk: risk(-100, 0), before: None };
    let ordinary = AtRisk { before: Some(risk(-100, 0)), ..made };
    assert_eq!(
        brake.relabelled("apps", [made, ordinary, ordinary], now()),
        BrakeOutcome::Unchanged
    );
    assert_eq!(brake.relabelled("apps", [made, made], now()), BrakeOutcome::Tripped);
    assert!(brake.holds("apps", &made.risk).is_some());
    assert!(brake.holds("other", &made.risk).is_none());
    assert!(brake.holds("apps", &risk(-100, 9000)).is_none());
    // A second namespace in the same second has an id of its own.
    assert_eq!(brake.relabelled("other", [made, made], now()), BrakeOutcome::Tripped);
    let ids: Vec<_> = brake.in_force().map(PlanId::of).collect();
    assert_ne!(ids[0], ids[1]);
    assert!(!ids[0].is_same_plan(&ids[1]));

    // Another policy does not let go of them behind a person's back: what labels made due counts
    // as new.
    let mut next = brake.clone();
    next.load("r2", 1, after(60));
    let held = AtRisk { before: Some(made.risk), ..made };
    let census = next.count([held, held], []);
    assert_eq!(next.settle(&census), BrakeOutcome::Tripped);
    // And they are in force again when the accepted policy comes back.
    next.load("r1", 1, after(120));
    assert!(next.holds("apps", &made.risk).is_some());

    let census = brake.count([made, made], []);
    let first = brake.in_force().next().unwrap().clone();
    assert_eq!(first.cause, Cause::Namespace("apps".to_owned()));
    let id = brake.plan_id(&first, &census);
    assert_eq!(brake.approve(&id, &census), Ok(()));
    assert!(brake.holds("apps", &made.risk).is_none());
    assert!(brake.is_accepted());
}

#[test]
fn many_namespaces_count_as_one_change_for_an_hour() {
    let made = AtRisk { namespace: "a", risk: risk(-100, 0), before: None };
    let mut brake = unconfined(accepted("r1"), "r1", 3, now());
    assert_eq!(brake.relabelled("a", [made, made], now()), BrakeOutcome::Unchanged);
    assert_eq!(brake.relabelled("none", [], after(60)), BrakeOutcome::Unchanged);
    assert_eq!(brake.relabelled("b", [made, made], after(120)), BrakeOutcome::Tripped);
    assert!(brake.holds("b", &made.risk).is_some() && brake.holds("a", &made.risk).is_none());
    let mut later = unconfined(accepted("r1"), "r1", 3, now());
    assert_eq!(later.relabelled("a", [made, made], now()), BrakeOutcome::Unchanged);
    assert_eq!(later.relabelled("b", [made, made], after(3700)), BrakeOutcome::Unchanged);
}

#[test]
fn an_approval_counts_its_own_hold_when_another_has_become_moot() {
    let mut brake = unconfined(accepted("r1"), "r1", 1, now());
    let [a, b] =
        ["a", "b"].map(|namespace| AtRisk { namespace, risk: risk(-100, 0), before: None });
    assert_eq!(brake.relabelled("a", [a, a], now()), BrakeOutcome::Tripped);
    assert_eq!(brake.relabelled("b", [b, b], now()), BrakeOutcome::Tripped);
    // Nothing is left in the first namespace, and one more has come in the second.
    let census = brake.count([b, b, b], []);
    assert_eq!(brake.settle(&census), BrakeOutcome::Moot);
    let hold = brake.in_force().next().unwrap().clone();
    assert_eq!(hold.cause, Cause::Namespace("b".to_owned()));
    assert_eq!((brake.plan_id(&hold, &census).count, brake.held(&census)), (3, 3));
    let shown = PlanId { count: 2, ..brake.plan_id(&hold, &census) };
    assert!(matches!(brake.approve(&shown, &census), Err(Refused::More { counted: 3, .. })));
}

/// A risk in each of these namespaces, as nobody knows what it was before.
fn due_in(namespaces: &[&'static str]) -> Vec<AtRisk<'static>> {
    let due = |namespace: &&'static str| AtRisk { namespace, ..at_risk(risk(-100, 0)) };
    namespaces.iter().map(due).collect()
}

#[test]
fn what_is_confined_less_is_counted_again() {
    let mut brake = confined(&Memory::default(), &["a"], "r1", 1);
    assert_eq!(settle(&mut brake, &[]).0, BrakeOutcome::Accepted);
    let memory = Memory::parse(Some(&brake.memory().to_text()));
    insta::assert_snapshot!(memory.to_text(), @r#"{"accepted":"r1","within":["a"]}"#);
    // By the same policy, and nothing is new where it was accepted.
    assert!(confined(&memory, &["a"], "r1", 1).is_accepted());
    let mut wider = confined(&memory, &["a", "b"], "r1", 1);
    assert_eq!(wider.holds("b", &risk(-100, 0)), Some(Held::Undecided));
    let few = wider.count(due_in(&["a", "a", "a", "b"]), []);
    assert_eq!(wider.clone().settle(&few), BrakeOutcome::Accepted);
    let many = wider.count(due_in(&["a", "b", "b"]), []);
    assert_eq!(wider.settle(&many), BrakeOutcome::Tripped);
    assert!(wider.holds("b", &risk(-100, 0)).is_some() && !wider.is_accepted());
    // A restart does not forget it, and the approval is for all of it.
    let mut restarted = confined(wider.memory(), &["a", "b"], "r1", 1);
    assert_eq!(restarted.memory(), wider.memory());
    let census = restarted.count(due_in(&["a", "b", "b"]), []);
    let id = restarted.plan_id(restarted.in_force().next().unwrap(), &census);
    assert_eq!(restarted.approve(&id, &census), Ok(()));
    assert!(confined(restarted.memory(), &["a", "b"], "r1", 1).is_accepted());
    // And so it is where the next step is to all namespaces.
    assert!(!unconfined(restarted.memory().clone(), "r1", 1, now()).is_accepted());
}

#[test]
fn what_is_confined_more_and_then_less_is_counted_again() {
    let brake = confined(&accepted("r1"), &["a"], "r1", 1);
    assert!(brake.is_accepted());
    assert!(confined(brake.memory(), &["a"], "r1", 1).is_accepted());
    assert!(!unconfined(brake.memory().clone(), "r1", 1, now()).is_accepted());
}

#[test]
fn a_policy_that_comes_back_was_not_accepted_where_nobody_counted() {
    let mut brake = confined(&accepted("r1"), &["a"], "r1", 1);
    assert_eq!(settle(&mut brake, &[]).0, BrakeOutcome::Unchanged);
    let mut wider = confined(brake.memory(), &["a", "b"], "r2", 1);
    let census = wider.count(due_in(&["b", "b"]), []);
    assert_eq!(wider.settle(&census), BrakeOutcome::Tripped);
    wider.load("r1", 1, after(60));
    assert!(!wider.is_accepted());
    assert_eq!(wider.holds("b", &risk(-100, 0)), Some(Held::Undecided));
}

#[test]
fn a_namespace_that_alone_makes_the_number_is_held_alone() {
    let mut brake = unconfined(accepted("r1"), "r2", 2, now());
    let counted = |brake: &Brake, more: &[&'static str]| {
        brake.count(due_in(&[&["a", "a", "a", "b", "c"][..], more].concat()), [])
    };
    let census = counted(&brake, &[]);
    assert_eq!(brake.settle(&census), BrakeOutcome::Tripped);
    let due = risk(-100, 0);
    assert!(brake.holds("a", &due).is_some());
    assert!(brake.holds("b", &due).is_none() && brake.holds("c", &due).is_none());
    assert!(!brake.is_accepted());
    let census = counted(&brake, &[]);
    let waiting = brake.waiting(&census);
    assert_eq!((waiting.len(), waiting[0].who()), (1, "a 3".to_owned()));
    assert_eq!(waiting[0].plan.to_string(), "r2-1795262400-3-a");

    // Another leader knows it, with the same id; and the policy is not counted again.
    let mut next = unconfined(Memory::parse(Some(&brake.memory().to_text())), "r2", 2, after(5000));
    assert_eq!(next.waiting(&counted(&next, &[])), waiting);
    let many = counted(&next, &["b"; 50]);
    assert_eq!(next.settle(&many), BrakeOutcome::Unchanged);
    assert!(next.holds("a", &due).is_some() && next.holds("b", &due).is_none());
    // Nobody else's Jobs are among what is approved.
    assert_eq!(next.approve(&waiting[0].plan, &many), Ok(()));
    assert!(next.holds("a", &due).is_none() && next.is_accepted());
}

#[test]
fn holds_of_several_namespaces_end_one_by_one() {
    let mut brake = unconfined(accepted("r1"), "r2", 1, now());
    let both = due_in(&["a", "a", "b", "b", "b", "c"]);
    let census = brake.count(both.clone(), []);
    assert_eq!(brake.settle(&census), BrakeOutcome::Tripped);
    let due = risk(-100, 0);
    let census = brake.count(both, []);
    let ids: Vec<PlanId> = brake.waiting(&census).into_iter().map(|one| one.plan).collect();
    // One second for both: what finishes afterwards follows the new policy in each of them.
    assert_eq!(
        ids.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["r2-1795262400-2-a", "r2-1795262400-3-b"]
    );
    assert_eq!(brake.approve(&ids[0], &census), Ok(()));
    assert!(brake.holds("a", &due).is_none() && brake.holds("b", &due).is_some());
    // Until the last one ends, another leader must not take the policy for accepted.
    assert!(!brake.is_accepted());
    assert_eq!(brake.memory().accepted.as_deref(), Some("r1"));
    let census = brake.count(due_in(&["a", "a"]), []);
    assert_eq!(brake.settle(&census), BrakeOutcome::Moot);
    assert!(brake.is_accepted());
}

#[test]
fn spread_over_namespaces_it_is_as_many() {
    let mut brake = unconfined(accepted("r1"), "r2", 2, now());
    let census = brake.count(due_in(&["a", "a", "a", "b", "b", "c"]), []);
    assert_eq!(brake.settle(&census), BrakeOutcome::Tripped);
    for namespace in ["a", "b", "c", "elsewhere"] {
        assert!(brake.holds(namespace, &risk(-100, 0)).is_some(), "{namespace}");
    }
    let census = brake.count(due_in(&["a", "a", "a", "b", "b", "c"]), []);
    let waiting = brake.waiting(&census);
    assert_eq!((waiting.len(), waiting[0].who()), (1, "a 3, b 2, c 1".to_owned()));
    assert_eq!(waiting[0].plan.to_string(), "r2-1795262400-6");
}

/// Each hold is a line on the Lease, which is not without end.
#[test]
fn above_sixty_four_namespaces_one_hold_is_for_all() {
    for (count, holds) in [(64, 64), (65, 1)] {
        let mut brake = unconfined(accepted("r1"), "r2", 0, now());
        let names: Vec<String> = (0..count).map(|number| format!("team-{number}")).collect();
        let due = names.iter().map(|name| AtRisk { namespace: name, ..at_risk(risk(-100, 0)) });
        let census = brake.count(due, []);
        assert_eq!(brake.settle(&census), BrakeOutcome::Tripped);
        assert_eq!(brake.in_force().count(), holds);
        assert!(names.iter().all(|name| brake.holds(name, &risk(-100, 0)).is_some()));
    }
}

#[test]
fn an_undecided_brake_shows_itself_and_can_be_approved() {
    let mut brake = unconfined(accepted("r1"), "r2", 2, now());
    let unknown = [("a", 1), ("b", 2)];
    let census = brake.count(due_in(&["c"]), unknown);
    assert_eq!(brake.settle(&census), BrakeOutcome::Undecided);
    let waiting = brake.waiting(&census);
    assert_eq!(waiting.len(), 1);
    assert_eq!((waiting[0].unknown, waiting[0].who()), (Some(3), "b 2, a 1, c 1".to_owned()));
    assert_eq!(brake.held(&census), 4);
    let id = waiting[0].plan.clone();
    assert_eq!(id.to_string(), "r2-1795262400-4");
    // Not for more than was shown, and not under another id.
    let more = brake.count(due_in(&["c", "c"]), unknown);
    assert!(matches!(brake.approve(&id, &more), Err(Refused::More { shown: 4, counted: 5, .. })));
    let other = PlanId { cutoff: id.cutoff + 1, ..id.clone() };
    assert_eq!(brake.approve(&other, &census), Err(Refused::AnotherPlan(id.clone())));
    assert_eq!(brake.holds("c", &risk(-100, 0)), Some(Held::Undecided));
    assert_eq!(brake.approve(&id, &census), Ok(()));
    assert!(brake.is_accepted() && brake.holds("c", &risk(-100, 0)).is_none());
}

/// The labels of one namespace cannot be read, and nobody else waits for them.
#[test]
fn who_cannot_be_judged_in_one_namespace_holds_that_one() {
    let mut brake = unconfined(accepted("r1"), "r2", 2, now());
    let census = brake.count(due_in(&["b"]), [("a", 3)]);
    assert_eq!(brake.settle(&census), BrakeOutcome::Tripped);
    assert!(brake.holds("a", &risk(-100, 0)).is_some());
    assert!(brake.holds("b", &risk(-100, 0)).is_none());
    let census = brake.count([], [("a", 3)]);
    assert_eq!(brake.waiting(&census)[0].plan.count, 3);
    assert_eq!(brake.settle(&census), BrakeOutcome::Unchanged);
    assert_eq!(brake.settle(&brake.count([], [])), BrakeOutcome::Moot);
    assert!(brake.is_accepted());
}

/// Few in each namespace are many together.
#[test]
fn holds_by_namespace_stay_while_too_many_cannot_be_judged_in_all() {
    let mut brake = unconfined(accepted("r1"), "r2", 2, now());
    let census = brake.count(due_in(&["a", "a", "a", "b", "b", "b", "c", "c", "c"]), []);
    assert_eq!(brake.settle(&census), BrakeOutcome::Tripped);
    let due = risk(-100, 0);
    let held = |brake: &Brake| ["a", "b", "c"].map(|name| brake.holds(name, &due).is_some());
    let census = brake.count([], [("a", 2), ("b", 1)]);
    // Of the third one everything is known, and nothing is left.
    assert_eq!(brake.settle(&census), BrakeOutcome::Moot);
    assert_eq!((held(&brake), brake.is_accepted()), ([true, true, false], false));
    assert_eq!(brake.settle(&census), BrakeOutcome::Unchanged);
    let census = brake.count([], [("a", 2)]);
    assert_eq!(brake.settle(&census), BrakeOutcome::Moot);
    assert!(brake.is_accepted());
}

/// As version 0.1.0 wrote it.
#[test]
fn an_older_lease_is_read() {
    let text = concat!(
        r#"{"accepted":"r1","within":["a","b"],"holds":[{"revision":"r2","#,
        r#""cutoff":"2026-11-21T12:00:00Z","horizon":"2026-11-21T13:00:00Z","cause":"policy","#,
        r#""count":9},{"revision":"r1","cutoff":"2026-11-21T11:00:00Z","#,
        r#""horizon":"2026-11-21T12:00:00Z","cause":{"namespace":"a"},"count":3}]}"#
    );
    let memory = Memory::parse(Some(text));
    assert_eq!(memory.to_text(), text);
    let brake = confined(&memory, &["a", "b"], "r2", 2);
    assert!(brake.holds("b", &risk(-100, 0)).is_some() && !brake.is_accepted());
    assert_eq!(PlanId::of(&memory.holds[0]).to_string(), "r2-1795262400-9");
}

/// The brake of 0.1.0 knows both policies by the revisions that they have today.
#[test]
fn what_0_1_0_accepted_and_held_is_known() {
    let lease: serde_json::Value =
        serde_json::from_str(include_str!("../fixtures/upgrade/lease.json")).unwrap();
    let memory = Memory::parse(lease["metadata"]["annotations"][Memory::ANNOTATION].as_str());
    let policy = include_str!("../fixtures/upgrade/policy.yaml");
    let brake = |ttl: &str| {
        let source = Source { name: "policy.yaml".to_owned(), text: policy.replace("7d", ttl) };
        let policy = Policy::load(&[source]).unwrap().policy;
        unconfined(memory.clone(), &policy.revision, 6, now())
    };
    assert!(brake("7d").is_accepted());
    let held = brake("7s");
    let held: Vec<String> = held.in_force().map(|hold| PlanId::of(hold).to_string()).collect();
    assert_eq!(held, ["d08971d95c47-1795994906-10"]);
}

/// The risks of Jobs under a policy, as the driver collects them.
fn risks(policy: &Policy, ages: &[i64], at: Timestamp) -> Vec<Risk> {
    let judge = |age: &i64| {
        let mut case = Case::new(finished("Complete", *age, json!({})));
        case.now = at;
        case.judge(policy).risks
    };
    ages.iter().flat_map(judge).collect()
}

proptest! {
    /// `7d` becomes `7s` by a typo: exactly the Jobs that had finished before are held, however
    /// the clock goes on, and those that finish afterwards follow the new policy.
    #[test]
    fn seven_days_to_seven_seconds(
        ages in prop::collection::vec(0_i64..600_000, 3..40),
        fresh in prop::collection::vec(1_i64..10_000, 0..10),
        later in 0_i64..100_000,
        action in prop::sample::select(vec!["Patch", "Delete"]),
    ) {
        let week = policy(&format!("stored: {{action: {action}}}\ndefaults: {{ttl: 7d}}\n"));
        let typo = policy(&format!("stored: {{action: {action}}}\ndefaults: {{ttl: 7s}}\n"));
        let mut brake = unconfined(Memory::default(), &week.revision, 2, now());
        // What falls due within the hour under the week is its own matter.
        let _ = settle(&mut brake, &[]);
        prop_assert!(brake.is_accepted());
        brake.load(&typo.revision, 2, now());
        let found = risks(&typo, &ages, now());
        prop_assert_eq!(found.len(), ages.len());
        prop_assert_eq!(settle(&mut brake, &found).0, BrakeOutcome::Tripped);
        let brake = unconfined(
            Memory::parse(Some(&brake.memory().to_text())), &typo.revision, 2, after(later),
        );
        for risk in risks(&typo, &ages, after(later)) {
            prop_assert!(brake.holds("apps", &risk).is_some());
        }
        let fresh: Vec<i64> = fresh.iter().map(|age| -age).collect();
        for risk in risks(&typo, &fresh, after(later)) {
            prop_assert!(brake.holds("apps", &risk).is_none());
        }
    }

    /// However Jobs are spread over namespaces: no more than `atMost` go without a person; nobody
    /// waits for a namespace that alone makes the number; and another leader holds the same.
    #[test]
    fn no_more_go_than_may_and_none_waits_for_one_namespace(
        due in prop::collection::vec(0_usize..12, 1..8),
        unknown in prop::collection::vec(0_usize..4, 8),
        at_most in 0_usize..15,
    ) {
        let names: Vec<String> = (0..due.len()).map(|number| format!("ns-{number}")).collect();
        let jobs = || names.iter().zip(&due).flat_map(|(namespace, count)| {
            std::iter::repeat_n(AtRisk { namespace, ..at_risk(risk(-100, 0)) }, *count)
        });
        let unknown = || names.iter().map(String::as_str).zip(unknown.iter().copied());
        let mut brake = unconfined(accepted("r1"), "r2", at_most, now());
        let outcome = brake.settle(&brake.count(jobs(), unknown()));

        let is_held = |brake: &Brake, name: &str| brake.holds(name, &risk(-100, 0)).is_some();
        let open = |(name, unknown): (&str, usize)| {
            let position = names.iter().position(|other| other == name).unwrap();
            due[position] + unknown
        };
        let total: usize = unknown().map(open).sum();
        let free: usize =
            unknown().filter(|(name, _)| !is_held(&brake, name)).map(open).sum();
        prop_assert!(free <= at_most);
        prop_assert_eq!(outcome == BrakeOutcome::Accepted, total <= at_most);
        let alone = |one: &(&str, usize)| open(*one) > at_most;
        let rest: usize = unknown().filter(|one| !alone(one)).map(open).sum();
        if rest <= at_most {
            for one in unknown() {
                prop_assert_eq!(is_held(&brake, one.0), alone(&one));
            }
        } else {
            prop_assert!(names.iter().all(|name| is_held(&brake, name)));
        }
        if outcome != BrakeOutcome::Accepted {
            let shown = brake.waiting(&brake.count(jobs(), unknown()));
            prop_assert!(!shown.is_empty() && shown.iter().all(|one| !one.who.is_empty()));
        }
        let text = brake.memory().to_text();
        let next = unconfined(Memory::parse(Some(&text)), "r2", at_most, after(60));
        for name in &names {
            prop_assert!(is_held(&next, name) || !is_held(&brake, name));
        }
    }

    /// Nothing unfinished is ever at risk.
    #[test]
    fn a_running_job_is_never_held(ttl in 0_i64..10_000) {
        let delete = policy(&format!("stored: {{action: Delete}}\ndefaults: {{ttl: {ttl}}}\n"));
        let running = Case::new(job(json!({})));
        prop_assert!(running.judge(&delete).risks.is_empty());
    }

    /// Ids read what they write.
    #[test]
    fn plan_ids(
        revision in "[0-9a-f]{12}",
        cutoff in 0_i64..i64::MAX,
        count: usize,
        namespace in prop::option::of("[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?"),
    ) {
        let id = PlanId { revision, cutoff, count, namespace };
        prop_assert_eq!(id.to_string().parse(), Ok(id));
    }

    /// The queue agrees with a plain map, over any sequence of changes and any clock.
    #[test]
    fn deadlines_agree_with_a_map(
        steps in prop::collection::vec((0_u8..4, 0_u8..20, any_time()), 0..200),
    ) {
        let mut queue = Deadlines::default();
        let mut model: BTreeMap<u8, Timestamp> = BTreeMap::new();
        for (what, key, at) in steps {
            match what {
                0 | 1 => {
                    queue.set(key, at);
                    model.insert(key, at);
                }
                2 => prop_assert_eq!(queue.remove(&key), model.remove(&key)),
                _ => {
                    let due = model.iter().map(|(k, t)| (*t, *k)).min().filter(|(t, _)| *t <= at);
                    prop_assert_eq!(queue.pop_due(at), due);
                    if let Some((_, key)) = due {
                        model.remove(&key);
                    }
                }
            }
            prop_assert_eq!(queue.next_deadline(), model.values().min().copied());
            for key in 0..20 {
                prop_assert_eq!(queue.deadline_of(&key), model.get(&key).copied());
            }
        }
    }
}

/// Times of today, of 68 years from now, and the ends of all time.
fn any_time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        (-10_000_i64..10_000).prop_map(after),
        Just(after(i64::from(i32::MAX))),
        Just(Timestamp::MAX),
        Just(Timestamp::MIN),
    ]
}

#[test]
fn deadlines_come_in_order_and_count_to_the_second() {
    let mut queue = Deadlines::default();
    for (key, seconds) in [("b", 5), ("a", 5), ("c", 3), ("d", 9)] {
        queue.set(key, after(seconds));
    }
    queue.set("d", after(4));
    assert_eq!(queue.pop_due(after(2)), None);
    let due: Vec<_> = std::iter::from_fn(|| queue.pop_due(after(5)).map(|(_, key)| key)).collect();
    assert_eq!(due, ["c", "d", "a", "b"]);
    assert_eq!(queue.next_deadline(), None);
}
