//! Heals that are approved at once, by the controller in mode heal: all of them end well, each once.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::wait;
use crate::installation::{self, Installation};
use crate::tenant::{Tenant, deployment};

/// How many are approved at once where `HEALS_AT_ONCE` does not ask for more.
const HEALS: usize = 12;

/// How many Deployments one watch has: of five and more that drift together a mass drift is told.
const OF_A_WATCH: usize = 4;

/// How long all of them may take, besides a second for each.
const PATIENCE: Duration = Duration::from_secs(150);

const BY_HAND: &str = "registry.example/web:by-hand";

fn asked() -> Result<usize> {
    match std::env::var("HEALS_AT_ONCE") {
        Ok(number) => number
            .parse()
            .with_context(|| format!("HEALS_AT_ONCE is no number: {number}")),
        Err(_) => Ok(HEALS),
    }
}

/// The statuses of all reports of a namespace, by Deployment.
fn statuses(tenant: &Tenant<'_>) -> Result<BTreeMap<String, Value>> {
    let list = tenant
        .control_plane
        .kubectl(&["get", "driftreports", "-n", &tenant.namespace, "--output=json"])?
        .success()?;
    let list: Value = serde_json::from_str(&list)?;
    let named = |report: &Value| {
        Some((
            report["spec"]["target"]["name"].as_str()?.to_owned(),
            report["status"].clone(),
        ))
    };
    Ok(list["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(named)
        .collect())
}

/// Waits until this holds of the reports of all.
fn wait_for_all(
    tenant: &Tenant<'_>,
    what: &str,
    names: &[String],
    fits: impl Fn(&Value) -> bool,
) -> Result<BTreeMap<String, Value>> {
    let deadline = PATIENCE + Duration::from_secs(u64::try_from(names.len())?);
    wait::patiently(what, deadline, || {
        let seen = statuses(tenant)?;
        let not_yet: Vec<&String> = names
            .iter()
            .filter(|name| !seen.get(*name).is_some_and(&fits))
            .collect();
        Ok(match not_yet.first() {
            None => ControlFlow::Break(seen),
            Some(first) => ControlFlow::Continue(format!(
                "{} of {}, {first}: {:#}",
                not_yet.len(),
                names.len(),
                seen.get(*first).unwrap_or(&Value::Null)
            )),
        })
    })
}

#[test]
fn heals_approved_at_once_all_end_well_and_each_once() -> Result<()> {
    let installation = Installation::prepare(&["crowd"])?;
    let flags = installation.install("heal", &["crowd"])?.without_lease();
    let controller = installation.start_controller(&flags)?;
    let tenant = Tenant::open_in(&installation.control_plane, "crowd".to_owned())?;
    let names: Vec<String> = (0..asked()?).map(|at| format!("web-{at}")).collect();
    for (number, of_watch) in names.chunks(OF_A_WATCH).enumerate() {
        let (watch, file) = (format!("watch-{number}"), format!("watch-{number}/all.yaml"));
        let manifests: Vec<String> = of_watch.iter().map(|name| deployment(name)).collect();
        tenant.sync(&file, &manifests.join("---\n"))?;
        tenant.watch(&watch, &tenant.source(&watch), &json!({}))?;
        tenant.wait_until_assessed(&watch, u64::try_from(of_watch.len())?)?;
    }
    for of_watch in names.chunks(OF_A_WATCH) {
        let deployments = of_watch.iter().map(|name| format!("deployment/{name}"));
        let set: Vec<String> = ["set", "image"]
            .map(str::to_owned)
            .into_iter()
            .chain(deployments)
            .chain([format!("web={BY_HAND}")])
            .collect();
        tenant.kubectl(&set.iter().map(String::as_str).collect::<Vec<_>>(), "")?;
    }
    let offered = wait_for_all(&tenant, "a plan of each", &names, |status| {
        status["heal"] == "AwaitingApproval"
    })?;

    let plan = |name: &str| offered[name]["plan"]["hash"].as_str().unwrap_or_default().to_owned();
    std::thread::scope(|people| {
        let approve = |name: &str| {
            tenant
                .driftmend(&["approve", name, "--plan", &plan(name)])?
                .success()
                .map(drop)
        };
        let approvals: Vec<_> = names.iter().map(|name| people.spawn(move || approve(name))).collect();
        approvals.into_iter().try_for_each(|approval| {
            approval
                .join()
                .unwrap_or_else(|_| anyhow::bail!("a person did not come back"))
        })
    })?;
    let healed = wait_for_all(&tenant, "the end of each heal", &names, |status| {
        ["Healed", "Failed"].iter().any(|heal| status["heal"] == *heal) && status["healing"].is_null()
    })?;
    for name in &names {
        let status = &healed[name];
        let history = status["history"].as_array().cloned().unwrap_or_default();
        ensure!(history.len() == 1, "{name}: {history:#?}");
        assert_eq!(
            (&history[0]["planHash"], &history[0]["result"]),
            (&json!(plan(name)), &json!("Healed")),
            "{name}: {history:#?}"
        );
        let image = &tenant.get(&format!("deployment/{name}"))?["spec"]["template"]["spec"]["containers"][0]["image"];
        assert_eq!(image, "registry.example/web:1.0", "{name}");
    }
    installation::assert_no_right_was_missing(&controller);
    Ok(())
}
