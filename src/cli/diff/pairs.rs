//! Which live object belongs to which document of Git, and what is told of the two.

use jiff::{SignedDuration, Timestamp};

use super::{Arguments, StrategyArgument};
use crate::engine::diff::Masker;
use crate::engine::object::{Document, ObjectId};
use crate::engine::predict::{Force, Strategy, Syncer};
use crate::engine::{Mode, Policy, Remedy, Snapshot, SourceFacts, assess};
use crate::report::{Notice, ObjectReport, object_report};
use crate::source::ignore::jq::Child;
use crate::source::ignore::{IgnoreList, Pair};
use crate::source::render::Rendered;
use crate::source::yaml::Remark;

use super::super::input::Input;

/// The live object of a document's kind, name and namespace; a name that fits two namespaces is a question back.
pub(super) fn matching<'a>(document: &Document, live: &'a Rendered, default: Option<&str>) -> Result<Option<&'a Document>, Box<Remark>> {
    let namespace = document.id.namespace.as_deref().or(default);
    let fits = |candidate: &&Document| {
        let (wanted, id) = (&document.id, &candidate.id);
        wanted.kind == id.kind
            && wanted.name == id.name
            && (namespace.is_none() || id.namespace.is_none() || id.namespace.as_deref() == namespace)
    };
    let found: Vec<&Document> = live.deployments().filter(fits).collect();
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        several => {
            let namespaces: Vec<&str> = several.iter().filter_map(|document| document.id.namespace.as_deref()).collect();
            Err(Box::new(Remark::line(
                &document.origin.file,
                document.origin.line,
                format!("{} names no namespace, and LIVE has it in several: {}", document.id, namespaces.join(", ")),
                "say which one with -n",
            )))
        }
    }
}

/// What every pair is compared with.
pub(super) struct Comparison<'a> {
    pub(super) arguments: &'a Arguments,
    pub(super) desired: &'a Input,
    pub(super) ignore: &'a IgnoreList,
    pub(super) jq: &'a Child,
    pub(super) masker: &'a Masker,
    pub(super) now: Timestamp,
}

impl Comparison<'_> {
    /// What is told of one pair, and which ignore rules could not be applied to it.
    pub(super) fn compare(&self, document: &Document, live: Option<&Document>) -> (ObjectReport, Vec<Remark>) {
        let target = ObjectId {
            namespace: live
                .and_then(|live| live.id.namespace.clone())
                .or_else(|| document.id.namespace.clone())
                .or_else(|| self.arguments.namespace.clone()),
            ..document.id.clone()
        };
        let (ignore, problems) = match live {
            Some(live) => self.ignore.rules(Pair { id: &target, desired: &document.value, live: &live.value }, self.jq),
            None => (Vec::new(), Vec::new()),
        };
        let snapshot = Snapshot {
            cluster: String::new(),
            target: target.clone(),
            desired: Some(document.clone()),
            live: live.map(|live| live.value.clone()),
            // LIVE is all that there is to see: what it lacks is missing.
            seen: true,
            syncer: syncer(self.arguments),
            source: SourceFacts { changed_at: self.desired.changed_at.get(&document.origin.file).copied(), ..SourceFacts::default() },
            now: self.now,
        };
        let policy = Policy { mode: Mode::Alert, remedy: Remedy::Choose, ignore, plan_ttl: SignedDuration::ZERO };
        let mut assessment = assess(&snapshot, &policy);
        if self.arguments.strategy.is_none() {
            assessment = assessment.without_prediction();
        }
        let rendered = &self.desired.rendered;
        let odd = rendered.warnings_of(document).into_iter().cloned();
        let idle = rendered.without_effect(document, live.map(|live| &live.value));
        let warnings = odd.chain(idle).map(notice).collect();
        (object_report(&target, &assessment, self.masker, warnings), problems)
    }
}

fn notice(remark: Remark) -> Notice {
    Notice { path: remark.path, file: Some(remark.file), line: remark.line, message: remark.message }
}

fn syncer(arguments: &Arguments) -> Syncer {
    let (strategy, manager) = match arguments.strategy {
        None | Some(StrategyArgument::ClientSideApply) => (Strategy::ClientSideApply, "kubectl-client-side-apply"),
        Some(StrategyArgument::ServerSideApply) => (Strategy::ServerSideApply, "kubectl"),
        Some(StrategyArgument::Replace) => (Strategy::Replace, "kubectl-replace"),
    };
    Syncer {
        strategy,
        manager: arguments.manager.clone().unwrap_or_else(|| manager.to_owned()),
        force: if arguments.no_force { Force::No } else { Force::Yes },
    }
}
