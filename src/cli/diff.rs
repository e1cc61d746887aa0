//! `driftmend diff`: desired against live, without a cluster.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::Fault;
use super::output::{self, Format};
use crate::engine::diff::{Masker, Severity};
use crate::engine::object::{Document, ObjectId};
use crate::engine::phase::Phase;
use crate::engine::predict::{Force, Strategy, Syncer, Verdict};
use crate::engine::{Mode, Policy, Remedy, Snapshot, SourceFacts, assess};
use crate::report::{Notice, ObjectReport, human, object_report};
use crate::source::render::{self, Rendered};
use crate::source::{local, yaml::Remark};

/// Compares Git's manifests with live objects: which fields drifted, who wrote them, and what the next sync gives.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
A document without a namespace is held against the live object of its kind and name. Live objects that DESIRED lacks are passed over.

  kubectl get deploy -A -o yaml | driftmend diff git/ -
  driftmend diff web.yaml live.json --strategy client-side-apply")]
pub struct Arguments {
    /// Git's side: a file, a folder, or `-`.
    #[arg(value_name = "DESIRED")]
    desired: String,

    /// The cluster's side: a file, a folder, or `-`, as `kubectl get -o yaml` (or json) prints it.
    #[arg(value_name = "LIVE")]
    live: String,

    /// The namespace of documents that name none.
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,

    /// Predicts the next sync for a tool that writes this way.
    #[arg(long, value_enum)]
    strategy: Option<StrategyArgument>,

    /// The field manager that the syncing tool writes under.
    #[arg(long, value_name = "NAME", requires = "strategy")]
    manager: Option<String>,

    /// Server-side apply that stops at a conflict, instead of the forced one that Argo CD and Flux send.
    #[arg(long, requires = "strategy")]
    no_force: bool,

    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "human")]
    output: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum StrategyArgument {
    /// A three-way strategic merge patch: kubectl apply, Argo CD's default.
    ClientSideApply,

    /// kubectl apply --server-side, Flux, Argo CD's ServerSideApply=true.
    ServerSideApply,

    /// A PUT of the manifest: kubectl replace, Argo CD's Replace=true.
    Replace,
}

/// The JSON of the command line.
#[derive(Serialize)]
struct Output {
    objects: Vec<ObjectReport>,
    problems: Vec<Remark>,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Fault> {
    if arguments.desired == "-" && arguments.live == "-" {
        return Err(Fault::new("DESIRED and LIVE cannot both be standard input").hint("write one of them to a file".to_owned()));
    }
    let desired = read(&arguments.desired)?;
    let live = read(&arguments.live)?;
    let now = Timestamp::now();
    let mut problems: Vec<Remark> = desired.problems.iter().chain(&live.problems).cloned().collect();
    let mut objects = Vec::new();
    for document in desired.deployments() {
        match matching(document, &live, arguments.namespace.as_deref()) {
            Ok(found) => objects.push(compare(arguments, document, found, &desired, now)),
            Err(problem) => problems.push(*problem),
        }
    }
    let code = exit_code(&objects, &problems, arguments.strategy.is_some());
    match arguments.output {
        Format::Human => print_human(arguments, &objects, &problems, now)?,
        format => output::print_value(&Output { objects, problems }, format)?,
    }
    Ok(code)
}

fn read(path: &str) -> Result<Rendered, Fault> {
    let files = local::read(path).map_err(|error| Fault::of(&error).hint(error.hint()))?;
    render::manifests(files).map_err(|error| Fault::of(&error).hint(error.hint()))
}

/// The live object of a document's kind, name and namespace; a name that fits two namespaces is a question back.
fn matching<'a>(document: &Document, live: &'a Rendered, default: Option<&str>) -> Result<Option<&'a Document>, Box<Remark>> {
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

fn compare(arguments: &Arguments, document: &Document, live: Option<&Document>, desired: &Rendered, now: Timestamp) -> ObjectReport {
    let target = ObjectId {
        namespace: live
            .and_then(|live| live.id.namespace.clone())
            .or_else(|| document.id.namespace.clone())
            .or_else(|| arguments.namespace.clone()),
        ..document.id.clone()
    };
    let snapshot = Snapshot {
        cluster: String::new(),
        target: target.clone(),
        desired: Some(document.clone()),
        live: live.map(|live| live.value.clone()),
        // LIVE is all that there is to see: what it lacks is missing.
        seen: true,
        syncer: syncer(arguments),
        source: SourceFacts::default(),
        now,
    };
    let policy = Policy { mode: Mode::Alert, remedy: Remedy::Choose, ignore: Vec::new(), plan_ttl: SignedDuration::ZERO };
    let mut assessment = assess(&snapshot, &policy);
    if arguments.strategy.is_none() {
        assessment = assessment.without_prediction();
    }
    let warnings = desired.warnings_of(document).into_iter().map(notice).collect();
    object_report(&target, &assessment, &Masker::default(), warnings)
}

fn notice(remark: &Remark) -> Notice {
    Notice { path: remark.path.clone(), file: Some(remark.file.clone()), line: remark.line, message: remark.message.clone() }
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

/// 2 when an input could not be read; 1 when a person is needed; else 0.
fn exit_code(objects: &[ObjectReport], problems: &[Remark], predicted: bool) -> ExitCode {
    if !problems.is_empty() {
        return ExitCode::from(2);
    }
    let needs_person = |object: &ObjectReport| {
        let drifted = object.fields.iter().any(|field| field.severity == Severity::Drift);
        let missing = object.phase == Phase::Missing;
        let refused = predicted
            && object.prediction.as_ref().is_some_and(|prediction| matches!(prediction.verdict, Verdict::Refused | Verdict::Conflict));
        drifted || missing || refused || !object.refusals.is_empty()
    };
    ExitCode::from(u8::from(objects.iter().any(needs_person)))
}

fn print_human(arguments: &Arguments, objects: &[ObjectReport], problems: &[Remark], now: Timestamp) -> Result<(), Fault> {
    let mut text = String::new();
    for object in objects.iter().filter(|object| object.phase != Phase::InSync || !object.warnings.is_empty()) {
        text.push_str(&human::object(object, &arguments.desired, now));
    }
    let drifted = objects.iter().filter(|object| !matches!(object.phase, Phase::InSync | Phase::Pending)).count();
    text.push_str(&match (objects.len(), drifted) {
        // What was not read may have drifted as well.
        (all, 0) if !problems.is_empty() => {
            format!("{all} of the Deployments compared, nothing drifted there; not everything could be read.\n")
        }
        (1, 0) => "1 Deployment compared, nothing drifted.\n".to_owned(),
        (all, 0) => format!("{all} Deployments compared, nothing drifted.\n"),
        (1, _) => "1 Deployment compared, it drifted.\n".to_owned(),
        (all, drifted) => format!("{all} Deployments compared, {drifted} drifted.\n"),
    });
    output::print(&text)?;
    for problem in problems {
        output::print_fault(&fault(problem));
    }
    Ok(())
}

/// A problem of a file as the terminal shows it.
pub(super) fn fault(remark: &Remark) -> Fault {
    Fault::new(Remark { hint: None, ..remark.clone() }.to_string()).hint(remark.hint.clone())
}
