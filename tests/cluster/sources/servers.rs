//! Git servers that are down, refuse, or want other credentials.

use std::net::TcpListener;

use anyhow::{Context, Result};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::{but, open, the_healthy_watch_goes_on};
use crate::harness::git_server::{Mode, Options};
use crate::harness::{shared, shared_controller};
use crate::tenant::{Tenant, condition, deployment};

#[test]
fn a_server_that_is_down_refuses_or_hangs_is_told_alike_and_holds_nobody_up() -> Result<()> {
    let shop = open("unreachable")?;
    let closed = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let (refusing, hanging) = (
        shop.another_server(&Options::default()),
        shop.another_server(&Options::default()),
    );
    refusing.set_mode(Mode::Refuse);
    hanging.set_mode(Mode::Hang);
    let [down, refused, hung] = [
        format!("http://{closed}/shop.git"),
        refusing.url("shop.git"),
        hanging.url("shop.git"),
    ];
    shop.watch("down", &but(&shop.source("healthy"), json!({"url": down})), &json!({}))?;
    shop.watch(
        "refusing",
        &but(&shop.source("healthy"), json!({"url": refused})),
        &json!({}),
    )?;
    shop.watch(
        "hanging",
        &but(&shop.source("healthy"), json!({"url": hung})),
        &json!({}),
    )?;

    // That nobody waits for a server that hangs is measured where more of them hang than are asked at a time, in
    // `disturbances`.
    the_healthy_watch_goes_on(&shop)?;

    // A tenant who could tell them apart could ask which ports of a network are open.
    for (watch, url) in [("down", down.clone()), ("refusing", refused), ("hanging", hung)] {
        let (message, hint) = shop.source_failure(watch, "GitUnreachable")?;
        assert_eq!(
            message,
            format!("unable to reach {url}: its name does not resolve, or no Git server answers there")
        );
        assert_eq!(
            hint,
            "check the host and the port of the URL; the log of the controller says what the network said"
        );
    }
    let log = shared_controller().log();
    for detail in [
        format!("{closed}: "),
        "status 503".to_owned(),
        "no answer in time".to_owned(),
    ] {
        assert!(log.contains(&detail), "{detail:?} is not in the log");
    }
    let watch = shop.get("driftwatch/down")?;
    let ready = condition(&watch, "Ready");
    assert_eq!(
        (&ready["status"], &ready["reason"]),
        (&json!("False"), &json!("GitUnreachable"))
    );
    let cause = ready["message"].as_str().context("no message")?;
    assert!(
        cause.starts_with(&format!("unable to reach {down}: "))
            && cause.ends_with(" (nothing was read from the source yet, so nothing is assessed)"),
        "{cause}"
    );
    Ok(())
}

#[test]
fn wrong_missing_and_unfit_credentials_name_the_secret_and_never_show_it() -> Result<()> {
    let controller = shared_controller();
    let shop = Tenant::open_with(
        shared(),
        "credentials",
        &Options {
            login: Some(("robot", "right-word")),
            authority: None,
        },
    )?;
    let hosts = format!("--from-literal=hosts={}", shop.server.base());
    for (name, keys) in [
        (
            "right",
            ["--from-literal=username=robot", "--from-literal=password=right-word"],
        ),
        (
            "wrong",
            ["--from-literal=username=robot", "--from-literal=password=wrong-word"],
        ),
        ("unfit", ["--from-literal=user=robot", "--from-literal=pass=wrong-word"]),
    ] {
        shop.kubectl(&["create", "secret", "generic", name, keys[0], keys[1], &hosts], "")?;
    }
    shop.sync("healthy/healthy.yaml", &deployment("healthy"))?;
    for name in ["right", "wrong", "unfit", "absent"] {
        shop.watch(
            name,
            &but(&shop.source("healthy"), json!({"secretRef": {"name": name}})),
            &json!({}),
        )?;
    }
    shop.watch("none", &shop.source("healthy"), &json!({}))?;
    let url = shop.server.url("shop.git");

    assert_eq!(
        shop.source_failure("none", "GitCredentialsRefused")?,
        (
            format!("failed to log in at {url}: the server wants credentials and none are given"),
            "name a Secret with username and password in secretRef".to_owned(),
        )
    );
    assert_eq!(
        shop.source_failure("wrong", "GitCredentialsRefused")?,
        (
            format!("failed to log in at {url}: the server refused a user name and password"),
            "renew the Secret in secretRef, or give its account the right to read the repository".to_owned(),
        )
    );
    assert_eq!(
        shop.source_failure("absent", "CredentialsUnusable")?,
        (
            format!("there is no Secret absent in namespace {}", shop.namespace),
            format!(
                "create it, or take secretRef away if the repository is public: kubectl -n {} create secret generic \
                 absent --from-literal=hosts=HOST --from-literal=username=USER --from-literal=password=TOKEN",
                shop.namespace
            ),
        )
    );
    let (message, hint) = shop.source_failure("unfit", "CredentialsUnusable")?;
    assert_eq!(
        message,
        "the Secret unfit holds no usable credentials: the Secret has the keys [hosts, pass, user], which fit no way \
         to log in"
    );
    assert!(hint.contains("username") && hint.contains("known_hosts"), "{hint}");

    shop.wait_until_assessed("right", 1)?;
    the_healthy_watch_goes_on(&shop)?;
    let watches = shop.get("driftwatches")?.to_string();
    for word in ["right-word", "wrong-word"] {
        assert!(!watches.contains(word), "a status holds a password");
        assert!(!controller.log().contains(word), "the log holds a password");
    }

    // The way out is enough: nothing needs a restart.
    let literals = [
        "--from-literal=username=robot",
        "--from-literal=password=right-word",
        &hosts,
    ];
    shop.kubectl(
        &[&["create", "secret", "generic", "absent"][..], &literals].concat(),
        "",
    )?;
    let watch = shop.wait_for("driftwatch/absent", "read", |watch| {
        condition(watch, "SourceReady")["status"] == "True"
    })?;
    assert_eq!(watch["status"]["sourceFailure"], Value::Null);
    Ok(())
}
