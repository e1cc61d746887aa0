use std::collections::BTreeMap;

use pretty_assertions::assert_eq;

use super::*;
use crate::engine::diff::Severity;
use crate::engine::kind::DEPLOYMENT;

/// The series in text form, without comments, the process's own and histograms.
fn series(metrics: &Metrics) -> Vec<String> {
    let text = metrics.render();
    let own = text
        .lines()
        .filter(|line| line.starts_with("driftmend_") && !line.contains("_duration_seconds"));
    own.map(str::to_owned).collect()
}

const QUIET: [&str; 11] = [
    "driftmend_heals_total{result=\"Failed\"} 0",
    "driftmend_heals_total{result=\"Healed\"} 0",
    "driftmend_heals_total{result=\"NotCarriedOut\"} 0",
    "driftmend_leader 0",
    "driftmend_plans{state=\"Approved\"} 0",
    "driftmend_plans{state=\"AwaitingApproval\"} 0",
    "driftmend_plans{state=\"Denied\"} 0",
    "driftmend_plans{state=\"Failed\"} 0",
    "driftmend_plans{state=\"Healing\"} 0",
    "driftmend_prediction_mismatch_total{strategy=\"client-side-apply\"} 0",
    "driftmend_prediction_mismatch_total{strategy=\"server-side-apply\"} 0",
];

fn refused() -> ObjectFacts {
    ObjectFacts {
        fields: BTreeMap::from([(Severity::Drift, 2), (Severity::Ignored, 1), (Severity::Info, 0)]),
        refused: vec![RefusedSync {
            strategy: Strategy::ClientSideApply,
            union: "probe-handler",
        }],
        harms: [(Harm::Overwrites, 2)].into(),
        traps: 1,
        presence: Presence::Present,
        drifted_since: None,
        plan: Some(PlanState::AwaitingApproval),
        operation: None,
    }
}

#[test]
fn a_refused_sync_is_told_by_union_and_strategy() {
    let metrics = Metrics::new().unwrap();
    metrics.object(&DEPLOYMENT, "shop", "web", refused());
    let expected = [
        "driftmend_drifted_fields{kind=\"Deployment\",name=\"web\",namespace=\"shop\",severity=\"drift\"} 2",
        "driftmend_drifted_fields{kind=\"Deployment\",name=\"web\",namespace=\"shop\",severity=\"ignored\"} 1",
        "driftmend_heals_total{result=\"Failed\"} 0",
        "driftmend_heals_total{result=\"Healed\"} 0",
        "driftmend_heals_total{result=\"NotCarriedOut\"} 0",
        "driftmend_latent_trap_fields{kind=\"Deployment\",name=\"web\",namespace=\"shop\"} 1",
        "driftmend_leader 0",
        "driftmend_next_sync_harms_fields{effect=\"overwrites\",kind=\"Deployment\",name=\"web\",\
         namespace=\"shop\"} 2",
        "driftmend_next_sync_refused{kind=\"Deployment\",name=\"web\",namespace=\"shop\",\
         strategy=\"client-side-apply\",union=\"probe-handler\"} 1",
        "driftmend_plans{state=\"Approved\"} 0",
        "driftmend_plans{state=\"AwaitingApproval\"} 1",
        "driftmend_plans{state=\"Denied\"} 0",
        "driftmend_plans{state=\"Failed\"} 0",
        "driftmend_plans{state=\"Healing\"} 0",
        "driftmend_prediction_mismatch_total{strategy=\"client-side-apply\"} 0",
        "driftmend_prediction_mismatch_total{strategy=\"server-side-apply\"} 0",
    ];
    assert_eq!(series(&metrics), expected);
}

#[test]
fn every_series_of_a_forgotten_object_ends() {
    let metrics = Metrics::new().unwrap();
    metrics.object(
        &DEPLOYMENT,
        "shop",
        "web",
        ObjectFacts {
            presence: Presence::Missing,
            drifted_since: Some(Timestamp::UNIX_EPOCH),
            ..refused()
        },
    );
    metrics.watch(
        "shop",
        "all",
        WatchCounts {
            governed: 5,
            ..WatchCounts::default()
        },
    );
    metrics.assessed("shop", "all", Timestamp::UNIX_EPOCH);
    metrics.source_failed("shop", "all", "Unreachable");
    assert!(series(&metrics).len() > QUIET.len() + 10);
    metrics.forget(&DEPLOYMENT, "shop", "web");
    metrics.forget_watch("shop", "all");
    assert_eq!(series(&metrics), QUIET);
}

#[test]
fn what_is_said_anew_replaces_what_was_said() {
    let metrics = Metrics::new().unwrap();
    metrics.object(&DEPLOYMENT, "shop", "web", refused());
    metrics.object(&DEPLOYMENT, "shop", "web", ObjectFacts::default());
    assert_eq!(series(&metrics), QUIET);
}

#[test]
fn the_age_of_a_drift_grows_between_scrapes_without_being_set() {
    let metrics = Metrics::new().unwrap();
    let since = Timestamp::now() - jiff::SignedDuration::from_mins(14);
    metrics.object(
        &DEPLOYMENT,
        "shop",
        "web",
        ObjectFacts {
            drifted_since: Some(since),
            ..ObjectFacts::default()
        },
    );
    let text = metrics.render();
    let line = text
        .lines()
        .find_map(|line| {
            line.strip_prefix("driftmend_drift_age_seconds{kind=\"Deployment\",name=\"web\",namespace=\"shop\"} ")
        })
        .unwrap();
    let age: f64 = line.parse().unwrap();
    assert!((840.0..900.0).contains(&age), "{age}");
}

#[test]
fn a_stale_operation_counts_once_for_each_application_and_its_age_grows() {
    let metrics = Metrics::new().unwrap();
    let at = |minutes: i64| Some(Timestamp::now() - jiff::SignedDuration::from_mins(minutes));
    let stale = |application: &str, class: &'static str, since: Option<Timestamp>, self_heal: SelfHeal| ObjectFacts {
        operation: Some(StaleOperation {
            application: ("argocd".to_owned(), application.to_owned()),
            class,
            since,
            self_heal,
        }),
        ..ObjectFacts::default()
    };
    metrics.object(
        &DEPLOYMENT,
        "shop",
        "web",
        stale("shop", "FailedAtRevision", at(20), SelfHeal::Disarmed),
    );
    metrics.object(
        &DEPLOYMENT,
        "shop",
        "api",
        stale("shop", "FailedAtRevision", at(20), SelfHeal::Disarmed),
    );
    metrics.object(
        &DEPLOYMENT,
        "office",
        "web",
        stale("office", "FailedAtRevision", at(5), SelfHeal::AsBefore),
    );
    metrics.object(
        &DEPLOYMENT,
        "bank",
        "web",
        stale("bank", "NeverCleared", None, SelfHeal::Disarmed),
    );
    let told = series(&metrics);
    assert!(
        told.contains(&"driftmend_stale_operations{class=\"FailedAtRevision\"} 2".to_owned()),
        "{told:#?}"
    );
    assert!(
        told.contains(&"driftmend_stale_operations{class=\"NeverCleared\"} 1".to_owned()),
        "{told:#?}"
    );
    let seconds = |name: &str| -> Vec<(String, i64)> {
        let lines = told.iter().filter_map(|line| line.strip_prefix(name)?.rsplit_once(' '));
        lines
            .map(|(labels, value)| (labels.to_owned(), value.parse::<f64>().unwrap() as i64 / 60))
            .collect()
    };
    let expected = [
        (
            "{application=\"office\",class=\"FailedAtRevision\",namespace=\"argocd\"}".to_owned(),
            5,
        ),
        (
            "{application=\"shop\",class=\"FailedAtRevision\",namespace=\"argocd\"}".to_owned(),
            20,
        ),
    ];
    assert_eq!(seconds("driftmend_stale_operation_age_seconds"), expected);
    let expected = [("{application=\"shop\",namespace=\"argocd\"}".to_owned(), 20)];
    assert_eq!(seconds("driftmend_self_heal_disarmed_seconds"), expected);
    for (namespace, name) in [("shop", "web"), ("shop", "api"), ("office", "web"), ("bank", "web")] {
        metrics.object(&DEPLOYMENT, namespace, name, ObjectFacts::default());
    }
    assert_eq!(series(&metrics), QUIET);
}

#[test]
fn a_deployment_whose_cure_was_denied_says_so() {
    let metrics = Metrics::new().unwrap();
    metrics.object(
        &DEPLOYMENT,
        "shop",
        "web",
        ObjectFacts {
            plan: Some(PlanState::Denied),
            ..refused()
        },
    );
    metrics.object(
        &DEPLOYMENT,
        "shop",
        "api",
        ObjectFacts {
            plan: Some(PlanState::Approved),
            ..refused()
        },
    );
    let told: Vec<_> = series(&metrics)
        .into_iter()
        .filter(|line| line.starts_with("driftmend_denied"))
        .collect();
    assert_eq!(
        told,
        ["driftmend_denied{kind=\"Deployment\",name=\"web\",namespace=\"shop\"} 1"]
    );
}

#[test]
fn watches_and_events_are_counted() {
    let metrics = Metrics::new().unwrap();
    metrics.watch(
        "shop",
        "all",
        WatchCounts {
            governed: 9,
            in_sync: 5,
            pending: 2,
            drifted: 1,
            conflicted: 1,
            drifted_denied: 0,
            conflicted_denied: 1,
        },
    );
    metrics.assessed("shop", "all", Timestamp::from_second(1_800_000_000).unwrap());
    metrics.source_failed("shop", "all", "Unreachable");
    metrics.heal_ended(HealResult::Failed);
    metrics.approval_refused("ApprovalStale");
    metrics.dry_run(Some(Verdict::Refused));
    metrics.dry_run(None);
    metrics.prediction_mismatch(Strategy::ServerSideApply);
    metrics.leads(true);
    let expected = [
        "driftmend_approvals_refused_total{reason=\"ApprovalStale\"} 1",
        "driftmend_dry_runs_total{verdict=\"None\"} 1",
        "driftmend_dry_runs_total{verdict=\"Refused\"} 1",
        "driftmend_heals_total{result=\"Failed\"} 1",
        "driftmend_heals_total{result=\"Healed\"} 0",
        "driftmend_heals_total{result=\"NotCarriedOut\"} 0",
        "driftmend_last_successful_assessment_timestamp_seconds{namespace=\"shop\",watch=\"all\"} 1800000000",
        "driftmend_leader 1",
        "driftmend_prediction_mismatch_total{strategy=\"client-side-apply\"} 0",
        "driftmend_prediction_mismatch_total{strategy=\"server-side-apply\"} 1",
        "driftmend_source_failing{namespace=\"shop\",reason=\"Unreachable\",watch=\"all\"} 1",
        "driftmend_source_failures_total{namespace=\"shop\",reason=\"Unreachable\",watch=\"all\"} 1",
        "driftmend_watch_conflicted{namespace=\"shop\",watch=\"all\"} 1",
        "driftmend_watch_conflicted_denied{namespace=\"shop\",watch=\"all\"} 1",
        "driftmend_watch_drifted{namespace=\"shop\",watch=\"all\"} 1",
        "driftmend_watch_drifted_denied{namespace=\"shop\",watch=\"all\"} 0",
        "driftmend_watch_governed{namespace=\"shop\",watch=\"all\"} 9",
        "driftmend_watch_in_sync{namespace=\"shop\",watch=\"all\"} 5",
        "driftmend_watch_pending{namespace=\"shop\",watch=\"all\"} 2",
    ];
    let told: Vec<_> = series(&metrics)
        .into_iter()
        .filter(|line| !line.starts_with("driftmend_plans"))
        .collect();
    assert_eq!(told, expected);
    metrics.source_read("shop", "all");
    assert!(
        !series(&metrics)
            .iter()
            .any(|line| line.starts_with("driftmend_source_failing")),
        "it was read since"
    );
}

#[test]
fn durations_are_in_seconds_and_the_process_is_measured() {
    let metrics = Metrics::new().unwrap();
    metrics.assessment_took(Duration::from_millis(2));
    metrics.source_fetched(Duration::from_secs(3));
    let text = metrics.render();
    for line in [
        "driftmend_assessment_duration_seconds_bucket{le=\"0.0025\"} 1",
        "driftmend_assessment_duration_seconds_bucket{le=\"0.001\"} 0",
        "driftmend_source_fetch_duration_seconds_sum 3",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    assert!(text.contains("\nprocess_resident_memory_bytes "));
}
