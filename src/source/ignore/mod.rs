//! What other tools were told to ignore: Argo CD's `ignoreDifferences` and Flux's drift rules, read from their own objects.
//!
//! ```text
//! read       files                      -> entries: which objects, and which fields of them
//! rules      entries x desired x live   -> the engine's rules: JSON Pointers and what jq finds become paths
//! ```
//!
//! Both tools take the named fields out of both sides before they compare. The engine compares everything and then says of a
//! change that a rule covers it, so that nothing is lost: it is counted, with the name of the object that the rule came from.

mod argo_cd;
mod flux;
mod selector;

#[cfg(test)]
mod tests;

use serde_json::Value;

pub use super::child::jq;

use super::SourceFile;
use super::yaml::{self, Document, Remark};
use crate::crd::IgnoreSpec;
use crate::engine::diff::{IgnoreRule, Located, PathPattern, Side, locate};
use crate::engine::object::ObjectId;
use selector::Target;
pub use selector::glob;

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
    target: Target,
    ignored: Ignored,

    /// The object that the rule stands in, such as `Application argocd/web`.
    origin: String,

    /// Where it stands, for a remark.
    file: String,
    line: usize,
}

#[derive(Debug)]
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
    /// Which object.
    pub id: &'a ObjectId,

    /// Git's side.
    pub desired: &'a Value,

    /// The cluster's side.
    pub live: &'a Value,
}

impl IgnoreList {
    /// Reads Argo CD's Applications and `argocd-cm`, Flux's Kustomizations and HelmReleases, and DriftWatches. Other kinds are passed over, but a
    /// file with none of these is a problem.
    pub fn read(files: &[SourceFile]) -> Self {
        let mut list = Self::default();
        for file in files {
            let loaded = yaml::load(&file.bytes, &file.path);
            let before = list.problems.len();
            list.problems.extend(loaded.problems);
            let known = loaded.documents.iter().flat_map(items).filter(|document| list.document(document, &file.path)).count();
            if known == 0 && list.problems.len() == before {
                let hint = "give an Argo CD Application or argocd-cm, a Flux Kustomization or HelmRelease, or a DriftWatch";
                list.problems.push(Remark::file(&file.path, "the file holds nothing that has ignore rules", hint));
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
        let text = |pointer: &str| document.value.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (group, kind) = (text("/apiVersion").split('/').next().unwrap_or_default(), text("/kind"));
        let mut reading = Reading { list: self, document, file, origin: origin(kind, text("/metadata/namespace"), text("/metadata/name")) };
        match (group, kind) {
            ("argoproj.io", "Application") => argo_cd::application(&mut reading),
            ("v1", "ConfigMap") => return argo_cd::config_map(&mut reading),
            ("kustomize.toolkit.fluxcd.io", "Kustomization") => flux::rules(&mut reading, "/spec/ignore"),
            ("helm.toolkit.fluxcd.io", "HelmRelease") => flux::rules(&mut reading, "/spec/driftDetection/ignore"),
            ("driftmend.dev", "DriftWatch") => drift_watch(&mut reading),
            _ => return false,
        }
        true
    }

    /// The rules that hold for one pair, and why some could not be applied to it.
    ///
    /// A pointer to a field that neither side has ignores nothing, as in Argo CD and Flux. `jq` answers an expression with the pointers
    /// of what it finds in an object.
    pub fn rules(&self, pair: Pair<'_>, jq: &impl jq::Ask) -> (Vec<IgnoreRule>, Vec<Remark>) {
        let (mut rules, mut problems) = (Vec::new(), Vec::new());
        for entry in self.entries.iter().filter(|entry| entry.target.selects(pair.id, pair.desired)) {
            match entry.rule(pair, jq) {
                Ok(rule) => rules.extend(rule),
                Err(fault) => problems.push(Remark::line(&entry.file, entry.line, fault.to_string(), fault.hint())),
            }
        }
        (rules, problems)
    }
}

impl Entry {
    fn rule(&self, pair: Pair<'_>, jq: &impl jq::Ask) -> Result<Option<IgnoreRule>, jq::JqError> {
        let sides = [(Side::Desired, pair.desired), (Side::Live, pair.live)];
        let located: Vec<Located> = match &self.ignored {
            Ignored::Pointer(pointer) => sides.iter().filter_map(|(side, object)| locate(pointer, object, *side)).collect(),
            Ignored::Jq(expression) => {
                let found = jq.pointers(expression, &sides.map(|(_, object)| object))?;
                let both = found.iter().zip(sides);
                both.flat_map(|(pointers, (side, object))| pointers.iter().filter_map(move |pointer| locate(pointer, object, side)))
                    .collect()
            }
            Ignored::Managers(managers) => {
                let what = format!("what {} owns", managers.join(" or "));
                return Ok(Some(IgnoreRule { managers: managers.clone(), ..self.empty(&what) }));
            }
            Ignored::Rule(rule) => return Ok(Some(rule.clone())),
        };
        let what = match &self.ignored {
            Ignored::Jq(expression) => expression,
            Ignored::Pointer(pointer) => pointer,
            _ => "",
        };
        let mut rule = self.empty(what);
        for one in located {
            match one {
                // The whole object would be every field, and no path says so.
                Located::Field(path) if path.0.is_empty() => {}
                Located::Field(path) => rule.paths.push(PathPattern::exact(path)),
                Located::Part(part) => rule.parts.push(part),
            }
        }
        Ok((!rule.paths.is_empty() || !rule.parts.is_empty()).then_some(rule))
    }

    fn empty(&self, what: &str) -> IgnoreRule {
        let reason = format!("{} ignores {what}", self.origin);
        IgnoreRule { paths: Vec::new(), pointers: Vec::new(), parts: Vec::new(), managers: Vec::new(), reason, expires: None }
    }
}

/// One object whose rules are being read.
struct Reading<'a> {
    list: &'a mut IgnoreList,
    document: &'a Document,
    file: &'a str,
    origin: String,
}

impl Reading<'_> {
    /// A part of the object in the type that it should have; a problem where it has not, and the default where it is absent.
    fn part<T: serde::de::DeserializeOwned + Default>(&mut self, pointer: &str) -> T {
        let Some(value) = self.document.value.pointer(pointer).filter(|value| !value.is_null()) else { return T::default() };
        serde_json::from_value(value.clone()).unwrap_or_else(|error| {
            let path = pointer.replace('/', ".");
            self.problem(pointer, format!("{path} of {} cannot be read: {error}", self.origin), "correct it as its own tool demands");
            T::default()
        })
    }

    fn problem(&mut self, pointer: &str, message: String, hint: &str) {
        self.list.problems.push(Remark::line(self.file, self.document.line_of(pointer), message, hint));
    }

    /// Takes one thing to ignore, which stands at a JSON Pointer of the object.
    fn ignore(&mut self, at: &str, target: &Target, ignored: Ignored) {
        if let Ignored::Pointer(pointer) = &ignored
            && !pointer.starts_with('/')
        {
            let message = format!("{pointer:?} in {} is no JSON Pointer to a field", self.origin);
            return self.problem(at, message, "begin it with `/`, such as /spec/replicas; `~1` stands for a `/` in a name");
        }
        let (file, line) = (self.file.to_owned(), self.document.line_of(at));
        self.list.entries.push(Entry { target: target.clone(), ignored, origin: self.origin.clone(), file, line });
    }
}

fn drift_watch(reading: &mut Reading<'_>) {
    for (at, spec) in reading.part::<Vec<IgnoreSpec>>("/spec/ignore").iter().enumerate() {
        let place = format!("/spec/ignore/{at}");
        match spec.rule() {
            Ok(rule) => reading.ignore(&place, &Target::Any, Ignored::Rule(rule)),
            Err(error) => {
                reading.problem(&place, format!("spec.ignore[{at}].paths of {}: {error}", reading.origin), "write it as a report does")
            }
        }
    }
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
