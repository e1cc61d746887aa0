//! The files of a commit, read out of the object database.
//!
//! A tree comes from whoever may push, so it is walked with a list of its own and under limits: the same subtree named
//! ten times on each of ten levels is ten thousand million files out of a few hundred bytes.

use std::io;

use git2::{ObjectType, Oid, Repository, TreeEntry};
use serde::{Deserialize, Serialize};

use super::bare::Bare;
use super::error::{list, one_line};
use super::mirror::LISTED;
use super::{GitError, TreePath};
use crate::source::SourceFile;

/// The largest file. An object of the API server has at most 1.5 MiB; a file with several of them is still below this.
const LARGEST_FILE: usize = 4 * 1024 * 1024;

/// The largest number of files and folders looked at.
const MOST_ENTRIES: usize = 50_000;

/// The largest folder: more than so many bytes are more than so many names.
const LARGEST_FOLDER: usize = 16 * 1024 * 1024;

/// The longest path of a file, in bytes: what a file system takes.
const LONGEST_PATH: usize = 4096;

/// The deepest folder: no repository of manifests has a tenth of it.
const DEEPEST_FOLDER: usize = 64;

const SYMLINK: i32 = 0o120_000;
const SUBMODULE: i32 = 0o160_000;
const KIND: i32 = 0o170_000;

/// Which files are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Select {
    /// Files that end in `.yaml`, `.yml` or `.json`, and those called `Kustomization`; a file that the path itself
    /// names is read whatever it is called.
    Manifests,

    /// Every file: what a kustomization or a chart needs to be rendered.
    Everything,
}

/// The files below a path of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tree {
    /// The files with their paths from the root of the repository, sorted by path.
    #[serde(skip)]
    pub files: Vec<SourceFile>,

    /// The symlinks that were passed over, with their paths, sorted.
    pub symlinks: Vec<String>,

    /// The submodules that were passed over, with their paths, sorted.
    pub submodules: Vec<String>,

    /// The files called `.sourceignore` on the way to the path and below it, with their paths, sorted.
    pub ignore_files: Vec<String>,
}

/// A file by which Flux leaves others out.
const IGNORE_FILE: &str = ".sourceignore";

/// Takes each file as it is read, so that none is held longer than that.
pub(super) type TakeFile<'t> = &'t mut dyn FnMut(&SourceFile) -> io::Result<()>;

impl Bare {
    /// Reads the files of a commit below a path, together no more than so many bytes.
    ///
    /// # Errors
    ///
    /// Nobody takes the files; what is wrong with the commit is the result.
    pub(super) fn tree(
        &self,
        oid: Oid,
        path: &TreePath,
        select: Select,
        most: u64,
        take: TakeFile<'_>,
    ) -> io::Result<Result<Tree, GitError>> {
        let mut closed = None;
        let read = self.read(oid, path, select, most, &mut |file| {
            take(file).map_err(|error| {
                closed = Some(error);
                GitError::Damaged {
                    url: self.url.to_string(),
                    reason: "nobody takes what is read".to_owned(),
                }
            })
        });
        closed.map_or(Ok(read), Err)
    }

    fn read(
        &self,
        oid: Oid,
        path: &TreePath,
        select: Select,
        most: u64,
        take: &mut dyn FnMut(&SourceFile) -> Result<(), GitError>,
    ) -> Result<Tree, GitError> {
        let commit = self.commit(oid)?;
        let repository = self.repository()?;
        let reading = Reading {
            mirror: self,
            repository: &repository,
            revision: commit.short,
        };
        let root = repository
            .find_commit(oid)
            .map_err(|error| reading.broken(error))?
            .tree_id();
        let root = reading.folder(root, "")?;
        let mut walk = Walk {
            reading: &reading,
            select,
            tree: Tree::default(),
            most,
            bytes: 0,
            entries: 0,
            folders: Vec::new(),
            take,
        };
        match reading.enter(root, path, &mut walk.tree.ignore_files)? {
            Target::Folder(folder) => walk.folder(&folder, path.as_str().to_owned(), 0)?,
            Target::File(blob) => walk.file(blob, path.as_str().to_owned())?,
        }
        while let Some((folder, at, depth)) = walk.folders.pop() {
            let folder = reading.folder(folder, &at)?;
            walk.folder(&folder, at, depth)?;
        }
        let mut tree = walk.tree;
        tree.symlinks.sort();
        tree.submodules.sort();
        tree.ignore_files.sort();
        Ok(tree)
    }
}

/// The commit that is read, for errors that name it.
struct Reading<'m> {
    mirror: &'m Bare,
    repository: &'m Repository,
    revision: String,
}

enum Target<'r> {
    Folder(git2::Tree<'r>),
    File(Oid),
}

impl<'m> Reading<'m> {
    /// Goes down from the root to what a path names.
    fn enter(
        &self,
        root: git2::Tree<'m>,
        path: &TreePath,
        ignore_files: &mut Vec<String>,
    ) -> Result<Target<'m>, GitError> {
        let mut folder = root;
        let mut at = String::new();
        let mut names = path.segments().peekable();
        while let Some(name) = names.next() {
            ignore_files.extend(folder.get_name(IGNORE_FILE).map(|_| join(&at, IGNORE_FILE)));
            let Some(entry) = folder.get_name(name).map(|entry| entry.to_owned()) else {
                return Err(self.missing(path, &folder, &at));
            };
            at = join(&at, name);
            match (entry.filemode_raw() & KIND, entry.kind()) {
                (SYMLINK, _) => return Err(self.not_followed(&at, "a symlink")),
                (SUBMODULE, _) => return Err(self.not_followed(&at, "a submodule")),
                (_, Some(ObjectType::Tree)) => folder = self.folder(entry.id(), &at)?,
                _ if names.peek().is_none() => return Ok(Target::File(entry.id())),
                _ => return Err(self.not_followed(&at, "a file, not a folder")),
            }
        }
        Ok(Target::Folder(folder))
    }

    /// Reads a folder after its size.
    fn folder(&self, id: Oid, at: &str) -> Result<git2::Tree<'m>, GitError> {
        let (size, _) = self
            .repository
            .odb()
            .and_then(|database| database.read_header(id))
            .map_err(|error| self.broken(error))?;
        if size > LARGEST_FOLDER {
            return Err(self.unfit(
                at,
                format!("the folder's list of names has {size} bytes, more than {LARGEST_FOLDER}"),
            ));
        }
        self.repository.find_tree(id).map_err(|error| self.broken(error))
    }

    fn missing(&self, path: &TreePath, folder: &git2::Tree<'_>, at: &str) -> GitError {
        let mut existing: Vec<String> = folder
            .iter()
            .take(LISTED)
            .map(|entry| one_line(&String::from_utf8_lossy(entry.name_bytes())))
            .collect();
        existing.sort();
        let nearest = if at.is_empty() {
            "its root".to_owned()
        } else {
            format!("{at:?}")
        };
        let omitted = folder.len().saturating_sub(existing.len());
        GitError::MissingPath {
            url: self.mirror.url.to_string(),
            revision: self.revision.clone(),
            path: path.to_string(),
            instead: list(
                &format!("{nearest} has"),
                &format!("{nearest} is empty"),
                &existing,
                omitted,
            ),
        }
    }

    fn not_followed(&self, path: &str, kind: &'static str) -> GitError {
        GitError::NotFollowed {
            url: self.mirror.url.to_string(),
            revision: self.revision.clone(),
            path: path.to_owned(),
            kind: kind.into(),
        }
    }

    fn unfit(&self, path: &str, problem: String) -> GitError {
        GitError::Unfit {
            url: self.mirror.url.to_string(),
            revision: self.revision.clone(),
            path: one_line(path),
            problem,
        }
    }

    /// An object that the commit names and the mirror cannot give.
    fn broken(&self, error: git2::Error) -> GitError {
        self.mirror.distrust(error)
    }
}

/// The way through the folders, with what was found so far.
struct Walk<'r, 'm, 't> {
    reading: &'r Reading<'m>,
    select: Select,
    tree: Tree,
    most: u64,
    bytes: u64,
    entries: usize,
    /// Folders still to be read, each with its path and depth.
    folders: Vec<(Oid, String, usize)>,
    take: &'t mut dyn FnMut(&SourceFile) -> Result<(), GitError>,
}

impl Walk<'_, '_, '_> {
    fn folder(&mut self, folder: &git2::Tree<'_>, at: String, depth: usize) -> Result<(), GitError> {
        if depth > DEEPEST_FOLDER {
            return Err(self
                .reading
                .unfit(&at, format!("folders are nested deeper than {DEEPEST_FOLDER}")));
        }
        for entry in folder {
            self.entry(&entry, &at, depth)?;
        }
        Ok(())
    }

    fn entry(&mut self, entry: &TreeEntry<'_>, at: &str, depth: usize) -> Result<(), GitError> {
        self.entries += 1;
        if self.entries > MOST_ENTRIES {
            return Err(self
                .reading
                .unfit(at, format!("there are more than {MOST_ENTRIES} files and folders")));
        }
        let path = join(at, self.name(entry, at)?);
        if path.len() > LONGEST_PATH {
            return Err(self
                .reading
                .unfit(at, format!("a path below it has more than {LONGEST_PATH} bytes")));
        }
        match (entry.filemode_raw() & KIND, entry.kind()) {
            (SYMLINK, _) => {
                self.spend(path.len(), &path)?;
                self.tree.symlinks.push(path);
            }
            (SUBMODULE, _) => {
                self.spend(path.len(), &path)?;
                self.tree.submodules.push(path);
            }
            (_, Some(ObjectType::Tree)) => self.folders.push((entry.id(), path, depth + 1)),
            (_, Some(ObjectType::Blob))
                if path.rsplit('/').next() == Some(IGNORE_FILE) && self.select == Select::Manifests =>
            {
                self.spend(path.len(), &path)?;
                self.tree.ignore_files.push(path);
            }
            (_, Some(ObjectType::Blob)) if self.select == Select::Everything || is_manifest(&path) => {
                self.file(entry.id(), path)?
            }
            _ => {}
        }
        Ok(())
    }

    /// A name that may become a file's name on disk while a source is rendered. Git does not write others, but a pack
    /// may hold them.
    fn name<'e>(&self, entry: &'e TreeEntry<'_>, at: &str) -> Result<&'e str, GitError> {
        let shown = || join(at, &String::from_utf8_lossy(entry.name_bytes()));
        match std::str::from_utf8(entry.name_bytes()) {
            Ok(".." | "." | "") => Err(self
                .reading
                .unfit(&shown(), "the name leads out of its folder".to_owned())),
            Ok(name) if name.contains(['/', '\\', '\0']) => Err(self
                .reading
                .unfit(&shown(), "the name leads out of its folder".to_owned())),
            Ok(name) => Ok(name),
            Err(_) => Err(self.reading.unfit(&shown(), "the name is not UTF-8".to_owned())),
        }
    }

    /// Reads a file after its size: a blob of gigabytes is not unpacked to be refused.
    fn file(&mut self, blob: Oid, path: String) -> Result<(), GitError> {
        let reading = self.reading;
        let broken = |error| reading.broken(error);
        let database = reading.repository.odb().map_err(broken)?;
        let (size, _) = database.read_header(blob).map_err(broken)?;
        if size > LARGEST_FILE {
            return Err(reading.unfit(&path, format!("the file has {size} bytes, more than {LARGEST_FILE}")));
        }
        self.spend(size + path.len(), &path)?;
        let bytes = reading.repository.find_blob(blob).map_err(broken)?.content().to_vec();
        (self.take)(&SourceFile { path, bytes })
    }

    /// Charges what is held of this source until it is rendered.
    fn spend(&mut self, bytes: usize, path: &str) -> Result<(), GitError> {
        self.bytes += bytes as u64;
        if self.bytes > self.most {
            return Err(self.reading.unfit(
                path,
                format!("the files up to this one have more than {} bytes together", self.most),
            ));
        }
        Ok(())
    }
}

fn is_manifest(path: &str) -> bool {
    [".yaml", ".yml", ".json"].iter().any(|ending| path.ends_with(ending))
        || path.rsplit('/').next() == Some("Kustomization")
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() {
        name.to_owned()
    } else {
        format!("{folder}/{name}")
    }
}
