//! The mirrors of a process: which watches use each, and how much of the disk they may take.
//!
//! What uses a mirror is written beside it, so that a process that starts anew in the same folder discards what nobody
//! watches any more.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::share;
use crate::source::git::{self, Commit, Credentials, GitError, Mirror, RepositoryUrl, Revision, Room};

/// How the file is called that tells the watches of a mirror, one a line.
const WATCHES: &str = "watches";

/// How much of the disk all mirrors may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk {
    /// All together, in bytes.
    pub total: u64,

    /// Those of one namespace, in bytes.
    pub namespace: u64,
}

impl Default for Disk {
    /// No budget: a person's own machine.
    fn default() -> Self {
        Self {
            total: u64::MAX,
            namespace: u64::MAX,
        }
    }
}

/// The mirrors of a process: one for each tenant and repository, kept open as long as a watch uses it.
///
/// A mirror does not know which credentials brought an object in, so watches share one only where they share the
/// namespace and the Secret; those that do take turns.
#[derive(Clone, Debug, Default)]
pub struct Mirrors {
    disk: Disk,
    entries: Arc<Mutex<BTreeMap<PathBuf, Entry>>>,
}

/// One mirror.
#[derive(Debug, Default)]
struct Entry {
    /// `None` for one that an earlier process left and no watch has used yet.
    mirror: Option<Arc<Mutex<Mirror>>>,
    namespace: String,
    watches: BTreeSet<String>,
    bytes: u64,
}

/// Whose mirror it is, and where.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Where all mirrors are kept.
    pub cache: PathBuf,

    /// The namespace of the watch.
    pub namespace: String,

    /// The name of the watch.
    pub watch: String,

    /// What the credentials are called.
    pub login: String,
}

/// A mirror while one watch uses it.
#[derive(Clone, Debug)]
pub struct Used {
    mirrors: Mirrors,
    place: PathBuf,

    /// The mirror itself.
    pub mirror: Arc<Mutex<Mirror>>,
}

impl Mirrors {
    /// Mirrors that take no more of the disk than that.
    pub fn within(disk: Disk) -> Self {
        Self {
            disk,
            entries: Arc::default(),
        }
    }

    /// The mirror that a watch uses from now on, and no other.
    ///
    /// # Errors
    ///
    /// The folder cannot be written to, or another process uses it.
    pub fn used_by(&self, tenant: &Tenant, url: &RepositoryUrl) -> Result<Used, GitError> {
        let Tenant {
            cache,
            namespace,
            watch,
            login,
        } = tenant;
        let folder = cache.join(namespace).join(login);
        let place = folder.join(Mirror::key(url));
        let mut entries = self.lock();
        let open = entries.get(&place).and_then(|entry| entry.mirror.clone());
        let mirror = match open {
            Some(mirror) => mirror,
            None => Arc::new(Mutex::new(Mirror::open(&folder, url)?.of(namespace))),
        };
        let entry = entries.entry(place.clone()).or_insert_with(|| Entry {
            namespace: namespace.clone(),
            ..Entry::default()
        });
        entry.mirror = Some(mirror.clone());
        let is_new = entry.watches.insert(watch.clone());
        let written = if is_new {
            write_watches(&place, &entry.watches)
        } else {
            Ok(())
        };
        let left = without(&mut entries, namespace, watch, Some(&place));
        drop(entries);
        discard(left);
        written.map(|()| Used {
            mirrors: self.clone(),
            place,
            mirror,
        })
    }

    /// Forgets a watch that is gone, and discards the mirror that only it used.
    ///
    /// # Caveats
    ///
    /// It waits for a look at that repository that is under way.
    pub fn forget(&self, namespace: &str, watch: &str) {
        let left = without(&mut self.lock(), namespace, watch, None);
        discard(left);
    }

    /// Takes over what an earlier process left below a cache folder, and discards what no watch uses that is still
    /// there.
    pub fn restore(&self, cache: &Path, exists: impl Fn(&str, &str) -> bool) {
        for namespace in folders(cache) {
            let name = namespace
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default();
            for place in folders(&namespace).iter().flat_map(|login| mirrors_in(login)) {
                let told = fs::read_to_string(place.with_extension(WATCHES)).unwrap_or_default();
                let watches: BTreeSet<String> = told
                    .lines()
                    .filter(|watch| exists(&name, watch))
                    .map(str::to_owned)
                    .collect();
                let entry = Entry {
                    mirror: None,
                    namespace: name.clone(),
                    watches,
                    bytes: git::size_of(&place),
                };
                if entry.watches.is_empty() {
                    discard(vec![(place, entry)]);
                } else {
                    self.lock().entry(place).or_insert(entry);
                }
            }
            // Only where nothing is in them.
            folders(&namespace)
                .iter()
                .chain([&namespace])
                .for_each(|folder| drop(fs::remove_dir(folder)));
        }
    }

    /// The room that is left for one mirror.
    fn room(&self, place: &Path) -> Room {
        let entries = self.lock();
        let namespace = entries
            .get(place)
            .map(|entry| entry.namespace.clone())
            .unwrap_or_default();
        let mut of_namespaces: BTreeMap<&str, u64> = BTreeMap::new();
        for (_, entry) in entries.iter().filter(|(other, _)| *other != place) {
            *of_namespaces.entry(&entry.namespace).or_default() += entry.bytes;
        }
        let own = of_namespaces.remove(namespace.as_str()).unwrap_or_default();
        let Disk { total, namespace: part } = self.disk;
        let (in_all, in_namespace) = (
            share::room(total, of_namespaces.values().copied()).saturating_sub(own),
            part.saturating_sub(own),
        );
        if in_namespace <= in_all {
            Room {
                bytes: in_namespace,
                budget: Some((format!("namespace {namespace}"), part)),
            }
        } else {
            Room {
                bytes: in_all,
                budget: Some((git::OF_ALL.to_owned(), total)),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Used {
    /// Fetches within the budgets, and remembers how much the mirror takes now.
    ///
    /// # Errors
    ///
    /// Those of [`Mirror::fetch_into`].
    pub fn fetch(&self, mirror: &Mirror, revision: &Revision, credentials: &Credentials) -> Result<Commit, GitError> {
        let fetched = mirror.fetch_into(&|| self.mirrors.room(&self.place), revision, credentials);
        let bytes = mirror.size();
        if let Some(entry) = self.mirrors.lock().get_mut(&self.place) {
            entry.bytes = bytes;
        }
        fetched
    }
}

/// Takes a watch away from every mirror but one, and gives those that nobody uses any more.
fn without(
    entries: &mut BTreeMap<PathBuf, Entry>,
    namespace: &str,
    watch: &str,
    kept: Option<&Path>,
) -> Vec<(PathBuf, Entry)> {
    let mut left = Vec::new();
    for (place, entry) in entries.iter_mut().filter(|(place, _)| kept != Some(place.as_path())) {
        if entry.namespace == namespace && entry.watches.remove(watch) {
            if entry.watches.is_empty() {
                left.push(place.clone());
            } else if let Err(error) = write_watches(place, &entry.watches) {
                // The next start takes the mirror for used, and the next look of that watch corrects it.
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the watches of a mirror cannot be written down"
                );
            }
        }
    }
    left.into_iter()
        .filter_map(|place| Some((place.clone(), entries.remove(&place)?)))
        .collect()
}

fn discard(left: Vec<(PathBuf, Entry)>) {
    for (place, entry) in left {
        let discarded = match &entry.mirror {
            Some(mirror) => mirror.lock().unwrap_or_else(PoisonError::into_inner).discard(),
            None => git::discard(&place),
        };
        let _ = fs::remove_file(place.with_extension(WATCHES));
        // Those of the login and of the namespace, where nothing else is in them.
        for folder in place.ancestors().skip(1).take(2) {
            let _ = fs::remove_dir(folder);
        }
        match discarded {
            Ok(()) => tracing::info!(mirror = %place.display(), "the mirror is discarded: nobody watches it any more"),
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a mirror that nobody watches cannot be removed"
            ),
        }
    }
}

fn write_watches(place: &Path, watches: &BTreeSet<String>) -> Result<(), GitError> {
    let path = place.with_extension(WATCHES);
    let text: String = watches.iter().map(|watch| format!("{watch}\n")).collect();
    fs::write(&path, text).map_err(|source| GitError::Cache { path, source })
}

fn folders(of: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(of).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

/// Where the mirrors are of which anything is left in a folder: the first part of each name is that of its mirror.
fn mirrors_in(folder: &Path) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let keys = entries.filter_map(|entry| Some(entry.file_name().to_string_lossy().split('.').next()?.to_owned()));
    keys.map(|key| folder.join(key)).collect()
}

#[cfg(test)]
#[path = "mirrors/tests.rs"]
mod tests;
