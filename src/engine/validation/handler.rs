//! Probes and lifecycle hooks: exactly one handler each.

use super::causes::Causes;
use super::content;
use super::node::Node;

/// A probe's or hook's handlers in the order in which the server looks at them. A second and later one is refused
/// without a further look.
const PROBE_HANDLERS: &[&str] = &["exec", "httpGet", "tcpSocket", "grpc"];
const LIFECYCLE_HANDLERS: &[&str] = &["exec", "httpGet", "tcpSocket", "sleep"];

/// The three probes of a container: `validateLivenessProbe`, `validateReadinessProbe`, `validateStartupProbe`.
pub(super) fn validate_probes(container: &Node<'_>, grace: Option<i64>, out: &mut Causes) {
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let Some(probe) = container.set(name) else { continue };
        validate_probe(&probe, grace, out);
        let own_grace = probe.at("terminationGracePeriodSeconds");
        if name == "readinessProbe" {
            if own_grace.is_set() {
                out.invalid(&own_grace, own_grace.value(), "must not be set for readinessProbes");
            }
        } else {
            let threshold = probe.at("successThreshold");
            // An absent threshold is 0 here: the object under validation has its defaults, so this is one that was not
            // defaulted.
            if let Some(value) = Some(threshold.integer().unwrap_or(0)).filter(|value| *value != 1) {
                out.invalid(&threshold, &value, "must be 1");
            }
        }
    }
}

/// `validateProbe`.
fn validate_probe(probe: &Node<'_>, grace: Option<i64>, out: &mut Causes) {
    validate_handler(probe, PROBE_HANDLERS, grace, out);
    for name in [
        "initialDelaySeconds",
        "timeoutSeconds",
        "periodSeconds",
        "successThreshold",
        "failureThreshold",
    ] {
        out.nonnegative(&probe.at(name));
    }
    let own_grace = probe.at("terminationGracePeriodSeconds");
    if let Some(value) = own_grace.integer().filter(|value| *value <= 0) {
        out.invalid(&own_grace, &value, "must be greater than 0");
    }
}

/// `validateLifecycle`.
pub(super) fn validate_lifecycle(lifecycle: &Node<'_>, grace: Option<i64>, os: &str, out: &mut Causes) {
    for hook in ["postStart", "preStop"].iter().filter_map(|name| lifecycle.set(name)) {
        validate_handler(&hook, LIFECYCLE_HANDLERS, grace, out);
    }
    if let Some(signal) = lifecycle.set("stopSignal").filter(|_| os.is_empty()) {
        out.forbidden(&signal, "may not be set for containers with empty `spec.os.name`");
    }
}

/// `validateHandler`.
fn validate_handler(parent: &Node<'_>, handlers: &[&'static str], grace: Option<i64>, out: &mut Causes) {
    let mut found = handlers
        .iter()
        .filter_map(|name| parent.set(name).map(|handler| (*name, handler)));
    match found.next() {
        None => out.required(parent, "must specify a handler type"),
        Some(("exec", exec)) => {
            if exec.at("command").len() == 0 {
                out.required(&exec.at("command"), "");
            }
        }
        Some(("httpGet", http)) => validate_http_get(&http, out),
        Some(("sleep", sleep)) => validate_sleep(&sleep, grace, out),
        Some((_, socket)) => validate_port(&socket.at("port"), out),
    }
    for (_, further) in found {
        out.forbidden(&further, "may not specify more than 1 handler type");
    }
}

/// `validateHTTPGetAction`.
fn validate_http_get(http: &Node<'_>, out: &mut Causes) {
    if http.at("path").text().is_empty() {
        out.required(&http.at("path"), "");
    }
    validate_port(&http.at("port"), out);
    let scheme = http.at("scheme");
    if !["HTTP", "HTTPS"].contains(&scheme.text()) {
        out.not_supported(&scheme, scheme.text(), &["HTTP", "HTTPS"]);
    }
    let headers = http.at("httpHeaders");
    for header in headers.items() {
        let name = header.at("name").text();
        out.invalid_text(&headers, name, content::http_header_name(name).into_iter().collect());
    }
}

/// `ValidatePortNumOrName`; an absent port is 0.
fn validate_port(port: &Node<'_>, out: &mut Causes) {
    if port.value().as_str().is_some() {
        out.invalid_text(port, port.text(), content::port_name(port.text()));
    } else {
        let number = port.integer().unwrap_or(0);
        if let Some(fault) = content::port_number(number) {
            out.invalid(port, &number, &fault);
        }
    }
}

/// `validateSleepAction`, with zero seconds allowed as by itself since 1.34.
fn validate_sleep(sleep: &Node<'_>, grace: Option<i64>, out: &mut Causes) {
    let seconds = sleep.at("seconds").integer().unwrap_or(0);
    if let Some(limit) = grace.filter(|limit| seconds < 0 || seconds > *limit) {
        out.invalid(
            sleep,
            &seconds,
            &format!("must be non-negative and less than terminationGracePeriodSeconds ({limit})"),
        );
    }
}
