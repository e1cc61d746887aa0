//! The incident, from the hand edit to the heal: the same story for both ways in which a tool may sync.

use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::harness::Output;
use crate::stage::Stage;
use crate::transcript::Transcript;

/// The probes that are edited by hand, each of which is a cause of the refusal.
const PROBES: usize = 2;

/// As many digits of a plan's hash as driftmend itself shows.
const HASH_SHOWN: usize = 12;

/// A Deployment and the tool that syncs it.
pub struct Synced {
    /// Its name, the name of its folder in Git and of its DriftWatch.
    pub name: &'static str,

    /// The strategy as a DriftWatch spells it.
    pub strategy: &'static str,

    /// The field manager that owns Git's fields after a sync.
    pub manager: &'static str,

    /// What `kubectl apply` is given to sync so.
    pub flags: &'static [&'static str],

    /// The words with which the server acknowledges a sync.
    pub accepted: &'static str,
}

/// What `kubectl apply` and Argo CD do by default.
pub const CLIENT_SIDE: Synced = Synced {
    name: "web",
    strategy: "ClientSideApply",
    manager: "kubectl-client-side-apply",
    flags: &[],
    accepted: "deployment.apps/web unchanged",
};

/// What Flux does, and Argo CD on request: forced, so that no ownership conflict stands in the way.
pub const SERVER_SIDE: Synced = Synced {
    name: "api",
    strategy: "ServerSideApply",
    manager: "gitops",
    flags: &["--server-side", "--force-conflicts", "--field-manager=gitops"],
    accepted: "deployment.apps/api serverside-applied",
};

impl Synced {
    /// The manifest in the clone.
    fn file(&self) -> String {
        format!("shop/{}/deployment.yaml", self.name)
    }

    /// The Deployment as kubectl names it.
    pub fn deployment(&self) -> String {
        format!("deployment/{}", self.name)
    }

    /// The DriftReport as kubectl names it.
    pub fn report(&self) -> String {
        format!("driftreport/deployment-{}", self.name)
    }

    /// Syncs as the tool does, and shows it.
    pub fn sync(&self, stage: &Stage, told: &Transcript) -> Result<Output> {
        let file = self.file();
        let arguments: Vec<&str> = ["apply"]
            .iter()
            .chain(self.flags)
            .copied()
            .chain(["-f", &file])
            .collect();
        told.run(&stage.tool("kubectl")?, "kubectl", &arguments)
    }

    /// The DriftWatch of its folder.
    pub fn watch(&self, url: &str) -> String {
        let Self {
            name,
            strategy,
            manager,
            ..
        } = self;
        format!(
            "apiVersion: driftmend.dev/v1alpha1
kind: DriftWatch
metadata: {{name: {name}}}
spec:
  source: {{git: {{url: '{url}', path: {name}, interval: 1s}}}}
  strategy: {strategy}
  manager: {manager}
"
        )
    }

    /// What someone patches by hand: both probes become plain TCP, as in many an outage at night.
    fn hand_edit(&self) -> String {
        format!(
            "spec: {{template: {{spec: {{containers: [{{name: {},
  livenessProbe: {{httpGet: null, tcpSocket: {{port: 8080}}}},
  readinessProbe: {{httpGet: null, tcpSocket: {{port: 8080}}}}}}]}}}}}}
",
            self.name
        )
    }
}

/// Someone patches the live Deployment; the report tells what the next sync will be answered. Gives the report.
pub fn edit_by_hand(stage: &Stage, told: &mut Transcript, synced: &Synced) -> Result<Value> {
    let file = format!("by-hand-{}.yaml", synced.name);
    stage.write(&file, &synced.hand_edit())?;
    told.run(&stage.program("cat"), "cat", &[&file])?.success()?;
    told.run(
        &stage.tool("kubectl")?,
        "kubectl",
        &["patch", &synced.deployment(), "--patch-file", &file],
    )?
    .success()?;
    let begun = Instant::now();
    let report = stage.wait_for("a report with a plan", &synced.report(), |report| {
        report["status"]["plan"]["hash"].is_string()
    })?;
    let seconds = begun.elapsed().as_secs_f32();
    told.say(&format!(
        "{seconds:.1} s later driftmend has told which field, who and when, and what the next sync will be answered:"
    ))?;
    told.run(&stage.driftmend(), "driftmend", &["report", synced.name])?;
    let status = &report["status"];
    told.check(
        status["phase"] == "Conflicted",
        "the report's phase is Conflicted",
        || status["phase"].to_string(),
    )?;
    told.check(
        status["prediction"]["verdict"] == "Refused",
        "it predicts that the next sync is refused",
        || status["prediction"].to_string(),
    )?;
    Ok(report)
}

/// Syncs all the same: the real server must refuse it with the very words of the prediction.
pub fn sync_is_refused(stage: &Stage, told: &mut Transcript, synced: &Synced, report: &Value) -> Result<()> {
    told.say("The proof: the sync is tried now, and the real API server answers.")?;
    let refused = synced.sync(stage, told)?;
    told.check(refused.code == 1, "kubectl apply fails", || {
        format!("exit code {}: {}", refused.code, refused.stdout)
    })?;
    let causes = report["status"]["prediction"]["causes"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let text = |cause: &Value, key: &str| cause[key].as_str().unwrap_or_default().to_owned();
    let predicted: Vec<String> = causes
        .iter()
        .map(|cause| format!("{}: {}", text(cause, "field"), text(cause, "message")))
        .collect();
    let missing: Vec<&String> = predicted
        .iter()
        .filter(|cause| !refused.stderr.contains(*cause))
        .collect();
    let answered = refused
        .stderr
        .matches("may not specify more than 1 handler type")
        .count();
    told.check(
        missing.is_empty() && predicted.len() == PROBES && answered == PROBES,
        &format!(
            "the same refusal: {} causes were predicted, {answered} were answered, word for word",
            predicted.len()
        ),
        || format!("predicted {predicted:?}, answered {}", refused.stderr),
    )
}

/// Approves the plan and carries it out with the caller's own rights.
pub fn heal(stage: &Stage, told: &mut Transcript, synced: &Synced, report: &Value) -> Result<()> {
    let hash = report["status"]["plan"]["hash"]
        .as_str()
        .and_then(|hash| hash.get(..HASH_SHOWN))
        .context("the plan has no hash")?;
    told.say(
        "A person has read the plan in the report and approves exactly that one, by its hash; then it is carried out.",
    )?;
    let reason = "Git is right";
    told.run(
        &stage.driftmend(),
        "driftmend",
        &["approve", synced.name, "--plan", hash, "--reason", reason],
    )?
    .success()?;
    // Where standard error is no terminal, the audit lines go there, which nobody reads in the middle of a story.
    let lines = format!("heal-{}.jsonl", synced.name);
    told.command(&format!(
        "driftmend heal {} --plan {hash} --allow-http 2> {lines}",
        synced.name
    ))?;
    let healed = stage
        .driftmend()
        .run(&["heal", synced.name, "--plan", hash, "--allow-http"])?;
    stage.write(&lines, &healed.stderr)?;
    told.answer(&healed.success()?)?;
    let in_sync = |report: &Value| report["status"]["phase"] == "InSync" && report["status"]["heal"] == "Healed";
    stage.wait_for("a healed report", &synced.report(), in_sync)?;
    told.run(&stage.driftmend(), "driftmend", &["report"])?;
    told.check(true, "the report's phase is InSync, its heal Healed", String::new)
}

/// Syncs once more: accepted, and there is nothing to change.
pub fn sync_changes_nothing(stage: &Stage, told: &mut Transcript, synced: &Synced) -> Result<()> {
    let generation = ["get", &synced.deployment(), "--output=jsonpath={.metadata.generation}"];
    let before = stage.kubectl(&generation)?;
    let accepted = synced.sync(stage, told)?;
    told.check(
        accepted.code == 0 && accepted.stdout.trim() == synced.accepted,
        "the same sync is accepted now",
        || accepted.stderr,
    )?;
    let after = stage.kubectl(&generation)?;
    told.check(
        before == after,
        &format!("it had nothing to change: generation {before} before, {after} after"),
        || after.clone(),
    )
}
