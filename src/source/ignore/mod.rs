//! What other tools were told to ignore: Argo CD's `ignoreDifferences` and Flux's drift rules, read from their own
//! objects.
//!
//! ```text
//! read       files                      -> entries: which objects, and which fields of them
//! rules      entries x desired x live   -> the engine's rules: JSON Pointers and what jq finds become paths
//! ```
//!
//! Both tools take the named fields out of both sides before they compare. The engine compares everything and then says
//! of a change that a rule covers it, so that nothing is lost: it is counted, with the name of the object that the rule
//! came from.

mod argo_cd;
mod flux;
mod reading;
mod respected;
mod selector;

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use serde_json::Value;

pub use super::child::jq;
pub use crate::engine::argo_cd::glob::matches as glob;
use crate::engine::kind::Kind;

use super::SourceFile;
use super::yaml::{self, Document, Remark};
use crate::api::v1alpha1::IgnoreSpec;
use crate::engine::diff::{IgnoreRule, Located, PathPattern, Side, locate};
use crate::engine::object::ObjectId;
use reading::Reading;
use selector::Target;

/// How many fields one expression may name in one object.
const MOST_OF_ONE: usize = 1_000;

/// How many fields all rules may name in one pair of objects: each is held against each difference.
const MOST_FIELDS: usize = 2_000;

/// The ignore rules of some files.
#[derive(Debug, Default)]
pub struct IgnoreList {
    entries: Vec<Entry>,

    /// Why something in the files is not in force.
    pub problems: Vec<Remark>,
}

/// One thing to ignore.
#[derive(Debug)]
struct Entry {
    target: Arc<Target>,
    ignored: Ignored,

    /// The object that the rule stands in, such as `Application argocd/web`.
    origin: Arc<str>,

    /// Where it stands, for a remark.
    file: Arc<str>,
    line: usize,
}

/// Why a rule is not in force over one pair of objects.
#[derive(Debug, thiserror::Error)]
enum NotInForce {
    /// jq gave no paths.
    #[error(transparent)]
    Jq(#[from] jq::JqError),

    /// It names more fields than are looked at.
    #[error("the jq expression {expression:?} names {found} fields of one object and may name {MOST_OF_ONE}")]
    NamesTooMany { expression: String, found: usize },

    /// All rules together name more fields than are looked at.
    #[error(
        "the rules name more than {MOST_FIELDS} fields of one object: this one and those after it are not in force \
         there"
    )]
    TooManyTogether,
}

impl NotInForce {
    fn hint(&self) -> &'static str {
        match self {
            Self::Jq(error) => error.hint(),
            Self::NamesTooMany { .. } | Self::TooManyTogether => {
                "name a whole part of the object instead of each of its fields"
            }
        }
    }
}

#[derive(Debug, PartialEq)]
enum Ignored {
    /// A JSON Pointer, as RFC 6902 has it.
    Pointer(String),

    /// A jq expression whose paths are ignored.
    Jq(String),

    /// Every field that these managers own.
    Managers(Vec<String>),

    /// A rule of our own.
    Rule(IgnoreRule),
}

/// The two objects that are compared.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a> {
    /// Of which kind it is.
    pub kind: &'static Kind,

    /// Which object.
    pub id: &'a ObjectId,

    /// Git's side.
    pub desired: &'a Value,

    /// The cluster's side.
    pub live: &'a Value,
}

impl IgnoreList {
    /// Reads Argo CD's Applications and `argocd-cm`, Flux's Kustomizations and HelmReleases, and DriftWatches. Other
    /// kinds are passed over, but a file with none of these is a problem.
    pub fn read(files: &[SourceFile]) -> Self {
        let mut list = Self::default();
        for file in files {
            let loaded = yaml::load(&file.bytes, &file.path);
            let before = list.problems.len();
            list.problems.extend(loaded.problems);
            let known = loaded
                .documents
                .iter()
                .flat_map(items)
                .filter(|document| list.document(document, &file.path))
                .count();
            if known == 0 && list.problems.len() == before {
                let hint =
                    "give an Argo CD Application or argocd-cm, a Flux Kustomization or HelmRelease, or a DriftWatch";
                list.problems.push(Remark::file(
                    &file.path,
                    "the file holds nothing that has ignore rules",
                    hint,
                ));
            }
        }
        list
    }

    /// Whether nothing is ignored.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Takes the rules of one object; `false` where its kind has none.
    fn document(&mut self, document: &Document, file: &str) -> bool {
        let text = |pointer: &str| {
            document
                .value
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let (group, kind) = (text("/apiVersion").split('/').next().unwrap_or_default(), text("/kind"));
        let origin = origin(kind, text("/metadata/namespace"), text("/metadata/name"));
        let mut reading = Reading::of(self, document, file, origin);
        let known = match (group, kind) {
            ("argoproj.io", "Application") => argo_cd::application(&mut reading),
            ("v1", "ConfigMap") => argo_cd::config_map(&mut reading),
            ("kustomize.toolkit.fluxcd.io", "Kustomization") => flux::rules(&mut reading, "/spec/ignore"),
            ("helm.toolkit.fluxcd.io", "HelmRelease") => flux::rules(&mut reading, "/spec/driftDetection/ignore"),
            ("driftmend.dev", "DriftWatch") => drift_watch(&mut reading),
            _ => false,
        };
        reading.end();
        known
    }

    /// The rules that hold for one pair, and why some could not be applied to it.
    ///
    /// A pointer to a field that neither side has ignores nothing, as in Argo CD and Flux. `jq` answers an expression
    /// with the pointers of what it finds in an object.
    pub fn rules(&self, pair: Pair<'_>, jq: &impl jq::Ask) -> (Vec<IgnoreRule>, Vec<Remark>) {
        let (mut rules, mut problems, mut fields) = (Vec::new(), Vec::new(), 0);
        // Rules of one object mostly share what they are for.
        let mut last: Option<(&Arc<Target>, bool)> = None;
        for entry in &self.entries {
            let selected = match last {
                Some((target, selected)) if Arc::ptr_eq(target, &entry.target) => selected,
                _ => entry.target.selects(pair.id, pair.desired),
            };
            last = Some((&entry.target, selected));
            if !selected {
                continue;
            }
            let mut tell = |fault: &NotInForce| {
                problems.push(Remark::line(&entry.file, entry.line, fault.to_string(), fault.hint()))
            };
            match entry.rule(pair, jq) {
                Ok(Some(rule)) => {
                    fields += rule.paths.len() + rule.parts.len();
                    if fields > MOST_FIELDS {
                        tell(&NotInForce::TooManyTogether);
                        break;
                    }
                    rules.push(rule);
                }
                Ok(None) => {}
                Err(fault) => tell(&fault),
            }
        }
        (rules, problems)
    }
}

impl Entry {
    fn rule(&self, pair: Pair<'_>, jq: &impl jq::Ask) -> Result<Option<IgnoreRule>, NotInForce> {
        let sides = [(Side::Desired, pair.desired), (Side::Live, pair.live)];
        let located: Vec<Located> = match &self.ignored {
            Ignored::Pointer(pointer) => sides
                .iter()
                .filter_map(|(side, object)| locate(pair.kind, pointer, object, *side))
                .collect(),
            Ignored::Jq(expression) => {
                let found = jq.pointers(expression, &sides.map(|(_, object)| object))?;
                // An expression may name the same field any number of times.
                let found: Vec<BTreeSet<String>> = found
                    .into_iter()
                    .map(|pointers| pointers.into_iter().collect())
                    .collect();
                if let Some(most) = found.iter().map(BTreeSet::len).max().filter(|most| *most > MOST_OF_ONE) {
                    return Err(NotInForce::NamesTooMany {
                        expression: expression.clone(),
                        found: most,
                    });
                }
                let both = found.iter().zip(sides);
                both.flat_map(|(pointers, (side, object))| {
                    pointers
                        .iter()
                        .filter_map(move |pointer| locate(pair.kind, pointer, object, side))
                })
                .collect()
            }
            Ignored::Managers(managers) => {
                let what = format!("what {} owns", managers.join(" or "));
                return Ok(Some(IgnoreRule {
                    managers: managers.clone(),
                    ..self.empty(&what)
                }));
            }
            Ignored::Rule(rule) => return Ok(Some(rule.clone())),
        };
        let what = match &self.ignored {
            Ignored::Jq(expression) => expression,
            Ignored::Pointer(pointer) => pointer,
            _ => "",
        };
        let (mut rule, mut seen) = (self.empty(what), HashSet::new());
        for one in located {
            match one {
                // The whole object would be every field, and no path says so.
                Located::Field(path) if path.0.is_empty() => {}
                // Both sides mostly have the field, and the path is the same in each.
                Located::Field(path) => {
                    if seen.insert(path.clone()) {
                        rule.paths.push(PathPattern::exact(path));
                    }
                }
                Located::Part(part) => rule.parts.push(part),
            }
        }
        Ok((!rule.paths.is_empty() || !rule.parts.is_empty()).then_some(rule))
    }

    fn empty(&self, what: &str) -> IgnoreRule {
        let reason = format!("{} ignores {what}", self.origin);
        IgnoreRule {
            paths: Vec::new(),
            pointers: Vec::new(),
            parts: Vec::new(),
            managers: Vec::new(),
            reason,
            expires: None,
        }
    }
}

fn drift_watch(reading: &mut Reading<'_>) -> bool {
    let everything = Arc::new(Target::Any);
    for (at, spec) in reading.part::<Vec<IgnoreSpec>>("/spec/ignore").iter().enumerate() {
        let place = format!("/spec/ignore/{at}");
        match spec.rule() {
            Ok(rule) => reading.ignore(|| place.clone(), &everything, Ignored::Rule(rule)),
            Err(error) => reading.problem(
                &place,
                format!("spec.ignore[{at}].paths of {}: {error}", reading.origin),
                "write it as a report does",
            ),
        }
    }
    true
}

fn origin(kind: &str, namespace: &str, name: &str) -> String {
    match namespace {
        "" => format!("{kind} {name}"),
        _ => format!("{kind} {namespace}/{name}"),
    }
}

/// The objects of a List, as `kubectl get -o yaml` prints several, or the one that stands alone.
fn items(document: &Document) -> Vec<Document> {
    match document.value.get("items") {
        Some(Value::Array(items)) => {
            let parts = document.lines.items(&document.value, "/items");
            let whole = |(value, (line, lines)): (&Value, (Option<usize>, yaml::Lines))| Document {
                value: value.clone(),
                line: line.unwrap_or(document.line),
                lines,
            };
            items.iter().zip(parts).map(whole).collect()
        }
        _ => vec![document.clone()],
    }
}
