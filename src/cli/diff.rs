//! `driftmend diff`: desired against live, without a cluster.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::input::{self, Empty};
use super::output::{self, Format};
use super::pairs::{self, Pairs};
use super::{Fault, Syncing, people};
use crate::api::v1alpha1::{ObjectReport, Phase, PredictionReport, Severity, Verdict};
use crate::engine::diff::Masker;
use crate::report::check::noun;
use crate::report::human::{self, View};
use crate::report::object_report;
use crate::source::ignore::jq::Child;
use crate::source::ignore::{IgnoreList, Pair};
use crate::source::render::Rendered;
use crate::source::yaml::{Remark, Remarks};

/// Compares Git's manifests with live objects: which fields drifted, who wrote them, and what the next sync gives.
#[derive(Clone, Debug, Args)]
// Nothing is predicted without it: the option would be without effect, and nobody would be told.
#[command(mut_arg("validate", |validate| validate.requires("strategy")))]
#[command(after_help = "\
A document without a namespace is held against the live object of its kind and name. Live objects that DESIRED \
lacks are passed over.

  kubectl get deploy -A -o yaml --show-managed-fields | driftmend diff git/ -
  driftmend diff web.yaml live.json --strategy client-side-apply
  driftmend diff git+https://git.example/shop.git//deploy?ref=main live.yaml
  driftmend diff git/ live.yaml --ignore-from application.yaml

A repository over https is asked with $DRIFTMEND_GIT_USERNAME and $DRIFTMEND_GIT_PASSWORD, over ssh with the files \
$DRIFTMEND_GIT_IDENTITY (~/.ssh/id_ed25519) and $DRIFTMEND_GIT_KNOWN_HOSTS (~/.ssh/known_hosts); \
$DRIFTMEND_GIT_PASSWORD is then the passphrase.

Exit status:
  0  nothing drifted
  1  something drifted, is missing, or is refused; with --strategy also where the next sync takes out what Git sets,
     or overwrites what is ignored
  2  an input could not be read, or what was asked cannot be known")]
pub struct Arguments {
    /// Git's side: a file, a folder, `-`, or git+URL//PATH?ref=REVISION.
    #[arg(value_name = "DESIRED")]
    desired: String,

    /// The cluster's side: a file, a folder, or `-`, as `kubectl get -o yaml` (or json) prints it.
    #[arg(value_name = "LIVE")]
    live: String,

    /// The namespace of documents that name none.
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,

    /// Takes an input without a single document for no objects at all, and not for a command that failed.
    #[arg(long)]
    allow_empty: bool,

    #[command(flatten)]
    syncing: Syncing,

    /// Ignores what these objects ignore: Argo CD's Applications and argocd-cm, Flux's Kustomizations and HelmReleases,
    /// DriftWatches.
    #[arg(long, value_name = "FILE")]
    ignore_from: Vec<String>,

    /// Who stands behind field managers: YAML such as `deploy-*: Person` or `release-bot: Controller`, before the
    /// built-in table.
    #[arg(long, value_name = "FILE", env = "DRIFTMEND_MANAGERS")]
    managers: Option<PathBuf>,

    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "human")]
    output: Format,
}

/// The JSON of the command line.
#[derive(Serialize)]
struct Output {
    objects: Vec<ObjectReport>,
    problems: Remarks,

    /// How many problems there are besides.
    #[serde(rename = "problemsOmitted", skip_serializing_if = "super::check::is_zero")]
    more: usize,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Fault> {
    if arguments.desired == "-" && arguments.live == "-" {
        return Err(
            Fault::new("DESIRED and LIVE cannot both be standard input").hint("write one of them to a file".to_owned())
        );
    }
    let people = people::read(arguments.managers.as_deref())?;
    let ignore = ignore_list(&arguments.ignore_from)?;
    let jq = Child::of_this_program()
        .map_err(|error| Fault::new("failed to find this program, which runs jq").because(error))?;
    let empty = Empty::of_flag(arguments.allow_empty);
    let live = input::manifests(&arguments.live)?;
    input::not_empty(&live, "LIVE", &arguments.live, empty)?;
    if !live.problems.is_empty() {
        return unreadable_live(arguments.output, live.problems);
    }
    let desired = input::read(&arguments.desired)?;
    input::not_empty(&desired.rendered, "DESIRED", &arguments.desired, empty)?;
    let secrets = desired.rendered.secret_values().into_iter().chain(live.secret_values());
    let masker = Masker::default().knowing(secrets);
    let now = Timestamp::now();
    let (namespace, predicting) = (arguments.namespace.as_deref(), arguments.syncing.strategy.is_some());
    // LIVE is all that there is to see: what it lacks is missing.
    let all = Pairs {
        desired: &desired,
        namespace,
        seen: true,
        syncer: arguments.syncing.syncer(),
        now,
    };
    let mut problems = desired.rendered.problems.clone();
    problems.extend(ignore.problems.iter().cloned());
    let (mut objects, mut ownerless) = (Vec::new(), false);
    for (kind, document) in desired.rendered.governed() {
        let found = match pairs::matching(document, &live, namespace) {
            Ok(found) => found,
            Err(problem) => {
                problems.push(*problem);
                continue;
            }
        };
        let target = all.target(document, found);
        let (rules, faults) = match found {
            Some(found) => ignore.rules(
                Pair {
                    kind,
                    id: &target,
                    desired: &document.value,
                    live: &found.value,
                },
                &jq,
            ),
            None => (Vec::new(), Vec::new()),
        };
        problems.extend(faults);
        let unpredictable = found.and_then(|found| arguments.syncing.unpredictable(found));
        let foretold = predicting && unpredictable.is_none();
        let (assessment, findings) = all.assess(kind, document, found, rules, foretold);
        ownerless |= unpredictable.is_none()
            && found.is_some_and(|found| !pairs::tells_owners(found))
            && assessment.of(Severity::Drift.into()).next().is_some();
        problems.extend(unpredictable);
        let masker = masker.of_object(
            [Some(document), found]
                .into_iter()
                .flatten()
                .map(|document| &document.value),
        );
        let report = object_report(
            &target,
            &assessment,
            &findings,
            &masker,
            all.warnings(kind, document, found),
        );
        objects.push(report);
    }
    let code = exit_code(&objects, &problems, predicting);
    tell_omitted_warnings(&desired.rendered);
    match arguments.output {
        Format::Human => {
            print_human(
                &View {
                    source: &desired.label,
                    now,
                    people: &people,
                },
                &objects,
                &problems,
                &desired.rendered,
            )?;
            if ownerless {
                output::print_aside(
                    "hint",
                    &format!(
                        "LIVE has no managedFields, so that nobody knows who changed it and when; {}",
                        pairs::OWNERS_HINT
                    ),
                );
            }
        }
        format => output::print_value(
            &Output {
                objects,
                more: problems.more(),
                problems,
            },
            format,
        )?,
    }
    Ok(code)
}

/// Tells why LIVE cannot be read, and nothing else: every Deployment would look missing.
fn unreadable_live(format: Format, problems: Remarks) -> Result<ExitCode, Fault> {
    match format {
        Format::Human => print_problems(&problems, problems.more()),
        format => output::print_value(
            &Output {
                objects: Vec::new(),
                more: problems.more(),
                problems,
            },
            format,
        )?,
    }
    Ok(ExitCode::from(2))
}

fn ignore_list(names: &[String]) -> Result<IgnoreList, Fault> {
    let files = names
        .iter()
        .map(|name| input::files(name))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(IgnoreList::read(&files.concat()))
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
            && object
                .prediction
                .as_ref()
                .is_some_and(|prediction| matches!(prediction.verdict, Verdict::Refused | Verdict::Conflict));
        drifted || missing || refused || (predicted && harms(object)) || !object.refusals.is_empty()
    };
    ExitCode::from(u8::from(objects.iter().any(needs_person)))
}

/// Whether the next sync is known to change what Git says today, or what a rule ignores.
pub(super) fn harms(object: &ObjectReport) -> bool {
    object.prediction.as_ref().is_some_and(PredictionReport::harms)
}

fn print_human(view: &View<'_>, objects: &[ObjectReport], problems: &Remarks, desired: &Rendered) -> Result<(), Fault> {
    let mut text = String::new();
    for object in objects
        .iter()
        .filter(|object| object.phase != Phase::InSync || !object.warnings.is_empty() || harms(object))
    {
        text.push_str(&human::object(object, view));
    }
    let drifted = objects
        .iter()
        .filter(|object| !matches!(object.phase, Phase::InSync | Phase::Pending))
        .count();
    let noun = noun(objects);
    text.push_str(&match (objects.len(), drifted) {
        // What was not read may have drifted as well.
        (0, _) if !problems.is_empty() => format!("0 {noun} compared; not everything could be read.\n"),
        (1, 0) if !problems.is_empty() => {
            format!("1 {noun} compared, nothing drifted there; not everything could be read.\n")
        }
        (all, 0) if !problems.is_empty() => {
            format!("{all} {noun} compared, nothing drifted there; not everything could be read.\n")
        }
        // Nothing drifted, since there was nothing to compare.
        (0, _) => {
            let others = desired.skipped.to_string();
            let others = if others.is_empty() {
                String::new()
            } else {
                format!("; passed over: {others}")
            };
            format!("0 {noun} compared{others}.\n")
        }
        (1, 0) => format!("1 {noun} compared, nothing drifted.\n"),
        (all, 0) => format!("{all} {noun} compared, nothing drifted.\n"),
        (1, _) => format!("1 {noun} compared, it drifted.\n"),
        (all, drifted) => format!("{all} {noun} compared, {drifted} drifted.\n"),
    });
    output::print(&text)?;
    print_problems(problems, problems.more());
    Ok(())
}

/// Tells on standard error how many warnings are not told, whatever the output is.
pub(super) fn tell_omitted_warnings(rendered: &Rendered) {
    if rendered.warnings.more() > 0 {
        output::print_aside(
            "note",
            &format!(
                "{} more warnings about the manifests are not told",
                rendered.warnings.more()
            ),
        );
    }
}

/// Tells the problems of files, and how many there are besides.
pub(super) fn print_problems(problems: &[Remark], more: usize) {
    problems.iter().for_each(|problem| output::print_fault(&fault(problem)));
    if more > 0 {
        output::print_fault(
            &Fault::new(format!("and {more} more problems"))
                .hint(Some("mend those that are told, and the others follow".to_owned())),
        );
    }
}

/// A problem of a file as the terminal shows it.
pub(super) fn fault(remark: &Remark) -> Fault {
    Fault::new(
        Remark {
            hint: None,
            ..remark.clone()
        }
        .to_string(),
    )
    .hint(remark.hint.clone())
}
