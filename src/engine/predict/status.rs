//! A refusal as text: in the words of the API server, and of kubectl.

use super::client_side::PATCH_FIELD;
use super::{Cause, Prediction, Verdict};
use crate::engine::kind::Kind;

impl Prediction {
    /// The message of the server's `Status`, such as `Deployment.apps "web" is invalid: spec.replicas: …`; `None` where
    /// the sync succeeds.
    ///
    /// Source: `NewInvalid` of apimachinery's `pkg/api/errors/errors.go`; `NewConflictError` of
    /// `pkg/util/managedfields/internal`.
    pub fn status_text(&self, kind: &Kind, name: &str) -> Option<String> {
        let causes = distinct(&self.causes);
        match self.verdict {
            Verdict::Refused if self.is_invalid() => {
                let told = match causes.as_slice() {
                    [one] => one.clone(),
                    several => format!("[{}]", several.join(", ")),
                };
                // A fault of the patch itself has neither kind nor name.
                Some(if self.is_about_the_patch() {
                    format!(" \"\" is invalid: {told}")
                } else {
                    format!("{kind}.{} {name:?} is invalid: {told}", kind.group)
                })
            }
            Verdict::Refused => Some(match causes.as_slice() {
                [one] => one.clone(),
                several => format!("errors:\n  {}", several.join("\n  ")),
            }),
            Verdict::Conflict => Some(self.conflict_text(name)),
            Verdict::Clean | Verdict::Reverts | Verdict::Residual => None,
        }
    }

    /// The same as kubectl prints it, one cause a line where there are several; `None` where the sync succeeds.
    ///
    /// Source: `staging/src/k8s.io/kubectl/pkg/cmd/util/helpers.go` statusCausesToAggrError.
    pub fn kubectl_text(&self, kind: &Kind, name: &str) -> Option<String> {
        if self.verdict != Verdict::Refused || !self.is_invalid() {
            return self.status_text(kind, name);
        }
        let told = match distinct(&self.causes).as_slice() {
            [one] => one.clone(),
            several => several.iter().map(|cause| format!("\n* {cause}")).collect(),
        };
        Some(if self.is_about_the_patch() {
            format!("The request is invalid: {told}")
        } else {
            format!("The {kind} {name:?} is invalid: {told}")
        })
    }

    fn is_about_the_patch(&self) -> bool {
        self.causes.iter().any(|cause| cause.field == PATCH_FIELD)
    }

    /// Whether the server's validation refuses it (422), which alone tells fields one by one.
    fn is_invalid(&self) -> bool {
        self.causes.iter().all(|cause| cause.reason.starts_with("FieldValue"))
    }

    fn conflict_text(&self, name: &str) -> String {
        match self.causes.as_slice() {
            [one] if one.reason == "FieldManagerConflict" => {
                format!("Apply failed with 1 conflict: {}: {}", one.message, one.field)
            }
            [first, ..] if first.reason == "FieldManagerConflict" => {
                let mut owners: Vec<&str> = self.causes.iter().map(|cause| cause.message.as_str()).collect();
                owners.sort_unstable();
                owners.dedup();
                let mut lines = Vec::new();
                for owner in owners {
                    lines.push(format!("{}:", owner.replacen("conflict with", "conflicts with", 1)));
                    let fields = self.causes.iter().filter(|cause| cause.message == owner);
                    lines.extend(fields.map(|cause| format!("- {}", cause.field)));
                }
                format!(
                    "Apply failed with {} conflicts: {}",
                    self.causes.len(),
                    lines.join("\n")
                )
            }
            causes => {
                let told: Vec<&str> = causes.iter().map(|cause| cause.message.as_str()).collect();
                format!(
                    "Operation cannot be fulfilled on deployments.apps {name:?}: {}",
                    told.join(", ")
                )
            }
        }
    }
}

/// `field: message` of every cause, each once, as `ToAggregate` leaves them.
fn distinct(causes: &[Cause]) -> Vec<String> {
    let mut told: Vec<String> = Vec::new();
    for cause in causes {
        let text = cause.told();
        if !told.contains(&text) {
            told.push(text);
        }
    }
    told
}
