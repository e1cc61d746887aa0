use std::sync::Arc;

use pretty_assertions::assert_eq;
use serde_json::json;

use super::*;

/// Whether a change is a reason to look at the source, and to assess what it syncs.
fn differs(kind: ToolKind, before: Option<&Value>, now: Option<&Value>) -> (bool, bool) {
    let hasher = RandomState::new();
    let marks = |object: Option<&Value>| object.map(|object| Marks::of(kind, object, &hasher));
    let Difference { moved, stirred, .. } = difference(kind, marks(before), marks(now));
    (moved, stirred)
}

fn key(name: &str) -> ToolKey {
    ToolKey {
        kind: ToolKind::ArgoCd,
        namespace: "argocd".to_owned(),
        name: name.to_owned(),
    }
}

fn watch(name: &str) -> WatchKey {
    WatchKey {
        namespace: "shop".to_owned(),
        name: name.to_owned(),
    }
}

fn application(name: &str, at: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {}, "status": {"reconciledAt": at}})
}

#[test]
fn a_comparison_that_found_nothing_is_a_reason_for_nothing() {
    let at = |time: &str, phase: &str, revision: &str| {
        json!({"spec": {"project": "default"}, "status": {"reconciledAt": time, "sync": {"status": "Synced"},
            "operationState": {"phase": phase, "syncResult": {"revision": revision}}}})
    };
    let before = at("2026-01-05T10:00:00Z", "Succeeded", "a");
    let differs = |now: Value| differs(ToolKind::ArgoCd, Some(&before), Some(&now));
    assert_eq!(differs(at("2026-01-05T10:03:00Z", "Succeeded", "a")), (false, false));
    assert_eq!(differs(at("2026-01-05T10:00:00Z", "Failed", "a")), (false, true));
    assert_eq!(differs(at("2026-01-05T10:00:00Z", "Succeeded", "b")), (true, true));
    assert_eq!(self::differs(ToolKind::ArgoCd, Some(&before), None), (true, true));
    let mut compared = before.clone();
    compared["status"]["sync"]["revision"] = json!("c");
    assert_eq!(
        differs(compared),
        (true, true),
        "what a sync would bring is another commit's"
    );
}

#[test]
fn only_the_end_of_a_reconciliation_is_a_reason_to_assess() {
    let at = |ready: &str, stage: &str, time: &str, applied: &str| {
        json!({"metadata": {"generation": 1}, "spec": {"interval": "10m"},
               "status": {"lastAppliedRevision": applied, "conditions": [
            {"type": "Reconciling", "status": "True", "message": stage},
            {"type": "Ready", "status": ready, "lastTransitionTime": time}]}})
    };
    let differs = |before: &Value, now: &Value| differs(ToolKind::Flux, Some(before), Some(now));
    let (ready, again) = (at("True", "", "10:00", "a"), at("True", "", "10:10", "a"));
    let (fetching, detecting) = (
        at("Unknown", "Fetching", "10:10", "a"),
        at("Unknown", "Detecting", "10:10", "a"),
    );
    assert_eq!(differs(&ready, &fetching), (false, false));
    assert_eq!(differs(&fetching, &detecting), (false, false));
    assert_eq!(
        differs(&detecting, &again),
        (false, true),
        "the next one comes later now"
    );
    assert_eq!(differs(&detecting, &at("False", "", "10:10", "a")), (false, true));
    assert_eq!(differs(&detecting, &at("True", "", "10:10", "b")), (true, true));
    let mut suspended = ready.clone();
    suspended["spec"]["suspend"] = json!(true);
    assert_eq!(differs(&ready, &suspended), (true, true));
}

#[test]
fn an_object_is_read_once_and_the_newest_sign_of_life_stays() {
    let tools = Tools::default();
    tools.name(&watch("web"), Some(&key("web")));
    tools.name(&watch("api"), Some(&key("api")));
    tools.put(key("web"), &application("web", "2026-01-05T10:00:00Z"));
    tools.put(key("api"), &application("api", "2026-01-05T10:05:00Z"));
    tools.remove(&key("api"));
    let seen = tools.argo_cd_seen_alive();
    assert_eq!(seen, "2026-01-05T10:05:00Z".parse().ok());
    let read = |name: &str| tools.tool(&key(name), &Surroundings::default());
    let (first, second) = (read("web"), read("web"));
    let (first, second) = (first.argo_cd().unwrap(), second.argo_cd().unwrap());
    assert!(Arc::ptr_eq(&first.application, &second.application) && first.seen_alive == seen);
    assert!(read("api").argo_cd().is_none());
    tools.put(key("web"), &json!({"metadata": {}}));
    assert!(read("web").argo_cd().is_none(), "one that cannot be read is not known");
}

#[test]
fn an_application_of_a_tenant_is_a_sign_of_life_for_itself_alone() {
    let tools = Tools::beside(ArgoCdNamespaces::listed(vec!["argocd".to_owned()]));
    let theirs = ToolKey {
        namespace: "team".to_owned(),
        ..key("web")
    };
    tools.name(&watch("web"), Some(&key("web")));
    tools.name(&watch("theirs"), Some(&theirs));
    tools.put(key("web"), &application("web", "2026-01-05T10:00:00Z"));
    tools.put(theirs.clone(), &application("web", "2026-01-05T12:00:00Z"));
    let seen = |key: &ToolKey| {
        tools
            .tool(key, &Surroundings::default())
            .argo_cd()
            .and_then(|tool| tool.seen_alive)
    };
    assert_eq!(tools.argo_cd_seen_alive(), "2026-01-05T10:00:00Z".parse().ok());
    assert_eq!(seen(&key("web")), "2026-01-05T10:00:00Z".parse().ok());
    assert_eq!(seen(&theirs), "2026-01-05T12:00:00Z".parse().ok());
}

#[test]
fn of_an_object_that_no_watch_names_only_that_it_is_there_and_whether_it_changes_is_kept() {
    let tools = Tools::default();
    for at in 0..100 {
        let name = format!("web-{at}");
        assert!(tools.put(key(&name), &application(&name, "2026-01-05T10:00:00Z")).new);
    }
    tools.name(&watch("all"), Some(&key("web-7")));
    tools.name(&watch("more"), Some(&key("web-7")));
    assert_eq!(tools.kept(), (100, 0), "the watch came later");
    let again = tools.put(key("web-7"), &application("web-7", "2026-01-05T10:01:00Z"));
    assert_eq!(
        again,
        Difference {
            new: false,
            moved: false,
            stirred: false
        }
    );
    assert_eq!(tools.kept(), (100, 1));
    let mut moved = application("web-8", "2026-01-05T10:00:00Z");
    moved["spec"]["project"] = json!("other");
    assert_eq!(
        tools.put(key("web-8"), &moved),
        Difference {
            new: false,
            moved: true,
            stirred: true
        }
    );
    assert_eq!(
        (tools.named_by(&key("web-8")), tools.named_by(&key("web-7")).len()),
        (Vec::new(), 2)
    );
    tools.name(&watch("all"), None);
    assert_eq!(tools.kept(), (100, 1), "another watch names it");
    tools.name(&watch("more"), Some(&key("web-9")));
    assert_eq!(tools.kept(), (100, 0));
    tools.name(&watch("more"), None);
    assert!(tools.named_by(&key("web-9")).is_empty());
    assert!(tools.remove(&key("web-7")).moved);
    assert_eq!(tools.kept(), (99, 0));
}

#[test]
fn an_object_that_is_named_later_is_filled_in_and_what_its_watch_brings_is_newer() {
    let tools = Tools::default();
    let at = |tools: &Tools| match tools.tool(&key("web"), &Surroundings::default()).argo_cd() {
        Some(tool) => tool.application.reconciled_at.map(|at| at.to_string()),
        None => None,
    };
    let (first, second) = (
        application("web", "2026-01-05T10:00:00Z"),
        application("web", "2026-01-05T10:05:00Z"),
    );
    tools.put(key("web"), &first);
    tools.fill(&key("web"), &first);
    assert_eq!((at(&tools), tools.kept()), (None, (1, 0)), "nobody names it");
    tools.name(&watch("all"), Some(&key("web")));
    tools.fill(&key("web"), &first);
    assert_eq!(at(&tools).as_deref(), Some("2026-01-05T10:00:00Z"));
    tools.put(key("web"), &second);
    tools.fill(&key("web"), &first);
    assert_eq!(at(&tools).as_deref(), Some("2026-01-05T10:05:00Z"));
    tools.remove(&key("web"));
    tools.fill(&key("web"), &second);
    assert_eq!(
        (at(&tools), tools.kept()),
        (None, (0, 0)),
        "it was deleted while the answer was on its way"
    );
}
