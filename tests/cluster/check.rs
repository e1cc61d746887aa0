//! `driftmend check --cluster` beside the API server itself: the same manifests, once told and once sent as a dry run.

use anyhow::{Context, Result};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::command::Tool;
use crate::harness::driftmend::binary;
use crate::harness::{Output, shared};
use crate::incident::refusal_as_kubectl_prints_it;
use crate::shop::{http_get, manifest, text};

/// How a tool syncs: what kubectl is told, and what driftmend.
struct Sync {
    name: &'static str,
    apply: &'static [&'static str],
    flags: &'static [&'static str],
}

const SYNCS: [Sync; 2] = [
    Sync {
        name: "check-client-side",
        apply: &["apply", "-f", "-"],
        flags: &[],
    },
    Sync {
        name: "check-server-side",
        apply: &[
            "apply",
            "--server-side",
            "--force-conflicts",
            "--field-manager=argocd-controller",
            "-f",
            "-",
        ],
        flags: &["--strategy", "server-side-apply", "--manager", "argocd-controller"],
    },
];

/// A namespace where the incident's probe was applied and then patched by hand.
struct Place {
    sync: Sync,
    namespace: String,
}

impl Place {
    fn open(sync: Sync) -> Result<Self> {
        let place = Self {
            namespace: shared().namespace(sync.name)?,
            sync,
        };
        place
            .kubectl(place.sync.apply, &manifest(&json!({"livenessProbe": http_get()})))?
            .success()?;
        let container = json!({"name": "web", "livenessProbe": {"httpGet": null, "tcpSocket": {"port": 8080}}});
        let patch = json!({"spec": {"template": {"spec": {"containers": [container]}}}}).to_string();
        place
            .kubectl(&["patch", "deployment", "web", "--patch", &patch], &Value::Null)?
            .success()?;
        Ok(place)
    }

    fn kubectl(&self, arguments: &[&str], manifest: &Value) -> Result<Output> {
        shared()
            .tool("kubectl")?
            .input(manifest.to_string())
            .run(&[arguments, &["-n", &self.namespace]].concat())
    }

    /// What the API server answers to a sync of the manifest that it shall not store.
    fn answered(&self, manifest: &Value) -> Result<Output> {
        self.kubectl(&[self.sync.apply, &["--dry-run=server"]].concat(), manifest)
    }

    /// What driftmend says of the manifest, and its exit code.
    fn told(&self, manifest: &Value) -> Result<(Value, i32)> {
        let flags = [
            &["check", "-", "--cluster", "-n", &self.namespace, "-o", "json"],
            self.sync.flags,
        ]
        .concat();
        let output = Tool::new(&binary())
            .kubeconfig(shared().admin())
            .input(manifest.to_string())
            .run(&flags)?;
        let told: Value = serde_json::from_str(&output.stdout).with_context(|| output.stderr.clone())?;
        assert_eq!(told["problems"], json!([]));
        Ok((told["objects"][0].clone(), output.code))
    }
}

/// Both handlers in one probe.
fn two_handlers() -> Value {
    let mut both = http_get();
    both["tcpSocket"] = json!({"port": 8080});
    both
}

#[test]
fn the_refusal_over_the_live_object_is_told_in_the_words_of_the_api_server() -> Result<()> {
    for sync in SYNCS {
        let place = Place::open(sync)?;
        let handler = "spec.template.spec.containers[0].livenessProbe.tcpSocket: Forbidden: may not specify more than \
                       1 handler type";
        for (probe, refused_alone) in [(http_get(), false), (two_handlers(), true)] {
            let git = manifest(&json!({"livenessProbe": probe}));
            let (told, code) = place.told(&git)?;
            let answer = place.answered(&git)?;
            let words = refusal_as_kubectl_prints_it(&told["prediction"]);
            assert_eq!(
                (answer.stderr.trim(), answer.code),
                (words.as_str(), 1),
                "{}",
                place.sync.name
            );
            assert_eq!(
                (words, code),
                (format!("The Deployment \"web\" is invalid: {handler}"), 1)
            );
            assert_eq!(
                (&told["prediction"]["verdict"], &told["phase"]),
                (&json!("Refused"), &json!("Conflicted"))
            );
            // Alone it is refused only where both handlers stand in Git.
            assert_eq!(
                told["refusals"] == told["prediction"]["causes"],
                refused_alone,
                "{told}"
            );
        }
        // Git follows the hand change: the server takes that.
        let follows = manifest(&json!({"livenessProbe": {"tcpSocket": {"port": 8080}}}));
        place.answered(&follows)?.success()?;
        assert_eq!(place.told(&follows)?.1, 0);
    }
    Ok(())
}

#[test]
fn a_manifest_that_is_not_live_yet_is_refused_in_the_words_of_the_api_server() -> Result<()> {
    let [client_side, _] = SYNCS;
    let place = Place {
        namespace: shared().namespace("check-new")?,
        sync: client_side,
    };
    let several = json!({"livenessProbe": two_handlers(), "ports": [{"containerPort": 0}],
                         "env": [{"name": "A=B", "value": "1"}]});
    for container in [json!({"livenessProbe": two_handlers()}), several] {
        let git = manifest(&container);
        let (told, code) = place.told(&git)?;
        assert_eq!(
            (place.answered(&git)?.stderr.trim(), code),
            (
                refusal_as_kubectl_prints_it(&json!({"causes": told["refusals"]})).as_str(),
                1
            )
        );
        // The way in which it would be created is refused for the same reasons.
        assert_eq!(
            (&told["prediction"]["verdict"], &told["prediction"]["causes"]),
            (&json!("Refused"), &told["refusals"])
        );
    }
    // A version that is no longer served never comes to validation.
    let mut old = manifest(&json!({}));
    old["apiVersion"] = json!("extensions/v1beta1");
    let (told, code) = place.told(&old)?;
    let answer = place.answered(&old)?;
    assert!(
        answer
            .stderr
            .contains(&format!(": {}\n", text(&told["refusals"][0]["message"]))),
        "{}{told}",
        answer.stderr
    );
    assert_eq!((answer.code, code), (1, 1));
    Ok(())
}

#[test]
fn a_live_object_that_may_not_be_read_is_told_with_the_missing_right_and_the_rest_goes_on() -> Result<()> {
    let namespace = shared().namespace("check-stranger")?;
    let stranger = shared().user("stranger", &[])?;
    let refused = manifest(&json!({"livenessProbe": two_handlers()})).to_string();
    let output = Tool::new(&binary()).kubeconfig(&stranger).input(refused).run(&[
        "check",
        "-",
        "--cluster",
        "-n",
        &namespace,
    ])?;
    assert!(output.stdout.starts_with("Deployment.apps"), "{}", output.stdout);
    assert!(
        output.stdout.ends_with(
            "1 Deployment checked, it is refused; held against live objects: 0, new: 0; not everything could be read.\n"
        ),
        "{}",
        output.stdout
    );
    let right = format!("hint: grant verb get on deployments.apps in namespace {namespace} to stranger\n");
    assert!(
        output.stderr.starts_with("error: -:1: failed to get ") && output.stderr.ends_with(&right),
        "{}",
        output.stderr
    );
    assert_eq!(output.code, 2);
    Ok(())
}

#[test]
fn a_value_of_a_wrong_type_is_told_in_the_words_of_the_api_server() -> Result<()> {
    let [client_side, _] = SYNCS;
    let place = Place {
        namespace: shared().namespace("check-types")?,
        sync: client_side,
    };
    let in_container = [
        json!({"image": 1, "args": [1]}),
        json!({"command": "run"}),
        json!({"env": [{"name": "A", "value": 8080}]}),
        json!({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": 1, "key": "a"}}}]}),
        json!({"envFrom": [{"configMapRef": {"name": 1}}]}),
        json!({"lifecycle": {"preStop": {"exec": {"command": "run"}}}}),
        json!({"livenessProbe": {"httpGet": {"port": true}}}),
        json!({"livenessProbe": {"periodSeconds": "10"}}),
        json!({"ports": [{"containerPort": "80"}]}),
        json!({"ports": [{"containerPort": 80.5}]}),
        json!({"ports": [{"containerPort": 99_999_999_999_i64}]}),
        json!({"ports": {"containerPort": 80}}),
        json!({"resources": {"limits": "all"}}),
        json!({"resources": {"limits": {"cpu": "much"}}}),
        json!({"securityContext": {"runAsUser": "1", "privileged": "true"}}),
    ];
    let in_pod = [
        json!({"containers": {"name": "web"}}),
        json!({"nodeSelector": {"gpu": true}}),
        json!({"terminationGracePeriodSeconds": "30"}),
        json!({"tolerations": [{"tolerationSeconds": "1"}]}),
        json!({"volumes": [{"name": "a", "emptyDir": "x"}]}),
        json!({"volumes": [{"name": "a", "configMap": {"name": "a", "defaultMode": "0644"}}]}),
        json!({"volumes": [{"name": "a", "projected": {"sources": [{"secret": {"name": 1}}]}}]}),
    ];
    let in_spec = [
        json!({"replicas": "2"}),
        json!({"strategy": "Recreate"}),
        json!({"strategy": {"rollingUpdate": {"maxSurge": 1.5}}}),
        json!({"selector": {"matchLabels": {"app": 1}}}),
    ];
    let containers = in_container.iter().map(manifest);
    let pods = in_pod
        .iter()
        .map(|fields| changed(&json!({"spec": {"template": {"spec": fields}}})));
    let specs = in_spec.iter().map(|fields| changed(&json!({"spec": fields})));
    for git in containers.chain(pods).chain(specs) {
        let (told, code) = place.told(&git)?;
        let words = format!(
            "Error from server (BadRequest): error when creating \"STDIN\": {}",
            text(&told["refusals"][0]["message"])
        );
        assert_eq!((place.answered(&git)?.stderr.trim(), code), (words.as_str(), 1));
    }
    Ok(())
}

/// The incident's manifest with other values in some fields.
fn changed(fields: &Value) -> Value {
    let mut manifest = manifest(&json!({}));
    json_patch::merge(&mut manifest, fields);
    manifest
}
