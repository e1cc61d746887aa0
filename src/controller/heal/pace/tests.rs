//! Heals that wait for their turn to clear.

use pretty_assertions::assert_eq;

use super::*;

fn approved(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn why(line: &mut Line, at: i64, plan: &str, now: Instant) -> String {
    line.ask(approved(at), plan, now, &[])
        .map_or_else(|not_yet| not_yet.why, |()| "now".to_owned())
}

#[test]
fn a_hundred_clears_come_in_the_order_of_approval_ten_seconds_apart() {
    let (mut line, begin) = (Line::default(), Instant::now());
    // They ask in another order than they were approved in, each as often as it is told to.
    let mut due: BTreeMap<(Duration, i64), ()> = (0..100)
        .map(|plan| ((Duration::from_millis(1), plan * 37 % 100), ()))
        .collect();
    (0..100).for_each(|plan| {
        line.enter(approved(plan), &format!("plan {plan}"), begin);
    });
    let mut cleared: Vec<(i64, Duration)> = Vec::new();
    while let Some(((at, plan), ())) = due.pop_first() {
        let (now, name) = (begin + at, format!("plan {plan}"));
        match line.ask(approved(plan), &name, now, &[]) {
            Ok(()) => {
                line.leave(&name);
                line.cleared = Some((now, name));
                cleared.push((plan, at));
            }
            Err(not_yet) => drop(due.insert((at + not_yet.after, plan), ())),
        }
    }
    assert_eq!(
        cleared.iter().map(|(plan, _)| *plan).collect::<Vec<_>>(),
        (0..100).collect::<Vec<_>>()
    );
    assert!(
        cleared.windows(2).all(|pair| pair[1].1 - pair[0].1 >= CLEAR_PAUSE),
        "{cleared:?}"
    );
    let (_, end) = cleared[99];
    assert!(end < CLEAR_PAUSE * 130, "the line stands still: {end:?}");
}

#[test]
fn the_turn_is_held_until_its_clear_is_answered_and_the_place_is_told() {
    let (mut line, begin) = (Line::default(), Instant::now());
    let later = |seconds: u64| begin + Duration::from_secs(seconds);
    assert_eq!(why(&mut line, 5, "one", begin), "now");
    assert_eq!(why(&mut line, 6, "two", begin), "its turn to clear: 2nd of 2");
    // Approved earlier, and too late to take the turn away.
    assert_eq!(why(&mut line, 4, "zero", begin), "its turn to clear: 1st of 3");
    assert_eq!(why(&mut line, 5, "one", later(20)), "now", "it is still its own");
    assert_eq!(
        why(&mut line, 4, "zero", later(20)),
        "its turn to clear: 1st of 3",
        "however long the clear takes"
    );
    line.leave("one");
    line.cleared = Some((later(20), "one".to_owned()));
    assert_eq!(why(&mut line, 6, "two", later(29)), "its turn to clear: 2nd of 2");
    assert_eq!(why(&mut line, 4, "zero", later(29)), "its turn to clear: 1st of 2");
    assert_eq!(why(&mut line, 4, "zero", later(30)), "now");
    // One that is not heard of any more is not waited for.
    assert_eq!(why(&mut line, 6, "two", later(31)), "its turn to clear: 2nd of 2");
    assert_eq!(why(&mut line, 6, "two", later(91)), "now");
}

#[test]
fn one_that_begins_is_not_overtaken_by_one_that_was_approved_later() {
    let (mut line, begin) = (Line::default(), Instant::now());
    line.enter(approved(1), "slow", begin);
    assert_eq!(why(&mut line, 2, "fast", begin), "its turn to clear: 2nd of 2");
    assert_eq!(
        why(&mut line, 2, "fast", begin + COMES),
        "now",
        "nobody waits for one that is held up"
    );
    // Of one second the first that came.
    let mut line = Line::default();
    line.enter(approved(1), "z", begin);
    line.enter(approved(1), "a", begin);
    assert_eq!(why(&mut line, 1, "a", begin), "its turn to clear: 2nd of 2");
    assert_eq!(why(&mut line, 1, "z", begin), "now");
}

#[test]
fn what_was_approved_before_clears_before_also_in_another_process_unless_that_one_is_lost() {
    let (mut line, begin) = (Line::default(), Instant::now());
    let at = |seconds: u64| begin + Duration::from_secs(seconds);
    let of = |second: i64, plan: &str| Elsewhere {
        approved: approved(second),
        plan: plan.to_owned(),
    };
    let why = |line: &mut Line, second: i64, plan: &str, now: Instant, others: &[Elsewhere]| {
        line.ask(approved(second), plan, now, others)
            .map_or_else(|not_yet| not_yet.why, |()| "now".to_owned())
    };
    let others = [of(1, "by hand"), of(4, "by hand, later")];
    assert_eq!(why(&mut line, 2, "ours", begin, &others), "its turn to clear: 2nd of 3");
    assert_eq!(
        why(&mut line, 3, "ours, too", at(1), &others),
        "its turn to clear: 3rd of 4"
    );
    // The first one has cleared.
    assert_eq!(
        why(&mut line, 3, "ours, too", at(20), &others[1..]),
        "its turn to clear: 2nd of 3"
    );
    assert_eq!(why(&mut line, 2, "ours", at(20), &others[1..]), "now");
    line.leave("ours");
    // One that stands before all of ours and does not clear is lost, and the next one gets its own time.
    let others = [of(1, "lost"), of(2, "slow"), of(4, "by hand, later")];
    for seconds in [30, 60, 89] {
        assert_eq!(
            why(&mut line, 3, "ours, too", at(seconds), &others),
            "its turn to clear: 3rd of 4"
        );
    }
    assert_eq!(
        why(&mut line, 3, "ours, too", at(91), &others),
        "its turn to clear: 2nd of 3"
    );
    assert_eq!(why(&mut line, 3, "ours, too", at(92), &others[..1]), "now");
    assert_eq!(why(&mut line, 3, "ours, too", at(93), &[]), "now");
    line.leave("ours, too");
    assert_eq!(
        why(&mut line, 5, "ours, last", at(94), &others[..1]),
        "now",
        "one that is lost is waited for once"
    );
    // Of one moment the one whose plan comes first, in both processes.
    let mut line = Line::default();
    assert_eq!(
        why(&mut line, 1, "b", begin, &[of(1, "a")]),
        "its turn to clear: 2nd of 2"
    );
    assert_eq!(why(&mut Line::default(), 1, "a", begin, &[of(1, "b")]), "now");
    // A heal of this process that stands in the reports as well is counted once.
    line.enter(approved(1), "c", begin);
    assert_eq!(
        why(&mut line, 2, "d", begin, &[of(1, "c")]),
        "its turn to clear: 3rd of 3"
    );
}

#[test]
fn a_request_is_repeated_once_and_places_are_said_as_people_say_them() {
    let pace = Pace::default();
    assert!(pace.may_ask_again() && !pace.may_ask_again());
    let told: Vec<String> = [1, 2, 3, 4, 11, 12, 13, 21, 102, 113]
        .into_iter()
        .map(ordinal)
        .collect();
    assert_eq!(
        told,
        [
            "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "113th"
        ]
    );
}
