//! What is said where not everything could be tried, and where an annotation cannot be read.

use pretty_assertions::assert_eq;

use super::*;
use crate::engine::last_applied::LAST_APPLIED;

#[test]
fn where_there_is_too_much_to_try_it_is_said_and_every_cause_has_its_share() {
    let probe =
        |at: usize, handler: Value| json!({"name": format!("c{at}"), "image": "web:1", "livenessProbe": handler});
    let of = |handler: Value, count: usize| {
        git_with(|git| {
            git["spec"]["template"]["spec"]["containers"] = (0..count).map(|at| probe(at, handler.clone())).collect();
        })
    };
    let (http, tcp) = (
        json!({"httpGet": {"path": "/", "port": 80}}),
        json!({"tcpSocket": {"port": 80}}),
    );
    let found = |count: usize| {
        let [by_client, _] = syncers();
        let live = changed(&of(http.clone(), count), &of(tcp.clone(), count), &by_client);
        refusals(&Snapshot {
            syncer: by_client,
            ..snapshot(of(http.clone(), count), live)
        })
    };
    let untried = "not every way out could be tried: change Git, or mend what else is wrong first, so that the next \
                   look tries what is left";
    let many = found(40);
    assert_eq!(many.len(), 40);
    let (with_way, without): (Vec<_>, Vec<_>) = many
        .iter()
        .partition(|(_, _, remedy)| remedy.starts_with("Restore makes it"));
    assert!(with_way.len() >= 5, "{many:?}");
    for (_, message, remedy) in without {
        assert!(
            message.starts_with("the API server will refuse the next sync: ")
                && message.contains("may not specify more than 1"),
            "{message}"
        );
        assert_eq!(remedy, untried);
    }
    assert!(
        found(4)
            .iter()
            .all(|(_, _, remedy)| remedy.starts_with("Restore makes it") && !remedy.contains("tried"))
    );
}

#[test]
fn an_annotation_that_no_apply_reads_is_taken_away_and_nothing_is_handed_back_by_it() {
    let [by_client, _] = syncers();
    let way = "take the annotation away (`kubectl annotate deployment/web -n shop \
               kubectl.kubernetes.io/last-applied-configuration-`): the next sync writes it anew, and keeps what left \
               Git since the last one";
    let told = "the API server will refuse the next sync, because the tool cannot read the annotation \
                kubectl.kubernetes.io/last-applied-configuration of the object in the cluster";
    for text in ["\"word\"", "[1]", "{\"spec\":", "no JSON"] {
        let mut live = changed(&git(), &git(), &by_client);
        live["spec"]["template"]["spec"]["nodeSelector"] = json!({"disk": "ssd"});
        live["metadata"]["annotations"][LAST_APPLIED] = json!(text);
        let scene = Snapshot {
            syncer: by_client.clone(),
            ..snapshot(git(), live)
        };
        assert_eq!(refusals(&scene), [(None, told.to_owned(), way.to_owned())], "{text}");
        let remedies = findings(&scene, &assess(&scene, &propose()))
            .into_iter()
            .filter_map(|finding| finding.remedy);
        assert!(
            !remedies.into_iter().any(|remedy| remedy.contains("HandBack")),
            "{text}"
        );
    }
}
