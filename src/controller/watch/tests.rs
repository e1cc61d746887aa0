use super::publish::{QUIET_IN_MASS, quiet, urgent};
use super::*;
use crate::api::v1alpha1::{DriftWatchStatus, WatchCounts};
use crate::report::conditions::{self, MASS_DRIFT};

fn counting(governed: usize, in_sync: usize, drifted: usize) -> DriftWatchStatus {
    DriftWatchStatus {
        counts: WatchCounts {
            governed,
            in_sync,
            drifted,
            ..WatchCounts::default()
        },
        ..DriftWatchStatus::default()
    }
}

#[test]
fn the_first_counts_do_not_wait_and_later_ones_do() {
    assert!(
        urgent(&counting(2, 0, 0), &counting(2, 1, 1)),
        "a new watch showed zeros for a minute"
    );
    assert!(
        !urgent(&counting(2, 0, 0), &counting(2, 1, 0)),
        "the look has not ended"
    );
    assert!(!urgent(&counting(2, 2, 0), &counting(2, 1, 1)));
}

#[test]
fn a_mass_drift_that_grows_is_told_sooner_than_other_counts() {
    let of = |members: usize| DriftWatchStatus {
        conditions: conditions::merge(
            &[],
            vec![conditions::Said::when(
                MASS_DRIFT,
                true,
                "TooManyAtOnce",
                format!("{members} of 10"),
            )],
            None,
            Timestamp::UNIX_EPOCH,
        ),
        ..counting(10, 10 - members, members)
    };
    assert!(!urgent(&of(5), &of(6)));
    assert_eq!(quiet(&of(5), &of(6)), QUIET_IN_MASS);
    assert_eq!(quiet(&of(5), &of(5)), QUIET);
}

#[test]
fn a_spec_whose_source_was_not_looked_at_yet_is_not_observed() {
    let watch = |generation: i64, path: &str| -> DriftWatch {
        serde_json::from_value(serde_json::json!({
            "apiVersion": "driftmend.dev/v1alpha1", "kind": "DriftWatch",
            "metadata": {"name": "all", "generation": generation},
            "spec": {"source": {"git": {"url": "https://git.example/shop.git", "path": path}}},
            "status": {"observedGeneration": 1},
        }))
        .unwrap()
    };
    let first = watch(1, "shop");
    let resolved = origin::git(&first).unwrap();
    let known = watched(Arc::new(first), resolved, Rendition::default(), Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(observed_generation(Some(&known), &watch(2, "elsewhere")), Some(1));
    assert_eq!(observed_generation(None, &watch(2, "elsewhere")), Some(1));
    assert_eq!(observed_generation(Some(&known), &watch(3, "shop")), Some(3));
}
