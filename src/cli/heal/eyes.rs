//! Eyes: where a heal of the command line looks.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use kube::ResourceExt;

use crate::api::v1alpha1::{DriftReport, DriftWatch, FREEZE_ANNOTATION};
use crate::cli::Fault;
use crate::cli::input::MEMORY;
use crate::cli::reach::Trust;
use crate::cli::scratch::Scratch;
use crate::cluster::{ApiError, Cluster};
use crate::controller::desired::{self, Held, Look as Looked, Mirrors, SourceError, Sources};
use crate::controller::heal::{Elsewhere, Look};
use crate::controller::ignored::Answers;
use crate::controller::index::{Desired, Rendition, Target, WatchKey, Watched};
use crate::controller::observe::{FreshScene, Past, Scene, Seen, frozen, is_in_force, policy, snapshot};
use crate::controller::{judge, origin, tool, watch};
use crate::engine::plan::OTHERS_FORETOLD;
use crate::engine::{Beside, Tool};
use crate::lease::last_clear::Place;
use crate::report::failed_clears_beside;
use crate::source::git::{self, UrlPolicy};

/// Where a heal of the command line looks: the source as it was when the command began, and again when Argo CD has
/// compared another commit; everything else fresh each time.
pub(super) struct Eyes<'a> {
    cluster: &'a Cluster,
    cluster_id: String,
    told_judge: String,
    refused_beside: Arc<[String]>,
    target: Target,
    key: WatchKey,
    sources: Sources,
    is_http_allowed: bool,
    read: Mutex<Read>,
    jq: Answers,
}

/// What was read of the source.
#[derive(Clone)]
struct Read {
    watched: Watched,
    desired: Option<Arc<Desired>>,
}

impl Read {
    /// Whether it tells what Git says of the Deployment at the commit that Argo CD compared last.
    fn knows_what_was_compared(&self, tool: &Tool) -> bool {
        let Some(argo_cd) = tool.argo_cd() else { return true };
        let compared = argo_cd
            .application
            .sync
            .as_ref()
            .and_then(|sync| sync.revision.as_ref()?.one());
        let Rendition {
            revision,
            compared: known,
            ..
        } = self.watched.rendition.as_ref();
        compared.is_none_or(|compared| compared == revision || known.as_deref() == Some(compared))
    }
}

impl<'a> Eyes<'a> {
    pub(super) async fn open(
        cluster: &'a Cluster,
        report: &DriftReport,
        cache: &Scratch,
        trust: &Trust,
    ) -> Result<Self, Fault> {
        let key = WatchKey {
            namespace: report.spec.watch_ref.namespace.clone(),
            name: report.spec.watch_ref.name.clone(),
        };
        let watch: DriftWatch = cluster
            .get_watch(&key.namespace, &key.name)
            .await?
            .ok_or_else(|| Fault::new(format!("the DriftWatch {key} of this report is gone")))?;
        git::initialise(git::Setting::of_memory(MEMORY));
        let sources = Sources {
            mirrors: Mirrors::default(),
            held: Held::default(),
            cache: cache.path().to_owned(),
            // A person's own machine may ask whatever server that person may; where a Secret is sent is said by who
            // keeps it all the same.
            policy: UrlPolicy::of_a_person(trust.allow_http),
            secret_hosts: trust.secret_hosts()?,
            argo_cd: trust.argo_cd(),
            // The report is there: its watch may govern the namespace.
            own_namespace: key.namespace.clone(),
        };
        let kind = report
            .kind_of_its_target()
            .ok_or_else(|| Fault::new("the report is about nothing that this version governs"))?;
        let target = Target {
            kind,
            namespace: report.namespace().unwrap_or_default(),
            name: report.spec.target.name.clone(),
        };
        let read = read(cluster, &sources, watch, &target, trust.allow_http).await?;
        // A wrong one is no danger: the hash that was approved covers it, so no other plan is carried out.
        let cluster_id = report
            .status
            .as_ref()
            .and_then(|status| status.cluster.clone())
            .unwrap_or_default();
        let told_judge = report
            .status
            .as_ref()
            .and_then(|status| status.judge.clone())
            .unwrap_or_default();
        // What the controller predicts of the others; the hash that was approved covers what follows from it.
        let plan = report.status.as_ref().and_then(|status| status.plan.as_ref());
        let foretold = plan
            .into_iter()
            .flat_map(|plan| &plan.cautions)
            .filter(|caution| caution.id == OTHERS_FORETOLD);
        let refused_beside = foretold.map(|caution| caution.text.clone()).collect();
        let (is_http_allowed, read, jq) = (trust.allow_http, Mutex::new(read), Answers::default());
        Ok(Self {
            cluster,
            cluster_id,
            told_judge,
            refused_beside,
            target,
            key,
            sources,
            is_http_allowed,
            read,
            jq,
        })
    }
}

/// Reads what a watch names, and what it says of one Deployment.
async fn read(
    cluster: &Cluster,
    sources: &Sources,
    watch: DriftWatch,
    target: &Target,
    is_http_allowed: bool,
) -> Result<Read, Fault> {
    let fault = |error: SourceError| {
        let fault = Fault::of(&error).hint(error.hint());
        Fault {
            causes: fault.causes.into_iter().chain(error.detail()).collect(),
            ..fault
        }
    };
    let object = origin::object(cluster, &sources.own_namespace, &watch)
        .await
        .map_err(fault)?;
    let resolved = origin::resolve(cluster, &sources.own_namespace, &sources.argo_cd, &watch, object)
        .await
        .map_err(fault)?;
    let unencrypted = !is_http_allowed && resolved.origin.url.starts_with("http://");
    let fault = |error: SourceError| match error.category() {
        "InvalidURL" if unencrypted => {
            fault(error).hint("--allow-http reads it all the same, if you trust the way to that server".to_owned())
        }
        _ => fault(error),
    };
    let rendition = match desired::look(sources, cluster, &watch, &resolved, None)
        .await
        .map_err(fault)?
    {
        Looked::Rendered(rendition) => *rendition,
        Looked::Unchanged => return Err(Fault::new("the source gave no commit")),
    };
    let desired = rendition.desired.get(target).cloned();
    let watched =
        watch::watched(Arc::new(watch), resolved, rendition, Timestamp::now()).map_err(|error| Fault::of(&error))?;
    Ok(Read { watched, desired })
}

impl Eyes<'_> {
    /// The Lease of the controller that wrote the watch.
    pub(super) fn lease(&self) -> Option<Place> {
        let controller = self.read().watched.watch.status.as_ref()?.controller.clone()?;
        Some(Place {
            namespace: controller.namespace,
            name: controller.lease?,
        })
    }

    /// What was read of the source last.
    fn read(&self) -> Read {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the source again; one that does not answer is as it was.
    async fn read_again(&self, watch: &DriftWatch) {
        if let Ok(new) = read(
            self.cluster,
            &self.sources,
            watch.clone(),
            &self.target,
            self.is_http_allowed,
        )
        .await
        {
            *self.read.lock().unwrap_or_else(PoisonError::into_inner) = new;
        }
    }

    /// What judges approvals, for the hash that was approved: as it is now where one may look, and else as the report
    /// tells it, where only the controller writes it.
    async fn judge(&self) -> Result<String, ApiError> {
        match judge::read(self.cluster).await {
            Err(ApiError::Forbidden { .. }) => Ok(self.told_judge.clone()),
            answer => answer,
        }
    }
}

impl Look for &Eyes<'_> {
    async fn fresh(&self) -> Result<Option<FreshScene>, ApiError> {
        match self.look().await? {
            Some(FreshScene { scene, .. }) if !self.read().knows_what_was_compared(&scene.snapshot.tool) => {
                self.read_again(&scene.watch).await;
                self.look().await
            }
            looked => Ok(looked),
        }
    }

    /// Those of all namespaces, or, for who may not list them, of the Deployment's own.
    async fn elsewhere(&self, healer: &str) -> Result<Vec<Elsewhere>, ApiError> {
        let mut told = self.cluster.list_reports(None).await;
        if matches!(told, Err(ApiError::Forbidden { .. })) {
            told = self.cluster.list_reports(Some(&self.target.namespace)).await;
        }
        match told {
            Err(ApiError::Forbidden { .. }) => Ok(Vec::new()),
            told => Ok(told?
                .iter()
                .filter_map(|report| Elsewhere::of(report, healer))
                .collect()),
        }
    }
}

impl Eyes<'_> {
    async fn look(&self) -> Result<Option<FreshScene>, ApiError> {
        let (namespace, name) = (&self.target.namespace, &self.target.name);
        let live = self.cluster.get_governed(self.target.kind, namespace, name).await?;
        let report = self
            .cluster
            .report_of(namespace, &self.target.target_ref())
            .await?
            .map(Arc::new);
        let judge = self.judge().await?;
        let watch = self.cluster.get_watch(&self.key.namespace, &self.key.name).await?;
        let Read { watched, desired } = self.read();
        let Some(watch) = watch.filter(|watch| is_in_force(&watched, Some(watch))) else {
            return Ok(None);
        };
        let facts = self.cluster.get_namespace(namespace).await?;
        let annotation =
            |annotations: &std::collections::BTreeMap<String, String>| annotations.get(FREEZE_ANNOTATION).cloned();
        let frozen = frozen(
            facts.as_ref().and_then(|facts| annotation(&facts.annotations)).as_ref(),
            annotation(watch.annotations()).as_ref(),
            report
                .as_ref()
                .and_then(|report| annotation(report.annotations()))
                .as_ref(),
        );
        let tenant = origin::Tenant {
            watch: &self.key.namespace,
            own_namespace: &self.key.namespace,
        };
        let tool = tool::fresh(self.cluster, tenant, &self.sources.argo_cd, watched.tool.as_ref(), None).await?;
        let past = report
            .as_deref()
            .map(|report| Past::of_report(report, &watched.rendition.revision))
            .unwrap_or_default();
        let failed_clears = report
            .as_ref()
            .and_then(|report| failed_clears_beside(&tool, report.status.as_ref()?))
            .unwrap_or_default();
        let beside = Beside {
            refused: self.refused_beside.clone(),
            failed_clears: failed_clears.into(),
        };
        let seen = Seen {
            live,
            tool,
            judge,
            before: true,
            past,
            beside,
        };
        let mut snapshot = snapshot(
            self.cluster_id.clone(),
            &self.target,
            &watched,
            desired.as_deref(),
            seen,
        );
        let scene = Scene {
            policy: policy(&watched, &mut snapshot, &self.jq),
            snapshot,
            key: self.key.clone(),
            watch: watched.watch,
            report,
            desired,
        };
        Ok(Some(FreshScene { scene, frozen }))
    }
}
