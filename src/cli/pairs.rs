//! Which live object belongs to which document of Git, and what is found of the two.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::input::Input;
use crate::api::v1alpha1::{Notice, Warning};
use crate::engine::diff::IgnoreRule;
use crate::engine::kind::Kind;
use crate::engine::object::{Document, ObjectId};
use crate::engine::rules::{Case, Finding, diagnose, no_effect, read_otherwise};
use crate::engine::syncer::Syncer;
use crate::engine::{Assessment, Mode, Policy, Remedy, Snapshot, SourceFacts, Tool, assess};
use crate::source::render::Rendered;
use crate::source::yaml::Remark;

/// The live object of a document's kind, name and namespace; a name that fits two namespaces is a question back.
pub(super) fn matching<'a>(
    document: &Document,
    live: &'a Rendered,
    default: Option<&str>,
) -> Result<Option<&'a Document>, Box<Remark>> {
    let namespace = document.id.namespace.as_deref().or(default);
    let fits = |candidate: &&Document| {
        let (wanted, id) = (&document.id, &candidate.id);
        wanted.kind == id.kind
            && wanted.name == id.name
            && (namespace.is_none() || id.namespace.is_none() || id.namespace.as_deref() == namespace)
    };
    let found: Vec<&Document> = live.governed().map(|(_, document)| document).filter(fits).collect();
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        several => {
            let namespaces: Vec<&str> = several
                .iter()
                .filter_map(|document| document.id.namespace.as_deref())
                .collect();
            Err(Box::new(Remark::line(
                &document.origin.file,
                document.origin.line,
                format!(
                    "{} names no namespace, and LIVE has it in several: {}",
                    document.id,
                    namespaces.join(", ")
                ),
                "say which one with -n",
            )))
        }
    }
}

/// How to get live objects with their owners: kubectl leaves them out of what it prints.
pub(super) const OWNERS_HINT: &str = "let kubectl print them: kubectl get deploy -o yaml --show-managed-fields";

/// Whether a live object says who owns its fields. Every object of an API server does; what kubectl prints of one does
/// not, unless it is asked to.
pub(super) fn tells_owners(live: &Document) -> bool {
    live.value
        .pointer("/metadata/managedFields")
        .and_then(Value::as_array)
        .is_some_and(|entries| !entries.is_empty())
}

/// What every pair is looked at with.
pub(super) struct Pairs<'a> {
    pub(super) desired: &'a Input,

    /// The namespace of documents that name none.
    pub(super) namespace: Option<&'a str>,

    /// Whether an object that the live side lacks is missing, and not only new.
    pub(super) seen: bool,

    pub(super) syncer: Syncer,
    pub(super) now: Timestamp,
}

impl Pairs<'_> {
    /// Which object the two are about.
    pub(super) fn target(&self, document: &Document, live: Option<&Document>) -> ObjectId {
        let namespace = live
            .and_then(|live| live.id.namespace.clone())
            .or_else(|| document.id.namespace.clone())
            .or_else(|| self.namespace.map(str::to_owned));
        ObjectId {
            namespace,
            ..document.id.clone()
        }
    }

    /// What is found of the two, and what the rules say of it; `foretold` tells whether the next sync counts.
    pub(super) fn assess(
        &self,
        kind: &'static Kind,
        document: &Document,
        live: Option<&Document>,
        ignore: Vec<IgnoreRule>,
        foretold: bool,
    ) -> (Assessment, Vec<Finding>) {
        let snapshot = Snapshot {
            cluster: String::new(),
            judge: String::new(),
            target: self.target(document, live),
            kind,
            desired: Some(document.clone()),
            live: live.map(|live| live.value.clone()),
            seen: self.seen,
            syncer: self.syncer.clone(),
            tool: Tool::default(),
            source: SourceFacts {
                changed_at: self.desired.changed_at.get(&*document.origin.file).copied(),
                ..SourceFacts::default()
            },
            now: self.now,
        };
        let policy = Policy {
            mode: Mode::Alert,
            remedy: Remedy::Choose,
            ignore,
            plan_ttl: SignedDuration::ZERO,
        };
        let assessment = assess(&snapshot, &policy);
        let assessment = if foretold {
            assessment
        } else {
            assessment.without_prediction()
        };
        let findings = diagnose(&Case::unasked(&snapshot, &assessment));
        (assessment, findings)
    }

    /// What is odd in the document.
    pub(super) fn warnings(&self, kind: &'static Kind, document: &Document, live: Option<&Document>) -> Vec<Warning> {
        let rendered = &self.desired.rendered;
        let read = rendered
            .warnings_of(document)
            .into_iter()
            .cloned()
            .map(|remark| (read_otherwise::RULE.id, remark));
        let idle = rendered
            .without_effect(kind, document, live.map(|live| &live.value))
            .into_iter()
            .map(|remark| (no_effect::RULE.id, remark));
        read.chain(idle)
            .map(|(rule, remark)| Warning {
                rule,
                notice: notice(remark),
            })
            .collect()
    }
}

fn notice(remark: Remark) -> Notice {
    Notice {
        path: remark.path,
        file: Some(remark.file),
        line: remark.line,
        message: remark.message,
    }
}
