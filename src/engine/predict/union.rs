//! Which rule of the API server a refusal comes from, in one word: few words, so that they can label a metric.

use super::Cause;

/// The word for the union, or kind of rule, behind a cause.
///
/// The messages are those of `pkg/apis/core/validation/validation.go` and `pkg/apis/apps/validation/validation.go`.
pub fn union_of(cause: &Cause) -> &'static str {
    let (field, message) = (cause.field.as_str(), cause.message.as_str());
    if message.contains("more than 1 handler type") || message.contains("must specify a handler type") {
        return if field.contains(".lifecycle") {
            "lifecycle-handler"
        } else {
            "probe-handler"
        };
    }
    let rules = [
        (field.ends_with(".valueFrom"), "env-value"),
        (field.ends_with(".envFrom"), "env-from"),
        (message.contains("more than 1 volume type"), "volume-source"),
        (field == "spec.strategy.rollingUpdate", "strategy"),
        (
            field.contains("seccompProfile") || field.contains("appArmorProfile"),
            "security-profile",
        ),
        (
            field == "spec.selector" || message.contains("`selector` does not match"),
            "selector",
        ),
        (field.contains(".resources."), "resources"),
        (field.contains(".ports["), "ports"),
        (
            field.contains(".volumeMounts[") || field.contains(".volumeDevices["),
            "volume-mount",
        ),
    ];
    rules
        .into_iter()
        .find(|(applies, _)| *applies)
        .map_or("other", |(_, word)| word)
}
