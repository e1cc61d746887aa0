//! Where an Application takes its manifests from.

use serde_json::{Map, Value, json};

use crate::engine::tool_object::fields::{Fields, Unreadable};

/// What renders a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// Plain manifests.
    Directory,

    /// A Helm chart.
    Helm,

    /// A kustomization.
    Kustomize,

    /// A config management plugin.
    Plugin,

    /// The Application does not say and Argo CD has not told yet what it found in the folder.
    Undetected,
}

/// The options of a plain directory (`spec.source.directory`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Directory {
    /// Whether folders below are read, too.
    pub recurse: bool,

    /// A glob of the files to read; all when absent.
    pub include: Option<String>,

    /// A glob of the files to leave out.
    pub exclude: Option<String>,

    /// Whether options for Jsonnet are set.
    pub jsonnet: bool,
}

/// One source of an Application.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// What renders it.
    pub kind: SourceKind,

    /// The repository.
    pub repo_url: Option<String>,

    /// The folder in the repository.
    pub path: Option<String>,

    /// The branch, tag or commit; `HEAD` when absent.
    pub target_revision: Option<String>,

    /// The name of a chart of a Helm repository.
    pub chart: Option<String>,

    /// The name by which other sources reach this one's files.
    pub reference: Option<String>,

    /// The options of a plain directory.
    pub directory: Directory,

    /// The source as it is written, without what Go would not write: the form in which two are compared.
    pub comparable: Value,
}

/// All sources of an Application.
#[derive(Clone, Debug, PartialEq)]
pub enum Sources {
    /// `spec.source`.
    Single(Box<Source>),

    /// `spec.sources`, which wins over `spec.source`.
    Multiple(Vec<Source>),

    /// `spec.sourceHydrator`: manifests are rendered into another branch, and that one is synced.
    Hydrated(Box<Source>),

    /// None is set.
    Absent,
}

impl Sources {
    /// Reads the sources of a spec; `detected` is what Argo CD found (`status.sourceType`, `status.sourceTypes`).
    ///
    /// Source: `ApplicationSpec.GetSource`, `HasMultipleSources` and `SourceHydrator.GetSyncSource` in
    /// `pkg/apis/application/v1alpha1/types.go`.
    pub(super) fn read(spec: &Fields<'_>, detected: &[String]) -> Result<Self, Unreadable> {
        let found = |index: usize| detected.get(index).map(String::as_str);
        if let Some(hydrated) = spec.optional("sourceHydrator", |hydrator| {
            let dry = hydrator.object("drySource", |dry| dry.text("repoURL"))?;
            hydrator.object("syncSource", |sync| {
                let mut written = Map::new();
                for (name, value) in [
                    ("repoURL", sync.text("repoURL")?.or(dry)),
                    ("path", sync.text("path")?),
                    ("targetRevision", sync.text("targetBranch")?),
                ] {
                    written.extend(value.map(|value| (name.to_owned(), json!(value))));
                }
                let text = |name: &str| written.get(name).and_then(Value::as_str).map(str::to_owned);
                Ok(Source {
                    kind: kind(None, found(0)),
                    repo_url: text("repoURL"),
                    path: text("path"),
                    target_revision: text("targetRevision"),
                    chart: None,
                    reference: None,
                    directory: Directory::default(),
                    comparable: Value::Object(written.clone()),
                })
            })
        })? {
            return Ok(Self::Hydrated(Box::new(hydrated)));
        }
        let mut index = 0;
        let several = spec.list("sources", |source| {
            index += 1;
            Source::read(&source, found(index - 1))
        })?;
        if !several.is_empty() {
            return Ok(Self::Multiple(several));
        }
        let single = spec.optional("source", |source| Source::read(&source, found(0)))?;
        Ok(single.map_or(Self::Absent, |source| Self::Single(Box::new(source))))
    }

    /// The one source that is synced; `None` with several or none.
    pub fn single(&self) -> Option<&Source> {
        match self {
            Self::Single(source) | Self::Hydrated(source) => Some(source),
            Self::Multiple(_) | Self::Absent => None,
        }
    }

    /// Whether `spec.sources` is in force: revisions are lists then.
    pub fn several(&self) -> bool {
        matches!(self, Self::Multiple(_))
    }

    /// Whether these are the sources that a sync result names, in Argo CD's sense.
    ///
    /// Source: `alreadyAttemptedSync` in `controller/appcontroller.go` compares with `reflect.DeepEqual`, the target
    /// revision included. What Go's `omitempty` does not write is passed over here, an empty list is not.
    pub(super) fn same(&self, synced: &SyncedSources) -> bool {
        match self {
            Self::Single(source) | Self::Hydrated(source) => synced.single == source.comparable,
            Self::Multiple(sources) => {
                sources.len() == synced.several.len()
                    && sources
                        .iter()
                        .zip(&synced.several)
                        .all(|(one, other)| one.comparable == *other)
            }
            Self::Absent => synced.single == json!({}),
        }
    }
}

impl Source {
    fn read(fields: &Fields<'_>, detected: Option<&str>) -> Result<Self, Unreadable> {
        let chart = fields.text("chart")?;
        let explicit = [
            ("helm", SourceKind::Helm),
            ("kustomize", SourceKind::Kustomize),
            ("directory", SourceKind::Directory),
            ("plugin", SourceKind::Plugin),
        ];
        let explicit = explicit
            .into_iter()
            .find(|(name, _)| fields.value(name).and_then(comparable).is_some())
            .map(|(_, kind)| kind);
        Ok(Self {
            kind: kind(explicit.or(chart.is_some().then_some(SourceKind::Helm)), detected),
            repo_url: fields.text("repoURL")?,
            path: fields.text("path")?,
            target_revision: fields.text("targetRevision")?,
            reference: fields.text("ref")?,
            directory: fields.object("directory", |directory| {
                Ok(Directory {
                    recurse: directory.flag("recurse")?.unwrap_or(false),
                    include: directory.text("include")?,
                    exclude: directory.text("exclude")?,
                    jsonnet: directory
                        .value("jsonnet")
                        .is_some_and(|jsonnet| comparable(jsonnet).is_some()),
                })
            })?,
            chart,
            comparable: fields
                .whole()
                .and_then(|value| comparable(&value))
                .unwrap_or_else(|| json!({})),
        })
    }
}

/// What the spec says wins over what Argo CD found in the folder; empty options say nothing.
///
/// Source: `GetAppSourceType` in `reposerver/repository/repository.go`, `NormalizeSource` in `util/argo/argo.go`.
fn kind(explicit: Option<SourceKind>, detected: Option<&str>) -> SourceKind {
    let detected = detected.and_then(|found| match found {
        "Directory" => Some(SourceKind::Directory),
        "Helm" => Some(SourceKind::Helm),
        "Kustomize" => Some(SourceKind::Kustomize),
        "Plugin" => Some(SourceKind::Plugin),
        _ => None,
    });
    explicit.or(detected).unwrap_or(SourceKind::Undetected)
}

/// The sources that a sync result names.
#[derive(Clone, Debug, PartialEq)]
pub struct SyncedSources {
    single: Value,
    several: Vec<Value>,
}

impl SyncedSources {
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, Unreadable> {
        let whole = |source: Fields<'_>| {
            Ok(source
                .whole()
                .and_then(|value| comparable(&value))
                .unwrap_or_else(|| json!({})))
        };
        Ok(Self {
            single: fields.object("source", whole)?,
            several: fields.list("sources", whole)?,
        })
    }
}

/// A value without what Go's `omitempty` leaves out; `None` where nothing is left.
fn comparable(value: &Value) -> Option<Value> {
    match value {
        Value::Null | Value::Bool(false) => None,
        Value::String(text) if text.is_empty() => None,
        Value::Object(map) => {
            let kept: Map<_, _> = map
                .iter()
                .filter_map(|(key, value)| Some((key.clone(), comparable(value)?)))
                .collect();
            (!kept.is_empty()).then_some(Value::Object(kept))
        }
        Value::Array(items) => Some(
            items
                .iter()
                .map(|item| comparable(item).unwrap_or(Value::Null))
                .collect(),
        ),
        other => Some(other.clone()),
    }
}
