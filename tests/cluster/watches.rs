//! What a watch asks for: who leads, what is told, what is hidden, and for how long.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::{shared, shared_controller, wait};
use crate::tenant::{TOLD, Tenant, condition, deployment, deployment_with};

const BY_HAND: &str = "registry.example/web:by-hand";

#[test]
fn of_two_watches_on_one_target_the_older_leads_until_it_is_deleted_and_the_last_takes_the_report_along() -> Result<()>
{
    shared_controller();
    let tenant = Tenant::open(shared(), "leader")?;
    tenant.sync("web.yaml", &deployment("web"))?;
    tenant.watch("older", &tenant.source(""), &json!({}))?;
    tenant.wait_until_assessed("older", 1)?;
    // Creation times are whole seconds, and the name decides between equal ones: this one would come first.
    std::thread::sleep(Duration::from_millis(1_100));
    tenant.watch("newer", &tenant.source(""), &json!({}))?;
    let told = json!([format!(
        "Deployment {}/web: led by the older watch {}/older",
        tenant.namespace, tenant.namespace
    )]);
    tenant.wait_for("driftwatch/newer", "the leader", |watch| {
        watch["status"]["notGoverned"] == told
    })?;

    tenant.set_image("web", BY_HAND)?;
    let report = tenant.wait_for_report("web", "Drifted")?;
    assert_eq!(report["spec"]["watchRef"]["name"], "older");
    tenant.kubectl(&["delete", "driftwatch", "older"], "")?;
    let led_by = |name: &'static str| {
        move |report: &Value| report["spec"]["watchRef"]["name"] == name && report["status"]["phase"] == "Drifted"
    };
    tenant.wait_for(
        "driftreport/deployment-web",
        "a report of the newer watch",
        led_by("newer"),
    )?;
    tenant.kubectl(&["delete", "driftwatch", "newer"], "")?;
    tenant.wait_for("driftreport/deployment-web", "no report", Value::is_null)?;
    Ok(())
}

#[test]
fn a_report_goes_when_it_has_been_quiet_for_the_time_that_the_watch_says() -> Result<()> {
    shared_controller();
    let tenant = Tenant::open(shared(), "quiet")?;
    tenant.sync("web.yaml", &deployment("web"))?;
    tenant.watch("all", &tenant.source(""), &json!({"reportTTL": "10s"}))?;
    tenant.wait_until_assessed("all", 1)?;
    tenant.set_image("web", BY_HAND)?;
    tenant.wait_for_report("web", "Drifted")?;
    let begun = Instant::now();
    tenant.set_image("web", "registry.example/web:1.0")?;
    // Who looks too seldom finds it gone already.
    let quiet = |report: &Value| report.is_null() || report["status"]["phase"] == "InSync";
    tenant.wait_for("driftreport/deployment-web", "in sync, or gone after that", quiet)?;
    tenant.wait_for("driftreport/deployment-web", "no report", Value::is_null)?;
    // Since when it is quiet is told in whole seconds.
    assert!(
        begun.elapsed() >= Duration::from_secs(9),
        "it went after {:?}",
        begun.elapsed()
    );
    Ok(())
}

#[test]
fn an_ignore_rule_hides_a_field_with_its_reason_until_it_expires() -> Result<()> {
    let controller = shared_controller();
    let tenant = Tenant::open(shared(), "ignore")?;
    let rule = |expires: &str| {
        json!({"ignore": [{"paths": [".spec.replicas"], "reason": "the sale of the week",
                                                  "expires": expires}]})
    };
    for (name, expires) in [("hidden", "2999-01-01T00:00:00Z"), ("expired", "2020-01-01T00:00:00Z")] {
        tenant.sync(&format!("{name}/web.yaml"), &deployment(name))?;
        tenant.watch(name, &tenant.source(name), &rule(expires))?;
        tenant.wait_until_assessed(name, 1)?;
        tenant.kubectl(&["patch", "deployment", name, "-p", r#"{"spec": {"replicas": 2}}"#], "")?;
    }
    let report = tenant.wait_for_report("expired", "Drifted")?;
    assert_eq!(report["status"]["fields"][0]["path"], ".spec.replicas");
    // The Deployment controller's annotation is the first that is ignored.
    let series = format!(
        "driftmend_drifted_fields{{kind=\"Deployment\",name=\"hidden\",namespace=\"{}\",severity=\"ignored\"}}",
        tenant.namespace
    );
    wait::patiently("the hidden field to be counted", TOLD, || {
        let counted = controller.metric(&series)?;
        Ok(if counted == Some(2.0) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(format!("{counted:?}"))
        })
    })?;
    // What is told of it is that the next sync takes it back.
    let report = tenant.wait_for_report("hidden", "InSync")?;
    assert_eq!(
        (&report["status"]["counts"]["drifted"], &report["status"]["plan"]),
        (&json!(0), &Value::Null)
    );
    assert_eq!(report["status"]["findings"][0]["rule"], "next-sync-overwrites");

    // Beside a drift that is told the hidden field is shown, too, with the reason.
    tenant.set_image("hidden", BY_HAND)?;
    let report = tenant.wait_for_report("hidden", "Drifted")?;
    assert_eq!(report["status"]["counts"]["drifted"], 1);
    let fields = report["status"]["fields"].as_array().context("no fields")?;
    let hidden = fields
        .iter()
        .find(|field| field["path"] == ".spec.replicas")
        .context("it is not shown")?;
    let reason = hidden["reason"].as_str().unwrap_or_default();
    assert!(
        hidden["severity"] == "ignored" && reason.contains("the sale of the week"),
        "{hidden}"
    );
    Ok(())
}

#[test]
fn a_rule_that_cannot_be_read_is_told_on_its_watch() -> Result<()> {
    shared_controller();
    let tenant = Tenant::open(shared(), "rules")?;
    tenant.sync("web.yaml", &deployment("web"))?;
    tenant.watch(
        "bad",
        &tenant.source(""),
        &json!({"ignore": [{"paths": [".spec["], "reason": "a typing error"}]}),
    )?;
    let (message, _) = tenant.source_failure("bad", "InvalidIgnoreRule")?;
    assert!(
        message.starts_with("spec.ignore[0].paths: ") && message.contains(".spec["),
        "{message}"
    );
    Ok(())
}

#[test]
fn a_watch_that_only_alerts_makes_no_plan() -> Result<()> {
    shared_controller();
    let tenant = Tenant::open(shared(), "alert")?;
    tenant.sync("web.yaml", &deployment("web"))?;
    tenant.watch("all", &tenant.source(""), &json!({"mode": "Alert"}))?;
    tenant.wait_until_assessed("all", 1)?;
    tenant.set_image("web", BY_HAND)?;
    let report = tenant.wait_for_report("web", "Drifted")?;
    let plan = condition(&report, "PlanReady");
    assert_eq!(report["status"]["plan"], Value::Null);
    assert_eq!(
        (&plan["status"], &plan["message"]),
        (&json!("False"), &json!("the watch's mode is Alert: it makes no plans"))
    );
    let refused = tenant.driftmend(&["approve", "web", "--plan", "0123456789ab"])?;
    assert_eq!(
        (refused.code, refused.stderr.as_str()),
        (
            2,
            "error: web shows no plan: the watch's mode is Alert: it makes no plans\n"
        )
    );
    Ok(())
}

#[test]
fn many_drifts_at_once_are_one_thing_to_tell_on_the_watch() -> Result<()> {
    shared_controller();
    let tenant = Tenant::open(shared(), "mass")?;
    let names: Vec<String> = (0..10).map(|at| format!("web-{at}")).collect();
    let manifests: Vec<String> = names.iter().map(|name| deployment(name)).collect();
    tenant.sync("all.yaml", &manifests.join("---\n"))?;
    // All of them are to be seen before the first would be told.
    tenant.watch("all", &tenant.source(""), &json!({"settle": "15s"}))?;
    tenant.wait_until_assessed("all", 10)?;

    let six: Vec<String> = names.iter().take(6).map(|name| format!("deployment/{name}")).collect();
    let arguments: Vec<&str> = ["scale", "--replicas=3"]
        .into_iter()
        .chain(six.iter().map(String::as_str))
        .collect();
    tenant.kubectl(&arguments, "")?;
    // With the fifth of them it is a mass drift already, and the sixth joins it.
    let watch = tenant.wait_for("driftwatch/all", "six of ten in one MassDrift", |watch| {
        condition(watch, "MassDrift")["message"]
            .as_str()
            .is_some_and(|text| text.starts_with("6 of 10 objects drifted within a minute: "))
    })?;
    let mass = condition(&watch, "MassDrift");
    assert_eq!(
        (&mass["status"], &mass["reason"]),
        (&json!("True"), &json!("TooManyAtOnce"))
    );
    std::thread::sleep(Duration::from_secs(16));
    assert_eq!(
        tenant.get("driftreports")?,
        Value::Null,
        "a report was made although it is one mass drift"
    );
    Ok(())
}

#[test]
fn a_secret_looking_value_that_drifted_is_shown_nowhere_and_restored_all_the_same() -> Result<()> {
    let controller = shared_controller();
    let tenant = Tenant::open(shared(), "secret")?;
    let container = "env:\n  - name: DB_PASSWORD\n    value: written-in-git";
    tenant.sync("web.yaml", &deployment_with("web", 0, container))?;
    tenant.watch("all", &tenant.source(""), &json!({}))?;
    tenant.wait_until_assessed("all", 1)?;
    tenant.kubectl(&["set", "env", "deployment/web", "DB_PASSWORD=typed-by-hand"], "")?;
    let plan = tenant.wait_for_plan("web", "")?;
    let human = tenant.driftmend(&["report", "web"])?;
    let json = tenant.driftmend(&["report", "web", "-o", "json"])?;
    assert!(
        human.stdout.contains("DB_PASSWORD"),
        "the field itself is told: {}",
        human.stdout
    );
    tenant.driftmend(&["approve", "web", "--plan", &plan])?.success()?;
    let healed = tenant.driftmend(&["heal", "web", "--plan", &plan, "--allow-http"])?;
    assert_eq!(healed.code, 0, "{}{}", healed.stdout, healed.stderr);
    tenant.wait_for_report("web", "InSync")?;

    let live = tenant.get("deployment/web")?;
    assert_eq!(
        live["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"],
        "written-in-git"
    );
    let shown = [
        ("driftmend report", human.stdout),
        ("driftmend report -o json", json.stdout),
        ("driftmend heal", format!("{}{}", healed.stdout, healed.stderr)),
        ("the reports", tenant.get("driftreports")?.to_string()),
        ("the watches", tenant.get("driftwatches")?.to_string()),
        ("the Events", tenant.get("events")?.to_string()),
        ("the log", controller.log()),
        ("the metrics", controller.metrics()?),
    ];
    for (place, text) in shown {
        for word in ["written-in-git", "typed-by-hand"] {
            assert!(!text.contains(word), "{word} is in {place}: {text}");
        }
    }
    Ok(())
}

#[test]
fn a_watch_that_governs_nothing_or_is_led_by_another_is_not_ready_and_says_why() -> Result<()> {
    shared_controller();
    let tenant = Tenant::open(shared(), "ready")?;
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}]}\n";
    tenant
        .repository
        .commit(&[("services/web.yaml", service)], "A folder without Deployments");
    tenant.sync("web/web.yaml", &deployment("web"))?;
    tenant.watch("nothing", &tenant.source("services"), &json!({}))?;
    tenant.watch(
        "unselected",
        &tenant.source("web"),
        &json!({"selector": {"matchLabels": {"tier": "none"}}}),
    )?;
    tenant.watch("older", &tenant.source("web"), &json!({}))?;
    tenant.wait_until_assessed("older", 1)?;
    // Creation times are whole seconds.
    std::thread::sleep(Duration::from_millis(1_100));
    // It asks Git seldom: that it leads is not to wait for that.
    let mut seldom = tenant.source("web");
    seldom["interval"] = json!("1h");
    tenant.watch("newer", &seldom, &json!({}))?;

    let rule =
        "of the watches that name an object the oldest leads, of equally old ones the first by namespace and name";
    for (name, reason, parts) in [
        (
            "nothing",
            "GovernsNothing",
            [
                "nothing is governed: the source at ".to_owned(),
                " holds 1 Service; check its path".to_owned(),
            ],
        ),
        (
            "unselected",
            "GovernsNothing",
            [
                " holds 1 Deployment outside the selector; ".to_owned(),
                "spec.selector".to_owned(),
            ],
        ),
        (
            "newer",
            "LedByAnother",
            [
                format!("the only object of this source is led by {}/older: ", tenant.namespace),
                rule.to_owned(),
            ],
        ),
    ] {
        let watch = tenant.wait_for(&format!("driftwatch/{name}"), reason, |watch| {
            condition(watch, "Ready")["reason"] == reason
        })?;
        let ready = condition(&watch, "Ready");
        let message = ready["message"].as_str().unwrap_or_default();
        assert!(
            ready["status"] == "False" && parts.iter().all(|part| message.contains(part)),
            "{ready}"
        );
        // What `kubectl get dw` shows, and `kubectl describe`.
        let shown = shared()
            .kubectl(&["get", "dw", name, "-n", &tenant.namespace])?
            .success()?;
        let (head, row) = shown.split_once('\n').context("no row")?;
        assert!(head.contains("REASON") && head.ends_with("MESSAGE"), "{shown}");
        assert!(row.contains(reason) && row.contains(message), "{shown}");
        tenant.wait_for("events", "an Event on the watch", |events| {
            let of_watch = |event: &&Value| {
                event["involvedObject"]["kind"] == "DriftWatch" && event["involvedObject"]["name"] == name
            };
            events["items"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(of_watch)
                .any(|event| event["reason"] == reason && event["message"] == message)
        })?;
        let told = tenant.driftmend(&["report"])?;
        let line = format!("watch {}/{name}: not ready: {reason}: {message}\n", tenant.namespace);
        assert!(
            told.code == 1 && told.stdout.contains(&line),
            "{}{}",
            told.stdout,
            told.stderr
        );
    }

    tenant.kubectl(&["delete", "driftwatch", "older"], "")?;
    let leads =
        |watch: &Value| condition(watch, "Ready")["status"] == "True" && watch["status"]["counts"]["governed"] == 1;
    tenant.wait_for("driftwatch/newer", "the lead", leads).map(drop)
}

#[test]
fn a_rule_that_covers_no_field_is_told_and_a_json_pointer_covers_one() -> Result<()> {
    let controller = shared_controller();
    let tenant = Tenant::open(shared(), "pointers")?;
    tenant.sync("web.yaml", &deployment("web"))?;
    let rules = json!({"ignore": [
        {"paths": [".spec.replica", "/spec/template/spec/containers/3"], "reason": "typed wrong"},
        {"paths": ["/spec/replicas"], "reason": "the autoscaler's"},
        {"managers": ["nobody-*"], "reason": "who is that"},
    ]});
    tenant.watch("all", &tenant.source(""), &rules)?;
    let told = |at: usize, what: &str| {
        format!("spec.ignore[{at}] covers no field of any governed object: {what}; check how it is written")
    };
    let expected = [
        told(0, ".spec.replica, /spec/template/spec/containers/3"),
        told(2, "nobody-*"),
    ];
    tenant.wait_for("driftwatch/all", "what its rules do not cover", |watch| {
        let warnings = watch["status"]["warnings"].as_array().into_iter().flatten();
        warnings
            .filter_map(|warning| warning["message"].as_str())
            .eq(expected.iter().map(String::as_str))
    })?;

    tenant.kubectl(
        &["patch", "deployment", "web", "-p", r#"{"spec": {"replicas": 2}}"#],
        "",
    )?;
    let series = format!(
        "driftmend_drifted_fields{{kind=\"Deployment\",name=\"web\",namespace=\"{}\",severity=\"ignored\"}}",
        tenant.namespace
    );
    wait::patiently("the hidden field to be counted", TOLD, || {
        let counted = controller.metric(&series)?;
        Ok(if counted == Some(2.0) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(format!("{counted:?}"))
        })
    })?;
    let report = tenant.wait_for_report("web", "InSync")?;
    assert_eq!(
        (&report["status"]["counts"]["drifted"], &report["status"]["plan"]),
        (&json!(0), &Value::Null)
    );
    Ok(())
}
