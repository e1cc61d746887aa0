//! What leaves the client, what it counts, and how its failures are told.

use std::convert::Infallible;

use base64::Engine;
use kube::client::Body;
use pretty_assertions::assert_eq;

use super::*;
use crate::cluster::Verb;

fn get_web() -> Call {
    Call::new(Verb::Get, "deployments.apps").namespace("shop").name("web")
}

fn never_answering() -> Cluster {
    let service = tower::service_fn(|_request: http::Request<Body>| {
        std::future::pending::<Result<http::Response<Body>, Infallible>>()
    });
    Cluster::new(Client::new(service, "default"))
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_ends_as_a_timeout() {
    let cluster = never_answering();
    let begin = tokio::time::Instant::now();
    let error = cluster
        .call(get_web(), cluster.client().apiserver_version())
        .await
        .unwrap_err();
    assert_eq!((error.category(), begin.elapsed().as_secs()), ("TimedOut", 30));
}

#[tokio::test]
async fn nothing_is_sent_for_a_name_that_would_leave_its_path() {
    let cluster = never_answering();
    let error = cluster
        .call(
            get_web().name("../../secrets/token"),
            cluster.client().apiserver_version(),
        )
        .await
        .unwrap_err();
    assert_eq!(error.category(), "Unsendable");
}

#[tokio::test]
async fn behind_a_gate_that_is_shut_reads_and_dry_runs_pass_and_no_write_leaves() {
    let open = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let asked = open.clone();
    let cluster = never_answering().behind(Arc::new(move || asked.load(std::sync::atomic::Ordering::SeqCst)));
    let patch = || Call::new(Verb::Patch, "deployments.apps").namespace("shop").name("web");
    cluster.call(patch(), async { Ok(()) }).await.unwrap();
    open.store(false, std::sync::atomic::Ordering::SeqCst);
    let mut sent = false;
    let send = async {
        sent = true;
        Ok(())
    };
    let error = cluster.call(patch(), send).await.unwrap_err();
    assert_eq!((error.category(), sent), ("NotLeading", false));
    for passes in [get_web(), patch().stores_nothing()] {
        cluster.call(passes, async { Ok(()) }).await.unwrap();
    }
}

#[tokio::test]
async fn a_kubeconfig_that_is_not_there_is_told_with_its_path() {
    let connection = Connection {
        kubeconfig: Some("/nowhere/config".into()),
        context: None,
    };
    let error = Cluster::connect(&connection).await.err().unwrap();
    assert_eq!(error.to_string(), "failed to read kubeconfig /nowhere/config");
}

#[tokio::test]
async fn only_successful_writes_are_told_and_dry_runs_are_not() {
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let observed = told.clone();
    let cluster = never_answering().observed(Arc::new(move |resource: &str, verb| {
        observed.lock().unwrap().push((resource.to_owned(), verb));
    }));
    let patch = || Call::new(Verb::Patch, "deployments.apps").namespace("shop").name("web");
    cluster.call(patch(), async { Ok(()) }).await.unwrap();
    cluster.call(patch().stores_nothing(), async { Ok(()) }).await.unwrap();
    cluster
        .call(patch(), async { Err::<(), _>(kube::Error::TlsRequired) })
        .await
        .unwrap_err();
    assert_eq!(*told.lock().unwrap(), [("deployments.apps".to_owned(), Verb::Patch)]);
}

/// A certificate without a version field, as `openssl x509 -req` without `-extfile` makes it: nobody trusts it, and
/// its key is lost.
const VERSION_ONE: &str = "\
    LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJGekNCdndJVU44TlNCZnBzaU5TaCtxdnJyKy9lNmhWMHVONHdDZ1lJS29aSXpqMEVB\
    d0l3RGpFTU1Bb0cKQTFVRUF3d0RZV1JoTUNBWERUSTJNVEV5T1RJd01qZ3hOVm9ZRHpJeE1qWXhNVEExTWpBeU9ERTFXakFPTVF3dwpDZ1lE\
    VlFRRERBTmhaR0V3V1RBVEJnY3Foa2pPUFFJQkJnZ3Foa2pPUFFNQkJ3TkNBQVRCUXB6eTRUTm41M04xCjlmTEFOS2syVlhZOFM3UUo4L24x\
    SUpoZ01UZmNjM1FIeUFudy8ydEZBdlZwV214ck1HZjlJYjJ3OThNRDRxbU4KNzNVOE5VMWJNQW9HQ0NxR1NNNDlCQU1DQTBjQU1FUUNJQzZl\
    dHRHNVY4VGlkazA1Ri8vanpSeWlhcEJBREtjcAo0ODBvV2c4QUdhWWNBaUFQeXJxR2pHak1zUk5ycHBvVE1Ob3FxRHFtMVE0ZDB3NEc2Lzcy\
    cGYxVHF3PT0KLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo=";

#[tokio::test]
async fn a_client_certificate_of_the_first_version_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    // Whether the key is the certificate's is asked after the certificate is read.
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let (certificate, key) = (VERSION_ONE, base64::engine::general_purpose::STANDARD.encode(key));
    let text = format!(
        "{{apiVersion: v1, kind: Config, current-context: a, clusters: [{{name: a, cluster: {{server: \
         'https://127.0.0.1:1'}}}}], users: [{{name: a, user: {{client-certificate-data: {certificate}, \
         client-key-data: {key}}}}}], contexts: [{{name: a, context: {{cluster: a, user: a}}}}]}}"
    );
    std::fs::write(&kubeconfig, text).unwrap();
    let connection = Connection {
        kubeconfig: Some(kubeconfig),
        context: None,
    };
    let error = Cluster::connect(&connection).await.err().unwrap();
    assert!(error.hint().contains("X.509 v1"), "{error:?}");
}
