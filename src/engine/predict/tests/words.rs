//! A refusal in the words of the server and of kubectl.

use pretty_assertions::assert_eq;

use super::*;

#[test]
fn two_probes_are_told_as_one_refusal_in_the_words_of_the_server_and_of_kubectl() {
    for strategy in [Strategy::ClientSideApply, Strategy::ServerSideApply] {
        let mut live = synced(strategy);
        switch_to_tcp(&mut live, &["livenessProbe", "readinessProbe"]);
        let answer = predict(&DEPLOYMENT, &git(), &live, &syncer(strategy));
        assert_eq!(
            answer.causes,
            [two_handlers("livenessProbe"), two_handlers("readinessProbe")]
        );
        assert_eq!(
            answer.status_text(&DEPLOYMENT, "checkout").as_deref(),
            Some(
                "Deployment.apps \"checkout\" is invalid: [spec.template.spec.containers[0].livenessProbe.tcpSocket: \
                 Forbidden: may not specify more than 1 handler type, \
                 spec.template.spec.containers[0].readinessProbe.tcpSocket: Forbidden: may not specify more than 1 \
                 handler type]"
            )
        );
        assert_eq!(
            answer.kubectl_text(&DEPLOYMENT, "checkout").as_deref(),
            Some(
                "The Deployment \"checkout\" is invalid: \n* spec.template.spec.containers[0].livenessProbe.tcpSocket: \
                 Forbidden: may not specify more than 1 handler type\n* \
                 spec.template.spec.containers[0].readinessProbe.tcpSocket: Forbidden: may not specify more than 1 \
                 handler type"
            )
        );
    }
}

#[test]
fn one_cause_is_told_without_brackets() {
    let mut live = synced(Strategy::ClientSideApply);
    switch_to_tcp(&mut live, &["livenessProbe"]);
    let answer = predict(&DEPLOYMENT, &git(), &live, &syncer(Strategy::ClientSideApply));
    let cause =
        "spec.template.spec.containers[0].livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type";
    assert_eq!(
        answer.status_text(&DEPLOYMENT, "checkout"),
        Some(format!("Deployment.apps \"checkout\" is invalid: {cause}"))
    );
    assert_eq!(
        answer.kubectl_text(&DEPLOYMENT, "checkout"),
        Some(format!("The Deployment \"checkout\" is invalid: {cause}"))
    );
}
