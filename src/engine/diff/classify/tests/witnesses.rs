use pretty_assertions::assert_eq;
use serde_json::json;

use super::*;
use crate::engine::diff::Apart;

#[test]
fn what_admission_makes_of_the_tools_own_write_is_nobodys_drift() {
    let digest = format!("shop/web:1@sha256:{}", "a".repeat(64));
    let (git, pinned) = (image("shop/web:1"), image(&digest));
    let server = [(Severity::Info, Some(Moved::Server))];
    let told = |live: &Value, managed: Value, strategy| sides(&git, live, managed, strategy, Witness::default());
    // The annotation says what Git says, and the field is still the tool's own.
    let own = || json!([wrote("gitops", "Update", "", IMAGE)]);
    assert_eq!(
        told(&applied(&git, image("mirror/web:1")), own(), Strategy::ClientSideApply),
        server
    );
    assert_eq!(
        told(&applied(&git, pinned.clone()), own(), Strategy::ClientSideApply),
        server
    );
    // Somebody else's write of the same field is theirs.
    let theirs = json!([wrote("kubectl-set", "Update", "", IMAGE)]);
    assert_eq!(
        told(&applied(&git, pinned.clone()), theirs, Strategy::ClientSideApply),
        [(Severity::Drift, Some(Moved::Live))]
    );
    // A server-side apply does not say what it sent, but an image that was pinned at admission tells it.
    let sent = || json!([wrote("gitops", "Apply", "", IMAGE)]);
    assert_eq!(told(&pinned, sent(), Strategy::ServerSideApply), server);
    assert_eq!(
        told(
            &image(&format!("shop/web@sha256:{}", "a".repeat(64))),
            sent(),
            Strategy::ServerSideApply
        ),
        server
    );
    assert_eq!(
        told(&image("shop/web:0"), sent(), Strategy::ServerSideApply),
        [(Severity::Pending, Some(Moved::Git))]
    );
    // From behind a mirror, where nobody looked at Git before.
    assert_eq!(
        told(&image("mirror.example/shop/web:1"), sent(), Strategy::ServerSideApply),
        server
    );
    assert_eq!(
        told(&image("othershop/web:1"), sent(), Strategy::ServerSideApply),
        [(Severity::Pending, Some(Moved::Git))]
    );
    // Any other value is told by when the tool wrote: it has seen Git's document before it did.
    let seen = |time: &str| {
        let time = Some(time.parse().unwrap());
        Witness {
            in_git_since: time,
            first_seen: time,
            ..Witness::default()
        }
    };
    let since = |time| {
        sides(
            &git,
            &image("mirror/web:1"),
            sent(),
            Strategy::ServerSideApply,
            seen(time),
        )
    };
    assert_eq!(since("2026-01-01T00:00:00Z"), server);
    assert_eq!(since("2026-01-03T00:00:00Z"), [(Severity::Pending, Some(Moved::Git))]);
}

#[test]
fn a_field_that_the_tool_owns_and_live_lacks_was_stripped_at_admission() {
    let mut git = image("web:1");
    git["spec"]["paused"] = json!(true);
    let owns = |fields: &str| json!([wrote("gitops", "Apply", "", fields)]);
    let told = |fields: &str| {
        sides(
            &git,
            &image("web:1"),
            owns(fields),
            Strategy::ServerSideApply,
            Witness::default(),
        )
    };
    assert_eq!(
        told(r#"{"f:spec": {"f:paused": {}}}"#),
        [(Severity::Info, Some(Moved::Server))]
    );
    // Who removes a field takes it from its owners.
    assert_eq!(told(IMAGE), [(Severity::Drift, Some(Moved::Unknown))]);
}

#[test]
fn a_persons_apply_under_the_tools_own_name_is_drift_where_git_has_not_moved() {
    let (git, hotfix) = (image("web:1"), image("web:1-hotfix"));
    let live = applied(&hotfix, hotfix.clone());
    let own = || json!([wrote("gitops", "Update", "", IMAGE)]);
    let told = |witness| sides(&git, &live, own(), Strategy::ClientSideApply, witness);
    assert_eq!(
        told(Witness {
            met: MetAt::Here,
            ..Witness::default()
        }),
        [(Severity::Drift, Some(Moved::Live))]
    );
    // Where Git has moved since they met, live may be what the tool made of an earlier commit.
    let before = image("web:0");
    assert_eq!(
        told(Witness {
            met: MetAt::Document(&before),
            ..Witness::default()
        }),
        [(Severity::Pending, Some(Moved::Git))]
    );
    assert_eq!(
        told(Witness {
            met: MetAt::Document(&hotfix),
            ..Witness::default()
        }),
        [(Severity::Pending, Some(Moved::Git))]
    );
    // The tool went back to it.
    let back = Witness {
        met: MetAt::Here,
        synced: Some(&hotfix),
        ..Witness::default()
    };
    assert_eq!(told(back), [(Severity::Pending, Some(Moved::Git))]);
}

#[test]
fn a_commits_time_alone_decides_nothing() {
    let mut git = image("web:1");
    git["spec"]["paused"] = json!(true);
    let at = |time: &str, others: &[&str]| {
        let mut managed = vec![wrote("gitops", "Apply", "", IMAGE)];
        managed.extend(others.iter().map(|manager| {
            let mut entry = wrote(manager, "Update", "", REPLICAS);
            entry["time"] = json!("2026-01-02T00:00:05Z");
            entry
        }));
        let witness = Witness {
            committed_at: Some(time.parse().unwrap()),
            ..Witness::default()
        };
        sides(
            &git,
            &image("web:1"),
            json!(managed),
            Strategy::ServerSideApply,
            witness,
        )
    };
    let (pending, unknown) = (
        [(Severity::Pending, Some(Moved::Git))],
        [(Severity::Drift, Some(Moved::Unknown))],
    );
    assert_eq!(at("2026-01-03T00:00:00Z", &[]), pending);
    // An author's clock that is ahead of ours, and a person who wrote since the tool did.
    assert_eq!(at("2036-01-03T00:00:00Z", &[]), unknown);
    assert_eq!(at("2026-01-03T00:00:00Z", &["kubectl-edit"]), unknown);
    assert_eq!(at("2026-01-01T00:00:00Z", &[]), unknown);
}

#[test]
fn what_the_tool_once_sent_and_forgot_is_drift_and_what_admission_adds_is_not() {
    let with = |field: &str| {
        let mut live = image("web:1");
        live["spec"]["template"]["spec"][field] = json!("robot");
        live
    };
    let fields = |field: &str| format!(r#"{{"f:spec": {{"f:template": {{"f:spec": {{"f:{field}": {{}}}}}}}}}}"#);
    let git = image("web:1");
    let severity = |field: &str, by: Value, strategy| {
        let told = sides(&git, &applied(&git, with(field)), by, strategy, Witness::default());
        told.into_iter().map(|(severity, _)| severity).next().unwrap()
    };
    let own = |field: &str| json!([wrote("gitops", "Update", "", &fields(field))]);
    let nobodys = || json!([wrote("gitops", "Apply", "", IMAGE)]);
    assert_eq!(
        severity("schedulerName", own("schedulerName"), Strategy::ClientSideApply),
        Severity::Drift
    );
    assert_eq!(
        severity("priorityClassName", nobodys(), Strategy::ServerSideApply),
        Severity::Info
    );
    // The alias keeps it when Git drops it.
    assert_eq!(
        severity("serviceAccountName", nobodys(), Strategy::ServerSideApply),
        Severity::Drift
    );
    assert_eq!(
        severity(
            "serviceAccountName",
            own("serviceAccountName"),
            Strategy::ClientSideApply
        ),
        Severity::Drift
    );
}

#[test]
fn under_server_side_apply_a_persons_write_in_the_tools_name_is_drift_beside_what_admission_made() {
    let seen = Some("2026-01-01T00:00:00Z".parse().unwrap());
    let owns = r#"{"f:spec": {
        "f:replicas": {},
        "f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {"f:image": {}}}}}
    }}"#;
    let with = |replicas: u8, image_of_it: &str| {
        let mut object = image(image_of_it);
        object["spec"]["replicas"] = json!(replicas);
        object
    };
    // They met, but for the image, which a policy had put behind its mirror by then.
    let pinned = Apart {
        path: FieldPath::parse(".spec.template.spec.containers[name=\"web\"].image").unwrap(),
        live: Some(json!("mirror/web:1")),
        is_exact: true,
        by_server: true,
    };
    let told = |live: &Value, apart: &Apart| {
        let apart = [apart.clone()];
        let witness = Witness {
            met: MetAt::Here,
            apart: &apart,
            in_git_since: seen,
            ..Witness::default()
        };
        sides(
            &with(1, "web:1"),
            live,
            json!([wrote("gitops", "Apply", "", owns)]),
            Strategy::ServerSideApply,
            witness,
        )
    };
    let (server, live) = (
        (Severity::Info, Some(Moved::Server)),
        (Severity::Drift, Some(Moved::Live)),
    );
    assert_eq!(told(&with(1, "mirror/web:1"), &pinned), [server]);
    assert_eq!(told(&with(3, "mirror/web:1"), &pinned), [live, server]);
    assert_eq!(told(&with(1, "web:hotfix"), &pinned), [live]);
    // Where the tool says that it sent Git's value, admission may make something else of it today.
    let (git, apart) = (with(1, "web:1"), [pinned.clone()]);
    let witness = Witness {
        met: MetAt::Here,
        apart: &apart,
        in_git_since: seen,
        synced: Some(&git),
        ..Witness::default()
    };
    let owned = json!([wrote("gitops", "Apply", "", owns)]);
    assert_eq!(
        sides(
            &git,
            &with(3, "other-mirror/web:1"),
            owned,
            Strategy::ServerSideApply,
            witness
        ),
        [live, server]
    );
    // A commit elsewhere changes nothing of it, whether the tool has brought it by now or not.
    let before = with(1, "web:1");
    let mut git = before.clone();
    git["spec"]["paused"] = json!(true);
    let apart = [pinned.clone()];
    let moved = Some("2027-01-01T00:00:00Z".parse().unwrap());
    let witness = Witness {
        met: MetAt::Document(&before),
        apart: &apart,
        in_git_since: moved,
        first_seen: moved,
        ..Witness::default()
    };
    let told_after = |live: &Value| {
        sides(
            &git,
            live,
            json!([wrote("gitops", "Apply", "", owns)]),
            Strategy::ServerSideApply,
            witness,
        )
    };
    let pending = (Severity::Pending, Some(Moved::Git));
    assert_eq!(told_after(&with(1, "mirror/web:1")), [pending, server]);
    // After a restart only the path is known.
    assert_eq!(
        told(
            &with(3, "mirror/web:1"),
            &Apart {
                live: None,
                is_exact: false,
                ..pinned
            }
        ),
        [live, server]
    );
}

#[test]
fn a_field_of_which_git_says_the_same_as_when_they_met_was_moved_by_live() {
    let (before, git) = (image("web:1"), {
        let mut next = image("web:1");
        next["spec"]["paused"] = json!(true);
        next
    });
    let mut live = image("web:hotfix");
    live["spec"]["paused"] = json!(true);
    let own = json!([wrote("gitops", "Apply", "", IMAGE)]);
    let witness = Witness {
        met: MetAt::Document(&before),
        ..Witness::default()
    };
    assert_eq!(
        sides(&git, &live, own, Strategy::ServerSideApply, witness),
        [(Severity::Drift, Some(Moved::Live))]
    );
}
