//! The tool's own operation is stale: it stops the next sync, or looks as if it did.

use super::{Case, Check, Finding, Rule, Weight, nothing};
use crate::engine::tool_object::action::Action;

/// The rule.
pub static RULE: Rule = Rule {
    id: "operation-stale",
    title: "Argo CD keeps an operation that does not end by itself",
    severity: Weight::Error,
    milder: &[Weight::Warning],
    meaning: "The Application's last operation will not end or be repeated by itself. It is an error where it stops \
              every further sync. Only the objects that it failed on, or that wait for a sync, tell of it.",
    remedy: "Do what the finding says of this class of operation: where a clear of the state is right, the plan brings \
             it, after the heal.",
    in_check: false,
    wants: nothing,
    check: Check::Both(check),
};

/// One finding for an operation that will not end or be repeated by itself, told of the objects that it concerns.
fn check(case: &Case<'_>) -> Vec<Finding> {
    let snapshot = case.snapshot;
    let Some(argo_cd) = snapshot.tool.argo_cd() else {
        return Vec::new();
    };
    let standing = argo_cd.standing(&snapshot.target, snapshot.now);
    let application = &argo_cd.application;
    if !standing.is_stale() || !argo_cd.concerns(&snapshot.target) {
        return Vec::new();
    }
    let message = match standing.id() {
        Some(id) => format!("{} ({id}): {}", standing.name(), standing.why()),
        None => format!("{}: {}", standing.name(), standing.why()),
    };
    let kind = snapshot.kind;
    let remedy = match standing.action() {
        Action::ClearAfterHeal => {
            format!("heal the {kind} first, then clear the state: cleared before, the same sync fails again")
        }
        Action::Clear => "clear the state: nothing is left to heal".to_owned(),
        Action::RefreshOnly => format!("heal the {kind} and ask for a comparison: there is no state to clear"),
        Action::AskAPerson => "look at the application: no write of ours is safe here".to_owned(),
        Action::Leave => "leave it alone: it ends by itself".to_owned(),
    };
    vec![Finding {
        rule: RULE.id,
        weight: if standing.blocks() {
            Weight::Error
        } else {
            Weight::Warning
        },
        path: None,
        message: format!("Application {}/{}: {message}", application.namespace, application.name),
        evidence: application
            .state
            .as_ref()
            .map(|state| state.message.clone())
            .filter(|message| !message.is_empty()),
        remedy: Some(remedy),
    }]
}
