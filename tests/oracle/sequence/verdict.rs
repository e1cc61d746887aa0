//! Holds what the engine says of a snapshot against the model.

use std::collections::BTreeSet;
use std::sync::Arc;

use driftmend::engine::diff::{ChangeKind, Drift, Moved, Severity};
use driftmend::engine::object::{Document, ObjectId, Origin};
use driftmend::engine::ownership::Operation;
use driftmend::engine::phase::Phase;
use driftmend::engine::predict::Verdict;
use driftmend::engine::{Assessment, Met, Mode, Policy, Remedy, Snapshot, SourceFacts, Tool, assess};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::Known;
use super::admission::mirrored;
use super::model::{Field, Model, Truth, Who, is_ignored};
use crate::judge::syncer_of;
use crate::server::Way;
use crate::subject::kind_of;

/// One thing in which the engine is wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// What kind of thing.
    pub kind: &'static str,

    /// In words.
    pub text: String,
}

/// The kind of fault that is known and not mended yet.
pub const OPEN: &str = "open";

fn fault(kind: &'static str, text: String) -> Fault {
    Fault { kind, text }
}

/// What the engine is asked, by what it may know of the past.
pub fn assessed(model: &Model, live: &Value, way: Way, known: Known, now: Timestamp) -> Assessment {
    let watched = known != Known::Restarted;
    let remembered = model.met.as_ref().filter(|_| watched);
    let met = match remembered {
        Some(met) if met.git == model.git => Met::Here,
        Some(met) => Met::Document(Arc::new(met.git.clone())),
        None => Met::Never,
    };
    let source = SourceFacts {
        revision: "4be2c1d".to_owned(),
        changed_at: Some(model.since),
        synced: (known == Known::Told).then(|| Arc::new(model.synced.clone())),
        met,
        apart: remembered.map(|met| met.apart.clone()).unwrap_or_default(),
        met_at: remembered.map(|met| met.at),
        in_git_since: Some(if watched { model.since } else { now }),
        first_seen: (watched && !model.is_first).then_some(model.since),
        ..SourceFacts::default()
    };
    let target = ObjectId::of(live).unwrap_or_else(|| unreachable!("the server gives objects"));
    let origin = Origin {
        file: "web.yaml".into(),
        line: 1,
    };
    let snapshot = Snapshot {
        kind: kind_of(live),
        cluster: String::new(),
        judge: String::new(),
        desired: Some(Document {
            id: target.clone(),
            value: model.git.clone(),
            origin,
        }),
        target,
        live: Some(live.clone()),
        seen: true,
        syncer: syncer_of(way, way.manager()),
        tool: Tool::Unknown,
        source,
        now,
    };
    let policy = Policy {
        mode: Mode::Propose,
        remedy: Remedy::Choose,
        ignore: Vec::new(),
        plan_ttl: SignedDuration::from_hours(1),
    };
    assess(&snapshot, &policy)
}

/// What the engine must say of a field.
fn expected(field: &Field) -> (Severity, Option<Moved>) {
    let is_added = !field.is_in_git;
    if is_ignored(field) {
        return (Severity::Ignored, None);
    }
    match field.truth() {
        Truth::Git => (Severity::Pending, Some(Moved::Git)),
        Truth::Server => (Severity::Info, Some(Moved::Server)),
        Truth::Live if is_added && field.leaf.name == "label" => (Severity::Info, Some(Moved::Live)),
        Truth::Live if is_added && field.value.is_empty() => (Severity::Info, Some(Moved::Server)),
        Truth::Live => (Severity::Drift, Some(Moved::Live)),
    }
}

/// What else may be said where the truth cannot be known from what the engine was told.
///
/// | told          | field                                 | true    | said besides  | since                          |
/// |---------------|---------------------------------------|---------|---------------|--------------------------------|
/// | restarted     | any                                   | any     | not known     | it is what is to be said       |
/// |               |                                       |         |               | without a witness              |
/// | restarted     | the tool's, sent under its name, or   | any     | pending       | no other name is there         |
/// |               | nobody's                              |         |               |                                |
/// | restarted     | as the tool's last document says      | any     | pending       | it is what the tool wrote,     |
/// |               |                                       |         |               | whoever came between           |
/// | restarted     | others', wholly or in part            | Git     | drift         | they wrote it; whether Git     |
/// |               |                                       |         |               | then agreed, nobody saw        |
/// | told          | as the tool's last document says      | any     | pending       | what the tool says comes       |
/// |               |                                       |         |               | before what was seen           |
/// | watched       | the tool's, and live was never what   | server  | pending       | what Git said before is not    |
/// |               | Git says                              |         |               | remembered                     |
/// | watched       | sent under the tool's name before Git | live    | pending       | the tool may have brought a    |
/// |               | moved                                 |         |               | document in between            |
/// | watched       | as at the last meeting, nothing       | live    | pending       | what was brought in between is |
/// |               | written since                         |         |               | not remembered                 |
/// | watched       | nobody's, where the tool's last-      | live    | pending       | the same                       |
/// |               | applied was lost                      |         |               |                                |
/// | watched       | sent under the tool's name since Git  | Git     | info          | admission would leave the same |
/// |               | moved                                 |         |               | trace                          |
/// | watched       | others', where someone wrote under    | Git     | drift         | the tool's own write would     |
/// |               | the tool's name since Git moved       |         |               | have left it there, too        |
/// | watched, told | brought by others while Git said it   | Git     | drift         | the tool did not bring it, and |
/// |               |                                       |         |               | Git says it no more            |
/// | any           | others', as admission makes it of     | server  | drift         | whoever wrote it may have      |
/// |               | Git's own value                       |         |               | meant it so                    |
/// | any           | others', as admission made it of      | Git     | drift         | the same                       |
/// |               | Git's last value                      |         |               |                                |
/// | any           | as admission makes it of Git's own    | live    | info          | whoever sent Git's own value   |
/// |               | value                                 |         |               |                                |
/// | any           | any, where the tool's last-applied    | server, | drift         | what the tool sent is not kept |
/// |               | was lost                              | Git     |               | anywhere                       |
/// | any           | sent under the tool's name, under     | live    | info, pending | admission would leave the same |
/// |               | admission                             |         |               | trace                          |
fn is_excused(model: &Model, field: &Field, known: Known, said: (Severity, Option<Moved>)) -> bool {
    let by_tool = field.value.contains(&model.tool);
    let by_others = !field.value.is_empty() && !by_tool;
    let partly_others = field
        .value
        .iter()
        .chain(field.item_owners())
        .any(|who| *who != model.tool);
    let (restarted, watched, told) = (known == Known::Restarted, known == Known::Watched, known == Known::Told);
    match (field.truth(), said) {
        (_, (Severity::Drift, Some(Moved::Unknown))) => restarted,
        (truth, (Severity::Pending, _)) => {
            let as_tool = field.value.is_empty()
                || by_tool
                || field.under_tools_name
                || field.leaf.of(&model.synced) == field.live;
            restarted && as_tool
                || told && field.leaf.of(&model.synced) == field.live
                || watched && truth == Truth::Server && by_tool && model.met.is_none()
                || watched && truth == Truth::Live && field.under_tools_name && !model.is_first
                || watched && truth == Truth::Live && !model.wrote_since && is_forgotten(model, field)
                || truth == Truth::Live && by_tool && model.rewritten && field.under_tools_name
        }
        (Truth::Git, (Severity::Drift, _)) => {
            restarted && partly_others
                || (watched || told) && !field.brought
                || watched && model.wrote_since && partly_others
                || by_others && model.rewritten && field.leaf.name == "image"
                || model.is_last_applied_lost && !model.tool.applies
        }
        (Truth::Server, (Severity::Drift, _)) => by_others || model.is_last_applied_lost && !model.tool.applies,
        (Truth::Git, (Severity::Info, Some(Moved::Server))) => watched && field.under_tools_name && !model.is_first,
        (Truth::Live, (Severity::Info, Some(Moved::Server))) => {
            model.rewritten
                && (by_tool && field.under_tools_name
                    || field.leaf.name == "image" && field.live == field.git.as_ref().map(mirrored))
        }
        _ => false,
    }
}

/// Whether nothing is kept of what the tool brought between the last meeting and Git's last move.
fn is_forgotten(model: &Model, field: &Field) -> bool {
    let as_met = model
        .met
        .as_ref()
        .is_some_and(|met| field.leaf.of(&met.git) == field.live);
    as_met || model.is_last_applied_lost && field.value.is_empty()
}

/// What the engine says and knows better: faults that are known and not mended yet. They are counted, and fail nothing.
///
/// 1. Under server-side apply and replace a value of the tool's own that is not Git's is taken for admission's or for a
///    commit's, though live and Git once met at a document that says of this field what Git, or the tool's last
///    document, says: admission lets it through, so that someone wrote under the tool's name.
/// 2. What is as at the last meeting is taken for what Git moved away from, though the tool wrote since Git moved:
///    something else kept both from meeting again, and somebody took the tool's new value back.
fn is_open(model: &Model, field: &Field, way: Way, said: (Severity, Option<Moved>)) -> bool {
    let met = model.met.as_ref().map(|met| field.leaf.of(&met.git));
    let passed = met
        .as_ref()
        .is_some_and(|met| *met == field.git || *met == field.leaf.of(&model.synced));
    let elsewhere = matches!(said, (Severity::Info, Some(Moved::Server)) | (Severity::Pending, _));
    let under_name = way != Way::ClientSide && field.under_tools_name && passed && elsewhere;
    let taken_back = said.0 == Severity::Pending && model.wrote_since && met == Some(field.live.clone());
    field.truth() == Truth::Live && (under_name || taken_back)
}

/// In what an assessment is wrong.
pub fn faults(model: &Model, assessment: &Assessment, way: Way, known: Known) -> Vec<Fault> {
    let mut faults = Vec::new();
    let differing: Vec<&Field> = model.fields.iter().filter(|field| field.differs()).collect();
    let drifts: Vec<&Drift> = assessment
        .drifts
        .iter()
        .filter(|drift| !drift.change.path.to_string().contains("kubernetes.io/revision"))
        .collect();
    // The order of a list is nobody's field here.
    for drift in drifts.iter().filter(|drift| drift.change.kind != ChangeKind::Reordered) {
        let path = &drift.change.path;
        let about: Vec<&&Field> = differing
            .iter()
            .filter(|field| field.leaf.is_touched_by(path))
            .collect();
        let said = (drift.severity, drift.moved);
        if about.is_empty() {
            faults.push(fault(
                "invented",
                format!("{path} is told as {said:?}, and nothing differs there"),
            ));
            continue;
        }
        if !about
            .iter()
            .any(|field| said == expected(field) || is_excused(model, field, known, said))
        {
            let told: Vec<String> = about.iter().map(|field| told(field)).collect();
            let open = about.iter().any(|field| is_open(model, field, way, said));
            faults.push(fault(
                if open { OPEN } else { "severity" },
                format!("{path} is told as {said:?}; true is {}", told.join(", ")),
            ));
        }
        if let Some(wrong) = wrong_owners(drift, &about) {
            faults.push(fault("owner", format!("{path} {wrong}")));
        }
    }
    for field in differing
        .iter()
        .filter(|field| !drifts.iter().any(|drift| field.leaf.is_touched_by(&drift.change.path)))
    {
        faults.push(fault("untold", format!("nothing is told of {}", told(field))));
    }
    let any = |severity| assessment.drifts.iter().any(|drift| drift.severity == severity);
    let verdict = assessment.prediction.as_ref().map(|prediction| prediction.verdict);
    let phase = match verdict {
        Some(Verdict::Refused | Verdict::Conflict) => Phase::Conflicted,
        _ if any(Severity::Drift) => Phase::Drifted,
        _ if any(Severity::Pending) => Phase::Pending,
        _ => Phase::InSync,
    };
    if assessment.phase != phase {
        faults.push(fault(
            "phase",
            format!("the phase is {:?}, not {phase:?}", assessment.phase),
        ));
    }
    faults
}

fn told(field: &Field) -> String {
    format!(
        "{} {:?} (Git {}, live {}, owners {:?})",
        field.leaf.name,
        expected(field),
        shown(field.git.as_ref()),
        shown(field.live.as_ref()),
        field.value
    )
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "nothing".to_owned(), ToString::to_string)
}

/// How the owners of a change are not the model's.
fn wrong_owners(drift: &Drift, about: &[&&Field]) -> Option<String> {
    let ours: BTreeSet<Who> = drift
        .owners
        .iter()
        .map(|owner| Who {
            manager: owner.manager.clone(),
            applies: owner.operation == Operation::Apply,
            subresource: owner.subresource.clone(),
        })
        .collect();
    let theirs: BTreeSet<Who> = match drift.change.kind {
        ChangeKind::Removed | ChangeKind::Reordered => BTreeSet::new(),
        ChangeKind::Changed => about.iter().flat_map(|field| field.value.clone()).collect(),
        // An item comes with all that is around its value.
        ChangeKind::Added => about
            .iter()
            .flat_map(|field| field.value.iter().chain(field.item_owners()).cloned())
            .collect(),
    };
    // What the server defaults in a probe belongs to whoever made it, and the handler to whoever changed it.
    let is_right = if drift.change.path.to_string().ends_with("livenessProbe") {
        ours.is_superset(&theirs)
    } else {
        ours == theirs
    };
    (!is_right).then(|| format!("is owned by {ours:?}; true is {theirs:?}"))
}
