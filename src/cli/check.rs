//! `driftmend check`: before the merge, what the API server will refuse.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use serde::Serialize;

use super::input::{self, Input};
use super::output::{self, Format};
use super::pairs::{self, Pairs};
use super::{Access, Fault, Syncing, diff, waiting};
use crate::cluster::{ApiError, Cluster};
use crate::engine::diff::Masker;
use crate::engine::object::{Document, ObjectId, Origin};
use crate::engine::predict::{place_in, predict, refusals_as_it_is};
use crate::report::sarif::{self, Unread};
use crate::report::{ObjectReport, Place, check, object_report};
use crate::source::render::{Rendered, count_by_kind};
use crate::source::yaml::Remark;

/// How many objects are asked of the API server at a time: a person's own credentials are often limited to five requests a second and ten at once.
const AT_ONCE: usize = 8;

/// Tells before the merge which Deployments the API server will refuse, as they are and over the live objects.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Without --live and --cluster a manifest is held against the API server's validation alone. With one of them the answer is also that to the next sync \
over the live object as it stands; a Deployment that is not live yet is new. Other kinds are passed over and counted. Warnings are told and do not \
count.

  driftmend check deploy/
  driftmend check deploy/ --cluster -n shop -o sarif > driftmend.sarif
  kubectl get deploy -A -o yaml --show-managed-fields | driftmend check deploy/ --live - --strategy server-side-apply --manager argocd-controller

Exit status: 2 an input could not be read, else 1 a manifest is refused, else 0.")]
pub struct Arguments {
    /// The manifests: a file, a folder, `-`, or git+URL//PATH?ref=REVISION.
    #[arg(value_name = "PATH")]
    path: String,

    /// The live objects: a file, a folder, or `-`, as `kubectl get -o yaml` (or json) prints them.
    #[arg(long, value_name = "PATH", conflicts_with = "cluster")]
    live: Option<String>,

    /// Reads the live objects from the API server, with your own rights.
    #[arg(long)]
    cluster: bool,

    #[command(flatten)]
    access: Access,

    #[command(flatten)]
    syncing: Syncing,

    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "human")]
    output: Printed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Printed {
    /// Text for people.
    Human,

    /// One JSON document.
    Json,

    /// One YAML document.
    Yaml,

    /// SARIF 2.1.0, for code hosts that show findings at the lines of a change.
    Sarif,
}

/// The JSON of the command line.
#[derive(Serialize)]
struct Output<'a> {
    objects: &'a [ObjectReport],
    problems: &'a [Remark],

    /// How many objects are no Deployments, by kind.
    skipped: BTreeMap<String, usize>,
}

/// The live side.
enum Live {
    /// Nobody asked for it.
    Unasked,

    /// Files.
    Files(Rendered),

    /// What the API server has of each document, in the documents' order.
    Cluster(Vec<Result<Option<Document>, Box<Remark>>>),
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Fault> {
    match check(arguments) {
        // A reader of the log is told there as well.
        Err(fault) if arguments.output == Printed::Sarif => {
            let message = std::iter::once(&fault.message).chain(&fault.causes).cloned().collect::<Vec<_>>().join(": ");
            let unread = Unread { message: &message, hint: fault.hint.as_deref(), ..Unread::default() };
            output::print_value(&sarif::log(&[], &[unread], None), Format::Json)?;
            Err(fault)
        }
        other => other,
    }
}

fn check(arguments: &Arguments) -> Result<ExitCode, Fault> {
    fit(arguments)?;
    let desired = input::read(&arguments.path)?;
    let (live, namespace) = live(arguments, &desired)?;
    let mut problems = desired.rendered.problems.clone();
    let mut secrets = desired.rendered.secret_values();
    if let Live::Files(live) = &live {
        problems.extend(live.problems.iter().cloned());
        secrets.extend(live.secret_values());
    }
    let masker = Masker::default().knowing(secrets);
    let namespace = namespace.as_deref();
    let all = Pairs { desired: &desired, namespace, seen: false, syncer: arguments.syncing.syncer(), now: Timestamp::now() };
    let mut objects = Vec::new();
    for (at, document) in deployments(&desired.rendered).enumerate() {
        let found = match &live {
            Live::Unasked => Ok(None),
            Live::Files(live) => pairs::matching(document, live, namespace),
            Live::Cluster(found) => found.get(at).map_or(Ok(None), |found| found.as_ref().map(Option::as_ref).map_err(Clone::clone)),
        };
        let found = found.unwrap_or_else(|problem| {
            problems.push(*problem);
            None
        });
        objects.push(one(&all, document, found, &masker));
    }
    print(arguments.output, &desired.rendered, &objects, &problems)?;
    Ok(match (problems.is_empty(), objects.iter().any(check::is_refused)) {
        (false, _) => ExitCode::from(2),
        (true, refused) => ExitCode::from(u8::from(refused)),
    })
}

/// What the parser of arguments cannot tell: parts of the arguments that mean nothing without the live side.
fn fit(arguments: &Arguments) -> Result<(), Fault> {
    if arguments.path == "-" && arguments.live.as_deref() == Some("-") {
        return Err(Fault::new("PATH and --live cannot both be standard input").hint("write one of them to a file".to_owned()));
    }
    if !arguments.cluster && (arguments.access.kubeconfig.is_some() || arguments.access.context.is_some()) {
        return Err(Fault::new("--kubeconfig and --context are only for --cluster"));
    }
    if arguments.syncing.strategy.is_some() && arguments.live.is_none() && !arguments.cluster {
        return Err(
            Fault::new("--strategy is about the next sync over the live objects").hint("give them with --live or --cluster".to_owned())
        );
    }
    Ok(())
}

/// What is checked: a version that is no longer served is a refusal, too.
fn deployments(rendered: &Rendered) -> impl Iterator<Item = &Document> {
    rendered.documents.iter().filter(|document| document.id.is_deployment_of_any_age())
}

/// How many objects are something else, by kind.
fn passed_over(rendered: &Rendered) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for document in rendered.documents.iter().filter(|document| !document.id.is_deployment_of_any_age()) {
        *counts.entry(document.id.kind.clone()).or_default() += 1;
    }
    counts
}

/// The live side, and the namespace of documents that name none.
fn live(arguments: &Arguments, desired: &Input) -> Result<(Live, Option<String>), Fault> {
    let namespace = arguments.access.namespace.clone();
    match &arguments.live {
        Some(name) => Ok((Live::Files(input::manifests(name)?), namespace)),
        None if arguments.cluster => waiting(async {
            let (cluster, namespace) = arguments.access.connect().await?;
            let found = from_cluster(&cluster, &desired.rendered, &namespace).await?;
            Ok((Live::Cluster(found), Some(namespace)))
        }),
        None => Ok((Live::Unasked, namespace)),
    }
}

/// The live object of each Deployment. One that may not be read is a problem of its own: others may be readable.
async fn from_cluster(cluster: &Cluster, desired: &Rendered, default: &str) -> Result<Vec<Result<Option<Document>, Box<Remark>>>, Fault> {
    let one = |document: &Document| {
        let Document { id, origin, .. } = document.clone();
        async move {
            let namespace = id.namespace.clone().unwrap_or_else(|| default.to_owned());
            match cluster.get_deployment(&namespace, &id.name).await {
                Ok(found) => {
                    let id = ObjectId { namespace: Some(namespace), ..id };
                    Ok(Ok(found.map(|value| Document { id, value, origin })))
                }
                Err(error @ (ApiError::Forbidden { .. } | ApiError::Unsendable { .. })) => {
                    let Origin { file, line } = origin;
                    Ok(Err(Box::new(Remark { hint: error.hint(), ..Remark::line(&file, line, error.to_string(), "") })))
                }
                Err(error) => Err(Fault::from(error)),
            }
        }
    };
    let asked: Vec<_> = deployments(desired).map(one).collect();
    stream::iter(asked).buffered(AT_ONCE).try_collect().await
}

/// One manifest, as it is and over its live object.
fn one(all: &Pairs<'_>, document: &Document, live: Option<&Document>, masker: &Masker) -> ObjectReport {
    let (target, assessment) = (all.target(document, live), all.assess(document, live, Vec::new()));
    let report = object_report(&target, &assessment, masker, all.warnings(document, live));
    let (refusals, mut pointers): (Vec<_>, Vec<_>) =
        refusals_as_it_is(&document.value).into_iter().map(|(cause, pointer)| (cause.clone(), (cause.field, pointer))).unzip();
    if let (Some(prediction), Some(live)) = (&assessment.prediction, live)
        && !prediction.causes.is_empty()
    {
        // Where the server counted list items.
        let predicted = predict(&document.value, &live.value, &all.syncer).predicted;
        let merged = predicted.as_ref().unwrap_or(&document.value);
        pointers.extend(prediction.causes.iter().map(|cause| (cause.field.clone(), place_in(&document.value, merged, &cause.field))));
    }
    let mut places: Vec<Place> = Vec::new();
    for (field, pointer) in pointers {
        if !places.iter().any(|place| place.field == field) {
            let Origin { file, line } = all.desired.rendered.locate(&document.id, &pointer).unwrap_or_else(|| document.origin.clone());
            places.push(Place { field, file, line });
        }
    }
    check::checked(report, &refusals, places, masker)
}

fn print(format: Printed, desired: &Rendered, objects: &[ObjectReport], problems: &[Remark]) -> Result<(), Fault> {
    let value = Output { objects, problems, skipped: passed_over(desired) };
    match format {
        Printed::Json => output::print_value(&value, Format::Json),
        Printed::Yaml => output::print_value(&value, Format::Yaml),
        Printed::Sarif => {
            let unread: Vec<Unread<'_>> = problems.iter().map(unread).collect();
            let folder = std::env::current_dir().ok().and_then(|folder| folder.to_str().map(str::to_owned));
            output::print_value(&sarif::log(objects, &unread, folder.as_deref()), Format::Json)
        }
        Printed::Human => {
            let mut text: String = objects.iter().map(check::text).collect();
            text.push_str(&check::summary(objects, &count_by_kind(&value.skipped), problems.is_empty()));
            output::print(&text)?;
            problems.iter().for_each(|problem| output::print_fault(&diff::fault(problem)));
            Ok(())
        }
    }
}

fn unread(problem: &Remark) -> Unread<'_> {
    Unread {
        message: &problem.message,
        hint: problem.hint.as_deref(),
        file: Some(&problem.file),
        line: problem.line,
        column: problem.column,
    }
}
