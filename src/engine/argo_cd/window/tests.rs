use pretty_assertions::assert_eq;
use serde_json::json;

use super::*;
use crate::engine::argo_cd::shapes::{quiet, read, time};

fn windows(list: Value) -> Windows {
    Windows::of(&json!({"spec": {"syncWindows": list}}), &read(&quiet())).unwrap()
}

/// The overrun is asked with the offset of now, though the sync began before the clocks went back.
#[test]
fn the_offset_of_a_zone_is_that_of_now() {
    let window = json!({"kind": "deny", "schedule": "0 0 */2 * 1", "duration": "36h", "timeZone": "Europe/Berlin",
                        "applications": ["*"], "syncOverrun": true});
    let (now, started) = (time("2026-10-25T04:25:00.001Z"), time("2026-10-24T22:10:00.001Z"));
    assert_eq!(
        windows(json!([window])).may_sync(Trigger::Manual, now, Some(started)),
        Leave::Granted
    );
}

/// (kind, schedule, duration) of windows that match everything.
fn plain(list: &[(&str, &str, &str)]) -> Windows {
    windows(
        list.iter()
            .map(|(kind, schedule, duration)| {
                json!({"kind": kind, "schedule": schedule, "duration": duration,
                                                     "applications": ["*"]})
            })
            .collect(),
    )
}

fn granted(windows: &Windows, at: &str) -> bool {
    windows.may_sync(Trigger::Automated, time(at), None) == Leave::Granted
}

#[test]
fn windows_match_by_any_list_or_by_all() {
    for (window, matched) in [
        (json!({"applications": ["sh*"]}), true),
        (json!({"applications": ["api"]}), false),
        (json!({"namespaces": ["shop"]}), true),
        (json!({"clusters": ["https://kubernetes.*"]}), true),
        (json!({"clusters": ["in-cluster"]}), false),
        (json!({"applications": ["api"], "namespaces": ["shop"]}), true),
        (
            json!({"applications": ["api"], "namespaces": ["shop"], "andOperator": true}),
            false,
        ),
        (
            json!({"applications": ["shop"], "namespaces": ["shop"], "clusters": ["*"], "andOperator": true}),
            true,
        ),
        (
            json!({"applications": ["shop"], "namespaces": ["other"], "andOperator": true}),
            false,
        ),
        (
            json!({"applications": ["shop"], "clusters": ["other"], "namespaces": ["shop"], "andOperator": true}),
            false,
        ),
        (json!({"applications": ["shop"], "andOperator": true}), true),
        (json!({}), false),
        (json!({"andOperator": true}), false),
    ] {
        assert_eq!(
            windows(json!([window])).matching().len(),
            usize::from(matched),
            "{window}"
        );
    }
}

#[test]
fn an_open_deny_window_wins() {
    let day = plain(&[("deny", "0 9 * * *", "2h"), ("allow", "0 8 * * *", "10h")]);
    for (at, expected) in [
        ("2026-03-02T07:59:59Z", false),
        ("2026-03-02T08:30:00Z", true),
        // On the edge itself a window is not open yet, and no longer.
        ("2026-03-02T09:00:00Z", true),
        ("2026-03-02T09:00:01Z", false),
        ("2026-03-02T10:59:59Z", false),
        ("2026-03-02T11:00:00Z", true),
        ("2026-03-02T18:00:00Z", false),
    ] {
        assert_eq!(granted(&day, at), expected, "{at}");
    }
}

#[test]
fn without_windows_everything_runs() {
    assert!(granted(&Windows::none(), "2026-03-02T10:00:00Z"));
    assert!(granted(&plain(&[("deny", "0 9 * * *", "30m")]), "2026-03-02T10:00:00Z"));
    assert_eq!(
        Windows::unread().may_sync(Trigger::Automated, time("2026-03-02T10:00:00Z"), None),
        Leave::Unknown
    );
    assert!(granted(
        &windows(json!([{"kind": "pause", "schedule": "* * * * *", "duration": "1h", "applications": ["*"]}])),
        "2026-03-02T10:00:00Z"
    ));
}

#[test]
fn manual_syncs_run_where_every_window_lets_them() {
    let manual = |allowed: &[bool]| {
        let list = allowed.iter().map(|manual| {
            json!({"kind": "deny", "schedule": "0 9 * * *", "duration": "2h", "applications": ["*"],
                                 "manualSync": manual})
        });
        windows(list.collect()).may_sync(Trigger::Manual, time("2026-03-02T10:00:00Z"), None) == Leave::Granted
    };
    assert!(
        manual(&[true])
            && manual(&[true, true])
            && !manual(&[false])
            && !manual(&[true, false])
            && !manual(&[false, true])
    );
    let closed = json!([{"kind": "allow", "schedule": "0 9 * * *", "duration": "30m", "applications": ["*"],
                         "manualSync": true}]);
    assert_eq!(
        windows(closed.clone()).may_sync(Trigger::Manual, time("2026-03-02T10:00:00Z"), None),
        Leave::Granted
    );
    assert!(!granted(&windows(closed), "2026-03-02T10:00:00Z"));
}

#[test]
fn a_sync_that_began_in_time_goes_on_where_the_windows_say_so() {
    let at = |overrun: bool, kind: &str, started: &str| {
        let window = json!({"kind": kind, "schedule": "0 9 * * *", "duration": "1h", "applications": ["*"],
                            "syncOverrun": overrun});
        let now = if kind == "deny" {
            "2026-03-02T09:30:00Z"
        } else {
            "2026-03-02T10:30:00Z"
        };
        windows(json!([window])).may_sync(Trigger::Automated, time(now), Some(time(started))) == Leave::Granted
    };
    assert!(
        at(true, "deny", "2026-03-02T08:59:00Z")
            && !at(false, "deny", "2026-03-02T08:59:00Z")
            && !at(true, "deny", "2026-03-02T09:10:00Z")
    );
    assert!(
        at(true, "allow", "2026-03-02T09:59:00Z")
            && !at(false, "allow", "2026-03-02T09:59:00Z")
            && !at(true, "allow", "2026-03-02T10:10:00Z")
    );
}

#[test]
fn what_cannot_be_read_stops_every_sync() {
    for (schedule, duration) in [("@daily", "1h"), ("0 9 * * *", "1d"), ("0 9 * * *", ""), ("", "1h")] {
        let broken = plain(&[("deny", "0 3 * * *", "1m"), ("allow", schedule, duration)]);
        let leave = broken.may_sync(Trigger::Manual, time("2026-03-02T10:00:00Z"), None);
        assert!(matches!(leave, Leave::Broken(_)), "{schedule} {duration}: {leave:?}");
        assert_eq!(broken.next_change(Trigger::Manual, time("2026-03-02T10:00:00Z")), None);
    }
}

#[test]
fn a_schedule_that_never_comes_is_always_open() {
    assert!(!granted(
        &plain(&[("deny", "0 0 30 2 *", "1m")]),
        "2026-03-02T10:00:00Z"
    ));
    assert!(granted(
        &plain(&[("allow", "0 0 30 2 *", "1m")]),
        "2026-03-02T10:00:00Z"
    ));
}

#[test]
fn zones_shift_windows_with_the_season() {
    let berlin = |zone: &str| {
        windows(
            json!([{"kind": "allow", "schedule": "0 9 * * *", "duration": "1h", "timeZone": zone,
                    "applications": ["*"]}]),
        )
    };
    assert!(
        granted(&berlin("Europe/Berlin"), "2026-01-15T08:30:00Z")
            && !granted(&berlin("Europe/Berlin"), "2026-01-15T07:30:00Z")
    );
    assert!(
        granted(&berlin("Europe/Berlin"), "2026-07-15T07:30:00Z")
            && !granted(&berlin("Europe/Berlin"), "2026-07-15T08:30:00Z")
    );
    // An unknown zone is UTC.
    assert!(granted(&berlin("Europe/Berlln"), "2026-07-15T09:30:00Z") && granted(&berlin(""), "2026-07-15T09:30:00Z"));
}

#[test]
fn the_next_change_is_found() {
    let change = |windows: &Windows, at: &str| {
        windows
            .next_change(Trigger::Automated, time(at))
            .map(|change| change.to_string())
    };
    let nights = plain(&[("deny", "0 22 * * 1-5", "8h")]);
    assert_eq!(
        change(&nights, "2026-03-02T10:00:00Z").as_deref(),
        Some("2026-03-02T22:00:00Z")
    );
    assert_eq!(
        change(&nights, "2026-03-02T23:00:00Z").as_deref(),
        Some("2026-03-03T06:00:00Z")
    );
    // Friday's window ends on Saturday, the next opens on Monday.
    assert_eq!(
        change(&nights, "2026-03-07T07:00:00Z").as_deref(),
        Some("2026-03-09T22:00:00Z")
    );
    let backed = plain(&[("deny", "0 8 * * *", "2h"), ("deny", "0 9 * * *", "2h")]);
    assert_eq!(
        change(&backed, "2026-03-02T08:30:00Z").as_deref(),
        Some("2026-03-02T11:00:00Z")
    );
    let always = plain(&[("deny", "* * * * *", "1h")]);
    assert_eq!(change(&always, "2026-03-02T08:30:00Z"), None);
    assert_eq!(change(&Windows::none(), "2026-03-02T08:30:00Z"), None);
    let berlin = windows(
        json!([{"kind": "deny", "schedule": "0 9 * * *", "duration": "1h", "timeZone": "Europe/Berlin",
                "applications": ["*"]}]),
    );
    assert_eq!(
        change(&berlin, "2026-03-28T12:00:00Z").as_deref(),
        Some("2026-03-29T07:00:00Z")
    );
    assert_eq!(
        change(&berlin, "2026-01-15T08:30:00Z").as_deref(),
        Some("2026-01-15T09:00:00Z")
    );
}

/// Whatever the edges are, the answer is the same as that of looking at every minute.
#[test]
fn the_next_change_is_that_of_every_minute() {
    let zoned = |kind: &str, schedule: &str, duration: &str, zone: &str| {
        json!({"kind": kind, "schedule": schedule, "duration": duration, "timeZone": zone,
                       "applications": ["*"]})
    };
    for list in [
        json!([
            zoned("deny", "0 22 * * 1-5", "8h", "UTC"),
            zoned("allow", "0 6 * * *", "20h", "UTC")
        ]),
        json!([zoned("allow", "*/15 9-17 * * 1-5", "10m", "America/New_York")]),
        json!([
            zoned("deny", "30 2 * * *", "90m", "Europe/Berlin"),
            zoned("deny", "0 4 * * *", "2h", "Europe/Berlin")
        ]),
        json!([
            zoned("allow", "0 0 * * *", "24h", "Asia/Kolkata"),
            zoned("deny", "0 12 28-29 3 *", "1h", "UTC")
        ]),
    ] {
        let windows = windows(list.clone());
        let mut now = time("2026-03-27T10:07:00Z");
        for _ in 0..12 {
            let today = leave(&windows.matching, now);
            let minutes = (1..3 * 24 * 60).map(|minute| shifted(now, SignedDuration::from_mins(minute)));
            let by_minutes = minutes
                .into_iter()
                .find(|minute| leave(&windows.matching, just_after(*minute)) != today);
            let found = windows.next_change(Trigger::Automated, now);
            if let Some(by_minutes) = by_minutes {
                assert_eq!(found, Some(by_minutes), "{list} at {now}");
            }
            now = shifted(now, SignedDuration::from_mins(437));
        }
    }

    fn leave(windows: &Option<Vec<Window>>, at: Timestamp) -> bool {
        super::leave(windows.as_ref().unwrap(), Trigger::Automated, at, at) == Leave::Granted
    }
}
