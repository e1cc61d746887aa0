//! A check against the cluster.

use std::ops::ControlFlow;

use anyhow::Result;
use pretty_assertions::assert_eq;
use serde_json::Value;

use super::place::place;
use crate::harness::wait;
use crate::tenant::{TOLD, deployment};

#[test]
fn a_check_against_the_cluster_says_how_much_of_it_was_there() -> Result<()> {
    let place = place()?;
    let namespace = place.control_plane.namespace("against")?;
    let (web, api) = (deployment("web"), deployment("api"));
    place
        .control_plane
        .tool("kubectl")?
        .input(web.as_str())
        .run(&["create", "-n", &namespace, "-f", "-"])?
        .success()?;
    let both = format!("{web}---\n{api}");
    let elsewhere = |name: &str| api.replace("  name: api\n", &format!("  name: api\n  namespace: {name}\n"));
    let with_namespace = format!(
        "apiVersion: v1\nkind: Namespace\nmetadata: {{name: to-come}}\n---\n{}",
        elsewhere("to-come")
    );
    let astray = format!("{web}---\n{}", elsewhere("nowhere"));
    let deployer = place.user(&namespace, "deployer", &["deployments.apps", "namespaces"])?;
    place.kubectl(
        &[
            "create",
            "clusterrole",
            "reads-deployments",
            "--verb=get",
            "--resource=deployments.apps",
        ],
        &Value::Null,
    )?;
    place.kubectl(
        &[
            "create",
            "clusterrolebinding",
            "reads-deployments",
            "--clusterrole=reads-deployments",
            "--user=robot",
        ],
        &Value::Null,
    )?;
    let robot = place.control_plane.user("robot", &[])?;
    wait::patiently("the rights of a robot", TOLD, || {
        let answer = place
            .control_plane
            .kubectl(&["auth", "can-i", "get", "deployments.apps", "-A", "--as=robot"])?;
        Ok(if answer.code == 0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(answer.stdout)
        })
    })?;
    let none = "no problem";
    let no_namespace = "error: -:1: there is no namespace nowhere in the cluster";
    for (user, input, namespace, flags, code, summary, problem) in [
        (
            None,
            &both,
            namespace.as_str(),
            &[][..],
            0,
            "2 Deployments checked, none is refused; held against live objects: 1, new: 1.",
            none,
        ),
        (
            None,
            &both,
            &namespace,
            &["--require-live"],
            2,
            "2 Deployments checked, none is refused; held against live objects: 1, new: 1; not everything could be \
             read.",
            "error: -:17: Deployment.apps api is not live: there is nothing to hold it against",
        ),
        (
            None,
            &web,
            &namespace,
            &["--require-live"],
            0,
            "1 Deployment checked, none is refused; held against live objects: 1, new: 0.",
            none,
        ),
        (
            None,
            &both,
            "nowhere",
            &[],
            2,
            "2 Deployments checked, none is refused; held against live objects: 0, new: 0; not everything could be \
             read.",
            no_namespace,
        ),
        (
            None,
            &astray,
            &namespace,
            &[],
            2,
            "2 Deployments checked, none is refused; held against live objects: 1, new: 0; not everything could be \
             read.",
            "error: -:17: there is no namespace nowhere in the cluster",
        ),
        // It comes with the same merge.
        (
            None,
            &with_namespace,
            &namespace,
            &[],
            0,
            "1 Deployment checked, none is refused; held against live objects: 0, new: 1; passed over: 1 Namespace.",
            none,
        ),
        (
            Some(&deployer),
            &both,
            &namespace,
            &[],
            0,
            "2 Deployments checked, none is refused; held against live objects: 1, new: 1.",
            none,
        ),
        // Who may read Deployments everywhere and no namespace cannot tell a new one from one in a wrong namespace.
        (
            Some(&robot),
            &api,
            "nowhere",
            &[],
            2,
            "1 Deployment checked, none is refused; held against live objects: 0, new: 0; not everything could be \
             read.",
            "error: -:1: nothing of this is live in namespace nowhere, and whether that is there may not be read: ",
        ),
        (
            None,
            &String::new(),
            &namespace,
            &[],
            2,
            "",
            "error: PATH is empty, standard input holds no document: did kubectl fail?",
        ),
    ] {
        let output = place.driftmend(
            user,
            &[&["check", "-", "--cluster", "-n", namespace], flags].concat(),
            input,
        )?;
        let told = format!("{}{}", output.stdout, output.stderr);
        assert_eq!((output.stdout.trim_end(), output.code), (summary, code), "{told}");
        assert!(
            if problem == none {
                output.stderr.is_empty()
            } else {
                output.stderr.starts_with(problem)
            },
            "{told}"
        );
        assert!(
            output.stderr.matches("error: ").count() <= 1,
            "told more than once: {told}"
        );
    }
    Ok(())
}
