//! `driftmend check`: before the merge, what the API server will refuse.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde::Serialize;

use super::input::{self, Empty, Input};
use super::live::{Against, Found, Live, from_cluster, not_live};
use super::output::{self, Format};
use super::pairs::Pairs;
use super::{Access, Fault, Syncing, diff, waiting};
use crate::api::v1alpha1::{ObjectReport, Place};
use crate::engine::diff::Masker;
use crate::engine::kind::Kind;
use crate::engine::object::{Document, Origin};
use crate::engine::predict::{place_in, predict, refusals_as_it_is};
use crate::report::check::{self, Summary};
use crate::report::object_report;
use crate::report::sarif::{self, Unread};
use crate::source::render::{Kinds, Rendered};
use crate::source::yaml::{Remark, Remarks};

/// Tells before the merge which objects the API server will refuse, as they are and over the live objects.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Without --live and --cluster a manifest is held against the API server's validation alone. With one of them the answer \
is also that to the next sync over the live object as it stands; an object that is not live yet is new, and how \
many are is told. A namespace that is not there is a problem, unless it stands among the manifests. Other kinds are \
passed over and counted. Warnings are told and do not count.

  driftmend check deploy/
  driftmend check deploy/ --cluster -n shop -o sarif > driftmend.sarif
  kubectl get deploy -A -o yaml --show-managed-fields |
    driftmend check deploy/ --live - \\
      --strategy server-side-apply --manager argocd-controller

Exit status:
  0  the API server takes every manifest
  1  a manifest is refused, or the next sync over its live object; with --strategy also where that sync takes out what
     Git sets, or overwrites what is ignored
  2  an input could not be read, or what was asked cannot be known")]
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

    /// Fails where an object is not live: there is nothing to hold it against.
    #[arg(long)]
    require_live: bool,

    /// Takes an input without a single document for no objects at all, and not for a command that failed.
    #[arg(long)]
    allow_empty: bool,

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

    /// How many problems there are besides.
    #[serde(rename = "problemsOmitted", skip_serializing_if = "is_zero")]
    more: usize,

    /// How many objects are no Deployments, by kind.
    skipped: Kinds,

    /// How many were held against a live object and how many are not live yet; absent where nobody asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    live: Option<Against>,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Fault> {
    match check(arguments) {
        // A reader of the log is told there as well.
        Err(fault) if arguments.output == Printed::Sarif => {
            let message = std::iter::once(&fault.message)
                .chain(&fault.causes)
                .cloned()
                .collect::<Vec<_>>()
                .join(": ");
            let unread = Unread {
                message: &message,
                hint: fault.hint.as_deref(),
                ..Unread::default()
            };
            output::print_value(&sarif::log(&[], &[unread], None), Format::Json)?;
            Err(fault)
        }
        other => other,
    }
}

fn check(arguments: &Arguments) -> Result<ExitCode, Fault> {
    fit(arguments)?;
    let empty = Empty::of_flag(arguments.allow_empty);
    let desired = input::read(&arguments.path)?;
    input::not_empty(&desired.rendered, "PATH", &arguments.path, empty)?;
    let (live, namespace) = live(arguments, &desired, empty)?;
    if let Some(unreadable) = live.unreadable() {
        return alone(arguments.output, &unreadable.problems);
    }
    let mut problems = desired.rendered.problems.clone();
    let mut secrets = desired.rendered.secret_values();
    if let Live::Files(live) = &live {
        secrets.extend(live.secret_values());
    }
    let masker = Masker::default().knowing(secrets);
    let namespace = namespace.as_deref();
    let all = Pairs {
        desired: &desired,
        namespace,
        seen: false,
        syncer: arguments.syncing.syncer(),
        now: Timestamp::now(),
    };
    let (mut objects, mut against) = (Vec::new(), Against::default());
    for (at, (kind, document)) in governed(&desired.rendered).enumerate() {
        let found = live.of(at, document, namespace);
        against.count(&found);
        let is_new = matches!(found, Found::New);
        let found = match found {
            Found::Live(found) => {
                // Where nobody knows who owns what, nothing is said of the next sync.
                let unpredictable = arguments.syncing.unpredictable(&found);
                let known = unpredictable.is_none();
                problems.extend(unpredictable);
                known.then_some(found)
            }
            Found::New => {
                problems.extend(arguments.require_live.then(|| not_live(document)));
                None
            }
            Found::Unknown(problem) => {
                problems.extend(problem.map(|problem| *problem));
                None
            }
            Found::Unasked => None,
        };
        objects.push(one(kind, &all, document, found.as_deref(), is_new, &masker));
    }
    let against = (!matches!(live, Live::Unasked)).then_some(against);
    let passed_over_live = live.passed_over();
    let skipped = passed_over(&desired.rendered);
    diff::tell_omitted_warnings(&desired.rendered);
    print(
        arguments.output,
        &passed_over_live,
        &Output {
            objects: &objects,
            problems: &problems,
            more: problems.more(),
            skipped,
            live: against,
        },
    )?;
    let counts = |object: &ObjectReport| {
        check::is_refused(object) || (arguments.syncing.strategy.is_some() && diff::harms(object))
    };
    Ok(match (problems.is_empty(), objects.iter().any(counts)) {
        (false, _) => ExitCode::from(2),
        (true, refused) => ExitCode::from(u8::from(refused)),
    })
}

/// Tells why the live side cannot be read, and nothing else: every Deployment would look new.
fn alone(format: Printed, problems: &Remarks) -> Result<ExitCode, Fault> {
    match format {
        Printed::Human => diff::print_problems(problems, problems.more()),
        _ => print(
            format,
            "",
            &Output {
                objects: &[],
                problems,
                more: problems.more(),
                skipped: Kinds::default(),
                live: None,
            },
        )?,
    }
    Ok(ExitCode::from(2))
}

/// What the parser of arguments cannot tell: parts of the arguments that mean nothing without the live side.
fn fit(arguments: &Arguments) -> Result<(), Fault> {
    if arguments.path == "-" && arguments.live.as_deref() == Some("-") {
        return Err(
            Fault::new("PATH and --live cannot both be standard input").hint("write one of them to a file".to_owned())
        );
    }
    if !arguments.cluster && (arguments.access.kubeconfig.is_some() || arguments.access.context.is_some()) {
        return Err(Fault::new("--kubeconfig and --context are only for --cluster"));
    }
    if arguments.syncing.strategy.is_some() && arguments.live.is_none() && !arguments.cluster {
        return Err(Fault::new("--strategy is about the next sync over the live objects")
            .hint("give them with --live or --cluster".to_owned()));
    }
    if arguments.require_live && arguments.live.is_none() && !arguments.cluster {
        return Err(
            Fault::new("--require-live asks for live objects").hint("give them with --live or --cluster".to_owned())
        );
    }
    Ok(())
}

/// What is checked: a version that is no longer served is a refusal, too.
fn governed(rendered: &Rendered) -> impl Iterator<Item = (&'static Kind, &Document)> {
    let documents = rendered.documents.iter();
    documents.filter_map(|document| Some((kind_of(document)?, document)))
}

/// The governed kind of a document, also in a group that servers had once.
fn kind_of(document: &Document) -> Option<&'static Kind> {
    Kind::of_any_age(&document.id.api_version, &document.id.kind)
}

/// How many objects are something else, by kind.
fn passed_over(rendered: &Rendered) -> Kinds {
    let mut counts = Kinds::default();
    for document in rendered.documents.iter().filter(|document| kind_of(document).is_none()) {
        counts.count(&document.id.kind);
    }
    counts
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde hands over a reference
pub(super) fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// The live side, and the namespace of documents that name none.
fn live(arguments: &Arguments, desired: &Input, empty: Empty) -> Result<(Live, Option<String>), Fault> {
    let namespace = arguments.access.namespace.clone();
    match &arguments.live {
        Some(name) => {
            let live = input::manifests(name)?;
            input::not_empty(&live, "--live", name, empty)?;
            Ok((Live::Files(live), namespace))
        }
        None if arguments.cluster => waiting(async {
            let (cluster, namespace) = arguments.access.connect().await?;
            let documents: Vec<(&'static Kind, &Document)> = governed(&desired.rendered).collect();
            let found = from_cluster(&cluster, &documents, &desired.rendered, &namespace).await?;
            Ok((Live::Cluster(found), Some(namespace)))
        }),
        None => Ok((Live::Unasked, namespace)),
    }
}

/// One manifest, as it is, and over its live object or where it is known that there is none.
fn one(
    kind: &'static Kind,
    all: &Pairs<'_>,
    document: &Document,
    live: Option<&Document>,
    is_new: bool,
    masker: &Masker,
) -> ObjectReport {
    let target = all.target(document, live);
    let (assessment, findings) = all.assess(kind, document, live, Vec::new(), live.is_some() || is_new);
    let masker = &masker.of_object(
        [Some(document), live]
            .into_iter()
            .flatten()
            .map(|document| &document.value),
    );
    let warnings = all.warnings(kind, document, live);
    let report = object_report(&target, &assessment, &findings, masker, warnings);
    let (refusals, mut pointers): (Vec<_>, Vec<_>) = refusals_as_it_is(kind, &document.value, all.syncer.validation)
        .into_iter()
        .map(|(cause, pointer)| (cause.clone(), (cause.field, pointer)))
        .unzip();
    if let Some(prediction) = &assessment.prediction
        && !prediction.causes.is_empty()
    {
        // Where the server counted list items.
        let predicted = live.and_then(|live| predict(kind, &document.value, &live.value, &all.syncer).predicted);
        let merged = predicted.as_ref().unwrap_or(&document.value);
        pointers.extend(prediction.causes.iter().map(|cause| {
            (
                cause.field.clone(),
                place_in(kind, &document.value, merged, &cause.field),
            )
        }));
    }
    if let Some(prediction) = &assessment.prediction {
        let changed = prediction
            .breaks
            .iter()
            .chain(prediction.overwrites.iter().map(|overwrite| &overwrite.path));
        pointers.extend(changed.map(|path| {
            (
                path.to_string(),
                place_in(kind, &document.value, &document.value, &path.to_string()),
            )
        }));
    }
    let mut places: Vec<Place> = Vec::new();
    for (field, pointer) in pointers {
        if !places.iter().any(|place| place.field == field) {
            let Origin { file, line } = all
                .desired
                .rendered
                .locate(&document.id, &pointer)
                .unwrap_or_else(|| document.origin.clone());
            places.push(Place {
                field,
                file: file.to_string(),
                line,
            });
        }
    }
    check::checked(report, &refusals, places, masker)
}

fn print(format: Printed, passed_over_live: &str, value: &Output<'_>) -> Result<(), Fault> {
    let Output {
        objects,
        problems,
        more,
        skipped,
        live,
    } = value;
    match format {
        Printed::Json => output::print_value(value, Format::Json),
        Printed::Yaml => output::print_value(value, Format::Yaml),
        Printed::Sarif => {
            let unread: Vec<Unread<'_>> = problems.iter().map(unread).collect();
            let folder = std::env::current_dir()
                .ok()
                .and_then(|folder| folder.to_str().map(str::to_owned));
            output::print_value(&sarif::log(objects, &unread, folder.as_deref()), Format::Json)
        }
        Printed::Human => {
            let mut text: String = objects.iter().map(check::text).collect();
            text.push_str(&check::summary(
                objects,
                &Summary {
                    against: live.map(|Against { held, new }| (held, new)),
                    passed_over: &skipped.to_string(),
                    passed_over_live,
                    all_was_read: problems.is_empty(),
                },
            ));
            output::print(&text)?;
            diff::print_problems(problems, *more);
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
