//! `driftmend heal`: carries an approved plan out with the caller's own rights.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use jiff::Timestamp;
use kube::ResourceExt;

use super::input::MEMORY;
use super::reach::Trust;
use super::scratch::Scratch;
use super::{Access, Fault, approve, output, target};
use crate::cluster::{ApiError, Cluster, Retry};
use crate::controller::approve::{Verdict, verdict};
use crate::controller::desired::{self, Held, Look as Looked, Mirrors, SourceError, Sources};
use crate::controller::governed::{Desired, Target, WatchKey, Watched};
use crate::controller::heal::{Audit, Elsewhere, Healer, Look, Pace, Progress, Sink};
use crate::controller::ignored::Answers;
use crate::controller::observe::{FreshScene, Past, Scene, Seen, frozen, is_in_force, policy, snapshot};
use crate::controller::trust::ArgoCdNamespaces;
use crate::controller::{judge, origin, tool, watch};
use crate::crd::{DriftReport, DriftWatch, FREEZE_ANNOTATION, TargetRef};
use crate::engine::diff::Masker;
use crate::engine::plan::{Approved, OTHERS_FORETOLD};
use crate::engine::{Beside, assess_and_propose};
use crate::lease::last_clear::Place;
use crate::report::{Answer, HealResult, HistoryEntry, ReportStatus, failed_clears_beside};
use crate::source::git::{self, UrlPolicy};

/// Between two tries of a request that may succeed later.
const PAUSE: Duration = Duration::from_secs(2);

/// How often a heal is recorded again when the report changed meanwhile.
const BEGIN_TRIES: usize = 10;

/// Carries an approved plan out with your own rights.
///
/// Everything is derived again from Git and the cluster; only the hash that was approved is carried out. Interrupted, run it
/// again: what is done is skipped, the rest is sent under the same approval.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
The report records what was sent and how it ended. Where standard error is no terminal, one JSON line for each request goes there as well, for \
an audit: 2> heal.jsonl

Exit status:
  0  healed: Git's values are back, the next sync will be accepted, and the
     roll-out is complete
  1  the heal failed, or was not over within --timeout; run it again to go on
  2  nothing was begun, or a request failed; the message says what to do")]
pub struct Arguments {
    /// The Deployment: `web`, `deploy/web`, or its report `deployment-web`.
    #[arg(value_name = "NAME")]
    name: String,

    /// The approved plan's hash, or at least its first eight digits.
    #[arg(long, value_name = "HASH")]
    plan: String,

    /// How long to wait for the roll-out, in seconds; the heal is complete in the cluster whether this waits or not.
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    timeout: u64,

    #[command(flatten)]
    trust: Trust,

    #[command(flatten)]
    access: Access,
}

pub(super) async fn run(arguments: Arguments) -> Result<ExitCode, Fault> {
    let (cluster, namespace) = arguments.access.connect().await?;
    let report = target::report(&cluster, &namespace, &arguments.name).await?;
    let identity = cluster.whoami().await?.name;
    shown(&report, &arguments.plan)?;
    let cache = Scratch::new()?;
    let eyes = Eyes::open(&cluster, &report, &cache, &arguments.trust).await?;
    // Other processes are told by the controller's Lease, and this one by them.
    let pace = Pace::beside(eyes.lease());
    let audit = Audit::new(Sink::beside_people(std::io::stderr().is_terminal()), Masker::default());
    let healer = Healer { cluster: &cluster, identity: &identity, look: &eyes, pace: &pace, audit: &audit };
    let status = report.status.clone().unwrap_or_default();
    match &status.healing {
        Some(healing) if healing.plan_hash.starts_with(&arguments.plan) && healing.healer == identity => {
            output::print_line("going on with the heal that began before")?;
        }
        Some(healing) => {
            return Err(Fault::new(format!("plan {} is being carried out by {}", short(&healing.plan_hash), healing.healer)));
        }
        None => begin_soon(&healer, &eyes, &arguments).await?,
    }
    let interrupted = tokio::signal::ctrl_c();
    tokio::select! {
        ended = follow(&healer, Duration::from_secs(arguments.timeout)) => match ended? {
            Some(entry) => finish(&entry),
            // Not a failure of the command: what was approved is on its way.
            None => Ok(ExitCode::from(1)),
        },
        _ = interrupted => Err(Fault::new("interrupted; nothing is half written: each step is one request")
            .hint(format!("run the same command again to go on with plan {}", arguments.plan))),
    }
}

/// Refuses a plan that the report does not show, before the source is looked at, which takes its time.
fn shown(report: &DriftReport, hash: &str) -> Result<(), Fault> {
    let status = report.status.as_ref().filter(|status| status.healing.is_none());
    status.and_then(|status| status.plan.as_ref()).map_or(Ok(()), |plan| approve::named(hash, plan))
}

/// Begins, again when the controller wrote the report in between: it answers an approval within moments.
async fn begin_soon(healer: &Healer<'_, &Eyes<'_>>, eyes: &Eyes<'_>, arguments: &Arguments) -> Result<(), Fault> {
    for _ in 1..BEGIN_TRIES {
        if begin(healer, eyes, arguments).await? == Begun::Yes {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    match begin(healer, eyes, arguments).await? {
        Begun::Yes => Ok(()),
        Begun::ReportChanged => Err(Fault::new("the report changes faster than the heal can be recorded").hint("run it again".to_owned())),
    }
}

/// Whether a heal was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begun {
    /// It was.
    Yes,

    /// Somebody wrote the report since it was read.
    ReportChanged,
}

/// Holds the approval against a fresh look, and records the heal in the report.
async fn begin(healer: &Healer<'_, &Eyes<'_>>, eyes: &Eyes<'_>, arguments: &Arguments) -> Result<Begun, Fault> {
    let Some(FreshScene { scene, frozen }) = eyes.fresh().await? else { return Err(ungoverned(&arguments.name)) };
    let default = ReportStatus::default();
    let report = scene.report.clone().ok_or_else(|| ungoverned(&arguments.name))?;
    let status = report.status.as_ref().unwrap_or(&default);
    let (_, plan) = assess_and_propose(&scene.snapshot, &scene.policy, &scene.memory());
    if let Ok(plan) = &plan
        && !plan.hash.starts_with(&arguments.plan)
    {
        approve::named(&arguments.plan, approve::offered(&report)?)?;
        return Err(Fault::new("the cluster or Git changed since the report was written")
            .hint("look at the new plan with `driftmend report`, and approve that".to_owned()));
    }
    let approved: Box<Approved> = match verdict(status, plan.as_ref(), Timestamp::now()) {
        Verdict::CarryOut(approved) => approved,
        Verdict::Tell(Answer::Open) => {
            return Err(Fault::new(format!("plan {} is not approved", short(&arguments.plan))).hint(format!(
                "driftmend approve {} -n {} --plan {}",
                report.spec.target.name,
                report.namespace().unwrap_or_default(),
                arguments.plan
            )));
        }
        Verdict::Tell(Answer::Denied) => {
            let denied = || Fault::new(format!("plan {} was denied", short(&arguments.plan)));
            return Err(approve::denied(&report).unwrap_or_else(denied));
        }
        Verdict::Tell(Answer::Refused(refusal)) => return Err(Fault::new(refusal.to_string())),
        Verdict::Tell(Answer::CarriedOut) => return Err(Fault::new(format!("plan {} was carried out before", short(&arguments.plan)))),
        Verdict::Tell(Answer::Waiting { message, .. }) => return Err(Fault::new(message)),
    };
    if let Some(place) = frozen {
        return Err(Fault::new(format!("frozen by {place}")).hint("take the annotation away when heals may go on".to_owned()));
    }
    match healer.begin(&approved, &scene, &report).await {
        Ok(_) => {}
        Err(error) if error.retry() == Retry::ReadAgain => return Ok(Begun::ReportChanged),
        Err(error) => return Err(error.into()),
    }
    for step in &approved.plan().steps {
        output::print_line(&format!("{:?}: {}", step.kind(), step.summary()))?;
    }
    Ok(Begun::Yes)
}

/// Carries the heal on until it ends; `None` where it has not within the time.
async fn follow(healer: &Healer<'_, &Eyes<'_>>, timeout: Duration) -> Result<Option<HistoryEntry>, Fault> {
    let (started, mut told) = (Instant::now(), String::new());
    loop {
        let pause = match healer.advance().await {
            Ok(Progress::Ended(entry)) => return Ok(Some(entry)),
            Ok(Progress::TakenBack(refusal)) => {
                return Err(Fault::new(refusal.to_string())
                    .hint("nothing was written, and the approval is not spent; look again with `driftmend report`".to_owned()));
            }
            Ok(Progress::NotOurs) => return Err(Fault::new("the heal was ended by somebody else; `driftmend report` tells how")),
            Ok(Progress::Waiting(why, after)) => {
                if why != told {
                    output::print_line(&format!("waiting: {why}"))?;
                    told = why;
                }
                after
            }
            Err(error) if error.retry() == Retry::AwaitChange => return Err(error.into()),
            Err(error) => {
                output::print_line(&format!("trying again: {error}"))?;
                error.wait(PAUSE)
            }
        };
        if started.elapsed() > timeout {
            let fault = Fault::new(format!("still waiting after {} s: {told}", timeout.as_secs()));
            output::print_fault(&fault.hint("run the same command again to go on waiting".to_owned()));
            return Ok(None);
        }
        tokio::time::sleep(pause).await;
    }
}

fn finish(entry: &HistoryEntry) -> Result<ExitCode, Fault> {
    match entry.result {
        HealResult::Healed => {
            output::print_line(&format!("healed: {}", entry.message))?;
            Ok(ExitCode::SUCCESS)
        }
        HealResult::Failed => {
            output::print_line(&format!("failed: {}", entry.message))?;
            Ok(ExitCode::from(1))
        }
    }
}

/// Where a heal of the command line looks: the source as it was when the command began, everything else fresh each time.
struct Eyes<'a> {
    cluster: &'a Cluster,
    cluster_id: String,
    told_judge: String,
    refused_beside: Arc<[String]>,
    target: Target,
    key: WatchKey,
    watched: Watched,
    desired: Option<Arc<Desired>>,
    jq: Answers,
    argo_cd: ArgoCdNamespaces,
}

impl<'a> Eyes<'a> {
    async fn open(cluster: &'a Cluster, report: &DriftReport, cache: &Scratch, trust: &Trust) -> Result<Self, Fault> {
        let key = WatchKey { namespace: report.spec.watch_ref.namespace.clone(), name: report.spec.watch_ref.name.clone() };
        let watch: DriftWatch = cluster
            .get_watch(&key.namespace, &key.name)
            .await?
            .ok_or_else(|| Fault::new(format!("the DriftWatch {key} of this report is gone")))?;
        git::initialise(git::Setting::of_memory(MEMORY));
        let sources = Sources {
            mirrors: Mirrors::default(),
            held: Held::default(),
            cache: cache.path().to_owned(),
            // A person's own machine may ask whatever server that person may; where a Secret is sent is said by who keeps it all the same.
            policy: UrlPolicy::of_a_person(trust.allow_http),
            secret_hosts: trust.secret_hosts()?,
            argo_cd: trust.argo_cd(),
            // The report is there: its watch may govern the namespace.
            own_namespace: key.namespace.clone(),
        };
        let fault = |error: SourceError| {
            let fault = Fault::of(&error).hint(error.hint());
            Fault { causes: fault.causes.into_iter().chain(error.detail()).collect(), ..fault }
        };
        let object = origin::object(cluster, &sources.own_namespace, &watch).await.map_err(fault)?;
        let resolved = origin::resolve(cluster, &sources.own_namespace, &sources.argo_cd, &watch, object).await.map_err(fault)?;
        let unencrypted = !trust.allow_http && resolved.origin.url.starts_with("http://");
        let fault = |error: SourceError| match error.category() {
            "InvalidURL" if unencrypted => {
                fault(error).hint("--allow-http reads it all the same, if you trust the way to that server".to_owned())
            }
            _ => fault(error),
        };
        let rendition = match desired::look(&sources, cluster, &watch, &resolved, None).await.map_err(fault)? {
            Looked::Rendered(rendition) => *rendition,
            Looked::Unchanged => return Err(Fault::new("the source gave no commit")),
        };
        let target = Target { namespace: report.namespace().unwrap_or_default(), name: report.spec.target.name.clone() };
        let desired = rendition.desired.get(&target).cloned();
        let watched = watch::watched(Arc::new(watch), resolved, rendition, Timestamp::now()).map_err(|error| Fault::of(&error))?;
        // A wrong one is no danger: the hash that was approved covers it, so no other plan is carried out.
        let cluster_id = report.status.as_ref().and_then(|status| status.cluster.clone()).unwrap_or_default();
        let told_judge = report.status.as_ref().and_then(|status| status.judge.clone()).unwrap_or_default();
        // What the controller predicts of the others; the hash that was approved covers what follows from it.
        let plan = report.status.as_ref().and_then(|status| status.plan.as_ref());
        let foretold = plan.into_iter().flat_map(|plan| &plan.cautions).filter(|caution| caution.id == OTHERS_FORETOLD);
        let refused_beside = foretold.map(|caution| caution.text.clone()).collect();
        Ok(Self {
            cluster,
            cluster_id,
            told_judge,
            refused_beside,
            target,
            key,
            watched,
            desired,
            jq: Answers::default(),
            argo_cd: trust.argo_cd(),
        })
    }
}

impl Eyes<'_> {
    /// The Lease of the controller that wrote the watch.
    fn lease(&self) -> Option<Place> {
        let controller = self.watched.watch.status.as_ref()?.controller.clone()?;
        Some(Place { namespace: controller.namespace, name: controller.lease? })
    }

    /// What judges approvals, for the hash that was approved: as it is now where one may look, and else as the report tells it, where only the
    /// controller writes it.
    async fn judge(&self) -> Result<String, ApiError> {
        match judge::read(self.cluster).await {
            Err(ApiError::Forbidden { .. }) => Ok(self.told_judge.clone()),
            answer => answer,
        }
    }
}

impl Look for &Eyes<'_> {
    async fn fresh(&self) -> Result<Option<FreshScene>, ApiError> {
        let (namespace, name) = (&self.target.namespace, &self.target.name);
        let live = self.cluster.get_deployment(namespace, name).await?;
        let report = self.cluster.report_of(namespace, &TargetRef::deployment(name)).await?.map(Arc::new);
        let judge = self.judge().await?;
        let watch = self.cluster.get_watch(&self.key.namespace, &self.key.name).await?;
        if !is_in_force(&self.watched, watch.as_ref()) {
            return Ok(None);
        }
        let facts = self.cluster.get_namespace(namespace).await?;
        let annotation = |annotations: &std::collections::BTreeMap<String, String>| annotations.get(FREEZE_ANNOTATION).cloned();
        let frozen = frozen(
            facts.as_ref().and_then(|facts| annotation(&facts.annotations)).as_ref(),
            watch.as_ref().and_then(|watch| annotation(watch.annotations())).as_ref(),
            report.as_ref().and_then(|report| annotation(report.annotations())).as_ref(),
        );
        let tenant = origin::Tenant { watch: &self.key.namespace, own_namespace: &self.key.namespace };
        let tool = tool::fresh(self.cluster, tenant, &self.argo_cd, self.watched.tool.as_ref(), None).await?;
        let past = report.as_deref().map(|report| Past::of_report(report, &self.watched.rendition.revision)).unwrap_or_default();
        let failed_clears = report.as_ref().and_then(|report| failed_clears_beside(&tool, report.status.as_ref()?)).unwrap_or_default();
        let beside = Beside { refused: self.refused_beside.clone(), failed_clears: failed_clears.into() };
        let seen = Seen { live, tool, judge, before: true, past, beside };
        let mut snapshot = snapshot(self.cluster_id.clone(), &self.target, &self.watched, self.desired.as_deref(), seen);
        let scene = Scene {
            policy: policy(&self.watched, &mut snapshot, &self.jq),
            snapshot,
            key: self.key.clone(),
            watch: self.watched.watch.clone(),
            report,
            desired: self.desired.clone(),
        };
        Ok(Some(FreshScene { scene, frozen }))
    }

    /// Those of all namespaces, or, for who may not list them, of the Deployment's own.
    async fn elsewhere(&self, healer: &str) -> Result<Vec<Elsewhere>, ApiError> {
        let mut told = self.cluster.list_reports(None).await;
        if matches!(told, Err(ApiError::Forbidden { .. })) {
            told = self.cluster.list_reports(Some(&self.target.namespace)).await;
        }
        match told {
            Err(ApiError::Forbidden { .. }) => Ok(Vec::new()),
            told => Ok(told?.iter().filter_map(|report| Elsewhere::of(report, healer)).collect()),
        }
    }
}

fn ungoverned(name: &str) -> Fault {
    Fault::new(format!("no watch governs {name} any more, or its watch changed just now"))
        .hint("run it again; `driftmend report` shows the plan of today".to_owned())
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
