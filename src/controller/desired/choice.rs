//! What of a commit a watch governs: the objects that it may and wants to, and in words what it leaves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::super::index::{Desired, Rendition, Target, WatchKey};
use super::super::origin::Resolved;
use super::super::reading::Read;
use super::super::source_error::SourceError;
use super::super::watch::WARNING_LIMIT;
use super::Sources;
use super::wanted::Wanted;
use crate::api::v1alpha1::{DriftWatch, Notice};
use crate::engine::argo_cd;
use crate::engine::kind::Kind;
use crate::engine::object::Document;
use crate::engine::tool_object::resource::ResourceRef;
use crate::report::cut;
use crate::source::render::Rendered;
use crate::source::yaml::{self, Remark, Remarks};

/// The longest name of a namespace, in bytes: a label of DNS.
const LONGEST_NAMESPACE: usize = 63;

/// The longest note about a source, in bytes.
const LONGEST_NOTE: usize = 1_900;

/// Keeps the objects that the watch may and wants to govern, and says in words what it leaves.
///
/// Of what a commit holds nothing is copied before there is room for it.
pub(super) fn govern(
    sources: &Sources,
    watch: &DriftWatch,
    key: &WatchKey,
    resolved: &Resolved,
    read: Read,
) -> Result<Rendition, SourceError> {
    let Read {
        repo_url,
        revision,
        rendered,
        changed_at,
        is_named,
        others,
    } = read;
    if !rendered.problems.is_empty() {
        return Err(SourceError::Unfaithful {
            revision,
            problems: rendered.problems,
        });
    }
    let wanted = Wanted::by(&watch.spec)?;
    let namespace = key.namespace.as_str();
    let target_of = |kind: &'static Kind, document: &Document| {
        let applied = resolved.dressing.namespace(document);
        let namespace = applied.or_else(|| resolved.tool.is_none().then(|| namespace.to_owned()))?;
        // The tool's object may name a namespace of a megabyte, which each object would repeat.
        (namespace.len() <= LONGEST_NAMESPACE).then(|| Target {
            kind,
            namespace,
            name: document.id.name.clone(),
        })
    };
    let mut chosen: BTreeMap<usize, &Target> = BTreeMap::new();
    let mut targets: BTreeMap<Target, usize> = BTreeMap::new();
    let mut problems = Remarks::default();
    let mut left: BTreeMap<(&str, &Kind), usize> = BTreeMap::new();
    let mut there: Vec<&Kind> = Vec::new();
    let mut passed_over: BTreeSet<Target> = BTreeSet::new();
    let of_kinds = rendered.documents.iter().enumerate();
    let of_kinds = of_kinds.filter_map(|(at, document)| Some((at, Kind::of_object(&document.id)?, document)));
    for (at, kind, document) in of_kinds {
        there.push(kind);
        let mut leave = |why| *left.entry((why, kind)).or_default() += 1;
        let Some(target) = target_of(kind, document) else {
            leave("without a namespace");
            continue;
        };
        if let Some(why) = resolved.dressing.passes_over(document) {
            leave(why);
            passed_over.insert(target);
        } else if namespace != sources.own_namespace && target.namespace != namespace {
            leave("of other namespaces");
        } else if !wanted.takes_kind(kind) {
            leave("outside spec.kinds");
            passed_over.insert(target);
        } else if !wanted.selects(&document.value) {
            leave("outside the selector");
            passed_over.insert(target);
        } else if let Some(first) = targets.get(&target).and_then(|first| rendered.documents.get(*first)) {
            problems.push(described_twice(&target, document, first));
        } else {
            targets.insert(target, at);
        }
    }
    if !problems.is_empty() {
        return Err(SourceError::Unfaithful { revision, problems });
    }
    chosen.extend(targets.iter().map(|(target, at)| (*at, target)));
    let governed = || chosen.keys().filter_map(|at| rendered.documents.get(*at));
    // Where the tool synced this very commit, each object is held twice.
    let copies = 1 + usize::from(is_named);
    let bytes: usize = governed().map(|document| copies * yaml::cost(&document.value)).sum();
    sources.held.affords(key, bytes as u64)?;
    let mut not_governed: Vec<String> = rendered
        .skipped
        .named()
        .map(|(kind, count)| counted(count, kind))
        .collect();
    not_governed.extend(rendered.skipped.others());
    not_governed.extend(
        left.into_iter()
            .map(|((why, kind), count)| format!("{} {why}", counted(count, kind.kind))),
    );
    let in_vain = wanted
        .named_in_vain(&there)
        .map(|kind| format!("spec.kinds names {kind}, and the source holds none"));
    let (others, mut warnings) = documents_elsewhere(others, &target_of);
    warnings.extend(in_vain.chain(resolved.notes.iter().cloned()).map(told));
    let mut more_warnings = warnings.len().saturating_sub(WARNING_LIMIT) + rendered.warnings.more();
    warnings.truncate(WARNING_LIMIT);
    let mut warn = |remark: &Remark| match warnings.len() < WARNING_LIMIT {
        true => warnings.push(notice(remark)),
        false => more_warnings += 1,
    };
    rendered.warnings.iter().for_each(&mut warn);
    governed()
        .filter_map(|document| Some((Kind::of_object(&document.id)?, document)))
        .for_each(|(kind, document)| {
            rendered.without_effect(kind, document, None).iter().for_each(&mut warn);
        });
    let compared = resolved.origin.compared.clone();
    let has_hooks = rendered
        .documents
        .iter()
        .any(|document| resolved.dressing.is_hook(document));
    let mut desired = BTreeMap::new();
    for (at, document) in rendered.documents.into_iter().enumerate() {
        let Some(target) = chosen.get(&at) else { continue };
        let changed_at = changed_at.get(&*document.origin.file).copied().flatten();
        let document = in_namespace(document, target);
        let synced_revision = synced_revision(resolved, target).map(str::to_owned);
        let elsewhere = |commit: &String| others.get(commit)?.get(target);
        let synced = synced_revision.as_ref().and_then(|commit| match *commit == revision {
            true => is_named.then(|| Arc::new(document.value.clone())),
            false => elsewhere(commit).cloned(),
        });
        let is_same_at = |compared: &String| match *compared == revision {
            true => is_named,
            false => elsewhere(compared).is_some_and(|there| **there == document.value),
        };
        let same_at = compared.clone().filter(is_same_at);
        desired.insert(
            (*target).clone(),
            Arc::new(Desired {
                document,
                changed_at,
                synced_revision,
                synced,
                same_at,
            }),
        );
    }
    let synced = resolved.origin.synced.clone();
    Ok(Rendition {
        repo_url,
        revision,
        synced,
        compared,
        desired,
        passed_over,
        has_hooks,
        not_governed,
        warnings,
        more_warnings,
    })
}

/// The objects as one commit has them.
type Documents = BTreeMap<Target, Arc<Value>>;

/// The objects as the other commits have them that were synced or compared, and why one is not known.
fn documents_elsewhere(
    others: Vec<(String, Result<Rendered, String>)>,
    target_of: &impl Fn(&'static Kind, &Document) -> Option<Target>,
) -> (BTreeMap<String, Documents>, Vec<Notice>) {
    let (mut documents, mut notes) = (BTreeMap::new(), Vec::new());
    for (commit, rendered) in others {
        match rendered {
            Ok(rendered) => {
                let named = rendered
                    .documents
                    .into_iter()
                    .filter_map(|document| Some((target_of(Kind::of_object(&document.id)?, &document)?, document)));
                let values = named.map(|(target, document)| {
                    let value = in_namespace(document, &target).value;
                    (target, Arc::new(value))
                });
                documents.insert(commit, values.collect());
            }
            Err(why) => notes.push(told(format!(
                "the commit {} that the tool names cannot be read ({why}): what only waits for a sync may be told as \
                 drift",
                commit.get(..7).unwrap_or(&commit)
            ))),
        }
    }
    (documents, notes)
}

fn told(message: String) -> Notice {
    Notice {
        path: None,
        file: None,
        line: None,
        message: cut(&message, LONGEST_NOTE),
    }
}

/// The commit from which an object was applied last.
fn synced_revision<'a>(resolved: &'a Resolved, target: &Target) -> Option<&'a str> {
    match &resolved.application {
        Some(application) => argo_cd::origin::synced_revision_of(application, &ResourceRef::from(&target.id())),
        None => resolved.origin.synced.first().map(String::as_str),
    }
}

/// Two documents that were two objects until the one without a namespace was given that of the watch.
fn described_twice(target: &Target, document: &Document, first: &Document) -> Remark {
    let message = format!(
        "{target} is described twice, first at {}:{}",
        yaml::told(&first.origin.file),
        first.origin.line
    );
    let hint = "delete one of the two: the one without a namespace belongs to that of the watch";
    Remark::line(&document.origin.file, document.origin.line, message, hint)
}

fn counted(count: usize, kind: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {kind}{plural}")
}

/// A remark about a file as it is shown.
fn notice(remark: &Remark) -> Notice {
    Notice {
        path: remark.path.clone(),
        file: Some(remark.file.clone()),
        line: remark.line,
        message: remark.message.clone(),
    }
}

fn in_namespace(mut document: Document, target: &Target) -> Document {
    document.id.namespace = Some(target.namespace.clone());
    if let Some(metadata) = document.value.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("namespace".to_owned(), Value::from(target.namespace.as_str()));
    }
    document
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Held;
    use super::super::tests::sources;
    use super::*;
    use crate::api::v1alpha1::NOT_GOVERNED_LIMIT;
    use crate::controller::origin;
    use crate::engine::argo_cd::application::Application;
    use crate::engine::dressing::Dressing;
    use crate::source::{SourceFile, render};

    fn watch() -> DriftWatch {
        serde_json::from_value(json!({
            "apiVersion": "driftmend.dev/v1alpha1", "kind": "DriftWatch",
            "metadata": {"name": "all", "namespace": "shop"},
            "spec": {"source": {"git": {"url": "https://git.example/shop.git"}}},
        }))
        .unwrap()
    }

    fn governed(held: Held, text: String) -> Result<Rendition, SourceError> {
        governed_by(held, text, &origin::git(&watch()).unwrap())
    }

    fn governed_by(held: Held, text: String, resolved: &Resolved) -> Result<Rendition, SourceError> {
        let sources = sources(held);
        let rendered = render::directory(vec![SourceFile {
            path: "web.yaml".to_owned(),
            bytes: text.into_bytes(),
        }])
        .unwrap();
        let read = Read {
            repo_url: String::new(),
            revision: "4be2c1d".to_owned(),
            rendered,
            changed_at: BTreeMap::new(),
            is_named: false,
            others: Vec::new(),
        };
        let key = WatchKey {
            namespace: "shop".to_owned(),
            name: "all".to_owned(),
        };
        govern(&sources, &watch(), &key, resolved, read)
    }

    fn web(name: &str, spec: &str) -> String {
        format!("---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n")
    }

    #[test]
    fn of_warnings_and_kinds_as_many_are_held_as_a_status_tells_and_the_rest_is_counted() {
        let idle: String = (0..150).map(|at| format!("f{at}: yes, ")).collect();
        let kinds: String = (0..70)
            .map(|at| format!("---\napiVersion: v1\nkind: Kind{at}\nmetadata: {{name: a}}\n"))
            .collect();
        let rendition = governed(Held::default(), web("web", &idle) + &kinds).unwrap();
        // A hundred of the readings are told of a file, and each field has no effect.
        assert_eq!(
            (rendition.warnings.len(), rendition.more_warnings),
            (WARNING_LIMIT, 100 + 150 - WARNING_LIMIT)
        );
        assert_eq!(
            (
                rendition.not_governed.len(),
                rendition.not_governed.last().map(String::as_str)
            ),
            (51, Some("20 objects of more kinds"))
        );
        assert!(rendition.not_governed.len() + 2 * WARNING_LIMIT < NOT_GOVERNED_LIMIT);
    }

    #[test]
    fn a_namespace_that_none_is_called_is_not_repeated_for_each_deployment() {
        let application = |namespace: String| {
            let spec = json!({
                "source": {"repoURL": "https://git.example/shop", "path": "web"},
                "destination": {"server": "https://kubernetes.default.svc", "namespace": namespace},
            });
            let object = json!({
                "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
                "metadata": {"namespace": "argocd", "name": "web"}, "spec": spec,
            });
            Application::read(&object).unwrap()
        };
        let left = |namespace: &str| {
            let dressing = Dressing::ArgoCd(argo_cd::dressing::dressing(
                &application(namespace.to_owned()),
                "argocd",
                argo_cd::dressing::Tracking::default(),
            ));
            governed_by(
                Held::default(),
                web("web", ""),
                &Resolved {
                    dressing,
                    ..origin::git(&watch()).unwrap()
                },
            )
            .unwrap()
        };
        assert_eq!(left("shop").desired.len(), 1);
        assert_eq!(
            left(&"n".repeat(1_000_000)).not_governed,
            ["1 Deployment without a namespace"]
        );
    }

    #[test]
    fn what_there_is_no_room_for_is_not_copied() {
        let text: String = (0..20)
            .map(|at| web(&format!("web-{at}"), &format!("a: {}", "x".repeat(10_000))))
            .collect();
        let error = governed(Held::of_memory(400_000), text.clone()).unwrap_err();
        assert_eq!(error.category(), "SourceTooLarge");
        assert_eq!(governed(Held::of_memory(4_000_000), text).unwrap().desired.len(), 20);
    }
}
