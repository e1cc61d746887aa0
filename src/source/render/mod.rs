//! From the files of a revision to its objects, the way `kubectl apply -f` takes a folder.
//!
//! A revision is faithful or it is not: one document that cannot be read, or that kubectl would refuse before asking
//! the server, is a problem, and nothing may then be assessed against the whole ([`Rendered::is_faithful`]). The other
//! documents are still there, so that every problem is told at once. A folder for Kustomize or Helm is not rendered
//! here and never guessed at: [`NotPlain`].

mod kinds;
mod list;
mod object;
mod plain;
mod print;
mod room;
mod secrets;
mod size;

#[cfg(test)]
mod bounds_tests;
#[cfg(test)]
mod tests;

pub use kinds::Kinds;
pub(super) use plain::is_manifest;
pub use plain::{NotPlain, Renderer};
pub use print::write_json;

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use crate::engine::diff::{NoEffect, no_effect};
use crate::engine::kind::Kind;
use crate::engine::object::{Document, ObjectId, Origin};
use crate::source::SourceFile;
use crate::source::yaml::budget::MAX_PROBLEMS;
use crate::source::yaml::{self, Lines, Remark, Remarks, told};
use object::Identity;
use room::{Full, Room};

/// The objects of a revision.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rendered {
    /// Every object of every kind, in the order of paths and lines; Lists are expanded. A namespace that the manifest
    /// leaves out stays out.
    pub documents: Vec<Document>,

    /// How many objects are of kinds that are not governed, by kind.
    pub skipped: Kinds,

    /// How many files were passed over for their names.
    pub skipped_files: usize,

    /// How many documents of YAML or JSON were read, whatever they hold: an empty List is one, a comment is none.
    pub read: usize,

    /// What kubectl reads otherwise than the author may think.
    pub warnings: Remarks,

    /// Why the revision is not faithful.
    pub problems: Remarks,

    /// Each object's place in `documents`, and the lines of its fields.
    places: HashMap<Identity, (usize, Lines)>,
}

/// Renders a folder: of its files those that end in `.yaml`, `.yml` or `.json`, in the order of their paths.
///
/// # Errors
/// [`NotPlain`] when its top level is a Kustomize folder or a Helm chart.
pub fn directory(files: Vec<SourceFile>) -> Result<Rendered, NotPlain> {
    let mut unlimited = usize::MAX;
    directory_within(files, &mut unlimited)
}

/// Renders a folder whose objects may take no more memory than `left`, in bytes; what they take is taken from it.
///
/// A folder that asks for more is not faithful: its problems say so.
///
/// # Errors
/// [`NotPlain`] when its top level is a Kustomize folder or a Helm chart.
pub fn directory_within(files: Vec<SourceFile>, left: &mut usize) -> Result<Rendered, NotPlain> {
    plain::check(&files)?;
    let (manifests, others): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| is_manifest(&file.path));
    let skipped_files = others.len();
    drop(others);
    Ok(Rendered {
        skipped_files,
        ..render(manifests, left)
    })
}

/// Renders files that a person named or piped in, whatever they are called.
///
/// # Errors
/// [`NotPlain`] when one of them on the top level belongs to Kustomize or is a Helm chart.
pub fn manifests(files: Vec<SourceFile>) -> Result<Rendered, NotPlain> {
    plain::check(&files)?;
    let mut unlimited = usize::MAX;
    Ok(render(files, &mut unlimited))
}

fn render(mut files: Vec<SourceFile>, left: &mut usize) -> Rendered {
    files.sort_unstable();
    let mut room = Room::of(*left, files.iter().map(|file| file.bytes.len()).sum());
    let mut rendered = Rendered::default();
    for file in files {
        // From here on its objects are held; the text only as long as it is read, for which there is memory besides.
        room.frees(file.bytes.len());
        let added = match plain::nested(&file.path) {
            Some(problem) => room.take(rendered.problems.push(problem)),
            None => rendered.add(&file, &mut room),
        };
        if added == Err(Full) {
            let message = format!(
                "the objects up to this file take more than the {} MiB of memory that are left for them",
                *left >> 20
            );
            let hint = "narrow path to the folder with the manifests, or divide it among several watches";
            rendered.problems.push_first(Remark::file(&file.path, message, hint));
            *left = 0;
            return rendered;
        }
    }
    *left = room.left();
    rendered
}

impl Rendered {
    /// Whether every file was read whole and every document is an object that kubectl would send.
    pub fn is_faithful(&self) -> bool {
        self.problems.is_empty()
    }

    /// Whether the files hold no document at all, not even one of a kind that is passed over or one that cannot be
    /// read.
    pub fn is_empty(&self) -> bool {
        self.read == 0 && self.problems.is_empty()
    }

    /// The objects of governed kinds, each with its kind.
    pub fn governed(&self) -> impl Iterator<Item = (&'static Kind, &Document)> {
        self.documents
            .iter()
            .filter_map(|document| Some((Kind::of_object(&document.id)?, document)))
    }

    /// Where a field of an object stands; where it is absent, its nearest parent that is there. `None` for an unknown
    /// object.
    pub fn locate(&self, id: &ObjectId, pointer: &str) -> Option<Origin> {
        let (index, lines) = self.places.get(&Identity::of(id))?;
        let Document { value, origin, .. } = self.documents.get(*index)?;
        Some(Origin {
            line: lines.line_of(value, pointer).unwrap_or(origin.line),
            file: origin.file.clone(),
        })
    }

    /// The warnings about the lines of one object.
    pub fn warnings_of(&self, document: &Document) -> Vec<&Remark> {
        let Origin { file, line } = &document.origin;
        let begins = |line: usize| {
            self.documents
                .iter()
                .any(|other| other.origin.file == *file && other.origin.line == line)
        };
        let of_object = |remark: &&Remark| {
            let at = remark.line.unwrap_or(0);
            *remark.file == **file && at >= *line && !(line + 1..=at).any(begins)
        };
        self.warnings.iter().filter(of_object).collect()
    }

    /// The fields of a manifest of this kind that have no effect, each with its line. `live` is the object in the
    /// cluster, where it is known.
    pub fn without_effect(&self, kind: &Kind, document: &Document, live: Option<&Value>) -> Vec<Remark> {
        let remark = |found: NoEffect| {
            let pointer = found.path.pointer(&document.value).unwrap_or_default();
            let Origin { file, line } = self
                .locate(&document.id, &pointer)
                .unwrap_or_else(|| document.origin.clone());
            let hint = "correct the name or remove the field";
            let path = told(&found.path);
            let message = format!("{path} has no effect: {}", found.reason);
            Remark {
                path: Some(path),
                ..Remark::line(&file, line, message, hint)
            }
        };
        no_effect(kind, &document.value, live).into_iter().map(remark).collect()
    }

    /// Adds the objects of a file and the remarks about them, as far as there is room.
    fn add(&mut self, file: &SourceFile, room: &mut Room) -> Result<(), Full> {
        let loaded = yaml::load(&file.bytes, &file.path);
        let name: Arc<str> = file.path.as_str().into();
        room.take(name.len())?;
        let mut problems = loaded.problems.len();
        loaded
            .warnings
            .into_iter()
            .try_for_each(|warning| room.take(self.warnings.push(warning)))?;
        loaded
            .problems
            .into_iter()
            .try_for_each(|problem| room.take(self.problems.push(problem)))?;
        self.read += loaded.documents.len();
        for object in loaded
            .documents
            .into_iter()
            .flat_map(|document| list::expand(document, &file.path))
        {
            if problems >= MAX_PROBLEMS {
                let message = format!("the rest of the file is left unread after {MAX_PROBLEMS} problems");
                return room.take(self.problems.push(Remark::file(
                    &file.path,
                    message,
                    "mend those that are told, and the others follow",
                )));
            }
            if let Err(problem) = object.and_then(|object| self.add_object(object, &name, room)) {
                problems += 1;
                room.take(self.problems.push(*problem))?;
            }
            room.check()?;
        }
        Ok(())
    }

    /// Adds an object, unless there is no room for it; then nothing else has room either.
    fn add_object(&mut self, object: yaml::Document, file: &Arc<str>, room: &mut Room) -> Result<(), Box<Remark>> {
        let id = object::identify(&object, file)?;
        let origin = Origin {
            file: file.clone(),
            line: object.line,
        };
        if let Some(first) = self.locate(&id, "") {
            let message = format!(
                "{} is described twice, first at {}:{}",
                told(&id),
                told(&first.file),
                first.line
            );
            let hint = "delete one of the two, or give them different names";
            return Err(Box::new(Remark::line(file, origin.line, message, hint)));
        }
        let identity = Identity::of(&id);
        if room.take(room::of_object(&object, &id)).is_err() {
            return Ok(());
        }
        if Kind::of_object(&id).is_none() {
            self.skipped.count(&id.kind);
        }
        self.places.insert(identity, (self.documents.len(), object.lines));
        self.documents.push(Document {
            id,
            value: object.value,
            origin,
        });
        Ok(())
    }
}
