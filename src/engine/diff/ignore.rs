//! Which changes a rule says to ignore: a user's rules, and the built-in table of known writers.

use std::borrow::Cow;
use std::sync::LazyLock;

use jiff::Timestamp;
use serde_json::Value;

use super::cover::{covers, covers_parts};
use super::pattern::{PathPattern, text_matches};
use super::pointer::{Located, Part, Side, locate};
use super::{Change, ChangeKind};
use crate::engine::kind::Kind;
use crate::engine::object::FieldPath;
use crate::engine::ownership::Owner;

/// A rule of a DriftWatch: changes that it covers are ignored, with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IgnoreRule {
    /// The fields; none, and no pointers or parts either, means every field.
    pub paths: Vec<PathPattern>,

    /// Fields as JSON Pointers, which count list items in one object: [`placed`] finds for each pair of objects what
    /// they name.
    pub pointers: Vec<String>,

    /// Parts of values that have no paths inside: a change of such a value is covered when nothing else in it differs.
    pub parts: Vec<Part>,

    /// The managers, exact or with `*`; none means everyone. With managers, the rule covers a change only if every
    /// owner of the live path is among them, and never a removal, which leaves no owner.
    pub managers: Vec<String>,

    /// Why, in the user's words.
    pub reason: String,

    /// From when on the rule holds no more.
    pub expires: Option<Timestamp>,
}

impl IgnoreRule {
    /// Whether the rule covers a change at the time `now`.
    pub fn covers(&self, kind: &Kind, change: &Change, owners: &[Owner], now: Timestamp) -> bool {
        let everywhere = self.paths.is_empty() && self.pointers.is_empty() && self.parts.is_empty();
        let here = everywhere || covers(kind, &self.paths, change) || covers_parts(&self.parts, change);
        let by = self.managers.is_empty()
            || all_among(owners, |owner| {
                self.managers.iter().any(|name| text_matches(name, &owner.manager))
            });
        here && by && self.expires.is_none_or(|end| now < end)
    }

    /// Whether the rule names a field of either object, or a manager that wrote in live; one that names none covers
    /// nothing, whatever drifts.
    pub fn finds(&self, kind: &Kind, desired: &Value, live: Option<&Value>) -> bool {
        let sides = || {
            [Some((Side::Desired, desired)), live.map(|live| (Side::Live, live))]
                .into_iter()
                .flatten()
        };
        let by_pointer = |pointer: &String| sides().any(|(side, object)| locate(kind, pointer, object, side).is_some());
        let everywhere = self.paths.is_empty() && self.pointers.is_empty() && self.parts.is_empty();
        let here = everywhere
            || self
                .paths
                .iter()
                .any(|path| sides().any(|(_, object)| path.names_in(kind, object)))
            || self.pointers.iter().any(by_pointer)
            || !self.parts.is_empty();
        let entries = live.and_then(|live| live.pointer("/metadata/managedFields")?.as_array());
        let mut managers = entries
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.get("manager")?.as_str());
        here && (self.managers.is_empty()
            || managers.any(|manager| self.managers.iter().any(|name| text_matches(name, manager))))
    }
}

/// The rules with what their JSON Pointers name in these two objects as paths and parts.
pub fn placed<'a>(kind: &Kind, rules: &'a [IgnoreRule], desired: &Value, live: &Value) -> Cow<'a, [IgnoreRule]> {
    if rules.iter().all(|rule| rule.pointers.is_empty()) {
        return Cow::Borrowed(rules);
    }
    let placed = rules.iter().map(|rule| {
        let mut placed = rule.clone();
        for pointer in &rule.pointers {
            for (side, object) in [(Side::Desired, desired), (Side::Live, live)] {
                match locate(kind, pointer, object, side) {
                    Some(Located::Field(path)) => placed.paths.push(PathPattern::exact(path)),
                    Some(Located::Part(part)) => placed.parts.push(part),
                    None => {}
                }
            }
        }
        placed
    });
    Cow::Owned(placed.collect())
}

/// Who must have written a field for a row of the table to cover it.
enum By {
    /// Anyone: the field's name alone says whose it is.
    Anyone,

    /// Managers of these names, `*` for any rest, writing the object itself.
    Managers(&'static [&'static str]),

    /// Managers of these names, writing through the subresource `scale`.
    Scale(&'static [&'static str]),

    /// The syncing tool or nobody, on an object that carries this annotation: admission changed what the tool sent.
    AdmissionThatLeft(&'static str),
}

/// A row of the table: the fields, who must have written them, and why that is no drift.
struct Known(&'static str, By, &'static str);

const ARGO_CD: By = By::Managers(&["argocd-controller", "argocd-application-controller"]);

const AUTOPILOT: By = By::AdmissionThatLeft("autopilot.gke.io/resource-adjustment");

const AUTOPILOT_REASON: &str = "GKE Autopilot adjusts this at admission";

const AUTOPILOT_MARK_REASON: &str = "GKE Autopilot records here what it adjusted";

const REVISION_REASON: &str = "the deployment controller numbers its revisions here";

const ARGO_CD_REASON: &str = "Argo CD marks the objects it tracks";

const FLUX_REASON: &str = "Flux marks the objects it applies";

const HELM_REASON: &str = "Helm marks the objects of a release";

const ISTIO: By = By::Managers(&["istiod", "pilot-discovery"]);

/// What well-known controllers write to Deployments that are not theirs. A field that Git sets and live lacks is never
/// ignored by a row.
const KNOWN: &[Known] = &[
    Known(
        r#".metadata.annotations["deployment.kubernetes.io/revision"]"#,
        By::Anyone,
        REVISION_REASON,
    ),
    Known(
        r#".spec.template.metadata.annotations["kubectl.kubernetes.io/restartedAt"]"#,
        By::Anyone,
        "kubectl rollout restart leaves the time of the restart here",
    ),
    Known(
        r#".spec.template.metadata.annotations["cattle.io/timestamp"]"#,
        By::Anyone,
        "Rancher leaves the time of a redeployment here",
    ),
    // Only the horizontal pod autoscaler of kube-controller-manager writes through /scale.
    Known(
        ".spec.replicas",
        By::Scale(&["kube-controller-manager"]),
        "a HorizontalPodAutoscaler sets the replicas through /scale",
    ),
    Known(
        ".spec.replicas",
        By::Scale(&["keda*"]),
        "KEDA sets the replicas through /scale",
    ),
    Known(
        ".spec.replicas",
        By::Scale(&["cluster-proportional-autoscaler"]),
        "the cluster-proportional-autoscaler sets the replicas",
    ),
    Known(
        ".spec.replicas",
        By::Managers(&["flagger"]),
        "Flagger scales the Deployment of a canary",
    ),
    Known(
        ".spec.replicas",
        By::Managers(&["rollouts-controller"]),
        "Argo Rollouts scales the Deployment of a workloadRef",
    ),
    Known(
        r#".spec.template.metadata.annotations["reloader.stakater.com/*"]"#,
        By::Anyone,
        "Reloader restarts the pods when a ConfigMap or Secret changes",
    ),
    Known(
        r#".spec.template.spec.containers[*].env[name="STAKATER_*"]"#,
        By::Anyone,
        "Reloader restarts the pods when a ConfigMap or Secret changes",
    ),
    Known(
        r#".spec.template.metadata.annotations["sidecar.istio.io/status"]"#,
        By::Anyone,
        "Istio records here what it injected",
    ),
    Known(".spec.template", ISTIO, "Istio injects its proxy"),
    Known(
        r#".metadata.annotations["autopilot.gke.io/*"]"#,
        By::Anyone,
        AUTOPILOT_MARK_REASON,
    ),
    Known(
        ".spec.template.spec.containers[*].resources",
        AUTOPILOT,
        AUTOPILOT_REASON,
    ),
    Known(
        ".spec.template.spec.initContainers[*].resources",
        AUTOPILOT,
        AUTOPILOT_REASON,
    ),
    Known(
        ".spec.template.spec.containers[*].securityContext",
        AUTOPILOT,
        AUTOPILOT_REASON,
    ),
    Known(".spec.template.spec.securityContext", AUTOPILOT, AUTOPILOT_REASON),
    Known(".spec.template.spec.tolerations", AUTOPILOT, AUTOPILOT_REASON),
    Known(
        r#".metadata.annotations["argocd.argoproj.io/tracking-id"]"#,
        By::Anyone,
        ARGO_CD_REASON,
    ),
    Known(
        r#".metadata.labels["app.kubernetes.io/instance"]"#,
        ARGO_CD,
        ARGO_CD_REASON,
    ),
    Known(
        r#".metadata.labels["kustomize.toolkit.fluxcd.io/*"]"#,
        By::Anyone,
        FLUX_REASON,
    ),
    Known(
        r#".metadata.labels["helm.toolkit.fluxcd.io/*"]"#,
        By::Anyone,
        FLUX_REASON,
    ),
    Known(r#".metadata.annotations["meta.helm.sh/*"]"#, By::Anyone, HELM_REASON),
];

/// The patterns of the table, in its order: each change is held against all of them.
static PATTERNS: LazyLock<Vec<Option<PathPattern>>> = LazyLock::new(|| {
    KNOWN
        .iter()
        .map(|Known(pattern, ..)| PathPattern::parse(pattern).ok())
        .collect()
});

/// The reason for which the built-in table ignores a change; `None` where no row covers it.
///
/// `is_syncer` tells the syncing tool among the owners.
pub(super) fn known_reason(
    kind: &Kind,
    change: &Change,
    owners: &[Owner],
    live: &Value,
    is_syncer: impl Fn(&Owner) -> bool,
) -> Option<&'static str> {
    if !matches!(change.kind, ChangeKind::Added | ChangeKind::Changed) {
        return None;
    }
    let named = |names: &[&str], owner: &Owner| names.iter().any(|name| text_matches(name, &owner.manager));
    KNOWN
        .iter()
        .zip(PATTERNS.iter())
        .find_map(|(Known(_, by, reason), pattern)| {
            let by = match by {
                By::Anyone => true,
                By::Managers(names) => all_among(owners, |owner| owner.subresource.is_none() && named(names, owner)),
                By::Scale(names) => all_among(owners, |owner| {
                    owner.subresource.as_deref() == Some("scale") && named(names, owner)
                }),
                By::AdmissionThatLeft(annotation) => {
                    FieldPath::of(&["metadata", "annotations", annotation])
                        .get(live)
                        .is_some()
                        && owners.iter().all(&is_syncer)
                }
            };
            (by && pattern
                .as_ref()
                .is_some_and(|pattern| covers(kind, std::slice::from_ref(pattern), change)))
            .then_some(*reason)
        })
}

/// Whether a reason is one of the built-in table, and not one that somebody gave to a rule.
pub fn is_built_in(reason: &str) -> bool {
    KNOWN.iter().any(|Known(_, _, known)| *known == reason)
}

/// Whether what a sync changes at this path, ignored for this reason, is back at once: the tool's own marks are part of
/// what it sends, admission changes the next write as it did the last one, and the deployment controller writes its
/// number again.
pub(in crate::engine) fn comes_back(path: &FieldPath, reason: &str) -> bool {
    let rewritten = [
        REVISION_REASON,
        ARGO_CD_REASON,
        FLUX_REASON,
        HELM_REASON,
        AUTOPILOT_REASON,
        AUTOPILOT_MARK_REASON,
    ];
    rewritten.contains(&reason)
        || KNOWN.iter().zip(PATTERNS.iter()).any(|(Known(_, by, known), pattern)| {
            let by_name = matches!(by, By::Anyone) && rewritten.contains(known);
            by_name && pattern.as_ref().is_some_and(|pattern| pattern.matches(path))
        })
}

/// Whether there are owners, and each is one of those.
fn all_among(owners: &[Owner], those: impl Fn(&Owner) -> bool) -> bool {
    !owners.is_empty() && owners.iter().all(those)
}

#[cfg(test)]
mod tests;
