//! `DriftWatch`: a source of truth and what it governs.

// Every printer column repeats the argument names of the one before it; the lint takes them for repeated attributes.
#![allow(clippy::duplicated_attributes)]

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::syncing::{StrategySpec, ToolSpec, ValidateSpec};
use super::{DriftWatchStatus, Mode, Period, Remedy};
use crate::engine::diff::{IgnoreRule, PathPattern};
use crate::engine::object::PathError;

/// Names a source of truth and the objects that it governs.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "driftmend.dev",
    version = "v1alpha1",
    kind = "DriftWatch",
    plural = "driftwatches",
    shortname = "dw",
    category = "driftmend",
    namespaced,
    status = "DriftWatchStatus",
    derive = "PartialEq",
    doc = "Names a source of truth and the objects that it governs.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason"
    ),
    printcolumn(name = "Governed", type_ = "integer", json_path = ".status.counts.governed"),
    printcolumn(name = "Drifted", type_ = "integer", json_path = ".status.counts.drifted"),
    printcolumn(name = "Conflicted", type_ = "integer", json_path = ".status.counts.conflicted"),
    printcolumn(name = "Revision", type_ = "string", json_path = ".status.shortRevision"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].message"
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.source.git) || (self.strategy == 'ClientSideApply' && !has(self.manager) && \
                                 !has(self.tool) && !has(self.validate))")
    .message("strategy, manager, tool and validate are read from the Application or Kustomization; leave them out"))]
pub struct DriftWatchSpec {
    /// Where the truth is.
    pub source: Source,

    /// Governs only objects of these kinds; of every kind that is governed when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::kinds::some")]
    pub kinds: Option<Vec<String>>,

    /// Governs only those objects of the source whose labels in Git fit; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::selector::bounded")]
    pub selector: Option<LabelSelector>,

    /// What is not drift here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "atomic"))]
    pub ignore: Vec<IgnoreSpec>,

    /// `Propose` tells of drift and offers plans; `Alert` only tells.
    #[serde(default)]
    pub mode: Mode,

    /// How the syncing tool writes; `ClientSideApply` is what `kubectl apply` and Argo CD do by default.
    #[serde(default)]
    pub strategy: StrategySpec,

    /// The field manager that the syncing tool writes under. Absent: the tool's own where one is named; else
    /// `kubectl-client-side-apply` for client-side apply, `kubectl` for server-side apply, `kubectl-replace` for
    /// replace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub manager: Option<String>,

    /// The program that syncs, which decides whose fields it makes its own when it applies server-side. Absent: told by
    /// the manager's name, which is `argocd-controller`, `kustomize-controller`, or begins with `kubectl`; under
    /// another one it is `Other`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<ToolSpec>,

    /// What the syncing tool asks the API server to do about fields that it does not know. Absent: `Strict` for
    /// kubectl, as it does by default; `Warn` for the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validate: Option<ValidateSpec>,

    /// Which cure is preferred.
    #[serde(default)]
    pub remedy: Remedy,

    /// How long a drift must last before it is told; a predicted refusal is told at once.
    #[serde(default = "settle")]
    pub settle: Period,

    /// How long a plan can be approved.
    #[serde(default = "plan_ttl", rename = "planTTL")]
    pub plan_ttl: Period,

    /// How long a report stays after its object went in sync again.
    #[serde(default = "report_ttl", rename = "reportTTL")]
    pub report_ttl: Period,
}

/// Where the truth is: exactly one of these.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.git), has(self.argoApplication), has(self.fluxKustomization)].filter(named, \
                                 named).size() == 1")
    .message("name exactly one source: git, argoApplication or fluxKustomization"))]
pub struct Source {
    /// A path of a Git repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<GitSource>,

    /// An Application of Argo CD: repository, path, revision, and how it is synced are read from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argo_application: Option<ToolSource>,

    /// A Kustomization of Flux: repository, path, revision, and how it is synced are read from it and from its
    /// GitRepository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flux_kustomization: Option<ToolSource>,
}

/// The object of a tool that syncs.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolSource {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,

    /// Its namespace; `argocd` for an Application and the watch's own for a Kustomization when absent. One elsewhere
    /// than in the watch's namespace, named by a watch elsewhere than in the controller's, must carry the annotation
    /// `driftmend.dev/allow-watches-from`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,

    /// A Secret of the watch's own namespace with `username` and `password`, or `identity` and `known_hosts`, for the
    /// repository that the tool reads: its own credentials are out of this controller's reach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretRef>,

    /// How often the repository is asked for a new commit.
    #[serde(default = "interval")]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1s')").message("interval must be at least 1s"))]
    pub interval: Period,

    /// How long the last answer counts when the repository is out of reach: no plan is made from an older one.
    #[serde(default = "max_age")]
    pub max_age: Period,
}

impl Source {
    /// How often the source is asked, and how long its answer counts; `None` where no source is named.
    pub fn times(&self) -> Option<(Period, Period)> {
        let git = self.git.as_ref().map(|git| (git.interval, git.max_age));
        let tool = || {
            self.argo_application
                .as_ref()
                .or(self.flux_kustomization.as_ref())
                .map(|tool| (tool.interval, tool.max_age))
        };
        git.or_else(tool)
    }
}

/// A path of a Git repository.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GitSource {
    /// `https://…`, `ssh://…` or `git@host:path`; credentials belong into `secretRef`.
    #[schemars(length(min = 1, max = 2048))]
    pub url: String,

    /// A branch, a tag, or a whole commit id; the repository's default branch when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub revision: Option<String>,

    /// The folder, from the root of the repository; the root when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub path: Option<String>,

    /// A Secret of the watch's own namespace with `username` and `password`, or `identity` and `known_hosts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretRef>,

    /// How often the repository is asked for a new commit.
    #[serde(default = "interval")]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1s')").message("interval must be at least 1s"))]
    pub interval: Period,

    /// How long the last answer counts when the repository is out of reach: no plan is made from an older one.
    #[serde(default = "max_age")]
    pub max_age: Period,
}

/// A Secret of the same namespace.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SecretRef {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// What is not drift here, and why.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[x_kube(
    validation = Rule::new("size(self.paths) > 0 || size(self.managers) > 0")
        .message("an ignore rule needs paths or managers")
)]
pub struct IgnoreSpec {
    /// Field paths, such as `.spec.replicas` or `.spec.template.spec.containers[name="web"].image`; `*` stands for any
    /// one field or list item. Or JSON Pointers, such as `/spec/replicas`, which count list items from 0; `~1` stands
    /// for a `/` in a name.
    #[serde(default)]
    #[schemars(length(max = 64), inner(length(min = 1, max = 1024)))]
    pub paths: Vec<String>,

    /// Field managers whose fields are left alone.
    #[serde(default)]
    #[schemars(length(max = 64), inner(length(min = 1, max = 128)))]
    pub managers: Vec<String>,

    /// Why; it is shown with every field that the rule hides.
    #[schemars(length(min = 1, max = 1024))]
    pub reason: String,

    /// When the rule ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

impl IgnoreSpec {
    /// The rule that the engine follows.
    ///
    /// # Errors
    /// The path that is none.
    pub fn rule(&self) -> Result<IgnoreRule, PathError> {
        let (pointers, paths): (Vec<&String>, Vec<&String>) = self.paths.iter().partition(|path| path.starts_with('/'));
        Ok(IgnoreRule {
            paths: paths
                .into_iter()
                .map(|path| PathPattern::parse(path))
                .collect::<Result<_, _>>()?,
            pointers: pointers
                .into_iter()
                .map(|pointer| checked(pointer))
                .collect::<Result<_, _>>()?,
            parts: Vec::new(),
            managers: self.managers.clone(),
            reason: self.reason.clone(),
            expires: self.expires,
        })
    }
}

/// A JSON Pointer in which each `~` stands for something (RFC 6901, section 3).
fn checked(pointer: &str) -> Result<String, PathError> {
    let wrong = pointer
        .match_indices('~')
        .find(|(at, _)| !pointer[at + 1..].starts_with(['0', '1']));
    match wrong {
        Some((at, _)) => Err(PathError {
            text: pointer.to_owned(),
            at,
        }),
        None => Ok(pointer.to_owned()),
    }
}

fn settle() -> Period {
    Period::seconds(30)
}

fn plan_ttl() -> Period {
    Period::seconds(3_600)
}

fn report_ttl() -> Period {
    Period::seconds(86_400)
}

fn interval() -> Period {
    Period::seconds(60)
}

fn max_age() -> Period {
    Period::seconds(600)
}
