//! The live side of a check: files or the API server's answer, and of each document whether there is anything to hold
//! it against.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;

use super::Fault;
use super::pairs::matching;
use crate::cluster::{ApiError, Cluster};
use crate::engine::kind::Kind;
use crate::engine::object::{Document, ObjectId, Origin};
use crate::source::render::Rendered;
use crate::source::yaml::Remark;

/// How many objects are asked of the API server at a time: a person's own credentials are often limited to five
/// requests a second and ten at once.
const AT_ONCE: usize = 8;

/// The live side.
pub(super) enum Live {
    /// Nobody asked for it.
    Unasked,

    /// Files.
    Files(Rendered),

    /// What the API server has of each document, in the documents' order.
    Cluster(Vec<Found>),
}

/// What there is of one document.
#[derive(Clone)]
pub(super) enum Found {
    /// Nobody asked.
    Unasked,

    /// The live object.
    Live(Box<Document>),

    /// Nothing: a sync would create it.
    New,

    /// Nobody knows; why, where no other document has told it already.
    Unknown(Option<Box<Remark>>),
}

/// How many documents were held against something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Against {
    /// Those with a live object.
    pub(super) held: usize,

    /// Those that are not live yet.
    pub(super) new: usize,
}

impl Live {
    /// What there is of a document, which is the one at this place.
    pub(super) fn of(&self, at: usize, document: &Document, namespace: Option<&str>) -> Found {
        match self {
            Self::Unasked => Found::Unasked,
            Self::Files(live) => match matching(document, live, namespace) {
                Ok(Some(live)) => Found::Live(Box::new(live.clone())),
                Ok(None) => Found::New,
                Err(problem) => Found::Unknown(Some(problem)),
            },
            Self::Cluster(found) => found.get(at).cloned().unwrap_or(Found::Unknown(None)),
        }
    }

    /// What files hold that is no Deployment, in words: all of it where nothing was held against them is a wrong file.
    pub(super) fn passed_over(&self) -> String {
        match self {
            Self::Files(live) => live.skipped.to_string(),
            Self::Unasked | Self::Cluster(_) => String::new(),
        }
    }

    /// The files, where the live side is files that could not all be read: what they lack may be there all the same, so
    /// nothing can be said.
    pub(super) fn unreadable(&self) -> Option<&Rendered> {
        match self {
            Self::Files(live) if !live.problems.is_empty() => Some(live),
            _ => None,
        }
    }
}

impl Against {
    pub(super) fn count(&mut self, found: &Found) {
        match found {
            Found::Live(_) => self.held += 1,
            Found::New => self.new += 1,
            Found::Unasked | Found::Unknown(_) => {}
        }
    }
}

/// The problem with a document that must be live and is not.
pub(super) fn not_live(document: &Document) -> Remark {
    let Origin { file, line } = &document.origin;
    let hint = "--require-live asks for a live object of each; check the names, the namespace and the context";
    Remark::line(
        file,
        *line,
        format!("{} is not live: there is nothing to hold it against", document.id),
        hint,
    )
}

/// The live object of each document. One that may not be read is a problem of its own: others may be readable.
///
/// Where a namespace has none of the documents, it is asked for: in one that is not there everything looks new.
pub(super) async fn from_cluster(
    cluster: &Cluster,
    documents: &[(&'static Kind, &Document)],
    rendered: &Rendered,
    default: &str,
) -> Result<Vec<Found>, Fault> {
    let asked: Vec<_> = documents
        .iter()
        .map(|(kind, document)| one(cluster, kind, document, default))
        .collect();
    let mut found: Vec<Found> = stream::iter(asked).buffered(AT_ONCE).try_collect().await?;
    let mut by_namespace: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, (_, document)) in documents.iter().enumerate() {
        by_namespace
            .entry(document.id.namespace.as_deref().unwrap_or(default))
            .or_default()
            .push(at);
    }
    for (namespace, members) in by_namespace {
        let all_new = members.iter().all(|at| matches!(found.get(*at), Some(Found::New)));
        let comes_with_them = || {
            rendered
                .documents
                .iter()
                .any(|document| document.id.kind == "Namespace" && document.id.name == namespace)
        };
        if !all_new || comes_with_them() {
            continue;
        }
        let Some(Origin { file, line }) = members
            .first()
            .and_then(|at| documents.get(*at))
            .map(|(_, document)| document.origin.clone())
        else {
            continue;
        };
        let mut problem = match cluster.get_namespace(namespace).await {
            Ok(Some(_)) => continue,
            Ok(None) => Some(Remark::line(
                &file,
                line,
                format!("there is no namespace {namespace} in the cluster"),
                "correct -n, metadata.namespace or the context; a namespace that is still to come may stand among the \
                 manifests",
            )),
            Err(error @ ApiError::Forbidden { .. }) => {
                let message = format!(
                    "nothing of this is live in namespace {namespace}, and whether that is there may not be read: \
                     {error}"
                );
                Some(Remark {
                    hint: error.hint(),
                    ..Remark::line(&file, line, message, "")
                })
            }
            Err(error) => return Err(error.into()),
        };
        for at in members {
            if let Some(one) = found.get_mut(at) {
                *one = Found::Unknown(problem.take().map(Box::new));
            }
        }
    }
    Ok(found)
}

async fn one(cluster: &Cluster, kind: &'static Kind, document: &Document, default: &str) -> Result<Found, Fault> {
    let Document { id, origin, .. } = document;
    let namespace = id.namespace.clone().unwrap_or_else(|| default.to_owned());
    match cluster.get_governed(kind, &namespace, &id.name).await {
        Ok(Some(value)) => {
            let id = ObjectId {
                namespace: Some(namespace),
                ..id.clone()
            };
            Ok(Found::Live(Box::new(Document {
                id,
                value,
                origin: origin.clone(),
            })))
        }
        Ok(None) => Ok(Found::New),
        Err(error @ (ApiError::Forbidden { .. } | ApiError::Unsendable { .. })) => {
            let Origin { file, line } = origin;
            Ok(Found::Unknown(Some(Box::new(Remark {
                hint: error.hint(),
                ..Remark::line(file, *line, error.to_string(), "")
            }))))
        }
        Err(error) => Err(error.into()),
    }
}
