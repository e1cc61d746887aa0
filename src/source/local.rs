//! Files of this machine as a source: a file, a folder, or standard input.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::SourceFile;
use super::render::is_manifest;
use super::yaml::budget::MAX_FILE_BYTES;

/// Why a path was not read.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// The path, or something under it, does not open.
    #[error("failed to read {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,

        /// What the system said.
        source: std::io::Error,
    },

    /// A link in a folder leads out of it.
    #[error("failed to read {}: the link leads out of the folder, to {}", path.display(), target.display())]
    LinkOut {
        /// The link.
        path: PathBuf,

        /// Where it leads.
        target: PathBuf,
    },

    /// A folder holds nothing to read.
    #[error("failed to find a manifest in {}", path.display())]
    NoManifests {
        /// The folder.
        path: PathBuf,
    },
}

impl LocalError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Read { source, .. } => match source.kind() {
                std::io::ErrorKind::NotFound => Some("check the path; `-` reads standard input".to_owned()),
                std::io::ErrorKind::PermissionDenied => Some("allow reading it".to_owned()),
                _ => None,
            },
            Self::LinkOut { .. } => {
                Some("replace the link by what it leads to, or name that as a path of its own".to_owned())
            }
            Self::NoManifests { .. } => {
                Some("files are read that end in .yaml, .yml or .json, outside hidden folders".to_owned())
            }
        }
    }
}

/// Reads what a person named: a file whatever it is called, `-` for standard input, or a folder with all below it.
///
/// Of a folder come the files that end in `.yaml`, `.yml` or `.json`, and those by which Kustomize and Helm know their
/// folders. Hidden folders, such as `.git`, are passed over. Links to files are followed within the folder, links to
/// folders are not. Of a file that is too large only so much is read that [`super::yaml::load`] says so.
///
/// # Errors
/// [`LocalError`], with the path it is about.
pub fn read(path: &str) -> Result<Vec<SourceFile>, LocalError> {
    match path {
        "-" => Ok(vec![SourceFile {
            path: "-".to_owned(),
            bytes: bounded(std::io::stdin().lock(), Path::new("-"))?,
        }]),
        _ => read_path(Path::new(path)),
    }
}

fn read_path(path: &Path) -> Result<Vec<SourceFile>, LocalError> {
    let failed = |source| LocalError::Read {
        path: path.to_owned(),
        source,
    };
    if !std::fs::metadata(path).map_err(failed)?.is_dir() {
        return Ok(vec![read_file(path)?]);
    }
    let root = path.canonicalize().map_err(failed)?;
    let mut files = Vec::new();
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in entries(&folder)? {
            let failed = |source| LocalError::Read {
                path: entry.clone(),
                source,
            };
            let kind = std::fs::symlink_metadata(&entry).map_err(failed)?.file_type();
            let hidden = entry
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if kind.is_dir() && !hidden {
                folders.push(entry);
            } else if !kind.is_dir() && is_manifest(&entry.to_string_lossy()) && is_inner_file(&entry, &root)? {
                files.push(read_file(&entry)?);
            }
        }
    }
    files.sort_unstable();
    match files.is_empty() {
        true => Err(LocalError::NoManifests { path: path.to_owned() }),
        false => Ok(files),
    }
}

/// Whether the entry is a file, or a link to one that lies within the folder too.
fn is_inner_file(entry: &Path, root: &Path) -> Result<bool, LocalError> {
    let failed = |source| LocalError::Read {
        path: entry.to_owned(),
        source,
    };
    let target = entry.canonicalize().map_err(failed)?;
    match target.starts_with(root) {
        true => Ok(target.is_file()),
        false => Err(LocalError::LinkOut {
            path: entry.to_owned(),
            target,
        }),
    }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, LocalError> {
    let failed = |source| LocalError::Read {
        path: folder.to_owned(),
        source,
    };
    let entries = std::fs::read_dir(folder).map_err(failed)?;
    entries.map(|entry| Ok(entry.map_err(failed)?.path())).collect()
}

fn read_file(path: &Path) -> Result<SourceFile, LocalError> {
    let failed = |source| LocalError::Read {
        path: path.to_owned(),
        source,
    };
    let bytes = bounded(std::fs::File::open(path).map_err(failed)?, path)?;
    Ok(SourceFile {
        path: path.to_string_lossy().into_owned(),
        bytes,
    })
}

/// One byte more than the loader takes, so that it sees that there is more.
fn bounded(reader: impl Read, path: &Path) -> Result<Vec<u8>, LocalError> {
    let mut bytes = Vec::new();
    let limit = MAX_FILE_BYTES as u64 + 1;
    reader
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(|source| LocalError::Read {
            path: path.to_owned(),
            source,
        })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        folder
    }

    fn names(folder: &Path, files: &[SourceFile]) -> Vec<String> {
        files
            .iter()
            .map(|file| {
                Path::new(&file.path)
                    .strip_prefix(folder)
                    .unwrap()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect()
    }

    #[test]
    fn reads_the_manifests_of_a_folder_and_below_in_the_order_of_their_paths() {
        let files = [
            ("b.yml", ""),
            ("a/z.json", ""),
            ("a.yaml", ""),
            ("notes.md", ""),
            (".git/config.yaml", ""),
            ("c/Kustomization", ""),
        ];
        let folder = folder(&files);
        let read = read(folder.path().to_str().unwrap()).unwrap();
        assert_eq!(
            names(folder.path(), &read),
            ["a.yaml", "a/z.json", "b.yml", "c/Kustomization"]
        );
    }

    #[test]
    fn reads_a_named_file_whatever_it_is_called() {
        let folder = folder(&[("manifest", "kind: A")]);
        let path = folder.path().join("manifest").to_string_lossy().into_owned();
        assert_eq!(
            read(&path).unwrap(),
            [SourceFile {
                path,
                bytes: b"kind: A".to_vec()
            }]
        );
    }

    #[test]
    fn follows_a_link_within_the_folder_and_refuses_one_that_leads_out() {
        let outside = folder(&[("secret.yaml", "")]);
        let folder = folder(&[("real.txt", "kind: A")]);
        std::os::unix::fs::symlink("real.txt", folder.path().join("link.yaml")).unwrap();
        assert_eq!(names(folder.path(), &read_path(folder.path()).unwrap()), ["link.yaml"]);
        std::os::unix::fs::symlink(outside.path().join("secret.yaml"), folder.path().join("out.yaml")).unwrap();
        let error = read_path(folder.path()).unwrap_err();
        assert!(
            matches!(&error, LocalError::LinkOut { path, .. } if path.ends_with("out.yaml")),
            "{error}"
        );
    }

    #[test]
    fn does_not_follow_a_link_to_a_folder_so_that_a_circle_ends() {
        let folder = folder(&[("a/web.yaml", "")]);
        std::os::unix::fs::symlink("..", folder.path().join("a/up")).unwrap();
        assert_eq!(names(folder.path(), &read_path(folder.path()).unwrap()), ["a/web.yaml"]);
    }

    #[test]
    fn says_what_is_not_there_and_what_to_do() {
        let folder = folder(&[("notes.md", "")]);
        let empty = read_path(folder.path()).unwrap_err();
        assert!(matches!(empty, LocalError::NoManifests { .. }), "{empty}");
        let absent = read_path(&folder.path().join("absent.yaml")).unwrap_err();
        assert!(absent.to_string().ends_with("absent.yaml"), "{absent}");
        assert_eq!(
            absent.hint().as_deref(),
            Some("check the path; `-` reads standard input")
        );
    }

    #[test]
    fn reads_no_more_of_a_large_file_than_shows_that_it_is_too_large() {
        let bytes = bounded(std::io::repeat(b'a'), Path::new("-")).unwrap();
        assert_eq!(bytes.len(), MAX_FILE_BYTES + 1);
    }
}
